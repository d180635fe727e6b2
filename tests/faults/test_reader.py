"""The reader of the pipe stalls, dribbles, or goes away."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.protocol import session

from standins.addon import log_text
from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from tests.endtoend.load import Tap
from tests.faults.ledger import balance, doubled_by_run
from tests.faults.process import Place, Process
from tests.faults.scene import RATE, WRITE_SIZE, received_before, scene
from tests.input.harness import Input, stop_reading
from tests.splunkd.management import Management

STALL = 8.0
SAMPLED_EVERY = 0.5
"""Seconds of a stall, in which the memory is looked at; and between two looks."""

MEMORY_SLACK = 2 * 1024 * 1024
"""Bytes by which a process may grow without being told to grow: what the allocator and the libraries do."""


@pytest.fixture
def management() -> Iterator[Management]:
    with Management() as one:
        yield one


def resident(pid: int) -> int:
    """The resident memory of a process in bytes."""
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process has ended")


@pytest.mark.parametrize("style", ["bundles", "bare", "mixed"])
def test_while_the_reader_stalls_nothing_is_acknowledged_and_memory_is_flat_and_everything_comes_after(
    tmp_path: Path, management: Management, style: str
):
    archive = Archive.generated(20_000, EventGenerator(per_second=200))
    with FmcServer(archive, behaviour=Behaviour(style=style, bundle_size=50)) as server:
        place = Place(tmp_path, management, server)
        with Process(place) as process:
            process.reader.wait_for(500)
            stop_reading(process.reader, server)
            (connection,) = server.connections
            acknowledgements, came = connection.acknowledgements, process.reader.count()
            memory = [resident(process.pid)]
            end = time.monotonic() + STALL
            while time.monotonic() < end:
                time.sleep(SAMPLED_EVERY)
                memory.append(resident(process.pid))
            assert connection.acknowledgements == acknowledgements
            assert process.reader.count() == came < len(archive)
            assert max(memory) - memory[0] < MEMORY_SLACK
            process.reader.may_read.set()
            process.reader.wait_for(len(archive))
            assert process.stop()[1] == 0
        weighed = balance([record.payload for record in archive.since(0)], place.arrived)
        assert (weighed.lost, weighed.doubled) == (0, 0)
        assert len(server.connections) == 1
        server.assert_clean()


def test_a_stall_of_many_minutes_costs_neither_the_connection_nor_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Time is compressed: what takes a server quarter of an hour of silence to be given up takes half a second here."""
    monkeypatch.setattr(session, "SILENCE_LIMIT", 0.5)
    monkeypatch.setattr(session, "SILENCE_LIMIT_SHORTEST", 0.1)
    archive = Archive.generated(3000, EventGenerator(per_second=200))
    with FmcServer(archive, behaviour=Behaviour(style="mixed", keepalive=0.1)) as server:
        under_test = Input(tmp_path, {"fmc": server})

        def stall(running: Input) -> None:
            running.reader.wait_for(200)
            running.reader.may_read.clear()
            # What is under test is the time itself.
            time.sleep(4.0)
            running.reader.may_read.set()
            running.reader.wait_for(len(archive))

        assert under_test.run(stall) == 0
        weighed = balance([record.payload for record in archive.since(0)], under_test.reader.payloads())
        assert (weighed.lost, weighed.doubled) == (0, 0)
        assert len(server.connections) == 1
        server.assert_clean()


@pytest.mark.package
def test_a_reader_that_takes_one_byte_at_a_time_gets_everything_once(tmp_path: Path, built_package: Path):
    with scene(tmp_path, built_package, "mixed", count=150) as dribbled:
        dribbled.splunkd.dribble()
        dribbled.finish()
        weighed = balance(dribbled.wanted(), dribbled.arrived())
        assert (weighed.lost, weighed.doubled) == (0, 0)


@pytest.mark.package
def test_kills_while_the_reader_takes_one_byte_at_a_time_lose_nothing_and_double_at_most_a_write_each(
    tmp_path: Path, built_package: Path, chance: random.Random
):
    kills = 5
    with scene(tmp_path, built_package, "mixed", restart_after=0.0, count=400) as dribbled:
        dribbled.splunkd.dribble()
        pid = 0
        for _ in range(kills):
            pid = dribbled.splunkd.wait_for_input(not_pid=pid)
            dribbled.wait_for_an_event()
            time.sleep(chance.uniform(0.0, 0.5))
            dribbled.splunkd.signal_input()
        dribbled.splunkd.wait_for_input(not_pid=pid)
        dribbled.splunkd.dribble(on=False)
        dribbled.finish()
        assert balance(dribbled.wanted(), dribbled.arrived()).lost == 0
        by_run = doubled_by_run(dribbled.wanted(), dribbled.runs())
        print(f"doubled by each kill: {[run.doubled for run in by_run[1:]]}")
        assert sum(run.size(dribbled.sizes()) for run in by_run) <= kills * WRITE_SIZE


@pytest.mark.package
def test_a_reader_that_closes_the_pipe_at_random_instants_loses_nothing_and_doubles_only_what_had_not_settled(
    tmp_path: Path, built_package: Path, chance: random.Random
):
    closings: list[tuple[float, float]] = []
    with scene(tmp_path, built_package, "mixed", restart_after=0.0) as hung_up:
        splunkd = hung_up.splunkd
        pid = 0
        with Tap(hung_up.archive, RATE // 3):
            for _ in range(6):
                pid = splunkd.wait_for_input(not_pid=pid)
                hung_up.wait_for_an_event()
                time.sleep(chance.uniform(0.0, 3.0))
                before = time.monotonic()
                splunkd.hang_up()
                closings.append((before, time.monotonic()))
        splunkd.wait_for_input(not_pid=pid)
        hung_up.finish()
        weighed = balance(hung_up.wanted(), hung_up.arrived())
        unsettled = received_before(list(splunkd.arrivals()[0]), closings)
        print(f"{len(closings)} closings, {weighed.doubled} doubled of {unsettled} that had not settled")
        assert weighed.lost == 0
        assert weighed.doubled <= unsettled
        assert [run.code for run in splunkd.runs()][: len(closings)] == [0] * len(closings)
        assert log_text(splunkd).count("action=reader_gone") == len(closings)
