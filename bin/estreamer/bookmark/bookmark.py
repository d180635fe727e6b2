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
* Time stamps come from elsewhere and may be any number: nothing is asked for from later than this machine's own time,
  and the files have a limit that holds whatever the stamps say.

The files are described at the head of `journal`.
"""

from __future__ import annotations

import os
import shutil
import time
from array import array
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Callable
from urllib.parse import quote

from ..errors import Problem
from . import digests as keyed
from . import journal, limits, lock
from .digests import Digests
from .duplicates import DuplicateFilter
from .generations import Generation, Generations
from .history import History, Resume, believed, higher
from .journal import Moment, State
from .lock import patiently

__all__ = [
    "Bookmark",
    "Clock",
    "Digests",
    "DuplicateFilter",
    "Entry",
    "Moment",
    "Recovery",
    "Resume",
    "State",
    "folder_of",
    "patiently",
    "remove",
]


def remove(checkpoint_dir: str, stanza: str, patience: float = 5.0) -> None:
    """Delete the bookmark of an input, if there is one: it starts again from its `start_from`.

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
class Clock:
    """Where the time comes from: `wall` gives Unix seconds, `monotonic` seconds that no setting of a clock changes.

    `boot` tells the present run of the machine, in which `monotonic` began at 0, from others: "" where that is unknown.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    boot: str = ""


@dataclass(frozen=True)
class Entry:
    """A batch of events as the bookmark records it: all that depends on what they say is computed.

    `moment` is before the server sent them, by this machine's clocks. Archival timestamps are 0 where it told none.
    """

    moment: Moment
    archivals: Sequence[int]
    digests: array[int]
    identities: array[int] | None


@dataclass(frozen=True)
class Recovery:
    """What opening a bookmark found worth telling.

    `put_aside` are generations that could not be read, `cut` those that were read up to a failing checksum, and
    `unsettled` counts the delivered events that another splunkd will be given again. `may_be_behind` says that the
    splunkd that reads may have read for the process before, which did not leave word that it kept up. `key_lost` is
    there when the key of the entries is not.
    """

    put_aside: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    unsettled: int = 0
    may_be_behind: bool = False
    key_lost: Problem | None = None


class Bookmark:
    """The bookmark of one input. `open` it before anything else, `close` it at the end.

    `settle` is in seconds, `reader` tells one splunkd from another. Every method that writes raises Problem
    `bookmark_write_failed` when the disk does not take it; the record is then not there, and the call can be repeated.
    """

    def __init__(self, folder: str, held: lock.Lock, settle: int, clock: Clock) -> None:
        self._folder = folder
        self._lock = held
        self._settle = settle
        self._clock = clock
        self._digests = Digests(bytes(keyed.KEY_SIZE))
        self._state: State | None = None
        self._generations = Generations(folder)
        self._high = 0
        self._tenures = 0
        """How often the source changed, as far as the generations tell that are kept."""
        self._settled_high = 0
        self._highs: deque[tuple[int, int]] = deque()
        """Up to which event which position holds, of what has not settled."""
        self._moment: Moment | None = None
        self._restarted = False
        """Whether the machine is known to have been restarted since."""
        self._last_archival = 0
        self._recorded_at = 0
        """When this process last recorded an event, by this machine's clock."""
        self.recovery = Recovery()
        self.seen: tuple[tuple[int, float], ...] = ()
        """Up to which events the same reader had read when, in monotonic seconds, before this process began."""
        """What splunkd has read and not yet had long enough, by the process before this one as well."""

    @classmethod
    def open(
        cls, checkpoint_dir: str, stanza: str, *, reader: str, settle: int, clock: Clock | None = None
    ) -> Bookmark:
        """Open the bookmark of `stanza`, and keep any other process from using it.

        Raises Problem: `bookmark_locked`, `bookmark_unreadable`, `bookmark_newer`, `bookmark_not_accessible`,
        `bookmark_write_failed`.
        """
        folder = folder_of(checkpoint_dir, stanza)
        held = lock.Lock(folder)
        bookmark = cls(folder, held, settle, clock or Clock())
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
        """The archival timestamp to resume from, or the initial timestamp while no event has come."""
        if self._high or self._state is None:
            return self._high
        return self._state.start

    @property
    def forgotten(self) -> int:
        """How many events were forgotten since the bookmark was opened although they may be sent again."""
        return self._generations.forgotten

    def style(self, source: str) -> str | None:
        """Return the request style that worked with this source, if one has."""
        return None if self._state is None else self._state.styles.get(source)

    def resume(self, source: str) -> Resume | None:
        """Return where to resume with this source, or None while there is no bookmark."""
        if self._state is None:
            return None
        clock = self._own_time()
        # What one source delivered is compared with what another sends by up to twice the margin; with a single source
        # that would be minutes of events in memory for nothing.
        alone = source == self._state.source and not self._tenures
        oldest = believed(self._high, clock) - self._settle - (0 if alone else 2 * limits.FAILOVER_MARGIN)
        history = History(self._settle, self._digests)
        for generation in self._generations.needed_from(oldest):
            for kind, body in journal.read_records(generation.path)[0]:
                history.add(kind, body)
        # After back-pressure the moment that counts lies long before the last event arrived: that is no clock's fault.
        ahead = self._last_archival - max(clock, self._recorded_at) > limits.CLOCK_TOLERANCE
        found = history.resume(source, self._high, clock)
        return replace(found, ahead=(self._last_archival, clock)) if found is not None and ahead else found

    def _own_time(self) -> int:
        """Return this machine's time when the last event was recorded, by its clock of today (Unix seconds).

        The clock may have been set since, or may have been ahead itself. Version 1 recorded no time, but left it at its
        files.
        """
        now = int(self._clock.wall())
        if self._moment is None:
            return min(now, int(next(self._generations.last_change(), now)) if self._high else now)
        running = int(self._clock.monotonic())
        passed = running - self._moment.monotonic
        # A smaller number than then tells it as well: the machine was restarted, so at least that long has passed.
        return min(self._moment.clock, now - (running if self._restarted or passed < 0 else passed))

    def begin(self, source: str, timestamp: int, reader: str, stanza: str) -> None:
        """Make sure that there is a bookmark for this source: `timestamp` is where to resume before any event came."""
        if self._state is None:
            self._digests = Digests(keyed.make_key(self._folder))
            state = State(stanza, source, timestamp, reader, 0, 0, {}, self._digests.name, boot=self._clock.boot)
            self._save(state)
        elif self._state.source != source:
            self._save(replace(self._state, source=source, start=timestamp, high=0, settled_high=0))
            self._high = self._settled_high = 0
            self._highs.clear()
            self._tenures += 1
            self._continue()

    def remember_style(self, source: str, style: str) -> None:
        """Remember the request style that worked with this source."""
        if self._state is not None and self._state.styles.get(source) != style:
            self._save(replace(self._state, styles={**self._state.styles, source: style}))

    def now(self) -> Moment:
        """Return the moment that it is."""
        return Moment.of(self._clock.wall(), self._clock.monotonic())

    def entry(
        self,
        archivals: Sequence[int],
        payloads: Sequence[bytes],
        identities: Sequence[bytes | None] | None,
        moment: Moment | None = None,
    ) -> Entry:
        """Return what is to be recorded of events: for `delivered`, once splunkd's pipe has taken them.

        `moment` is one before which the server cannot have sent them: what it archives later is not skipped at a
        resume, however wrong its clock was. Without it, that is the present one. An archival timestamp that is no
        number of 32 bits counts as 0. Whatever fails because of what events say fails here, where they can still be
        delivered again without being doubled.
        """
        if min(archivals) < 0 or max(archivals) > journal.LATEST:
            archivals = [one if 0 <= one <= journal.LATEST else 0 for one in archivals]
        known = None if identities is None else self._digests.of_identities(identities)
        return Entry(moment or self.now(), archivals, self._digests.of(payloads), known)

    def delivered(self, entry: Entry, count: int | None = None) -> None:
        """Record that splunkd's pipe has taken the first `count` events of an entry (all of them without one), in
        order, before the server is told.

        Events without archival timestamp (0) cannot be resumed from and are left out. The hot path: one record for a
        batch, whose events are nearly always of one archival second.
        """
        state = self._writable()
        archivals, digests, identities = _counting(entry, len(entry.archivals) if count is None else count)
        if not archivals:
            return
        if self._generations.kept[-1].size > limits.LARGEST_GENERATION:
            self._begin_generation()
        moment = entry.moment
        kind = journal.WRITTEN if identities is None else journal.WRITTEN_WITH_IDENTITIES
        body = journal.written_body(state.written + 1, moment, archivals, digests, identities)
        self._generations.append(kind, body)
        self._state = replace(state, written=state.written + len(archivals))
        self._moment, self._last_archival, self._restarted = moment, archivals[-1], False
        self._recorded_at = int(self._clock.wall())
        self._note_highs(archivals, moment.clock)
        self._continue()

    def settled(self, sequence: int) -> None:
        """Record that the events up to `sequence` are settled, and force everything so far to the disk."""
        state = self._writable()
        if sequence <= state.settled:
            return
        self._generations.append(journal.SETTLED, journal.SEQUENCE.pack(sequence), force=True)
        self._state = replace(state, settled=sequence)
        while self._highs and self._highs[0][0] <= sequence:
            self._settled_high = self._highs.popleft()[1]

    def read(self, sequence: int, now: float) -> None:
        """Record that the reader has taken the events up to `sequence` by `now`, in monotonic seconds.

        The next process of this input lets them settle when this one would have. Losing this record lets them settle
        later, so nothing is forced to the disk.
        """
        self._writable()
        self._generations.append(journal.READ, journal.READ_BODY.pack(sequence, int(now * 1000)))

    def kept(self) -> None:
        """Record that splunkd has read all events, and keeps them if it ends as it is meant to.

        They settle in their time if it goes on; another splunkd is not given them again.
        """
        state = self._writable()
        self._generations.append(journal.KEPT, journal.SEQUENCE.pack(state.written))

    def void(self, sequence: int) -> None:
        """Record that the events after `sequence` did not reach splunkd after all: they are delivered again."""
        state = self._writable()
        if state.settled <= sequence < state.written:
            self._void(sequence, replace(state, written=sequence))

    def reader_gone(self) -> None:
        """Record that what splunkd had not settled is lost with it: whoever reads next is given it again."""
        if self._state is not None and self._state.reader:
            self._void(self._state.settled, replace(self._state, reader="", gone=self._state.reader))

    def close(self) -> None:
        """Force everything to the disk, as far as it takes it, and let go of the folder."""
        self._generations.close()
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
                "double events. Restore the folder from a backup, or delete it to start again from start_from.",
            )
        key_lost = self._take_key(state)
        unsettled = 0
        may_be_same = (state.reader or state.gone) in (reader, "")
        kept_up = 0 < state.written <= history.kept
        if state.reader == reader:
            self.seen = tuple(history.read)
        else:
            settled = max(state.settled, history.kept)
            unsettled = state.written - settled
            state = replace(state, reader=reader, gone="", written=settled, settled=settled)
        self._high = history.high_at(state.written)
        if not self._high:
            state = replace(state, start=history.start_at(state.written))
        self.recovery = Recovery(put_aside, cut, unsettled, may_be_same and not kept_up, key_lost)
        self._tenures = history.tenure
        self._moment, self._last_archival = history.moment, history.last_archival
        self._restarted = "" not in (history.boot, self._clock.boot) and history.boot != self._clock.boot
        self._settled_high = history.high_at(state.settled)
        self._highs.append((state.written, self._high))
        self._state = replace(state, key=self._digests.name, boot=self._clock.boot)
        self._begin_generation()

    def _take_key(self, state: State) -> Problem | None:
        """Read the key, or make one; return a Problem when it is not the one that the last entries were made with."""
        key = keyed.read_key(self._folder)
        self._digests = Digests(keyed.make_key(self._folder) if key is None else key)
        known = state.key in ("", self._digests.name) or self._digests.others(state.key) is not None
        return None if known else keyed.lost_key(self._folder)

    def _read_all(self) -> tuple[History | None, tuple[str, ...], tuple[str, ...]]:
        """Read all generations; the history is None when there is none."""
        names = self._generations.names()
        if not names:
            return None, (), ()
        history = History(self._settle)
        put_aside, cut = [], []
        for name in names:
            path = self._generations.path(name)
            records, whole = journal.read_records(path)
            if not records or records[0][0] != journal.STATE or journal.parse_state(records[0][1]) is None:
                put_aside.append(name)
                continue
            if not whole:
                cut.append(name)
            for kind, body in records:
                history.add(kind, body)
            begins = journal.parse_state(records[0][1])
            self._generations.kept.append(
                Generation(
                    path,
                    os.path.getsize(path),
                    0 if begins is None else begins.written,
                    history.last,
                    *history.take_latest(),
                )
            )
        if history.state is not None:
            self._generations.put_aside(put_aside)
        return history, tuple(put_aside), tuple(cut)

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
                self._generations.append(journal.STATE, journal.state_body(state), force=True)
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
                last, settled = self._generations.cut_off(sequence, self._writable().settled)
                self._state = replace(self._writable(), written=last, settled=settled)
            except OSError as error:
                raise journal.write_failed(self._folder, error) from error

    def _note_highs(self, archivals: Sequence[int], clock: int) -> None:
        high, runs = self._high, 0
        for begin, _ in journal.runs(archivals):
            high = higher(high, believed(archivals[begin], clock), self._settle)
            runs += 1
        if high != self._high:
            self._high = high
            self._highs.append((self.sequence, high))
            if len(self._highs) > limits.MOST_POSITIONS:
                self._halve_highs()
        self._generations.touch(self.sequence, max(archivals), runs)

    def _halve_highs(self) -> None:
        """Keep every second position, each for two, from the first of them on: the earlier of both, so that nothing is
        skipped.
        """
        highs = list(self._highs)
        pairs = zip(highs[::2], highs[1::2])
        self._highs = deque((earlier[0], min(earlier[1], later[1])) for earlier, later in pairs)
        self._highs.extend(highs[len(highs) - len(highs) % 2 :])

    def _continue(self) -> None:
        """Begin the next generation if the current one is full.

        The record is written: a generation that cannot be begun must not have it written again.
        """
        if self._generations.kept[-1].size > limits.GENERATION_SIZE:
            with suppress(Problem):
                self._begin_generation()

    def _begin_generation(self) -> None:
        """Write the next generation; what follows is appended to it. Delete those that are not needed any more."""
        state = replace(self._writable(), high=self._high, settled_high=self._settled_high)
        self._generations.begin(state)
        self._state = state
        oldest = self._settled_high - self._settle - 2 * limits.FAILOVER_MARGIN
        self._generations.delete_old(state.settled, oldest)


def _counting(entry: Entry, count: int) -> tuple[Sequence[int], array[int], array[int] | None]:
    """Return the first `count` events of an entry, without those that have no archival timestamp."""
    archivals, digests = entry.archivals[:count], entry.digests[:count]
    identities = None if entry.identities is None else entry.identities[:count]
    if not archivals.count(0):
        return archivals, digests, identities
    places = [place for place, archival in enumerate(archivals) if archival]
    kept = None if identities is None else array("Q", [identities[place] for place in places])
    return [archivals[place] for place in places], array("Q", [digests[place] for place in places]), kept
