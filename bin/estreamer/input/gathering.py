"""When to let events gather before they are read: at ordinary rates a pass of the loop costs more than its events.

Events keep arriving where two reads that brought some lay close together. Then the next read is made some milliseconds
after the last one, without a wait for the first byte in between. Where nothing has arrived meanwhile, the next event is
waited for and read at once.

A server may send a bundle and wait for its acknowledgement (as the guide says of one), or stop after some of them. It
must not be held up. How many messages it sends without an acknowledgement is unknown. A server that has sent more of
them at once than it sends usually shows that it does not stop there. One that sends exactly as many as ever, several
times in a row, may have stopped, or may send at a steady pace: one longer pause finds out. If that brings no more
either, the server is read at once again, and tried with longer and longer intervals. Nor does anything gather after a
read that may have been all that the systems hold: then TCP itself keeps the server waiting.
"""

from __future__ import annotations

PAUSE = 0.024
"""Seconds from one read to the next where events keep arriving: the most that an event waits for others."""

CLOSE = 0.03
"""Seconds between two reads with events within which these count as close together. On a link with fewer events
nothing gathers: a pause would bring one event, which is what a read at once brings."""

LONG_PAUSE = 0.045
"""Seconds of the pause that finds out whether a server is waiting."""

SUSPICIOUS = 2
"""Pauses in a row that brought as many messages as ever, after which a server may be waiting."""

FIRST_REST, LAST_REST = 1.0, 32.0
"""Seconds without a pause for a server that seems to be waiting, doubled while that is so."""


class Gathering:
    """How long to wait before the reads of one connection. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._last = now - CLOSE
        """When the last events were read."""
        self._keeps_arriving = False
        self._most = 0
        """Messages that the server has sent at once without an acknowledgement, at most."""
        self._suspicious = 0
        self._rest = FIRST_REST
        self._rests_until = now
        self._paused = False

    def pause(self, now: float) -> float:
        """Return for how many seconds to let events gather before the next read; 0 for waiting until there are some."""
        if not self._keeps_arriving or now < self._rests_until:
            return 0.0
        pause = self._last + (PAUSE if self._suspicious < SUSPICIOUS else LONG_PAUSE) - now
        self._paused = pause > 0
        return max(0.0, pause)

    def nothing(self) -> None:
        """Note a read that brought nothing."""
        self._keeps_arriving = self._paused = False

    def read(self, messages: int, now: float, *, full: bool = False) -> None:
        """Note a read, and how many messages it brought that are to be acknowledged.

        `full` says that the server may have sent as much as it could before something was read.
        """
        paused, self._paused = self._paused, False
        if not messages:
            self._keeps_arriving = False
            return
        self._keeps_arriving = not full and (paused or now - self._last < CLOSE)
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
