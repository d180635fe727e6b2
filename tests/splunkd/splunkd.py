"""The stand-in splunkd itself, as a test uses it."""

from __future__ import annotations

import itertools
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from . import home as splunk_home
from .documents import Surroundings, run_document
from .ledger import Ledger, LogLine, Run, Violation, Watched
from .life import Life, StandInError
from .reader import InputOrder
from .stream import Event

ORPHAN_LIMIT = 5.0


@dataclass(frozen=True)
class InputSpec:
    """An input as splunkd knows it: what to run, and what to write to its stdin. `restart_after` is in seconds."""

    stanza: str
    command: Sequence[str]
    app: str
    params: Mapping[str, str]
    environment: Mapping[str, str]
    restart_after: float | None


class Splunkd:
    """A splunkd that is strict, and that can stall, stop and die.

    Use it as a context manager: leaving it stops everything, and raises BrokenRule if an input broke a rule that
    the test did not take (`take_violations`).

    `home` becomes SPLUNK_HOME and may come from an earlier object. `python` is the interpreter whose version
    Splunk's own Python shall have. `keep` is `"events"`, or `"digests"` for large runs. `restart_after` (seconds)
    replaces each stanza's `interval`. `stop_limit` is how many seconds an input may take to leave after SIGTERM.
    `python_paths` are folders that Splunk's Python shall find packages in, for scripts that run without the
    add-on's package.

    Where a method takes a `stanza`, it may be left out when there is only one input.
    """

    def __init__(
        self,
        home: Path,
        python: str = sys.executable,
        *,
        keep: str = "events",
        restart_after: float | None = None,
        stop_limit: float = 2.0,
        python_paths: Sequence[str] = (),
    ) -> None:
        if keep not in ("events", "digests"):
            raise StandInError(f"keep={keep!r} is neither 'events' nor 'digests'")
        self.home = splunk_home.create(home, python, python_paths)
        self.server_host = socket.gethostname()
        self.server_uri = "http://127.0.0.1:1"
        self.session_key = secrets.token_hex(24)
        self._keep = keep
        self._restart_after = restart_after
        self._stop_limit = stop_limit
        self._ledger = Ledger(keep)
        self._life: Life | None = None
        self._numbers = itertools.count(1)
        self._scripts: dict[str, InputSpec] = {}
        self._started: dict[str, InputSpec] = {}
        self._orphans: list[tuple[Watched, float]] = []

    def __enter__(self) -> Splunkd:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if error is None:
            self.check()

    # Inputs

    def add_script_input(
        self,
        stanza: str,
        command: Sequence[str],
        *,
        params: Mapping[str, str] | None = None,
        app: str = "search",
        environment: Mapping[str, str] | None = None,
        restart_after: float | None = None,
    ) -> None:
        """Add an input `scheme://name` that runs `command`, without any package; it runs while splunkd runs.

        It is not started again when it has ended, unless `restart_after` (seconds) is given here or for all.
        """
        if "://" not in stanza:
            raise StandInError(f"{stanza!r} is not of the form scheme://name")
        spec = InputSpec(
            stanza,
            list(command),
            app,
            dict(params or {}),
            {**self.home.environment(), **(environment or {})},
            self._restart_after if restart_after is None else restart_after,
        )
        self._scripts[stanza] = spec
        if self._life is not None:
            self._start_input(spec)

    def remove_script_input(self, stanza: str) -> float | None:
        """Remove an input; return how many seconds it took to leave after SIGTERM, if it ran."""
        del self._scripts[stanza]
        return self._stop_input(stanza)

    # Life and death

    @property
    def running(self) -> bool:
        return self._life is not None

    @property
    def pid(self) -> int:
        """The process id that inputs see as their parent; another one after each start."""
        return self._living().pid

    def start(self) -> None:
        """Start splunkd, and with it every enabled input."""
        if self._life is not None:
            raise StandInError("splunkd runs already")
        self._life = Life(self._ledger.hear)
        for spec in self._scripts.values():
            self._start_input(spec)

    def stop(self) -> dict[str, float]:
        """Stop splunkd in good order: SIGTERM to every input, then read what they had written.

        Return how many seconds each running input took to leave, by stanza; more than `stop_limit` is a
        violation. A stalled pipe is not read any more.
        """
        life = self._living()
        asked = {stanza: life.send("stop", stanza=stanza) for stanza in self._started}
        for number in asked.values():
            life.wait_for_answer(number, self._stop_limit + 15)
        life.quit()
        self._life = None
        self._started.clear()
        self._ledger.close_journals()
        return {stanza: took for stanza in asked for took in [self._stop_took(stanza)] if took is not None}

    def kill(self, lose_last_seconds: float = 0.0) -> int:
        """Let splunkd die as by SIGKILL; return how many events died with it.

        What is in the pipes stays unread, no input is told, and what was received during the last
        `lose_last_seconds` is forgotten: it had been read but was in memory only.
        """
        life = self._living()
        moment = time.monotonic()
        life.kill()
        self._life = None
        self._started.clear()
        self._orphans += [(orphan, moment) for orphan in self._ledger.orphan_the_living()]
        return self._ledger.close_journals(moment - lose_last_seconds if lose_last_seconds else None)

    def wait_for_orphans(self, timeout: float = 10.0) -> None:
        """Wait until every input that outlived a killed splunkd has left. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while self._orphans:
            orphan, _ = self._orphans[0]
            if not orphan.exited_within(deadline - time.monotonic()):
                raise TimeoutError(f"{orphan.stanza} (pid {orphan.pid}) still runs {timeout} s after splunkd died")
            os.close(orphan.pidfd)
            self._orphans.pop(0)

    def close(self) -> None:
        """Stop what still runs, and see to it that no process is left."""
        try:
            if self._life is not None:
                self.stop()
        finally:
            if self._life is not None:
                self._life.quit()
                self._life = None
            self._end_orphans()

    def _end_orphans(self) -> None:
        for orphan, since in self._orphans:
            if not orphan.exited_within(since + ORPHAN_LIMIT - time.monotonic()):
                orphan.send(signal.SIGKILL)
                orphan.exited_within(5)
                text = f"still ran {ORPHAN_LIMIT:.0f} s after splunkd had died"
                self._ledger.violate(orphan.stanza, orphan.pid, text)
            os.close(orphan.pidfd)
        self._orphans.clear()

    # Faults

    def stall(self, stanza: str | None = None) -> None:
        """Stop reading the input's stdout, as splunkd does when its queues are full."""
        self._living().order("stall", stanza=self._one(stanza))

    def resume(self, stanza: str | None = None) -> None:
        """Read the input's stdout again."""
        self._living().order("resume", stanza=self._one(stanza))

    def dribble(self, on: bool = True, stanza: str | None = None) -> None:
        """Read the input's stdout one byte at a time."""
        self._living().order("dribble", stanza=self._one(stanza), on=on)

    def hang_up(self, stanza: str | None = None) -> None:
        """Close the read end of the input's stdout."""
        self._living().order("hang_up", stanza=self._one(stanza))

    def signal_input(self, number: int = signal.SIGKILL, stanza: str | None = None) -> int:
        """Send the input's process a signal; return its process id. Raises StandInError if there is none."""
        watched = self._ledger.living(self._one(stanza))
        if watched is None:
            raise StandInError(f"{stanza} does not run")
        watched.send(number)
        return watched.pid

    # Asking and waiting

    def count(self, stanza: str | None = None) -> int:
        """Return how many of the input's events are in the index."""
        return self._ledger.count(self._one(stanza))

    def events(self, stanza: str | None = None) -> list[Event]:
        """Return the input's events in the order of their arrival, over all lives of splunkd."""
        if self._keep != "events":
            raise StandInError("digests are kept, not events")
        return self._ledger.entries(self._one(stanza))

    def digests(self, stanza: str | None = None) -> list[str]:
        """Return `digest(data)` of each event in the order of arrival, over all lives of splunkd."""
        if self._keep != "digests":
            raise StandInError("events are kept, not digests")
        return self._ledger.entries(self._one(stanza))

    def wait_for(self, n: int, timeout: float = 30.0, stanza: str | None = None) -> None:
        """Wait until at least `n` of the input's events are in the index.

        Raises BrokenRule at once when an input breaks a rule, and TimeoutError with the state of things.
        """
        name = self._one(stanza)
        self._ledger.wait(lambda: self._ledger.count(name) >= n, timeout, f"{n} events of {name}")

    def input_pid(self, stanza: str | None = None) -> int | None:
        """Return the process id of the running input, None when it does not run."""
        watched = self._ledger.living(self._one(stanza))
        return None if watched is None else watched.pid

    def wait_for_input(self, timeout: float = 30.0, stanza: str | None = None, not_pid: int = 0) -> int:
        """Wait until the input runs, in a process other than `not_pid`; return its process id."""
        name = self._one(stanza)
        self._ledger.wait(lambda: (self.input_pid(name) or not_pid) != not_pid, timeout, f"a new process of {name}")
        return self.input_pid(name) or 0

    def runs(self, stanza: str | None = None) -> list[Run]:
        """Return the processes of the input, over all lives of splunkd."""
        return self._ledger.runs(self._one(stanza))

    def wait_for_end(
        self, runs: int = 1, timeout: float = 30.0, stanza: str | None = None, *, strict: bool = True
    ) -> Run:
        """Wait until that many processes of the input have ended and were read to the end; return the last one.

        With `strict=False` a violation does not end the waiting.
        """
        name = self._one(stanza)

        def ended() -> list[Run]:
            return [run for run in self._ledger.runs(name) if run.ended]

        self._ledger.wait(lambda: len(ended()) >= runs, timeout, f"{runs} ends of {name}", strict=strict)
        return ended()[runs - 1]

    def log_lines(self, stanza: str | None = None, level: str | None = None) -> list[LogLine]:
        """Return what inputs wrote to stderr, with the level that splunkd.log would show."""
        return self._ledger.log(stanza, level)

    def wait_for_log(self, text: str, timeout: float = 30.0, stanza: str | None = None) -> LogLine:
        """Wait for a line of stderr that has `text` in it; return the first one."""

        def found() -> list[LogLine]:
            return [line for line in self._ledger.log(stanza, None) if text in line.text]

        self._ledger.wait(lambda: bool(found()), timeout, f"a line with {text!r} on stderr")
        return found()[0]

    def violations(self) -> list[Violation]:
        """Return what inputs did wrong and no test has taken."""
        return self._ledger.violations()

    def take_violations(self) -> list[Violation]:
        """Return what inputs did wrong and forget it: the test expected it."""
        return self._ledger.take_violations()

    def check(self) -> None:
        """Raise BrokenRule if an input did something wrong that no test has taken."""
        self._ledger.check()

    # Inside

    def _living(self) -> Life:
        if self._life is None:
            raise StandInError("splunkd does not run")
        return self._life

    def _one(self, stanza: str | None) -> str:
        known = self._scripts
        if stanza is None and len(known) == 1:
            return next(iter(known))
        if stanza is None:
            raise StandInError(f"say which input is meant of {sorted(known)}")
        return stanza

    def _stop_took(self, stanza: str) -> float | None:
        runs = self._ledger.runs(stanza)
        return runs[-1].stop_took if runs else None

    def _start_input(self, spec: InputSpec) -> None:
        around = Surroundings(
            self.server_host,
            self.server_uri,
            self.session_key,
            str(self.home.checkpoint_dir(spec.stanza.partition("://")[0])),
        )
        folder = self.home.database / "stand_in"
        folder.mkdir(exist_ok=True)
        number = next(self._numbers)
        journal = folder / f"{quote(spec.stanza, safe='')[:100]}.{os.getpid()}.{secrets.token_hex(4)}.{number}"
        self._ledger.open_journal(spec.stanza, journal)
        order = InputOrder(
            stanza=spec.stanza,
            command=list(spec.command),
            environment=dict(spec.environment),
            stdin=run_document(around, spec.stanza, spec.app, spec.params),
            journal=str(journal),
            keep=self._keep,
            restart_after=spec.restart_after,
            stop_limit=self._stop_limit,
        )
        self._started[spec.stanza] = spec
        self._living().order("start", input=asdict(order))

    def _stop_input(self, stanza: str) -> float | None:
        if self._life is None or stanza not in self._started:
            return None
        del self._started[stanza]
        self._life.order("stop", stanza=stanza, timeout=self._stop_limit + 15)
        return self._stop_took(stanza)
