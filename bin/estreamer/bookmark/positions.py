"""From which archival timestamp to resume after which event: the latest one, and those of events that have not settled.

Another splunkd resumes after the settled events, so two positions are kept: theirs, and that of the delivered events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from . import limits
from .history import believed, higher


class Positions:
    """The archival timestamps to resume from in the tenure of an account; 0 while it has delivered nothing."""

    def __init__(self, settle: int, written: int | None = None, high: int = 0, settled_high: int = 0) -> None:
        """`high` is the position after event `written`, `settled_high` that after the last one that has settled."""
        self._settle = settle
        self.high = high
        self.settled_high = settled_high
        self.unsettled: deque[tuple[int, int]] = deque(() if written is None else ((written, high),))
        """Up to which event which position holds, for the events that have not settled."""

    def begin(self) -> None:
        """Note that another account begins: nothing is known of its archival timestamps."""
        self.high = self.settled_high = 0
        self.unsettled.clear()

    def note(self, sequence: int, archivals: Sequence[int], clock: int) -> None:
        """Note that events up to `sequence` were recorded at `clock` (Unix seconds).

        `archivals` has a timestamp for each run of events that share it.
        """
        high = self.high
        for archival in archivals:
            high = higher(high, believed(archival, clock), self._settle)
        if high != self.high:
            self.high = high
            self.unsettled.append((sequence, high))
            if len(self.unsettled) > limits.MOST_POSITIONS:
                self._halve()

    def settled(self, sequence: int) -> None:
        """Note that the events up to `sequence` have settled."""
        while self.unsettled and self.unsettled[0][0] <= sequence:
            self.settled_high = self.unsettled.popleft()[1]

    def _halve(self) -> None:
        """Keep every second position, each for two, from the first of them on: the earlier of both, so that nothing is
        skipped.
        """
        positions = list(self.unsettled)
        pairs = zip(positions[::2], positions[1::2])
        self.unsettled = deque((earlier[0], min(earlier[1], later[1])) for earlier, later in pairs)
        self.unsettled.extend(positions[len(positions) - len(positions) % 2 :])
