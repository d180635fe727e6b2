"""Time stamps that come from elsewhere: they say what was archived when, and are not believed beyond this machine's own
clock and limits.
"""

from __future__ import annotations

import os
import random
import tracemalloc
from array import array
from dataclasses import dataclass
from pathlib import Path

import pytest
from estreamer.bookmark import journal, limits
from estreamer.bookmark.bookmark import Bookmark, Clock, Entry, folder_of
from estreamer.bookmark.history import Resume
from estreamer.bookmark.limits import CLOCK_MARGIN, CLOCK_TOLERANCE, FAILOVER_MARGIN

from tests.amounts import WHOLE
from tests.bookmark import version_1

STANZA = "estreamer_fqe://main"
NOW = 1_750_000_000
DAY = 86_400
SETTLE = 30
SIMULATED = 50_000_000 if WHOLE else 1_000_000
"""Events with time stamps at random."""


@dataclass
class Machine:
    """This machine's clocks, which can be set."""

    wall: float = NOW
    monotonic: float = 10_000.0
    boot: str = ""

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.monotonic, self.boot)

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def set(self, seconds: float) -> None:
        """Set the clock forward or back."""
        self.wall += seconds

    def restart(self, running_since: float) -> None:
        self.monotonic = running_since


def opened(where: Path, machine: Machine, reader: str = "splunkd-1") -> Bookmark:
    return Bookmark.open(str(where), STANZA, reader=reader, settle=SETTLE, clock=machine.clock())


def begun(where: Path, machine: Machine) -> Bookmark:
    bookmark = opened(where, machine)
    bookmark.begin("fmc", NOW - DAY, "splunkd-1", STANZA)
    return bookmark


def deliver(bookmark: Bookmark, *archivals: int) -> None:
    bookmark.delivered(bookmark.entry(archivals, [payload(archival) for archival in archivals], None))


def payload(archival: int) -> bytes:
    return b"event archived at %d" % archival


def resume(bookmark: Bookmark, source: str = "fmc") -> Resume:
    found = bookmark.resume(source)
    assert found is not None
    return found


def test_with_clocks_that_agree_resuming_goes_by_the_archival_timestamp(tmp_path: Path):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW - 3)
    machine.wait(600)
    assert (resume(bookmark).timestamp, resume(bookmark).ahead) == (NOW - 3 - SETTLE, None)
    bookmark.close()


@pytest.mark.parametrize("ahead", [CLOCK_TOLERANCE + 1, 60, 3600, DAY, 2**32 - 1 - NOW])
@pytest.mark.parametrize("source", ["fmc", "other"])
@pytest.mark.parametrize("restarted", [False, True])
def test_no_later_time_is_asked_for_than_this_machine_had_at_the_last_event(
    tmp_path: Path, ahead: int, source: str, restarted: bool
):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW - 10, NOW + ahead)
    machine.wait(7200)
    if restarted:
        bookmark.close()
        bookmark = opened(tmp_path, machine)
    margin = CLOCK_MARGIN + SETTLE + (FAILOVER_MARGIN if source == "other" else 0)
    found = resume(bookmark, source)
    assert found.timestamp == NOW - margin
    assert found.ahead == (NOW + ahead, NOW)
    assert found.duplicates is not None
    assert found.duplicates.is_duplicate(NOW + ahead, payload(NOW + ahead), None)
    assert not found.duplicates.is_duplicate(NOW + 7000, payload(NOW + 7000), None)
    bookmark.close()


def test_a_server_that_is_ahead_by_no_more_than_clocks_differ_is_asked_from_this_machines_time(tmp_path: Path):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW + CLOCK_TOLERANCE)
    assert (resume(bookmark).timestamp, resume(bookmark).ahead) == (NOW - SETTLE, None)
    bookmark.close()


def test_after_one_event_from_the_future_the_position_goes_by_those_that_follow(tmp_path: Path):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW - 2, NOW + DAY, NOW - 1)
    assert (resume(bookmark).timestamp, resume(bookmark).ahead) == (NOW - 1 - SETTLE, None)
    bookmark.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_when_this_machine_was_ahead_as_well_its_clock_of_today_counts(tmp_path: Path, restarted: bool):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    machine.set(DAY)
    deliver(bookmark, NOW + DAY)
    machine.wait(600)
    machine.set(-DAY)
    if restarted:
        bookmark.close()
        bookmark = opened(tmp_path, machine)
    assert resume(bookmark).timestamp == NOW - CLOCK_MARGIN - SETTLE
    bookmark.close()


def test_when_the_machine_was_restarted_meanwhile_nothing_from_after_its_start_is_skipped(tmp_path: Path):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    machine.set(DAY)
    deliver(bookmark, NOW + DAY)
    bookmark.close()
    machine.set(-DAY)
    machine.wait(900)
    machine.restart(100.0)
    again = opened(tmp_path, machine)
    assert resume(again).timestamp <= NOW + 900 - 100 - CLOCK_MARGIN - SETTLE
    again.close()


