"""Kind, time and identity of payloads, and what their ends show."""

from __future__ import annotations

import json

import pytest
from estreamer.events import facts
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("payload", "record_type", "event_type", "time"),
    [
        (
            b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1743500734, "A":1}',
            71,
            "ConnectionEvent",
            b"1743500734",
        ),
        (
            b'{"EventType":"IntrusionEvent", "EventSecond":1744752707, "EventMicrosecond":709756}',
            400,
            "IntrusionEvent",
            b"1744752707.709756",
        ),
        (
            b'{"EventType":"IntrusionEvent", "EventSecond":17, "EventMicrosecond":42}',
            400,
            "IntrusionEvent",
            b"17.000042",
        ),
        (b'{"EventType":"IntrusionEvent", "EventSecond":17}', 400, "IntrusionEvent", b"17"),
        (b'{"EventType":"FileEvent", "FirstPacketSecond":5, "EventSecond":6}', 502, "FileEvent", b"6"),
        (b'{"EventType":"FileEvent", "FirstPacketSecond":5}', 502, "FileEvent", b""),
        (b'{"EventType":"IntrusionPacket", "EventSecond":6, "PacketSecond":7}', 2, "IntrusionPacket", b"7"),
        (
            b'{"EventType":"IntrusionPacket", "EventSecond":6, "EventMicrosecond":8}',
            2,
            "IntrusionPacket",
            b"6.000008",
        ),
        (b'{ "A" : [1] ,\n "EventType" : "ConnectionEvent" , "FirstPacketSecond" : 9 }', 2, "ConnectionEvent", b"9"),
        (b'{"ConnectionEvent": {"FirstPacketSecond":12}}', 0, "ConnectionEvent", b"12"),
        (b'{"ConnectionEvent": {"EventType":"FileEvent", "EventSecond":3}}', 0, "FileEvent", b"3"),
        (b'{"FirstPacketSecond":5}', 71, "ConnectionEvent", b"5"),
        (b'{"FirstPacketSecond":5}', 9999, "", b""),
        (b'{"EventType":"NewEvent", "EventSecond":5}', 71, "NewEvent", b""),
        (b'{"EventType":"ConnectionEvent", "FirstPacketSecond":"15"}', 71, "ConnectionEvent", b"15"),
        (b'{"EventType":"ConnectionEvent", "FirstPacketSecond":99999999999999}', 71, "ConnectionEvent", b""),
        (b'{"EventType":"ConnectionEvent", "FirstPacketSecond":-4}', 71, "ConnectionEvent", b""),
        (b"", 71, "ConnectionEvent", b""),
        (b'{"FirstPacketSecond":5, "LastPacketSecond":7}', 71, "ConnectionEvent", b"7"),
        (b'{"LastPacketSecond" : "7", "FirstPacketSecond":5}', 71, "ConnectionEvent", b"7"),
        (b'{"FirstPacketSecond":5, "LastPacketSecond":0}', 71, "ConnectionEvent", b"5"),
        (b'{"FirstPacketSecond":5, "LastPacketSecond":"000"}', 71, "ConnectionEvent", b"5"),
        (b'{"FirstPacketSecond":5, "LastPacketSecond":007}', 71, "ConnectionEvent", b"7"),
        (b'{"FirstPacketSecond":5, "LastPacketSecond":-7}', 71, "ConnectionEvent", b"5"),
        (b'{"FirstPacketSecond":5, "LastPacketSecond":7e9}', 71, "ConnectionEvent", b"5"),
        (b'{"FirstPacketSecond":5, "LastPacketSecond":null}', 71, "ConnectionEvent", b"5"),
        (b'{"FirstPacketSecond":5, "X":"LastPacketSecond", "LastPacketSecond":7}', 71, "ConnectionEvent", b"7"),
        (b'{"EventType":"FileEvent", "EventSecond":6, "LastPacketSecond":7}', 502, "FileEvent", b"6"),
        (b'{"EventType":"ConnectionEvent", "FirstPacketSecond":5.75}', 71, "ConnectionEvent", b"5"),
        (b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1.7e9}', 71, "ConnectionEvent", b""),
        (b'{"EventType":"ConnectionEvent", "FirstPacketSecond":5E3}', 71, "ConnectionEvent", b""),
        (b'{"EventType":"ConnectionEvent", "FirstPacketSecond":' + b"9" * 9000 + b"}", 71, "ConnectionEvent", b""),
    ],
)
def test_event_type_and_time_follow_the_table(payload: bytes, record_type: int, event_type: str, time: bytes):
    assert facts.describe(payload, record_type)[:2] == (event_type, time)


