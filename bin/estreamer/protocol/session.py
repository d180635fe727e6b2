"""The eStreamer protocol as a state machine: bytes and the time go in; events and bytes to send come out.

No socket, no clock, no file: whoever drives a session owns them. The life of a session:

    session = Session(document, timestamp, "single", now)
    send(session.greeting)
    received = session.receive(data, now)       # any split of the bytes gives the same events
    ... hand received.events on ...
    send(session.acknowledge(received.acknowledgements))
    send(session.goodbye(reason))               # before closing

Events are handed out as soon as they are whole, also from a bundle whose end has not arrived: a bundle may be
megabytes, and a quiet link must not hold its events back. Only the acknowledgement waits for the bundle's end.

What the peer breaks does not raise: `Received.problem` says it, beside the events that came before it. What the caller
breaks (receiving after the end, acknowledging what never came) raises `Misuse`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from struct import Struct

from ..errors import Problem
from . import wire

Event = tuple[int, int, bytes]
"""Archival timestamp (0: none, `UNSTAMPED`: not told), record type, payload. A plain tuple: one is made per event,
millions a minute."""

UNSTAMPED = -1
"""In place of an archival timestamp: the record header was not extended."""

SILENCE_LIMIT = 900.0
"""Seconds without a byte after which a peer counts as dead, while its keep-alive interval is unknown. The guides give
no interval, so this is far beyond any plausible one; a vanished host is noticed much earlier by TCP keep-alive."""

WHOLE_WITHIN = 900.0
"""Seconds within which a message, or the head of a bundle, must be whole once it has begun: a peer that sends a byte
now and then is as dead as a silent one. The largest message allowed takes that long at 18 kB/s."""

SILENCE_LIMIT_SHORTEST = 120.0
"""Lower bound of the limit once keep-alives have shown the peer's interval."""

KEEP_ALIVES_MISSED = 4
"""So many keep-alive intervals of silence mean a dead peer."""

_EVENT_HEADERS = Struct(">HHIHHIII")
"""Message header and extended record header at one go: the common case, unpacked by one call."""


MOST_ERROR_TEXT = 1000
"""Characters that are shown of the text of a server's error, which may have 65,535 bytes."""

MOST_UNKNOWN_TYPES = 64
"""Unknown types of messages that are counted one by one; all others are counted together, as `OTHER_TYPES`."""

OTHER_TYPES = -1


class Misuse(Exception):
    """The caller broke the rules of this module."""


@dataclass
class Counts:
    """What a session has seen so far."""

    events: int = 0
    bundle_gaps: int = 0
    unknown_messages: Counter[int] = field(default_factory=Counter)
    """How many messages of each unknown type were skipped; at most `MOST_UNKNOWN_TYPES` types, and `OTHER_TYPES`."""


@dataclass(frozen=True)
class Received:
    """What one portion of bytes brought.

    `acknowledgements` is how many null messages are due once `events` have been handed on. `problem` ends the session.
    `gap` is (expected, received) when a bundle's sequence number left some out, the last one of `gaps`. `unknown`
    counts the messages that were skipped, and `unknown_types` are the types that were skipped for the first time.
    `unstamped` tells that some of the events have no archival timestamp since
    their record headers were not extended.
    """

    events: list[Event]
    acknowledgements: int = 0
    problem: Problem | None = None
    gap: tuple[int, int] | None = None
    gaps: int = 0
    unknown: int = 0
    unknown_types: tuple[int, ...] = ()
    unstamped: bool = False


_NOTHING = Received([])


def greeting(document: bytes, timestamp: int, style: str) -> bytes:
    """Return the request that opens a session, in the style `single` or `two-step`.

    The guide to fully-qualified events speaks of a follow-on message after an initial event stream request; one
    message was enough for a real server [W]. In both readings the request that carries the document is the same.
    """
    request = wire.encode_event_stream_request(timestamp, wire.EXTENDED_HEADERS, document)
    if style == "single":
        return request
    if style == "two-step":
        return wire.encode_event_stream_request(timestamp, 0) + request
    raise Misuse(f"unknown request style {style!r}")


