"""The stand-in splunkd itself, as a test uses it."""

from __future__ import annotations

import signal
import socket
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from . import home as splunk_home
from . import visible
from .apps import Apps
from .documents import Surroundings
from .handlers import HandlerCall
from .inputs import HowToRun, Inputs
from .install import App, installed
from .kinds import InputSpec
from .ledger import Ledger, LogLine, Run, Violation
from .life import StandInError
from .lives import Lives
from .management import Answer, Management
from .rest import Exchange, Fault, RestServer
from .rights import SYSTEM, Sessions, User
from .search_jobs import Search
from .stream import Event
from .tls import Tls
from .waiting import Waiting


class Splunkd:
    """A splunkd that is strict, and that can stall, stop and die. Longer than 200 lines: it is the one place where a
    test finds what it may do and ask, a method of a line or two for each; the work is done in `lives`, `inputs`,
    `waiting`, `ledger`, `management`, `apps` and `visible`.

    Use it as a context manager: leaving it stops everything, and raises BrokenRule if an input broke a rule that
    the test did not take (`take_violations`).

    `home` becomes SPLUNK_HOME and may come from an earlier object. `python` is the interpreter whose version Splunk's
    own Python shall have. `keep` is `"events"`, `"digests"` for large runs, or `"numbers"` for millions of events.
    `restart_after` (seconds) replaces each stanza's `interval`. `stop_limit` is how many seconds an input may take to
    leave after SIGTERM. `python_paths` are folders that Splunk's Python shall find packages in, for scripts that run
    without the add-on's package. `environment` is what splunkd was started with, and hands on. With `tls` the REST API
    speaks it.

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
        self._ledger = Ledger(keep)
        self._waiting = Waiting(self._ledger)
        self.home = splunk_home.create(home, python, python_paths, environment)
        self.server_host = socket.gethostname()
        self._sessions = Sessions()
        self._apps = Apps(
            self.home,
            self.server_host,
            self._sessions,
            self._around,
            lambda stanza: self._inputs.changed(stanza),
            lambda: self._lives.restart(),
        )
        access, context = self._apps.access, tls.server_context() if tls else None
        self._rest = RestServer(self._apps.resolve, access.authorize, access.permits, self._sessions, context)
        self._management = Management(self._rest, self._apps, self._sessions, tls)
        how = HowToRun(self.home.database / "stand_in", keep, restart_after, stop_limit)
        self._inputs = Inputs(how, self._ledger, self._apps.kinds, self._around)
        self._lives = Lives(self._inputs, self._ledger, self._apps, self._rest)
        if tls is not None:
            self._apps.confs.set("system", "server", "sslConfig", tls.settings())
        self.set_web({"mgmtHostPort": self.server_uri.partition("://")[2]})

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

    @property
    def session_key(self) -> str:
        """A session key of an administrator."""
        return self._management.session_key

    def install(self, package: Path) -> App:
        """Install a .spl, or upgrade to it. Raises InstallError or SchemeError."""
        return self._apps.install(package)

    def log_in(self, name: str, *roles: str) -> str:
        """Return a session key of a user with these roles; those of Splunk's own are in `rights.BUILT_IN`."""
        return self._sessions.log_in(User(name, roles))

    def let_log_in(self, name: str, password: str, *roles: str) -> None:
        """Let a user with these roles log in by a password, at auth/login."""
        self._sessions.know(User(name, roles), password)

    def answer_searches(self, search: Search) -> None:
        """Let search jobs find what `search` finds, such as `searching.Searching`."""
        self._apps.jobs.search = search

    def searches(self) -> list[str]:
        """Return the searches of the jobs that nobody has canceled."""
        return self._apps.jobs.running()

    def restart_without_return(self) -> None:
        """Let the next restart that is asked for by REST end splunkd, and not start it again."""
        self._lives.returns = False

    def wait_for_restart(self, timeout: float = 60.0) -> None:
        """Wait until a restart that was asked for by REST is carried out. Raises TimeoutError."""
        self._lives.wait_for_restart(timeout)

    def token(self, session_key: str) -> str:
        """Return an authentication token, for `Authorization: Bearer`, of the user of a session."""
        return self._sessions.token(session_key)

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
        return self._management.request(method, app or names[0], path, form, session_key)

    def handler_calls(self) -> list[HandlerCall]:
        """Return the runs of generated handlers, with what they wrote to stderr."""
        return list(self._apps.handler_calls)

    def exchanges(self) -> list[Exchange]:
        """Return all requests and answers of the REST API, but those of storage/passwords."""
        return list(self._rest.exchanges)

    def hand_over(self, endpoint: str, action: str, name: str | None, arguments: Mapping[str, str]) -> Answer:
        """Run a generated handler with arguments as they are, also such as no request by HTTP can bring.

        `action` is create, list, edit or remove. What a real one does with bytes that are not UTF-8 is unknown.
        """
        return self._management.hand_over(self._app(), endpoint, action, name, arguments)

    def fail(self, fault: Fault | None) -> None:
        """Let requests fail as `fault` says of each, until another one, or None, is given."""
        self._rest.fail(fault)

    def plant_credential(self, username: str, realm: str, content: Mapping[str, str]) -> None:
        """Have a credential that splunkd cannot decrypt, and lists with `content` next to its names.

        Where `content` has a `clear_password` that could be one, it is stored as any other.
        """
        self._apps.plant_credential(self._app(), realm, username, content)

    def stanzas(self, conf: str, app: str | None = None) -> dict[str, dict[str, str]]:
        """Return the merged stanzas of an app's conf file."""
        found = self._apps.confs.stanzas(app or self._app(), conf)
        return {stanza: layer.settings for stanza, layer in found.items()}

    def set_conf(self, conf: str, stanza: str, settings: Mapping[str, str]) -> None:
        """Write settings of the app into its local conf file, as an administrator would with an editor."""
        self._apps.confs.set(self._app(), conf, stanza, dict(settings))

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
        said = visible.in_output(secret, self.log_lines(), self.handler_calls(), self.exchanges())
        processes = {stanza: self._ledger.pid(stanza) for stanza in self._inputs.known()}
        return [*visible.in_files(wanted, self.home.path), *said, *visible.in_processes(wanted, processes)]

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
        around = {**self.home.environment(), **(environment or {})}
        self._inputs.add_script(InputSpec(stanza, list(command), app, dict(params or {}), around, restart_after))

    def remove_script_input(self, stanza: str) -> None:
        """Remove an input; splunkd sends SIGTERM and does not wait for the end."""
        self._inputs.remove_script(stanza)

    # Life and death

    @property
    def running(self) -> bool:
        return self._inputs.running

    @property
    def pid(self) -> int:
        """The process id that inputs see as their parent; another one after each start."""
        return self._inputs.life.pid

    def start(self) -> None:
        """Start splunkd, and with it every enabled input. Raises SchemeError for a broken kind of input."""
        self._lives.start()

    def stop(self) -> dict[str, float]:
        """Stop splunkd in good order: SIGTERM to every input, then read what they had written.

        Return how many seconds each running input took to leave, by stanza; more than `stop_limit` is a
        violation. A stalled pipe is not read any more.
        """
        return self._lives.stop()

    def kill(self, lose_last_seconds: float = 0.0) -> int:
        """Let splunkd die as by SIGKILL; return how many events died with it.

        What is in the pipes stays unread, no input gets notice, and what was received during the last
        `lose_last_seconds` is forgotten: it had been read but was in memory only.
        """
        return self._lives.kill(lose_last_seconds)

    def wait_for_orphans(self, timeout: float = 10.0) -> None:
        """Wait until every input that outlived a killed splunkd has left. Raises TimeoutError."""
        self._lives.wait_for_orphans(timeout)

    def close(self) -> None:
        """Stop what still runs, and see to it that no process is left."""
        self._lives.close()

    # Faults

    def stall(self, stanza: str | None = None) -> None:
        """Stop reading the input's stdout, as splunkd does when its queues are full."""
        self._inputs.order("stall", stanza)

    def resume(self, stanza: str | None = None) -> None:
        """Read the input's stdout again."""
        self._inputs.order("resume", stanza)

    def dribble(self, on: bool = True, stanza: str | None = None) -> None:
        """Read the input's stdout one byte at a time."""
        self._inputs.order("dribble", stanza, on=on)

    def hang_up(self, stanza: str | None = None) -> None:
        """Close the read end of the input's stdout."""
        self._inputs.order("hang_up", stanza)

    def signal_input(self, number: int = signal.SIGKILL, stanza: str | None = None) -> int:
        """Send the input's process a signal; return its process id. Raises StandInError if it does not run."""
        return self._inputs.signal(number, stanza)

    # Asking and waiting

    def count(self, stanza: str | None = None) -> int:
        """Return how many of the input's events are in the index."""
        return self._ledger.count(self._one(stanza))

    def events(self, stanza: str | None = None) -> list[Event]:
        """Return the input's events in the order of their arrival, over all lives of splunkd."""
        return self._ledger.entries(self._one(stanza), "events")

    def digests(self, stanza: str | None = None) -> list[str]:
        """Return `digest(data)` of each event in the order of arrival, over all lives of splunkd."""
        return self._ledger.entries(self._one(stanza), "digests")

    def arrivals(self, stanza: str | None = None) -> tuple[array[float], array[int]]:
        """Return when each event arrived (CLOCK_MONOTONIC, seconds) and `number(data)` of it, over all lives."""
        return self._ledger.arrivals(self._one(stanza))

    def wait_for(self, n: int, timeout: float = 30.0, stanza: str | None = None) -> None:
        """Wait until at least `n` of the input's events are in the index.

        Raises BrokenRule at once when an input breaks a rule, and TimeoutError with the state of things.
        """
        self._waiting.for_events(self._one(stanza), n, timeout)

    def input_pid(self, stanza: str | None = None) -> int | None:
        """Return the process id of the running input, None when it does not run."""
        return self._ledger.pid(self._one(stanza))

    def wait_for_input(self, timeout: float = 30.0, stanza: str | None = None, not_pid: int = 0) -> int:
        """Wait until the input runs, in a process other than `not_pid`; return its process id."""
        return self._waiting.for_process(self._one(stanza), not_pid, timeout)

    def runs(self, stanza: str | None = None) -> list[Run]:
        """Return the processes of the input, over all lives of splunkd."""
        return self._ledger.runs(self._one(stanza))

    def wait_for_end(
        self, runs: int = 1, timeout: float = 30.0, stanza: str | None = None, *, strict: bool = True
    ) -> Run:
        """Wait until that many processes of the input have ended and were read to the end; return the last one.

        With `strict=False` a violation does not end the waiting.
        """
        return self._waiting.for_end(self._one(stanza), runs, timeout, strict=strict)

    def log_lines(self, stanza: str | None = None, level: str | None = None) -> list[LogLine]:
        """Return what inputs wrote to stderr, with the level that splunkd.log would show."""
        return self._ledger.log(stanza, level)

    def wait_for_log(self, text: str, timeout: float = 30.0, stanza: str | None = None) -> LogLine:
        """Wait for a line of stderr that has `text` in it; return the first one."""
        return self._waiting.for_log(stanza, text, timeout)

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

    def _app(self) -> str:
        """Return the name of the app, for what is asked when one is installed."""
        return installed(self.home)[0].name

    def _one(self, stanza: str | None) -> str:
        return self._inputs.one(stanza)

    def _around(self, scheme: str) -> Surroundings:
        key = self._sessions.log_in(SYSTEM)
        return Surroundings(self.server_host, self.server_uri, key, str(self.home.checkpoint_dir(scheme)))
