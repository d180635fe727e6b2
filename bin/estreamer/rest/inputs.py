"""The REST endpoint for inputs: what the generated handler does, and a check of every parameter before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splunk import admin

from .. import printable, settings
from ..bookmark import folder
from ..protocol import fully_qualified
from ..splunkd import log_file
from ..splunkd.names import SCHEME
from . import handlers


class InputHandler(handlers.StanzaHandler):
    """Creates, lists, edits and removes inputs."""

    renaming = (
        "an input cannot be renamed. Clone it under the new name and delete this one. The clone begins at its "
        "start_from: the bookmark goes with this one."
    )

    @handlers.refusing
    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Create an input."""
        name = handlers.check_name("input", self.callerArgs.id)
        if name in handlers.Splunkd(self.getSessionKey()).stanzas(handlers.INPUTS):
            raise admin.AlreadyExistsException(f"name: there is an input {name!r} already.")
        self._check({})
        super().handleCreate(confInfo)

    @handlers.refusing
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Change an input; what is not given stays. `disabled` may be given alone or with others."""
        self.refuse_renaming()
        name = self.callerArgs.id
        stored = handlers.Splunkd(self.getSessionKey()).stanzas(handlers.INPUTS).get(name)
        if stored is None:
            raise handlers.missing("input", name)
        disabled = self.payload.pop("disabled", None)
        if disabled is not None:
            disabled = str(int(settings.parse_disabled(disabled)))
        if self.payload or disabled is None:
            self._check(stored)
            super().handleEdit(confInfo)
        if disabled is not None:
            self.payload = {"disabled": disabled}
            super().handleEdit(confInfo)

    @handlers.refusing
    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Remove an input and then its bookmark, so that a later input of the same name begins again."""
        super().handleRemove(confInfo)
        stanza = f"{SCHEME}://{self.callerArgs.id}"
        try:
            folder.remove(str(handlers.checkpoint_folder()), stanza)
        except Exception as problem:
            # The input is gone already: an error here would mean to the user that it is still there.
            logger = log_file.logger_of_file(handlers.LOG_NAME)
            logger.error('action=remove_bookmark input="%s" problem="%s"', *map(printable.line, (stanza, problem)))

    def _check(self, stored: Mapping[str, Any]) -> None:
        """Check what is given on top of what is stored, and put it into the form that a conf file can hold."""
        given = self.payload
        tidy(given)
        if given.get("event_types"):
            given["event_types"] = ",".join(settings.parse_event_types(given["event_types"]))
        if "disabled" in given:
            given["disabled"] = str(int(settings.parse_disabled(given["disabled"])))
        merged = {**{name: value for name, value in stored.items() if isinstance(value, str)}, **given}
        chosen = parse(self.callerArgs.id, merged)
        accounts = handlers.Splunkd(self.getSessionKey()).stanzas(handlers.ACCOUNTS)
        for parameter, account in (("account", chosen.account), ("failover_account", chosen.failover_account)):
            if account and account not in accounts:
                raise admin.ArgValidationException(
                    f"{parameter}: the account {account[:100]!r} was not found. Create it first, or choose another one."
                )


def tidy(given: dict[str, str]) -> None:
    """Bring what a form sends into the form that a conf file can hold. Raises ArgValidationException or Problem.

    A browser ends lines with carriage return and line feed; a backslash at the end of a line would join the next line
    of the file to it.
    """
    handlers.check_lengths(given)
    given.update({parameter: value.strip() for parameter, value in given.items() if parameter not in handlers.IN_LINES})
    for parameter in settings.FIELD_PARAMETERS.values():
        # Also those of event types that are not wanted: they would be wrong as soon as the type is.
        if parameter in given:
            given[parameter] = ",".join(fully_qualified.parse_names(parameter, given[parameter]))
    for parameter in handlers.IN_LINES:
        if parameter in given:
            given[parameter] = _tidy_lines(parameter, given[parameter])


def _tidy_lines(parameter: str, text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        if line.rstrip().endswith("\\"):
            raise admin.ArgValidationException(
                f"{parameter}, line {number}, column {len(line.rstrip())}: a line must not end with a backslash."
            )
        if "\0" in line:
            raise admin.ArgValidationException(
                f"{parameter}, line {number}, column {line.index(chr(0)) + 1}: there is a NUL character."
            )
    return text


def parse(name: str, given: Mapping[str, str]) -> settings.InputSettings:
    """Return the input that a form describes. Raises Problem, naming the parameter that is wrong."""
    settings.parse_interval(given.get("interval") or "")
    return settings.parse_input(name, given)
