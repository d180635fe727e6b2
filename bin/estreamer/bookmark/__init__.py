"""Where to resume, and which of the replayed events are duplicates. Survives any crash.

Constraints
-----------
* The server keeps no history of what it sent, and resumes at whole seconds of archival time. Everything from the second
  asked for is sent again, so the bookmark knows which events of these seconds were delivered: not whether a payload was
  seen, but how often. Two equal events that the server really sent stay two.
* Events may arrive out of archival order by up to `settle` seconds: resuming goes back that far.
* An event counts as delivered once splunkd's pipe has taken it, and as settled once splunkd has had it for `settle`
  seconds. The same splunkd resumes after what was delivered, another one after what was settled: what the old one had
  only in its memory is delivered again.
* The process may be killed between any two system calls, the machine may lose power, the disk may be full.
* One write of a few kilobytes for a batch of events, none that rewrites anything: this runs for every batch.

The files are described at the head of `journal`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote

from ..errors import Problem
from . import journal, limits, lock
from .duplicates import DuplicateFilter, digest, digests
from .history import History, Resume, end_at, higher
from .journal import Generation, State
from .lock import patiently
from .settling import Settling

__all__ = [
    "Bookmark",
    "DuplicateFilter",
    "Recovery",
    "Resume",
    "State",
    "digest",
    "digests",
    "folder_of",
    "patiently",
    "remove",
]


def remove(checkpoint_dir: str, stanza: str, patience: float = 5.0) -> None:
    """Delete the bookmark of an input, if there is one: it starts anew from its `start_from`.

    An input that is being stopped is given `patience` seconds to let go of it. Raises Problem `bookmark_locked` when it
    does not, OSError when the disk refuses.
    """
    folder = folder_of(checkpoint_dir, stanza)
    if not os.path.isdir(folder):
        return
    held = patiently(lambda: lock.Lock(folder), patience, time.sleep)
    try:
        for name in os.listdir(folder):
            if name != lock.NAME:
                os.remove(os.path.join(folder, name))
    finally:
        held.release()
    shutil.rmtree(folder)


def folder_of(checkpoint_dir: str, stanza: str) -> str:
    """Return the folder of the bookmark of `stanza` (`scheme://name`)."""
    return os.path.join(checkpoint_dir, quote(stanza, safe=""))


@dataclass(frozen=True)
class Recovery:
    """What opening a bookmark found worth telling.

    `put_aside` are generations that could not be read, `cut` those that were read up to a failing checksum, and
    `unsettled` counts the delivered events that another splunkd will be given again.
    """

    put_aside: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    unsettled: int = 0


class Bookmark:
    """The bookmark of one input. `open` it before anything else, `close` it at the end.

    `settle` is in seconds, `reader` tells one splunkd from another. Every method that writes raises Problem
    `bookmark_write_failed` when the disk does not take it; the record is then not there, and the call can be repeated.
    """

    def __init__(self, folder: str, held: lock.Lock, settle: int) -> None:
        self._folder = folder
        self._lock = held
        self._settle = settle
        self._state: State | None = None
        self._file: int | None = None
        self._size = 0
        self._generations: list[Generation] = []
        self._next_number = 1
        self._high = 0
        self._tenures = 0
        """How often the source changed, as far as the generations tell that are kept."""
        self._settled_high = 0
        self._highs: deque[tuple[int, int]] = deque()
        self.recovery = Recovery()
        self.settling = Settling(settle)
        """What splunkd has read and not yet had long enough, by the process before this one as well."""

    @classmethod
    def open(cls, checkpoint_dir: str, stanza: str, *, reader: str, settle: int) -> Bookmark:
        """Open the bookmark of `stanza`, and keep any other process from using it.

        Raises Problem: `bookmark_locked`, `bookmark_unreadable`, `bookmark_newer`, `bookmark_not_accessible`,
        `bookmark_write_failed`.
        """
        folder = folder_of(checkpoint_dir, stanza)
        held = lock.Lock(folder)
        bookmark = cls(folder, held, settle)
        try:
            bookmark._recover(reader)
        except BaseException:
            held.release()
            raise
        return bookmark

    @property
    def state(self) -> State | None:
        """What the bookmark says, or None while there is no bookmark."""
        return self._state

    @property
    def sequence(self) -> int:
        """How many events were delivered since the first start."""
        return 0 if self._state is None else self._state.written

    @property
    def position(self) -> int:
        """The archival timestamp of the last delivered event, or the initial timestamp while there is none."""
        if self._high or self._state is None:
            return self._high
        return self._state.start

    def style(self, source: str) -> str | None:
        """Return the request style that worked with this source, if one has."""
        return None if self._state is None else self._state.styles.get(source)

    def resume(self, source: str) -> Resume | None:
        """Return where to resume with this source, or None while there is no bookmark."""
        if self._state is None:
            return None
        history = History(self._settle, recognising=True)
        for generation in self._needed_by(source, self._state.source):
            for kind, body in journal.read_records(generation.path)[0]:
                history.add(kind, body)
        return history.resume(source, self._high)

    def begin(self, source: str, timestamp: int, reader: str, stanza: str) -> None:
        """Make sure that there is a bookmark for this source: `timestamp` is where to resume before any event came."""
        if self._state is None:
            self._save(State(stanza, source, timestamp, reader, 0, 0, {}))
        elif self._state.source != source:
            self._save(replace(self._state, source=source, start=timestamp))
            self._high = 0
            self._tenures += 1

    def remember_style(self, source: str, style: str) -> None:
        """Remember the request style that worked with this source."""
        if self._state is not None and self._state.styles.get(source) != style:
            self._save(replace(self._state, styles={**self._state.styles, source: style}))

    def delivered(self, archivals: Sequence[int], digests: Sequence[int], identities: Sequence[int] | None) -> None:
        """Record events that splunkd's pipe has taken, in order, before the server is told.

        Events without archival timestamp (0) cannot be resumed from and are left out. The hot path: one record for a
        batch, whose events are nearly always of one archival second.
        """
        state = self._writable()
        if archivals.count(0):
            archivals, digests, identities = _without_zeros(archivals, digests, identities)
        if not archivals:
            return
        kind = journal.WRITTEN if identities is None else journal.WRITTEN_WITH_IDENTITIES
        self._append(kind, journal.written_body(state.written + 1, archivals, digests, identities))
        self._state = replace(state, written=state.written + len(archivals))
        self._note_highs(archivals)
        if self._size > limits.GENERATION_SIZE:
            # The record is written: a generation that cannot be begun must not have it written again.
            with suppress(Problem):
                self._begin_generation()

    def settled(self, sequence: int) -> None:
        """Record that the events up to `sequence` are settled, and force everything so far to the disk."""
        state = self._writable()
        if sequence <= state.settled:
            return
        self._append(journal.SETTLED, journal.SEQUENCE.pack(sequence))
        self._force()
        self._state = replace(state, settled=sequence)
        while self._highs and self._highs[0][0] <= sequence:
            self._settled_high = self._highs.popleft()[1]

    def read(self, sequence: int, now: float) -> None:
        """Record that the reader has taken the events up to `sequence` by `now`, in monotonic seconds.

        The next process of this input lets them settle when this one would have. Losing this record lets them settle
        later, so nothing is forced to the disk.
        """
        self._writable()
        self._append(journal.READ, journal.READ_BODY.pack(sequence, int(now * 1000)))

    def void(self, sequence: int) -> None:
        """Record that the events after `sequence` did not reach splunkd after all: they are delivered again."""
        state = self._writable()
        if state.settled <= sequence < state.written:
            self._void(sequence, replace(state, written=sequence))

    def reader_gone(self) -> None:
        """Record that what splunkd had not settled is lost with it: whoever reads next is given it again."""
        if self._state is not None and self._state.reader:
            self._void(self._state.settled, replace(self._state, reader=""))

    def close(self) -> None:
        """Force everything to the disk, as far as it takes it, and let go of the folder."""
        if self._file is not None:
            with suppress(OSError):
                journal.sync(self._file)
            os.close(self._file)
            self._file = None
        self._lock.release()

    def _recover(self, reader: str) -> None:
        history, put_aside, cut = self._read_all()
        if history is None:
            return
        state = history.state
        if state is None:
            raise Problem(
                "bookmark_unreadable",
                f"None of the bookmark's files in {self._folder} can be read, so the input stops rather than lose or "
                "double events. Restore the folder from a backup, or delete it to start anew from start_from.",
            )
        unsettled = 0
        if state.reader == reader:
            self.settling.resume(history.read, time.monotonic())
        else:
            unsettled = state.written - state.settled
            state = replace(state, reader=reader, written=state.settled)
        self._high = history.high_at(state.written)
        if not self._high:
            state = replace(state, start=history.start_at(state.written))
        self.recovery = Recovery(put_aside, cut, unsettled)
        self._tenures = history.tenure
        self._settled_high = history.high_at(state.settled)
        self._highs.append((state.written, self._high))
        self._state = state
        self._begin_generation()

    def _read_all(self) -> tuple[History | None, tuple[str, ...], tuple[str, ...]]:
        """Read all generations; the history is None when there is none."""
        names = journal.generation_names(self._folder)
        if not names:
            return None, (), ()
        self._next_number = int(names[-1].partition(".")[0]) + 1
        history = History(self._settle)
        put_aside, cut = [], []
        for name in names:
            path = os.path.join(self._folder, name)
            records, whole = journal.read_records(path)
            if not records or records[0][0] != journal.STATE or journal.parse_state(records[0][1]) is None:
                put_aside.append(name)
                continue
            if not whole:
                cut.append(name)
            for kind, body in records:
                history.add(kind, body)
            self._generations.append(Generation(path, os.path.getsize(path), history.last, history.take_latest()))
        if history.state is not None:
            for name in put_aside:
                path = os.path.join(self._folder, name)
                with suppress(OSError):
                    os.replace(path, path.replace(".journal", ".unreadable"))
        return history, tuple(put_aside), tuple(cut)

    def _needed_by(self, source: str, current: str) -> Sequence[Generation]:
        """Return the generations that may hold what is sent again when `source` follows on `current`.

        What one source delivered is compared with what another sends by up to twice the margin; with a single source
        that would be minutes of events in memory for nothing. `HISTORY_SIZE` of them are read in any case: where events
        carry their own time for want of an archival timestamp, theirs may be any.
        """
        alone = source == current and not self._tenures
        oldest = self._high - self._settle - (0 if alone else 2 * limits.FAILOVER_MARGIN)
        size = sum(generation.size for generation in self._generations)
        for place, generation in enumerate(self._generations):
            needed = not generation.last_sequence or generation.latest_archival >= oldest
            if needed or size <= limits.HISTORY_SIZE:
                return self._generations[place:]
            size -= generation.size
        return self._generations

    def _writable(self) -> State:
        if self._state is None:
            raise ValueError("the bookmark has not begun")
        return self._state

    def _save(self, state: State) -> None:
        """Record a state: in a first generation, or appended to the current one."""
        before, self._state = self._state, state
        try:
            if before is None:
                self._begin_generation()
            else:
                self._append(journal.STATE, journal.state_body(state))
                self._force()
        except BaseException:
            self._state = before
            raise

    def _void(self, sequence: int, state: State) -> None:
        """Save a state that has the events after `sequence` delivered again.

        A full disk must not keep these from being asked for: then their records are cut off, which needs no room.
        """
        try:
            self._save(state)
        except Problem:
            try:
                self._cut_off(sequence)
            except OSError as error:
                raise journal.write_failed(self._folder, error) from error

    def _cut_off(self, sequence: int) -> None:
        """Take the records of events after `sequence` off the journals, and what was recorded after them.

        What has settled is written in their place, where there is room.
        """
        state = self._writable()
        while True:
            generation = self._generations[-1]
            begins, kept, last = end_at(generation.path, sequence)
            if begins <= sequence or len(self._generations) == 1:
                break
            os.remove(generation.path)
            del self._generations[-1]
        file = os.open(generation.path, os.O_RDWR | journal.BINARY)
        os.lseek(file, kept, os.SEEK_SET)
        settled = min(state.settled, last)
        record = journal.record(journal.SETTLED, journal.SEQUENCE.pack(settled))
        with suppress(OSError):
            journal.write_all(file, record)
            kept += len(record)
        os.ftruncate(file, kept)
        os.lseek(file, kept, os.SEEK_SET)
        os.close(self._descriptor())
        self._file, self._size, generation.size = file, kept, kept
        self._state = replace(state, written=last, settled=settled)

    def _note_highs(self, archivals: Sequence[int]) -> None:
        high = self._high
        if archivals[0] == archivals[-1] == high:
            self._touch(high)
            return
        for archival in archivals:
            high = higher(high, archival, self._settle)
        self._high = high
        self._highs.append((self.sequence, high))
        self._touch(max(archivals))

    def _touch(self, archival: int) -> None:
        current = self._generations[-1]
        current.last_sequence = self.sequence
        current.latest_archival = max(current.latest_archival, archival)

    def _begin_generation(self) -> None:
        """Write the next generation, whole on disk before it has its name; what follows is appended to it."""
        state = self._writable()
        path = os.path.join(self._folder, f"{self._next_number:010d}.journal")
        content = journal.FIRST_LINE + journal.record(journal.STATE, journal.state_body(state))
        try:
            # What settles from here on is forced to the disk in the next generation: it must not get there before what
            # it speaks of, which this process, or one that was killed, has left to the system.
            if self._generations:
                journal.sync_file(self._generations[-1].path)
            file = os.open(path + ".new", os.O_RDWR | os.O_CREAT | os.O_TRUNC | journal.BINARY, 0o600)
            try:
                journal.write_all(file, content)
                journal.sync(file)
            finally:
                os.close(file)
            os.replace(path + ".new", path)
            journal.sync_folder(self._folder)
            if not self._generations:
                journal.sync_folder(os.path.dirname(self._folder))
            file = os.open(path, os.O_RDWR | journal.BINARY)
            os.lseek(file, 0, os.SEEK_END)
        except OSError as error:
            raise journal.write_failed(self._folder, error) from error
        if self._file is not None:
            os.close(self._file)
        self._file = file
        self._size = len(content)
        self._next_number += 1
        self._generations.append(Generation(path, self._size, 0, 0))
        self._delete_old()

    def _delete_old(self) -> None:
        """Delete the oldest generations that no resume can need; the last two always stay."""
        needed_from = self._settled_high - self._settle - 2 * limits.FAILOVER_MARGIN
        settled = self._writable().settled
        while len(self._generations) > 2:
            oldest = self._generations[0]
            excess = (
                sum(g.size for g in self._generations) > limits.HISTORY_SIZE
                or len(self._generations) > limits.MOST_GENERATIONS
            )
            needed = oldest.last_sequence > settled or oldest.latest_archival >= needed_from
            if oldest.last_sequence and (needed or not excess):
                return
            try:
                os.remove(oldest.path)
            except FileNotFoundError:
                pass
            except OSError:
                return
            del self._generations[0]

    def _append(self, kind: int, body: bytes) -> None:
        """Append a record as a whole or not at all."""
        record = journal.record(kind, body)
        file = self._descriptor()
        try:
            journal.write_all(file, record)
        except OSError as error:
            os.lseek(file, self._size, os.SEEK_SET)
            # A disk that has become read-only refuses this as well; then the next record is written over the half one.
            with suppress(OSError):
                os.ftruncate(file, self._size)
            raise journal.write_failed(self._folder, error) from error
        self._size += len(record)
        self._generations[-1].size = self._size

    def _force(self) -> None:
        """Force what was appended to the disk."""
        try:
            journal.sync(self._descriptor())
        except OSError as error:
            raise journal.write_failed(self._folder, error) from error

    def _descriptor(self) -> int:
        if self._file is None:
            raise ValueError("the bookmark is not open")
        return self._file


def _without_zeros(
    archivals: Sequence[int], digests: Sequence[int], identities: Sequence[int] | None
) -> tuple[list[int], list[int], list[int] | None]:
    places = [place for place, archival in enumerate(archivals) if archival]
    kept = None if identities is None else [identities[place] for place in places]
    return [archivals[place] for place in places], [digests[place] for place in places], kept
