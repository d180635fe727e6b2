"""The kinds of input that installed apps bring: their schemes, their stanzas, and how to run one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .confs import Confs
from .data_inputs import DataInputs, check_interval, is_true
from .documents import Surroundings
from .home import SplunkHome
from .install import App, installed
from .replies import RestProblem
from .scheme import Scheme, SchemeError, ask_scheme, check_against_spec, validate_arguments

SPLUNK_VERSIONS = {"3.9": "9.4.1", "3.13": "10.2.0"}
"""The Splunk that has each Python."""


@dataclass(frozen=True)
class InputSpec:
    """An input as splunkd knows it: what to run, and what to write to its stdin. `restart_after` is in seconds."""

    stanza: str
    command: Sequence[str]
    app: str
    params: Mapping[str, str]
    environment: Mapping[str, str]
    restart_after: float | None


class InputKinds:
    """The kinds of input of a SPLUNK_HOME.

    `around(scheme)` gives what documents say about splunkd; `changed(stanza)` is called when an input was created,
    edited, enabled, disabled or removed.
    """

    def __init__(
        self,
        home: SplunkHome,
        server_host: str,
        confs: Confs,
        around: Callable[[str], Surroundings],
        changed: Callable[[str], None],
    ) -> None:
        self._home = home
        self._server_host = server_host
        self._confs = confs
        self._around = around
        self._changed = changed
        self._schemes: dict[str, tuple[App, Scheme]] = {}

    def introspect(self) -> None:
        """Ask every kind of input for its scheme, as splunkd does at each start. Raises SchemeError."""
        found = {}
        for app in installed(self._home):
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
            for stanza in self._confs.stanzas(app.name, "inputs")
            if stanza.startswith(f"{name}://")
        ]

    def enabled_input(self, stanza: str) -> InputSpec | None:
        """Return how to run an input, None if it is missing or disabled."""
        name = stanza.partition("://")[0]
        if name not in self._schemes:
            return None
        app, _ = self._schemes[name]
        layer = self._confs.stanzas(app.name, "inputs").get(stanza)
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

    def endpoint(self, name: str) -> DataInputs:
        """Return the endpoint of the inputs of one kind. Raises RestProblem 404."""
        if name not in self._schemes:
            raise RestProblem(404, f"there is no kind of input {name}")
        app, scheme = self._schemes[name]

        def validate(item: str, params: Mapping[str, str]) -> None:
            command = self._command(app, name)
            around = self._around(name)
            validate_arguments(command, self._home.environment(), around, item, self._params(params))

        return DataInputs(name, scheme, app, self._confs, validate, self._changed)

    def _params(self, settings: Mapping[str, str]) -> dict[str, str]:
        host = settings.get("host", self._server_host)
        return {**settings, "host": self._server_host if host == "$decideOnStartup" else host}

    def _command(self, app: App, name: str) -> list[str]:
        return [str(self._home.python), str(app.script(name))]

    def _check_python(self, app: App, name: str) -> None:
        settings = self._confs.stanzas(app.name, "inputs")
        layer = settings.get(name)
        allowed = [] if layer is None else [v.strip() for v in layer.settings.get("python.required", "").split(",")]
        if self._home.python_version not in allowed:
            raise SchemeError(f"[{name}] has python.required = {allowed}, which lacks {self._home.python_version}")
        if set(allowed) - set(SPLUNK_VERSIONS):
            raise SchemeError(f"[{name}] has python.required = {allowed}; valid are {sorted(SPLUNK_VERSIONS)}")
