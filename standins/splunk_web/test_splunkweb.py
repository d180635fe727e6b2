"""The stand-in for Splunk Web allows the same requests as Splunk Web, and no others."""

from __future__ import annotations

import re

import pytest
import requests

from standins.splunk_web import Login, SplunkWeb

APP = "TA_example"
RAW = f"/en-US/splunkd/__raw/servicesNS/nobody/{APP}"
ALICE = Login("alice", "open sesame", theme="dark")


class Browser:
    """Sends requests as a page does, with the cookies of a login and the form key that a page reads from them."""

    def __init__(self, web: SplunkWeb, login: Login = ALICE) -> None:
        self._origin = web.origin
        self.cookies = {cookie["name"]: cookie["value"] for cookie in web.cookies(login)}
        self.headers = {
            "X-Splunk-Form-Key": self.cookies[web.form_key_cookie],
            "X-Requested-With": "XMLHttpRequest",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def send(self, method: str, path: str, body: str = "") -> requests.Response:
        return requests.request(
            method,
            self._origin + path,
            data=body,
            headers=self.headers,
            cookies=self.cookies,
            timeout=60,
            allow_redirects=False,
        )


def test_page_without_a_login_leads_to_the_login_form_and_back(web: SplunkWeb) -> None:
    web.admit(ALICE)
    with requests.Session() as session:
        form = session.get(web.page("things"), timeout=60)
        assert "/en-US/account/login?return_to=" in form.url
        found = re.search(r'name="cval" value="(\d+)"', form.text)
        assert found is not None
        fields = {"cval": found.group(1), "username": "alice", "password": "wrong"}
        assert session.post(form.url, data=fields, timeout=60).status_code == 401
        assert session.post(form.url, data={**fields, "cval": "0"}, timeout=60).status_code == 403
        page = session.post(form.url, data={**fields, "password": "open sesame"}, timeout=60)
        assert (page.status_code, page.url, "<title>Things" in page.text) == (200, web.page("things"), True)


def test_change_without_the_form_key_of_the_session_is_refused(web: SplunkWeb) -> None:
    for missing in ("X-Splunk-Form-Key", "X-Requested-With", "cookie", "foreign"):
        browser = Browser(web)
        if missing == "cookie":
            del browser.cookies[web.form_key_cookie]
        elif missing == "foreign":
            browser.headers["X-Splunk-Form-Key"] = browser.cookies[web.form_key_cookie] = "1"
        else:
            del browser.headers[missing]
        answer = browser.send("POST", f"{RAW}/example_things/shipped?output_mode=json", "color=blue")
        assert (answer.status_code, "CSRF" in answer.text) == (403, True), missing


def test_endpoint_is_reached_as_the_user_by_what_web_conf_exposes_only(web: SplunkWeb) -> None:
    browser = Browser(web)
    assert browser.send("GET", f"{RAW}/example_things/shipped?output_mode=json").json()["entry"][0]["name"] == "one"
    answer = browser.send("POST", f"{RAW}/example_things/shipped?output_mode=json", "color=blue")
    assert (answer.status_code, "not supported by this handler" in answer.text) == (400, True)
    refused = [("DELETE", "example_things/shipped"), ("GET", "example_things"), ("GET", "example_view/one")]
    refused += [("GET", "storage/passwords"), ("GET", "example_things/a/b")]
    for method, path in refused:
        answer = browser.send(method, f"{RAW}/{path}")
        assert (answer.status_code, "exposed by no web.conf" in answer.text) == (404, True), path
    browser.cookies.clear()
    assert browser.send("GET", f"{RAW}/example_things/shipped").status_code == 401


def test_only_files_of_appserver_static_and_views_of_the_app_are_served(web: SplunkWeb) -> None:
    browser = Browser(web)
    good = browser.send("GET", f"/en-US/static/@7/app/{APP}/things.js")
    assert (good.text, good.headers["Content-Type"]) == ("export default 1;", "text/javascript")
    for path in ("%2e%2e/secret.txt", "../secret.txt", "missing.js"):
        assert browser.send("GET", f"/en-US/static/@7/app/{APP}/{path}").status_code == 404, path
    for view, status in (("things", 200), ("missing", 404), ("dashboard", 501), ("..%2f..%2fthings", 404)):
        assert browser.send("GET", f"/en-US/app/{APP}/{view}").status_code == status, view


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_learns_the_theme_the_user_and_the_port(web: SplunkWeb, theme: str) -> None:
    browser = Browser(web, Login("bob", "x", theme=theme))
    assert theme in browser.send("GET", "/en-US/static/@7/build/api/get_theme.js").text
    config = browser.send("GET", "/en-US/config?autoload=1").text
    assert '"USERNAME": "bob"' in config
    assert f'"MRSPARKLE_PORT_NUMBER": {web.port}' in config
    assert "Things" in browser.send("GET", "/en-US/static/@7/build/api/layout.js").text
