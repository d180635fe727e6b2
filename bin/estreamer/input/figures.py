"""What an input counts, and logs of it once a minute; and warnings that are worth a line once in a while."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Callable

from ..bookmark import limits
from .logs import Log

WARNING_INTERVAL = 3600.0
"""Seconds between two warnings of a clock that is ahead, and of a bookmark that is full."""

MALFORMED = (
    "The Management Center sent events that are not as JSON has to be. They are delivered, repaired or as text, and "
    "marked: search for estreamer_problem=*, and report them to Cisco."
)
ODD_TIMES = (
    "The times of events are more than an hour after, or 30 days before, the Management Center archived them. They are "
    "filed under their archival time. Check the clocks of the devices."
)
FULL = (
    "The bookmark cannot hold more of the events that the Management Center may send again. These would arrive twice "
    "after a reconnection. Check the clock of the Management Center, and whether settle is longer than it has to be."
)


@dataclass
class Figures:
    """What happened since the last line of figures."""

    received: int = 0
    received_bytes: int = 0
    written: int = 0
    written_bytes: int = 0
    dropped: int = 0
    duplicates: int = 0
    malformed: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    """What was wrong with the malformed ones; one may have several problems."""
    odd_times: int = 0
    """Events whose own time was beyond reason, so that they were given another one."""
    event_types_added: int = 0
    """Events without an `EventType`, which their record type told."""
    bundle_gaps: int = 0
    unknown_messages: int = 0
    """Messages of types that are not known here, which were skipped."""
    reconnects: int = 0
    blocked: float = 0.0
    """Seconds in which splunkd took nothing although there was something for it."""
    dropped_by_rule: Counter[int] = field(default_factory=Counter)
    dropped_bytes_by_rule: Counter[int] = field(default_factory=Counter)
    """Bytes of the events themselves, which is what Splunk counts against the licence."""


@dataclass(frozen=True)
class Standing:
    """What is so when figures are logged. `connected_since` is in Unix seconds, None while there is no connection;
    `lag` is in seconds, `bookmark` an archival timestamp.
    """

    account: str
    connected_since: float | None
    lag: int | None
    bookmark: int
    client_certificate_expires: datetime | None
    server_certificate_expires: datetime | None


def log_figures(log: Log, figures: Figures, standing: Standing) -> None:
    """Log figures, and what was wrong with events in a line for each kind of it."""
    since = standing.connected_since
    log.info(
        "figures",
        account=standing.account,
        state="connected" if since is not None else "not connected",
        connected_since=None if since is None else round(since),
        received=figures.received,
        received_bytes=figures.received_bytes,
        written=figures.written,
        written_bytes=figures.written_bytes,
        dropped=figures.dropped,
        dropped_bytes=sum(figures.dropped_bytes_by_rule.values()),
        duplicates=figures.duplicates,
        malformed=figures.malformed,
        odd_times=figures.odd_times,
        event_types_added=figures.event_types_added,
        bundle_gaps=figures.bundle_gaps,
        unknown_messages=figures.unknown_messages,
        reconnects=figures.reconnects,
        blocked=round(figures.blocked, 1),
        lag=standing.lag,
        bookmark=standing.bookmark,
        client_certificate_expires=_seconds(standing.client_certificate_expires),
        server_certificate_expires=_seconds(standing.server_certificate_expires),
    )
    for rule, count in sorted(figures.dropped_by_rule.items()):
        log.info("dropped_by_rule", rule=rule + 1, events=count, bytes=figures.dropped_bytes_by_rule[rule])
    if figures.malformed:
        kinds = ", ".join(f"{problem}: {count}" for problem, count in sorted(figures.problems.items()))
        log.warning("malformed", events=figures.malformed, kinds=kinds, problem=MALFORMED)
    if figures.odd_times:
        log.warning("odd_times", events=figures.odd_times, problem=ODD_TIMES)
    if figures.written:
        log.events_ingested(figures.written, figures.written_bytes)


def _seconds(moment: datetime | None) -> int | None:
    """Return a time in Unix seconds."""
    return None if moment is None else round(moment.timestamp())


class Warnings:
    """Warnings of what lasts: each is logged at most once in `WARNING_INTERVAL`."""

    def __init__(self, log: Log, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._monotonic = monotonic
        self._next: dict[str, float] = {}
        self._forgotten = 0

    def of_clock(self, account: str, archival: int, own: int) -> None:
        """Warn if the Management Center stamped an event clearly ahead of this machine's clock (Unix seconds)."""
        ahead = archival - own
        if ahead <= limits.CLOCK_TOLERANCE or not self._is_due("clock_ahead"):
            return
        self._log.warning(
            "clock_ahead",
            account=account,
            archival_time=archival,
            own_time=own,
            problem=f"The clock of the Management Center is {ahead} seconds ahead of this machine's. Set both by NTP. "
            "Until then more events than usual are sent again after a reconnection.",
        )

    def of_forgotten(self, forgotten: int) -> None:
        """Warn if the bookmark, which has forgotten so many events in all, had to forget more that may come again."""
        if forgotten > self._forgotten and self._is_due("bookmark_full"):
            self._log.warning("bookmark_full", events=forgotten - self._forgotten, problem=FULL)
            self._forgotten = forgotten

    def _is_due(self, name: str) -> bool:
        now = self._monotonic()
        if now < self._next.get(name, now):
            return False
        self._next[name] = now + WARNING_INTERVAL
        return True
