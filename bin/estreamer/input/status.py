"""What an input reports about itself: a small file in its checkpoint folder, and what that file means at a later time.

The file is JSON and holds no secret. It is replaced completely, at each change of state and otherwise at most every few
seconds; a disk that refuses it does not disturb the input. It is written by one input and read by the REST handlers.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import printable
from ..bookmark.folder import folder_of
from ..clock import CLOCK, Clock
from ..errors import Problem
from ..files import FILES, Files

FILE_NAME = "state.json"

WRITE_INTERVAL = 5.0
"""Seconds between two writes while events arrive."""

REPORT_INTERVAL = 30.0
"""Seconds after which the file is written again although nothing has changed, to show that the input still runs."""

SILENT_AFTER = 150.0
"""Seconds without a report after which an input counts as not running. An attempt to connect takes up to 30."""

WINDOW_MINUTES = 60
"""Events are counted by the minute, for as long as this."""

LARGEST_FILE = 64 * 1024

_END_OF_TIME = datetime(9999, 12, 31, tzinfo=timezone.utc).timestamp()

DISABLED, NOT_STARTED, SILENT = "disabled", "not started", "not running"
CONNECTING, CONNECTED, WAITING, STOPPED, FAILED = "connecting", "connected", "waiting to retry", "stopped", "failed"

_REPORTED = (CONNECTING, CONNECTED, WAITING, STOPPED, FAILED)
"""The states that an input reports itself."""


def path_of(checkpoint_dir: str, stanza: str) -> Path:
    """Return the file of the input `stanza` (`estreamer_fqe://<name>`)."""
    return Path(folder_of(checkpoint_dir, stanza), FILE_NAME)


@dataclass(frozen=True)
class Report:
    """What the file holds. Times are Unix seconds, None where nothing has happened yet.

    `last_event` is when splunkd was given the last event, `last_archival` the archival timestamp of that event;
    `minutes` has pairs of a minute (Unix time divided by 60) and the number of events written in it.
    """

    state: str = CONNECTING
    since: float = 0.0
    account: str | None = None
    host: str | None = None
    code: str | None = None
    reason: str | None = None
    retry_at: float | None = None
    last_event: float | None = None
    last_archival: int | None = None
    minutes: list[tuple[int, int]] = field(default_factory=list)
    reported_at: float = 0.0


def read(path: Path) -> Report | None:
    """Return what the input has reported, None when it has not, or when the file is not as an input writes it."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(LARGEST_FILE))
        minutes = [(minute, count) for minute, count in found.pop("minutes")]
        report = Report(**found, minutes=minutes)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return report if _is_sound(report) else None


