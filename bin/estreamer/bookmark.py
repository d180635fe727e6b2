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

On disk
-------
A folder for each input, `<checkpoint_dir>/<stanza, percent-encoded>/`:

    lock                  locked by the process that uses the folder; holds its number, for people
    0000000001.journal    generations, in order; only the last one is appended to
    0000000002.journal

A generation begins with the line `SFE-BOOKMARK 1`, 1 being the version of this format. Records follow. Integers in
headers are big endian:

    uint32 CRC-32 of kind and body | uint32 length of the body | uint8 kind | body

    kind 1, state     JSON: stanza; source (the account in use); start (its initial timestamp); reader (who reads the
                      pipe); written and settled (sequence numbers); styles (the request style that worked, by source)
    kind 2, written   uint64 sequence number of the first event, then runs of events of one archival second:
                      uint32 archival timestamp, uint32 count, count × uint64 digest (little endian)
    kind 3, written   the same, and after the digests of a run count × uint64 identity (little endian, 0: none)
    kind 4, settled   uint64 sequence number up to which all events are settled
    kind 5, read      uint64 sequence number up to which the reader had taken all events, uint64 when: milliseconds of
                      the monotonic clock, which all processes share until the machine starts anew

Events are numbered from 1 in the order of their delivery. A state replaces the one before; its `written` says which
events count: those of higher numbers in earlier records are void, their numbers are given out again. A state with
another source than the one before begins a tenure: archival timestamps are comparable only within a tenure, since each
Management Center stamps by its own clock.

A generation begins with a state and is whole on disk (fsync, rename) before it has its name, and so is the one before
it. Every start of the process begins one, and so does growth beyond `GENERATION_SIZE`. Old ones are deleted when no
resume can need them and they exceed `HISTORY_SIZE` together.

Reading stops at the first record whose checksum fails: the end that a crash tore off. A generation without a readable
state is put aside (`.unreadable`) and the previous one is used: it resumes earlier, so nothing is lost. When none can
be read, or one is of a later version, the input stops and says what to do. Only a folder without any generation is
"no bookmark".
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import time
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from math import ceil
from urllib.parse import quote

from .errors import Problem

GENERATION_SIZE = 1024 * 1024
"""Bytes after which a generation is continued in the next."""

HISTORY_SIZE = 2 * 1024 * 1024
"""Bytes of generations that are kept, and read, beyond need: some 200,000 events, in case the server's clock jumps
back."""

MOST_GENERATIONS = 64
"""Generations that are kept beyond need, however small."""

FAILOVER_MARGIN = 120
"""Seconds, beside `settle`, before the last archival timestamp of one Management Center from which on the other is
asked: how far the two clocks, and the arrival of one event at both, may lie apart."""

_MAGIC = b"SFE-BOOKMARK "
_FIRST_LINE = _MAGIC + b"1\n"
_RECORD = struct.Struct(">IIB")
_SEQUENCE = struct.Struct(">Q")
_RUN = struct.Struct(">II")
_READ = struct.Struct(">QQ")
_STATE, _WRITTEN, _WRITTEN_WITH_IDENTITIES, _SETTLED, _TAKEN = 1, 2, 3, 4, 5
_DIGEST_SIZE = 8
_LATEST = 0xFFFFFFFF
_MOST_EVENTS = 1 << 62
_LOCK_NAME = "lock"
_SORTED_AT_ONCE = 1 << 16


def digest(payload: bytes) -> int:
    """Return the 64 bits that stand for a payload: its length and its CRC-32.

    Payloads are counted, not merged, and the server sends them again in the same order, so even two payloads of one
    digest in one second are told apart by their number. A cryptographic digest costs three times as much per event.
    """
    return len(payload) << 32 | zlib.crc32(payload)


def digests(payloads: Sequence[bytes]) -> list[int]:
    """Return `digest` of each payload. Spelt out: on the hot path a call for each event is felt."""
    checksum = zlib.crc32
    return [len(payload) << 32 | checksum(payload) for payload in payloads]