def test_a_start_in_the_future_that_was_asked_for_is_not_a_time_stamp_from_elsewhere(tmp_path: Path):
    machine = Machine()
    bookmark = opened(tmp_path, machine)
    bookmark.begin("fmc", NOW + DAY, "splunkd-1", STANZA)
    assert resume(bookmark).timestamp == NOW + DAY
    bookmark.close()


@pytest.mark.parametrize("archival", [-1, 2**32, 9_999_999_999, 10**30])
def test_a_number_that_is_no_time_stamp_counts_as_none(tmp_path: Path, archival: int):
    bookmark = begun(tmp_path, Machine())
    deliver(bookmark, archival)
    assert bookmark.sequence == 0
    deliver(bookmark, NOW - 5, archival, NOW - 4)
    assert (bookmark.sequence, bookmark.position) == (2, NOW - 4)
    bookmark.close()


@pytest.mark.parametrize("wall", [-5.0, 0.0, 2.0**33])
def test_a_clock_of_this_machine_that_is_no_time_does_not_keep_events_from_being_recorded(tmp_path: Path, wall: float):
    machine = Machine(wall=wall)
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW)
    assert 0 <= resume(bookmark).timestamp <= NOW
    bookmark.close()


def test_a_bookmark_of_version_1_in_the_future_goes_back_to_when_it_was_last_written(tmp_path: Path):
    machine = Machine()
    state = version_1.state(STANZA, "fmc", 1000, "splunkd-1")
    written = version_1.write(tmp_path, STANZA, state, version_1.written(1, NOW + DAY, [b"a"]))
    os.utime(written, (NOW - 400, NOW - 400))
    bookmark = opened(tmp_path, machine)
    found = resume(bookmark)
    assert found.timestamp == NOW - 400 - CLOCK_MARGIN - SETTLE
    assert found.ahead == (NOW + DAY, NOW - 400)
    assert found.duplicates is not None
    assert found.duplicates.is_duplicate(NOW + DAY, b"a", None)
    bookmark.close()


def test_positions_of_what_has_not_settled_take_no_memory_without_bound(tmp_path: Path):
    bookmark = begun(tmp_path, Machine())
    chance = random.Random(5)
    for _ in range(3 * limits.MOST_POSITIONS):
        deliver(bookmark, NOW - chance.randrange(DAY))
    assert len(bookmark._highs) <= limits.MOST_POSITIONS
    positions = [position for _, position in bookmark._highs]
    assert min(positions) >= NOW - DAY
    bookmark.settled(bookmark.sequence)
    assert bookmark._settled_high <= bookmark.position
    bookmark.close()


class Flood:
    """A bookmark that is given events without end, of stamps at random; digests are made up, since these cost most."""

    def __init__(self, where: Path, seed: int) -> None:
        self.machine = Machine()
        self.bookmark = begun(where, self.machine)
        self.folder = Path(folder_of(str(where), STANZA))
        self.random = random.Random(seed)

    def deliver(self, count: int) -> None:
        stamps = array("I", self.random.randbytes(4 * count))
        digests = array("Q", os.urandom(8 * count))
        self.bookmark.delivered(Entry(self.bookmark.now(), [stamp or 1 for stamp in stamps], digests, None))
        self.machine.wait(count / 5000)

    def on_disk(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir())


def test_disk_memory_and_reading_time_are_bounded_whatever_the_stamps_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "LARGEST_WEIGHT", 16 << 20)
    flood = Flood(tmp_path, seed=3)
    batch, most = 1000, 0
    for number in range(SIMULATED // batch):
        flood.deliver(batch)
        if number % 7 == 0:
            flood.bookmark.settled(flood.bookmark.sequence)
        if number % 50 == 0:
            most = max(most, flood.on_disk())
    assert most <= limits.LARGEST_WEIGHT + limits.GENERATION_SIZE
    assert flood.bookmark.sequence == SIMULATED // batch * batch
    assert flood.bookmark.forgotten > SIMULATED // 2
    tracemalloc.start()
    resume(flood.bookmark)
    assert tracemalloc.get_traced_memory()[1] < 4 * limits.LARGEST_WEIGHT
    tracemalloc.stop()
    flood.bookmark.close()
    again = opened(tmp_path, flood.machine)
    assert again.sequence == flood.bookmark.sequence
    assert sum(kept.weight for kept in again._generations.kept) <= limits.LARGEST_WEIGHT + limits.GENERATION_SIZE
    again.close()


def test_one_stamp_in_the_future_keeps_no_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "GENERATION_SIZE", 4000)
    monkeypatch.setattr(limits, "HISTORY_SIZE", 8000)
    monkeypatch.setattr(limits, "LARGEST_WEIGHT", 200_000)
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW + DAY)
    for number in range(6000):
        machine.wait(1)
        deliver(bookmark, int(machine.wall) - 1)
        if number % 50 == 0:
            bookmark.settled(bookmark.sequence)
    kept = sum(path.stat().st_size for path in Path(folder_of(str(tmp_path), STANZA)).glob("*.journal"))
    assert kept < 200_000
    assert bookmark.forgotten > 0
    assert resume(bookmark).timestamp == int(machine.wall) - 1 - SETTLE
    bookmark.close()


