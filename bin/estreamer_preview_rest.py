"""The REST endpoint that shows what an input would ask for: POST with the values of its form, which are not saved."""

from __future__ import annotations

from typing import Any

import estreamer_rest as rest
from estreamer import request, wire
from estreamer.splunk import ARGUMENTS
from estreamer_input_handler import parse, tidy
from splunk import admin


class PreviewHandler(rest.OwnHandler):
    """Checks the values as a save does, but for the accounts, and returns the request document."""

    arguments = (*(argument.name for argument in ARGUMENTS), "index", "interval", "disabled")

    @rest.refusing
    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Return the request of the input that the arguments describe."""
        name = rest.check_name("input", self.callerArgs.id)
        given = self.given()
        tidy(given)
        # A form may be previewed before the account is chosen; no account has this name.
        given["account"] = given.get("account") or "-"
        chosen = parse(name, given)
        rest.add(
            confInfo[name],
            request=request.document(chosen.fields).decode("ascii"),
            request_style=chosen.request_style,
            start_from={wire.OLDEST: "oldest", wire.NOW: "now"}.get(chosen.start_from, chosen.start_from),
            event_types=",".join(chosen.event_types),
        )


if __name__ == "__main__":
    admin.init(PreviewHandler, admin.CONTEXT_APP_ONLY)