def remove(checkpoint_dir: str, stanza: str, patience: float = 5.0) -> None:
    """Delete the bookmark of an input, if there is one: it starts anew from its `start_from`.

    An input that is being stopped is given `patience` seconds to let go of it. Raises Problem `bookmark_locked` when it
    does not, OSError when the disk refuses.
    """
    folder = folder_of(checkpoint_dir, stanza)
    if not os.path.isdir(folder):
        return
    lock = _lock_patiently(folder, patience)
    try:
        for name in os.listdir(folder):
            if name != _LOCK_NAME:
                os.remove(os.path.join(folder, name))
    finally:
        lock.release()
    shutil.rmtree(folder)


def _lock_patiently(folder: str, patience: float) -> _Lock:
    end = time.monotonic() + patience
    while True:
        try:
            return _Lock(folder)
        except Problem as problem:
            if problem.code != "bookmark_locked" or time.monotonic() >= end:
                raise
        time.sleep(0.05)


def folder_of(checkpoint_dir: str, stanza: str) -> str:
    """Return the folder of the bookmark of `stanza` (`scheme://name`)."""
    return os.path.join(checkpoint_dir, quote(stanza, safe=""))


@dataclass(frozen=True)
class State:
    """The scalar part of a bookmark; see the head of this module."""

    stanza: str
    source: str
    start: int
    reader: str
    written: int
    settled: int
    styles: Mapping[str, str]


@dataclass(frozen=True)
class Recovery:
    """What opening a bookmark found worth telling.

    `put_aside` are generations that could not be read, `cut` those that were read up to a failing checksum, and
    `unsettled` counts the delivered events that another splunkd will be given again.
    """

    put_aside: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    unsettled: int = 0


@dataclass(frozen=True)
class Resume:
    """Where to resume: the initial timestamp to ask for, and the filter for what is sent again (None: nothing is)."""

    timestamp: int
    duplicates: DuplicateFilter | None


class Multiset:
    """Numbers of 64 bits with their counts, in 12 bytes each; taken out one by one."""

    def __init__(self, numbers: array[int]) -> None:
        self._numbers = array("Q")
        self._counts = array("I")
        last = None
        for number in _in_order(numbers):
            if number == last:
                self._counts[-1] += 1
            else:
                self._numbers.append(number)
                self._counts.append(1)
                last = number

    def take(self, number: int) -> bool:
        """Take one `number` out; return whether there was one."""
        place = bisect_left(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] != number or not self._counts[place]:
            return False
        self._counts[place] -= 1
        return True


class DuplicateFilter:
    """Which of the events that a server sends again were delivered before.

    `own` holds the digests that the same source delivered, by archival second; `foreign` what other sources delivered,
    by identity or, without one, by digest. No event beyond `horizon` (archival seconds) is a duplicate; once one beyond
    `last_horizon` has come, none will follow that is, however out of order events arrive within `settle` seconds.
    """

    def __init__(self, own: _Seconds, foreign: array[int] | None, horizon: int, settle: int) -> None:
        self._seconds = own
        self._own: dict[int, Multiset] = {}
        self._foreign = Multiset(foreign) if foreign else None
        self.horizon = horizon
        self.last_horizon = horizon + settle

    @property
    def needs_identity(self) -> bool:
        """Whether `is_duplicate` looks at identities."""
        return self._foreign is not None

    def is_duplicate(self, archival: int, event_digest: int, identity: int | None) -> bool:
        """Return whether this event was delivered before, and count it off.

        An identity comes first: it tells apart events that are equal in all that a digest tells.
        """
        if identity is not None and self._foreign is not None and self._foreign.take(identity):
            return True
        own = self._second(archival)
        if own is not None and own.take(event_digest):
            return True
        return self._foreign is not None and self._foreign.take(event_digest)

    def _second(self, archival: int) -> Multiset | None:
        """Seconds are sorted when the replay reaches them, so that a long replay does not hold them all twice."""
        if archival not in self._own:
            digests = self._seconds.digests(archival)
            if not digests:
                return None
            self._own[archival] = Multiset(digests)
        return self._own[archival]