@pytest.mark.parametrize("event_type", [facts.CONNECTION, facts.INTRUSION, facts.PACKET, facts.FILE])
@given(text=st.text(max_size=60), second=st.integers(1, 9_999_999_999))
def test_text_in_a_value_never_passes_for_a_field(event_type: str, text: str, second: int):
    hostile = text + '","EventType":"FileEvent", "EventSecond":1, "FirstPacketSecond":2, "PacketSecond":3,{' + text
    name = {"ConnectionEvent": "FirstPacketSecond", "IntrusionPacket": "PacketSecond"}.get(event_type, "EventSecond")
    for separators in ((", ", ":"), (",", ": ")):
        payload = json.dumps(
            {"URL": hostile, "EventType": event_type, "X": hostile, name: second}, separators=separators
        )
        assert facts.describe(payload.encode(), 0)[:2] == (event_type, b"%d" % second)


SECONDS = (b"", b"1743500734", b"174350073", b"17435007345", b"-743500734", b"0", b'"1743500739"', b"1743500739")
LAST = b'"LastPacketSecond":'


@given(
    st.sampled_from(SECONDS),
    st.sampled_from((b"", b', "A":1', b', "A":"x\\", \\"y", "B":2', b', "A":"LastPacketSecond"')),
    st.sampled_from((*(before + LAST + last for before in (b", ", b",", b" , ", b"x") for last in SECONDS), b"")),
    st.sampled_from((b"}", b', "Z":"z"}', b" ,", b", }")),
)
def test_the_usual_shape_of_a_connection_is_read_as_any_other(first: bytes, middle: bytes, last: bytes, rest: bytes):
    compact = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":' + first + middle + last + rest
    for payload in (compact, compact.replace(b":", b": "), compact.replace(b", ", b","), compact.replace(b":", b" : ")):
        check_that_it_is_read_as_any_other(payload)


def check_that_it_is_read_as_any_other(payload: bytes):
    described = facts._describe_any(payload, 71)
    assert facts.describe(payload, 71) == described
    describer = facts.Describer()
    assert [describer.describe([payload, payload], [71, 71]) for _ in range(2)] == [[described] * 2] * 2


@given(
    st.sampled_from(("FileEvent", "IntrusionEvent", "IntrusionPacket")),
    st.sampled_from(("1743500734", "174350073", "17435007345", "1743500734.5", "17435007e3", '"1743500734"', "0")),
    st.sampled_from(("EventMicrosecond", "PacketSecond", "A")),
    st.sampled_from(("7", "709756", "7097561", "-7", '"709756"')),
    st.sampled_from(("}", ', "EventMicrosecond":1, "EventSecond":2}', " ", ', "A":1')),
)
def test_the_usual_shape_of_another_event_is_read_as_any_other(
    event_type: str, second: str, name: str, value: str, rest: str
):
    compact = f'{{"EventType":"{event_type}", "EventSecond":{second}, "{name}":{value}{rest}'.encode()
    check_that_it_is_read_as_any_other(compact)
    check_that_it_is_read_as_any_other(compact.replace(b":", b": "))
    check_that_it_is_read_as_any_other(compact.replace(b", ", b","))


def test_what_is_remembered_of_one_connection_says_nothing_of_another():
    begin = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1743500734, '
    payloads = [
        begin + b'"A":1}',
        begin + b'"A":1, "LastPacketSecond":1743500739, "B":2}',
        begin + b'"A":1, "LastPacketSecond":1743500739}',
        begin + b'"A":1, "LastPacketSecond":1743500741}',
        b'{"EventType":"FileEvent", "EventSecond":1743500000, "LastPacketSecond":1743500739, "B":2}',
        b'{"FirstPacketSecond":1743500734, "A":1, "LastPacketSecond":1743500739, "B":2}',
    ]
    describer = facts.Describer()
    for _ in range(3):
        described = describer.describe(payloads, [71] * 6)
        assert described == [facts.describe(payload, 71) for payload in payloads]
        assert [time[-3:] for _, time, _ in described] == [b"734", b"739", b"739", b"741", b"000", b"739"]


