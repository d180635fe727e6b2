"""The inputs of a splunkd: which there are, and the orders about them to the reader process of its present life."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .documents import Surroundings, run_document
from .kinds import InputKinds, InputSpec
from .ledger import Ledger
from .life import Life, StandInError
from .reader import InputOrder


@dataclass(frozen=True)
class HowToRun:
    """What holds for every input.

    `journals` is the folder of what they deliver, and `keep` what of it: `"events"`, `"digests"` or `"numbers"`.
    `restart_after` (seconds) replaces each stanza's `interval`; `stop_limit` is how many seconds one may take to leave.
    """

    journals: Path
    keep: str
    restart_after: float | None
    stop_limit: float


class Inputs:
    """Starts and stops inputs as stanzas change, while there is a life of splunkd.

    `around(scheme)` gives what an input learns about splunkd. `lock` is held while splunkd starts or stops.
    """

    def __init__(self, how: HowToRun, ledger: Ledger, kinds: InputKinds, around: Callable[[str], Surroundings]) -> None:
        self.lock = threading.RLock()
        self._how = how
        self._ledger = ledger
        self._kinds = kinds
        self._around = around
        self._life: Life | None = None
        self._scripts: dict[str, InputSpec] = {}
        self._started: dict[str, InputSpec] = {}
        self._stopping: dict[str, int] = {}

    @property
    def running(self) -> bool:
        """Whether there is a life of splunkd."""
        return self._life is not None

    @property
    def life(self) -> Life:
        """The present life. Raises StandInError between lives."""
        if self._life is None:
            raise StandInError("splunkd does not run")
        return self._life

    # Which there are

    def known(self) -> list[str]:
        """Return the stanzas of all inputs, enabled or not."""
        return [*self._scripts, *self._kinds.input_stanzas()]

    def one(self, stanza: str | None) -> str:
        """Return the stanza that is meant. Raises StandInError when none is named and there is not just one."""
        known = self.known()
        if stanza is None and len(known) == 1:
            return known[0]
        if stanza is None:
            raise StandInError(f"say which input is meant of {known}")
        return stanza

    def add_script(self, spec: InputSpec) -> None:
        """Add an input that belongs to no package."""
        if "://" not in spec.stanza:
            raise StandInError(f"{spec.stanza!r} is not of the form scheme://name")
        self._scripts[spec.stanza] = spec
        self.changed(spec.stanza)

    def remove_script(self, stanza: str) -> None:
        """Remove it; splunkd sends SIGTERM and does not wait for the end."""
        del self._scripts[stanza]
        self.changed(stanza)

    # Orders to the reader process

    def begin(self, life: Life) -> None:
        """Start every enabled input in a new life of splunkd."""
        with self.lock:
            self._life = life
            for stanza in self.known():
                self.changed(stanza)

    def stop(self) -> list[str]:
        """Have every input leave, and its output read to the end; return the stanzas of the inputs that ran."""
        with self.lock:
            leaving = dict(self._stopping)
            for stanza in list(self._started):
                leaving[stanza] = self._tell_to_stop(stanza)
            for number in leaving.values():
                self._wait_for_stop(number)
            self._stopping.clear()
            return list(leaving)

    def forget_life(self) -> None:
        """Splunkd is gone, and with it what it knew of the processes of its inputs."""
        with self.lock:
            self._life = None
            self._started.clear()
            self._stopping.clear()

    def changed(self, stanza: str) -> None:
        """Start, restart or stop an input whose stanza was created, edited or removed."""
        with self.lock:
            if self._life is None:
                return
            if stanza in self._started:
                self._stopping[stanza] = self._tell_to_stop(stanza)
            spec = self._scripts.get(stanza) or self._kinds.enabled_input(stanza)
            if spec is not None:
                if stanza in self._stopping:
                    self._wait_for_stop(self._stopping.pop(stanza))
                self._start(spec)

    def order(self, do: str, stanza: str | None, **values: Any) -> None:
        """Have the reader process do something to an input's pipe, and wait until it is done."""
        self.life.order(do, stanza=self.one(stanza), **values)

    def signal(self, number: int, stanza: str | None) -> int:
        """Send the process of an input a signal; return its process id. Raises StandInError if it does not run."""
        watched = self._ledger.living(self.one(stanza))
        if watched is None:
            raise StandInError(f"{stanza} does not run")
        watched.send(number)
        return watched.pid

    def _tell_to_stop(self, stanza: str) -> int:
        del self._started[stanza]
        return self.life.send("stop", stanza=stanza)

    def _wait_for_stop(self, number: int) -> None:
        self.life.wait_for_answer(number, self._how.stop_limit + 15)

    def _start(self, spec: InputSpec) -> None:
        around = self._around(spec.stanza.partition("://")[0])
        self._how.journals.mkdir(exist_ok=True)
        journal = self._how.journals / f"{quote(spec.stanza, safe='')[:100]}.{secrets.token_hex(8)}"
        self._ledger.open_journal(spec.stanza, journal)
        order = InputOrder(
            stanza=spec.stanza,
            command=list(spec.command),
            environment=dict(spec.environment),
            stdin=run_document(around, spec.stanza, spec.app, spec.params),
            journal=str(journal),
            keep=self._how.keep,
            restart_after=spec.restart_after if self._how.restart_after is None else self._how.restart_after,
            stop_limit=self._how.stop_limit,
        )
        self._started[spec.stanza] = spec
        self.life.order("start", input=asdict(order))
