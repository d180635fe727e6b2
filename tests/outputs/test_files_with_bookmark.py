"""Delivery and bookmark over a file of JSON lines: what is in the file after kills, losses of power and full disks."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.bookmark.bookmark import Bookmark
from estreamer.bookmark.duplicates import DuplicateFilter
from estreamer.connection.waiting import Waiting
from estreamer.errors import Stop
from estreamer.events.records import FullyQualifiedRecords
from estreamer.input import writing
from estreamer.input.delivery import Delivery
from estreamer.input.recording import what_was_before
from estreamer.input.status import StatusFile
from estreamer.outputs.files import FORCE_INTERVAL, JsonLines
from estreamer.outputs.output import Destination, ReceiverGone
from estreamer.protocol.session import Event
from estreamer.settings import parse_input

from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from tests.input.harness import DEADLINE, Input, MemoryLog
from tests.outputs.disks import Disk

STANZA = "estreamer_fqe://lines"
BATCH = 20


class Killed(BaseException):
    """The process was killed."""


class DeadlyDisk(Disk):
    """A disk on which a write or a force can be the last call of a process."""

    def __init__(self) -> None:
        super().__init__()
        self.torn_after: int | None = None
        self.dies_at_force = False

    def write(self, file: int, data: bytes | memoryview) -> int:
        if self.torn_after is not None:
            super().write(file, data[: self.torn_after])
            raise Killed
        return super().write(file, data)

    def force(self, file: int) -> None:
        if self.dies_at_force:
            raise Killed
        super().force(file)


class ToldToStop(Waiting):
    """Waiting of a process that is told to stop as soon as it has to wait."""

    def __init__(self) -> None:
        return

    @property
    def parent_is_gone(self) -> bool:
        return False

    def check(self) -> None:
        raise Stop("told to stop")

    def writable(self, *_: object) -> None:
        self.check()


class Machine:
    """A machine on which an input runs, one process after the other."""

    def __init__(self, folder: Path, disk: DeadlyDisk) -> None:
        self.folder = folder
        self.path = folder / "events.jsonl"
        self.disk = disk
        self.boots = 1
        self.start = int(time.time()) - 5000
        self.events: list[Event] = []
        self.now = 0.0

    def run(self) -> None:
        """Start a process, and ask for what the bookmark does not have."""
        destination = JsonLines(str(self.path), f"boot-{self.boots}", files=self.disk)
        reader = destination.receiver()
        self.bookmark = Bookmark.open(str(self.folder), STANZA, reader=reader, settle=0)
        self.now = time.monotonic()
        output = destination.open(what_was_before(self.bookmark), self.now)
        status = StatusFile(str(self.folder), STANZA)
        settings = parse_input("lines", {"account": "fmc", "index": "main", "settle": "0"})
        self.delivery = Delivery(
            settings, MemoryLog(), status, self.bookmark, output, ToldToStop(), FullyQualifiedRecords()
        )
        resume = self.bookmark.resume("fmc")
        timestamp = self.start if resume is None else resume.timestamp
        self.bookmark.begin("fmc", timestamp, reader, STANZA)
        self.duplicates: DuplicateFilter | None = None if resume is None else resume.duplicates
        self.again = [event for event in self.events if event[0] >= timestamp]

    def deliver(self) -> None:
        """Deliver what is sent again, and a batch of new events."""
        for _ in range(BATCH):
            number = len(self.events)
            event = (self.start + 10 + number // 7, 500, b'{"EventType":"FileEvent", "FileSize":%d}' % number)
            self.events.append(event)
            self.again.append(event)
        portion, self.again = self.again, []
        self.delivery.deliver(portion, self.duplicates)

    def let_settle(self) -> None:
        self.now += FORCE_INTERVAL
        self.delivery.keep_house(self.now)

    def kill(self) -> None:
        self.bookmark._lock.release()
        self.disk.end_process()
        self.disk.torn_after, self.disk.dies_at_force = None, False

    def lose_power(self, kept: int = 0) -> None:
        """Lose what was not forced to the disk, but for so many bytes."""
        self.kill()
        os.truncate(self.path, min(self.path.stat().st_size, self.disk.forced + kept))
        self.boots += 1

    def stop(self) -> None:
        self.delivery.close(planned=True)
        self.bookmark.close()

    def doubled(self) -> int:
        """Return how many lines stand there more than once; none may be missing or broken."""
        *lines, end = self.path.read_bytes().split(b"\n")
        assert end == b""
        wanted = Counter(payload for _, _, payload in self.events)
        assert set(lines) == set(wanted), "lost or broken"
        return len(lines) - len(wanted)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeadlyDisk]:
    made = DeadlyDisk()
    monkeypatch.setattr(writing, "STOP_GRACE", 0.0)
    yield made
    made.end_process()


@pytest.fixture
def machine(tmp_path: Path, disk: DeadlyDisk) -> Machine:
    made = Machine(tmp_path, disk)
    made.run()
    made.deliver()
    made.let_settle()
    assert made.bookmark.state is not None
    assert made.bookmark.state.settled == BATCH
    return made


def run_to_the_end(machine: Machine) -> None:
    machine.run()
    machine.deliver()
    machine.stop()


def test_a_stop_leaves_each_event_once_and_settled(machine: Machine) -> None:
    machine.deliver()
    machine.stop()
    run_to_the_end(machine)
    assert machine.doubled() == 0
    again = Bookmark.open(str(machine.folder), STANZA, reader="anybody", settle=0)
    assert again.recovery.unsettled == 0
    again.close()


def test_a_kill_between_write_and_force_neither_loses_nor_doubles_an_event(machine: Machine) -> None:
    machine.deliver()
    machine.disk.dies_at_force = True
    with pytest.raises(Killed):
        machine.let_settle()
    machine.kill()
    run_to_the_end(machine)
    assert machine.doubled() == 0


@pytest.mark.parametrize("kept", [0, 1, 100, 10_000])
def test_a_loss_of_power_between_write_and_force_loses_nothing_and_doubles_what_had_not_settled(
    machine: Machine, kept: int
) -> None:
    machine.deliver()
    machine.disk.dies_at_force = True
    with pytest.raises(Killed):
        machine.let_settle()
    machine.lose_power(kept)
    run_to_the_end(machine)
    assert machine.doubled() <= min(BATCH, kept // len(machine.events[0][2]))


@pytest.mark.parametrize("torn_after", [0, 1, 500, 100_000])
def test_a_kill_within_a_write_loses_nothing_and_doubles_that_write_at_most(machine: Machine, torn_after: int) -> None:
    machine.disk.torn_after = torn_after
    with pytest.raises(Killed):
        machine.deliver()
    machine.kill()
    run_to_the_end(machine)
    assert machine.doubled() <= min(BATCH, torn_after // len(machine.events[0][2]))


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_stop_while_the_disk_is_full_neither_loses_nor_doubles_an_event(machine: Machine, room: int) -> None:
    machine.disk.room = room
    with pytest.raises(Stop):
        machine.deliver()
    machine.stop()
    machine.disk.room = None
    run_to_the_end(machine)
    assert machine.doubled() == 0


@pytest.mark.parametrize("when", ["while it runs", "at the stop", "after a kill"])
def test_events_that_could_not_be_forced_to_the_disk_are_delivered_again(machine: Machine, when: str) -> None:
    machine.deliver()
    if when == "after a kill":
        machine.kill()
        machine.run()
    machine.disk.force_fails = True
    if when == "while it runs":
        machine.let_settle()
        with pytest.raises(ReceiverGone, match="cannot be forced"):
            machine.let_settle()
        machine.delivery.forget_receiver()
    machine.stop()
    machine.disk.force_fails = False
    # The system has dropped them.
    os.truncate(machine.path, min(machine.path.stat().st_size, machine.disk.forced))
    run_to_the_end(machine)
    assert machine.doubled() == 0


@pytest.fixture
def server() -> Iterator[FmcServer]:
    with FmcServer(Archive.generated(500, EventGenerator(duplicates_every=50))) as started:
        yield started
        started.assert_clean()


class FileInput(Input):
    """An input that writes to a file instead of the pipe."""

    def destination(self) -> Destination:  # type: ignore[override]
        return JsonLines(str(self.folder / "events.jsonl"), "boot")

    def lines(self) -> list[bytes]:
        path = self.folder / "events.jsonl"
        return path.read_bytes().split(b"\n")[:-1] if path.exists() else []

    def wait_for_lines(self, count: int) -> None:
        end = time.monotonic() + DEADLINE
        while len(self.lines()) < count:
            assert time.monotonic() < end, f"{len(self.lines())} of {count} events came"
            threading.Event().wait(0.01)


def test_an_input_streams_into_a_file_and_goes_on_after_a_restart(tmp_path: Path, server: FmcServer) -> None:
    under_test = FileInput(tmp_path, {"fmc": server})
    assert under_test.run(lambda _: under_test.wait_for_lines(500)) == 0
    server.archive.extend(EventGenerator(seed=9, start=server.archive.newest()).events(0, 100))
    assert under_test.run(lambda _: under_test.wait_for_lines(600)) == 0
    assert under_test.lines() == [record.payload for record in server.archive.since(0)]
    assert under_test.log.total("written") == 600


def test_an_input_whose_file_cannot_be_opened_says_so_and_ends(tmp_path: Path, server: FmcServer) -> None:
    under_test = FileInput(tmp_path, {"fmc": server})
    (tmp_path / "events.jsonl").mkdir()
    assert under_test.run(lambda _: under_test.wait_for_log("input_cannot_run")) == 1
    assert under_test.log.codes() == ["output_not_writable"]
