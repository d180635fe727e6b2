"""Giving events to an output that may be blocked: waiting for it, and for how long once the input is to stop."""

from __future__ import annotations

from typing import Any, Callable

from ..clock import CLOCK, Clock
from ..connection.waiting import Waiting
from ..errors import Stop
from ..outputs.output import Encoded, Output

STOP_GRACE = 1.0
"""Seconds after a request to stop in which the output may still take the rest of a batch; splunkd allows 2 in all."""

DRAIN_POLL = 0.01
"""Seconds between looks at what is still on its way to the receiver at a stop."""

LONGEST_WAIT = 1.0
"""Seconds of waiting for a blocked output, at most, before what is due is done and it is offered the rest again."""


class Writer:
    """Gives events to an output. `blocked` is called after each wait for it: with its seconds, and the time."""

    def __init__(
        self, output: Output[Any], waiting: Waiting, blocked: Callable[[float, float], None], clock: Clock = CLOCK
    ) -> None:
        self._clock = clock
        self._output = output
        self._waiting = waiting
        self._blocked = blocked
        self._waited = 0.0
        """Seconds that the present write has waited for the output."""
        self._stop_at: float | None = None

    def write(self, encoded: Encoded, count: int) -> int:
        """Give so many events; return how many were taken, fewer than all when the process is to stop.

        Raises ReceiverGone.
        """
        self._waited = 0.0
        complete = self._output.offer(encoded)
        while not complete and self._wait():
            complete = self._output.offer(encoded)
        return count if complete else self._output.taken()

    def drain(self) -> None:
        """End the stream, and give the receiver until the end of the grace to take what is on its way to it."""
        self._output.finish()
        end = self._end_of_grace()
        while self._output.pending() and self._clock.monotonic() < end and not self._output.gone():
            self._clock.sleep(DRAIN_POLL)
            self._output.serve(self._clock.monotonic())

    def _wait(self) -> bool:
        """Wait until the output may take more; return False when a request to stop has had its grace."""
        begun = self._clock.monotonic()
        try:
            self._wait_at_most(min(begun + LONGEST_WAIT, self._output.next_due()) - begun)
        except Stop:
            return self._wait_in_grace(begun)
        now = self._has_waited(begun)
        self._blocked(now - begun, now)
        return True

    def _wait_in_grace(self, begun: float) -> bool:
        left = self._end_of_grace() - self._clock.monotonic()
        if left <= 0:
            return False
        self._wait_at_most(min(left, LONGEST_WAIT), ignore_stop=True)
        self._output.serve(self._has_waited(begun))
        return True

    def _wait_at_most(self, seconds: float, *, ignore_stop: bool = False) -> None:
        readable, writable = self._output.interest()
        self._waiting.writable(writable, max(0.0, seconds), ignore_stop, readable)

    def _has_waited(self, begun: float) -> float:
        """Note that a write has waited since then; return the time."""
        now = self._clock.monotonic()
        self._waited += now - begun
        self._output.waited(self._waited, now)
        return now

    def _end_of_grace(self) -> float:
        if self._stop_at is None:
            self._stop_at = self._clock.monotonic() + STOP_GRACE
        return self._stop_at
