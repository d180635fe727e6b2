"""What changes the state of a bookmark: each change is in the files before it counts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ..errors import Problem
from . import journal, limits
from .entries import Columns
from .generations import Generations
from .journal import Moment, State
from .positions import Positions


class Writer:
    """Writes the records of one bookmark. `state` is what they say together, None before the first.

    Every method that writes raises Problem `bookmark_write_failed` when the disk does not take it; the record is then
    not there, and the call can be repeated.
    """

    def __init__(
        self, folder: str, settle: int, generations: Generations, positions: Positions, state: State | None
    ) -> None:
        self._folder = folder
        self._settle = settle
        self._generations = generations
        self._positions = positions
        self.state = state

    def begun(self) -> State:
        """Return the state. Raises ValueError before there is one."""
        if self.state is None:
            raise ValueError("the bookmark has not begun")
        return self.state

    def save(self, state: State) -> None:
        """Record a state: in a first generation, or appended to the current one."""
        before, self.state = self.state, state
        try:
            if before is None:
                self.begin_generation()
            else:
                self._generations.append(journal.STATE, journal.state_body(state), force=True)
        except BaseException:
            self.state = before
            raise

    def delivered(self, moment: Moment, columns: Columns) -> None:
        """Record delivered events. The hot path: one record for a batch."""
        state = self.begun()
        archivals, digests, identities = columns
        if self._generations.takes_no_more:
            self.begin_generation()
        kind = journal.WRITTEN if identities is None else journal.WRITTEN_WITH_IDENTITIES
        self._generations.append(kind, journal.written_body(state.written + 1, moment, archivals, digests, identities))
        written = state.written + len(archivals)
        self.state = replace(state, written=written)
        runs = self._positions.note(written, archivals, moment.clock)
        self._generations.has_events(written, max(archivals), runs)
        self.follow_on()

    def settled(self, sequence: int) -> None:
        """Record that the events up to `sequence` are settled, and force everything so far to the disk."""
        state = self.begun()
        if sequence <= state.settled:
            return
        self._generations.append(journal.SETTLED, journal.SEQUENCE.pack(sequence), force=True)
        self.state = replace(state, settled=sequence)
        self._positions.settled(sequence)

    def note(self, kind: int, body: bytes) -> None:
        """Record what changes no state. Losing it doubles events and loses none, so nothing is forced to the disk."""
        self.begun()
        self._generations.append(kind, body)

    def void(self, sequence: int, state: State) -> None:
        """Save a state that has the events after `sequence` delivered again.

        A full disk must not keep these from being asked for: then their records are cut off, which needs no space.
        """
        try:
            self.save(state)
        except Problem:
            try:
                last, settled = self._generations.cut_off(sequence, self.begun().settled)
                self.state = replace(self.begun(), written=last, settled=settled)
            except OSError as error:
                raise journal.write_failed(self._folder, error) from error

    def follow_on(self) -> None:
        """Begin the next generation if the current one is full.

        The record is written: a generation that cannot be begun must not have it written again.
        """
        if self._generations.is_full:
            with suppress(Problem):
                self.begin_generation()

    def begin_generation(self) -> None:
        """Write the next generation; what follows is appended to it. Delete those that are not needed any more."""
        positions = self._positions
        state = replace(self.begun(), high=positions.high, settled_high=positions.settled_high)
        self._generations.begin(state)
        self.state = state
        oldest = positions.settled_high - self._settle - 2 * limits.FAILOVER_MARGIN
        self._generations.delete_old(state.settled, oldest)
