"""What a test can ask about its inputs: what they delivered, how they ran and ended, and what they did wrong."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from array import array
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable

from .index import Journal, NumberJournal
from .life import StandInError


@dataclass(frozen=True)
class Violation:
    """Something that an input did and that splunkd would not stand for."""

    stanza: str
    pid: int
    text: str


@dataclass(frozen=True)
class LogLine:
    """One line of an input's stderr as it would stand in splunkd.log. `at` is CLOCK_MONOTONIC in seconds."""

    stanza: str
    pid: int
    level: str
    text: str
    at: float


@dataclass(frozen=True)
class Run:
    """One process of an input. Times are CLOCK_MONOTONIC in seconds; `None` where that has not happened yet.

    `events` counts those read to their end. `whole` means that the stream was closed. `cut`: the pipe ended in the
    middle of an event, which was dropped, or was not read to its end. `stop_took`: from SIGTERM to the exit. A run that
    outlived its splunkd has `orphaned` and nothing is known about its end.
    """

    stanza: str
    pid: int
    started: float
    exited: float | None = None
    code: int | None = None
    ended: bool = False
    events: int = 0
    whole: bool = False
    cut: bool = False
    stop_took: float | None = None
    orphaned: bool = False


class BrokenRule(AssertionError):
    """An input broke a rule of splunkd's; the message has all violations."""


