"""Decoding a classic record costs a fraction of what a plain reading of the tables costs."""

from __future__ import annotations

from tests.bench.commands import bench, number, tables

LOWEST_RATIO = {"connection 160": 4.0, "connection 174": 4.0, "intrusion": 3.0, "file": 3.0, "mix": 3.0}
"""Times the events per CPU second of a plain reading."""


def test_the_decoder_keeps_its_distance_from_a_plain_reading_of_the_tables():
    (rows,) = tables(bench("classic", "--records", "600", "--rounds", "3"))
    assert [row[0] for row in rows] == list(LOWEST_RATIO)
    assert {row[0]: row[5] for row in rows if number(row[5]) < LOWEST_RATIO[row[0]]} == {}
