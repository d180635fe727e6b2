"""The REST endpoint that tells the state of each input, from what the input has reported on this machine: GET."""

from __future__ import annotations

import time
from typing import Any

import estreamer_rest as rest
from estreamer import state
from estreamer.splunk import SCHEME
from solnlib.utils import is_true
from splunk import admin


class StateHandler(rest.OwnHandler):
    """Returns an entry for each input."""

    @rest.refusing
    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunk.admin's names
        """Return the state of one input or of all of them."""
        wanted = self.callerArgs.id
        folder, now = str(rest.checkpoint_folder()), time.time()
        for name, content in rest.Splunkd(self.getSessionKey()).stanzas(rest.INPUTS).items():
            if wanted in (None, "", name):
                report = state.read(state.path_of(folder, f"{SCHEME}://{name}"))
                rest.add(confInfo[name], **state.describe(report, is_true(content.get("disabled")), now))
        if wanted and not list(confInfo):
            raise admin.NotFoundException(f"There is no input {wanted!r}.")


if __name__ == "__main__":
    admin.init(StateHandler, admin.CONTEXT_APP_ONLY)