class Session:
    """One connection's conversation, from the request to the goodbye.

    `document` is the request document, `timestamp` the initial timestamp (Unix seconds, `wire.OLDEST` or `wire.NOW`),
    `style` is `single` or `two-step`, `now` a monotonic time in seconds, as in all other calls.
    """

    def __init__(self, document: bytes, timestamp: int, style: str, now: float) -> None:
        self.greeting = greeting(document, timestamp, style)
        self.counts = Counts()
        self.answered = False
        """Whether the server has sent any message, keep-alives included."""
        self.data_received = False
        """Whether the server has sent event data."""
        self._partial = bytearray()
        self._begun: float | None = None
        """When the message began of which only a part is there."""
        self._needed = wire.HEADER.size
        self._bundle_left: int | None = None
        self._next_sequence: int | None = None
        self._unacknowledged = 0
        self._ended = False
        self._last_heard = now
        self._last_keep_alive: float | None = None
        self._keep_alive_interval: float | None = None

    @property
    def deadline(self) -> float:
        """The time at which a peer counts as dead that is still silent, or has still not completed its message."""
        limit = SILENCE_LIMIT
        if self._keep_alive_interval is not None:
            limit = min(limit, max(SILENCE_LIMIT_SHORTEST, KEEP_ALIVES_MISSED * self._keep_alive_interval))
        silent = self._last_heard + limit
        return silent if self._begun is None else min(silent, self._begun + WHOLE_WITHIN)

    def check_alive(self, now: float) -> Problem | None:
        """Return a Problem when the peer has been silent beyond the deadline."""
        if now < self.deadline:
            return None
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
        """Take the next bytes, in any split, and return the whole events in them."""
        if self._ended:
            raise Misuse("the session has ended")
        self._last_heard = now
        # Reading only when a whole unit is there keeps a dribble of single bytes linear in time, and gathering them in
        # one place keeps it small.
        if len(self._partial) + len(data) < self._needed:
            self._partial += data
            if self._begun is None:
                self._begun = now
            return _NOTHING
        buffer = b"".join((self._partial, data)) if self._partial else data
        reading = _Reading(self, buffer, now)
        reading.run()
        rest = buffer[reading.position :]
        self._partial = bytearray(rest)
        if not rest:
            self._begun = None
        elif reading.position or self._begun is None:
            self._begun = now
        self._needed = max(reading.needed, len(rest) + 1)
        self._bundle_left = None if reading.bundle_end < 0 else reading.bundle_end - reading.position
        self.counts.events += len(reading.events)
        self._unacknowledged += reading.acknowledgements
        if reading.events:
            self.answered = self.data_received = True
        if reading.problem is not None:
            self._ended = True
        return Received(
            reading.events,
            reading.acknowledgements,
            reading.problem,
            reading.gap,
            reading.gaps,
            reading.unknown,
            tuple(reading.unknown_types),
            reading.unstamped,
        )

    def acknowledge(self, count: int) -> bytes:
        """Return `count` null messages: one for each whole bundle and each bare event message that was handed on."""
        if count > self._unacknowledged:
            raise Misuse(f"{count} acknowledgements for {self._unacknowledged} messages")
        self._unacknowledged -= count
        return wire.NULL_MESSAGE * count

    def goodbye(self, reason: str) -> bytes:
        """Return the error message that tells the server why the connection is about to be closed."""
        self._ended = True
        return wire.encode_error(reason)

    def _keep_alive(self, now: float) -> None:
        if self._last_keep_alive is not None:
            interval = now - self._last_keep_alive
            longest = self._keep_alive_interval or 0.0
            self._keep_alive_interval = max(interval, longest)
        self._last_keep_alive = now

    def _bundle(self, sequence: int) -> tuple[int, int] | None:
        """Note a bundle; return (expected, received) when its sequence number is not the expected one."""
        expected, self._next_sequence = self._next_sequence, (sequence + 1) & 0xFFFFFFFF
        if expected is None or expected == sequence:
            return None
        self.counts.bundle_gaps += 1
        return expected, sequence


