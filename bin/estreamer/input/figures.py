"""What an input counts and logs once a minute, how it stands, and warnings that are worth a line once in a while."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ..bookmark import limits
from ..clock import CLOCK, Clock
from .logs import Log
from .preparation import Batch

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
    """Events without an `EventType`, which their record type showed."""
    bundle_gaps: int = 0
    unknown_messages: int = 0
    """Messages of types that are not known here, which were skipped."""
    reconnects: int = 0
    blocked: float = 0.0
    """Seconds in which the output was blocked while events waited for it."""
    dropped_by_rule: Counter[int] = field(default_factory=Counter)
    dropped_bytes_by_rule: Counter[int] = field(default_factory=Counter)
    """Bytes of the events themselves, which is what Splunk counts against the license."""

    def count_received(self, events: int, size: int) -> None:
        """Count what a read has brought: so many events, in so many bytes."""
        self.received += events
        self.received_bytes += size

    def count_oddities(self, gaps: int, unknown: int) -> None:
        """Count gaps between bundles, and messages of unknown types."""
        self.bundle_gaps += gaps
        self.unknown_messages += unknown

    def count_reconnect(self) -> None:
        """Count an attempt to connect again."""
        self.reconnects += 1

    def count_prepared(self, batch: Batch) -> None:
        """Count what became of events before they are written."""
        self.odd_times += batch.odd_times
        for rule, size in batch.dropped:
            self.dropped += 1
            self.dropped_by_rule[rule] += 1
            self.dropped_bytes_by_rule[rule] += size
        for _, problems, event_type_added in batch.repaired:
            self.event_types_added += event_type_added
            if problems:
                self.count_malformed(1, Counter(problems))

    def count_duplicates(self, events: int) -> None:
        """Count events that were delivered before."""
        self.duplicates += events

    def count_written(self, events: int, size: int) -> None:
        """Count what the output has taken: so many events, in so many bytes."""
        self.written += events
        self.written_bytes += size

    def count_blocked(self, seconds: float) -> None:
        """Count seconds in which the output was blocked."""
        self.blocked += seconds

    def count_malformed(self, events: int, problems: Counter[str]) -> None:
        """Count events that are marked, and what was wrong with them."""
        self.malformed += events
        self.problems.update(problems)

    def log(self, log: Log, standing: Standing, bookmark: int) -> None:
        """Log the figures, and what was wrong with events in a line for each kind of it.

        `bookmark` is the archival timestamp to resume from.
        """
        self._log_line(log, standing, bookmark)
        for rule, count in sorted(self.dropped_by_rule.items()):
            log.info("dropped_by_rule", rule=rule + 1, events=count, bytes=self.dropped_bytes_by_rule[rule])
        if self.malformed:
            kinds = ", ".join(f"{problem}: {count}" for problem, count in sorted(self.problems.items()))
            log.warning("malformed", events=self.malformed, kinds=kinds, problem=MALFORMED)
        if self.odd_times:
            log.warning("odd_times", events=self.odd_times, problem=ODD_TIMES)
        if self.written:
            log.events_ingested(self.written, self.written_bytes)

    def _log_line(self, log: Log, standing: Standing, bookmark: int) -> None:
        since = standing.connected_since
        log.info(
            "figures",
            account=standing.account,
            state="connected" if since is not None else "not connected",
            connected_since=None if since is None else round(since),
            received=self.received,
            received_bytes=self.received_bytes,
            written=self.written,
            written_bytes=self.written_bytes,
            dropped=self.dropped,
            dropped_bytes=sum(self.dropped_bytes_by_rule.values()),
            duplicates=self.duplicates,
            malformed=self.malformed,
            odd_times=self.odd_times,
            event_types_added=self.event_types_added,
            bundle_gaps=self.bundle_gaps,
            unknown_messages=self.unknown_messages,
            reconnects=self.reconnects,
            blocked=round(self.blocked, 1),
            lag=standing.lag,
            bookmark=bookmark,
            client_certificate_expires=_seconds(standing.client_certificate_expires),
            server_certificate_expires=_seconds(standing.server_certificate_expires),
        )


class Standing:
    """How an input stands: its account, connection and certificates, and the last event that was recorded."""

    def __init__(self) -> None:
        self.account = ""
        """The name of the account in use."""
        self.connected_since: float | None = None
        """When the present connection was made, in Unix seconds; None without a connection."""
        self.client_certificate_expires: datetime | None = None
        self.server_certificate_expires: datetime | None = None
        """When the chains of the account in use end, each with its first certificate that expires, as far as seen."""
        self.last_archival = 0
        """The archival timestamp of the last event that was recorded, 0 before there is one."""
        self.lag: int | None = None
        """Seconds between that timestamp and when the event was recorded."""

    def use_account(self, name: str) -> None:
        """Set the account in use. What was known of another one's certificates is forgotten."""
        if name != self.account:
            self.account = name
            self.client_certificate_expires = self.server_certificate_expires = None

    def use_client_certificate(self, expires: datetime | None) -> None:
        """Note when the chain of the account's own certificate ends."""
        self.client_certificate_expires = expires

    def use_server_certificate(self, expires: datetime | None) -> None:
        """Note when the chain of the server's certificate ends."""
        self.server_certificate_expires = expires

    def connected(self, now: float) -> None:
        """Note that there is a connection (Unix seconds)."""
        self.connected_since = now

    def disconnected(self) -> None:
        """Note that the connection has ended."""
        self.connected_since = None

    def recorded(self, archival: int, now: float) -> None:
        """Note the last event that was recorded (Unix seconds)."""
        self.last_archival = archival
        self.lag = max(0, round(now - archival))


def _seconds(moment: datetime | None) -> int | None:
    """Return a time in Unix seconds."""
    return None if moment is None else round(moment.timestamp())


class Warnings:
    """Warnings of what lasts: each is logged at most once in `WARNING_INTERVAL`."""

    def __init__(self, log: Log, clock: Clock = CLOCK) -> None:
        self._log = log
        self._clock = clock
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
        """Warn if the bookmark, which has forgotten so many events in all, had to forget more that may arrive again."""
        if forgotten > self._forgotten and self._is_due("bookmark_full"):
            self._log.warning("bookmark_full", events=forgotten - self._forgotten, problem=FULL)
            self._forgotten = forgotten

    def _is_due(self, name: str) -> bool:
        now = self._clock.monotonic()
        if now < self._next.get(name, now):
            return False
        self._next[name] = now + WARNING_INTERVAL
        return True
