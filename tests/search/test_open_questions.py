"""What Splunk's specs leave open of automatic extraction makes no difference to what the mapping finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.fmc.variety import varied_events
from standins.search import Event, Knowledge, Limits
from tests.search.case import HOST, SOURCE, SOURCETYPE

COUNT = 1500
SEED = 11

OTHERWISE = {
    "a pair without a value makes a field": Limits(keeps_empty_values=True),
    "what stands before the cut of an event is found": Limits(reads_cut_events=True),
}


@pytest.mark.parametrize("limits", OTHERWISE.values(), ids=OTHERWISE)
def test_the_mapping_finds_the_same(addon: Path, limits: Limits) -> None:
    usual, otherwise = Knowledge.read(addon), Knowledge.read(addon, limits=limits)
    mapped = mapped_fields(usual)
    assert {"src", "action", "severity"} <= mapped
    differing = 0
    for record in varied_events(SEED, COUNT):
        raw = record.payload.decode("utf-8")
        one, other = found(usual, raw), found(otherwise, raw)
        differing += one.fields != other.fields
        assert (one.eventtypes, one.tags) == (other.eventtypes, other.tags)
        assert {name: one.fields.get(name) for name in mapped} == {name: other.fields.get(name) for name in mapped}
    assert differing


def mapped_fields(knowledge: Knowledge) -> set[str]:
    """Return the fields that the add-on calculates or looks up."""
    calculated = {line.key.partition("-")[2] for line in knowledge.lines if line.key.startswith("EVAL-")}
    looked_up = {column for lookup in knowledge.lookups.values() for column in lookup.columns}
    return calculated | looked_up


def found(knowledge: Knowledge, raw: str) -> Event:
    """Return an event as a search finds it."""
    return knowledge.event(raw, sourcetype=SOURCETYPE, source=SOURCE, host=HOST, time=1743500734)
