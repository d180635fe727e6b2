"""The eStreamer protocol as a state machine: bytes and the time go in; events and bytes to send are returned.

No socket, no clock, no file: whoever drives a session owns them. The life of a session:

    session = Session(family, now)
    send(session.request)
    received = session.receive(data, now)       # any split of the bytes gives the same events
    send(received.answers)
    ... hand received.events on ...
    send(session.acknowledge(received.acknowledgements))
    send(session.goodbye(reason))               # before closing

The states and what each message means in them are one table, in `states`. Bytes become messages in `framing`. How the
events are asked for is a matter of their `Family`.

Events are handed out as soon as they are complete, also from a bundle whose end has not arrived: a bundle may be
megabytes, and a quiet link must not hold its events back. Only the acknowledgement waits for the bundle's end.

What the peer breaks does not raise: `Received.problem` says it, in addition to the events before it. What the caller
breaks (receiving after the end, acknowledging what was never received) raises `Misuse`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from ..errors import Problem
from . import wire
from .family import Family
from .framing import UNSTAMPED, Event, Reading, ServerError
from .states import State

__all__ = ["OTHER_TYPES", "UNSTAMPED", "Event", "Misuse", "Received", "ServerError", "Session", "Unanswered"]

SILENCE_LIMIT = 900.0
"""Seconds without a byte after which a peer counts as dead, while its keep-alive interval is unknown. The guides give
no interval, so this is far beyond any plausible one; a vanished host is noticed much earlier by TCP keep-alive."""

WHOLE_WITHIN = 900.0
"""Seconds within which a message, or the head of a bundle, must be complete once it has begun: a peer that sends a byte
now and then is as dead as a silent one. The largest message allowed takes that long at 18 kB/s."""

SILENCE_LIMIT_SHORTEST = 120.0
"""Lower bound of the limit once keep-alives have shown the peer's interval."""

KEEP_ALIVES_MISSED = 4
"""So many keep-alive intervals of silence mean a dead peer."""

MOST_UNKNOWN_TYPES = 64
"""Unknown types of messages that are counted one by one; all others are counted together, as `OTHER_TYPES`."""

OTHER_TYPES = -1


class Misuse(Exception):
    """The caller broke the rules of this module."""


class Unanswered(Problem):
    """The server lives, but has not taken its part in the asking in time: another form of the request may work."""


@dataclass
class Counts:
    """What a session has seen so far."""

    events: int = 0
    bundle_gaps: int = 0
    unknown_messages: Counter[int] = field(default_factory=Counter)
    """How many messages of each unknown type were skipped; at most `MOST_UNKNOWN_TYPES` types, and `OTHER_TYPES`."""

    def count_events(self, events: int) -> None:
        """Count events that were received."""
        self.events += events

    def count_gap(self) -> None:
        """Count a place at which bundles were left out."""
        self.bundle_gaps += 1

    def count_unknown(self, message_type: int) -> int | None:
        """Count a message that was skipped; return what it is counted as if that is met for the first time."""
        known = self.unknown_messages
        counted = message_type if message_type in known or len(known) < MOST_UNKNOWN_TYPES else OTHER_TYPES
        known[counted] += 1
        return counted if known[counted] == 1 else None


@dataclass(frozen=True)
class Received:
    """What one portion of bytes brought.

    `acknowledgements` is how many null messages are due once `events` have been handed on. `problem` ends the session.
    `gap` is (expected, received) when a bundle's sequence number left some out, the last one of `gaps`. `unknown`
    counts the messages that were skipped, and `unknown_types` are the types that were skipped for the first time.
    `unstamped`: some of the events have no archival timestamp, since their record headers were not extended. `answers`
    is what the family of events sends to go on with its asking.
    """

    events: list[Event]
    acknowledgements: int = 0
    problem: Problem | None = None
    gap: tuple[int, int] | None = None
    gaps: int = 0
    unknown: int = 0
    unknown_types: tuple[int, ...] = ()
    unstamped: bool = False
    answers: bytes = b""


_NOTHING = Received([])


