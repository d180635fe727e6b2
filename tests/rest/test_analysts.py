"""What roles without rights read, see and change of the built add-on: nothing that is secret, and no settings."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from standins.places import APP
from standins.splunk_web import Login, SplunkWeb
from standins.splunk_web.test_splunkweb import Browser
from standins.splunkd import Splunkd
from tests.rest.forms import ACCOUNT, INPUT, PASSWORD, account, checked, create, pkcs12, shown

pytestmark = pytest.mark.package

CAPABILITIES: dict[str, tuple[str, ...]] = {
    "analyst": (),
    "reader": ("list_storage_passwords",),
    "writer": ("list_storage_passwords", "edit_storage_passwords"),
}
KEPT = ("passwords", "inputs", f"{APP.lower()}_account", f"{APP.lower()}_settings")
"""Conf files that only administrators read. What is in the others is in the package, for everybody to see."""

PAGES = ("inputs", "configuration")
DOCS = Path(__file__).parents[2] / "docs" / "rest.md"


@pytest.fixture(scope="module")
def filled(splunkd: Splunkd) -> Splunkd:
    """A splunkd with an account and an input called `one`, and the roles of CAPABILITIES."""
    create(splunkd, ACCOUNT, account("one"))
    create(splunkd, INPUT, {"name": "one", "account": "one", "disabled": "1"})
    for role, owned in CAPABILITIES.items():
        splunkd.set_conf("authorize", f"role_{role}", dict.fromkeys(("search", *owned), "enabled"))
    return splunkd


def conf_files(splunkd: Splunkd) -> list[str]:
    folder = splunkd.home.apps / APP
    return sorted({path.stem for layer in ("default", "local") for path in (folder / layer).glob("*.conf")})


@pytest.fixture(params=CAPABILITIES)
def key(filled: Splunkd, request: pytest.FixtureRequest) -> str:
    """The session of somebody with one of the roles, and those that every analyst has."""
    return filled.log_in("eve", "user", "power", request.param)


def test_no_secret_is_read_in_clear_or_encrypted_whatever_capabilities_a_role_has(filled: Splunkd, key: str) -> None:
    names = list(filled.request("GET", "storage/passwords?count=-1").entries)
    assert names, "there is nothing to be kept from anybody"
    stanzas = list(filled.stanzas("passwords"))
    paths = ["storage/passwords", "storage/passwords?count=-1", "configs/conf-passwords"]
    paths += [f"storage/passwords/{quote(name.replace('/', '%2F'), safe='')}" for name in names]
    paths += [f"configs/conf-passwords/{quote(name.replace('/', '%2F'), safe='')}" for name in stanzas]
    for path in paths:
        answer = filled.request("GET", path, session_key=key)
        assert (answer.status, answer.entries) == (403, {}), path
        assert filled.request("GET", path).entries, path
        for secret in (PASSWORD, pkcs12()[40:100], "$7$"):
            assert secret not in answer.message


def test_settings_are_read_by_nobody_else_and_nothing_of_the_add_on_is_changed(filled: Splunkd, key: str) -> None:
    found = conf_files(filled)
    assert set(KEPT) <= set(found)
    assert len(found) > 12
    before = {conf: filled.stanzas(conf) for conf in found}
    for conf in found:
        answer = filled.request("GET", f"configs/conf-{conf}", session_key=key)
        assert answer.status == (403 if conf in KEPT else 200), conf
        assert filled.request("POST", f"configs/conf-{conf}", {"name": "x"}, session_key=key).status == 403, conf
        for stanza in before[conf]:
            path = f"configs/conf-{conf}/{quote(stanza.replace('/', '%2F'), safe='')}"
            assert filled.request("POST", path, {"disabled": "1"}, session_key=key).status == 403, path
            assert filled.request("DELETE", path, session_key=key).status == 403, path
    assert {conf: filled.stanzas(conf) for conf in found} == before


@pytest.mark.parametrize("role", ["admin", "sc_admin"])
def test_administrators_read_secrets_settings_and_pages(filled: Splunkd, role: str) -> None:
    key = filled.log_in("alice", role)
    for path in ("storage/passwords", *(f"configs/conf-{conf}" for conf in KEPT)):
        assert filled.request("GET", path, session_key=key).entries, path
    assert set(PAGES) <= set(filled.request("GET", "data/ui/views", session_key=key).entries)


def test_pages_for_setting_up_are_neither_shown_nor_offered_to_others(filled: Splunkd, key: str) -> None:
    offered = set(filled.request("GET", "data/ui/views", session_key=key).entries)
    assert offered == set(filled.request("GET", "data/ui/views").entries) - set(PAGES)
    for page in PAGES:
        assert filled.request("GET", f"data/ui/views/{page}", session_key=key).status == 403
    with SplunkWeb(filled) as web:
        for roles, status in ((("user", "power"), 404), (("admin",), 200), (("sc_admin",), 200)):
            browser = Browser(web, Login("somebody", "x", roles=roles))
            layout = browser.send("GET", "/en-US/static/@1/build/api/layout.js").text
            for page in PAGES:
                assert browser.send("GET", f"/en-US/app/{APP}/{page}").status_code == status, (roles, page)
                assert (f'"{page}"' in layout) is (status == 200), (roles, page)
            assert '"overview"' in layout


def test_role_of_ones_own_does_everything_with_what_the_docs_say(filled: Splunkd) -> None:
    authorize, meta = re.findall(r"```ini\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    app = filled.home.apps / APP
    local = app / "local" / "authorize.conf"
    local.write_text(local.read_text("utf-8") + "\n" + authorize, "utf-8")
    key = filled.log_in("carol", "user", "firewall_admin")
    assert filled.request("GET", INPUT, session_key=key).status == 400
    (app / "metadata" / "local.meta").write_text(meta, "utf-8")
    try:
        for path, form in (
            (ACCOUNT, account("carols")),
            (f"{ACCOUNT}/carols", {"host": "fmc.example.com", "check_connection": "0"}),
            (INPUT, {"name": "carols", "account": "carols", "disabled": "1"}),
            (f"{INPUT}/carols", {"settle": "60"}),
            (f"{APP}_check/carols", {}),
            (f"{APP}_settings/logging", {"loglevel": "INFO"}),
        ):
            answer = filled.request("POST", path, form, session_key=key)
            assert (answer.status in (200, 201), answer.message) == (True, ""), path
        assert set(PAGES) <= set(filled.request("GET", "data/ui/views", session_key=key).entries)
        for path in (f"{INPUT}/carols", f"{ACCOUNT}/carols"):
            assert filled.request("DELETE", path, session_key=key).status == 200, path
    finally:
        (app / "metadata" / "local.meta").unlink()


def test_check_that_a_page_could_trigger_runs_by_post_only(filled: Splunkd) -> None:
    path = f"{APP}_check/one"
    before = len(filled.handler_calls())
    for query in ("", "?action=edit", "?output_mode=json&method=POST"):
        assert filled.request("GET", path + query).status == 405
    assert filled.request("GET", f"{APP}_check").status == 405
    assert len(filled.handler_calls()) == before, "the handler has run"
    assert checked(filled, "one")["failed_step"] == "connect"
    assert shown(filled, ACCOUNT, "one")["host"] == "127.0.0.1"


EXPOSED_BY_GET = {"account", "settings", "estreamer_fqe", "catalog", "state", "packets"}


def test_browsers_reach_by_get_what_only_reads_and_act_with_the_form_key_alone(filled: Splunkd) -> None:
    raw = f"/en-US/splunkd/__raw/servicesNS/nobody/{APP}"
    exposed = {one["pattern"]: one["methods"] for one in filled.stanzas("web").values() if "pattern" in one}
    by_get = {pattern.partition("/")[0] for pattern, methods in exposed.items() if "GET" in methods}
    assert by_get == {*(f"{APP}_{name}" for name in EXPOSED_BY_GET), "data"}
    with SplunkWeb(filled) as web:
        browser = Browser(web, Login("alice", "x"))
        for path in (f"{APP}_check/one", f"{APP}_check", f"{APP}_preview"):
            assert browser.send("GET", f"{raw}/{path}?output_mode=json").status_code == 404, path
        before = len(filled.handler_calls())
        browser.headers["X-Splunk-Form-Key"] = "another"
        assert browser.send("POST", f"{raw}/{APP}_check/one?output_mode=json").status_code in (401, 403)
        assert len(filled.handler_calls()) == before, "the handler has run"