def test_what_was_forgotten_leaves_the_position_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Even the position of another splunkd, whose events are in files that had to be deleted."""
    monkeypatch.setattr(limits, "GENERATION_SIZE", 4000)
    monkeypatch.setattr(limits, "HISTORY_SIZE", 8000)
    monkeypatch.setattr(limits, "LARGEST_WEIGHT", 50_000)
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW)
    bookmark.settled(1)
    for _ in range(3000):
        machine.wait(1)
        deliver(bookmark, int(machine.wall))
    bookmark.close()
    again = opened(tmp_path, machine, "splunkd-2")
    assert again.recovery.unsettled == 2999 + 1
    assert again.position == NOW
    assert resume(again).timestamp == NOW - SETTLE
    again.close()


def test_records_hold_this_machines_clock_beside_the_stamp_as_it_came(tmp_path: Path):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    deliver(bookmark, NOW + DAY)
    bookmark.close()
    (generation,) = Path(folder_of(str(tmp_path), STANZA)).glob("*.journal")
    records, _ = journal.read_records(str(generation))
    (body,) = [body for kind, body in records if kind == journal.WRITTEN]
    first, moment, position = journal.head_of(journal.WRITTEN, body)
    assert (first, moment) == (1, journal.Moment(NOW, 10_000))
    assert journal.RUN.unpack_from(body, position) == (NOW + DAY, 1)


def test_a_start_without_events_does_not_pass_for_a_write_of_version_1(tmp_path: Path):
    machine = Machine()
    state = version_1.state(STANZA, "fmc", 1000, "splunkd-1")
    written = version_1.write(tmp_path, STANZA, state, version_1.written(1, NOW + DAY, [b"a"]))
    os.utime(written, (NOW - 4000, NOW - 4000))
    opened(tmp_path, machine).close()
    bookmark = opened(tmp_path, machine)
    assert resume(bookmark).timestamp == NOW - 4000 - CLOCK_MARGIN - SETTLE
    bookmark.close()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("source", ["fmc", "other"])
def test_where_a_source_began_without_events_is_no_later_than_this_machines_clock_of_today(
    tmp_path: Path, source: str, restarted: bool
):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    machine.set(DAY)
    deliver(bookmark, NOW + DAY)
    bookmark.settled(1)
    bookmark.begin("other", resume(bookmark, "other").timestamp, "splunkd-1", STANZA)
    machine.wait(600)
    machine.set(-DAY)
    if restarted:
        bookmark.close()
        bookmark = opened(tmp_path, machine)
    assert resume(bookmark, source).timestamp <= NOW - CLOCK_MARGIN - SETTLE - FAILOVER_MARGIN
    bookmark.close()


@pytest.mark.parametrize("seed", range(10))
def test_fewer_positions_in_memory_are_never_later_than_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
):
    monkeypatch.setattr(limits, "MOST_POSITIONS", 8)
    bookmark = begun(tmp_path, Machine())
    chance, positions = random.Random(seed), [0]
    for _ in range(12):
        deliver(bookmark, NOW - chance.randrange(DAY))
        positions.append(bookmark.position)
    for sequence in range(1, 13):
        bookmark.settled(sequence)
        assert bookmark._settled_high <= positions[sequence]
    bookmark.close()


@pytest.mark.parametrize("without_events", [0, 2])
def test_a_machine_that_has_been_up_for_longer_than_before_is_told_from_one_that_was_not_restarted(
    tmp_path: Path, without_events: int
):
    machine = Machine(monotonic=100.0, boot="first")
    bookmark = begun(tmp_path, machine)
    machine.set(DAY)
    deliver(bookmark, NOW + DAY)
    bookmark.settled(1)
    bookmark.close()
    machine.set(-DAY)
    machine.wait(6000)
    machine.restart(5000.0)
    machine.boot = "second"
    for _ in range(without_events):
        opened(tmp_path, machine).close()
    again = opened(tmp_path, machine)
    assert resume(again).timestamp == NOW + 6000 - 5000 - CLOCK_MARGIN - SETTLE
    deliver(again, NOW + 6000 + DAY)
    machine.wait(10)
    assert resume(again).timestamp == NOW + 6000 - CLOCK_MARGIN - SETTLE
    again.close()


def test_an_event_that_arrived_after_long_back_pressure_is_no_sign_of_a_clock_that_is_ahead(tmp_path: Path):
    machine = Machine()
    bookmark = begun(tmp_path, machine)
    before = bookmark.now()
    machine.wait(3600)
    bookmark.delivered(bookmark.entry([NOW + 3599], [b"waited in a buffer"], None, before))
    assert resume(bookmark).timestamp == NOW - CLOCK_MARGIN - SETTLE
    assert resume(bookmark).ahead is None
    bookmark.close()