class Bookmark:
    """The bookmark of one input. `open` it before anything else, `close` it at the end.

    `settle` is in seconds, `reader` tells one splunkd from another. Every method that writes raises Problem
    `bookmark_write_failed` when the disk does not take it; the record is then not there, and the call can be repeated.
    """

    def __init__(self, folder: str, lock: _Lock, settle: int) -> None:
        self._folder = folder
        self._lock = lock
        self._settle = settle
        self._state: State | None = None
        self._file: int | None = None
        self._size = 0
        self._generations: list[_Generation] = []
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
        lock = _Lock(folder)
        bookmark = cls(folder, lock, settle)
        try:
            bookmark._recover(reader)
        except BaseException:
            lock.release()
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
        history = _History(self._settle, recognising=True)
        for generation in self._needed_by(source, self._state.source):
            for kind, body in _records(generation.path)[0]:
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
        body = bytearray(_SEQUENCE.pack(state.written + 1))
        for first, last in _runs(archivals):
            body += _RUN.pack(archivals[first], last - first)
            body += _little_endian(digests[first:last])
            if identities is not None:
                body += _little_endian(identities[first:last])
        self._append(_WRITTEN if identities is None else _WRITTEN_WITH_IDENTITIES, bytes(body))
        self._state = replace(state, written=state.written + len(archivals))
        self._note_highs(archivals)
        if self._size > GENERATION_SIZE:
            # The record is written: a generation that cannot be begun must not have it written again.
            with suppress(Problem):
                self._begin_generation()

    def settled(self, sequence: int) -> None:
        """Record that the events up to `sequence` are settled, and force everything so far to the disk."""
        state = self._writable()
        if sequence <= state.settled:
            return
        self._append(_SETTLED, _SEQUENCE.pack(sequence))
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
        self._append(_TAKEN, _READ.pack(sequence, int(now * 1000)))

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
                _sync(self._file)
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
            self.settling.resume(history.taken, time.monotonic())
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

    def _read_all(self) -> tuple[_History | None, tuple[str, ...], tuple[str, ...]]:
        """Read all generations; the history is None when there is none."""
        names = _generation_names(self._folder)
        if not names:
            return None, (), ()
        self._next_number = int(names[-1].partition(".")[0]) + 1
        history = _History(self._settle)
        put_aside, cut = [], []
        for name in names:
            path = os.path.join(self._folder, name)
            records, whole = _records(path)
            if not records or records[0][0] != _STATE or _parse_state(records[0][1]) is None:
                put_aside.append(name)
                continue
            if not whole:
                cut.append(name)
            for kind, body in records:
                history.add(kind, body)
            self._generations.append(_Generation(path, os.path.getsize(path), history.last, history.take_latest()))
        if history.state is not None:
            for name in put_aside:
                path = os.path.join(self._folder, name)
                with suppress(OSError):
                    os.replace(path, path.replace(".journal", ".unreadable"))
        return history, tuple(put_aside), tuple(cut)

    def _needed_by(self, source: str, current: str) -> Sequence[_Generation]:
        """Return the generations that may hold what is sent again when `source` follows on `current`.

        What one source delivered is compared with what another sends by up to twice the margin; with a single source
        that would be minutes of events in memory for nothing. `HISTORY_SIZE` of them are read in any case: where events
        carry their own time for want of an archival timestamp, theirs may be any.
        """
        alone = source == current and not self._tenures
        oldest = self._high - self._settle - (0 if alone else 2 * FAILOVER_MARGIN)
        size = sum(generation.size for generation in self._generations)
        for place, generation in enumerate(self._generations):
            needed = not generation.last_sequence or generation.latest_archival >= oldest
            if needed or size <= HISTORY_SIZE:
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
                self._append(_STATE, _state_body(state))
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
                raise _write_failed(self._folder, error) from error

    def _cut_off(self, sequence: int) -> None:
        """Take the records of events after `sequence` off the journals, and what was recorded after them.

        What has settled is written in their place, where there is room.
        """
        state = self._writable()
        while True:
            generation = self._generations[-1]
            begins, kept, last = _end_at(generation.path, sequence)
            if begins <= sequence or len(self._generations) == 1:
                break
            os.remove(generation.path)
            del self._generations[-1]
        file = os.open(generation.path, os.O_RDWR | _BINARY)
        os.lseek(file, kept, os.SEEK_SET)
        settled = min(state.settled, last)
        record = _record(_SETTLED, _SEQUENCE.pack(settled))
        with suppress(OSError):
            _write_all(file, record)
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
            high = _higher(high, archival, self._settle)
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
        content = _FIRST_LINE + _record(_STATE, _state_body(state))
        try:
            # What settles from here on is forced to the disk in the next generation: it must not get there before what
            # it speaks of, which this process, or one that was killed, has left to the system.
            if self._generations:
                _sync_file(self._generations[-1].path)
            file = os.open(path + ".new", os.O_RDWR | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
            try:
                _write_all(file, content)
                _sync(file)
            finally:
                os.close(file)
            os.replace(path + ".new", path)
            _sync_folder(self._folder)
            if not self._generations:
                _sync_folder(os.path.dirname(self._folder))
            file = os.open(path, os.O_RDWR | _BINARY)
            os.lseek(file, 0, os.SEEK_END)
        except OSError as error:
            raise _write_failed(self._folder, error) from error
        if self._file is not None:
            os.close(self._file)
        self._file = file
        self._size = len(content)
        self._next_number += 1
        self._generations.append(_Generation(path, self._size, 0, 0))
        self._delete_old()

    def _delete_old(self) -> None:
        """Delete the oldest generations that no resume can need; the last two always stay."""
        needed_from = self._settled_high - self._settle - 2 * FAILOVER_MARGIN
        settled = self._writable().settled
        while len(self._generations) > 2:
            oldest = self._generations[0]
            excess = sum(g.size for g in self._generations) > HISTORY_SIZE or len(self._generations) > MOST_GENERATIONS
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
        record = _record(kind, body)
        file = self._descriptor()
        try:
            _write_all(file, record)
        except OSError as error:
            os.lseek(file, self._size, os.SEEK_SET)
            # A disk that has become read-only refuses this as well; then the next record is written over the half one.
            with suppress(OSError):
                os.ftruncate(file, self._size)
            raise _write_failed(self._folder, error) from error
        self._size += len(record)
        self._generations[-1].size = self._size

    def _force(self) -> None:
        """Force what was appended to the disk."""
        try:
            _sync(self._descriptor())
        except OSError as error:
            raise _write_failed(self._folder, error) from error

    def _descriptor(self) -> int:
        if self._file is None:
            raise ValueError("the bookmark is not open")
        return self._file


class _Generation:
    """A journal file: its size, the number of its last event (0: it has none), its latest archival timestamp."""

    def __init__(self, path: str, size: int, last_sequence: int, latest_archival: int) -> None:
        self.path = path
        self.size = size
        self.last_sequence = last_sequence
        self.latest_archival = latest_archival


class _Runs:
    """Runs of events of one archival second, in the order of delivery.

    Columns in place of an object for each run: a quiet link makes one of every event, and there may be a million.
    """

    def __init__(self) -> None:
        self.tenures = array("I")
        self.archivals = array("I")
        self.firsts = array("Q")
        """The sequence number of the first event of each run."""
        self._ends = array("Q")
        self.digests = array("Q")
        self._identities = array("Q")

    def __len__(self) -> int:
        return len(self.firsts)

    def add(self, tenure: int, archival: int, first: int, count: int) -> None:
        """Add a run of so many events, to the last one where it continues that."""
        before = self._ends[-1] if self._ends else 0
        if self._ends and self._continues(tenure, archival, first):
            self._ends[-1] = before + count
        else:
            self.tenures.append(tenure)
            self.archivals.append(archival)
            self.firsts.append(first)
            self._ends.append(before + count)

    def add_keys(self, digests: array[int], identities: array[int]) -> None:
        """Add what the events of the run just added are recognised by; `identities` may be empty."""
        if identities:
            self._identities.frombytes(bytes(_DIGEST_SIZE * (len(self.digests) - len(self._identities))))
            self._identities.extend(identities)
        self.digests.extend(digests)

    def _continues(self, tenure: int, archival: int, first: int) -> bool:
        return (
            self.archivals[-1] == archival
            and self.tenures[-1] == tenure
            and first - self.firsts[-1] == self._ends[-1] - self._begin(len(self) - 1)
        )

    def cut(self, sequence: int) -> None:
        """Leave out the events after `sequence`."""
        while self.firsts and self.firsts[-1] > sequence:
            for column in (self.tenures, self.archivals, self.firsts, self._ends):
                column.pop()
        if self.firsts:
            self._ends[-1] = min(self._ends[-1], self._begin(len(self) - 1) + sequence - self.firsts[-1] + 1)
        del self.digests[self._ends[-1] if self._ends else 0 :]
        del self._identities[len(self.digests) :]

    def digests_of(self, run: int) -> array[int]:
        """Return the digests of the events of the run at this place."""
        return self.digests[self._begin(run) : self._ends[run]]

    def keys_of(self, run: int) -> array[int]:
        """Return what another source can recognise the events of the run at this place by."""
        digests = self.digests_of(run)
        identities = self._identities[self._begin(run) : self._ends[run]]
        return array("Q", [known or own for known, own in zip(identities, digests)]) if identities else digests

    def _begin(self, run: int) -> int:
        return self._ends[run - 1] if run else 0


class _Seconds:
    """The digests of the runs from `first` on, by archival second."""

    def __init__(self, runs: _Runs, first: int) -> None:
        self._runs = runs
        archivals = runs.archivals[first:]
        self._places: Sequence[int] = range(first, len(runs))
        if any(earlier > later for earlier, later in zip(archivals, islice(archivals, 1, None))):
            self._places = array("I", sorted(self._places, key=runs.archivals.__getitem__))
            archivals = array("I", [runs.archivals[place] for place in self._places])
        self._archivals = archivals

    def __len__(self) -> int:
        return len(self._archivals)

    @property
    def last(self) -> int:
        """The last second."""
        return self._archivals[-1]

    def digests(self, archival: int) -> array[int]:
        """Return the digests of one second."""
        found = array("Q")
        for place in range(bisect_left(self._archivals, archival), bisect_right(self._archivals, archival)):
            found.extend(self._runs.digests_of(self._places[place]))
        return found


class _History:
    """The records of generations, read in order.

    `recognising` is for what is to be told from what is sent again: it keeps digests and identities, by far the most of
    what the records hold. Where to resume is known without them.
    """

    def __init__(self, settle: int, *, recognising: bool = False) -> None:
        self._settle = settle
        self._recognising = recognising
        self._runs = _Runs()
        self.tenure = 0
        """How often the source changed."""
        self._latest = 0
        self._starts: list[int] = []
        self.taken: deque[tuple[int, float]] = deque()
        """Up to which event the reader had taken all, and when, in monotonic seconds; settled ones are left out."""
        self.last = 0
        self._written = 0
        self._settled = 0
        self._state: State | None = None

    @property
    def state(self) -> State | None:
        """The last state, with what was written and settled since."""
        if self._state is not None and (self._state.written, self._state.settled) != (self._written, self._settled):
            self._state = replace(self._state, written=self._written, settled=self._settled)
        return self._state

    def add(self, kind: int, body: bytes) -> None:
        if kind == _STATE:
            self._add_state(_parse_state(body))
        elif self._state is None:
            return
        elif kind in (_WRITTEN, _WRITTEN_WITH_IDENTITIES):
            self._add_written(body, kind == _WRITTEN_WITH_IDENTITIES)
        elif kind == _SETTLED:
            self._settled = max(self._settled, min(_SEQUENCE.unpack(body)[0], self._written))
            while self.taken and self.taken[0][0] <= self._settled:
                self.taken.popleft()
        elif kind == _TAKEN:
            sequence, milliseconds = _READ.unpack(body)
            self.taken.append((sequence, milliseconds / 1000))

    def take_latest(self) -> int:
        """Return the latest archival timestamp added since the last call."""
        latest, self._latest = self._latest, 0
        return latest

    def void(self, sequence: int) -> None:
        """Forget the events after `sequence`."""
        self._runs.cut(sequence)
        while self.taken and self.taken[-1][0] > sequence:
            self.taken.pop()
        self.last = min(self.last, sequence)

    def high_at(self, sequence: int) -> int:
        """Return the archival timestamp to resume from after event `sequence`; 0 when the tenure had none by then."""
        return self._high_of(self.tenure, sequence)

    def _high_of(self, tenure: int, sequence: int) -> int:
        high = 0
        first = bisect_left(self._runs.tenures, tenure)
        last = min(bisect_right(self._runs.tenures, tenure), bisect_right(self._runs.firsts, sequence))
        for archival in self._runs.archivals[first:last]:
            high = _higher(high, archival, self._settle)
        return high

    def start_at(self, sequence: int) -> int:
        """Return where to resume from after event `sequence` when the tenure had none by then.

        That is where the tenure began. But that may lie behind events of earlier tenures which count no more: then it
        is the margin of a failover before the last one that counts.
        """
        earlier = bisect_left(self._runs.tenures, self.tenure)
        counting = min(earlier, bisect_right(self._runs.firsts, sequence))
        if not counting:
            return max(0, min(self._starts) - (FAILOVER_MARGIN if earlier else 0))
        last_tenure = self._runs.tenures[counting - 1]
        return max(0, min(self._starts[-1], self._high_of(last_tenure, sequence) - self._settle - FAILOVER_MARGIN))

    def resume(self, source: str, high: int) -> Resume | None:
        """Return where to resume with a source, `high` being the last archival timestamp of the current tenure."""
        state = self.state
        if state is None:
            return None
        if source != state.source:
            # A source that delivered nothing leaves where it started, which has the margin already.
            timestamp = max(0, high - self._settle - FAILOVER_MARGIN) if high else state.start
            return Resume(timestamp, self._filter(timestamp, self.tenure + 1))
        timestamp = max(0, high - self._settle) if high else state.start
        return Resume(timestamp, self._filter(timestamp, self.tenure))

    def _filter(self, timestamp: int, tenure: int) -> DuplicateFilter | None:
        # What is earlier than asked for counts as well: the server's clock may have been set back, or the events may
        # carry their own time for want of an archival timestamp.
        first_own = bisect_left(self._runs.tenures, tenure)
        own = _Seconds(self._runs, first_own)
        horizon = own.last if own else 0
        foreign = array("Q")
        for place, archival in enumerate(self._runs.archivals[:first_own]):
            if archival >= timestamp - FAILOVER_MARGIN:
                foreign.extend(self._runs.keys_of(place))
                horizon = max(horizon, archival + FAILOVER_MARGIN)
        return DuplicateFilter(own, foreign, horizon, self._settle) if own or foreign else None

    def _add_state(self, state: State | None) -> None:
        if state is None:
            return
        if self._state is None:
            self._starts.append(state.start)
        elif state.source != self._state.source:
            self.tenure += 1
            self._starts.append(state.start)
        self._starts[-1] = state.start
        self._state, self._written, self._settled = state, state.written, state.settled
        self.void(state.written)

    def _add_written(self, body: bytes, with_identities: bool) -> None:
        (sequence,) = _SEQUENCE.unpack_from(body)
        position = _SEQUENCE.size
        while position < len(body):
            archival, count = _RUN.unpack_from(body, position)
            position += _RUN.size
            length = count * _DIGEST_SIZE
            self._runs.add(self.tenure, archival, sequence, count)
            if self._recognising:
                identities = body[position + length : position + 2 * length] if with_identities else b""
                self._runs.add_keys(_numbers(body[position : position + length]), _numbers(identities))
            position += length * (2 if with_identities else 1)
            sequence += count
            self._latest = max(self._latest, archival)
        self.last = self._written = sequence - 1
        self._settled = min(self._settled, self.last)


def _higher(high: int, archival: int, settle: int) -> int:
    """Return the archival timestamp to resume from after one more event.

    It rises with the events. An event that is earlier by more than `settle` means that the server's clock was set back:
    what it sends from here on has lower timestamps, so the position follows it down.
    """
    return archival if archival > high or archival < high - settle else high


def _in_order(numbers: array[int]) -> Iterator[int]:
    """Yield numbers in order: sorted in pieces, since a list of all would take five times the memory of the array."""
    pieces = range(0, len(numbers), _SORTED_AT_ONCE)
    return merge(*[array("Q", sorted(numbers[place : place + _SORTED_AT_ONCE])) for place in pieces])


def _runs(archivals: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, after the last) of each run of equal archival timestamps."""
    first, count = 0, len(archivals)
    if archivals.count(archivals[0]) == count:
        yield 0, count
        return
    for place in range(1, count + 1):
        if place == count or archivals[place] != archivals[first]:
            yield first, place
            first = place


def _without_zeros(
    archivals: Sequence[int], digests: Sequence[int], identities: Sequence[int] | None
) -> tuple[list[int], list[int], list[int] | None]:
    places = [place for place, archival in enumerate(archivals) if archival]
    kept = None if identities is None else [identities[place] for place in places]
    return [archivals[place] for place in places], [digests[place] for place in places], kept


def _little_endian(numbers: Sequence[int]) -> bytes:
    packed = array("Q", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _numbers(raw: bytes) -> array[int]:
    numbers = array("Q")
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _record(kind: int, body: bytes) -> bytes:
    return _RECORD.pack(zlib.crc32(body, zlib.crc32(bytes([kind]))), len(body), kind) + body


def _records(path: str) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the records of a generation up to the first that fails its checksum, and whether that was its end.

    Raises Problem when the file cannot be opened, or is of a later version.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise _not_accessible(path, error) from error
    first_line = content[: len(_FIRST_LINE)]
    if first_line != _FIRST_LINE:
        if first_line.startswith(_MAGIC) and first_line[len(_MAGIC) :].strip().isdigit():
            raise Problem(
                "bookmark_newer",
                f"The bookmark {path} was written by a later version of this add-on. Install that version again, or "
                "delete the bookmark's folder to start anew from start_from.",
            )
        return [], False
    records: list[tuple[int, bytes]] = []
    position = len(_FIRST_LINE)
    while position + _RECORD.size <= len(content):
        checksum, length, kind = _RECORD.unpack_from(content, position)
        body = content[position + _RECORD.size : position + _RECORD.size + length]
        sound = len(body) == length and zlib.crc32(body, zlib.crc32(bytes([kind]))) == checksum
        if not (sound and _is_well_formed(kind, body)):
            return records, False
        records.append((kind, body))
        position += _RECORD.size + length
    return records, position == len(content)


def _end_at(path: str, sequence: int) -> tuple[int, int, int]:
    """Return after which event a generation begins, how many of its bytes hold no event after `sequence`, and up to
    which event these tell."""
    records, _ = _records(path)
    state = _parse_state(records[0][1])
    history = _History(0)
    kept = len(_FIRST_LINE)
    begins = last = 0 if state is None else state.written
    for kind, body in records:
        history.add(kind, body)
        if kind in (_WRITTEN, _WRITTEN_WITH_IDENTITIES):
            if history.last > sequence:
                break
            last = history.last
        kept += _RECORD.size + len(body)
    return begins, kept, last


def _is_well_formed(kind: int, body: bytes) -> bool:
    """Return whether a record holds what one of its kind holds; a kind that is not known may hold anything."""
    if kind == _STATE:
        return _parse_state(body) is not None
    if kind in (_SETTLED, _TAKEN):
        return len(body) == (_SEQUENCE.size if kind == _SETTLED else _READ.size)
    if kind not in (_WRITTEN, _WRITTEN_WITH_IDENTITIES):
        return True
    position = _SEQUENCE.size
    if len(body) <= position or not 0 < _SEQUENCE.unpack_from(body)[0] < _MOST_EVENTS:
        return False
    while position + _RUN.size <= len(body):
        _, count = _RUN.unpack_from(body, position)
        position += _RUN.size + count * _DIGEST_SIZE * (1 if kind == _WRITTEN else 2)
    return position == len(body)


def _state_body(state: State) -> bytes:
    return json.dumps(
        {
            "stanza": state.stanza,
            "source": state.source,
            "start": state.start,
            "reader": state.reader,
            "written": state.written,
            "settled": state.settled,
            "styles": dict(state.styles),
        }
    ).encode("ascii")


def _parse_state(body: bytes) -> State | None:
    try:
        state = State(**json.loads(body))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (state.stanza, state.source, state.reader)
    numbers = (state.start, state.written, state.settled)
    sound = (
        all(isinstance(text, str) for text in texts)
        and all(type(number) is int for number in numbers)
        and 0 <= state.start <= _LATEST
        and isinstance(state.styles, dict)
    )
    return state if sound and 0 <= state.settled <= state.written < _MOST_EVENTS else None


def _generation_names(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise _not_accessible(folder, error) from error
    return sorted(name for name in names if name.endswith(".journal") and name[:-8].isdigit())


_BINARY = getattr(os, "O_BINARY", 0)


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _sync(file: int) -> None:
    # macOS and Windows have no fdatasync.
    getattr(os, "fdatasync", os.fsync)(file)


def _sync_file(path: str) -> None:
    """Force a file that may not be open to the disk; Windows wants to be able to write to it for that."""
    file = os.open(path, (os.O_RDWR if sys.platform == "win32" else os.O_RDONLY) | _BINARY)
    try:
        _sync(file)
    finally:
        os.close(file)


def _sync_folder(folder: str) -> None:
    """Force a rename to the disk, where folders can be opened for that."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_failed(folder: str, error: OSError) -> Problem:
    return Problem(
        "bookmark_write_failed",
        f"The bookmark in {folder} cannot be written: {error.strerror or error}. Nothing is acknowledged until it can. "
        "Make room on the disk, or make the folder writable for the user that runs Splunk.",
    )


def _not_accessible(path: str, error: OSError) -> Problem:
    return Problem(
        "bookmark_not_accessible",
        f"The bookmark {path} cannot be opened: {error.strerror or error}. "
        "Make it readable and writable for the user that runs Splunk.",
    )


class _Lock:
    """A lock on a folder, which is made if need be; the system lets go of it when the process ends, however it ends."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, _LOCK_NAME)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _not_accessible(path, error) from error
        try:
            _lock(self._file)
        except OSError as error:
            owner = os.read(self._file, 20).decode("ascii", "replace").strip() if sys.platform != "win32" else "?"
            os.close(self._file)
            raise Problem(
                "bookmark_locked",
                f"Another copy of this input (process {owner or '?'}) is still running and holds the bookmark in "
                f"{folder}. Only one may run: wait until it has ended, or end it.",
            ) from error
        # The number is for people: a full disk must not keep the input from starting for it.
        with suppress(OSError):
            os.truncate(self._file, 0)
            os.write(self._file, b"%d\n" % os.getpid())

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        # Beyond the bytes that hold the number, which can thus be read by others.
        os.lseek(file, 1024, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Settling:
    """Which delivered events splunkd has had for `settle` seconds. Times are monotonic seconds."""

    def __init__(self, settle: float) -> None:
        self._settle = settle
        # Each settling is recorded and forced to the disk: about once a second is often enough.
        self._step = min(1.0, max(0.2, settle / 10))
        self._unread: deque[tuple[int, int]] = deque()
        self._read: deque[tuple[float, int]] = deque()
        self._taken: int | None = None

    def resume(self, taken: Iterable[tuple[int, float]], now: float) -> None:
        """Take over from a process with the same reader, which saw events up to these numbers read at these moments."""
        self._read.extend((min(moment, now) + self._settle, sequence) for sequence, moment in taken)

    def delivered(self, sequence: int, written_bytes: int) -> None:
        """Note that the events up to `sequence` lie within the first `written_bytes` of the pipe."""
        self._unread.append((written_bytes, sequence))

    def read(self, read_bytes: int, now: float) -> int | None:
        """Note that splunkd has read so many bytes; return up to which sequence number events have settled, if any."""
        last = None
        while self._unread and self._unread[0][0] <= read_bytes:
            last = self._unread.popleft()[1]
        if last is not None:
            self._taken = last
            due = ceil((now + self._settle) / self._step) * self._step
            if self._read and self._read[-1][0] == due:
                self._read.pop()
            self._read.append((due, last))
        settled = None
        while self._read and self._read[0][0] <= now:
            settled = self._read.popleft()[1]
        return settled

    def put_off(self, sequence: int, now: float) -> None:
        """Have a settling told again that could not be recorded."""
        self._read.appendleft((now + self._step, sequence))

    def unrecorded(self) -> int | None:
        """Return up to which sequence number splunkd has read events since the last call, None when it has not."""
        taken, self._taken = self._taken, None
        return taken
