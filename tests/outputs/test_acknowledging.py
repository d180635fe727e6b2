"""Delivery and bookmark over an output that settles by acknowledgement, in any order of what can happen to it.

The receiver stores what it has accepted sooner or later, and acknowledges what it has stored. It can die with what it
had not stored. A process cannot ask for the acknowledgements of the one before it, so each has a receiver of its own:
nothing that was not acknowledged is trusted.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple
from unittest import mock

import pytest
from estreamer.bookmark.bookmark import Bookmark
from estreamer.bookmark.duplicates import DuplicateFilter
from estreamer.connection.waiting import Waiting
from estreamer.errors import Stop
from estreamer.events.records import FullyQualifiedRecords
from estreamer.input import writing
from estreamer.input.delivery import Delivery
from estreamer.input.status import StatusFile
from estreamer.outputs.output import NOTHING, Interest, Output, ReceiverGone
from estreamer.protocol.session import Event
from estreamer.settings import parse_input
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.input.harness import MemoryLog

STANZA = "estreamer_fqe://acknowledged"
WINDOW = 40


class Batch(NamedTuple):
    texts: Sequence[bytes]
    numbers: Sequence[int]


class Receiver:
    """Stores what it is given: `stored` for good, `accepted` not yet."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.accepted: list[bytes] = []

    def store(self, count: int) -> int:
        taken, self.accepted = self.accepted[:count], self.accepted[count:]
        self.stored += taken
        return len(taken)


class AcknowledgedOutput:
    """Takes events as long as there is room in its window. Settled is what was acknowledged, in order."""

    receiver = "the receiver"

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._current: Batch | None = None
        self._taken_of_current = 0
        self._taken = self._acknowledged = 0
        self._numbers: list[int] = []
        """Numbers of the events without an acknowledgement."""
        self._marks: list[tuple[int, int]] = []
        self._put_off: int | None = None
        self.dead = False
        self.written_bytes = 0

    @property
    def unacknowledged(self) -> int:
        return len(self._numbers)

    @property
    def safe(self) -> int:
        """How many events have settled."""
        return self._acknowledged

    def acknowledge(self, count: int) -> None:
        self._acknowledged += count
        del self._numbers[:count]

    def use_host(self, host: str) -> None:
        return

    def encode(self, times: Sequence[bytes], texts: Sequence[bytes], numbers: Sequence[int]) -> Batch:
        return Batch(texts, numbers)

    def take_problems(self) -> tuple[int, Counter[str]]:
        return 0, Counter()

    def offer(self, encoded: Batch) -> bool:
        if self.dead:
            raise ReceiverGone("the receiver has died")
        if encoded is not self._current:
            self._current, self._taken_of_current = encoded, 0
        begin = self._taken_of_current
        end = min(len(encoded.texts), begin + WINDOW - self.unacknowledged)
        more = encoded.texts[begin:end]
        self._receiver.accepted += more
        self._numbers += encoded.numbers[begin:end]
        self._taken += len(more)
        self._taken_of_current += len(more)
        self.written_bytes += sum(map(len, more))
        return end == len(encoded.texts)

    def taken(self) -> int:
        return self._taken_of_current

    def recorded(self, number: int) -> None:
        self._marks.append((self._taken, number))

    def blocked(self) -> str | None:
        return "the window is full" if self.unacknowledged >= WINDOW else None

    def waited(self, seconds: float, now: float) -> None:
        return

    def interest(self) -> Interest:
        return NOTHING

    def next_due(self) -> float:
        return math.inf

    def serve(self, now: float) -> None:
        return

    def settled(self, now: float) -> int | None:
        last, self._put_off = self._put_off, None
        while self._marks and self._marks[0][0] <= self.safe:
            last = self._marks.pop(0)[1]
        return last

    def put_off(self, number: int, now: float) -> None:
        self._put_off = number

    def seen(self) -> int | None:
        return None

    def gone(self) -> str | None:
        return "the receiver has died" if self.dead else None

    def finish(self) -> None:
        return

    def pending(self) -> bool:
        return bool(self.unacknowledged)

    def not_taken(self) -> int | None:
        return self._numbers[0] - 1 if self._numbers else None

    def keeps(self, now: float) -> bool:
        return not self.pending()


class Blocked(Waiting):
    """Waiting in which the receiver stores and acknowledges; it is told to stop when it was blocked for too long."""

    def __init__(self, machine: Acknowledging) -> None:
        self._machine = machine
        self.stops = False

    @property
    def parent_is_gone(self) -> bool:
        return False

    def check(self) -> None:
        if self.stops:
            raise Stop("told to stop")

    def writable(
        self, descriptors: Sequence[int], timeout: float, ignore_stop: bool = False, readable: Sequence[int] = ()
    ) -> None:
        if not self._machine.acknowledge_some(5):
            self.stops = True
        if not ignore_stop:
            self.check()

    def pause(self, seconds: float) -> None:
        self.check()


