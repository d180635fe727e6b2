"""When events were last recorded, by this machine's clocks: what a server's clock is held against."""

from __future__ import annotations

from collections.abc import Iterator

from ..clock import Clock
from . import limits
from .journal import Moment


class LastRecord:
    """The last events that were recorded. Without events, or where version 1 recorded them, they have no `moment`.

    `boot` is the run of the machine that the monotonic clock of `moment` belongs to, "" where that is unknown.
    """

    def __init__(self, clock: Clock, moment: Moment | None = None, archival: int = 0, boot: str = "") -> None:
        self._clock = clock
        self._moment = moment
        self._archival = archival
        self._restarted = "" not in (boot, clock.boot) and boot != clock.boot
        """Whether the machine is known to have been restarted since."""
        self._recorded_at = 0
        """When this process last recorded an event, by this machine's clock."""

    def note(self, moment: Moment, archival: int) -> None:
        """Note that events were recorded now that were not sent before `moment`; `archival` is of the last of them."""
        self._moment, self._archival, self._restarted = moment, archival, False
        self._recorded_at = int(self._clock.wall())

    def own_time(self, changes: Iterator[float]) -> int:
        """Return this machine's time when the last event was recorded, by its clock of today (Unix seconds).

        The clock may have been set since, or may have been ahead itself. Version 1 recorded no time, but left it at its
        files: `changes` are those times, the latest first.
        """
        now = int(self._clock.wall())
        if self._moment is None:
            return min(now, int(next(changes, now)))
        running = int(self._clock.monotonic())
        passed = running - self._moment.monotonic
        # A smaller number than then shows it as well: the machine was restarted, so at least that long has passed.
        return min(self._moment.clock, now - (running if self._restarted or passed < 0 else passed))

    def ahead(self, own_time: int) -> tuple[int, int] | None:
        """Return the last archival timestamp and `own_time`, this machine's then, if the server's clock was ahead."""
        # After back-pressure the moment that counts lies long before the last event arrived: no clock is at fault.
        by = self._archival - max(own_time, self._recorded_at)
        return (self._archival, own_time) if by > limits.CLOCK_TOLERANCE else None
