"""What an administrator asks of splunkd's management port: to log in, to install an app, to restart, to search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from standins.splunkd import Answer, Splunkd
from standins.splunkd.example import NAME, pack
from standins.splunkd.search_jobs import Asked, Found

PASSWORD = "a password of the test's own"


@pytest.fixture
def splunkd(tmp_path: Path) -> Iterator[Splunkd]:
    with Splunkd(tmp_path / "home", restart_after=0.2) as running:
        running.start()
        yield running


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return pack(tmp_path / f"{NAME}.spl")


def ask(splunkd: Splunkd, method: str, path: str, form: dict[str, str], key: str | None = None) -> tuple[int, object]:
    """Ask as whoever has the session key; as an administrator by default, and as nobody with an empty one."""
    connection = HTTPConnection(splunkd.server_uri.partition("://")[2], timeout=10)
    key = splunkd.session_key if key is None else key
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if key:
        headers["Authorization"] = f"Splunk {key}"
    body = urlencode({**form, "output_mode": "json"})
    target = path if method == "POST" else f"{path}?{body}"
    try:
        connection.request(method, target, body if method == "POST" else None, headers)
        response = connection.getresponse()
        answer = response.read()
        return response.status, json.loads(answer) if answer else None
    finally:
        connection.close()


def test_a_name_and_a_password_that_belong_together_open_a_session(splunkd: Splunkd) -> None:
    splunkd.let_log_in("lane", PASSWORD, "admin")
    status, answer = ask(splunkd, "POST", "/services/auth/login", {"username": "lane", "password": PASSWORD}, "")
    assert status == 200
    assert isinstance(answer, dict)
    assert ask(splunkd, "GET", "/services/server/info", {}, answer["sessionKey"])[0] == 200
    assert splunkd.places_of(PASSWORD) == []
    assert splunkd.places_of(answer["sessionKey"]) == []


@pytest.mark.parametrize(
    ("method", "form", "status"),
    [
        ("POST", {"username": "lane", "password": "another"}, 401),
        ("POST", {"username": "nobody", "password": ""}, 401),
        ("POST", {"username": "lane"}, 400),
        ("POST", {"username": "lane", "password": PASSWORD, "more": "1"}, 400),
        ("GET", {"username": "lane", "password": PASSWORD}, 405),
    ],
)
def test_no_other_login_is_let_in(splunkd: Splunkd, method: str, form: dict[str, str], status: int) -> None:
    splunkd.let_log_in("lane", PASSWORD, "admin")
    assert ask(splunkd, method, "/services/auth/login", form, "")[0] == status


def test_an_app_from_a_file_has_its_endpoints_after_a_restart(splunkd: Splunkd, package: Path) -> None:
    assert splunkd.request("POST", "apps/local", {"name": str(package), "filename": "true"}, app="system").status == 201
    listed = splunkd.request("GET", "apps/local?count=0", app="system").entries
    assert listed[NAME]["version"]
    assert splunkd.request("GET", "example_view", app=NAME).status == 404
    before = splunkd.request("GET", "server/info", app="system").entries["server-info"]["startup_time"]
    assert restart(splunkd).status == 200
    splunkd.wait_for_restart()
    assert splunkd.running
    assert splunkd.request("GET", "server/info", app="system").entries["server-info"]["startup_time"] > before
    assert splunkd.request("GET", "example_view", app=NAME).status == 200


def restart(splunkd: Splunkd) -> Answer:
    return splunkd.request("POST", "server/control/restart", {}, app="system")


def test_a_restart_can_end_splunkd_for_good(splunkd: Splunkd) -> None:
    splunkd.restart_without_return()
    assert restart(splunkd).status == 200
    splunkd.wait_for_restart()
    assert not splunkd.running
    with pytest.raises(ConnectionError):
        splunkd.request("GET", "server/info", app="system")


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        ({"name": "{package}"}, 501, "without a package"),
        ({"name": "/no/such/file.spl", "filename": "true"}, 400, "failed to open"),
        ({"name": "relative.spl", "filename": "true"}, 400, "failed to open"),
        ({"name": "{package}", "filename": "true", "force": "true"}, 400, "not supported"),
        ({"name": "{package}", "filename": "perhaps"}, 400, "neither true nor false"),
    ],
)
def test_what_is_no_installation_is_refused(
    splunkd: Splunkd, package: Path, form: dict[str, str], status: int, text: str
) -> None:
    given = {name: value.replace("{package}", str(package)) for name, value in form.items()}
    answer = splunkd.request("POST", "apps/local", given, app="system")
    assert (answer.status, text in answer.message) == (status, True)


def test_an_app_that_is_there_is_replaced_only_on_demand(splunkd: Splunkd, package: Path) -> None:
    splunkd.install(package)
    form = {"name": str(package), "filename": "true"}
    assert splunkd.request("POST", "apps/local", form).status == 409
    assert splunkd.request("POST", "apps/local", {**form, "update": "true"}).status == 201
    assert splunkd.request("GET", "example_view").status == 200


def test_a_file_that_is_no_package_is_refused(splunkd: Splunkd, tmp_path: Path) -> None:
    broken = tmp_path / "broken.spl"
    broken.write_text("no archive")
    answer = splunkd.request("POST", "apps/local", {"name": str(broken), "filename": "true"}, app="system")
    assert (answer.status, "app install" in answer.message) == (400, True)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("apps/local", {"name": "/x.spl", "filename": "true"}),
        ("server/control/restart", {}),
        ("data/indexes", {"name": "new"}),
    ],
)
def test_a_user_without_rights_administers_nothing(splunkd: Splunkd, path: str, form: dict[str, str]) -> None:
    key = splunkd.log_in("analyst", "user")
    assert splunkd.request("POST", path, form, app="system", session_key=key).status == 403


def test_an_index_that_was_made_can_be_removed(splunkd: Splunkd) -> None:
    assert splunkd.request("POST", "data/indexes", {"name": "new"}, app="system").status == 201
    assert "new" in splunkd.request("GET", "data/indexes", app="system").entries
    assert splunkd.request("DELETE", "data/indexes/new", app="system").status == 200
    assert "new" not in splunkd.request("GET", "data/indexes", app="system").entries


ROWS = [{"n": str(number)} for number in range(150)]


def found(asked: Asked) -> Found:
    if asked.text.startswith("broken"):
        return Found(messages=[("FATAL", "it is broken")], failed=True)
    return Found(["n"], ROWS)


def test_a_job_is_waited_for_read_and_canceled(splunkd: Splunkd) -> None:
    splunkd.answer_searches(found)
    status, begun = ask(splunkd, "POST", "/services/search/v2/jobs", {"search": "search index=main"})
    assert status == 201
    assert isinstance(begun, dict)
    job = f"/services/search/v2/jobs/{begun['sid']}"
    assert ask(splunkd, "GET", job, {}) == (204, None)
    states = [ask(splunkd, "GET", job, {})[1] for _ in range(2)]
    contents = [one["entry"][0]["content"] for one in states if isinstance(one, dict)]
    assert [one["dispatchState"] for one in contents] == ["RUNNING", "DONE"]
    assert contents[1]["resultCount"] == 150
    for count, rows in (("0", 150), ("", 100)):
        status, answer = ask(splunkd, "GET", f"{job}/results", {"count": count} if count else {})
        assert isinstance(answer, dict)
        assert (status, len(answer["results"]), answer["fields"]) == (200, rows, [{"name": "n"}])
    assert splunkd.searches() == ["search index=main"]
    assert ask(splunkd, "POST", f"{job}/control", {"action": "cancel"})[0] == 200
    assert splunkd.searches() == []
    assert ask(splunkd, "GET", job, {})[0] == 404


def test_a_job_that_fails_says_why(splunkd: Splunkd) -> None:
    splunkd.answer_searches(found)
    begun = ask(splunkd, "POST", "/services/search/v2/jobs", {"search": "search broken"})[1]
    assert isinstance(begun, dict)
    states = [ask(splunkd, "GET", f"/services/search/v2/jobs/{begun['sid']}", {})[1] for _ in range(3)]
    assert isinstance(states[2], dict)
    content = states[2]["entry"][0]["content"]
    assert (content["dispatchState"], content["isFailed"]) == ("FAILED", True)
    assert content["messages"] == [{"type": "FATAL", "text": "it is broken"}]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"search": "index=main"}, 400),
        ({}, 400),
        ({"search": "| makeresults", "exec_mode": "oneshot"}, 501),
        ({"search": "| makeresults", "namespace": "x"}, 400),
    ],
)
def test_a_job_that_splunkd_would_not_take_or_is_not_played_is_refused(
    splunkd: Splunkd, form: dict[str, str], status: int
) -> None:
    splunkd.answer_searches(found)
    assert ask(splunkd, "POST", "/services/search/v2/jobs", form)[0] == status


def test_results_before_the_end_and_searches_over_nothing_are_refused(splunkd: Splunkd) -> None:
    assert ask(splunkd, "POST", "/services/search/v2/jobs", {"search": "| makeresults"})[0] == 501
    splunkd.answer_searches(found)
    begun = ask(splunkd, "POST", "/services/search/v2/jobs", {"search": "| makeresults"})[1]
    assert isinstance(begun, dict)
    assert ask(splunkd, "GET", f"/services/search/v2/jobs/{begun['sid']}/results", {})[0] == 501
    key = splunkd.log_in("nobody", "none")
    assert ask(splunkd, "POST", "/services/search/v2/jobs", {"search": "| makeresults"}, key)[0] == 403
