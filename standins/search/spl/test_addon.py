"""The add-on's own command gives in the evaluator what it gives in Splunk: its own code runs."""

from __future__ import annotations

import json

import pytest

from standins.fmc import packets as made

from . import SplError
from .samples import result, table

FRAME = made.frame(made.udp("192.0.2.10", "198.51.100.7", (50123, 53), b"hi"), [(0x88A8, 7), (0x8100, 100)])
DATA = table({"_raw": json.dumps({"PacketData": FRAME.hex()}), "kind": "a"}, {"_raw": "no packet", "kind": "b"})


def test_sfwpackets_adds_fields_after_those_of_the_event_and_leaves_out_what_is_not_there() -> None:
    found = result("* | sfwpackets | table kind, packet_vlan, packet_src_port, packet_tcp_flags, packet_problem", DATA)
    assert found.rows == [
        {"kind": "a", "packet_vlan": ("7", "100"), "packet_src_port": "50123"},
        {
            "kind": "b",
            "packet_problem": "No packet was recognized in any field of the event. Name the field by field=NAME.",
        },
    ]


def test_sfwpackets_makes_rows_of_their_own_of_a_dump() -> None:
    found = result("* | sfwpackets rows=dump | stats count as rows by packet_id", DATA)
    assert [row["rows"] for row in found.rows] == [-(-len(FRAME) // 16)]
    assert result("* | sfwpackets rows=dump", DATA).fields == ["_time", "packet_id", "offset", "hex", "text", "layer"]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("* | sfwpackets foo=1", "unknown option foo"),
        ("* | sfwpackets rows=all", "rows=all is not known. Choose among packets, dump, layers"),
        ("* | sfwpackets PacketData", "not understood"),
    ],
)
def test_sfwpackets_refuses_what_it_does_not_know(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        result(search, DATA)
