"""When to let events gather before they are read: at ordinary rates a pass of the loop costs more than its events.

A server may send a bundle and wait for its acknowledgement (as the guide says of one), or stop after some of them. It
must not be held up. How many messages it sends without an acknowledgement is unknown. A server that has sent more of
them at once than it sends usually shows that it does not stop there. One that sends exactly as many as ever, several
times in a row, may have stopped, or may send at a steady pace: one longer pause finds out. If that brings no more
either, the server is read at once again, and tried with longer and longer intervals.
"""

from __future__ import annotations

PAUSE = 0.012
"""Seconds for which events gather: the most that an event waits for others."""

QUIET_AFTER = 0.1
"""Seconds without events after which the next one is read at once: nothing gathers on a quiet link."""

LONG_PAUSE = 0.04
"""Seconds of the pause that finds out whether a server is waiting."""

SUSPICIOUS = 2
"""Pauses in a row that brought as many messages as ever, after which a server may be waiting."""

FIRST_REST, LAST_REST = 1.0, 32.0
"""Seconds without a pause for a server that seems to be waiting, doubled while that is so."""


class Gathering:
    """How long to wait before the reads of one connection. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._last = now - QUIET_AFTER
        """When the last events were read."""
        self._most = 0
        """Messages that the server has sent at once without an acknowledgement, at most."""
        self._suspicious = 0
        self._rest = FIRST_REST
        self._rests_until = now
        self._paused = False

    def pause(self, now: float) -> float:
        """Return for how many seconds to let events gather, now that the first bytes are there; 0 for not at all."""
        self._paused = now - self._last < QUIET_AFTER and now >= self._rests_until
        if not self._paused:
            return 0.0
        return PAUSE if self._suspicious < SUSPICIOUS else LONG_PAUSE

    def read(self, messages: int, now: float) -> None:
        """Note a read, and how many messages it brought that are to be acknowledged."""
        paused, self._paused = self._paused, False
        if not messages:
            return
        self._last = now
        if messages > self._most:
            self._most = messages
            self._trust(now)
        elif paused and messages < self._most:
            self._trust(now)
        elif paused:
            self._suspect(now)

    def _trust(self, now: float) -> None:
        self._suspicious = 0
        self._rest = FIRST_REST
        self._rests_until = now

    def _suspect(self, now: float) -> None:
        if self._suspicious < SUSPICIOUS:
            self._suspicious += 1
            return
        self._rests_until = now + self._rest
        self._rest = min(2 * self._rest, LAST_REST)
