"""The bytes for one client: their pace, the bytes that replace them, and the count of bytes that were sent."""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Callable, NamedTuple

from standins.fmc.delivery import Chunk

_RECORD = 16384
"""Bytes of a TLS record. A longer write would show the client the first records before the write returns; the client
could then acknowledge events that do not count as sent."""

_FILLER = b"x" * 65536


class Leaving(Exception):
    """The server ends the connection: `how` is one of `standins.fmc.behaviour.ENDINGS`, the text goes into the
    record."""

    def __init__(self, how: str, ended: str) -> None:
        super().__init__(ended)
        self.how = how


class Completed(NamedTuple):
    """The numbers of events, bare events and bundles that one write completed."""

    events: int
    bare: int
    bundles: int


class Outgoing:
    """The bytes that are being sent. `write_size` is the most bytes of one write, None for a TLS record."""

    def __init__(self, write_size: int | None) -> None:
        self.sent = 0
        """Number of bytes that were sent so far."""
        self.muted = False
        """Whether the server sends nothing more."""
        self.filling = False
        """Whether the server sends meaningless bytes without end."""
        self._write_size = write_size or _RECORD
        self._bytes = memoryview(b"")
        self._milestones = Chunk()
        self._pause = 0.0
        self._next_write = 0.0
        self._mute_next = False
        self._closing: str | None = None
        self._last_sent = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether something may be sent at this moment."""
        return not self.muted and self._next_write <= time.monotonic()

    @property
    def waiting(self) -> bool:
        """Whether bytes wait until the socket accepts them."""
        return bool(self._bytes) and not self.muted and not self._next_write > time.monotonic()

    @property
    def replaced(self) -> bool:
        """Whether other bytes are sent in place of the delivery."""
        return self.filling or self._mute_next or self._closing is not None

    def timeout(self, quiet: float) -> float | None:
        """Return the seconds until a write is due, at most `quiet` seconds after the last one; None for never.

        A `quiet` of 0 sets no limit to the silence.
        """
        now = time.monotonic()
        if self._next_write > now:
            return self._next_write - now
        if not quiet or self.muted:
            return None
        return max(0.0, self._last_sent + quiet - now)

    def begin(self) -> None:
        """Start the clock of the silence."""
        self._last_sent = time.monotonic()

    def fill(self, following: Callable[[], Chunk | None]) -> bool:
        """Get bytes to send, the `following` ones when all others are sent; return whether there are any.

        Raises Leaving when the connection is to end.
        """
        if self._bytes:
            return True
        if self._closing is not None:
            raise Leaving("close", self._closing)
        if self._mute_next:
            self.muted = True
            return False
        chunk = Chunk(_FILLER) if self.filling else following()
        if chunk is None:
            return False
        self._bytes = memoryview(chunk.data)
        self._milestones = chunk
        return True

    def piece(self, to_stop: int | None = None) -> memoryview:
        """Return the bytes of the next write: at most `to_stop`, if it is set and above 0."""
        most = self._write_size
        if to_stop is not None and to_stop > 0 and not self.filling:
            most = min(most, to_stop)
        return self._bytes[:most]

    def count(self, sent: int) -> Completed:
        """Count bytes that were sent; return what they completed."""
        self._bytes = self._bytes[sent:]
        self.sent += sent
        self._last_sent = time.monotonic()
        self._next_write = self._last_sent + self._pause if self._pause else 0.0
        chunk = self._milestones
        ends = (chunk.event_ends, chunk.bare_ends, chunk.bundle_ends)
        return Completed(*(_take(offsets, self.sent) for offsets in ends))

    @property
    def write_size(self) -> int:
        """The most bytes of one write."""
        return self._write_size

    # Bytes in place of the delivery

    def dribble(self, pause: float) -> None:
        """Send single bytes from here on, `pause` seconds apart."""
        self._write_size, self._pause = 1, pause

    def mute(self) -> None:
        """Send nothing more, not even the rest of a message."""
        self.muted = True

    def say_and_end(self, data: bytes, ended: str) -> None:
        """Send this in place of the delivery, then end the connection."""
        self._replace(data)
        self._closing = ended

    def say_and_mute(self, data: bytes) -> None:
        """Send this in place of the delivery, then nothing more."""
        self._replace(data)
        self._mute_next = True

    def say_and_fill(self, data: bytes) -> None:
        """Send this in place of the delivery, then meaningless bytes without end."""
        self._replace(data)
        self.filling = True

    def _replace(self, data: bytes) -> None:
        self._bytes = memoryview(data)
        self._milestones = Chunk()


def _take(ends: list[int], sent: int) -> int:
    """Remove the offsets up to `sent` and return their number."""
    reached = bisect_right(ends, sent)
    del ends[:reached]
    return reached
