"""What the bookmark learns of an output, in numbers: which events it has taken, which of them have settled."""

from __future__ import annotations

from typing import Any

from ..bookmark.bookmark import Bookmark
from ..bookmark.entries import Entry
from ..clock import CLOCK, Clock
from ..connection.waiting import Waiting
from ..errors import Problem
from ..outputs.output import Before, Output
from .logs import Log

RECORD_INTERVAL = 1.0
"""Seconds between two records of what the receiver has taken."""

BOOKMARK_RETRY = 1.0
"""Seconds between attempts to write a bookmark that the disk refuses."""


def what_was_before(bookmark: Bookmark) -> Before:
    """Return what an output is to know of the process before this one."""
    settled = 0 if bookmark.state is None else bookmark.state.settled
    return Before(bookmark.seen, bookmark.recovery.may_be_behind, bookmark.sequence, settled)


class Recording:
    """Carries numbers from an output to the bookmark. What the disk refuses is logged, and tried again."""

    def __init__(
        self, bookmark: Bookmark, output: Output[Any], waiting: Waiting, log: Log, clock: Clock = CLOCK
    ) -> None:
        self._clock = clock
        self._bookmark = bookmark
        self._output = output
        self._waiting = waiting
        self._log = log
        self._settling_refused = False
        self._next_record = 0.0

    def taken(self, entry: Entry, count: int) -> None:
        """Record that the output has taken the first `count` events of an entry; while the disk refuses, do no more.

        Raises Stop.
        """
        complained = False
        while count:
            try:
                self._bookmark.delivered(entry, count)
                break
            except Problem as problem:
                if not complained:
                    self._complain(problem)
                complained = True
                # Whoever does not look cannot say at a planned restart that the receiver kept up.
                self._output.serve(self._clock.monotonic())
                self._waiting.pause(BOOKMARK_RETRY)
        self._output.recorded(self._bookmark.sequence)

    def settle(self, now: float) -> None:
        """Record what has settled, and about once a second what the receiver has taken (monotonic seconds)."""
        settled = self._output.settled(now)
        seen = None
        if now >= self._next_record:
            self._next_record = now + RECORD_INTERVAL
            seen = self._output.seen()
        if (settled is None and seen is None) or self._waiting.parent_is_gone or self._output.gone():
            return
        try:
            if settled is not None:
                self._bookmark.settled(settled)
            if seen is not None:
                self._bookmark.read(seen, now)
            self._settling_refused = False
        except Problem as problem:
            if settled is not None:
                self._output.put_off(settled, now)
            if not self._settling_refused:
                self._complain(problem)
            self._settling_refused = True

    def receiver_gone(self) -> None:
        """Let the events that had not settled be delivered again: the receiver has died, or does not read any more."""
        try:
            self._bookmark.reader_gone()
        except Problem as problem:
            self._complain(problem)

    def end(self) -> bool:
        """Record at the end what the receiver has, and have the rest delivered again. Return whether it has all.

        It is unknown whether splunkd reads on from a pipe whose writer it has asked to stop, when it was not reading:
        an event that arrives twice is the lesser evil.
        """
        last = self._output.not_taken()
        if last is None or self._bookmark.state is None:
            # The next process knows it from here only.
            self._next_record = 0.0
            self.settle(self._clock.monotonic())
            return last is None
        again = self._bookmark.sequence - last
        if again <= 0:
            # The bookmark does not have them: the disk refused it, and they arrive again in any case.
            return False
        try:
            self._bookmark.void(last)
        except Problem as problem:
            self._complain(problem)
        who = self._output.receiver
        self._log.warning(
            "not_read", events=again, problem=f"{who} did not read these before the stop. They are delivered again."
        )
        return False

    def trust(self, *, allowed: bool) -> None:
        """Record that the receiver keeps what it has, if it may be trusted to and can be."""
        if self._bookmark.state is None:
            return
        trusted = allowed and self._output.keeps(self._clock.monotonic())
        try:
            if trusted:
                self._bookmark.kept()
        except Problem as problem:
            self._complain(problem)
            trusted = False
        self._log.info("planned_stop", trusted=int(trusted))

    def _complain(self, problem: Problem) -> None:
        self._log.error("bookmark_write_failed", code=problem.code, problem=problem.text)
