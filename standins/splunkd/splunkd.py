"""The stand-in splunkd itself, as a test uses it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

from . import home as splunk_home
from .apps import Apps, InputSpec
from .documents import Surroundings, run_document
from .handlers import ACTION_NAMES, External, HandlerCall
from .install import App, installed
from .ledger import Ledger, LogLine, Run, Violation, Watched
from .life import Life, StandInError
from .reader import InputOrder
from .replies import RestProblem
from .rest import Exchange, Fault, RestServer
from .rights import ADMIN, SYSTEM, Sessions, User
from .stream import Event
from .tls import Tls

ORPHAN_LIMIT = 5.0


@dataclass(frozen=True)
class Answer:
    """An answer of the REST API. `entries` maps names to contents; `message` is the text of a refusal."""

    status: int
    entries: dict[str, dict[str, Any]]
    message: str


class Splunkd:
    """A splunkd that is strict, and that can stall, stop and die.

    Use it as a context manager: leaving it stops everything, and raises BrokenRule if an input broke a rule that
    the test did not take (`take_violations`).

    `home` becomes SPLUNK_HOME and may come from an earlier object. `python` is the interpreter whose version
    Splunk's own Python shall have. `keep` is `"events"`, `"digests"` for large runs, or `"numbers"` for millions of
    events. `restart_after` (seconds)
    replaces each stanza's `interval`. `stop_limit` is how many seconds an input may take to leave after SIGTERM.
    `python_paths` are folders that Splunk's Python shall find packages in, for scripts that run without the
    add-on's package. `environment` is what splunkd was started with, and hands on. With `tls` the REST API speaks it.

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
        environment: Mapping[str, str] | None = None,
        tls: Tls | None = None,
    ) -> None:
        if keep not in ("events", "digests", "numbers"):
            raise StandInError(f"keep={keep!r} is none of 'events', 'digests' and 'numbers'")
        self.home = splunk_home.create(home, python, python_paths, environment)
        self.server_host = socket.gethostname()
        self.session_key = secrets.token_hex(24)
        self._keep = keep
        self._restart_after = restart_after
        self._stop_limit = stop_limit
        self._ledger = Ledger(keep)
        self._life: Life | None = None
        self._scripts: dict[str, InputSpec] = {}
        self._started: dict[str, InputSpec] = {}
        self._stopping: dict[str, int] = {}
        self._orphans: list[tuple[Watched, float]] = []
        self._inputs_lock = threading.RLock()
        self._sessions = Sessions()
        self._sessions.admit(self.session_key, ADMIN)
        self._apps = Apps(self.home, self.server_host, self._sessions, self._around, self._input_changed)
        context = tls.server_context() if tls else None
        self._rest = RestServer(self._apps.resolve, self._apps.authorize, self._apps.permits, self._sessions, context)
        self._tls = tls
        if tls is not None:
            self._apps.confs.set("system", "server", "sslConfig", tls.settings())
        self._apps.confs.set("system", "web", "settings", {"mgmtHostPort": self.server_uri.partition("://")[2]})

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

    # Apps and REST

    @property
    def server_uri(self) -> str:
        """Where the REST API listens: from construction to `close`, but not between `kill` and `start`."""
        return self._rest.uri

    def install(self, package: Path) -> App:
        """Install a .spl, or upgrade to it. Raises InstallError or SchemeError."""
        return self._apps.install(package)

    def log_in(self, name: str, *roles: str) -> str:
        """Return a session key of a user with these roles; those of Splunk's own are in `rights.BUILT_IN`."""
        key = secrets.token_hex(24)
        self._sessions.admit(key, User(name, roles))
        return key

    def token(self, session_key: str) -> str:
        """Return an authentication token, for `Authorization: Bearer`, of the user of a session."""
        token = secrets.token_urlsafe(24)
        self._sessions.admit_token(token, session_key)
        return token

    def request(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        app: str | None = None,
        session_key: str | None = None,
    ) -> Answer:
        """Send a request to `path` below /servicesNS/nobody/<app>/ over HTTP, and ask for JSON.

        `app` may be left out when one app is installed. A slash in a name is to be written as `%252F`.
        """
        names = [one.name for one in installed(self.home)]
        if app is None and len(names) != 1:
            raise StandInError(f"say which app is meant of {names}")
        address = self.server_uri.partition("://")[2]
        connection = HTTPConnection(address, timeout=120)
        if self._tls is not None:
            connection = HTTPSConnection(address, timeout=120, context=self._tls.client_context())
        separator = "&" if "?" in path else "?"
        target = f"/servicesNS/nobody/{app or names[0]}/{path}{separator}output_mode=json"
        headers = {"Authorization": f"Splunk {session_key or self.session_key}"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, target, None if form is None else urlencode(form), headers)
            response = connection.getresponse()
            document = json.loads(response.read())
        finally:
            connection.close()
        messages = [message["text"] for message in document.get("messages", [])]
        entries = {entry["name"]: entry["content"] for entry in document.get("entry", [])}
        return Answer(response.status, entries, "; ".join(messages))

    def handler_calls(self) -> list[HandlerCall]:
        """Return the runs of generated handlers, with what they wrote to stderr."""
        return list(self._apps.handler_calls)

    def exchanges(self) -> list[Exchange]:
        """Return all requests and answers of the REST API, but those of storage/passwords."""
        return list(self._rest.exchanges)

    def hand_over(self, endpoint: str, action: str, name: str | None, arguments: Mapping[str, str]) -> Answer:
        """Run a generated handler with arguments as they are, also such as no request by HTTP can bring.

        `action` is create, list, edit or remove. What real ones make of bytes that are no UTF-8 is not documented.
        """
        app = installed(self.home)[0].name
        handler, _ = self._apps.resolve(app, [endpoint], self.session_key)
        if not isinstance(handler, External):
            raise StandInError(f"{endpoint} has no generated handler")
        number = next(number for number, known in ACTION_NAMES.items() if known == action)
        try:
            found = handler.call(number, name, arguments)
        except RestProblem as problem:
            return Answer(problem.status, {}, problem.text)
        return Answer(200, {entry.name: dict(entry.content) for entry in found}, "")

    def fail(self, fault: Fault | None) -> None:
        """Let requests fail as `fault` says of each, until another one, or None, is given."""
        self._rest.fault = fault

    def plant_credential(self, username: str, realm: str, content: Mapping[str, str]) -> None:
        """Have a credential that splunkd cannot decrypt, and lists with `content` beside its names.

        Where `content` has a `clear_password` that could be one, it is stored as any other.
        """
        self._apps.plant_credential(installed(self.home)[0].name, realm, username, content)

    def stanzas(self, conf: str, app: str | None = None) -> dict[str, dict[str, str]]:
        """Return the merged stanzas of an app's conf file."""
        name = app or installed(self.home)[0].name
        return {stanza: layer.settings for stanza, layer in self._apps.confs.stanzas(name, conf).items()}

    def set_conf(self, conf: str, stanza: str, settings: Mapping[str, str]) -> None:
        """Write settings of the app into its local conf file, as an administrator would with an editor."""
        self._apps.confs.set(installed(self.home)[0].name, conf, stanza, dict(settings))

    def set_web(self, settings: Mapping[str, str]) -> None:
        """Write settings of Splunk Web, stanza [settings], into the system's web.conf."""
        self._apps.confs.set("system", "web", "settings", dict(settings))

    def places_of(self, secret: str) -> list[str]:
        """Return where a text can be seen that should be nowhere.

        Looks at every file below SPLUNK_HOME, at the stderr of inputs, at what handlers wrote, at the answers of the
        REST API (but those of storage/passwords), and at the arguments and the environment of the running inputs. Not
        looked at: the documents on stdin and what was asked over REST.
        """
        wanted = secret.encode("utf-8")
        files = (path for path in self.home.path.rglob("*") if path.is_file() and not path.is_symlink())
        found = [str(path) for path in files if wanted in path.read_bytes()]
        found += [f"stderr of {line.stanza}: {line.level}" for line in self.log_lines() if secret in line.text]
        for call in self.handler_calls():
            found += [f"output of {call.endpoint} {call.action}"] if secret in call.stdout + call.stderr else []
        for one in self.exchanges():
            found += [f"answer to {one.method} {one.path}"] if wanted in one.body else []
        for stanza in self._known():
            folder = Path("/proc", str(self.input_pid(stanza)))
            for name in ("cmdline", "environ"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    found += [f"{name} of {stanza}"] if wanted in (folder / name).read_bytes() else []
        return found

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
            restart_after,
        )
        self._scripts[stanza] = spec
        self._input_changed(stanza)

    def remove_script_input(self, stanza: str) -> None:
        """Remove an input; splunkd sends SIGTERM and does not wait for the end."""
        del self._scripts[stanza]
        self._input_changed(stanza)

    # Life and death

    @property
    def running(self) -> bool:
        return self._life is not None

    @property
    def pid(self) -> int:
        """The process id that inputs see as their parent; another one after each start."""
        return self._living().pid

    def start(self) -> None:
        """Start splunkd, and with it every enabled input. Raises SchemeError for a broken kind of input."""
        if self._life is not None:
            raise StandInError("splunkd runs already")
        self._apps.introspect()
        with self._inputs_lock:
            self._life = Life(self._ledger.hear)
            self._rest.down = False
            for stanza in self._known():
                self._input_changed(stanza)

    def stop(self) -> dict[str, float]:
        """Stop splunkd in good order: SIGTERM to every input, then read what they had written.

        Return how many seconds each running input took to leave, by stanza; more than `stop_limit` is a
        violation. A stalled pipe is not read any more.
        """
        life = self._living()
        with self._inputs_lock:
            leaving = dict(self._stopping)
            for stanza in list(self._started):
                leaving[stanza] = self._tell_to_stop(stanza)
            for number in leaving.values():
                life.wait_for_answer(number, self._stop_limit + 15)
            self._stopping.clear()
            life.quit()
            self._life = None
        self._ledger.close_journals()
        return {stanza: took for stanza in leaving for took in [self._stop_took(stanza)] if took is not None}

    def kill(self, lose_last_seconds: float = 0.0) -> int:
        """Let splunkd die as by SIGKILL; return how many events died with it.

        What is in the pipes stays unread, no input is told, and what was received during the last
        `lose_last_seconds` is forgotten: it had been read but was in memory only.
        """
        life = self._living()
        self._rest.down = True
        self._apps.handlers.end()
        moment = time.monotonic()
        life.kill()
        with self._inputs_lock:
            self._life = None
            self._started.clear()
            self._stopping.clear()
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
            self._rest.close()
            self._apps.handlers.end()
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
            raise StandInError(f"{self._keep} are kept, not events")
        return self._ledger.entries(self._one(stanza))

    def digests(self, stanza: str | None = None) -> list[str]:
        """Return `digest(data)` of each event in the order of arrival, over all lives of splunkd."""
        if self._keep != "digests":
            raise StandInError(f"{self._keep} are kept, not digests")
        return self._ledger.entries(self._one(stanza))

    def arrivals(self, stanza: str | None = None) -> tuple[array[float], array[int]]:
        """Return when each event arrived (CLOCK_MONOTONIC, seconds) and `number(data)` of it, over all lives."""
        if self._keep != "numbers":
            raise StandInError(f"{self._keep} are kept, not numbers")
        return self._ledger.arrivals(self._one(stanza))

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
        known = self._known()
        if stanza is None and len(known) == 1:
            return known[0]
        if stanza is None:
            raise StandInError(f"say which input is meant of {known}")
        return stanza

    def _known(self) -> list[str]:
        return [*self._scripts, *self._apps.input_stanzas()]

    def _around(self, scheme: str) -> Surroundings:
        key = secrets.token_hex(24)
        self._sessions.admit(key, SYSTEM)
        return Surroundings(self.server_host, self.server_uri, key, str(self.home.checkpoint_dir(scheme)))

    def _stop_took(self, stanza: str) -> float | None:
        runs = self._ledger.runs(stanza)
        return runs[-1].stop_took if runs else None

    def _input_changed(self, stanza: str) -> None:
        with self._inputs_lock:
            if self._life is None:
                return
            if stanza in self._started:
                self._stopping[stanza] = self._tell_to_stop(stanza)
            spec = self._scripts.get(stanza) or self._apps.enabled_input(stanza)
            if spec is not None:
                if stanza in self._stopping:
                    self._life.wait_for_answer(self._stopping.pop(stanza), self._stop_limit + 15)
                self._start_input(spec)

    def _tell_to_stop(self, stanza: str) -> int:
        del self._started[stanza]
        return self._living().send("stop", stanza=stanza)

    def _start_input(self, spec: InputSpec) -> None:
        around = self._around(spec.stanza.partition("://")[0])
        folder = self.home.database / "stand_in"
        folder.mkdir(exist_ok=True)
        journal = folder / f"{quote(spec.stanza, safe='')[:100]}.{secrets.token_hex(8)}"
        self._ledger.open_journal(spec.stanza, journal)
        order = InputOrder(
            stanza=spec.stanza,
            command=list(spec.command),
            environment=dict(spec.environment),
            stdin=run_document(around, spec.stanza, spec.app, spec.params),
            journal=str(journal),
            keep=self._keep,
            restart_after=spec.restart_after if self._restart_after is None else self._restart_after,
            stop_limit=self._stop_limit,
        )
        self._started[spec.stanza] = spec
        self._living().order("start", input=asdict(order))
