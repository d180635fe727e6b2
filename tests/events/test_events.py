"""Kind, time, identity and shape of payloads."""

from __future__ import annotations

import json

import pytest
from estreamer import events
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("payload", "record_type", "kind", "time"),
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
    ],
)
def test_kind_and_time_follow_the_table(payload: bytes, record_type: int, kind: str, time: bytes):
    assert events.describe(payload, record_type)[:2] == (kind, time)


@pytest.mark.parametrize("kind", [events.CONNECTION, events.INTRUSION, events.PACKET, events.FILE])
@given(text=st.text(max_size=60), second=st.integers(1, 9_999_999_999))
def test_text_in_a_value_never_passes_for_a_field(kind: str, text: str, second: int):
    hostile = text + '","EventType":"FileEvent", "EventSecond":1, "FirstPacketSecond":2, "PacketSecond":3,{' + text
    name = {"ConnectionEvent": "FirstPacketSecond", "IntrusionPacket": "PacketSecond"}.get(kind, "EventSecond")
    for separators in ((", ", ":"), (",", ": ")):
        payload = json.dumps({"URL": hostile, "EventType": kind, "X": hostile, name: second}, separators=separators)
        assert events.describe(payload.encode(), 0)[:2] == (kind, b"%d" % second)


@given(st.sampled_from([b"", b"1743500734", b"174350073", b"17435007345", b"-743500734"]), st.binary(max_size=8))
def test_the_usual_shape_of_a_connection_is_read_as_any_other(second: bytes, rest: bytes):
    for separator in (b",", b"}", b" ,", b""):
        payload = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":' + second + separator + rest
        assert events.describe(payload, 71) == events._describe_any(payload, 71)


@pytest.mark.parametrize(
    ("payload", "sound"),
    [
        (b'{"EventType":"FileEvent", "EventSecond":6}', True),
        (b'{"EventType":"FileEvent"}\0', False),
        (b' {"EventType":"FileEvent"}', False),
        (b'{"EventType":"FileEvent", "EventSecond":', False),
        (b"[]", False),
        (b'{"EventType":"FileEvent", "A":"' + b"x" * events.MAX_LENGTH + b'"}', False),
    ],
)
def test_a_payload_is_sound_when_its_ends_are_those_of_an_event(payload: bytes, sound: bool):
    assert events.describe(payload, 0)[2] is sound


@pytest.mark.parametrize("padding", [b"\0", b"\r\n", b"\n", b"  ", b"\0\0\r\n \t"])
def test_padding_is_taken_off_and_is_no_problem(padding: bytes):
    assert events.mend(b'{"EventType":"FileEvent"}' + padding) == (b'{"EventType":"FileEvent"}', None)


@pytest.mark.parametrize("payload", [b'{"FileEvent": {"EventSecond":1}}', b"{}", b'{\n "a": 1\n}', b'{"A":"\xc3\xa9"}'])
def test_an_object_of_another_shape_goes_through_untouched(payload: bytes):
    assert events.mend(payload) == (payload, None)


@pytest.mark.parametrize(
    "payload", [b"", b"garbage", b"[1]", b'{"EventType":"FileEvent", "EventSecond":17, "A":', b'"x"']
)
def test_what_is_no_object_becomes_one_that_holds_the_text(payload: bytes):
    mended, problem = events.mend(payload)
    assert problem == "not JSON"
    held = json.loads(mended)
    assert held["estreamer_payload"] == payload.decode()
    assert held["estreamer_length"] == len(payload)
    assert held["estreamer_problem"] == "not JSON"


def test_a_broken_event_keeps_its_kind_and_time_findable():
    mended, _ = events.mend(b'{"EventType":"IntrusionEvent", "EventSecond":17, "EventMicrosecond":5, "A":')
    assert json.loads(mended)["EventType"] == "IntrusionEvent"
    assert json.loads(mended)["EventSecond"] == 17


def test_bytes_that_are_no_utf8_keep_the_fields_and_are_marked():
    mended, problem = events.mend(b'{"EventType":"FileEvent", "FileName":"caf\xe9"}')
    assert problem == "illegal characters"
    assert json.loads(mended) == {
        "EventType": "FileEvent",
        "FileName": "caf\\xe9",
        "estreamer_problem": "illegal characters",
    }


