"""The REST endpoints that are not accounts or inputs: the check, the preview, the catalog, states, and the log level.

Each is a handler that a script of its own in bin/ gives to splunkd.
"""

from __future__ import annotations

from typing import Any

from solnlib.utils import is_true
from splunk import admin

from .. import parameters
from ..clock import CLOCK
from ..errors import Problem
from ..events import catalog
from ..input import check, status
from ..protocol import fully_qualified, wire
from ..splunkd.confs import LOG_LEVELS, Confs
from ..splunkd.names import SCHEME
from . import handlers
from .accounts import step_entry
from .inputs import parse, tidy


class SettingsHandler(handlers.StanzaHandler):
    """The generated endpoint for the settings of the add-on."""

    @handlers.refusing
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Change a stanza."""
        level = self.payload.get("loglevel", LOG_LEVELS[0])
        if level not in LOG_LEVELS:
            raise admin.ArgValidationException(f"loglevel: choose among {', '.join(LOG_LEVELS)}.")
        super().handleEdit(confInfo)


class CheckHandler(handlers.OwnHandler):
    """Runs the check and returns its steps. It saves nothing.

    It connects, so that it is to be asked by POST only: a GET is sent by any page that a user looks at.
    """

    @handlers.refusing
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Check the account of that name."""
        name = self.callerArgs.id
        splunkd = handlers.Splunkd(self.getSessionKey())
        splunkd.require_secrets()
        if name not in splunkd.stanzas(handlers.ACCOUNTS):
            raise handlers.missing("account", name)
        steps = _steps(splunkd.confs(), name)
        last = steps[-1]
        handlers.add(
            confInfo[name],
            ok=last["ok"],
            failed_step=None if last["ok"] else last["name"],
            problem=None if last["ok"] else last["text"],
            code=last["code"],
            steps=steps,
        )


def _steps(confs: Confs, name: str) -> list[dict[str, object]]:
    try:
        account = confs.account(name)
    except Problem as problem:
        return [step_entry(check.Step(check.STEPS[0], False, problem.text, problem))]
    return [step_entry(step) for step in check.run(account)]


class PreviewHandler(handlers.OwnHandler):
    """Checks the values as a save does, but for the accounts, and returns the request document."""

    arguments = tuple(one.name for one in parameters.INPUT if not one.fixed)

    @handlers.refusing
    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Return the request of the input that the arguments describe."""
        name = handlers.check_name("input", self.callerArgs.id)
        given = self.given()
        tidy(given)
        # A form may be previewed before the account is chosen; no account has this name.
        given["account"] = given.get("account") or "-"
        chosen = parse(name, given)
        handlers.add(
            confInfo[name],
            request=fully_qualified.document(chosen.fields).decode("ascii"),
            request_style=chosen.request_style,
            start_from={wire.OLDEST: "oldest", wire.NOW: "now"}.get(chosen.start_from, chosen.start_from),
            event_types=",".join(chosen.event_types),
        )


class CatalogHandler(handlers.OwnHandler):
    """Returns an entry for each event type."""

    @handlers.refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Return one event type or all of them."""
        found = catalog.load()
        for name, event_type in found["event_types"].items():
            if self.callerArgs.id in (None, "", name):
                sets = {one: found["field_sets"][one] for one in event_type["field_sets"]}
                handlers.add(confInfo[name], **{**event_type, "field_sets": sets, "preset_help": found["presets"]})
        if not list(confInfo):
            raise handlers.missing("event type", self.callerArgs.id)


class StateHandler(handlers.OwnHandler):
    """Returns an entry for each input."""

    @handlers.refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803
        """Return the state of one input or of all of them."""
        wanted = self.callerArgs.id
        folder, now = str(handlers.checkpoint_folder()), CLOCK.wall()
        for name, content in handlers.Splunkd(self.getSessionKey()).stanzas(handlers.INPUTS).items():
            if wanted in (None, "", name):
                report = status.read(status.path_of(folder, f"{SCHEME}://{name}"))
                handlers.add(confInfo[name], **status.describe(report, is_true(content.get("disabled")), now))
        if wanted and not list(confInfo):
            raise handlers.missing("input", wanted)
