"""What the input can say to its log; `splunkd.log_file` says it to Splunk's, tests keep it in memory.

A server can have the same lines logged again and again, thousands of times a second: `CalmLog` stands in front of the
log and lets through one such line a minute, which says how often it happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..clock import CLOCK, Clock

INTERVAL = 60.0
"""Seconds in which lines of one kind are counted before one of them says how many they were."""

MOST_AT_FIRST = 10
"""Lines of one kind that are logged at once within an interval: enough for each attempt of an ordinary reconnection."""

ONE_AT_FIRST = frozenset(("bundle_gap", "unknown_message_type"))
"""Kinds of lines of which a single connection can bring any number: only the first is logged at once."""

NEVER_HELD = frozenset(
    ("started", "stopped", "figures", "dropped_by_rule", "bookmark_put_aside", "bookmark_cut", "input_cannot_run")
)
"""Kinds of lines that no server can cause at will."""


class Log(Protocol):
    """A log of events, each with fields; fields that are None are left out."""

    def debug(self, event: str, **fields: object) -> None:
        """Log what helps to find out why."""

    def info(self, event: str, **fields: object) -> None:
        """Log a change of state, or figures."""

    def warning(self, event: str, **fields: object) -> None:
        """Log what somebody should look at."""

    def error(self, event: str, **fields: object) -> None:
        """Log what keeps the input from its work."""

    def events_ingested(self, count: int, size: int) -> None:
        """Log how many events, and bytes of them, splunkd was given since the last time."""


class SharedLog(Log, Protocol):
    """A log that another one can be put in front of."""

    def passed_on(self) -> SharedLog:
        """Return this log for the one in front, which passes on lines of its callers by methods of the same names."""


@dataclass
class _Kind:
    """Lines of one kind: since when they are counted, how many were logged, and what was held back since."""

    since: float
    logged: int = 1
    held: int = 0
    level: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)

    def let_pass(self) -> None:
        """Count a line that is logged."""
        self.logged += 1

    def hold(self, level: str, fields: Mapping[str, object]) -> None:
        """Count a line that is held back, and keep it as the last one."""
        times = fields.get("times", 1)
        self.held += times if isinstance(times, int) else 1
        self.level, self.fields = level, fields


class CalmLog:
    """A log in front of `log` that holds back repeated lines, and says once a minute how many they were.

    The first line of a kind (its event) is logged at once, and so are `MOST_AT_FIRST` of most kinds. What follows
    that within `INTERVAL` is counted: the next line has the fields of the last of them, and `times`, which counts them.
    A line that stands for several has `times` already. `flush` logs at the end what is still held back; otherwise that
    is done by the first call after the interval, at the latest by the next line of figures.
    """

    def __init__(self, log: SharedLog, clock: Clock = CLOCK) -> None:
        self._log = log.passed_on()
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def debug(self, event: str, **fields: object) -> None:
        """Pass the line on, unless it is held back."""
        if self._may_pass("debug", event, fields):
            self._log.debug(event, **fields)

    def info(self, event: str, **fields: object) -> None:
        """Pass the line on, unless it is held back."""
        if self._may_pass("info", event, fields):
            self._log.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Pass the line on, unless it is held back."""
        if self._may_pass("warning", event, fields):
            self._log.warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Pass the line on, unless it is held back."""
        if self._may_pass("error", event, fields):
            self._log.error(event, **fields)

    def events_ingested(self, count: int, size: int) -> None:
        """Pass the line on: there is one a minute."""
        self._log.events_ingested(count, size)

    def flush(self) -> None:
        """Log what is held back."""
        for event in list(self._kinds):
            self._tell(event, self._kinds.pop(event))

    def _may_pass(self, level: str, event: str, fields: Mapping[str, object]) -> bool:
        """Return whether a line is to be logged at once; else count it."""
        now = self._clock.monotonic()
        self._tell_what_is_due(now)
        if event in NEVER_HELD:
            return True
        kind = self._kinds.get(event)
        if kind is None:
            self._kinds[event] = _Kind(now)
            return True
        if kind.logged < (1 if event in ONE_AT_FIRST else MOST_AT_FIRST):
            kind.let_pass()
            return True
        kind.hold(level, fields)
        return False

    def _tell_what_is_due(self, now: float) -> None:
        for event, kind in list(self._kinds.items()):
            if now - kind.since < INTERVAL:
                continue
            if kind.held:
                # From here on, what goes on is logged once in each interval.
                self._kinds[event] = _Kind(now, MOST_AT_FIRST)
                self._tell(event, kind)
            else:
                del self._kinds[event]

    def _tell(self, event: str, kind: _Kind) -> None:
        if kind.held:
            getattr(self._log, kind.level)(event, **{**kind.fields, "times": kind.held})
