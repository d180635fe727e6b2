"""A batch of events on its way from the session to splunkd: duplicates out, drop rules, XML, pipe, bookmark.

The order of the steps is what keeps the promises: splunkd's pipe takes a batch, then the bookmark records it; the
server is told after that. Killed in between, the batch comes again; never is one acknowledged that splunkd was not
given.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..bookmark.bookmark import Bookmark, Entry
from ..bookmark.duplicates import DuplicateFilter
from ..bookmark.journal import Moment
from ..connection.waiting import Waiting
from ..errors import Problem, Stop
from ..events import facts, repair
from ..outputs.output import Encoded, Output, ReceiverGone
from ..protocol.family import AS_IT_IS, Records
from ..protocol.session import UNSTAMPED, Event
from ..settings import InputSettings
from .figures import Figures, Standing, Warnings, log_figures
from .status import Reporter

FIGURES_INTERVAL = 60.0
"""Seconds between two lines of figures in the log."""

LOOK_INTERVAL = 1.0
"""Seconds between looks at whether splunkd still holds its end of the pipe."""

RECORD_INTERVAL = 1.0
"""Seconds between two records of what splunkd has read."""

STOP_GRACE = 1.0
"""Seconds after a request to stop in which the pipe may still take the rest of a batch; splunkd allows 2 in all."""

DRAIN_POLL = 0.01
"""Seconds between looks at how much of the pipe splunkd has left unread at a stop."""

BOOKMARK_RETRY = 1.0
"""Seconds between attempts to write a bookmark that the disk refuses."""


@dataclass(frozen=True)
class _Batch:
    """Events on their way, in columns: whole columns are handled by one call where that can be.

    `archivals` and `payloads` have all that were received, and so has `identities`, or it is None. `times` and `texts`
    have those that are to be written: when and what; `places` tells where each of them is among those received.
    """

    archivals: Sequence[int]
    payloads: Sequence[bytes]
    identities: list[bytes | None] | None
    times: Sequence[bytes]
    texts: Sequence[bytes]
    places: Sequence[int]


class Delivery:
    """Delivers the events of one input. `stanza` is `estreamer_fqe://<name>`, `descriptor` splunkd's pipe.

    `reporter` is its log, and learns about once a second how many events were written since the start. `records` reads
    what lies in a record.
    """

    def __init__(
        self,
        settings: InputSettings,
        reporter: Reporter,
        bookmark: Bookmark,
        output: Output[Any],
        waiting: Waiting,
        records: Records,
    ) -> None:
        self.figures = Figures()
        self.account = ""
        """The name of the account in use."""
        self.client_certificate_expires: datetime | None = None
        self.server_certificate_expires: datetime | None = None
        """When the chains of the account in use end, each with its first certificate that expires, as far as seen."""
        self.connected_since: float | None = None
        """When the present connection was made, in Unix seconds; None while there is none."""
        self._reporter = reporter
        self._bookmark = bookmark
        self._waiting = waiting
        self._output = output
        self._rules = settings.drop_rules
        self._kinds_with_rules = frozenset(settings.drop_rules.kinds())
        self._identify = settings.failover_account is not None
        self._records = records
        self._settling_refused = False
        self._next_figures = time.monotonic() + FIGURES_INTERVAL
        self._next_look = 0.0
        self._next_record = 0.0
        self._last_archival = 0
        self._lag: int | None = None
        self._stop_at: float | None = None
        self._waited = 0.0
        """Seconds that the present write has waited for the pipe."""
        self._trusts_planned_restart = settings.trusts_planned_restart
        self._warnings = Warnings(reporter)
        self._written_events = 0

    @property
    def next_due(self) -> float:
        """When `keep_house` is to be called at the latest, in monotonic seconds."""
        return min(self._next_figures, self._next_look, self._output.next_due())

    def use_account(self, name: str) -> None:
        """Set the account in use. What was known of another one's certificates is forgotten."""
        if name != self.account:
            self.account = name
            self.client_certificate_expires = self.server_certificate_expires = None

    def use_host(self, host: str) -> None:
        """Set the host of the events that follow."""
        self._output.use_host(host)

    def stamp(self, received: list[Event]) -> list[Event]:
        """Return the events with a time in place of each archival timestamp that the server did not tell.

        It is the event's own time, the only one that is the same whenever the event is sent again. No event is archived
        before it happens, so resuming there misses none.
        """
        second = self._records.second
        return [
            event if event[0] != UNSTAMPED else (second(event[2], event[1]), event[1], event[2]) for event in received
        ]

    def deliver(self, received: list[Event], duplicates: DuplicateFilter | None, moment: Moment | None = None) -> None:
        """Write events to splunkd and record them in the bookmark, all but duplicates and what a rule drops.

        `moment` is one before which the server cannot have sent them; without it, that is the present one. Raises Stop
        when the pipe did not take them all in time (those that it took are recorded), and ReceiverGone.
        """
        if duplicates is not None:
            received = self._without_duplicates(received, duplicates)
        if not received:
            return
        moment = moment or self._bookmark.now()
        try:
            batch, entry, encoded = self._encode(received, moment)
        except Exception as error:
            # Nothing that an event says may end the stream, or come again at each start.
            self._report_unexpected(error)
            for event in received:
                self._write(*self._encode_alone(event, moment))
            return
        self._write(batch, entry, encoded)

    def _encode(self, received: list[Event], moment: Moment) -> tuple[_Batch, Entry, Encoded]:
        """Return what is to be written of events, and recorded. Whatever fails for what events say fails here, before
        the pipe has taken any.
        """
        batch = self._prepare(received)
        entry = self._bookmark.entry(batch.archivals, batch.payloads, batch.identities, moment)
        return batch, entry, self._output.encode(batch.times, batch.texts, self._numbers(batch, entry.archivals))

    def _encode_alone(self, event: Event, moment: Moment) -> tuple[_Batch, Entry, Encoded]:
        """Return the same of one event; of one that fails, as text and marked."""
        try:
            return self._encode([event], moment)
        except Exception as error:
            self._report_unexpected(error)
            archival, _, payload = event
            text = repair.as_text(payload)
            identities: list[bytes | None] | None = [None] if self._identify else None
            now = b"%d" % time.time()
            batch = _Batch((archival,), (payload,), identities, [now], [text], (0,))
            entry = self._bookmark.entry(batch.archivals, batch.payloads, batch.identities, moment)
            self.figures.malformed += 1
            self.figures.problems[repair.NOT_UNDERSTOOD] += 1
            return batch, entry, self._output.encode(batch.times, batch.texts, self._numbers(batch, entry.archivals))

    def _report_unexpected(self, error: Exception) -> None:
        """Log where something failed that was not to fail; the text of the exception may quote an event."""
        places = [f"{Path(one.filename).name}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)]
        self._reporter.error(
            "unexpected_error",
            error=type(error).__name__,
            at=" ".join(places),
            problem="An event is delivered as text, since the add-on failed on it. Please report this line.",
        )

    def _write(self, batch: _Batch, entry: Entry, encoded: Encoded) -> None:
        """Write a batch and record what the output has taken of it. Raises Stop and ReceiverGone."""
        before = self._output.written_bytes
        self._waited = 0.0
        count = len(batch.texts)
        written = self._output.offer(encoded)
        while written < count and self._wait_for_output():
            written = self._output.offer(encoded)
        complete = written == count
        self._record(entry, len(batch.payloads) if complete else batch.places[written])
        self.figures.written += written
        self._written_events += written
        self.figures.written_bytes += self._output.written_bytes - before
        self._output.recorded(self._bookmark.sequence)
        if not complete:
            self._waiting.check()

    def keep_house(self, now: float) -> None:
        """Do what is due by the clock: a look at the reader, settling, and the line of figures. Raises ReceiverGone."""
        if now >= self._next_look:
            self._next_look = now + LOOK_INTERVAL
            self._reporter.delivered(self._written_events, self._last_archival)
            gone = self._output.gone()
            if gone is not None:
                raise ReceiverGone(gone)
        self._settle(now)
        self._warnings.of_forgotten(self._bookmark.forgotten)
        if now >= self._next_figures:
            self.log_figures()
            self._next_figures = now + FIGURES_INTERVAL

    def reader_is_gone(self) -> bool:
        """Return whether splunkd has closed the pipe: it may have dropped what lay in that of the process before."""
        return self._output.gone() is not None

    def forget_reader(self) -> None:
        """Let what splunkd had not settled be delivered again: it has died or closed the pipe."""
        try:
            self._bookmark.reader_gone()
        except Problem as problem:
            self._reporter.error("bookmark_write_failed", code=problem.code, problem=problem.text)

    def close(self, *, planned: bool = False) -> None:
        """End the stream; what splunkd does not take in time counts as not delivered. Log the last figures.

        `planned` says that splunkd asked for the end, and lives.
        """
        self._output.finish()
        if self._wait_until_read() and planned and self._bookmark.state is not None:
            self._trust_reader()
        self.log_figures()

    def _trust_reader(self) -> None:
        """Record that splunkd keeps what it has read, if it can be trusted to.

        One that ends as it is meant to empties its queues first, as far as these can be emptied: so it must not have
        been behind.
        """
        trusted = self._trusts_planned_restart and self._output.keeps(time.monotonic())
        try:
            if trusted:
                self._bookmark.kept()
        except Problem as problem:
            self._reporter.error("bookmark_write_failed", code=problem.code, problem=problem.text)
            trusted = False
        self._reporter.info("planned_stop", trusted=int(trusted))

    def log_figures(self) -> None:
        """Log what happened since the last time."""
        figures, self.figures = self.figures, Figures()
        mended, problems = self._output.take_problems()
        figures.malformed += mended
        figures.problems.update(problems)
        log_figures(
            self._reporter,
            figures,
            Standing(
                account=self.account,
                connected_since=self.connected_since,
                lag=self._lag,
                bookmark=self._bookmark.position,
                client_certificate_expires=self.client_certificate_expires,
                server_certificate_expires=self.server_certificate_expires,
            ),
        )

    def _without_duplicates(self, received: list[Event], duplicates: DuplicateFilter) -> list[Event]:
        kept = [event for event in received if not self._is_duplicate(event, duplicates)]
        self.figures.duplicates += len(received) - len(kept)
        return kept

    def _is_duplicate(self, event: Event, duplicates: DuplicateFilter) -> bool:
        archival, record_type, payload = event
        if archival > duplicates.horizon:
            return False
        identity = None
        if duplicates.needs_identity:
            ((event_type, _, _),) = self._records.describe((payload,), (record_type,))
            identity = self._records.identity(payload, event_type)
        return duplicates.is_duplicate(archival, payload, identity)

    def _prepare(self, received: list[Event]) -> _Batch:
        """Return events in columns, with what is to be written of them. The hot path: a pass for each thing."""
        archivals, record_types, payloads = zip(*received)
        described = self._records.describe(payloads, record_types)
        identities = None
        if self._identify:
            identities = [
                self._records.identity(payload, event_type) for payload, (event_type, _, _) in zip(payloads, described)
            ]
        places: Sequence[int] = range(len(received))
        texts: Sequence[bytes] = payloads
        if self._kinds_with_rules:
            places = [place for place in places if not self._is_dropped(described[place][0], payloads[place])]
            texts = [payloads[place] for place in places]
            described = [described[place] for place in places]
        own = [when for _, when, _ in described]
        stamps = archivals if len(own) == len(archivals) else [archivals[place] for place in places]
        times, odd = facts.times_within_reason(own, stamps, time.time())
        self.figures.odd_times += odd
        shapes = [shape for _, _, shape in described]
        if any(shapes):
            texts = [
                text if shape == AS_IT_IS else self._mended(text, record_types[place], shape)
                for text, place, shape in zip(texts, places, shapes)
            ]
        return _Batch(archivals, payloads, identities, times, texts, places)

    def _mended(self, payload: bytes, record_type: int, shape: int) -> bytes:
        """Return what is to be written of a payload that is not delivered as it is, and count why."""
        text, problems, event_type_added = self._records.text(payload, record_type, shape)
        self.figures.malformed += bool(problems)
        self.figures.problems.update(problems)
        self.figures.event_types_added += event_type_added
        return text

    def _is_dropped(self, kind: str, payload: bytes) -> bool:
        if kind not in self._kinds_with_rules:
            return False
        rule = self._rules.drops(kind, payload)
        if rule is None:
            return False
        self.figures.dropped += 1
        self.figures.dropped_by_rule[rule] += 1
        self.figures.dropped_bytes_by_rule[rule] += len(payload)
        return True

    def _record(self, entry: Entry, count: int) -> None:
        """Record the first `count` events in the bookmark; while the disk refuses, do nothing else. Raises Stop."""
        if not count:
            return
        complained = False
        while True:
            try:
                self._bookmark.delivered(entry, count)
                break
            except Problem as problem:
                if not complained:
                    self._reporter.error("bookmark_write_failed", code=problem.code, problem=problem.text)
                complained = True
                # Whoever does not look cannot say at a planned restart that splunkd kept up.
                self._output.serve(time.monotonic())
                self._waiting.pause(BOOKMARK_RETRY)
        last = entry.archivals[count - 1]
        if last:
            self._last_archival = last
            now = time.time()
            self._lag = max(0, round(now - last))
            self._warnings.of_clock(self.account, last, int(now))

    def _settle(self, now: float) -> None:
        settled = self._output.settled(now)
        read = None
        if now >= self._next_record:
            self._next_record = now + RECORD_INTERVAL
            read = self._output.seen()
        if (settled is None and read is None) or self._waiting.parent_is_gone or self._output.gone():
            return
        try:
            if settled is not None:
                self._bookmark.settled(settled)
            if read is not None:
                self._bookmark.read(read, now)
            self._settling_refused = False
        except Problem as problem:
            if settled is not None:
                self._output.put_off(settled, now)
            if not self._settling_refused:
                self._reporter.error("bookmark_write_failed", code=problem.code, problem=problem.text)
            self._settling_refused = True

    def _numbers(self, batch: _Batch, archivals: Sequence[int]) -> Sequence[int]:
        """Return the sequence numbers in the bookmark that the events to be written will have."""
        first = self._bookmark.sequence + 1
        if len(batch.places) == len(archivals) and 0 not in archivals:
            return range(first, first + len(batch.places))
        numbers = list(accumulate(map(bool, archivals), initial=first - 1))
        return [numbers[place + 1] for place in batch.places]

    def _wait_until_read(self) -> bool:
        """Give splunkd a moment to read what is in the pipe; have the rest delivered again. Return whether it read all.

        Nobody says whether splunkd reads on from a pipe whose writer it has told to stop, when it was not reading:
        an event that comes twice is the lesser evil.
        """
        if self._stop_at is None:
            self._stop_at = time.monotonic() + STOP_GRACE
        while self._output.pending() and time.monotonic() < self._stop_at and not self._output.gone():
            time.sleep(DRAIN_POLL)
            self._output.serve(time.monotonic())
        unread_from = self._output.not_taken()
        if unread_from is None or self._bookmark.state is None:
            # The next process has nothing else to tell it.
            self._next_record = 0.0
            self._settle(time.monotonic())
            return unread_from is None
        again = self._bookmark.sequence - unread_from
        if again <= 0:
            # The bookmark does not have them: the disk refused it, and they come again in any case.
            return False
        try:
            self._bookmark.void(unread_from)
        except Problem as problem:
            self._reporter.error("bookmark_write_failed", code=problem.code, problem=problem.text)
        self._reporter.warning(
            "not_read", events=again, problem="splunkd did not read these before the stop. They are delivered again."
        )
        return False

    def _wait_for_output(self) -> bool:
        """Wait until splunkd may take more; return False when a request to stop has had its grace."""
        begun = time.monotonic()
        try:
            self._waiting.writable(self._output.descriptors(), 1.0)
        except Stop:
            return self._wait_in_grace(begun)
        now = self._has_waited(begun)
        self.figures.blocked += now - begun
        self.keep_house(now)
        return True

    def _has_waited(self, begun: float) -> float:
        """Note that a write has waited since then; return what time it is."""
        now = time.monotonic()
        self._waited += now - begun
        self._output.waited(self._waited, now)
        return now

    def _wait_in_grace(self, begun: float) -> bool:
        now = time.monotonic()
        if self._stop_at is None:
            self._stop_at = now + STOP_GRACE
        if now >= self._stop_at:
            return False
        self._waiting.writable(self._output.descriptors(), self._stop_at - now, ignore_stop=True)
        self._has_waited(begun)
        return True
