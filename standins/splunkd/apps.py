"""Everything of the stand-in splunkd that is about installed apps: their confs, endpoints and kinds of input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import install as packages
from .confs import Confs
from .data_inputs import DataInputs, check_interval, is_true
from .documents import Surroundings
from .endpoints import ConfEndpoint, Constant, Endpoint, Indexes, PasswordsEndpoint, Properties, Views
from .handlers import External, HandlerCall, Persistent, Processes, members, scripts
from .home import SplunkHome
from .install import App
from .passwords import Passwords
from .replies import Entry, RestProblem
from .rights import Sessions, User, capabilities, check, may_access
from .scheme import Scheme, SchemeError, ask_scheme, check_against_spec, validate_arguments

SPLUNK_VERSIONS = {"3.9": "9.4.1", "3.13": "10.2.0"}


@dataclass(frozen=True)
class InputSpec:
    """An input as splunkd knows it: what to run, and what to write to its stdin. `restart_after` is in seconds."""

    stanza: str
    command: Sequence[str]
    app: str
    params: Mapping[str, str]
    environment: Mapping[str, str]
    restart_after: float | None


class Apps:
    """The apps of a SPLUNK_HOME.

    `around(scheme)` gives what documents say about splunkd; `changed(stanza)` is called when an input was created,
    edited, enabled, disabled or removed.
    """

    def __init__(
        self,
        home: SplunkHome,
        server_host: str,
        sessions: Sessions,
        around: Callable[[str], Surroundings],
        changed: Callable[[str], None],
    ) -> None:
        self.confs = Confs(home.path / "etc")
        self.handler_calls: list[HandlerCall] = []
        self.handlers = Processes(home)
        self._home = home
        self._server_host = server_host
        self._sessions = sessions
        self._around = around
        self._changed = changed
        self._passwords = Passwords(home.path / "etc", self.confs)
        self._schemes: dict[str, tuple[App, Scheme]] = {}
        self.introspect()

    def install(self, package: Path) -> App:
        """Install a .spl. Raises InstallError or SchemeError."""
        self.handlers.end()
        app = packages.install(package, self._home)
        self.introspect()
        return app

    def introspect(self) -> None:
        """Ask every kind of input for its scheme, as splunkd does at each start. Raises SchemeError."""
        found = {}
        for app in packages.installed(self._home):
            for name in app.schemes():
                self._check_python(app, name)
                scheme = ask_scheme(self._command(app, name), self._home.environment())
                check_against_spec(name, scheme, app.spec("inputs"))
                found[name] = (app, scheme)
        self._schemes = found

    def input_stanzas(self) -> list[str]:
        """Return the stanzas of all inputs, enabled or not."""
        return [
            stanza
            for name, (app, _) in self._schemes.items()
            for stanza in self.confs.stanzas(app.name, "inputs")
            if stanza.startswith(f"{name}://")
        ]

    def enabled_input(self, stanza: str) -> InputSpec | None:
        """Return how to run an input, None if there is none or it is disabled."""
        name = stanza.partition("://")[0]
        if name not in self._schemes:
            return None
        app, _ = self._schemes[name]
        layer = self.confs.stanzas(app.name, "inputs").get(stanza)
        if layer is None or is_true(layer.settings.get("disabled", "0")):
            return None
        return InputSpec(
            stanza,
            self._command(app, name),
            app.name,
            self._params(layer.settings),
            self._home.environment(),
            check_interval(layer.settings.get("interval", "60")),
        )

    def plant_credential(self, app: str, realm: str, username: str, content: Mapping[str, str]) -> None:
        """Store a credential that cannot be decrypted, and is listed with `content`."""
        self._passwords.plant(app, realm, username, content)

    def resolve(self, app: str, segments: list[str], session_key: str) -> tuple[Endpoint, list[str]]:
        """Find the endpoint for a path and what is left of the path. Raises RestProblem."""
        installed = {one.name: one for one in packages.installed(self._home)}
        if app not in installed and app not in ("system", "-"):
            raise RestProblem(404, f"Application does not exist: {app}")
        head, rest = tuple(segments[:2]), segments[2:]
        everywhere: dict[tuple[str, ...], Callable[[], Endpoint]] = {
            ("server", "info"): lambda: Constant("server/info", self._server_info()),
            ("authentication", "current-context"): lambda: self._current_context(session_key),
            ("data", "indexes"): Indexes,
        }
        if head in everywhere:
            return everywhere[head](), rest
        if head == ("data", "inputs") and rest:
            return self._data_inputs(rest[0]), rest[1:]
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
        if app is None:
            raise RestProblem(404, f"Not Found in {name}")
        if segments[0] == "admin" and len(segments) > 1:
            # Every handler can be reached here, whatever its own stanza in restmap.conf asks for.
            return self._external(app, segments[1], session_key, checked=False), segments[2:]
        return self._external(app, segments[0], session_key), segments[1:]

    def _external(self, app: App, name: str, session_key: str, *, checked: bool = True) -> Endpoint:
        offered = scripts(app, self.confs)
        if checked and name in offered:
            return offered[name]
        owned = self._capabilities(self._sessions.user(session_key))
        for member in members(app, self.confs):
            if member.name == name:
                note = self.handler_calls.append
                return External(member, app, self.handlers, session_key, note, owned, checked=checked)
        raise RestProblem(404, "Not Found")

    def authorize(self, endpoint: Endpoint, app: str, method: str, session_key: str, name: str | None) -> None:
        """Raise RestProblem 403 when the user may not use the endpoint, or what it calls `name`, by this method."""
        user = self._sessions.user(session_key)
        owned = self._capabilities(user)
        write = method != "GET"
        if isinstance(endpoint, External):
            asked = endpoint.requirements(method)
            if all(asked):
                check(" or ".join(f"({one})" for one in asked), user, owned)
        elif isinstance(endpoint, Persistent):
            check(endpoint.requirement(method), user, owned)
        elif isinstance(endpoint, PasswordsEndpoint):
            check(f"admin_all_objects or {'edit' if write else 'list'}_storage_passwords", user, owned)
        if not self.permits(endpoint, app, name, session_key, write=write):
            action = "write" if write else "read"
            where = endpoint.path if name is None else f"{endpoint.path}/{name}"
            raise RestProblem(403, f"User '{user.name}' with roles {list(user.roles)} cannot {action} {where}")

    def permits(self, endpoint: Endpoint, app: str, name: str | None, session_key: str, *, write: bool = False) -> bool:
        """Return whether metadata let the user of the session read or write what the endpoint calls `name`."""
        found = [one for one in packages.installed(self._home) if one.name == app]
        kind = endpoint.path.partition("configs/conf-")[2]
        if isinstance(endpoint, DataInputs):
            kind, name = "inputs", None if name is None else f"{endpoint.path.rpartition('/')[2]}://{name}"
        elif isinstance(endpoint, PasswordsEndpoint):
            kind, name = "passwords", None if name is None else f"credential:{name}"
        elif isinstance(endpoint, Views):
            kind = "views"
        if not kind or not found:
            return True
        user = self._sessions.user(session_key)
        return may_access(found[0], kind, name, write, user, self._capabilities(user))

    def _capabilities(self, user: User) -> frozenset[str]:
        return capabilities(user, packages.installed(self._home), self.confs)

    def _current_context(self, session_key: str) -> Constant:
        user = self._sessions.user(session_key)
        content = {"username": user.name, "roles": list(user.roles), "capabilities": sorted(self._capabilities(user))}
        return Constant("authentication/current-context", Entry("context", content))

    def _data_inputs(self, name: str) -> DataInputs:
        if name not in self._schemes:
            raise RestProblem(404, f"there is no kind of input {name}")
        app, scheme = self._schemes[name]

        def validate(item: str, params: Mapping[str, str]) -> None:
            command = self._command(app, name)
            around = self._around(name)
            validate_arguments(command, self._home.environment(), around, item, self._params(params))

        return DataInputs(name, scheme, app, self.confs, validate, self._changed)

    def _params(self, settings: Mapping[str, str]) -> dict[str, str]:
        host = settings.get("host", self._server_host)
        return {**settings, "host": self._server_host if host == "$decideOnStartup" else host}

    def _command(self, app: App, name: str) -> list[str]:
        return [str(self._home.python), str(app.script(name))]

    def _check_python(self, app: App, name: str) -> None:
        settings = self.confs.stanzas(app.name, "inputs")
        layer = settings.get(name)
        allowed = [] if layer is None else [v.strip() for v in layer.settings.get("python.required", "").split(",")]
        if self._home.python_version not in allowed:
            raise SchemeError(f"[{name}] has python.required = {allowed}, which lacks {self._home.python_version}")
        if set(allowed) - set(SPLUNK_VERSIONS):
            raise SchemeError(f"[{name}] has python.required = {allowed}; valid are {sorted(SPLUNK_VERSIONS)}")

    def _server_info(self) -> Entry:
        content = {
            "version": SPLUNK_VERSIONS.get(self._home.python_version, "9.4.1"),
            "serverName": self._server_host,
            "host": self._server_host,
            "server_roles": ["indexer"],
            "os_name": sys.platform.capitalize(),
            "product_type": "enterprise",
            "isFree": False,
            "isTrial": False,
        }
        return Entry("server-info", content)
