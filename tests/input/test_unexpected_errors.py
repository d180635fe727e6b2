"""An event on which the add-on itself fails: it arrives as text, once, and harms no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from estreamer.events import facts, repair

from standins.fmc.archive import Archive
from standins.fmc.events import Record
from standins.fmc.server import FmcServer
from tests.input.harness import Input

POISON = b'{"EventType":"FileEvent", "EventSecond":1743500000, "FileName":"secret poison"}'
STEPS = {
    "describe": (facts.Describer, "describe"),
    "time": (facts, "times_within_reason"),
    "inspect": (repair.Inspector, "unsound"),
}


@pytest.fixture
def server() -> Iterator[FmcServer]:
    archive = Archive(Record.of(b'{"EventType":"FileEvent", "n":%d}' % number, 5000) for number in range(20))
    archive.append(Record.of(POISON, 5001))
    archive.extend(Record.of(b'{"EventType":"FileEvent", "n":%d}' % number, 5002) for number in range(20, 40))
    with FmcServer(archive) as started:
        yield started
        started.assert_clean()


@pytest.mark.parametrize("step", STEPS)
def test_an_event_that_the_add_on_fails_on_arrives_as_text_and_once(
    tmp_path: Path, server: FmcServer, monkeypatch: pytest.MonkeyPatch, step: str
):
    place, name = STEPS[step]
    usual = getattr(place, name)

    def failing(*arguments: object) -> object:
        found = [one for argument in arguments if isinstance(argument, Sequence) for one in argument]
        if POISON in found or b"1743500000" in found:
            raise ArithmeticError("secret poison")
        return usual(*arguments)

    monkeypatch.setattr(place, name, failing)
    under_test = Input(tmp_path, {"fmc": server})
    arrived = under_test.run_for(41)
    others = [record.payload for record in server.archive.since(0) if record.payload != POISON]
    assert [payload for payload in arrived if b"estreamer_problem" not in payload] == others
    (text,) = [json.loads(payload) for payload in arrived if b"estreamer_problem" in payload]
    assert text["estreamer_problem"] == "not understood"
    assert text["estreamer_payload"].encode() == POISON
    told = under_test.log.fields_of("unexpected_error")
    assert told
    assert {line["error"] for line in told} == {"ArithmeticError"}
    assert "secret poison" not in repr(told)
    # The bookmark has it: it is no reason to deliver anything again at the next start.
    server.archive.append(Record.of(b'{"EventType":"FileEvent", "n":99}', 5003))
    assert under_test.run_for(1) == [b'{"EventType":"FileEvent", "n":99}']
