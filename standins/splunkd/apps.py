"""The installed apps: their conf files, and the way to each of their endpoints."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from . import install as packages
from .access import Access
from .confs import Confs
from .control import Control
from .documents import Surroundings
from .endpoints import Answering, ConfEndpoint, Constant, Endpoint, Indexes, PasswordsEndpoint, Properties, Views
from .handlers import External, HandlerCall, Processes, members, scripts
from .home import SplunkHome
from .install import App
from .kinds import SPLUNK_VERSIONS, InputKinds
from .local_apps import LocalApps
from .passwords import Passwords
from .replies import Entry, RestProblem
from .rights import Sessions
from .search_jobs import SearchJobs


class Apps:
    """The apps of a SPLUNK_HOME.

    `around(scheme)` gives what documents say about splunkd; `changed(stanza)` is called when an input was created,
    edited, enabled, disabled or removed; `restart()` when a restart is asked for. An app that is new, and was installed
    by REST, has no endpoints until splunkd was started again.
    """

    def __init__(
        self,
        home: SplunkHome,
        server_host: str,
        sessions: Sessions,
        around: Callable[[str], Surroundings],
        changed: Callable[[str], None],
        restart: Callable[[], None],
    ) -> None:
        self.jobs = SearchJobs()
        self._restart = restart
        self._indexes = Indexes()
        self._started = int(time.time())
        self._not_started: set[str] = set()
        self.confs = Confs(home.path / "etc")
        self.handler_calls: list[HandlerCall] = []
        self.handlers = Processes(home)
        self._home = home
        self._server_host = server_host
        self._sessions = sessions
        self._passwords = Passwords(home.path / "etc", self.confs)
        self.kinds = InputKinds(home, server_host, self.confs, around, changed)
        self.access = Access(home, self.confs, sessions)
        self.kinds.introspect()

    def install(self, package: Path) -> App:
        """Install a .spl. Raises InstallError or SchemeError."""
        self.handlers.end()
        app = packages.install(package, self._home)
        self.kinds.introspect()
        return app

    def start(self) -> None:
        """Begin a life of splunkd: what is installed is there. Raises SchemeError for a broken kind of input."""
        self.kinds.introspect()
        self.jobs.forget()
        self._not_started.clear()
        # In seconds, as splunkd shows it; no two lives have the same here.
        self._started = max(int(time.time()), self._started + 1)

    def _install_by_rest(self, package: Path) -> App:
        there = {one.name for one in packages.installed(self._home)}
        app = self.install(package)
        if app.name not in there:
            self._not_started.add(app.name)
        return app

    def plant_credential(self, app: str, realm: str, username: str, content: Mapping[str, str]) -> None:
        """Store a credential that cannot be decrypted, and is listed with `content`."""
        self._passwords.plant(app, realm, username, content)

    def resolve(self, app: str, segments: list[str], session_key: str) -> tuple[Endpoint | Answering, list[str]]:
        """Find the endpoint for a path and what is left of the path. Raises RestProblem."""
        installed = {one.name: one for one in packages.installed(self._home)}
        if app not in installed and app not in ("system", "-"):
            raise RestProblem(404, f"Application does not exist: {app}")
        if segments[:3] == ["search", "v2", "jobs"]:
            return self.jobs, segments[3:]
        head, rest = tuple(segments[:2]), segments[2:]
        everywhere: dict[tuple[str, ...], Callable[[], Endpoint]] = {
            ("server", "info"): lambda: Constant("server/info", self._server_info()),
            ("authentication", "current-context"): lambda: self._current_context(session_key),
            ("data", "indexes"): lambda: self._indexes,
            ("server", "control"): lambda: Control(self._restart),
            ("apps", "local"): lambda: LocalApps(self._home, self._install_by_rest),
        }
        if head in everywhere:
            return everywhere[head](), rest
        if head == ("data", "inputs") and rest:
            return self.kinds.endpoint(rest[0]), rest[1:]
        if app == "-":
            raise RestProblem(400, "the stand-in needs the app in the path")
        return self._resolve_in_app(app, installed.get(app), segments, session_key)

    def _resolve_in_app(
        self, name: str, app: App | None, segments: list[str], session_key: str
    ) -> tuple[Endpoint, list[str]]:
        if segments[:2] == ["storage", "passwords"]:
            return PasswordsEndpoint(self._passwords), segments[2:]
        if segments[:3] == ["data", "ui", "views"] and app is not None:
            return Views(app), segments[3:]
        if segments[0] == "properties":
            return Properties(self.confs), segments[1:]
        if segments[0] == "configs" and segments[1:] and segments[1].startswith("conf-"):
            return ConfEndpoint(segments[1][len("conf-") :], self.confs, app), segments[2:]
        if app is None or name in self._not_started:
            raise RestProblem(404, f"Not Found in {name}")
        if segments[0] == "admin" and len(segments) > 1:
            # Every handler can be reached here, whatever its own stanza in restmap.conf asks for.
            return self._external(app, segments[1], session_key, checked=False), segments[2:]
        return self._external(app, segments[0], session_key), segments[1:]

    def _external(self, app: App, name: str, session_key: str, *, checked: bool = True) -> Endpoint:
        offered = scripts(app, self.confs)
        if checked and name in offered:
            return offered[name]
        owned = self.access.capabilities(self._sessions.user(session_key))
        for member in members(app, self.confs):
            if member.name == name:
                note = self.handler_calls.append
                return External(member, app, self.handlers, session_key, note, owned, checked=checked)
        raise RestProblem(404, "Not Found")

    def _current_context(self, session_key: str) -> Constant:
        user = self._sessions.user(session_key)
        owned = sorted(self.access.capabilities(user))
        content = {"username": user.name, "roles": list(user.roles), "capabilities": owned}
        return Constant("authentication/current-context", Entry("context", content))

    def _server_info(self) -> Entry:
        content = {
            "version": SPLUNK_VERSIONS.get(self._home.python_version, "9.4.1"),
            "serverName": self._server_host,
            "host": self._server_host,
            "server_roles": ["indexer"],
            "startup_time": self._started,
            "os_name": sys.platform.capitalize(),
            "product_type": "enterprise",
            "isFree": False,
            "isTrial": False,
        }
        return Entry("server-info", content)
