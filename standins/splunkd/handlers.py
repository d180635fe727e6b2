"""The add-on's own REST endpoints: its restmap.conf, and its handlers, run in processes of their own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from defusedxml import ElementTree

from .confs import Confs
from .endpoints import Arguments, ReadOnly
from .home import SplunkHome
from .install import App
from .replies import Entry, RestProblem
from .rights import requirement

CREATE, LIST, EDIT, REMOVE = 1, 2, 4, 8
STATUSES = {
    "AlreadyExistsException": 409,
    "NotFoundException": 404,
    "ArgValidationException": 400,
    "BadActionException": 405,
    "ServiceUnavailableException": 503,
}
"""What splunkd answers for the exceptions that it knows; 500 for the others."""
ACTION_NAMES = {CREATE: "create", LIST: "list", EDIT: "edit", REMOVE: "remove"}
TIMEOUT = 60.0


@dataclass(frozen=True)
class HandlerCall:
    """One run of a handler, for tests to look at: what it was asked, its answer's status, and what it wrote."""

    endpoint: str
    action: str
    name: str | None
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Member:
    """One `[admin_external:...]` stanza of restmap.conf; `exposed_by` are the `[admin:...]` stanzas that name it.

    A `persistent` one serves many requests in one process, any other one each.
    """

    name: str
    script: str
    actions: frozenset[str]
    exposed_by: tuple[Mapping[str, str], ...] = ()
    persistent: bool = False

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
        persistent = settings.get("handlerpersistentmode") == "true"
        found.append(Member(name, script, actions, tuple(offered[name]), persistent))
    return found


class Persistent(ReadOnly):
    """An endpoint of a `[script:...]` stanza: who may use it is played, its answers are not."""

    def __init__(self, path: str, settings: Mapping[str, str]) -> None:
        self.path = path
        self._settings = settings

    def requirement(self, method: str) -> str:
        """Return the expression of capabilities that must hold. Raises RestProblem 500 where anybody may ask."""
        if self._settings.get("requireAuthentication") != "true":
            raise RestProblem(500, f"{self.path} answers without a login")
        return requirement(self._settings, method)

    def entries(self, app: str) -> list[Entry]:
        raise RestProblem(501, f"the stand-in does not run {self._settings.get('handler')}")


def scripts(app: App, confs: Confs) -> dict[str, Persistent]:
    """Return the endpoints that the app's restmap.conf has persistent handlers for, by their paths."""
    stanzas = {name: layer.settings for name, layer in confs.stanzas(app.name, "restmap").items()}
    offered = [settings for name, settings in stanzas.items() if name.startswith("script:")]
    paths = {settings.get("match", "").strip("/"): settings for settings in offered}
    return {path: Persistent(path, settings) for path, settings in paths.items()}


@dataclass(frozen=True)
class Reply:
    """What a handler has answered to one packet. `attributes` are those of the handler object that are public."""

    status: int
    message: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    entries: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    messages: tuple[tuple[str, str], ...] = ()


def read_reply(answer: str) -> Reply:
    """Read the XML in which a handler answers."""
    root = ElementTree.fromstring(answer)
    error = root.find("error")
    if error is not None:
        return Reply(STATUSES.get(error.get("type", ""), 500), error.text or "")
    return Reply(
        200,
        attributes={one.get("name", ""): one.text or "" for one in root.iter("attribute")},
        required=frozenset(one.get("name", "") for one in root.iter("required")),
        optional=frozenset(one.get("name", "") for one in root.iter("optional")),
        entries=tuple(
            (entry.get("name", ""), {one.get("name", ""): _value(one) for one in entry}) for entry in root.iter("entry")
        ),
        messages=tuple((one.get("severity", ""), one.text or "") for one in root.iter("message")),
    )


def _value(key: Any) -> Any:
    if key.get("kind") == "dict":
        return {one.get("name", ""): _value(one) for one in key}
    if key.get("kind") == "list":
        return [_value(one) for one in key]
    return key.text or ""


def texts_of(answer: str) -> str:
    """Return every text in the XML in which a handler answers, without its escapes."""
    elements = list(ElementTree.fromstring(answer).iter())
    return "\n".join([text for one in elements for text in (*one.attrib.values(), one.text or "")])


