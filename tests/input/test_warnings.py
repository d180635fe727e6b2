"""Warnings of what lasts are logged once in a while, with what happened since."""

from __future__ import annotations

from estreamer.bookmark.limits import CLOCK_TOLERANCE
from estreamer.input.figures import WARNING_INTERVAL, Warnings

from tests.input.harness import MemoryLog


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_clock_that_stays_ahead_is_warned_of_once_in_an_interval():
    log, clock = MemoryLog(), Clock()
    warnings = Warnings(log, clock)
    for _ in range(1000):
        warnings.of_clock("fmc", 5000 + CLOCK_TOLERANCE + 1, 5000)
    assert len(log.fields_of("clock_ahead")) == 1
    clock.now += WARNING_INTERVAL
    warnings.of_clock("fmc", 9000, 5000)
    line = log.fields_of("clock_ahead")[-1]
    assert (line["archival_time"], line["own_time"]) == (9000, 5000)
    assert "4000 seconds ahead" in str(line["problem"])


def test_clocks_that_differ_by_what_clocks_differ_are_not_warned_of():
    log = MemoryLog()
    Warnings(log, Clock()).of_clock("fmc", 5000 + CLOCK_TOLERANCE, 5000)
    assert log.lines == []


def test_events_that_the_bookmark_forgot_are_counted_since_the_last_warning():
    log, clock = MemoryLog(), Clock()
    warnings = Warnings(log, clock)
    for forgotten in (0, 10, 25, 25):
        warnings.of_forgotten(forgotten)
    clock.now += WARNING_INTERVAL
    warnings.of_forgotten(30)
    assert [line["events"] for line in log.fields_of("bookmark_full")] == [10, 20]
