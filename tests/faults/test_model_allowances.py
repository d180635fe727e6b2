"""What the model of `test_model` allows to arrive twice, or not to be asked for: what the documents promise, no more.

The sequences here are fixed: each was found by chance and is as short as it still shows its kind of fault.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from standins.fmc import raw_messages
from tests.faults.model import sequences
from tests.faults.model.fmc import REQUEST, Fmc, Framing
from tests.faults.model.sequences import Trial
from tests.faults.model.splunkd import SLACK, Life, Pipe, Splunkd
from tests.faults.model.world import BEGIN, Setting, World

SETTLE = 5
LIMIT = SETTLE + SLACK
"""Seconds after which a write that was read to its end must have settled."""

BUNDLES = Framing(bundled=True, bare=False, waits=None, extended=True)
PLAIN = Setting(
    settle=SETTLE,
    framing=BUNDLES,
    pipe_size=65536,
    generation_size=1 << 20,
    pair=False,
    skew=0,
    keyed=True,
    rules=False,
    own_times=False,
    late=0,
    keeps_history=True,
    pace=(0, 0, 0, 1, 2),
)


class Reader:
    """A splunkd with the pipe of one life of an input, whose events are as short as they can be."""

    def __init__(self) -> None:
        self.life = Life(0.0)
        self.pipe = Pipe(65536, self.life)
        self.splunkd = Splunkd(SETTLE, random.Random(1))
        self.splunkd.pipes.append(self.pipe)
        os.write(self.pipe.writer, b"<stream>\n")

    def read(self, count: int, now: float) -> None:
        """Write so many events, and have them read."""
        os.write(self.pipe.writer, b"<event><data>{}</data></event>\n" * count)
        self.splunkd.read(now)

    def allowed_at(self, now: float) -> int:
        """Return how many events may arrive twice after a death of the reader at that moment."""
        self.life.could_settle = now
        self.splunkd.hang_up(now)
        return self.splunkd.allowed


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A splunkd that has read nothing yet."""
    reader = Reader()
    yield reader
    reader.pipe.hang_up()
    reader.pipe.end_of_process()


@pytest.mark.parametrize(("after", "allowed"), [(LIMIT - 0.1, 3), (LIMIT, 0)])
def test_a_write_may_arrive_twice_as_a_whole_until_its_last_event_has_settled(
    reader: Reader, after: float, allowed: int
):
    reader.read(2, 10.0)
    reader.life.note_whole(10.0)
    reader.read(1, 20.0)
    reader.life.wrote(3)
    reader.life.note_whole(20.0)
    assert reader.allowed_at(20.0 + after) == allowed


def test_a_write_of_which_a_part_is_read_does_not_keep_the_one_before_from_settling(reader: Reader):
    reader.life.wrote(2)
    reader.read(2, 10.0)
    reader.life.note_whole(10.0)
    reader.read(1, 10.0 + LIMIT)
    reader.life.note_whole(10.0 + LIMIT)
    assert reader.allowed_at(10.0 + LIMIT) == 1


def test_a_write_that_the_disk_keeps_from_being_recorded_settles_from_then_on(reader: Reader):
    reader.life.wrote(2)
    reader.read(2, 10.0)
    reader.life.note_whole(30.0)
    assert reader.allowed_at(30.0 + LIMIT - 0.1) == 2


def test_a_write_that_a_kill_cuts_short_is_not_allowed_again_at_the_death_of_the_reader(reader: Reader):
    reader.life.wrote(2)
    reader.read(3, 10.0)
    reader.life.killed()
    assert reader.allowed_at(10.0 + LIMIT) == 2


def longest_settling(world: World) -> float:
    """Return the longest time between the reading of an event and that of its whole write, in seconds."""
    kept = [indexed for indexed in world.splunkd.index if indexed.whole_at < world.now]
    return max(indexed.whole_at - indexed.read_at for indexed in kept)


def test_splunkd_dies_after_it_has_read_a_write_larger_than_its_pipe_for_seconds():
    happen = [("happen", 63), ("happen", 8878), ("splunkd_dies", 0), ("happen", 0), ("splunkd_dies", 0)]
    more = [("happen", 0), ("happen", 0), ("time", 1), ("happen", 1), ("splunkd_dies", 0)]
    framing = replace(BUNDLES, reorders=True)
    setting = replace(PLAIN, framing=framing, pipe_size=4096, keyed=False, rules=True)
    assert longest_settling(sequences.play(Trial(23, 0.0, setting, (*happen, *more)))) > SLACK


def test_splunkd_dies_after_a_write_has_waited_for_a_full_disk():
    first = [("happen", 1), ("time", 1), ("disk_full", 0), ("happen", 2), ("happen", 1), ("disk_free", 0)]
    then = [("disk_full", 0), ("happen", 0), ("happen", 1), ("happen", 0), ("disk_free", 0), ("splunkd_dies", 0)]
    framing = replace(BUNDLES, bare=True, extended=False)
    setting = replace(PLAIN, settle=0, framing=framing, own_times=True, pace=(0,))
    assert longest_settling(sequences.play(Trial(5, 0.0, setting, (*first, *then)))) > SLACK


AHEAD, CORRECTED = (BEGIN + 50, b"ahead"), (BEGIN + 10, b"corrected")


class Server:
    """A Management Center that waits for an acknowledgement of each message: one event can be received at a time."""

    def __init__(self) -> None:
        framing = Framing(bundled=False, bare=True, waits=1, extended=True)
        self.fmc = Fmc("fmc", 0, framing, random.Random(1), lambda: BEGIN + 100)
        self.fmc.archive.append(AHEAD)
        self.acknowledgement = raw_messages.message(0, b"")

    def correct(self) -> None:
        """Set the clock right, after which one event is archived."""
        self.fmc.corrections.append(len(self.fmc.archive))
        self.fmc.archive.append(CORRECTED)

    def serve(self, count: int, then: Callable[[], None] = lambda: None) -> set[bytes]:
        """Have so many events received on a connection, which is closed after something else; return what that may
        keep from being asked for.
        """
        received = [0]
        connection = self.fmc.connect(lambda events: received.append(received[-1] + events))
        connection.send(raw_messages.message(REQUEST, struct.pack(">II", 0, 0) + bytes(8)))
        while received[-1] < count:
            before = received[-1]
            connection.receive(1 << 16)
            if before < received[-1] < count:
                connection.send(self.acknowledgement)
        then()
        connection.close()
        return self.fmc.not_asked_for()


def test_what_is_archived_after_a_correction_is_asked_for_when_it_came_after_the_connection():
    server = Server()
    assert server.serve(1, then=server.correct) == set()


@pytest.mark.parametrize(("received", "not_asked_for"), [(0, set()), (1, {CORRECTED[1]}), (2, set())])
def test_what_is_archived_after_a_correction_within_a_backlog_may_not_be_asked_for_when_that_is_read_in_part(
    received: int, not_asked_for: set[bytes]
):
    server = Server()
    server.correct()
    assert server.serve(received) == not_asked_for


def test_a_clock_is_corrected_within_a_backlog_and_the_connection_ends_while_that_is_read():
    framing = Framing(bundled=False, bare=True, waits=1, extended=True)
    setting = replace(PLAIN, settle=1, framing=framing, pipe_size=4096)
    actions = (("happen", 0), ("correct_clocks", 0), ("splunkd_dies", 0), ("happen", 0), ("correct_clocks", 0))
    world = sequences.play(Trial(16, 0.0, setting, actions))
    assert world.fmcs["fmc"].not_asked_for()