@dataclass(frozen=True)
class Watched:
    """A living process of an input. The descriptor names the process even when its id is used again."""

    stanza: str
    pid: int
    pidfd: int

    def exited_within(self, seconds: float) -> bool:
        """Wait for the exit for that long at most."""
        return bool(select.select([self.pidfd], [], [], max(0.0, seconds))[0])

    def send(self, number: int) -> None:
        """Send a signal, unless the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)


class Ledger:
    """Keeps what was heard from the reader processes; any thread may ask, and wait for a change."""

    def __init__(self, keep: str) -> None:
        if keep not in ("events", "digests", "numbers"):
            raise StandInError(f"keep={keep!r} is none of 'events', 'digests' and 'numbers'")
        self._keep = keep
        self._changed = threading.Condition(threading.RLock())
        self._journals: dict[str, list[Journal]] = {}
        self._counts: dict[str, int] = {}
        self._runs: list[Run] = []
        self._living: dict[str, Watched] = {}
        self._violations: list[Violation] = []
        self._log: list[LogLine] = []

    # Asking

    def count(self, stanza: str) -> int:
        with self._changed:
            return self._counts.get(stanza, 0)

    def entries(self, stanza: str, kind: str) -> list[Any]:
        """Return what is kept of each event, in the order of arrival. Raises StandInError if it is of another kind."""
        self._check_kind(kind)
        with self._changed:
            return [entry for journal in self._journals.get(stanza, []) for entry in journal.entries()]

    def arrivals(self, stanza: str) -> tuple[array[float], array[int]]:
        """Return the moments and the numbers of events, in the order of their arrival."""
        self._check_kind("numbers")
        moments, numbers = array("d"), array("Q")
        with self._changed:
            for journal in self._journals.get(stanza, []):
                moments.extend(journal.moments())
                numbers.extend(journal.entries())
        return moments, numbers

    def runs(self, stanza: str) -> list[Run]:
        with self._changed:
            return [run for run in self._runs if run.stanza == stanza]

    def log(self, stanza: str | None, level: str | None) -> list[LogLine]:
        with self._changed:
            return [
                line
                for line in self._log
                if (stanza is None or line.stanza == stanza) and (level is None or line.level == level)
            ]

    def living(self, stanza: str) -> Watched | None:
        with self._changed:
            return self._living.get(stanza)

    def pid(self, stanza: str) -> int | None:
        """Return the process id of the running input, None when it does not run."""
        watched = self.living(stanza)
        return None if watched is None else watched.pid

    def violations(self) -> list[Violation]:
        with self._changed:
            return list(self._violations)

    def take_violations(self) -> list[Violation]:
        with self._changed:
            taken, self._violations = self._violations, []
            return taken

    def check(self) -> None:
        """Raise BrokenRule if there is a violation that nobody took."""
        found = self.violations()
        if found:
            raise BrokenRule("; ".join(f"{v.stanza} (pid {v.pid}): {v.text}" for v in found))

    def wait(self, predicate: Callable[[], bool], timeout: float, what: str, *, strict: bool = True) -> None:
        """Wait until `predicate` holds. Raises BrokenRule at once on a violation, TimeoutError after `timeout` s."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not predicate():
                if strict:
                    self.check()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{what}: not within {timeout} s; {self._describe()}")
                self._changed.wait(left)

    # Reporting

    def open_journal(self, stanza: str, path: Path) -> None:
        with self._changed:
            journal = NumberJournal(path) if self._keep == "numbers" else Journal(path, self._keep)
            self._journals.setdefault(stanza, []).append(journal)

    def close_journals(self, lose_after: float | None = None) -> int:
        """Nothing more will be written to any journal; forget what was received after that moment."""
        lost = 0
        with self._changed:
            for stanza, journals in self._journals.items():
                for journal in journals:
                    lost += 0 if lose_after is None else journal.lose_after(lose_after)
                    journal.close()
                self._counts[stanza] = sum(len(journal.entries()) for journal in journals)
            self._changed.notify_all()
        return lost

    def violate(self, stanza: str, pid: int, text: str) -> None:
        with self._changed:
            self._violations.append(Violation(stanza, pid, text))
            self._changed.notify_all()

    def orphan_the_living(self) -> list[Watched]:
        """Splunkd is gone: hand out the processes that it left behind."""
        with self._changed:
            orphans = list(self._living.values())
            self._living.clear()
            for orphan in orphans:
                self._change(orphan.pid, orphaned=True)
            self._changed.notify_all()
        return orphans

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message of the reader process."""
        with self._changed:
            getattr(self, "_hear_" + message["say"])(message)
            self._changed.notify_all()

    def _hear_journal(self, message: dict[str, Any]) -> None:
        stanza = message["stanza"]
        self._counts[stanza] = self._counts.get(stanza, 0) + message["count"]

    def _hear_started(self, message: dict[str, Any]) -> None:
        stanza, pid = message["stanza"], message["pid"]
        self._runs.append(Run(stanza, pid, message["at"]))
        with contextlib.suppress(ProcessLookupError):
            self._living[stanza] = Watched(stanza, pid, os.pidfd_open(pid))

    def _hear_exited(self, message: dict[str, Any]) -> None:
        watched = self._living.pop(message["stanza"], None)
        if watched is not None:
            os.close(watched.pidfd)
        self._change(message["pid"], exited=message["at"], code=message["code"])

    def _hear_ended(self, message: dict[str, Any]) -> None:
        names = ("events", "whole", "cut", "stop_took")
        self._change(message["pid"], ended=True, **{name: message[name] for name in names})

    def _hear_stderr(self, message: dict[str, Any]) -> None:
        names = ("stanza", "pid", "level", "text", "at")
        self._log.append(LogLine(**{name: message[name] for name in names}))

    def _hear_violation(self, message: dict[str, Any]) -> None:
        self._violations.append(Violation(message["stanza"], message["pid"], message["text"]))

    def _change(self, pid: int, **values: Any) -> None:
        # Process ids are used again: the latest run with this one is meant.
        place = max(place for place, run in enumerate(self._runs) if run.pid == pid)
        self._runs[place] = replace(self._runs[place], **values)

    def _check_kind(self, kind: str) -> None:
        if kind != self._keep:
            raise StandInError(f"{self._keep} are kept, not {kind}")

    def _describe(self) -> str:
        living = {stanza: watched.pid for stanza, watched in self._living.items()}
        tail = [f"{line.level} {line.text}" for line in self._log[-5:]]
        return f"events received: {self._counts}; running: {living}; last lines of stderr: {tail}"
