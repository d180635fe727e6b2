"""One conversation on one connection: with a server that is to stream events, or one that is only to be checked.

A conversation brings session and connection together. Whom it serves is its listener; where it stops, whoever runs it
says: an input goes on to the end, a check has a stopping point. Neither has steps of its own on the wire.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Protocol

from ..bookmark.journal import Moment
from ..clock import Clock
from ..connection import tls
from ..errors import Problem
from ..protocol import wire
from ..protocol.session import Received, Session
from .gathering import Gathering

RECEIVE_SIZE = 256 * 1024
"""Bytes taken at once from a busy link: about 150 events, which share the cost of a write and a bookmark record."""

READS_ON_THEIR_WAY = 256
"""Reads whose bytes may have waited in the buffers of both systems: 64 MiB, more than systems grant by default."""

MOST_UNSENT = 64 * 1024
"""Bytes that may wait to be sent. A server that does not read its acknowledgements is owed them: they are counted, and
do not pile up."""

StoppingPoint = Callable[[], bool]
"""Returns whether a conversation has reached the place where it is to stop; asked before each read."""


class Listener(Protocol):
    """Whom a conversation serves. What a method raises ends the conversation."""

    def keep_house(self) -> None:
        """Do what is due by the clock; called before each read, and cheap where nothing is due."""

    def wait(self, descriptor: int, to_send: bool, deadline: float) -> bool:
        """Wait until the descriptor has bytes, or may take some if there are any to send; return the latter.

        Waits until `deadline` at most (monotonic seconds), and no longer than `keep_house` can wait.
        """

    def deliver(self, received: Received, size: int, earliest: Moment) -> bool:
        """Deliver what was received in `size` bytes; return whether it may be acknowledged.

        `earliest` is a moment before which the server cannot have sent it.
        """

    def note(self, received: Received) -> None:
        """Note what else was received, after the acknowledgement."""


class _Sent:
    """When the bytes that are received can have been sent at the earliest, by this machine's clocks.

    They may have waited in the buffers of both systems for as long as this input did not read. Once nothing waits there
    any more, what follows is sent later.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reads: deque[Moment] = deque(maxlen=READS_ON_THEIR_WAY)
        self._seconds = (-1, -1)
        self._last = Moment(0, 0)
        self.nothing_waits()

    def nothing_waits(self) -> None:
        """Note that all bytes were read."""
        self._reads.clear()
        self._reads.append(self._now())

    def read(self, more: bool) -> Moment:
        """Note that bytes were read, and whether more may wait; return before when they cannot have been sent."""
        earliest = self._reads[0]
        if not more:
            self._reads.clear()
        self._reads.append(self._now())
        return earliest

    def _now(self) -> Moment:
        """Return the moment that it is, which has full seconds: it is made once for each of them."""
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        seconds = int(wall), int(monotonic)
        if seconds != self._seconds:
            self._seconds, self._last = seconds, Moment.of(wall, monotonic)
        return self._last


class Conversation:
    """One session on one connection, until either end ends it, or its stopping point is reached."""

    def __init__(self, session: Session, connection: tls.Connection, listener: Listener, clock: Clock) -> None:
        self._session = session
        self._connection = connection
        self._listener = listener
        self._clock = clock
        self._more = True
        """Whether more may have arrived already, so that there is nothing to wait for."""
        self._owed = 0
        """Acknowledgements that the server has not taken yet."""
        self._sent = _Sent(clock)
        self._gathering = Gathering(clock.monotonic())

    def ask(self) -> None:
        """Send the request for events."""
        self._connection.send(self._session.request)

    def listen(self, stop: StoppingPoint) -> None:
        """Take what the server says until the stopping point.

        Raises Problem when the server ends the conversation (`PeerClosed`, `ServerError`) or does not keep to the
        protocol, and what the listener raises.
        """
        while not stop():
            self._read()

    def run(self) -> Problem:
        """Ask for events and listen, without a stopping point; return the Problem that ended it.

        Raises what the listener raises but Problem.
        """
        try:
            self.ask()
            while True:
                self._read()
        except Problem as problem:
            return problem

    def say_goodbye(self, reason: str) -> None:
        """Send the server the reason why the connection is about to be closed, as far as it still takes bytes."""
        try:
            self._connection.send(self._session.goodbye(reason))
        except Problem:
            return

    def _read(self) -> None:
        """Read once, after a wait if all was read that had arrived."""
        self._listener.keep_house()
        # Also while more has arrived: what arrives may be anything but what the server owes.
        dead = self._session.check_alive(self._clock.monotonic())
        if dead is not None:
            raise dead
        if not self._more:
            self._wait()
        data = self._connection.receive(RECEIVE_SIZE)
        if data is None:
            self._more = False
            self._sent.nothing_waits()
            self._gathering.nothing()
            return
        if not data:
            raise tls.closed_later(self._connection)
        self._more = self._connection.has_more()
        self._process(data, self._sent.read(self._more))

    def _wait(self) -> None:
        """Let events gather where they keep arriving; else wait for the peer, space to send, or the next thing due."""
        connection = self._connection
        unsent = connection.unsent()
        pause = 0.0 if unsent else self._gathering.pause(self._clock.monotonic())
        if pause:
            self._clock.sleep(pause)
        elif self._listener.wait(connection.fileno(), unsent > 0, self._session.deadline):
            connection.flush()
            self._acknowledge()

    def _process(self, data: bytes, earliest: Moment) -> None:
        """Hand on what the bytes bring: what was delivered is acknowledged, in this order."""
        now = self._clock.monotonic()
        received = self._session.receive(data, now)
        full = self._more or self._connection.may_be_full(len(data))
        self._gathering.read(received.acknowledgements, now, full=full)
        if received.answers:
            self._connection.send(received.answers)
        safe = self._listener.deliver(received, len(data), earliest)
        if received.events:
            # The listener may have been kept for minutes: the peer's silence counts from here.
            self._session.resume_listening(self._clock.monotonic())
        if safe and received.acknowledgements:
            self._owed += received.acknowledgements
            self._acknowledge()
        self._listener.note(received)
        if received.problem is not None:
            raise received.problem

    def _acknowledge(self) -> None:
        """Send the acknowledgements that are due, as far as the server takes them."""
        while self._owed and self._connection.unsent() < MOST_UNSENT:
            due = min(self._owed, MOST_UNSENT // len(wire.NULL_MESSAGE))
            self._connection.send(self._session.acknowledge(due))
            self._owed -= due
