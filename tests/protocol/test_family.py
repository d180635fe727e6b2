"""A second family of events: asked for in two steps, with records of its own. `Session` carries it as it is."""

from __future__ import annotations

import struct

import pytest
from estreamer.events.records import FullyQualifiedRecords
from estreamer.protocol import wire
from estreamer.protocol.family import AS_IT_IS, Family, Records, Text
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.protocol.session import Session

from standins.fmc.raw_messages import bundle, event, message
from tests.protocol.weather import CHOICE, OFFER, WANTED, Readings, Weather, reading


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_family_with_two_steps_is_asked_for_and_its_records_arrive(cut: int):
    family: Family = Weather(7)
    session = Session(family, 0.0)
    assert session.request == message(WANTED)
    stream = message(0) + message(OFFER, struct.pack(">3H", 5, 6, 7)) + message(0)
    stream += bundle(1, event(reading(1000, -3), 990, record_type=500, version=0)) + event(reading(1001, 4), 991)
    received = [session.receive(stream[at : at + cut], 1.0) for at in range(0, len(stream), cut)]
    assert b"".join(one.answers for one in received) == message(CHOICE, b"\0\7")
    payloads = [payload for one in received for _, _, payload in one.events]
    records: Records = Readings()
    described = records.describe(payloads, [500, 71])
    assert [(event_type, when) for event_type, when, _ in described] == [
        ("Temperature", b"1000"),
        ("Temperature", b"1001"),
    ]
    texts = [records.text(payload, 500, shape).text for payload, (_, _, shape) in zip(payloads, described)]
    assert texts[0] == b'{"EventType":"Temperature", "Second":1000, "Degrees":-3}'
    assert sum(one.acknowledgements for one in received) == 2


def test_what_the_family_cannot_use_ends_the_session_with_its_own_problem():
    session = Session(Weather(9), 0.0)
    received = session.receive(message(OFFER, b"\0\5") + event(b"{}"), 1.0)
    assert received.problem is not None
    assert (received.problem.code, received.events, received.answers) == ("station_missing", [], b"")


def test_a_step_after_the_first_event_is_skipped_and_counted():
    family = Weather(7)
    session = Session(family, 0.0)
    received = session.receive(event(b"{}") + message(OFFER, b"\0\7"), 1.0)
    assert (received.answers, received.unknown, received.unknown_types) == (b"", 1, (OFFER,))
    assert family.asked == []


def test_the_family_of_fully_qualified_events_needs_no_step():
    family: Family = FullyQualified(b"{}", wire.OLDEST)
    session = Session(family, 0.0)
    received = session.receive(message(OFFER, b"\0\7") + event(b"{}"), 1.0)
    assert (received.answers, received.unknown, len(received.events)) == (b"", 1, 1)
    assert family.answer(OFFER, b"") == b""


def test_records_of_fully_qualified_events_are_delivered_as_they_are_or_repaired():
    records: Records = FullyQualifiedRecords()
    good, bad = b'{"EventType":"FileEvent", "FileSize":1}', b'{"EventType":"FileEvent", "FileSize":1'
    (_, _, sound), (_, _, unsound) = records.describe([good, bad], [500, 500])
    assert sound == AS_IT_IS
    text = records.text(bad, 500, unsound)
    assert text.problems == ("not JSON",)
    assert text.text.startswith(b"{")
    unnamed = b'{"FirstPacketSecond":1743500733, "InitiatorIP":"192.0.2.1"}'
    ((_, _, shape),) = records.describe([unnamed], [71])
    assert records.text(unnamed, 71, shape) == Text(b'{"EventType":"ConnectionEvent", ' + unnamed[1:], (), True)
