"""A clock that a test sets by hand."""

from __future__ import annotations

from estreamer.clock import Clock


class Hand:
    """Stands at `now`, by wall and since the start of the machine alike, in seconds; waiting sets it forward."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.waits: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.now, sleep=self._wait)

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