class Acknowledging(RuleBasedStateMachine):
    """A Management Center with events, an input that delivers them, and a receiver that acknowledges."""

    kind_of_output: type[AcknowledgedOutput] = AcknowledgedOutput

    @initialize(settle=st.integers(0, 3))
    def begin(self, settle: int) -> None:
        self.folder = tempfile.mkdtemp()
        self.patch = mock.patch.object(writing, "STOP_GRACE", 0.0)
        self.patch.start()
        self.receiver = Receiver()
        self.events: list[Event] = []
        self.sent: list[bytes] = []
        self.allowed = 0
        self.processes = 0
        self.settings = parse_input("acknowledged", {"account": "fmc", "index": "main", "settle": str(settle)})
        self.start = int(time.time()) - 5000
        self.bookmark: Bookmark | None = None
        self.run()

    def run(self) -> None:
        """Start a process."""
        self.processes += 1
        reader = f"receiver/{self.processes}"
        self.bookmark = Bookmark.open(self.folder, STANZA, reader=reader, settle=self.settings.settle)
        self.output = self.kind_of_output(self.receiver)
        self.waiting = Blocked(self)
        status = StatusFile(self.folder, STANZA)
        output: Output[Any] = self.output
        self.delivery = Delivery(
            self.settings, MemoryLog(), status, self.bookmark, output, self.waiting, FullyQualifiedRecords()
        )
        self.connect(reader)

    def connect(self, reader: str) -> None:
        """Ask for what the bookmark does not have."""
        assert self.bookmark is not None
        resume = self.bookmark.resume("fmc")
        timestamp = self.start if resume is None else resume.timestamp
        self.bookmark.begin("fmc", timestamp, reader, STANZA)
        self.duplicates: DuplicateFilter | None = None if resume is None else resume.duplicates
        self.waiting_to_be_sent = [event for event in self.events if event[0] >= timestamp]

    @rule(count=st.integers(1, 60))
    def events_happen(self, count: int) -> None:
        for _ in range(count):
            number = len(self.events)
            event = (self.start + 10 + number // 7, 500, b'{"EventType":"FileEvent", "FileSize":%d}' % number)
            self.events.append(event)
            self.waiting_to_be_sent.append(event)

    @rule(count=st.integers(1, 80))
    def the_server_sends(self, count: int) -> None:
        portion, self.waiting_to_be_sent = self.waiting_to_be_sent[:count], self.waiting_to_be_sent[count:]
        if not portion:
            return
        try:
            self.delivery.deliver(portion, self.duplicates)
        except (Stop, ReceiverGone):
            self.die(planned=False)

    def acknowledge_some(self, count: int) -> int:
        stored = self.receiver.store(count)
        self.output.acknowledge(stored)
        return stored

    @rule(count=st.integers(1, 10))
    def the_receiver_stores_and_acknowledges(self, count: int) -> None:
        self.acknowledge_some(count)

    @rule()
    def what_settled_is_recorded(self) -> None:
        self.keep_house()

    def keep_house(self) -> None:
        try:
            self.delivery.keep_house(time.monotonic())
        except ReceiverGone:
            self.die(planned=False)

    @rule()
    def the_connection_breaks(self) -> None:
        self.connect(f"receiver/{self.processes}")

    @rule(stored=st.integers(0, 5))
    def the_receiver_dies(self, stored: int) -> None:
        self.receiver.store(stored)
        self.receiver.accepted = []
        self.output.dead = True
        self.die(planned=False)

    @rule()
    def the_input_is_killed(self) -> None:
        assert self.bookmark is not None
        self.note_what_may_double()
        self.bookmark._lock.release()
        self.go_on()

    @rule()
    def the_input_is_stopped(self) -> None:
        self.die(planned=True)

    def die(self, *, planned: bool) -> None:
        assert self.bookmark is not None
        if not planned or self.output.pending():
            self.note_what_may_double()
        if self.output.dead:
            self.delivery.forget_receiver()
        self.delivery.close(planned=planned)
        self.bookmark.close()
        self.go_on()

    def note_what_may_double(self) -> None:
        """What was given and has not settled in the bookmark may be stored, and is delivered again."""
        assert self.bookmark is not None
        assert self.bookmark.state is not None
        self.allowed += self.bookmark.state.written - self.bookmark.state.settled

    def go_on(self) -> None:
        """Start again; the receiver stores what it had accepted."""
        self.receiver.store(len(self.receiver.accepted))
        self.run()

    def teardown(self) -> None:
        if getattr(self, "bookmark", None) is None:
            return
        try:
            for _ in range(1000):
                if not self.waiting_to_be_sent:
                    break
                self.the_server_sends(20)
                self.acknowledge_some(WINDOW)
                self.keep_house()
            self.acknowledge_some(len(self.receiver.accepted))
            stored = Counter(self.receiver.stored)
            assert set(stored) == {payload for _, _, payload in self.events}, "events were lost"
            doubled = sum(stored.values()) - len(stored)
            assert doubled <= self.allowed, f"doubled {doubled}, allowed {self.allowed}"
        finally:
            assert self.bookmark is not None
            self.bookmark.close()
            shutil.rmtree(self.folder)
            self.patch.stop()


TestAcknowledging = Acknowledging.TestCase
TestAcknowledging.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


class Hasty(AcknowledgedOutput):
    """Takes what was accepted for settled."""

    @property
    def safe(self) -> int:
        return self._taken


class BelievingTheHasty(Acknowledging):
    kind_of_output = Hasty


def test_an_output_that_settles_too_early_would_be_noticed() -> None:
    machine = BelievingTheHasty()
    machine.begin(0)
    machine.events_happen(30)
    machine.the_server_sends(20)
    machine.what_settled_is_recorded()
    machine.the_receiver_dies(0)
    with pytest.raises(AssertionError, match="events were lost"):
        machine.teardown()
