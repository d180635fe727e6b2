"""What the input can say to its log; `splunk` says it to Splunk's, tests keep it in memory."""

from __future__ import annotations

from typing import Protocol


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

    def passed_on(self) -> Log:
        """Return this log for the one in front, which passes on lines of its callers by methods of the same names."""
