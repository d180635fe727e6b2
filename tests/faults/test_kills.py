"""The input, its reader or both are killed (SIGKILL) at random instants under load.

Five hundred kills of the input, in parts of fifty that run beside each other, or a tenth of them. A quarter of them
come at any moment of a new process, most of which is its start; the rest come while it delivers, which is when there is
something to lose.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from standins.addon import log_text
from standins.splunkd import Splunkd
from tests.amounts import WHOLE
from tests.endtoend.load import Tap
from tests.faults.ledger import Balance, balance, doubled_by_run
from tests.faults.scene import BUNDLE, RATE, SETTLE, WRITE_SIZE, Scene, received_before, scene

pytestmark = pytest.mark.package

PARTS = {"bundles": 4, "bare": 3, "mixed": 3} if WHOLE else {"bundles": 1, "bare": 1, "mixed": 1}
"""Parts for each style of delivery."""

KILLS = 50 if WHOLE else 17
"""Kills in each part."""

DEATHS = 8


def kill_the_input(under_load: Scene, chance: random.Random) -> None:
    pid = 0
    for _ in range(KILLS):
        pid = under_load.splunkd.wait_for_input(not_pid=pid)
        if chance.random() < 0.25:
            pause = chance.uniform(0.0, 0.6)
        else:
            under_load.wait_for_an_event()
            pause = chance.uniform(0.0, 0.3)
        threading.Event().wait(pause)
        under_load.splunkd.signal_input()


@pytest.mark.parametrize(
    ("style", "part"), [(style, part) for style, parts in PARTS.items() for part in range(1, parts + 1)]
)
def test_kills_of_the_input_lose_nothing_and_double_at_most_a_write_or_a_bundle_each(
    tmp_path: Path, built_package: Path, chance: random.Random, style: str, part: int
):
    with scene(tmp_path, built_package, style, restart_after=0.0) as under_load:
        with Tap(under_load.archive, RATE):
            kill_the_input(under_load, chance)
        under_load.finish()
        wanted = under_load.wanted()
        assert balance(wanted, under_load.arrived()).lost == 0
        by_run = doubled_by_run(wanted, under_load.runs())
        sizes = under_load.sizes()
        print(f"{style}: {len(wanted)} events, doubled by each kill: {[run.doubled for run in by_run[1:]]}")
        assert len(by_run) == KILLS + 1
        assert_at_most_one_write_a_kill(by_run, sizes, BUNDLE if style == "bundles" else None)


def assert_at_most_one_write_a_kill(by_run: list[Balance[int]], sizes: dict[int, int], most: int | None) -> None:
    """A run may pay for the kill before it, and for those before that if the runs in between had no time to."""
    events = size = 0
    for kills, run in enumerate(by_run):
        events += run.doubled
        size += run.size(sizes)
        assert size <= kills * WRITE_SIZE
        if most is not None:
            assert events <= kills * most


def kill_the_reader(splunkd: Splunkd, lose: float) -> None:
    splunkd.kill(lose_last_seconds=lose)


def kill_the_reader_and_then_the_input(splunkd: Splunkd, lose: float) -> None:
    pid = splunkd.input_pid()
    assert pid is not None
    process = os.pidfd_open(pid)
    splunkd.kill(lose_last_seconds=lose)
    # The input may have noticed by then, and ended.
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    os.close(process)


def kill_the_input_and_then_the_reader(splunkd: Splunkd, lose: float) -> None:
    splunkd.signal_input()
    splunkd.kill(lose_last_seconds=lose)


@pytest.mark.parametrize(
    "kill", [kill_the_reader, kill_the_reader_and_then_the_input, kill_the_input_and_then_the_reader]
)
def test_eight_deaths_of_the_reader_lose_nothing_and_double_only_what_had_not_settled(
    tmp_path: Path, built_package: Path, chance: random.Random, kill: Callable[[Splunkd, float], None]
):
    deaths: list[tuple[float, float]] = []
    with scene(tmp_path, built_package, "mixed", restart_after=0.0) as under_load:
        splunkd = under_load.splunkd
        with Tap(under_load.archive, RATE // 3):
            for _ in range(DEATHS):
                under_load.wait_for_an_event()
                threading.Event().wait(chance.uniform(0.0, 2.0 * SETTLE))
                splunkd.wait_for_input()
                before = time.monotonic()
                kill(splunkd, chance.uniform(0.0, SETTLE - 0.5))
                deaths.append((before, time.monotonic()))
                splunkd.wait_for_orphans()
                splunkd.start()
        under_load.finish()
        wanted = under_load.wanted()
        weighed = balance(wanted, under_load.arrived())
        unsettled = received_before(list(splunkd.arrivals()[0]), deaths)
        print(f"{len(wanted)} events, {DEATHS} deaths, {weighed.doubled} doubled of {unsettled} that had not settled")
        assert weighed.lost == 0
        assert weighed.doubled <= unsettled
        assert "action=delivered_again" in log_text(splunkd)
