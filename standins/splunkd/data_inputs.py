"""data/inputs/<scheme>: the stanzas of one kind of modular input, and the starts and stops that a change causes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .confs import ConfError, Confs
from .endpoints import Arguments, get, take_name, why_no_index_name
from .install import App
from .replies import Entry, RestProblem
from .scheme import COMMON, Refused, Scheme

Validate = Callable[[str, Mapping[str, str]], None]
Changed = Callable[[str], None]


def is_true(text: str) -> bool:
    """Read a boolean as Splunk's conf files have it. Raises RestProblem 400."""
    if text.lower() in ("1", "true", "t", "yes", "y"):
        return True
    if text.lower() in ("0", "false", "f", "no", "n"):
        return False
    raise RestProblem(400, f"{text!r} is neither true nor false")


class DataInputs:
    """The inputs of one scheme.

    When an input is created, only what the request has is validated; when it is edited, what the stanza has goes
    along. `validate(name, params)` runs `--validate-arguments` and raises Refused; `changed(stanza)` is called after
    each change, to start, restart or stop the process.
    """

    def __init__(self, name: str, scheme: Scheme, app: App, confs: Confs, validate: Validate, changed: Changed) -> None:
        self.path = f"data/inputs/{name}"
        self._prefix = f"{name}://"
        self._scheme = scheme
        self._app = app
        self._confs = confs
        self._validate = validate
        self._changed = changed

    def entries(self, app: str) -> list[Entry]:
        stanzas = self._confs.stanzas(self._app.name, "inputs")
        return [
            Entry(name[len(self._prefix) :], {"disabled": "0", **layer.settings}, self._app.name)
            for name, layer in stanzas.items()
            if name.startswith(self._prefix)
        ]

    def create(self, app: str, arguments: Arguments) -> Entry:
        name, settings = take_name(arguments)
        if any(entry.name == name for entry in self.entries(app)):
            raise RestProblem(409, f"An object with name={name} already exists")
        required = {argument.name for argument in self._scheme.arguments if argument.required_on_create}
        return self._save(app, name, settings, {}, required - {"name"})

    def edit(self, app: str, name: str, arguments: Arguments) -> Entry:
        existing = self._confs.stanzas(self._app.name, "inputs")[self._prefix + get(self, app, name).name].settings
        required = {argument.name for argument in self._scheme.arguments if argument.required_on_edit}
        return self._save(app, name, dict(arguments), existing, required - {"name"})

    def remove(self, app: str, name: str) -> None:
        get(self, app, name)
        try:
            self._confs.remove(self._app.name, "inputs", self._prefix + name)
        except ConfError as error:
            raise RestProblem(403, str(error)) from None
        self._changed(self._prefix + name)

    def act(self, app: str, name: str, action: str, arguments: Arguments) -> Entry:
        if action not in ("enable", "disable"):
            raise RestProblem(404, f"{self.path} has no action {action}")
        get(self, app, name)
        self._write(name, {"disabled": "0" if action == "enable" else "1"})
        return get(self, app, name)

    def _save(
        self, app: str, name: str, settings: dict[str, str], existing: Mapping[str, str], required: set[str]
    ) -> Entry:
        self._check(settings, required)
        merged = {**existing, **settings}
        if self._scheme.use_external_validation:
            try:
                self._validate(name, merged)
            except Refused as refusal:
                raise RestProblem(400, str(refusal)) from None
        self._write(name, settings)
        return get(self, app, name)

    def _check(self, settings: Mapping[str, str], required: set[str]) -> None:
        missing = sorted(key for key in required if not settings.get(key))
        if missing:
            raise RestProblem(400, f"The following required arguments are missing: {', '.join(missing)}.")
        known = {argument.name for argument in self._scheme.arguments} | set(COMMON)
        for key in sorted(set(settings) - known):
            raise RestProblem(400, f'Argument "{key}" is not supported by this handler.')
        reason = why_no_index_name(settings.get("index", "default"))
        if reason:
            raise RestProblem(400, reason)
        if "disabled" in settings:
            is_true(settings["disabled"])
        if "interval" in settings:
            check_interval(settings["interval"])

    def _write(self, name: str, settings: dict[str, str]) -> None:
        try:
            self._confs.set(self._app.name, "inputs", self._prefix + name, settings)
        except ConfError as error:
            raise RestProblem(400, str(error)) from None
        self._changed(self._prefix + name)


def check_interval(text: str) -> float:
    """Return an interval in seconds. Raises RestProblem 400; cron schedules are not for programs that run forever."""
    try:
        seconds = float(text)
    except ValueError:
        raise RestProblem(400, f"interval {text!r} is not a number of seconds") from None
    if not 0 < seconds < float("inf"):
        raise RestProblem(400, f"interval {text!r} is not a positive number of seconds")
    return seconds
