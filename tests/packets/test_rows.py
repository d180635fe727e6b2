"""What the command makes of an event: a row for the packet, for each 16 bytes, or for each field of its headers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from estreamer.packets import rows as packet_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.fmc import packets as made

FRAME = made.frame(made.udp("192.0.2.10", "198.51.100.7", (50123, 53), b"hi"), [(0x8100, 100)])
EVENT = {"_time": "1744752707.5", "_raw": json.dumps({"PacketData": FRAME.hex(), "PacketSecond": 7}), "src": "a"}
NONE = {"_time": "1744752707.5", "_raw": json.dumps({"EventType": "ConnectionEvent"}), "src": "a"}


def rows(event: dict[str, Any], **arguments: str) -> list[packet_rows.Row]:
    return list(packet_rows.rows(event, packet_rows.parse(arguments)))


def test_packet_is_told_in_one_row_beside_the_fields_of_its_event() -> None:
    (row,) = rows(EVENT)
    assert list(row) == [*EVENT, *packet_rows.PACKET_COLUMNS]
    assert {name: value for name, value in row.items() if name not in EVENT} == {
        "packet_id": row["packet_id"],
        "packet_time": "7.000000",
        "packet_length": "60",
        "packet_wire_length": "60",
        "packet_field": "PacketData",
        "packet_encoding": "hex",
        "packet_link": "Ethernet",
        "packet_link_type": "1",
        "packet_layers": ["Ethernet", "802.1Q", "IPv4", "UDP"],
        "packet_src_mac": "0a:00:00:00:00:01",
        "packet_dest_mac": "0a:00:00:00:00:02",
        "packet_vlan": ["100"],
        "packet_src_ip": "192.0.2.10",
        "packet_dest_ip": "198.51.100.7",
        "packet_ttl": "64",
        "packet_protocol": "udp",
        "packet_src_port": "50123",
        "packet_dest_port": "53",
        "packet_tcp_flags": None,
        "packet_icmp_type": None,
        "packet_icmp_code": None,
        "packet_payload_offset": "46",
        "packet_payload_length": "2",
        "packet_payload": "hi",
        "packet_hex": FRAME.hex(),
        "packet_problem": None,
    }


def test_event_without_a_packet_says_why_and_keeps_its_fields() -> None:
    (row,) = rows(NONE)
    assert list(row) == [*NONE, *packet_rows.PACKET_COLUMNS]
    assert row["packet_problem"] == (
        "No packet was recognized in any field of the event. Name the field by field=NAME."
    )
    assert [name for name, value in row.items() if value is not None] == [*NONE, "packet_problem"]
    assert rows(NONE, rows="dump") == rows(NONE, rows="layers") == rows(NONE, packet="0" * 16) == []


def test_fields_of_a_search_serve_where_it_has_dropped_the_text_of_the_event() -> None:
    (row,) = rows({"_time": "3.25", "bytes": FRAME.hex()}, field="bytes")
    assert (row["packet_protocol"], row["packet_time"]) == ("udp", "3.250000")
    (row,) = rows({**NONE, "bytes": FRAME.hex()}, field="bytes")
    assert row["packet_protocol"] == "udp"


def test_what_an_earlier_run_has_found_serves_again_without_the_event() -> None:
    (row,) = rows({**EVENT, "_raw": json.dumps({"PacketData": FRAME[:50].hex(), "LinkType": 1, "PacketLength": 60})})
    kept = ("packet_hex", "packet_time", "packet_link_type", "packet_wire_length", "packet_field", "packet_encoding")
    (again,) = rows({name: row[name] for name in kept})
    assert [again[name] for name in packet_rows.PACKET_COLUMNS] == [row[name] for name in packet_rows.PACKET_COLUMNS]
    (other,) = rows(
        {"packet_hex": row["packet_hex"], "packet_time": row["packet_time"]}, field="packet_hex", link="101"
    )
    assert other["packet_link_type"] == "101"


OTHER = made.frame(made.udp("203.0.113.66", "203.0.113.67", (666, 666), b"forged"))
FORGED = {
    "packet_hex": OTHER.hex(),
    "packet_time": "1.000000",
    "packet_link_type": "101",
    "packet_wire_length": "7",
    "packet_id": "0" * 16,
    "packet_field": "forged",
    "packet_encoding": "forged",
}


@pytest.mark.parametrize("kind", ["packets", "dump", "layers"])
@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"PacketData": FRAME.hex(), "PacketSecond": 7, **FORGED}),
        json.dumps({**FORGED, "PacketData": FRAME.hex(), "PacketSecond": 7}).replace("packet_hex", "packet\\u005fhex"),
        json.dumps({"PacketData": FRAME.hex(), "PacketSecond": 7, **FORGED})[:-3],
    ],
    ids=["whole", "escaped", "cut"],
)
def test_members_of_an_event_never_pass_for_what_the_command_has_found(raw: str, kind: str) -> None:
    """Splunk makes a field of each member, so an event with packet_ members has the fields of an earlier run."""
    event = {"_time": "1744752707.5", "_raw": raw, "PacketData": FRAME.hex(), **FORGED}
    names = {"PacketData": FRAME.hex(), "PacketSecond": 7}
    own = rows({"_time": event["_time"], "_raw": json.dumps(names)}, rows=kind)
    found = rows(event, rows=kind)
    ignored = {"_raw", "_time", "PacketData", "packet_problem"}
    assert found[0]["packet_id"] == own[0]["packet_id"]
    told = [
        {name: cell for name, cell in row.items() if name not in ignored} for row in found if row.get("layer") != "Note"
    ]
    assert told == [{name: cell for name, cell in row.items() if name not in ignored} for row in own]


def test_the_command_twice_on_an_event_finds_what_it_found_once() -> None:
    once = rows(EVENT)[0]
    assert rows(once) == [once]
    assert rows({**once, "packet_hex": OTHER.hex(), "packet_time": "9.000000"}) == [once]


@pytest.mark.parametrize(
    "broken",
    [
        {"packet_hex": "xy"},
        {"packet_hex": ["ab", "cd"]},
        {"packet_hex": "00" * 262_145},
        {"packet_time": "soon"},
        {"packet_time": "-1.000000"},
        {"packet_time": "4294967296.000000"},
        {"packet_time": "1.1000000"},
        {"packet_time": "1"},
        {"packet_time": ["1.000000"]},
        {"packet_link_type": None},
        {"packet_link_type": "65536"},
        {"packet_link_type": "\u0661"},
    ],
    ids=lambda broken: ascii(broken)[:50],
)
def test_what_is_not_of_an_earlier_run_is_not_taken_for_it(broken: dict[str, Any]) -> None:
    (row,) = rows(EVENT)
    (again,) = rows({**row, **broken, "_raw": None})
    assert again["packet_problem"] is not None


def test_dump_has_all_bytes_in_rows_of_sixteen() -> None:
    found = rows(EVENT, rows="dump")
    assert all(list(row) == list(packet_rows.DUMP_COLUMNS) for row in found)
    assert [(row["offset"], row["layer"]) for row in found] == [
        ("0000", "Ethernet, 802.1Q"),
        ("0010", "IPv4"),
        ("0020", "UDP, Payload"),
        ("0030", None),
    ]
    assert bytes.fromhex("".join(str(row["hex"]) for row in found)) == FRAME
    assert found[2]["text"] == made_text(FRAME[32:48])


def test_dump_ends_behind_the_longest_ip_packet_and_says_so() -> None:
    found = rows({"_raw": json.dumps({"PacketData": "ab" * 262_144})}, rows="dump")
    assert len(found) == 66 * 1024 // 16 + 1
    assert bytes.fromhex("".join(str(row["hex"]) for row in found[:-1])) == b"\xab" * 66 * 1024
    assert list(found[-1].values())[2:] == [
        "10800",
        None,
        "194560 more bytes are not shown; all are in packet_hex and in the PCAP file.",
        "Note",
    ]


@pytest.mark.parametrize("kind", ["dump", "layers"])
def test_rows_of_many_events_are_bounded_and_say_so(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_rows, "MOST_ROWS", 10)
    arguments = packet_rows.parse({"rows": kind})
    one = len(rows(EVENT, rows=kind))
    found = list(packet_rows.rows_of([EVENT, NONE] * 50, arguments))
    shown = -(-10 // one)
    assert len(found) == shown * one + 1
    assert all(list(row) == list(found[0]) for row in found)
    assert f"{50 - shown} more packets are not shown: this part of the search has {shown * one} rows already." in str(
        found[-1]
    )
    assert len(list(packet_rows.rows_of([EVENT, NONE] * 50, packet_rows.parse({})))) == 100
    wanted = packet_rows.parse({"rows": kind, "packet": "0" * 16})
    assert list(packet_rows.rows_of([EVENT] * 50, wanted)) == []


def made_text(content: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in content)


def test_layers_have_a_row_for_each_field_and_for_what_is_behind_them() -> None:
    found = rows(EVENT, rows="layers")
    assert all(list(row) == list(packet_rows.LAYER_COLUMNS) for row in found)
    assert [tuple(row.values())[2:] for row in found if row["layer"] in ("802.1Q", "UDP", "Payload", "Padding")] == [
        ("802.1Q", "14", "4", "VLAN", "100"),
        ("802.1Q", "14", "4", "priority", "0"),
        ("802.1Q", "14", "4", "drop eligible", "0"),
        ("802.1Q", "14", "4", "type", "0x0800 (IPv4)"),
        ("UDP", "38", "8", "source port", "50123"),
        ("UDP", "38", "8", "destination port", "53"),
        ("UDP", "38", "8", "length", "10"),
        ("UDP", "38", "8", "checksum", f"0x{FRAME[44:46].hex()}"),
        ("Payload", "46", "2", "text", "hi"),
        ("Padding", "48", "12", "hex", bytes(12).hex(" ")),
    ]


def test_layers_end_with_what_could_not_be_decoded() -> None:
    cut = {**EVENT, "_raw": json.dumps({"PacketData": FRAME[:42].hex()})}
    last = rows(cut, rows="layers")[-1]
    assert (last["layer"], last["value"]) == ("Note", "The packet ends within its UDP header: 4 of 8 bytes are there.")


def test_only_the_wanted_packets_are_shown() -> None:
    identity = str(rows(EVENT)[0]["packet_id"])
    assert len(rows(EVENT, packet=f"{'0' * 16}, {identity}")) == len(rows(EVENT, packet="*")) == 1
    assert rows(EVENT, packet="0" * 16) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rows": "all"}, "rows=all is not known. Choose among packets, dump, layers."),
        ({"encoding": "rot13"}, "encoding=rot13 is not known. Choose among auto, hex, base64."),
        ({"link": "ethernet"}, "link=ethernet is not a link type. Give the number that PCAP files have for it, 1 for "),
        ({"link": "65536"}, "link=65536 is not a link type."),
        (
            {"packet": "0123"},
            "packet=0123 is not a packet id. A packet id has 16 digits of 0-9 and a-f, as in the field ",
        ),
        ({"packet": ",".join(f"{n:016x}" for n in range(1001))}, "packet= takes at most 1000 ids."),
        ({"colour": "red"}, "colour is not an argument of this command."),
        ({"rows": "a" * 5000}, f"rows={'a' * 40} is not known."),
        ({"packet": "\x1b[2J"}, "packet='\\x1b[2J' is not a packet id."),
        ({"link": "\u0661"}, "link=\u0661 is not a link type."),
        ({"link": "9" * 5000}, f"link={'9' * 40} is not a link type."),
        ({"link": "-1"}, "link=-1 is not a link type."),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        packet_rows.parse(given)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=120), st.text(max_size=20), st.sampled_from(["packets", "dump", "layers"]))
def test_no_event_breaks_the_command(raw: str, time: str, kind: str) -> None:
    for text in (
        raw,
        json.dumps({"PacketData": raw}),
        json.dumps({"PacketData": raw.encode("utf-8", "replace").hex()}),
    ):
        assert isinstance(rows({"_raw": text, "_time": time}, rows=kind), list)
