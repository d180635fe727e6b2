"""Where to resume, and which of the replayed events are duplicates. Survives any crash.

Constraints
-----------
* The server keeps no history of what it sent, and resumes at full seconds of archival time. Everything from the second
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

from collections.abc import Sequence
from dataclasses import replace

from ..clock import CLOCK, Clock
from ..files import FILES, Files
from . import digests as keyed
from . import journal, limits, lock
from .digests import Digests
from .entries import Entry, entry_of
from .folder import folder_of
from .history import History, Resume, believed
from .journal import Moment, State
from .recovery import Recovered, recover
from .writer import Writer


class Bookmark:
    """The bookmark of one input. `open` it before anything else, `close` it at the end.

    `settle` is in seconds, `reader` distinguishes one splunkd from another. Every method that writes raises Problem
    `bookmark_write_failed` when the disk does not take it; the record is then not there, and the call can be repeated.
    """

    def __init__(
        self, folder: str, held: lock.Lock, settle: int, clock: Clock, files: Files, recovered: Recovered
    ) -> None:
        self._folder = folder
        self._lock = held
        self._settle = settle
        self._clock = clock
        self._files = files
        self._generations = recovered.generations
        self._digests = recovered.digests
        self._positions = recovered.positions
        self._last_record = recovered.last_record
        self._writer = Writer(folder, settle, recovered.generations, recovered.positions, recovered.state)
        self._tenures = recovered.tenures
        """How often the account changed, as far as the generations that are kept show."""
        self.recovery = recovered.recovery
        self.seen = recovered.seen
        """Up to which events the same reader had read when, in monotonic seconds, before this process began."""

    @classmethod
    def open(
        cls,
        checkpoint_dir: str,
        stanza: str,
        *,
        reader: str,
        settle: int,
        clock: Clock = CLOCK,
        files: Files = FILES,
    ) -> Bookmark:
        """Open the bookmark of `stanza`, and keep any other process from using it.

        Raises Problem: `bookmark_locked`, `bookmark_unreadable`, `bookmark_newer`, `bookmark_not_accessible`,
        `bookmark_write_failed`.
        """
        folder = folder_of(checkpoint_dir, stanza)
        held = lock.Lock(folder, files)
        try:
            bookmark = cls(folder, held, settle, clock, files, recover(folder, reader, settle, clock, files))
            if bookmark.state is not None:
                bookmark._writer.begin_generation()
        except BaseException:
            held.release()
            raise
        return bookmark

    @property
    def state(self) -> State | None:
        """What the bookmark says; None without a bookmark."""
        return self._writer.state

    @property
    def sequence(self) -> int:
        """How many events were delivered since the first start."""
        return self._writer.written

    @property
    def position(self) -> int:
        """The archival timestamp to resume from, or the initial timestamp before the first event."""
        if self._positions.high or self.state is None:
            return self._positions.high
        return self.state.start

    @property
    def forgotten(self) -> int:
        """How many events were forgotten since the bookmark was opened although they may be sent again."""
        return self._generations.forgotten

    def style(self, account: str) -> str | None:
        """Return the request style that worked with this account, if one has."""
        return None if self.state is None else self.state.styles.get(account)

    def resume(self, account: str) -> Resume | None:
        """Return where to resume with this account; None without a bookmark."""
        if self.state is None:
            return None
        high = self._positions.high
        own_time = self._last_record.own_time(self._generations.last_change() if high else iter(()))
        # What one account delivered is compared with what another sends by up to twice the margin; with a single one
        # that would be minutes of events in memory for nothing.
        alone = account == self.state.account and not self._tenures
        oldest = believed(high, own_time) - self._settle - (0 if alone else 2 * limits.FAILOVER_MARGIN)
        history = History(self._settle, self._digests)
        for kind, body in self._generations.records_from(oldest):
            history.add(kind, body)
        found = history.resume(account, high, own_time)
        return None if found is None else replace(found, ahead=self._last_record.ahead(own_time))

    def begin(self, account: str, timestamp: int, reader: str, stanza: str) -> None:
        """Make sure that this account has a bookmark: `timestamp` is where to resume before the first event."""
        if self.state is None:
            self._digests = Digests(keyed.make_key(self._folder, self._files))
            name, boot = self._digests.name, self._clock.boot
            self._writer.save(State(stanza, account, timestamp, reader, 0, 0, {}, name, boot=boot))
        elif self.state.account != account:
            self._writer.save(replace(self.state, account=account, start=timestamp, high=0, settled_high=0))
            self._positions.begin()
            self._tenures += 1
            self._writer.follow_on()

    def remember_style(self, account: str, style: str) -> None:
        """Remember the request style that worked with this account."""
        if self.state is not None and self.state.styles.get(account) != style:
            self._writer.save(replace(self.state, styles={**self.state.styles, account: style}))

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
        resume, however wrong its clock was. Without it, that is the present one. Whatever fails because of what events
        say fails here, where they can still be delivered again without being doubled.
        """
        return entry_of(self._digests, moment or self.now(), archivals, payloads, identities)

    def delivered(self, entry: Entry, count: int | None = None) -> None:
        """Record that splunkd's pipe has taken the first `count` events of an entry (all of them without one), in
        order, before the server gets its acknowledgement.

        Events without archival timestamp (0) cannot be resumed from and are left out. The hot path: one record for a
        batch, whose events are nearly always of one archival second.
        """
        columns = entry.counting(len(entry.archivals) if count is None else count)
        if columns.archivals:
            self._writer.delivered(entry.moment, columns)
            self._last_record.note(entry.moment, columns.archivals[-1])

    def settled(self, sequence: int) -> None:
        """Record that the events up to `sequence` are settled, and force everything so far to the disk."""
        self._writer.settled(sequence)

    def read(self, sequence: int, now: float) -> None:
        """Record that the reader has taken the events up to `sequence` by `now`, in monotonic seconds.

        The next process of this input lets them settle when this one would have.
        """
        self._writer.note(journal.READ, journal.READ_BODY.pack(sequence, int(now * 1000)))

    def kept(self) -> None:
        """Record that splunkd has read all events, and keeps them if it ends as it is meant to.

        They settle in their time if it goes on; another splunkd is not given them again.
        """
        self._writer.note(journal.KEPT, journal.SEQUENCE.pack(self.sequence))

    def void(self, sequence: int) -> None:
        """Record that the events after `sequence` did not reach splunkd after all: they are delivered again."""
        state = self._writer.begun()
        if state.settled <= sequence < state.written:
            self._writer.void(sequence, replace(state, written=sequence))

    def reader_gone(self) -> None:
        """Record that what splunkd had not settled is lost with it: whoever reads next is given it again."""
        state = self.state
        if state is not None and state.reader:
            self._writer.void(state.settled, replace(state, reader="", gone=state.reader))

    def close(self) -> None:
        """Force everything to the disk, as far as it takes it, and let go of the folder."""
        self._generations.close()
        self._lock.release()
