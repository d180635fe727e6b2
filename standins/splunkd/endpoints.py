"""The endpoints of splunkd that an add-on, its libraries and its pages call."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from .confs import ConfError, Confs, Layer
from .install import App
from .passwords import Passwords
from .replies import Document, Entry, Feed, RestProblem

Arguments = Mapping[str, str]
INDEXES = ("history", "main", "summary", "_internal")
INTERNAL_INDEXES = ("_audit", "_configtracker", "_internal", "_introspection", "_metrics", "_telemetry")
FORBIDDEN_NAMES = re.compile(r"[\r\n\0]|^\s|\s$|^$")


class Endpoint(Protocol):
    """A collection of entities. Each method raises RestProblem when it refuses.

    `app` is the app of the request's namespace, `"-"` for all of them.
    """

    path: str

    def entries(self, app: str) -> list[Entry]: ...

    def create(self, app: str, arguments: Arguments) -> Entry: ...

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry: ...

    def remove(self, app: str, name: str) -> None: ...

    def act(self, app: str, name: str, action: str, arguments: Arguments) -> Entry: ...


@runtime_checkable
class Answering(Protocol):
    """An endpoint that is not a collection of entities, and answers every request itself. Raises RestProblem."""

    path: str

    def respond(self, method: str, app: str, rest: list[str], arguments: Arguments) -> Feed | Document: ...


def get(endpoint: Endpoint, app: str, name: str) -> Entry:
    """Return one entity. Raises RestProblem 404."""
    for entry in endpoint.entries(app):
        if entry.name == name:
            return entry
    raise RestProblem(404, f"Could not find object id={name}")


def take_name(arguments: Arguments) -> tuple[str, dict[str, str]]:
    """Split the arguments of a creation into the name and the rest. Raises RestProblem 400."""
    rest = dict(arguments)
    name = rest.pop("name", "")
    if FORBIDDEN_NAMES.search(name) or name == "default":
        raise RestProblem(400, f"Cannot create object with name {name!r}")
    return name, rest


class ReadOnly(ABC):
    """An endpoint that refuses every change."""

    path = ""

    @abstractmethod
    def entries(self, app: str) -> list[Entry]:
        """Return what the endpoint lists."""

    def create(self, app: str, arguments: Arguments) -> Entry:
        raise RestProblem(405, f"{self.path} does not create")

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry:
        raise RestProblem(405, f"{self.path} does not edit")

    def remove(self, app: str, name: str) -> None:
        raise RestProblem(405, f"{self.path} does not remove")

    def act(self, app: str, name: str, action: str, arguments: Arguments) -> Entry:
        raise RestProblem(404, f"{self.path} has no action {action}")


class Constant(ReadOnly):
    """One entity that never changes."""

    def __init__(self, path: str, entry: Entry) -> None:
        self.path = path
        self._entry = entry

    def entries(self, app: str) -> list[Entry]:
        return [self._entry]


class Indexes(ReadOnly):
    """data/indexes, with the check of a name that splunktaucclib asks for.

    Only a name is taken of an index that is made, and only such an index is removed.
    """

    path = "data/indexes"

    def __init__(self) -> None:
        self._made: list[str] = []

    def entries(self, app: str) -> list[Entry]:
        return [self._entry(name) for name in (*INDEXES, *self._made)]

    def create(self, app: str, arguments: Arguments) -> Entry:
        name, rest = take_name(arguments)
        reason = why_no_index_name(name)
        if reason or rest:
            raise RestProblem(400, reason or f"the stand-in makes indexes by their name alone, not {sorted(rest)}")
        if name in (*INDEXES, *self._made):
            raise RestProblem(409, f"An object with name={name} already exists")
        self._made.append(name)
        return self._entry(name)

    def remove(self, app: str, name: str) -> None:
        get(self, app, name)
        if name not in self._made:
            raise RestProblem(403, f"Cannot remove index {name}")
        self._made.remove(name)

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry:
        if name != "_validateName":
            raise RestProblem(403, "the stand-in edits no indexes")
        if set(arguments) != {"index_name"}:
            raise RestProblem(400, "_validateName takes index_name and nothing else")
        reason = why_no_index_name(arguments["index_name"])
        valid = {"is_valid": "false" if reason else "true"}
        return Entry("_validateName", {**valid, "reason": reason} if reason else valid)

    @staticmethod
    def _entry(name: str) -> Entry:
        internal = "1" if name.startswith("_") else "0"
        return Entry(name, {"disabled": "0", "isInternal": internal, "datatype": "event"})


def why_no_index_name(name: str) -> str:
    """Return what is wrong with an index name, "" if nothing."""
    if not name:
        return "Index name cannot be empty"
    if len(name) > 2048:
        return "Index name is too long"
    if name.startswith("-") or not re.fullmatch(r"[0-9a-zA-Z_-]+", name):
        return f"Invalid index name: '{name}'. Index name allows only alphanumeric characters, '-' and '_'."
    if name.startswith("_") and name.lower() not in INTERNAL_INDEXES:
        return f"Invalid index name: '{name}'. Index name cannot start with '_'."
    if name.lower() == "kvstore":
        return "Invalid index name: cannot use reserved name 'kvstore' as an index name."
    return ""


class Properties(ReadOnly):
    """properties: which conf files there are."""

    path = "properties"

    def __init__(self, confs: Confs) -> None:
        self._confs = confs

    def entries(self, app: str) -> list[Entry]:
        return [Entry(name, {}, app) for name in self._confs.names(app)]


class Views(ReadOnly):
    """data/ui/views: the pages of an app."""

    path = "data/ui/views"

    def __init__(self, app: App) -> None:
        self._app = app

    def entries(self, app: str) -> list[Entry]:
        folders = [self._app.path / layer / "data" / "ui" / "views" for layer in ("default", "local")]
        files = {path.stem: path for folder in folders for path in sorted(folder.glob("*.xml"))}
        return [Entry(name, {"eai:data": path.read_text("utf-8")}, app) for name, path in files.items()]


class ConfEndpoint:
    """configs/conf-<name>: the stanzas of one conf file of an app."""

    def __init__(self, conf: str, confs: Confs, app: App | None) -> None:
        self.path = f"configs/conf-{conf}"
        self._conf = conf
        self._confs = confs
        self._app = app

    def entries(self, app: str) -> list[Entry]:
        return [self._entry(app, name, layer) for name, layer in self._confs.stanzas(app, self._conf).items()]

    def create(self, app: str, arguments: Arguments) -> Entry:
        name, settings = take_name(arguments)
        if name in self._confs.stanzas(app, self._conf):
            raise RestProblem(409, f"An object with name={name} already exists")
        return self._set(app, name, settings)

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry:
        get(self, app, name)
        return self._set(app, name, dict(arguments))

    def remove(self, app: str, name: str) -> None:
        get(self, app, name)
        try:
            self._confs.remove(app, self._conf, name)
        except ConfError as error:
            raise RestProblem(403, str(error)) from None

    def act(self, app: str, name: str, action: str, arguments: Arguments) -> Entry:
        if action not in ("enable", "disable"):
            raise RestProblem(404, f"{self.path} has no action {action}")
        return self.edit(app, name, {"disabled": "0" if action == "enable" else "1"})

    def _entry(self, app: str, name: str, layer: Layer) -> Entry:
        return Entry(name, {"disabled": "0", **layer.settings}, app)

    def _set(self, app: str, name: str, settings: dict[str, str]) -> Entry:
        self._check_settings(name, settings)
        try:
            self._confs.set(app, self._conf, name, settings)
        except ConfError as error:
            raise RestProblem(400, str(error)) from None
        return get(self, app, name)

    def _check_settings(self, name: str, settings: Mapping[str, str]) -> None:
        spec = self._app.spec(self._conf) if self._app is not None else None
        if spec is None:
            return
        headers = [header for header in spec if header == name or "<" in header]
        known = set().union(*(spec[header] for header in headers), spec.get("default", set()), {"disabled"})
        unknown = set(settings) - known
        if unknown:
            where = f"README/{self._conf}.conf.spec"
            raise RestProblem(400, f"{where} does not know {sorted(unknown)} in [{name}]")


class PasswordsEndpoint:
    """storage/passwords of the namespace's app."""

    path = "storage/passwords"

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    def entries(self, app: str) -> list[Entry]:
        return [
            Entry(
                one.name,
                {
                    **({} if one.clear is None else {"clear_password": one.clear}),
                    "encr_password": one.ciphertext,
                    "password": "********",
                    "realm": one.realm,
                    "username": one.username,
                },
                app,
            )
            for one in self._passwords.all(app)
        ]

    def create(self, app: str, arguments: Arguments) -> Entry:
        self._check(arguments, {"name", "password", "realm"})
        username, rest = take_name(arguments)
        realm = rest.get("realm", "")
        if any(one.username == username and one.realm == realm for one in self._passwords.all(app)):
            raise RestProblem(409, f"An object with name={realm}:{username}: already exists")
        return self._set(app, realm, username, rest.get("password", ""))

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry:
        self._check(arguments, {"password"})
        content = get(self, app, name).content
        return self._set(app, content["realm"], content["username"], arguments.get("password", ""))

    def remove(self, app: str, name: str) -> None:
        get(self, app, name)
        self._passwords.remove(app, name)

    def act(self, app: str, name: str, action: str, arguments: Arguments) -> Entry:
        raise RestProblem(404, f"{self.path} has no action {action}")

    def _set(self, app: str, realm: str, username: str, clear: str) -> Entry:
        try:
            stored = self._passwords.set(app, realm, username, clear)
        except ValueError as error:
            raise RestProblem(400, str(error)) from None
        return get(self, app, stored.name)

    @staticmethod
    def _check(arguments: Arguments, known: set[str]) -> None:
        for name in sorted(set(arguments) - known):
            raise RestProblem(400, f'Argument "{name}" is not supported by this handler.')
