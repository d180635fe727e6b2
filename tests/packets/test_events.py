"""The packet of an event is found whatever its field and its encoding are called, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from estreamer.packets import find as packet_events
from estreamer.packets import layers
from estreamer.packets.find import NoPacket, Options
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.fmc import packets as made
from standins.fmc.variety import varied_events
from tests.patterns.growth import is_linear

FRAME = made.frame(made.tcp("192.0.2.10", "198.51.100.7", (50123, 443), b"hello, world"))
RAW = made.udp("2001:db8::10", "2001:db8:ffff::7", (50123, 53), b"hello, world")
KEY = {"DeviceUUID": "e8566508-eaa9-11e5-860f-de3e305d8269", "InstanceID": 3, "PriorityID": 1}
PAIRS = [FRAME[n : n + 1].hex() for n in range(len(FRAME))]


def find(options: Options | None = None, **event: Any) -> packet_events.Found:
    return packet_events.find({**KEY, **event}, options or Options(), 1744752707.25)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRAME.hex(), "hex"),
        (FRAME.hex().upper(), "hex"),
        ("0x" + FRAME.hex(), "hex"),
        (" ".join(PAIRS), "hex"),
        (":".join(PAIRS), "hex"),
        ("-".join(PAIRS), "hex"),
        ("".join(f"\\x{pair}" for pair in PAIRS), "hex"),
        (" ".join(f"0x{pair}" for pair in PAIRS), "hex"),
        ("\n".join(PAIRS), "hex"),
        (base64.b64encode(FRAME).decode(), "base64"),
        (base64.b64encode(FRAME).decode().rstrip("="), "base64"),
        (base64.urlsafe_b64encode(FRAME).decode(), "base64"),
        (base64.encodebytes(FRAME).decode(), "base64"),
    ],
)
@pytest.mark.parametrize("name", ["PacketData", "packet", "SomethingNobodyHeardOf"])
def test_every_encoding_is_recognised_under_any_name(name: str, text: str, encoding: str) -> None:
    found = find(None, **{name: text})
    assert (found.field, found.encoding, found.content, found.link) == (name, encoding, FRAME, layers.ETHERNET)


def test_length_tells_which_of_two_texts_is_the_packet() -> None:
    noise = bytes(range(200, 250))
    found = find(First=FRAME.hex(), Second=base64.b64encode(noise).decode(), PacketLength=50)
    assert (found.field, found.content) == ("Second", noise)


def test_name_tells_where_bytes_do_not() -> None:
    noise = bytes(range(200, 230))
    assert find(Other=FRAME.hex(), PacketData=noise.hex()).field == "PacketData"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"FileSHA256": FRAME.hex()[:64]},
        {"SSL_CertFingerprint": FRAME.hex()},
        {"IntrusionPolicy": "BalancedSecurityAndConnectivityX"},
        {"Number": "12345678901234567890123456789012"},
        {"PacketData": "not a packet at all!"},
        {"PacketData": 4711},
        {"PacketData": ""},
        {"PacketData": "abcd"},
    ],
)
def test_what_nothing_speaks_for_is_no_packet(event: dict[str, Any]) -> None:
    with pytest.raises(NoPacket, match=r"^No packet was recognized in any field of the event"):
        find(**event)


def test_field_encoding_and_link_type_can_be_named() -> None:
    text = "beefcafe" * 4
    found = find(Options("Digest", "base64", 101), Digest=text)
    assert (found.content, found.encoding, found.link) == (base64.b64decode(text), "base64", 101)
    assert find(Options("Digest"), Digest=text).encoding == "hex"
    with pytest.raises(NoPacket, match=r"^The event has no field Absent\.$"):
        find(Options("Absent"))
    with pytest.raises(NoPacket, match=r"^The field Words is not hexadecimal or base64\.$"):
        find(Options("Words"), Words="some words")
    with pytest.raises(NoPacket, match=r"^The field Words is not hex\.$"):
        find(Options("Words", "hex"), Words="xyz")


@pytest.mark.parametrize(
    ("told", "link", "notes"),
    [
        ({"LinkType": 101}, 101, ()),
        ({"LinkType": "101"}, 101, ()),
        ({"link_type": "Ethernet"}, 1, ()),
        ({"LinkType": 65_536}, 101, ("The link type 65536 is not known.",)),
        ({"LinkType": -1}, 101, ("The link type -1 is not known.",)),
        ({"LinkType": "x" * 5000}, 101, (f"The link type {'x' * 40!r} is not known.",)),
        ({"LinkType": [[["deep"]]]}, 101, ("The link type (a list or an object) is not known.",)),
        ({"PacketLinkType": 113}, 113, ()),
        ({"LinkType": "carrier pigeon"}, 101, ("The link type 'carrier pigeon' is not known.",)),
        ({}, 101, ()),
    ],
)
def test_link_type_is_what_the_event_says_else_what_the_bytes_say(
    told: dict[str, Any], link: int, notes: tuple[str, ...]
) -> None:
    found = find(PacketData=RAW.hex(), **told)
    assert (found.link, found.notes) == (link, notes)


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ({"PacketSecond": 7, "PacketMicrosecond": 9, "EventSecond": 1}, (7, 9)),
        ({"EventSecond": 1, "EventMicrosecond": 2}, (1, 2)),
        ({"PacketSecond": "7", "PacketMicrosecond": 1_000_000}, (7, 0)),
        ({}, (1744752707, 250000)),
    ],
)
def test_time_is_the_packets_own_else_the_events(told: dict[str, Any], moment: tuple[int, int]) -> None:
    found = find(PacketData=FRAME.hex(), **told)
    assert (found.second, found.microsecond) == moment


@pytest.mark.parametrize("odd", [-1, 1 << 32, 9999999999, 10**19, 7.5, "x", True, "\u0661", "9" * 5000, [7], {}])
def test_time_that_no_file_can_hold_is_not_the_packets_and_is_told(odd: Any) -> None:
    found = find(PacketData=FRAME.hex(), PacketSecond=odd, EventSecond=5, EventMicrosecond=10**9)
    assert (found.second, found.microsecond) == (5, 0)
    (note,) = found.notes
    assert note.startswith("PacketSecond ")
    assert note.endswith(" is not a time between 1970 and 2106.")
    assert len(note) < 120


def test_length_on_the_wire_is_kept_of_a_cut_packet() -> None:
    found = find(PacketData=FRAME[:40].hex(), PacketLength=len(FRAME))
    assert (len(found.content), found.length) == (40, len(FRAME))


def test_too_long_is_no_packet() -> None:
    with pytest.raises(NoPacket, match=r"^The field PacketData holds more than 262144 bytes"):
        find(PacketData="00" * 262145)


def test_identity_is_of_bytes_and_time() -> None:
    one = find(PacketData=FRAME.hex(), PacketSecond=7)
    assert one.identity == find(Other=base64.b64encode(FRAME).decode(), PacketSecond=7).identity
    others = [find(PacketData=FRAME.hex(), PacketSecond=8), find(PacketData=FRAME[:-1].hex(), PacketSecond=7)]
    assert one.identity not in [other.identity for other in others]
    assert len(one.identity) == 16


def test_wrapped_event_is_unwrapped() -> None:
    inside, whole = packet_events.members(json.dumps({"IntrusionPacket": {"PacketData": FRAME.hex()}}))
    assert (inside, whole) == ({"PacketData": FRAME.hex()}, True)


def test_what_came_of_a_cut_event_is_found() -> None:
    raw = json.dumps({**KEY, "PacketSecond": 7, "PacketData": FRAME.hex()})
    inside, whole = packet_events.members(raw[:-30])
    found = packet_events.find(inside, Options(), 0, whole)
    assert FRAME.startswith(found.content)
    assert len(found.content) == len(FRAME) - 14
    assert (found.second, found.notes) == (7, ("The event was cut, and perhaps the packet with it.",))


PART = ('{"EventType":"IntrusionPacket", "A":1, "PacketSecond":7, "PacketData":"', FRAME.hex())


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (PART[0] + PART[1], {"EventType": "IntrusionPacket", "A": 1, "PacketSecond": 7, "PacketData": PART[1]}),
        ('{"a":"b","n":12', {"a": "b"}),
        ('{"a":"b","n":12,', {"a": "b", "n": 12}),
        ('{"a":"b","n":', {"a": "b"}),
        ('{"a":"b","n"', {"a": "b"}),
        ('{"a":"b","n', {"a": "b"}),
        ('{"a":nan,"b":"c"}', {"b": "c"}),
        ('{"a":"EXAMPLE\\qbob","b":"c"}', {"a": "EXAMPLE\\qbob", "b": "c"}),
        ('{"a":"say \\"x\\", \\"y\\":1","b":"c\\u00e4\\/"', {"a": 'say "x", "y":1', "b": "c\u00e4/"}),
        ('{"a":"cut \\', {"a": "cut \\"}),
        ('{"a":"cut \\u00', {"a": "cut \\u00"}),
        ('{"IntrusionPacket":{"a":"b","c":5,"d":{"e":"f"},"g":"h', {"a": "b", "c": 5, "d": {"e": "f"}, "g": "h"}),
        ('{"a":"b","d":{"e":"f","g":"h', {"a": "b", "g": "h"}),
        ('{"a":[1,"b":"c"}', {"b": "c"}),
        ('{"a" : "b" , "c" :\t7 ,\n"d":true}x', {"a": "b", "c": 7, "d": True}),
        ('{"a":' + "1" * 30 + ',"b":1e' + "1" * 50 + ',"c":"d"', {"a": None, "b": None, "c": "d"}),
        ("{", {}),
        ('{,:}"', {}),
    ],
)
def test_members_of_a_broken_event_are_read_as_far_as_they_go(raw: str, wanted: dict[str, Any]) -> None:
    assert packet_events.members(raw) == (wanted, False)


HOSTILE = {
    "a text without an end": ('{"PacketData":"', '\\"', ""),
    "names without an end": ("{", '"a":"', ""),
    "quotes": ("{", '"', ""),
    "escapes": ('{"a":"', "\\", ""),
    "escaped escapes": ('{"a":"', '\\\\\\"', "x"),
    "blanks": ('{"a"', " ", "x"),
    "commas": ("{", ",", ""),
    "members without a value": ("{", '"a":,', ""),
    "lists in lists": ('{"a":', "[", ""),
    "objects in objects": ("", '{"a":', ""),
    "lists and members": ('{"z":0', ',"a":[0', ""),
    "objects and members": ('{"z":0', ',"a":{"b":0', ""),
    "broken lists": ('{"z":0', ',"a":[0 0]', ""),
    "digits": ('{"a":', "1", ""),
    "decimals": ('{"a":0.', "1", "e5"),
    "exponents": ('{"a":1e', "1", "}"),
    "hexadecimal digits": ('{"PacketData":"', "ab ", 'x"}'),
    "prefixes": ('{"PacketData":"', "\\\\x", '"}'),
    "zeros": ('{"PacketData":"', "0", 'x"}'),
    "separators": ('{"PacketData":"', ": ", '"}'),
    "base64": ('{"PacketData":"', "A", '!"}'),
    "padding": ('{"PacketData":"AAAA', "=", '"}'),
    "a whole event of many members": ('{"z":0', ',"a":"b"', "}"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_the_cost_of_a_hostile_event_grows_as_its_length_does(case: str) -> None:
    """Sixteen kilobytes took eleven seconds once. Of each size, the quickest of some runs."""
    begin, piece, end = HOSTILE[case]

    def look(length: int) -> None:
        inside, whole = packet_events.members(begin + piece * (length // len(piece)) + end)
        with suppress(NoPacket):
            packet_events.find(inside, Options(), 0, whole)

    assert is_linear(look, 10_000)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=300))
def test_no_text_breaks_the_search_for_a_packet(raw: str) -> None:
    for text in (raw, '{"PacketData":"' + raw):
        inside, whole = packet_events.members(text)
        try:
            packet_events.find(inside, Options(), 0, whole)
        except NoPacket as reason:
            assert str(reason).endswith(".")


def test_made_events_of_all_protocols_are_found_and_decoded() -> None:
    met: set[str] = set()
    encodings: set[str] = set()
    for record in varied_events(7, 6000):
        if record.event_type != "IntrusionPacket":
            continue
        event = json.loads(record.payload)
        found = packet_events.find(event, Options(), record.archival)
        decoded = layers.decode(found.content, found.link)
        encodings.add(found.encoding)
        met |= {layer.name for layer in decoded.layers}
        address = decoded.layer("IPv4", "IPv6")
        if address:
            assert address.value("source") == event["InitiatorIP"]
            assert address.value("destination") == event["ResponderIP"]
    assert met >= {"Ethernet", "802.1Q", "802.1ad", "IPv4", "IPv6", "TCP", "UDP", "ICMP", "ICMPv6"}
    assert encodings == {"hex", "base64"}
