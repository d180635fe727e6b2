"""What the add-on's REST endpoint for inputs does beyond the generated handler."""

from __future__ import annotations

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

import os
from pathlib import Path
from typing import Any

from estreamer import bookmark
from solnlib import log
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler

INPUT_TYPE = "estreamer_fqe"


class InputHandler(AdminExternalHandler):  # type: ignore[misc]
    """Creates, lists, edits and removes inputs."""

    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803 - splunktaucclib's names
        """Remove an input and then its bookmark, so that a later input of the same name begins anew."""
        super().handleRemove(confInfo)
        stanza = f"{INPUT_TYPE}://{self.callerArgs.id}"
        try:
            bookmark.remove(str(checkpoint_folder()), stanza)
        except Exception as problem:
            # The input is gone already: failing here would tell the user that it is still there.
            logger = log.Logs().get_logger("ta_secure_firewall_estreamer_rest")
            logger.error('action=remove_bookmark input="%s" problem="%s"', stanza, problem)


def checkpoint_folder() -> Path:
    """Return the folder that splunkd gives to the inputs for their bookmarks."""
    database = os.environ.get("SPLUNK_DB") or Path(os.environ["SPLUNK_HOME"], "var", "lib", "splunk")
    return Path(database, "modinputs", INPUT_TYPE)
