"""Inputs by REST: what is refused and how, the preview of the request, and the catalogue of fields."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import pytest
from estreamer.bookmark.folder import folder_of
from estreamer.events import catalog
from estreamer.protocol import fully_qualified

from standins.places import ROOT
from standins.splunkd import Splunkd
from tests.catalogue import field_names
from tests.rest.forms import ACCOUNT, CATALOG, INPUT, PREVIEW, STATE, account, create, shown


@pytest.fixture(scope="module")
def accounts(splunkd: Splunkd) -> Splunkd:
    """A splunkd with the accounts `one` and `two`."""
    for name in ("one", "two"):
        create(splunkd, ACCOUNT, account(name))
    return splunkd


REFUSED = {
    "event_types": ("ConnectionEvent,Packets", "event_types: 'Packets' is not a known event type. Choose among"),
    "connection_fields": ("HeaderFieldSet,<script>", "connection_fields: '<script>' is not a field"),
    "file_fields": ("A" * 8193, "file_fields: at most 8192 characters"),
    "start_from": ("yesterday", "start_from: 'yesterday' is not understood. Enter now, oldest, or a time such as"),
    "drop_rules": ("ConnectionEvent: AC_RuleAction=Allow\nFileEvent FileName=x", "drop_rules, line 2, column 11:"),
    "request_style": ("other", "request_style: choose among auto, single, two-step."),
    "settle": ("-1", "settle: enter a whole number from 0 to 3600."),
    "planned_restart": ("maybe", "planned_restart: choose among trust, resend."),
    "index": ("No Such", "index: enter the name of an index"),
    "interval": ("0", "interval: enter a whole number from 1 to 3600."),
    "account": ("none", "account: the account 'none' was not found."),
    "failover_account": ("one", "failover_account: choose another account than the first"),
    "disabled": ("maybe", "disabled: enter 1 (on) or 0 (off)."),
    "colour": ("blue", 'Argument "colour" is not supported by this handler.'),
    "name": ("../../etc", "name: begin the name of the input with a letter"),
}


@pytest.mark.package
@pytest.mark.parametrize("parameter", REFUSED)
def test_wrong_parameter_is_named_in_one_bare_sentence_and_nothing_is_stored(accounts: Splunkd, parameter: str) -> None:
    value, text = REFUSED[parameter]
    answer = accounts.request("POST", INPUT, {"name": "wrong", "account": "one", parameter: value})
    assert answer.status == 400
    assert answer.message.startswith(text)
    assert not [stanza for stanza in accounts.stanzas("inputs") if "wrong" in stanza or "etc" in stanza]


@pytest.mark.package
def test_missing_failover_account_and_missing_account_are_named(accounts: Splunkd) -> None:
    form = {"name": "wrong", "account": "one", "failover_account": "three"}
    assert accounts.request("POST", INPUT, form).message.startswith(
        "failover_account: the account 'three' was not found."
    )
    assert accounts.request("POST", INPUT, {"name": "wrong"}).message.startswith("account: choose the account")


@pytest.mark.package
def test_edit_checks_what_is_given_with_what_is_stored(accounts: Splunkd) -> None:
    create(accounts, INPUT, {"name": "edited", "account": "one", "failover_account": "two", "disabled": "1"})
    answer = accounts.request("POST", f"{INPUT}/edited", {"account": "two"})
    assert (answer.status, answer.message.partition(":")[0]) == (400, "failover_account")
    answer = accounts.request("POST", f"{INPUT}/edited", {"failover_account": "", "index": "netfw", "disabled": "0"})
    assert (answer.status, answer.message) == (200, "")
    entry = shown(accounts, INPUT, "edited")
    assert (entry["failover_account"], entry["index"], entry["disabled"]) == ("", "netfw", False)
    assert accounts.request("POST", f"{INPUT}/edited", {"disabled": "maybe"}).status == 400
    assert accounts.request("POST", f"{INPUT}/edited", {"disabled": "1"}).status == 200
    assert shown(accounts, INPUT, "edited")["disabled"] is True
    again = accounts.request("POST", INPUT, {"name": "edited", "account": "one"})
    assert (again.status, again.message) == (409, "name: there is an input 'edited' already.")
    assert accounts.request("POST", f"{INPUT}/missing", {"index": "main"}).status == 404


@pytest.mark.package
def test_input_cannot_be_renamed(accounts: Splunkd) -> None:
    create(accounts, INPUT, {"name": "fixed", "account": "one", "disabled": "1"})
    for form in ({"name": "other"}, {"name": "other", "settle": "60"}, {"name": "other", "disabled": "0"}):
        answer = accounts.request("POST", f"{INPUT}/fixed", form)
        assert (answer.status, answer.message) == (
            400,
            "name: an input cannot be renamed. Clone it under the new name and delete this one. The clone begins at "
            "its start_from: the bookmark goes with this one.",
        )
    assert shown(accounts, INPUT, "fixed")["settle"] == "30"
    assert accounts.request("POST", f"{INPUT}/fixed", {"name": "fixed", "settle": "60"}).status == 200
    assert shown(accounts, INPUT, "fixed")["settle"] == "60"


@pytest.mark.package
def test_values_are_stored_as_they_were_understood(accounts: Splunkd) -> None:
    for name in ("first", "second"):
        create(accounts, ACCOUNT, account(name))
    form = {
        "name": "blanks",
        "account": "first ",
        "failover_account": " second",
        "event_types": " FileEvent , ConnectionEvent,FileEvent",
        "file_fields": "HeaderFieldSet, URL ,URL",
        "start_from": " oldest ",
        "request_style": "single ",
        "settle": " 60",
        "index": " main ",
        "interval": "61 ",
        "disabled": "1",
    }
    create(accounts, INPUT, form)
    stored = accounts.stanzas("inputs")["estreamer_fqe://blanks"]
    assert {parameter: stored[parameter] for parameter in form if parameter != "name"} == {
        "account": "first",
        "failover_account": "second",
        "event_types": "FileEvent,ConnectionEvent",
        "file_fields": "HeaderFieldSet,URL",
        "start_from": "oldest",
        "request_style": "single",
        "settle": "60",
        "index": "main",
        "interval": "61",
        "disabled": "1",
    }
    swapped = {"account": "second ", "failover_account": "first "}
    assert accounts.request("POST", f"{INPUT}/blanks", swapped).status == 200
    for name in ("first", "second"):
        answer = accounts.request("DELETE", f"{ACCOUNT}/{name}")
        assert (answer.status, "of the input 'blanks'" in answer.message) == (400, True)


def make_bookmark(splunkd: Splunkd, name: str) -> Path:
    """Leave something where the bookmark of an input lies."""
    folder = Path(folder_of(str(splunkd.home.checkpoint_dir("estreamer_fqe")), f"estreamer_fqe://{name}"))
    folder.mkdir()
    (folder / "something").touch()
    return folder


@pytest.mark.package
def test_removing_an_input_removes_its_bookmark_and_no_other(accounts: Splunkd) -> None:
    for name in ("gone", "gone2"):
        create(accounts, INPUT, {"name": name, "account": "one", "disabled": "1"})
    removed, kept, of_none = (make_bookmark(accounts, name) for name in ("gone", "gone2", "never"))
    assert accounts.request("DELETE", f"{INPUT}/gone").status == 200
    assert not removed.exists()
    assert kept.is_dir()
    # What is not there cannot be removed, and nothing of it is touched.
    assert accounts.request("DELETE", f"{INPUT}/never").status == 404
    assert of_none.is_dir()


@pytest.mark.package
def test_bookmark_that_cannot_be_removed_is_logged_and_the_input_is_gone(accounts: Splunkd) -> None:
    create(accounts, INPUT, {"name": "stuck", "account": "one", "disabled": "1"})
    kept = make_bookmark(accounts, "stuck")
    # The bookmark has no folders in its own: this one is not its to remove.
    (kept / "folder").mkdir()
    assert accounts.request("DELETE", f"{INPUT}/stuck").status == 200
    assert "estreamer_fqe://stuck" not in accounts.stanzas("inputs")
    assert kept.is_dir()
    log = (accounts.home.logs / "ta_secure_firewall_estreamer_rest.log").read_text("utf-8")
    assert 'action=remove_bookmark input="estreamer_fqe://stuck" problem="' in log


@pytest.mark.package
def test_drop_rules_of_several_lines_survive_the_conf_file(accounts: Splunkd) -> None:
    rules = "# two\r\nConnectionEvent: AC_RuleAction=Allow\r\nFileEvent: FileName=*.txt"
    create(accounts, INPUT, {"name": "rules", "account": "one", "drop_rules": rules, "disabled": "1"})
    assert shown(accounts, INPUT, "rules")["drop_rules"] == rules.replace("\r\n", "\n")
    joined = accounts.request("POST", f"{INPUT}/rules", {"drop_rules": "# a path: C:\\\nFileEvent: FileName=x"})
    assert (joined.status, joined.message.partition(":")[0]) == (400, "drop_rules, line 1, column 13")


@pytest.mark.package
def test_preview_is_the_request_that_the_input_sends(accounts: Splunkd) -> None:
    form = {
        "name": "draft",
        "event_types": "FileEvent",
        "file_fields": "HeaderFieldSet,NewField",
        "start_from": "oldest",
    }
    found = create(accounts, PREVIEW, form)
    wanted = {"FileEvent": ("HeaderFieldSet", "NewField")}
    assert found["request"] == fully_qualified.document(wanted).decode()
    assert (found["start_from"], found["request_style"], found["event_types"]) == ("oldest", "auto", "FileEvent")
    assert "estreamer_fqe://draft" not in accounts.stanzas("inputs")
    wrong = accounts.request("POST", PREVIEW, {"name": "draft", "file_fields": "a b"})
    assert (wrong.status, wrong.message.partition(":")[0]) == (400, "file_fields")


@pytest.mark.package
def test_catalogue_comes_by_event_type(accounts: Splunkd) -> None:
    found = accounts.request("GET", CATALOG).entries
    assert list(found) == list(fully_qualified.EVENT_TYPES)
    presets = json.loads(found["IntrusionEvent"]["presets"])
    assert presets["recommended"] == list(fully_qualified.DEFAULT_FIELDS["IntrusionEvent"])
    assert json.loads(shown(accounts, CATALOG, "FileEvent")["groups"])[0]["label"] == "Key"
    assert found["IntrusionPacket"]["default"] == "0"
    assert accounts.request("GET", f"{CATALOG}/Other").status == 404


@pytest.mark.package
def test_state_of_an_input_that_has_not_run_and_of_one_that_is_off(accounts: Splunkd) -> None:
    create(accounts, INPUT, {"name": "off", "account": "one", "disabled": "1"})
    create(accounts, INPUT, {"name": "new", "account": "one"})
    found = accounts.request("GET", STATE).entries
    assert (found["off"]["state"], found["new"]["state"]) == ("disabled", "not started")
    assert (found["new"]["events_last_hour"], found["new"]["last_event"]) == ("0", "")
    assert accounts.request("GET", f"{STATE}/missing").status == 404


def test_presets_and_defaults_are_the_same_wherever_they_stand() -> None:
    types = catalog.load()["event_types"]
    assert tuple(types) == fully_qualified.EVENT_TYPES
    assert tuple(name for name in types if types[name]["default"]) == fully_qualified.DEFAULT_EVENT_TYPES
    conf = configparser.RawConfigParser()
    conf.read(ROOT / "default" / "inputs.conf")
    for name, entry in types.items():
        recommended = ",".join(entry["presets"]["recommended"])
        assert tuple(entry["presets"]["recommended"]) == tuple(fully_qualified.DEFAULT_FIELDS[name])
        assert conf["estreamer_fqe"][entry["parameter"]] == recommended


def test_presets_hold_known_names_that_a_request_can_have() -> None:
    sets = set(catalog.load()["field_sets"])
    for name, entry in catalog.load()["event_types"].items():
        known = {*sets, *field_names(name)}
        assert set(entry["presets"]) == {"recommended", "everything", "minimal"}
        for wanted in entry["presets"].values():
            assert set(wanted) <= known
            assert fully_qualified.parse_names("x", ",".join(wanted)) == tuple(wanted)
        assert len(field_names(name)) == len(set(field_names(name)))
