"""Events that are not as they should be, through the loop: what arrives, under which time, and what is told."""

from __future__ import annotations

import json
import time

import pytest
from estreamer.events import repair

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator, Record
from tests.input.harness import Make

KEY = b'"DeviceUUID":"0a1b2c3d-0000-4000-8000-000000000001", "InstanceID":1, "ConnectionID":%d'


def connection(number: int, second: object, rest: bytes = b"") -> bytes:
    begin = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":' + str(second).encode()
    return begin + b", " + KEY % number + rest + b"}"


def among_others(odd: list[bytes], stamp: int, record_type: int = 71) -> Archive:
    """An archive of ordinary events with odd ones among them, a second for every five."""
    archive = Archive()
    for number in range(len(odd) * 5):
        second = stamp + number // 5
        archive.append(Record.of(connection(number, second, b', "A":"x"'), second))
        if number % 5 == 3:
            archive.append(Record.of(odd[number // 5], second, record_type))
    return archive


def seconds_ago(seconds: int) -> int:
    return int(time.time()) - seconds


BROKEN = {
    rb', "UserName":"EXAMPLE\jdoe"': ("unescaped backslash", "UserName", r"EXAMPLE\jdoe"),
    rb', "UserName":"EXAMPLE\ulrich"': ("unescaped backslash", "UserName", r"EXAMPLE\ulrich"),
    b', "URL":"http://a.example/?q="x""': ("not JSON", "ConnectionID", None),
    b', "EVE_ThreatConfidencePct":nan': ("not a number", "EVE_ThreatConfidencePct", "nan"),
    b', "EVE_ThreatConfidencePct":NaN, "A":1': ("not a number", "EVE_ThreatConfidencePct", "NaN"),
    b', "A":-Infinity, "B":1': ("not a number", "A", "-Infinity"),
    b', "A":1}{"EventType":"ConnectionEvent", "B":2': ("not JSON", "ConnectionID", None),
    b', "A":1}, {"EventType":"ConnectionEvent", "B":2': ("not JSON", "ConnectionID", None),
    b', "URL":"a\tb"': ("illegal characters", "URL", "a\tb"),
    b', "URL":"a\nb"': ("illegal characters", "URL", "a\nb"),
    b', "URL":"a\rb"': ("illegal characters", "URL", "a\rb"),
    b', "URL":"a\x1bb"': ("illegal characters", "URL", "a\x1bb"),
}


@pytest.mark.parametrize("style", ["bare", "bundles"])
def test_events_that_are_not_json_inside_are_repaired_or_marked_counted_and_told_of(make: Make, style: str):
    stamp = seconds_ago(600)
    odd = [connection(1000 + place, stamp, rest) for place, rest in enumerate(BROKEN)]
    archive = among_others(odd, stamp)
    under_test = make(archive, Behaviour(style=style))
    arrived = under_test.run_for(len(archive.since(0)))
    marked = [json.loads(payload) for payload in arrived if b"estreamer_problem" in payload]
    assert len(marked) == len(BROKEN)
    for event, payload, (problem, field, value) in zip(marked, odd, BROKEN.values()):
        assert event["estreamer_problem"] == problem
        assert event["EventType"] == "ConnectionEvent"
        assert event["FirstPacketSecond"] == stamp
        assert event.get(field) == value
        assert problem != "not JSON" or event["estreamer_payload"] == payload.decode()
    assert [payload for payload in arrived if b"estreamer_problem" not in payload] == [
        record.payload for record in archive.since(0) if record.payload not in odd
    ]
    assert under_test.log.total("malformed") == len(BROKEN)
    told = under_test.log.fields_of("malformed")
    assert sum(int(str(line["events"])) for line in told) == len(BROKEN)
    kinds = ", ".join(str(line["kinds"]) for line in told)
    assert all(problem in kinds for problem, _, _ in BROKEN.values())
    # What was delivered is known by what was sent.
    assert under_test.run_for(0) == []


def test_what_is_wrong_with_events_is_told_once_a_minute_however_many_there_are(make: Make):
    stamp = seconds_ago(600)
    archive = among_others([connection(number, 0, b', "A":nan') for number in range(300)], stamp)
    under_test = make(archive)
    under_test.run_for(len(archive.since(0)))
    assert under_test.log.total("malformed") == under_test.log.total("odd_times") == 300
    assert [line["events"] for line in under_test.log.fields_of("malformed")] == [300]
    assert [line["kinds"] for line in under_test.log.fields_of("malformed")] == ["not a number: 300"]
    assert [line["events"] for line in under_test.log.fields_of("odd_times")] == [300]


ODD_TIMES = [0, 1, 4080000000, 4294967295, 9999999999]


@pytest.mark.parametrize("style", ["bare", "bundles"])
def test_an_event_whose_time_is_beyond_reason_is_filed_under_its_archival_time(make: Make, style: str):
    stamp = seconds_ago(3600)
    odd = [connection(1000 + place, second) for place, second in enumerate(ODD_TIMES)]
    archive = among_others(odd, stamp)
    under_test = make(archive, Behaviour(style=style))
    assert under_test.run_for(len(archive.since(0))) == [record.payload for record in archive.since(0)]
    times = [int(event["time"]) for event in under_test.reader.events()]
    assert times == [record.archival for record in archive.since(0)]
    assert under_test.log.total("odd_times") == len(odd)
    assert under_test.log.total("malformed") == 0
    assert under_test.run_for(0) == []


def test_an_archival_time_that_is_beyond_reason_is_not_believed_either(make: Make):
    later = seconds_ago(-30 * 86400)
    archive = Archive([Record.of(connection(7, later), later)])
    under_test = make(archive)
    begun = int(time.time())
    under_test.run_for(1)
    assert begun <= int(under_test.reader.events()[0]["time"]) <= int(time.time())
    assert under_test.log.total("odd_times") == 1


@pytest.mark.parametrize("second", ["9999999999", "4294967296", "9" * 5000, "-1", "1e400", '"x"', "null", "1.5"])
def test_no_number_in_an_event_without_archival_timestamp_ends_the_stream(make: Make, second: str):
    stamp = seconds_ago(600)
    archive = among_others([connection(1000, second), connection(1001, stamp)], stamp)
    under_test = make(archive, Behaviour(extended="never"))
    assert under_test.run_for(len(archive.since(0))) == [record.payload for record in archive.since(0)]
    assert under_test.log.fields_of("unexpected_error") == []
    assert under_test.log.fields_of("figures")[-1]["bookmark"] in range(stamp - 1, stamp + 3)
    begun = stamp - 1
    assert all(begun <= float(event["time"]) <= time.time() for event in under_test.reader.events())


@pytest.mark.parametrize(
    ("record_type", "event_type", "member"),
    [
        (71, "ConnectionEvent", b"FirstPacketSecond"),
        (400, "IntrusionEvent", b"EventSecond"),
        (500, "FileEvent", b"EventSecond"),
        (502, "FileEvent", b"EventSecond"),
        (2, "IntrusionPacket", b"PacketSecond"),
    ],
)
def test_an_event_without_event_type_gets_that_of_its_record_type_first(
    make: Make, record_type: int, event_type: str, member: bytes
):
    stamp = seconds_ago(600)
    nameless = [b'{"' + member + b'":%d, "A":"%s"}' % (stamp - 5, text) for text in (b"x", b"y", b"y")]
    archive = Archive(Record.of(payload, stamp, record_type) for payload in nameless)
    archive.append(Record.of(b'{"EventSecond":1, "A":"z"}', stamp, 9999))
    archive.append(Record.of(b'{"ConnectionEvent": {"FirstPacketSecond":%d}}' % stamp, stamp, record_type))
    archive.append(Record.of(nameless[0] + b"\0", stamp, record_type))
    under_test = make(archive)
    named = [b'{"EventType":"' + event_type.encode() + b'", ' + payload[1:] for payload in nameless]
    untouched = [record.payload for record in archive.since(0)][3:5]
    assert under_test.run_for(6) == [*named, *untouched, named[0]]
    assert [int(event["time"]) for event in under_test.reader.events()][:3] == [stamp - 5] * 3
    assert under_test.log.total("event_types_added") == 4
    assert under_test.log.total("malformed") == 0
    # What was delivered is known by what was sent.
    assert under_test.run_for(0) == []


def test_a_connection_is_filed_under_its_last_packet_wherever_that_stands(make: Make):
    stamp = seconds_ago(600)
    first = stamp - 3 * 86400
    payloads = [
        connection(1, first),
        connection(2, first, b', "LastPacketSecond":%d' % stamp),
        connection(3, first, b', "A":"' + b"x" * 3000 + b'", "LastPacketSecond" : "%d", "B":1' % (stamp - 1)),
        connection(4, first, b', "LastPacketSecond":0'),
        b'{"LastPacketSecond":%d, "EventType":"ConnectionEvent", "FirstPacketSecond":%d}' % (stamp - 2, first),
        b'{"FirstPacketSecond":%d, "LastPacketSecond":%d}' % (first, stamp - 3),
        b'{"ConnectionEvent": {"FirstPacketSecond":%d, "LastPacketSecond":%d}}' % (first, stamp - 4),
    ]
    archive = Archive(Record.of(payload, stamp, 71) for payload in payloads)
    under_test = make(archive)
    under_test.run_for(len(payloads))
    times = [int(event["time"]) for event in under_test.reader.events()]
    assert times == [first, stamp, stamp - 1, first, stamp - 2, stamp - 3, stamp - 4]
    assert under_test.log.total("odd_times") == 0


def test_ordinary_events_pass_byte_for_byte_however_closely_they_are_looked_at(make: Make):
    archive = Archive.generated(repair.FIRST * 2, EventGenerator())
    under_test = make(archive)
    assert under_test.run_for(repair.FIRST * 2) == [record.payload for record in archive.since(0)]
    figures = ("malformed", "event_types_added", "odd_times")
    assert [under_test.log.total(figure) for figure in figures] == [0, 0, 0]
    assert under_test.log.fields_of("malformed") == under_test.log.fields_of("odd_times") == []