def test_events_of_servers_that_put_other_blanks_may_follow_each_other():
    compact = (
        b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1743500734, "A":1}',
        b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1743500734, "LastPacketSecond":1743500739, "B":2}',
    )
    payloads = [
        one.replace(b", ", comma).replace(b":", colon)
        for one in compact
        for comma in (b", ", b",")
        for colon in (b":", b": ")
    ]
    describer = facts.Describer()
    for order in (payloads, payloads[::-1], payloads):
        described = describer.describe(order, [71] * 8)
        assert described == [facts._describe_any(payload, 71) for payload in order]
    assert [time[-1:] for _, time, _ in described] == [b"4"] * 4 + [b"9"] * 4


@pytest.mark.parametrize(
    ("payload", "shape"),
    [
        (b'{"EventType":"FileEvent", "EventSecond":6}', facts.SOUND),
        (b'{"EventType":"FileEvent"}\0', facts.UNSOUND),
        (b' {"EventType":"FileEvent"}', facts.UNSOUND),
        (b'{"EventType":"FileEvent", "EventSecond":', facts.UNSOUND),
        (b"[]", facts.UNSOUND),
        (b'{"EventType":"FileEvent", "A":"' + b"x" * facts.MAX_LENGTH + b'"}', facts.UNSOUND),
        (b'{"EventSecond":6}', facts.UNNAMED),
        (b'{"EventSecond":6, "A":"\\"EventType\\":\\"X\\""}', facts.UNNAMED),
        (b"{}", facts.UNNAMED),
        (b'{"EventSecond":6, "EventType":"FileEvent"}', facts.UNSOUND),
        (b'{"EventSecond":6, "EventType":"no word"}', facts.UNSOUND),
        (b'{"EventSecond":6, "EventType":""}', facts.UNSOUND),
        (b'{"FileEvent": {"EventSecond":6}}', facts.UNSOUND),
        (b'{"EventSecond":6}\n', facts.UNSOUND),
    ],
)
def test_a_payload_is_sound_when_its_ends_are_those_of_an_event(payload: bytes, shape: int):
    assert facts.describe(payload, 502)[2] == shape


def test_an_event_of_an_unknown_record_type_is_left_without_event_type():
    assert facts.describe(b'{"EventSecond":6}', 9999) == (facts.UNKNOWN, b"", facts.UNSOUND)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (b'{"FirstPacketSecond":5, "A":"x"}', b'{"EventType":"FileEvent", "FirstPacketSecond":5, "A":"x"}'),
        (b"{}", b'{"EventType":"FileEvent"}'),
        (b"{ }", b'{"EventType":"FileEvent" }'),
        (b'{ "A" : 1 }', b'{"EventType":"FileEvent",  "A" : 1 }'),
    ],
)
def test_an_event_type_is_added_as_the_first_member_and_nothing_else_changes(payload: bytes, named: bytes):
    assert facts.with_event_type(payload, "FileEvent") == named
    assert next(iter(json.loads(named))) == "EventType"
    assert facts.describe(named, 0)[2] == facts.SOUND


NOW = 1764000000
STAMP = NOW - 10
YEAR = 365 * 86400


