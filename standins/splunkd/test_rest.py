"""The stand-in's REST API, over HTTP, with the small add-on of the tests' own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import pytest
from solnlib.credentials import CredentialManager
from splunklib import client

from standins.splunkd import Splunkd
from standins.splunkd.example import FILES, NAME, pack

SECRET = "the-secret-of-the-test"


@pytest.fixture
def splunkd(tmp_path: Path) -> Iterator[Splunkd]:
    with Splunkd(tmp_path / "home", restart_after=0.2) as running:
        running.install(pack(tmp_path / "example.spl"))
        yield running


def connect(splunkd: Splunkd) -> client.Service:
    port = int(splunkd.server_uri.rpartition(":")[2])
    return client.Service(
        scheme="http", host="127.0.0.1", port=port, token=splunkd.session_key, app=NAME, owner="nobody"
    )


def raw(splunkd: Splunkd, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
    connection = HTTPConnection(splunkd.server_uri.partition("://")[2], timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers.get("Connection", ""), response.read().decode()
    finally:
        connection.close()


def files_with(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.parametrize("value", [None, "", "Splunk", "Splunk wrong", "Bearer {key}", "Basic {key}", "splunk {key}"])
def test_request_without_a_valid_session_key_is_refused(splunkd: Splunkd, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value.format(key=splunkd.session_key)}
    status, connection, body = raw(splunkd, "/services/server/info", headers)
    assert (status, connection) == (401, "Close")
    assert "<msg" in body


def test_answer_is_atom_or_json_as_asked(splunkd: Splunkd) -> None:
    headers = {"Authorization": f"Splunk {splunkd.session_key}"}
    assert raw(splunkd, "/services/server/info", headers)[2].startswith("<?xml")
    assert raw(splunkd, "/services/server/info?output_mode=json", headers)[2].startswith("{")


def test_splunklib_reads_the_server_and_the_context(splunkd: Splunkd) -> None:
    service = connect(splunkd)
    assert service.info["product_type"] == "enterprise"
    assert service.splunk_version[0] in (9, 10)
    context = splunkd.request("GET", "authentication/current-context").entries["context"]
    assert context["username"] == "admin"


def test_splunklib_reads_and_writes_confs(splunkd: Splunkd) -> None:
    conf = connect(splunkd).confs["example_things"]
    conf.create("a/b c", color="two\nlines", size="2")
    assert conf["a/b c"]["color"] == "two\nlines"
    conf["a/b c"].submit({"color": "blue"})
    assert splunkd.stanzas("example_things")["a/b c"] == {"color": "blue", "size": "2"}
    conf.delete("a/b c")
    assert [stanza.name for stanza in conf.list()] == ["shipped"]
    with pytest.raises(KeyError):
        connect(splunkd).confs["no_such_conf"]


@pytest.mark.parametrize(
    ("method", "path", "form", "status", "text"),
    [
        ("POST", "configs/conf-example_things", {"name": "shipped", "color": "x"}, 409, "already exists"),
        ("POST", "configs/conf-example_things", {"name": "new", "shape": "x"}, 400, "does not know"),
        ("POST", "configs/conf-example_things", {"name": "new", "color": "x\\"}, 400, "cannot be written"),
        ("POST", "configs/conf-example_things", {"name": "", "color": "x"}, 400, "Cannot create"),
        ("POST", "configs/conf-example_things/none", {"color": "x"}, 404, "Could not find"),
        ("GET", "configs/conf-example_things/none", None, 404, "Could not find"),
        ("DELETE", "configs/conf-example_things/none", None, 404, "Could not find"),
        ("DELETE", "configs/conf-example_things/shipped", None, 403, "ships with the app"),
        ("POST", "data/indexes", {"name": "main"}, 409, "already exists"),
        ("POST", "data/indexes", {"name": "_new"}, 400, "cannot start with"),
        ("POST", "data/indexes", {"name": "new", "frozenTimePeriodInSecs": "1"}, 400, "by their name alone"),
        ("DELETE", "data/indexes/main", None, 403, "Cannot remove"),
        ("POST", "server/info", {"name": "new"}, 405, "does not create"),
        ("GET", "no_such_endpoint", None, 404, "Not Found"),
        ("GET", "example_view/a/b/c", None, 404, "Not Found"),
        ("PUT", "server/info", None, 501, ""),
    ],
)
def test_request_that_splunkd_would_refuse_is_refused(
    splunkd: Splunkd, method: str, path: str, form: dict[str, str] | None, status: int, text: str
) -> None:
    if status == 501:
        headers = {"Authorization": f"Splunk {splunkd.session_key}"}
        connection = HTTPConnection(splunkd.server_uri.partition("://")[2], timeout=10)
        connection.request(method, f"/services/{path}", headers=headers)
        assert connection.getresponse().status == 501
        connection.close()
        return
    answer = splunkd.request(method, path, form)
    assert answer.status == status
    assert text in answer.message


@pytest.mark.parametrize(
    ("name", "valid"),
    [("main", "true"), ("a-b_c", "true"), ("_internal", "true"), ("_mine", "false"), ("-a", "false"), ("a b", "false")],
)
def test_index_names_are_checked(splunkd: Splunkd, name: str, valid: str) -> None:
    answer = splunkd.request("POST", "data/indexes/_validateName", {"index_name": name})
    assert answer.entries["_validateName"]["is_valid"] == valid


def manager(splunkd: Splunkd) -> CredentialManager:
    port = int(splunkd.server_uri.rpartition(":")[2])
    realm = f"__REST_CREDENTIAL__#{NAME}#configs/conf-example_things"
    return CredentialManager(splunkd.session_key, NAME, realm=realm, scheme="http", host="127.0.0.1", port=port)


@pytest.mark.parametrize("user", ["plain", "with space", "with/slash", "with:colon", "wïth%percent"])
def test_solnlib_keeps_a_long_secret(splunkd: Splunkd, user: str) -> None:
    secret = SECRET + "x" * 600
    manager(splunkd).set_password(user, secret)
    manager(splunkd).set_password(user, secret + "changed")
    assert manager(splunkd).get_password(user) == secret + "changed"
    manager(splunkd).delete_password(user)
    assert splunkd.request("GET", "storage/passwords?count=-1").entries == {}


def test_secret_is_on_disk_as_ciphertext_only_and_survives_a_new_splunkd(splunkd: Splunkd, tmp_path: Path) -> None:
    manager(splunkd).set_password("one", SECRET)
    assert files_with(tmp_path, SECRET) == []
    assert len(files_with(tmp_path / "home" / "etc" / "apps", "$7$")) == 1
    with Splunkd(tmp_path / "home") as other:
        assert manager(other).get_password("one") == SECRET


def test_password_without_text_or_with_too_much_is_refused(splunkd: Splunkd) -> None:
    for password in ("", "x" * 256):
        answer = splunkd.request("POST", "storage/passwords", {"name": "a", "realm": "b", "password": password})
        assert answer.status == 400
    unknown = splunkd.request("POST", "storage/passwords", {"name": "a", "password": "x", "other": "y"})
    assert unknown.message == 'Argument "other" is not supported by this handler.'


def test_creating_an_input_starts_it_with_the_merged_settings(splunkd: Splunkd) -> None:
    splunkd.start()
    answer = splunkd.request("POST", "data/inputs/example", {"name": "one", "color": "blue", "index": "main"})
    assert answer.status == 201
    assert answer.entries["one"]["disabled"] is False
    splunkd.wait_for(1)
    assert splunkd.events()[0].data == (
        f"color=blue host={splunkd.server_host} index=main interval=60 "
        "python.required=3.9, 3.13 python.version=python3 size=1"
    )


def test_edit_restarts_disable_stops_enable_starts_and_removal_ends_an_input(splunkd: Splunkd) -> None:
    splunkd.start()
    splunkd.request("POST", "data/inputs/example", {"name": "one", "color": "blue"})
    first = splunkd.wait_for_input()
    splunkd.wait_for(1)
    splunkd.request("POST", "data/inputs/example/one", {"color": "red"})
    second = splunkd.wait_for_input(not_pid=first)
    splunkd.wait_for(2)
    assert splunkd.events()[1].data.startswith("color=red ")
    assert splunkd.request("POST", "data/inputs/example/one/disable").entries["one"]["disabled"] is True
    assert splunkd.wait_for_end(runs=2).pid == second
    splunkd.request("POST", "data/inputs/example/one/enable")
    third = splunkd.wait_for_input()
    splunkd.wait_for(3)
    assert splunkd.request("DELETE", "data/inputs/example/one").status == 200
    run = splunkd.wait_for_end(runs=3, stanza="example://one")
    assert (run.pid, run.code) == (third, 0)
    assert splunkd.request("GET", "data/inputs/example").entries == {}


def test_disabled_input_does_not_start_with_splunkd(splunkd: Splunkd) -> None:
    splunkd.request("POST", "data/inputs/example", {"name": "off", "color": "blue", "disabled": "1"})
    splunkd.request("POST", "data/inputs/example", {"name": "on", "color": "blue"})
    splunkd.start()
    splunkd.wait_for(1, stanza="example://on")
    assert splunkd.runs("example://off") == []


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"color": "black"}, "one cannot be black & size None"),
        ({"color": "black", "size": "7"}, "one cannot be black & size 7"),
        ({"color": "crash"}, "script running failed (1): it crashed"),
        ({}, "The following required arguments are missing: color."),
        ({"color": "red", "shape": "round"}, 'Argument "shape" is not supported by this handler.'),
        ({"color": "red", "index": "no such"}, "Invalid index name"),
        ({"color": "red", "interval": "0"}, "not a positive number"),
        ({"color": "red", "interval": "* * * * *"}, "not a number"),
        ({"color": "red", "disabled": "maybe"}, "neither true nor false"),
    ],
)
def test_input_that_is_refused_is_not_saved(splunkd: Splunkd, form: dict[str, str], text: str) -> None:
    answer = splunkd.request("POST", "data/inputs/example", {"name": "one", **form})
    assert answer.status == 400
    assert text in answer.message
    assert splunkd.request("GET", "data/inputs/example").entries == {}


def test_refused_edit_leaves_the_input_as_it_was(splunkd: Splunkd) -> None:
    splunkd.request("POST", "data/inputs/example", {"name": "one", "color": "blue", "size": "5"})
    answer = splunkd.request("POST", "data/inputs/example/one", {"color": "black"})
    assert (answer.status, answer.message) == (400, "one cannot be black & size 5")
    assert splunkd.request("GET", "data/inputs/example/one").entries["one"]["color"] == "blue"


def test_name_is_taken_as_it_is_whatever_it_holds(splunkd: Splunkd) -> None:
    name = "a/b [c] ü%"
    splunkd.request("POST", "configs/conf-example_things", {"name": name, "color": "blue"})
    path = quote(name.replace("/", "%2F"), safe="")
    assert splunkd.request("GET", f"configs/conf-example_things/{path}").entries[name]["color"] == "blue"


def test_handler_is_run_for_the_actions_that_restmap_allows(splunkd: Splunkd) -> None:
    assert splunkd.request("GET", "example_things").entries["one"]["action"] == "2"
    created = splunkd.request("POST", "example_things", {"name": "new", "color": "blue"})
    assert (created.status, created.entries["new"]["color"]) == (201, "blue")
    assert splunkd.request("POST", "example_view", {"name": "new", "color": "blue"}).status == 405
    assert [(call.action, call.status) for call in splunkd.handler_calls()] == [("list", 200), ("create", 200)]


@pytest.mark.parametrize(
    ("method", "path", "form", "status", "text"),
    [
        ("POST", "example_things", {"name": "new"}, 400, "required arguments are missing: color."),
        ("POST", "example_things", {"name": "new", "color": "a", "b": "c"}, 400, '"b" is not supported'),
        ("POST", "example_things", {"color": "a"}, 400, "required arguments are missing: name."),
        (
            "POST",
            "example_things",
            {"name": "new", "color": "black"},
            500,
            'Unexpected error "<class \'ValueError\'>" from python handler: "no black".',
        ),
        ("DELETE", "example_things/new", None, 404, "no such thing"),
    ],
)
def test_handlers_refusal_is_splunkds_answer(
    splunkd: Splunkd, method: str, path: str, form: dict[str, str] | None, status: int, text: str
) -> None:
    answer = splunkd.request(method, path, form)
    assert answer.status == status
    assert text in answer.message


def test_handler_that_prints_beside_its_answer_is_an_error(tmp_path: Path) -> None:
    with Splunkd(tmp_path / "home") as splunkd:
        splunkd.install(pack(tmp_path / "a.spl", {"bin/example_rh.py": "print('hello')\n"}))
        answer = splunkd.request("GET", "example_things")
        assert answer.status == 500
        assert "hello" in answer.message
        splunkd.install(pack(tmp_path / "b.spl", {"bin/example_rh.py": FILES["bin/example_rh.py"] + "print('bye')\n"}))
        answer = splunkd.request("GET", "example_things")
        assert answer.status == 500
        assert "bye" in answer.message


COUNTING = """
import os, sys
import splunk.admin as admin

