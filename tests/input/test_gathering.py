"""Events gather before they are read where the server goes on sending meanwhile, and never where it waits."""

from __future__ import annotations

import random

import pytest
from estreamer.input.gathering import CLOSE, FIRST_REST, LAST_REST, PAUSE, Gathering

ROUND_TRIP = 0.0005
"""Seconds from an acknowledgement to the next messages of a server that had been waiting for it."""


class Link:
    """A server that has events at a rate, and sends at most `window` messages before it waits for acknowledgements."""

    def __init__(self, rate: float, window: int, *, steady: bool = False) -> None:
        self._random = random.Random(1)
        self._rate = rate
        self._steady = steady
        self._window = window
        self._next = 1000.0
        self._waiting = 0
        self.now = 1000.0
        self.gathering = Gathering(self.now)
        self.messages = self.passes = 0
        self.paused = self.longest = 0.0

    def run(self, seconds: float) -> None:
        """Play so many seconds, read by read."""
        end = self.now + seconds
        while self.now < end:
            pause = self.gathering.pause(self.now)
            self.paused += pause
            self.now += pause
            if not pause:
                self._wait()
            self._read()
            self.now += ROUND_TRIP

    def _read(self) -> None:
        self._produce()
        count = min(self._waiting, self._window)
        self._waiting -= count
        self.messages += count
        self.passes += 1
        if count:
            self.gathering.read(count, self.now)
        else:
            self.gathering.nothing()

    def _wait(self) -> None:
        """Wait until something is there."""
        self._produce()
        if not self._waiting:
            self.now = self._next
            self._produce()

    def _produce(self) -> None:
        while self._next <= self.now:
            self._waiting += 1
            self._next += 1 / self._rate if self._steady else self._random.expovariate(self._rate)


@pytest.mark.parametrize("steady", [False, True])
@pytest.mark.parametrize(("rate", "least"), [(100, 1.9), (1000, 20.0), (5000, 100.0)])
def test_events_gather_where_the_server_sends_on(rate: float, least: float, steady: bool):
    link = Link(rate, 10**9, steady=steady)
    link.run(20)
    assert link.messages == pytest.approx(20 * rate, rel=0.1)
    assert link.messages / link.passes > least


@pytest.mark.parametrize("window", [1, 2, 10, 50])
def test_a_server_that_waits_for_acknowledgements_is_hardly_held_up(window: int):
    link = Link(2 * window / ROUND_TRIP, window)
    link.run(60)
    assert link.paused < 0.01 * 60
    assert link.messages > 0.98 * 60 / ROUND_TRIP * window


def test_a_slow_server_that_waits_for_each_acknowledgement_is_paused_for_only_now_and_then():
    link = Link(200, 1)
    link.run(300)
    assert link.messages == pytest.approx(60_000, rel=0.05)
    assert link.paused < 0.01 * 300


def test_a_window_above_what_gathers_does_not_matter():
    link = Link(200, 20)
    link.run(60)
    assert link.messages == pytest.approx(12_000, rel=0.1)
    assert link.messages / link.passes > 2.5


def test_an_event_on_a_quiet_link_is_read_at_once():
    gathering, now = Gathering(10.0), 11.0
    for _ in range(30):
        gathering.read(1, now)
        assert gathering.pause(now) == 0.0
        now += CLOSE + 0.001
    gathering.read(1, now - CLOSE)
    assert gathering.pause(now - CLOSE) == pytest.approx(PAUSE)


def test_after_a_pause_that_brought_nothing_the_next_event_is_waited_for():
    gathering = Gathering(10.0)
    gathering.read(1, 11.0)
    gathering.read(1, 11.01)
    assert gathering.pause(11.01) > 0
    gathering.nothing()
    assert gathering.pause(11.034) == 0.0


def test_the_time_that_a_pass_takes_is_no_part_of_the_pause():
    gathering = Gathering(10.0)
    gathering.read(1, 11.0)
    gathering.read(1, 11.01)
    assert gathering.pause(11.015) == pytest.approx(PAUSE - 0.005)
    assert gathering.pause(11.04) == 0.0


def test_keep_alives_and_parts_of_messages_make_no_link_busy():
    gathering = Gathering(10.0)
    for _ in range(5):
        gathering.read(0, 11.0)
        assert gathering.pause(11.01) == 0.0


def test_nothing_gathers_after_a_read_that_may_have_been_all_that_the_systems_hold():
    gathering = Gathering(10.0)
    gathering.read(50, 11.0)
    gathering.read(60, 11.01, full=True)
    assert gathering.pause(11.01) == 0.0
    gathering.read(10, 11.02)
    assert gathering.pause(11.02) > 0


def test_the_tries_with_a_server_that_may_be_waiting_grow_rare_and_end_when_it_sends_more():
    gathering = Gathering(10.0)
    now, tries = 10.0, []
    while now < 200.0:
        if gathering.pause(now):
            tries.append(now)
        gathering.read(1, now)
        now += 0.01
    gaps = [round(later - earlier) for earlier, later in zip(tries, tries[1:])]
    assert gaps[:2] == [0, 0], "what may be waiting is found out first"
    assert gaps[2:] == [FIRST_REST, 2, 4, 8, 16, LAST_REST, LAST_REST, LAST_REST, LAST_REST]
    gathering.read(3, now)
    assert gathering.pause(now) == pytest.approx(PAUSE)
