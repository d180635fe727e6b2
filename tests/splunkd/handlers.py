"""The add-on's own REST endpoints: its restmap.conf, and its generated handlers run in a process of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .confs import Confs
from .endpoints import Arguments
from .home import SplunkHome
from .install import App
from .replies import Entry, RestProblem
from .rights import requirement

CREATE, LIST, EDIT, REMOVE = 1, 2, 4, 8
ACTION_NAMES = {CREATE: "create", LIST: "list", EDIT: "edit", REMOVE: "remove"}
TIMEOUT = 60.0


@dataclass(frozen=True)
class HandlerCall:
    """One run of a handler, for tests to look at: what it was asked, its answer's status, and its stderr."""

    endpoint: str
    action: str
    name: str | None
    status: int
    stderr: str


@dataclass(frozen=True)
class Member:
    """One `[admin_external:...]` stanza of restmap.conf; `exposed_by` are the `[admin:...]` stanzas that name it."""

    name: str
    script: str
    actions: frozenset[str]
    exposed_by: tuple[Mapping[str, str], ...] = ()

    def requirements(self, method: str) -> list[str]:
        """Return the expressions of capabilities of which one must hold, "" among them if nothing is asked for."""
        return [requirement(settings, method) for settings in self.exposed_by]


def members(app: App, confs: Confs) -> list[Member]:
    """Return the endpoints that the app's restmap.conf offers at `/`. Raises RestProblem 500 for a broken one."""
    stanzas = {name: layer.settings for name, layer in confs.stanzas(app.name, "restmap").items()}
    offered: dict[str, list[Mapping[str, str]]] = {}
    for name, settings in stanzas.items():
        if name.startswith("admin:") and settings.get("match") == "/":
            for member in settings.get("members", "").split(","):
                offered.setdefault(member.strip(), []).append(settings)
    found = []
    for name in sorted(offered):
        settings = stanzas.get(f"admin_external:{name}", {})
        script = settings.get("handlerfile", "")
        if settings.get("handlertype") != "python" or not (app.path / "bin" / script).is_file():
            raise RestProblem(500, f"restmap.conf offers {name} but has no python handler for it")
        if any(key.partition(".")[0] == "capability" for key in settings):
            raise RestProblem(500, f"[admin_external:{name}] asks for a capability: splunkd does not look for it there")
        actions = frozenset(action.strip() for action in settings.get("handleractions", "").split(","))
        found.append(Member(name, script, actions, tuple(offered[name])))
    return found


class External:
    """An endpoint that a generated handler serves. `owned` are the capabilities of the user who asks.

    `requirements(method)` gives the expressions of which one must hold for this way to the handler.
    """

    def __init__(
        self,
        member: Member,
        app: App,
        home: SplunkHome,
        session_key: str,
        note: Callable[[HandlerCall], None],
        owned: frozenset[str],
        *,
        checked: bool = True,
    ) -> None:
        self.path = member.name
        self._owned = owned
        self._checked = checked
        self._member = member
        self._app = app
        self._home = home
        self._session_key = session_key
        self._note = note

    def requirements(self, method: str) -> list[str]:
        return self._member.requirements(method) if self._checked else [""]

    def entries(self, app: str) -> list[Entry]:
        return self.call(LIST, None, {})

    def create(self, app: str, arguments: Arguments) -> Entry:
        rest = dict(arguments)
        name = rest.pop("name", "")
        if not name:
            raise RestProblem(400, "The following required arguments are missing: name.")
        return self._one(self.call(CREATE, name, rest), name)

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry:
        return self._one(self.call(EDIT, name, arguments), name)

    def remove(self, app: str, name: str) -> None:
        self.call(REMOVE, name, {})

    def act(self, app: str, name: str, action: str, arguments: Arguments) -> Entry:
        raise RestProblem(404, f"{self.path} has no action {action}")

    def call(self, action: int, name: str | None, arguments: Mapping[str, str]) -> list[Entry]:
        """Run the handler once. Raises RestProblem with the text and status that splunkd would give."""
        if ACTION_NAMES[action] not in self._member.actions:
            raise RestProblem(405, f"{self.path} does not {ACTION_NAMES[action]}")
        request = {
            "session_key": self._session_key,
            "action": action,
            "name": name,
            "app": self._app.name,
            "capabilities": sorted(self._owned),
            "arguments": {key: [value] for key, value in arguments.items()},
        }
        done = subprocess.run(
            [str(self._home.python), str(self._app.path / "bin" / self._member.script)],
            input=json.dumps(request).encode("ascii"),
            capture_output=True,
            cwd="/",
            env=self._home.environment(),
            timeout=TIMEOUT,
            check=False,
            start_new_session=True,
        )
        stderr = done.stderr.decode("utf-8", "backslashreplace")
        try:
            reply = json.loads(done.stdout)
        except ValueError:
            text = done.stdout.decode("utf-8", "backslashreplace")[-500:]
            reply = {"status": 500, "message": f"handler ended with {done.returncode}, printed {text!r}: {stderr}"}
        self._note(HandlerCall(self.path, ACTION_NAMES[action], name, reply["status"], stderr))
        if reply["status"] != 200:
            raise RestProblem(reply["status"], reply["message"])
        return [Entry(one["name"], one["content"], self._app.name) for one in reply["entries"]]

    @staticmethod
    def _one(entries: list[Entry], name: str) -> Entry:
        return entries[0] if entries else Entry(name)
