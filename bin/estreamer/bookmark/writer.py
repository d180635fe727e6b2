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
    """Writes the records of one bookmark.

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
        self._state = state
        self.written = 0 if state is None else state.written
        """The number of the last event that counts. It changes with each batch, and a state is slow to make."""

    @property
    def state(self) -> State | None:
        """What the records say together, None before the first."""
        if self._state is not None and self._state.written != self.written:
            self._state = replace(self._state, written=self.written)
        return self._state

    def _set(self, state: State | None) -> None:
        self._state, self.written = state, 0 if state is None else state.written

    def begun(self) -> State:
        """Return the state. Raises ValueError before there is one."""
        state = self.state
        if state is None:
            raise _not_begun()
        return state

    def save(self, state: State) -> None:
        """Record a state: in a first generation, or appended to the current one."""
        before = self.state
        self._set(state)
        try:
            if before is None:
                self.begin_generation()
            else:
                self._generations.append(journal.STATE, journal.state_body(state), force=True)
        except BaseException:
            self._set(before)
            raise

    def delivered(self, moment: Moment, columns: Columns) -> None:
        """Record delivered events. The hot path: one record for a batch."""
        if self._state is None:
            raise _not_begun()
        archivals, digests, identities = columns
        if self._generations.takes_no_more:
            self.begin_generation()
        kind = journal.WRITTEN if identities is None else journal.WRITTEN_WITH_IDENTITIES
        runs = journal.runs(archivals)
        first = self.written + 1
        self._generations.append(kind, journal.written_body(first, moment, archivals, runs, digests, identities))
        self.written += len(archivals)
        self._positions.note(self.written, [archivals[begin] for begin, _ in runs], moment.clock)
        self._generations.has_events(self.written, max(archivals), len(runs))
        self.follow_on()

    def settled(self, sequence: int) -> None:
        """Record that the events up to `sequence` are settled, and force everything so far to the disk."""
        state = self.begun()
        if sequence <= state.settled:
            return
        self._generations.append(journal.SETTLED, journal.SEQUENCE.pack(sequence), force=True)
        self._set(replace(state, settled=sequence))
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
                self._set(replace(self.begun(), written=last, settled=settled))
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
        self._set(state)
        oldest = positions.settled_high - self._settle - 2 * limits.FAILOVER_MARGIN
        self._generations.delete_old(state.settled, oldest)


def _not_begun() -> ValueError:
    return ValueError("the bookmark has not begun")
