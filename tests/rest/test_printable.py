"""Texts from outside in the answers of the add-on: printable, bounded, and no reason for an answer to be lost.

Splunk's library makes its answers with lxml, which raises at characters that XML forbids: one such character in one
value would cost the complete listing.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from estreamer.input import status

from standins import addon
from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.server import FmcServer
from standins.places import APP
from standins.splunkd import Splunkd
from tests.errors.test_printable import HOSTILE
from tests.rest.forms import ACCOUNT, INPUT, PREVIEW, STATE, account, checked, create, shown

pytestmark = pytest.mark.package

CONF = f"{APP.lower()}_account"
LONG = "x" * 300_000
IN_CONF = {
    kind: text
    for kind, text in HOSTILE.items()
    if not re.search("[\r\n\0\ud800-\udfff]", text) and text.strip() == text
}
"""What a conf file can hold in one line, once somebody has written it there by hand."""


@pytest.fixture(scope="module")
def filled(splunkd: Splunkd) -> Splunkd:
    create(splunkd, ACCOUNT, account("one"))
    create(splunkd, INPUT, {"name": "one", "account": "one", "disabled": "1"})
    return splunkd


def assert_printable(value: Any, where: str) -> None:
    """Assert that a value, and whatever JSON it holds, is printable apart from line feeds and tabs."""
    if isinstance(value, dict):
        for key, inner in value.items():
            assert_printable(key, where)
            assert_printable(inner, where)
    elif isinstance(value, list):
        for inner in value:
            assert_printable(inner, where)
    elif isinstance(value, str):
        assert re.sub("[\n\t]", "", value).isprintable(), where
        if value.startswith(("{", "[{")):
            assert_printable(json.loads(value), where)


@pytest.mark.parametrize("kind", [*IN_CONF, "very long"])
def test_stored_values_cost_the_list_of_accounts_nothing(filled: Splunkd, kind: str) -> None:
    text = {**IN_CONF, "very long": LONG}[kind]
    read_out = ("subject", "ends_first", "not_after", "chain_not_after")
    values = dict.fromkeys(("host", *(f"certificate_{one}" for one in read_out)), text)
    filled.set_conf(CONF, "one", values)
    try:
        answer = filled.request("GET", ACCOUNT)
        assert answer.status == 200, answer.message
        assert_printable(answer.entries, kind)
        assert len(answer.entries["one"]["host"]) <= 150_000
        assert answer.entries["one"]["certificate_days_left"] == ""
        assert shown(filled, ACCOUNT, "one")["host"] == answer.entries["one"]["host"]
    finally:
        filled.set_conf(CONF, "one", dict.fromkeys(values, "127.0.0.1"))


@pytest.mark.parametrize("kind", [*IN_CONF, "very long"])
def test_stored_values_cost_the_list_of_inputs_nothing(filled: Splunkd, kind: str) -> None:
    text = {**IN_CONF, "very long": LONG}[kind]
    filled.set_conf("inputs", "estreamer_fqe://one", {"start_from": text, "drop_rules": f"# one\n\t# {text}."})
    try:
        answer = filled.request("GET", INPUT)
    finally:
        filled.set_conf("inputs", "estreamer_fqe://one", {"start_from": "now", "drop_rules": ""})
    assert answer.status == 200, answer.message
    assert_printable(answer.entries, kind)
    assert answer.entries["one"]["drop_rules"].startswith("# one\n\t# ")
    assert len(answer.entries["one"]["start_from"]) <= 150_000


@pytest.mark.parametrize("kind", IN_CONF)
def test_name_of_a_stanza_costs_the_list_of_accounts_nothing(filled: Splunkd, kind: str) -> None:
    name = f"by hand {IN_CONF[kind]}."
    filled.set_conf(CONF, name, {"host": "127.0.0.1"})
    answer = filled.request("GET", ACCOUNT)
    assert answer.status == 200, answer.message
    assert "one" in answer.entries
    assert any(one.startswith("by hand ") for one in answer.entries)
    assert_printable(answer.entries, kind)


@pytest.mark.parametrize("kind", [*HOSTILE, "very long"])
def test_state_of_an_input_shows_what_a_server_has_said_and_hides_no_other(filled: Splunkd, kind: str) -> None:
    text = {**HOSTILE, "very long": LONG}[kind]
    path = status.path_of(str(filled.home.checkpoint_dir("estreamer_fqe")), "estreamer_fqe://one")
    path.parent.mkdir(exist_ok=True)
    # As an earlier version has written it, or somebody by hand.
    report = vars(status.Report(state="connecting", account=text[:1000], host=text[:1000], since=1.0, reported_at=4e9))
    path.write_text(json.dumps(report), "ascii")
    filled.request("POST", f"{INPUT}/one", {"disabled": "0"})
    try:
        answer = filled.request("GET", STATE)
    finally:
        filled.request("POST", f"{INPUT}/one", {"disabled": "1"})
    assert answer.status == 200, answer.message
    assert_printable(answer.entries, kind)
    assert answer.entries["one"]["host"] != ""


@pytest.mark.parametrize("kind", HOSTILE)
def test_refusal_that_quotes_what_was_sent_is_printable(filled: Splunkd, kind: str) -> None:
    for endpoint, action, form in (
        (ACCOUNT, "create", account("quoted", host=HOSTILE[kind])),
        (INPUT, "create", {"account": HOSTILE[kind]}),
        (PREVIEW, "create", {"drop_rules": HOSTILE[kind] * 100}),
        (PREVIEW, "create", {"event_types": HOSTILE[kind]}),
    ):
        arguments = {name: value for name, value in form.items() if name != "name"}
        answer = filled.hand_over(endpoint, action, "quoted", arguments)
        if answer.status != 200:
            assert (answer.status, "the answer is lost" in answer.message) == (400, False)
            assert answer.message.isprintable()
            assert len(answer.message) <= 1000
    assert filled.hand_over(ACCOUNT, "list", HOSTILE[kind], {}).message.isprintable()


SAYS = "bad\0 \x1b[31m news\r\nfor\u2028you \u202e" + "x" * 20_000


def test_what_a_server_says_in_its_error_is_printable_in_check_state_and_log(
    built_package: Path, tmp_path: Path
) -> None:
    behaviour = Behaviour(faults=(Fault("error", "handshake", text=SAYS),))
    with FmcServer(Archive(), behaviour=behaviour) as server, Splunkd(tmp_path / "home") as splunkd:
        addon.install(splunkd, built_package, server)
        found = checked(splunkd, "fmc")
        assert (found["ok"], found["code"], "news" in found["problem"]) == ("0", "server_error", True)
        assert_printable(found, "check")
        splunkd.start()
        told = until_told(splunkd)
        assert told["code"] == "server_error"
        assert_printable(told, "state")
        assert "bad\\x00 \\x1b[31m news" in told["reason"]
        assert len(told["reason"]) <= 2000
        lines = addon.log_text(splunkd).split("\n")
    assert any("news" in line for line in lines)
    for line in lines:
        assert line.isprintable(), line[:200]
        assert len(line) < 10_000


def until_told(splunkd: Splunkd) -> dict[str, Any]:
    """Return the state of the input as soon as it tells why it waits."""
    deadline = time.monotonic() + 60
    while True:
        found = shown(splunkd, STATE, "main")
        if found["state"] == "waiting to retry":
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