class Session:
    """One connection's conversation, from the request to the goodbye.

    `family` says how the events are asked for; `now` is a monotonic time in seconds, as in all other calls.
    """

    def __init__(self, family: Family, now: float) -> None:
        self.family = family
        self.request = family.request()
        self.counts = Counts()
        self.answered = False
        """Whether the server has sent any message, keep-alives included."""
        self.data_received = False
        """Whether the server has sent event data."""
        self._state = State.ASKING
        self._partial = bytearray()
        self._begun: float | None = None
        """When the message began of which only a part is there."""
        self._needed = wire.HEADER.size
        self._bundle_left = -1
        self._next_sequence: int | None = None
        self._unacknowledged = 0
        self._asked = now
        self._last_heard = now
        self._last_keep_alive: float | None = None
        self._keep_alive_interval: float | None = None

    @property
    def deadline(self) -> float:
        """The time at which a peer is given up that is still silent, or has not completed its message or answered."""
        limit = SILENCE_LIMIT
        if self._keep_alive_interval is not None:
            limit = min(limit, max(SILENCE_LIMIT_SHORTEST, KEEP_ALIVES_MISSED * self._keep_alive_interval))
        due = min(self._last_heard + limit, self._answer_due)
        return due if self._begun is None else min(due, self._begun + WHOLE_WITHIN)

    @property
    def _answer_due(self) -> float:
        """The time until which the server has to take its next part in the asking; events end the waiting for it."""
        patience = self.family.patience if self._state is State.ASKING else None
        return math.inf if patience is None else self._asked + patience

    def check_alive(self, now: float) -> Problem | None:
        """Return a Problem when the peer has been silent beyond the deadline, or has not taken part in the asking."""
        if now < self.deadline:
            return None
        if now >= self._answer_due:
            return Unanswered(
                "request_unanswered",
                f"The server has not answered the request within {now - self._asked:.0f} seconds, although it keeps "
                "the connection. It may not know this form of the request. The connection is made again.",
            )
        if self._begun is not None and now >= self._begun + WHOLE_WITHIN:
            what = f"A message that began {now - self._begun:.0f} seconds ago is not complete yet"
        else:
            what = f"Nothing was received for {now - self._last_heard:.0f} seconds, not even a keep-alive"
        return Problem("peer_dead", f"{what}. The connection counts as dead and is made again.")

    def resume_listening(self, now: float) -> None:
        """Restart the silence clock: the time that the caller spent without reading does not count against the peer."""
        self._last_heard = max(self._last_heard, now)
        if self._begun is not None:
            self._begun = max(self._begun, now)

    def receive(self, data: bytes, now: float) -> Received:
        """Take the next bytes, in any split, and return the complete events in them."""
        if self._state is State.ENDED:
            raise Misuse("the session has ended")
        self._last_heard = now
        # Reading only when a complete unit is there keeps a dribble of single bytes linear in time, and gathering them
        # in one place keeps it small.
        if len(self._partial) + len(data) < self._needed:
            self._partial += data
            if self._begun is None:
                self._begun = now
            return _NOTHING
        buffer = b"".join((self._partial, data)) if self._partial else data
        reading = Reading(self, buffer, self._state, self._bundle_left, now)
        reading.run()
        self._keep(reading, buffer, now)
        unknown_types = self._skip(reading.skipped) if reading.skipped else ()
        return Received(
            reading.events,
            reading.acknowledgements,
            reading.problem,
            reading.gaps[-1] if reading.gaps else None,
            len(reading.gaps),
            len(reading.skipped),
            unknown_types,
            reading.unstamped,
            b"".join(reading.answers),
        )

    def _keep(self, reading: Reading, buffer: bytes, now: float) -> None:
        """Keep what the next bytes go on from."""
        rest = buffer[reading.position :]
        self._partial = bytearray(rest)
        if not rest:
            self._begun = None
        elif reading.position or self._begun is None:
            self._begun = now
        self._needed = max(reading.needed, len(rest) + 1)
        self._bundle_left = -1 if reading.bundle_end < 0 else reading.bundle_end - reading.position
        self._state = reading.state
        self.counts.count_events(len(reading.events))
        self._unacknowledged += reading.acknowledgements
        self.answered |= reading.answered
        self.data_received |= bool(reading.events)

    def _skip(self, message_types: list[int]) -> tuple[int, ...]:
        """Count messages that were skipped; return the types that were skipped for the first time."""
        counted = (self.counts.count_unknown(message_type) for message_type in message_types)
        return tuple(message_type for message_type in counted if message_type is not None)

    def acknowledge(self, count: int) -> bytes:
        """Return `count` null messages: one for each complete bundle and each bare event message that was handed on."""
        if count > self._unacknowledged:
            raise Misuse(f"{count} acknowledgements for {self._unacknowledged} messages")
        self._unacknowledged -= count
        return wire.NULL_MESSAGE * count

    def goodbye(self, reason: str) -> bytes:
        """Return the error message that gives the server the reason why the connection is about to be closed."""
        self._state = State.ENDED
        return wire.encode_error(reason)

    def keep_alive(self, now: float) -> None:
        """Note a null message of the server: how far apart they are shows how soon a silent server is dead."""
        if self._last_keep_alive is not None:
            interval = now - self._last_keep_alive
            longest = self._keep_alive_interval or 0.0
            self._keep_alive_interval = max(interval, longest)
        self._last_keep_alive = now

    def bundle_begun(self, sequence: int) -> tuple[int, int] | None:
        """Note a bundle; return (expected, received) when its sequence number is not the expected one."""
        expected, self._next_sequence = self._next_sequence, (sequence + 1) & 0xFFFFFFFF
        if expected is None or expected == sequence:
            return None
        self.counts.count_gap()
        return expected, sequence