def _is_sound(report: Report) -> bool:
    """Whether every value is of its type; times are within the years that a calendar knows."""
    texts = (report.account, report.host, report.code, report.reason)
    moments = (report.retry_at, report.last_event, report.last_archival)
    counts = [number for pair in report.minutes for number in pair]
    return (
        report.state in _REPORTED
        and all(text is None or isinstance(text, str) for text in texts)
        and all(_is_number(moment) for moment in (report.since, report.reported_at))
        and all(moment is None or _is_number(moment) for moment in moments)
        and all(_is_number(number) and isinstance(number, int) for number in counts)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _END_OF_TIME


class StatusFile:
    """Writes the file of one input, which says at each place where its state changes what has happened."""

    def __init__(self, checkpoint_dir: str, stanza: str, clock: Clock = CLOCK, files: Files = FILES) -> None:
        self._clock = clock
        self._files = files
        self._path = path_of(checkpoint_dir, stanza)
        self._report = read(self._path) or Report()
        self._written_events = 0
        self._changed = False
        self._next_write = 0.0

    def started(self) -> None:
        """Report that the input has started."""
        self._change(CONNECTING, account=None, host=None)

    def connecting(self, account: str, host: str) -> None:
        """Report an attempt to connect."""
        self._change(CONNECTING, account=_text(account), host=_text(host))

    def connected(self, account: str, host: str) -> None:
        """Report a connection."""
        self._change(CONNECTED, account=_text(account), host=_text(host), since=self._clock.wall())

    def waiting(self, problem: Problem, retry_in: float) -> None:
        """Report why the connection failed or ended, and in how many seconds the next attempt is made."""
        self._change(WAITING, code=problem.code, reason=problem.text, retry_at=self._clock.wall() + retry_in)

    def stopped(self, reason: str | None = None) -> None:
        """Report that the input ends as it was asked to, or why else."""
        self._change(STOPPED, reason=_text(reason))

    def failed(self, problem: Problem) -> None:
        """Report that the input cannot run."""
        self._change(FAILED, code=problem.code, reason=problem.text)

    def delivered(self, written: int, last_archival: int) -> None:
        """Take note of how many events splunkd was given since the start; call it about once a second."""
        if written > self._written_events:
            self._count(written - self._written_events, last_archival)
            self._written_events, self._changed = written, True
        now = self._clock.monotonic()
        if now >= self._next_write and (self._changed or now >= self._next_write + REPORT_INTERVAL - WRITE_INTERVAL):
            self._write()

    def _count(self, events: int, last_archival: int) -> None:
        report, now = self._report, self._clock.wall()
        minute = int(now // 60)
        events += sum(count for one, count in report.minutes[-1:] if one == minute)
        recent = [pair for pair in report.minutes if minute - WINDOW_MINUTES < pair[0] < minute]
        self._report = replace(
            report,
            last_event=now,
            last_archival=last_archival or report.last_archival,
            minutes=[*recent, (minute, events)],
        )

    def _change(self, state: str, **changes: Any) -> None:
        """Report a state; what is not given stays, but for the reason of the state before."""
        since = self._report.since if state == self._report.state else self._clock.wall()
        without = {"code": None, "reason": None, "retry_at": None}
        self._report = replace(self._report, state=state, **{"since": since, **without, **changes})
        self._write()

    def _write(self) -> None:
        """Replace the file. A report is worth no trouble: what cannot be written is left for the next time."""
        self._changed = False
        self._next_write = self._clock.monotonic() + WRITE_INTERVAL
        self._report = replace(self._report, reported_at=self._clock.wall())
        beside = str(self._path.with_suffix(".new"))
        content = json.dumps(vars(self._report)).encode("ascii")
        with suppress(OSError):
            file = self._files.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                self._files.write_all(file, content)
            finally:
                self._files.close(file)
            self._files.rename(beside, str(self._path))


def _text(value: str | None) -> str | None:
    return None if value is None else printable.line(value)


def describe(report: Report | None, disabled: bool, now: float) -> dict[str, Any]:
    """Return the state of an input at the time `now` (Unix seconds) in the form that the REST endpoint gives."""
    report, state = (Report(), NOT_STARTED) if report is None else (report, report.state)
    if state not in (NOT_STARTED, STOPPED, FAILED) and now - report.reported_at > SILENT_AFTER:
        state = SILENT
    if disabled:
        state = DISABLED
    connected, waiting = state == CONNECTED, state in (WAITING, FAILED)
    lag = None
    if report.last_event is not None and report.last_archival is not None:
        lag = max(0, round(report.last_event - report.last_archival))
    oldest = int(now // 60) - WINDOW_MINUTES
    return {
        "state": state,
        "account": report.account if connected or state == CONNECTING else None,
        "host": report.host if connected or state == CONNECTING else None,
        "connected_since": _moment(report.since) if connected else None,
        "code": report.code if waiting else None,
        "reason": report.reason if waiting else None,
        "retry_at": _moment(report.retry_at) if state == WAITING else None,
        "last_event": _moment(report.last_event),
        "events_last_hour": sum(count for minute, count in report.minutes if minute > oldest),
        "lag": lag,
        "reported": _moment(report.reported_at or None),
    }


def _moment(seconds: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC, to the second."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
