"""A batch of events on its way from the session to an output: duplicates out, drop rules, its form, output, bookmark.

The order of the steps is what keeps the promises: the output takes a batch, then the bookmark records it; the server
is acknowledged after that. After a kill in between, the batch arrives again. No batch is acknowledged before the
output has it.
"""

from __future__ import annotations

import os
import traceback
from typing import Any

from ..bookmark.bookmark import Bookmark
from ..bookmark.duplicates import DuplicateFilter
from ..bookmark.entries import Entry
from ..bookmark.journal import Moment
from ..clock import CLOCK, Clock
from ..connection.waiting import Waiting
from ..outputs.output import Encoded, Interest, Output, ReceiverGone
from ..protocol.family import Records
from ..protocol.session import Event
from ..settings import InputSettings
from . import preparation
from .figures import Figures, Standing, Warnings
from .logs import Log
from .preparation import Batch, Way
from .recording import Recording
from .status import StatusFile
from .writing import Writer

FIGURES_INTERVAL = 60.0
"""Seconds between two lines of figures in the log."""

LOOK_INTERVAL = 1.0
"""Seconds between looks at whether the receiver is still there."""


class Delivery:
    """Delivers the events of one input to its output.

    `status` gets about once a second the number of events written since the start. `records` reads what lies in a
    record.
    """

    def __init__(
        self,
        settings: InputSettings,
        log: Log,
        status: StatusFile,
        bookmark: Bookmark,
        output: Output[Any],
        waiting: Waiting,
        records: Records,
        clock: Clock = CLOCK,
    ) -> None:
        self._clock = clock
        self.figures = Figures()
        self.standing = Standing()
        self._log = log
        self._status = status
        self._bookmark = bookmark
        self._waiting = waiting
        self._output = output
        self._records = records
        self._way = Way(records, settings.drop_rules, settings.failover_account is not None)
        self._writer = Writer(output, waiting, self._has_been_blocked, clock)
        self._recording = Recording(bookmark, output, waiting, log, clock)
        self._trusts_planned_restart = settings.trusts_planned_restart
        self._warnings = Warnings(log, clock)
        self._next_figures = self._clock.monotonic() + FIGURES_INTERVAL
        self._next_look = 0.0
        self._written_events = 0

    @property
    def next_due(self) -> float:
        """When `keep_house` is to be called at the latest, in monotonic seconds."""
        return min(self._next_figures, self._next_look, self._output.next_due())

    def interest(self) -> Interest:
        """Return the descriptors of the output after whose readiness `keep_house` is to be called."""
        return self._output.interest()

    @property
    def receiver(self) -> str:
        """Who receives, for the log."""
        return self._output.receiver

    def use_host(self, host: str) -> None:
        """Set the host of the events that follow."""
        self._output.use_host(host)

    def stamp(self, received: list[Event]) -> list[Event]:
        """Return the events with a time in place of each archival timestamp that the server left out."""
        return preparation.stamped(received, self._records)

    def deliver(self, received: list[Event], duplicates: DuplicateFilter | None, moment: Moment | None = None) -> None:
        """Write events to the output and record them in the bookmark, all but duplicates and what a rule drops.

        `moment` is one before which the server cannot have sent them; without it, that is the present one. Raises Stop
        when the output did not take them all in time (those that it took are recorded), and ReceiverGone.
        """
        if duplicates is not None:
            count = len(received)
            received = preparation.without_duplicates(received, duplicates, self._records)
            self.figures.count_duplicates(count - len(received))
        if not received:
            return
        moment = moment or self._bookmark.now()
        try:
            batch, entry, encoded = self._encode(preparation.prepared(received, self._way, self._clock.wall()), moment)
        except Exception as error:
            # Nothing that an event says may end the stream, or return at each start.
            self._report_unexpected(error)
            for event in received:
                self._write(*self._encode_alone(event, moment))
            return
        self._write(batch, entry, encoded)

    def _encode(self, batch: Batch, moment: Moment) -> tuple[Batch, Entry, Encoded]:
        """Return a batch in the forms of the bookmark and the output. Whatever fails for what events say fails here,
        before the output has taken any.
        """
        entry = self._bookmark.entry(batch.archivals, batch.payloads, batch.identities, moment)
        numbers = preparation.numbers(batch, entry.archivals, self._bookmark.sequence + 1)
        return batch, entry, self._output.encode(batch.times, batch.texts, numbers)

    def _encode_alone(self, event: Event, moment: Moment) -> tuple[Batch, Entry, Encoded]:
        """Return the same of one event; of one that fails, as text and marked."""
        now = self._clock.wall()
        try:
            return self._encode(preparation.prepared([event], self._way, now), moment)
        except Exception as error:
            self._report_unexpected(error)
            return self._encode(preparation.as_text(event, self._way, now), moment)

    def _report_unexpected(self, error: Exception) -> None:
        """Log where something failed that was not to fail; the text of the exception may quote an event."""
        places = [f"{os.path.basename(one.filename)}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)]
        self._log.error(
            "unexpected_error",
            error=type(error).__name__,
            at=" ".join(places),
            problem="An event is delivered as text, since the add-on failed on it. Please report this line.",
        )

    def _write(self, batch: Batch, entry: Entry, encoded: Encoded) -> None:
        """Write a batch and record the events that the output has taken. Raises Stop and ReceiverGone."""
        self.figures.count_prepared(batch)
        before = self._output.written_bytes
        count = len(batch.texts)
        written = self._writer.write(encoded, count)
        complete = written == count
        recorded = len(batch.payloads) if complete else batch.places[written]
        self._recording.taken(entry, recorded)
        self._note_last(entry, recorded)
        self._written_events += written
        self.figures.count_written(written, self._output.written_bytes - before)
        if not complete:
            self._waiting.check()

    def _note_last(self, entry: Entry, count: int) -> None:
        last = entry.archivals[count - 1] if count else 0
        if last:
            now = self._clock.wall()
            self.standing.recorded(last, now)
            self._warnings.of_clock(self.standing.account, last, int(now))

    def _has_been_blocked(self, seconds: float, now: float) -> None:
        self.figures.count_blocked(seconds)
        self.keep_house(now)

    def keep_house(self, now: float) -> None:
        """Do what is due by the clock: a look at the receiver, settling, and the line of figures.

        Raises ReceiverGone.
        """
        if now >= self._next_look:
            self._next_look = now + LOOK_INTERVAL
            self._status.delivered(self._written_events, self.standing.last_archival)
            gone = self._output.gone()
            if gone:
                raise ReceiverGone(gone)
        self._recording.settle(now)
        self._warnings.of_forgotten(self._bookmark.forgotten)
        if now >= self._next_figures:
            self.log_figures()
            self._next_figures = now + FIGURES_INTERVAL

    def receiver_is_gone(self) -> bool:
        """Return whether the receiver is gone: it may have dropped what the process before had given it."""
        return self._output.gone() is not None

    def forget_receiver(self) -> None:
        """Let the events that had not settled be delivered again: the receiver has died, or does not read any more."""
        self._recording.receiver_gone()

    def close(self, *, planned: bool = False) -> None:
        """End the stream; what is not taken in time counts as not delivered. Log the last figures.

        `planned` says that splunkd asked for the end, and lives.
        """
        self._writer.drain()
        if self._recording.end() and planned:
            self._recording.trust(allowed=self._trusts_planned_restart)
        self.log_figures()

    def log_figures(self) -> None:
        """Log what happened since the last time."""
        figures, self.figures = self.figures, Figures()
        figures.count_malformed(*self._output.take_problems())
        figures.log(self._log, self.standing, self._bookmark.position)