class Process:
    """A process that runs a handler's script."""

    def __init__(self, home: SplunkHome, script: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the process lives
        self._told = 0
        self._process = subprocess.Popen(
            [str(home.python), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            cwd="/",
            env=home.environment(),
            start_new_session=True,
        )

    def ask(self, request: Mapping[str, object]) -> str:
        """Hand over a request and return the line that the process prints, less if it ends. Raises TimeoutError."""
        assert self._process.stdin
        rest = memoryview(json.dumps(request).encode("ascii") + b"\n")
        with suppress(BrokenPipeError):
            while rest:
                rest = rest[self._process.stdin.write(rest) :]
        return self._read(to_the_end=False)

    def _read(self, *, to_the_end: bool) -> str:
        """Return what the process prints, until a line is complete or until it closes its output."""
        assert self._process.stdout
        printed = b""
        while to_the_end or not printed.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], TIMEOUT)[0]:
                raise TimeoutError(f"a handler has not answered for {TIMEOUT:.0f} s")
            more = self._process.stdout.read(1 << 20)
            if not more:
                break
            printed += more
        return printed.decode("utf-8", "backslashreplace")

    def afterthought(self) -> str:
        """End the requests to the process, and return what it prints then. Raises TimeoutError."""
        assert self._process.stdin
        self._process.stdin.close()
        return self._read(to_the_end=True)

    def complaints(self) -> str:
        """Return what was written to stderr since the last call."""
        # The process writes where this descriptor stands: reading must not move it.
        text = os.pread(self._errors.fileno(), os.fstat(self._errors.fileno()).st_size - self._told, self._told)
        self._told += len(text)
        return text.decode("utf-8", "backslashreplace")

    def end(self) -> tuple[int, str]:
        """See to it that the process ends; return its exit code, and what it wrote to stderr since the last call."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait(5)
        self._process.stdout.close()
        with self._errors:
            return code, self.complaints()


class Processes:
    """The processes of persistent handlers that wait for the next request."""

    def __init__(self, home: SplunkHome) -> None:
        self._home = home
        self._idle: dict[Path, list[Process]] = {}
        self._lock = threading.Lock()

    def run(self, script: Path, persistent: bool, request: Mapping[str, object]) -> tuple[Reply, str, str]:
        """Run a handler once; return its reply, and what it wrote to stdout and stderr. Raises TimeoutError."""
        with self._lock:
            waiting = self._idle.get(script) if persistent else None
            process = waiting.pop() if waiting else Process(self._home, script)
        try:
            printed = process.ask(request)
            if not persistent:
                printed += process.afterthought()
        except BaseException:
            process.end()
            raise
        try:
            answer = json.loads(printed)["answer"]
        except ValueError:
            code, errors = process.end()
            text = f"the answer is lost: handler ended with {code}, printed {printed[-500:]!r}: {errors}"
            return Reply(500, text), printed, errors
        # What is searched for secrets is both: the line as it was printed, and the texts that it holds.
        reply, printed = read_reply(answer), printed + texts_of(answer)
        if not persistent:
            return reply, printed, process.end()[1]
        errors = process.complaints()
        with self._lock:
            self._idle.setdefault(script, []).append(process)
        return reply, printed, errors

    def end(self) -> None:
        """End those that wait."""
        with self._lock:
            waiting = [process for processes in self._idle.values() for process in processes]
            self._idle.clear()
        for process in waiting:
            process.end()


class External:
    """An endpoint that a generated handler serves. `owned` are the capabilities of the user who asks.

    `requirements(method)` gives the expressions of which one must hold for this way to the handler.
    """

    def __init__(
        self,
        member: Member,
        app: App,
        processes: Processes,
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
        self._processes = processes
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
        """Run the handler as splunkd does for one request. Raises RestProblem with splunkd's text and status.

        A packet has it set up, another one execute. After a creation or an edit the entry is listed by a call of its
        own, whose answer counts, unless the handler has said `shouldAutoList = False`.
        """
        if ACTION_NAMES[action] not in self._member.actions:
            raise RestProblem(405, f"{self.path} does not {ACTION_NAMES[action]}")
        request = {
            "session_key": self._session_key,
            "action": action,
            "name": name,
            "app": self._app.name,
            "arguments": {key: [value or None] for key, value in arguments.items()},
        }
        reply = self._execute(action, request)
        if action in (CREATE, EDIT) and reply.attributes["shouldAutoList"] == "1":
            return self.call(LIST, name, {})
        return [Entry(of, content, self._app.name) for of, content in reply.entries]

    def _execute(self, action: int, request: Mapping[str, object]) -> Reply:
        script, persistent = self._app.path / "bin" / self._member.script, self._member.persistent
        stdout = stderr = ""
        reply = Reply(500)
        try:
            for marker in ("setup", "execute"):
                reply, *written = self._processes.run(script, persistent, {**request, "marker": marker})
                stdout, stderr = stdout + written[0], stderr + written[1]
                if reply.status != 200:
                    raise RestProblem(reply.status, reply.message)
                if marker == "setup":
                    self._allow(action, reply, request["arguments"])
        except RestProblem as problem:
            self._note(self._called(action, request, problem.status, stdout, stderr))
            raise
        self._note(self._called(action, request, 200, stdout, stderr))
        return reply

    def _called(self, action: int, request: Mapping[str, object], status: int, stdout: str, stderr: str) -> HandlerCall:
        name = request["name"]
        return HandlerCall(self.path, ACTION_NAMES[action], None if name is None else str(name), status, stdout, stderr)

    def _allow(self, action: int, reply: Reply, given: Any) -> None:
        """Raise RestProblem for a user or arguments that the handler does not take, by what its setup said."""
        needed = reply.attributes["capabilityRead" if action == LIST else "capabilityWrite"]
        if needed and needed not in self._owned:
            text = f"You do not have permission to perform this operation (requires capability: {needed})."
            raise RestProblem(403, text)
        missing = reply.required - set(given)
        if missing:
            raise RestProblem(400, f"The following required arguments are missing: {', '.join(sorted(missing))}.")
        for name in sorted(set(given) - reply.required - reply.optional):
            raise RestProblem(400, f'Argument "{name}" is not supported by this handler.')

    @staticmethod
    def _one(entries: list[Entry], name: str) -> Entry:
        return entries[0] if entries else Entry(name)
