"""Odd records are counted by what and where, in a bounded number of places."""

from __future__ import annotations

import struct

from estreamer.protocol.classic.counts import ELSEWHERE, MOST_COUNTED, Counts
from estreamer.protocol.classic.records import decode


def test_notes_are_counted_by_what_and_where():
    counts = Counts()
    for body in (b"", b"\1", struct.pack(">II", 99, 8)):
        counts.add(decode(400, body).notes)
    assert counts.as_mapping() == {
        ("truncated", "R400"): 2,
        ("unknown block", "B2.99"): 1,
        ("wrong layout", "B2.85"): 1,
    }


def test_numbers_without_end_share_one_count():
    counts = Counts()
    for number in range(MOST_COUNTED * 3):
        counts.add([("unknown record", f"R{number}")])
        counts.add([("unknown block", f"B1.{number}")])
    found = counts.as_mapping()
    assert len(found) == MOST_COUNTED + 2
    assert sum(found.values()) == MOST_COUNTED * 6
    assert found["unknown record", ELSEWHERE] == MOST_COUNTED * 3 - MOST_COUNTED // 2