class Handler(admin.MConfigHandler):
    def handleList(self, info):
        info["one"]["process"] = str(os.getpid())
        sys.stderr.write(f"asked for {self.callerArgs.id}\\n")
        if self.callerArgs.id == "end":
            os._exit(3)

if __name__ == "__main__":
    admin.init(Handler, admin.CONTEXT_APP_ONLY)
"""
PERSISTENT = FILES["default/restmap.conf"] + "handlerpersistentmode = true\n"


def test_persistent_handler_serves_in_one_process_until_it_ends(tmp_path: Path) -> None:
    changes = {"bin/example_rh.py": COUNTING, "default/restmap.conf": PERSISTENT}
    with Splunkd(tmp_path / "home") as splunkd:
        splunkd.install(pack(tmp_path / "a.spl", changes))
        found = [splunkd.request("GET", f"example_view/{name}").entries["one"]["process"] for name in "ab"]
        assert found[0] == found[1]
        # The other endpoint is not persistent: its requests have a process each.
        others = [splunkd.request("GET", "example_things").entries["one"]["process"] for _ in "ab"]
        assert len({*others, found[0]}) == 3
        answer = splunkd.request("GET", "example_view/end")
        assert (answer.status, "handler ended with 3" in answer.message) == (500, True)
        assert splunkd.request("GET", "example_view/c").entries["one"]["process"] != found[0]
        calls = [call for call in splunkd.handler_calls() if call.endpoint == "example_view"]
        assert [call.stderr for call in calls] == [f"asked for {name}\n" for name in ("a", "b", "end", "c")]
        assert found[0] in calls[0].stdout
        last = splunkd.request("GET", "example_view/d").entries["one"]["process"]
    assert not Path("/proc", last).exists()


def test_answers_are_kept_for_tests_to_search_but_those_of_passwords(splunkd: Splunkd) -> None:
    splunkd.request("POST", "storage/passwords", {"name": "a", "realm": "b", "password": SECRET})
    splunkd.request("POST", "example_things", {"name": "new", "color": "blue"})
    splunkd.request("POST", "example_things", {"name": "new", "color": "black"})
    found = [(one.method, one.path.rpartition("/")[2], one.form, one.status) for one in splunkd.exchanges()]
    assert found == [
        ("POST", "example_things", {"name": "new", "color": "blue"}, 201),
        ("POST", "example_things", {"name": "new", "color": "black"}, 500),
    ]
    assert b"no black" in splunkd.exchanges()[1].body


def test_handler_can_be_handed_what_no_request_brings(splunkd: Splunkd) -> None:
    answer = splunkd.hand_over("example_things", "create", "new", {"color": "\ud800"})
    # The handler takes it, and its answer, which holds it, is lost on the way.
    assert (answer.status, "the answer is lost" in answer.message) == (500, True)
    refused = splunkd.hand_over("example_things", "remove", "new", {})
    assert (refused.status, refused.message) == (404, "no such thing")


def test_rest_is_gone_while_splunkd_is_dead(splunkd: Splunkd) -> None:
    splunkd.start()
    splunkd.kill()
    with pytest.raises(ConnectionError):
        splunkd.request("GET", "server/info")
    splunkd.start()
    assert splunkd.request("GET", "server/info").status == 200


def test_search_of_a_collection_filters_and_pages(splunkd: Splunkd) -> None:
    for name in "abc":
        splunkd.request("POST", "storage/passwords", {"name": name, "realm": "r" + name, "password": "x"})
    found = splunkd.request("GET", "storage/passwords?search=realm%3Drb").entries
    assert list(found) == ["rb:b:"]
    assert list(splunkd.request("GET", "storage/passwords?count=1&offset=1").entries) == ["rb:b:"]
    assert splunkd.request("GET", "storage/passwords?search=free+text").status == 400


def test_each_run_of_an_input_has_a_session_key_that_opens_the_api(splunkd: Splunkd, tmp_path: Path) -> None:
    script = (
        "import os, re, sys\nkey = re.search('<session_key>(.*?)<', sys.stdin.read()).group(1)\n"
        "os.write(1, f'<stream><event><time>1</time><data>{key}</data></event></stream>'.encode())\n"
    )
    path = tmp_path / "key.py"
    path.write_text(script)
    splunkd.add_script_input("key://one", [str(splunkd.home.python), str(path)])
    splunkd.start()
    splunkd.wait_for(1)
    key = splunkd.events()[0].data
    assert re.fullmatch("[0-9a-f]{48}", key)
    assert key != splunkd.session_key
    assert splunkd.request("GET", "server/info", session_key=key).status == 200