class _Reading:
    """One pass over a buffer. Offsets are the buffer's; `bundle_end` is -1 outside a bundle."""

    def __init__(self, session: Session, buffer: bytes, now: float) -> None:
        self.session = session
        self.buffer = buffer
        self.now = now
        self.position = 0
        self.needed = wire.HEADER.size
        self.bundle_end = -1 if session._bundle_left is None else session._bundle_left
        self.events: list[Event] = []
        self.acknowledgements = 0
        self.problem: Problem | None = None
        self.gap: tuple[int, int] | None = None
        self.gaps = 0
        self.unknown = 0
        self.unknown_types: list[int] = []
        self.unstamped = False

    def run(self) -> None:
        while self.problem is None:
            self._read_events()
            if self.position == self.bundle_end:
                self.bundle_end = -1
                self.acknowledgements += 1
            elif not self._read_other():
                return

    def _read_events(self) -> None:
        """Read event data messages with extended record header until something else, or the end, is met.

        The hot path: everything that is not the common case is left to `_read_other`, which reads it again with care.
        """
        buffer, position, bundle_end = self.buffer, self.position, self.bundle_end
        last = len(buffer) - _EVENT_HEADERS.size
        end = len(buffer) if bundle_end < 0 else min(len(buffer), bundle_end)
        unpack, append = _EVENT_HEADERS.unpack_from, self.events.append
        event_data_types = wire.EVENT_DATA_TYPES
        count = len(self.events)
        while position <= last:
            version, kind, length, _, record_type, record_length, archival, _ = unpack(buffer, position)
            after = position + 8 + length
            if kind not in event_data_types or after > end or length != record_length + 16 or version > 1:
                break
            append((archival, record_type, buffer[position + 24 : after]))
            position = after
        if bundle_end < 0:
            self.acknowledgements += len(self.events) - count
        self.position = position

    def _read_other(self) -> bool:
        """Read one message of any kind; return whether reading goes on."""
        available = len(self.buffer) - self.position
        if available < wire.HEADER.size:
            self.needed = wire.HEADER.size
            return False
        version, kind, length = wire.HEADER.unpack_from(self.buffer, self.position)
        if version not in wire.VERSIONS or length > wire.MAX_MESSAGE_LENGTH:
            return self._broken(f"a message header of version {version}, type {kind} and length {length}")
        if self.bundle_end >= 0 and self.position + 8 + length > self.bundle_end:
            return self._broken("a message that reaches beyond the end of its bundle")
        whole = wire.HEADER.size + (wire.BUNDLE_HEADER.size if kind == wire.BUNDLE else length)
        if available < whole:
            self.needed = whole
            return False
        body = self.position + wire.HEADER.size
        self.session.answered = True
        if kind == wire.BUNDLE:
            return self._read_bundle_header(body, length)
        self.position = body + length
        return self._read_body(kind, self.buffer[body : body + length])

    def _read_bundle_header(self, body: int, length: int) -> bool:
        if self.bundle_end >= 0:
            return self._broken("a bundle inside a bundle")
        if length < wire.BUNDLE_HEADER.size:
            return self._broken(f"a bundle of {length} bytes")
        _, sequence = wire.BUNDLE_HEADER.unpack_from(self.buffer, body)
        gap = self.session._bundle(sequence)
        if gap is not None:
            self.gap = gap
            self.gaps += 1
        self.position = body + wire.BUNDLE_HEADER.size
        self.bundle_end = body + length
        return True

    def _read_body(self, kind: int, body: bytes) -> bool:
        if kind in wire.EVENT_DATA_TYPES:
            return self._read_event(body)
        if kind == wire.NULL:
            self.session._keep_alive(self.now)
        elif kind == wire.ERROR:
            return self._server_error(wire.decode_error(body))
        else:
            self._skip(kind)
        return True

    def _read_event(self, body: bytes) -> bool:
        """Whether the record header is extended is decided by arithmetic: servers were seen to do both [W]."""
        if len(body) < wire.RECORD_HEADER.size:
            return self._broken(f"an event data message of {len(body)} bytes")
        _, record_type, record_length = wire.RECORD_HEADER.unpack_from(body)
        if len(body) == wire.EXTENDED_RECORD_HEADER.size + record_length:
            archival: int = wire.EXTENDED_RECORD_HEADER.unpack_from(body)[3]
            self.events.append((archival, record_type, body[16:]))
        elif len(body) == wire.RECORD_HEADER.size + record_length:
            self.events.append((UNSTAMPED, record_type, body[8:]))
            self.unstamped = True
        else:
            return self._broken(f"a record of {record_length} bytes in a message of {len(body)}")
        if self.bundle_end < 0:
            self.acknowledgements += 1
        return True

    def _skip(self, kind: int) -> None:
        known = self.session.counts.unknown_messages
        if kind not in known:
            if len(known) >= MOST_UNKNOWN_TYPES:
                kind = OTHER_TYPES
            if kind not in known:
                self.unknown_types.append(kind)
        known[kind] += 1
        self.unknown += 1

    def _server_error(self, error: wire.ErrorMessage) -> bool:
        text = error.text if len(error.text) <= MOST_ERROR_TEXT else f"{error.text[:MOST_ERROR_TEXT]}…"
        self.problem = Problem(
            "server_error",
            f"The server ended the session with error {error.code}: {text or '(no text)'}",
        )
        return False

    def _broken(self, what: str) -> bool:
        self.problem = Problem(
            "peer_broke_protocol",
            f"The server sent {what}, which is not an eStreamer message. The connection is made again.",
        )
        return False