@pytest.mark.parametrize(("raw", "kept"), [(b"\x01", "\x01"), (b"\xef\xbf\xbe", "\ufffe"), (b"\xef\xbf\xbf", "\uffff")])
def test_characters_that_xml_forbids_are_kept_as_json_escapes(raw: bytes, kept: str):
    mended, problem = events.mend(b'{"EventType":"FileEvent", "FileName":"a' + raw + b'b"}')
    assert problem == "illegal characters"
    assert events.legal_text(mended) is not None
    assert json.loads(mended)["FileName"] == f"a{kept}b"


def test_a_lone_surrogate_as_bytes_is_marked_and_its_bytes_shown():
    mended, _ = events.mend(b'{"EventType":"FileEvent", "FileName":"\xed\xa0\x80"}')
    assert json.loads(mended)["FileName"] == "\\xed\\xa0\\x80"


def test_an_escaped_lone_surrogate_is_json_and_goes_through():
    payload = b'{"EventType":"FileEvent", "FileName":"\\ud800"}'
    assert events.mend(payload) == (payload, None)


def test_nesting_beyond_what_python_parses_goes_through():
    payload = b'{"A":' * 10_000 + b"1" + b"}" * 10_000
    assert events.mend(payload) == (payload, None)


@pytest.mark.parametrize("filler", [b"x", b'"', b"\\", b"\xff", b"\x01", b"\xf0\x9f\x98\x80", b"<&>"])
def test_a_payload_beyond_the_limit_is_cut_and_marked(filler: bytes):
    payload = b'{"EventType":"FileEvent", "EventSecond":17, "A":"' + filler * (5 * 1024 * 1024 // len(filler)) + b'"}'
    mended, problem = events.mend(payload)
    assert problem == "too long"
    held = json.loads(mended)
    assert held["estreamer_length"] == len(payload)
    assert held["EventSecond"] == 17
    assert events.MAX_LENGTH * 0.8 < len(mended) < events.MAX_LENGTH + 300


def test_escapes_do_not_make_a_payload_longer_than_the_limit():
    payload = b'{"A":"' + b"\x01" * (events.MAX_LENGTH - 100) + b'"}'
    mended, _ = events.mend(payload)
    assert len(mended) < events.MAX_LENGTH + 300


@given(st.binary(max_size=200))
def test_whatever_comes_is_delivered_as_text_that_xml_can_hold(payload: bytes):
    mended, problem = events.mend(payload)
    assert events.legal_text(mended) is not None
    assert isinstance(json.loads(mended), dict)
    assert problem is None or json.loads(mended)["estreamer_problem"]


KEY = {"DeviceUUID": "d", "InstanceID": 1, "FirstPacketSecond": 10, "ConnectionID": 5}


def wire_form(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(", ", ":")).encode()


def test_identity_ignores_names_and_order_that_another_fmc_renders_otherwise():
    one = wire_form({"EventType": "ConnectionEvent", **KEY, "FirewallRule": "Invalid ID", "InitiatorBytes": 7})
    other = wire_form({"EventType": "ConnectionEvent", "InitiatorBytes": 7, "FirewallRule": "Backup", **KEY})
    assert events.identity(one, "ConnectionEvent") == events.identity(other, "ConnectionEvent")


@pytest.mark.parametrize(
    ("kind", "change"),
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
def test_identity_tells_events_of_one_connection_apart(kind: str, change: dict[str, object]):
    assert events.identity(wire_form(KEY), kind) != events.identity(wire_form({**KEY, **change}), kind)


def test_identity_tells_kinds_apart():
    assert events.identity(wire_form(KEY), "FileEvent") != events.identity(wire_form(KEY), "ConnectionEvent")


@pytest.mark.parametrize("missing", KEY)
def test_without_the_whole_connection_key_there_is_no_identity(missing: str):
    payload = wire_form({name: value for name, value in KEY.items() if name != missing})
    assert events.identity(payload, "ConnectionEvent") is None