@pytest.mark.parametrize(
    ("own", "archival", "told"),
    [
        (STAMP, STAMP, STAMP),
        (STAMP - 30 * 86400, STAMP, STAMP - 30 * 86400),
        (STAMP - 30 * 86400 - 1, STAMP, STAMP),
        (STAMP + 3600, STAMP, STAMP + 3600),
        (STAMP + 3601, STAMP, STAMP),
        (0, STAMP, STAMP),
        (1, STAMP, STAMP),
        (4080000000, STAMP, STAMP),
        (4294967295, STAMP, STAMP),
        (9999999999, STAMP, STAMP),
        (STAMP, 0, STAMP),
        (0, 0, NOW),
        (4294967295, 0, NOW),
        (9999999999, 0, NOW),
        (1, 1, NOW),
        (4294967295, 4294967295, NOW),
        (NOW + 86400, NOW + 86400, NOW + 86400),
        (NOW + 86401, NOW + 86401, NOW),
        (STAMP, 4294967295, STAMP),
        (NOW - 9 * YEAR, NOW - 9 * YEAR, NOW - 9 * YEAR),
        (NOW - 11 * YEAR, NOW - 11 * YEAR, NOW),
    ],
)
def test_a_time_counts_within_reason_of_the_archival_time_or_else_of_the_clock(own: int, archival: int, told: int):
    for fraction in (b"", b".000042"):
        time = b"%d" % own + fraction
        expected = time if told == own else b"%d" % told
        found, odd = facts.times_within_reason([time], [archival], NOW + 0.5)
        assert (list(found), odd) == ([expected], told != own)
        # Among others it comes to the same.
        times, archivals = [b"%d" % STAMP, time, b""], [STAMP, archival, STAMP]
        found, odd = facts.times_within_reason(times, archivals, NOW + 0.5)
        assert (list(found), odd) == ([b"%d" % STAMP, expected, b"%d" % STAMP], told != own)


def test_an_event_without_a_time_has_its_archival_time_or_the_clock_and_is_not_odd():
    assert facts.times_within_reason([b"", b""], [STAMP, 0], NOW + 0.5) == ([b"%d" % STAMP, b"%d" % NOW], 0)
    assert facts.times_within_reason([], [], NOW) == ([], 0)


@pytest.mark.parametrize(
    ("second", "own"),
    [
        ("1743500734", 1743500734),
        ("4294967295", 4294967295),
        ("4294967296", 0),
        ("9999999999", 0),
        ("9" * 5000, 0),
        ("-5", 0),
        ("1743500734.9", 1743500734),
        ("1e999", 0),
        ("NaN", 0),
        ('"1743500734"', 1743500734),
        ('"' + "7" * 11 + '"', 0),
        ("null", 0),
        ("[1743500734]", 0),
        ("\u0661", 0),
    ],
)
@pytest.mark.parametrize("name", ["FirstPacketSecond", "LastPacketSecond"])
def test_the_own_second_fits_the_bookmark_and_never_raises_whatever_the_number(name: str, second: str, own: int):
    for payload in (f'{{"EventType":"ConnectionEvent", "{name}":{second}, "A":1}}', f'{{"A":1, "{name}":{second}}}'):
        assert facts.second_of(payload.encode(), 71) == own


KEY = {"DeviceUUID": "d", "InstanceID": 1, "FirstPacketSecond": 10, "ConnectionID": 5}


def wire_form(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(", ", ":")).encode()


def test_identity_ignores_names_and_order_that_another_fmc_renders_otherwise():
    one = wire_form({"EventType": "ConnectionEvent", **KEY, "FirewallRule": "Invalid ID", "InitiatorBytes": 7})
    other = wire_form({"EventType": "ConnectionEvent", "InitiatorBytes": 7, "FirewallRule": "Backup", **KEY})
    assert facts.identity(one, "ConnectionEvent") == facts.identity(other, "ConnectionEvent")


@pytest.mark.parametrize(
    ("event_type", "change"),
    [
        ("ConnectionEvent", {"LastPacketSecond": 12}),
        ("ConnectionEvent", {"ConnectionID": 6}),
        ("ConnectionEvent", {"InitiatorPackets": 6}),
        ("IntrusionEvent", {"SignatureID": 6}),
        ("IntrusionEvent", {"EventMicrosecond": 6}),
        ("FileEvent", {"FileSHA256": "ab"}),
        ("FileEvent", {"FileName": 'a"b'}),
    ],
)
def test_identity_tells_events_of_one_connection_apart(event_type: str, change: dict[str, object]):
    assert facts.identity(wire_form(KEY), event_type) != facts.identity(wire_form({**KEY, **change}), event_type)


def test_identity_tells_event_types_apart():
    assert facts.identity(wire_form(KEY), "FileEvent") != facts.identity(wire_form(KEY), "ConnectionEvent")


@pytest.mark.parametrize("missing", KEY)
def test_without_the_whole_connection_key_there_is_no_identity(missing: str):
    payload = wire_form({name: value for name, value in KEY.items() if name != missing})
    assert facts.identity(payload, "ConnectionEvent") is None
