"""The REST endpoint that gives packets as a file, as splunkd's persistent handlers are called."""

from __future__ import annotations

import json
from typing import Any

from splunk.persistconn.application import PersistentServerConnectionApplication

from ..packets import download
from ..splunkd.packet_search import searching
from . import handlers


class PacketsHandler(PersistentServerConnectionApplication):  # type: ignore[misc]
    """Answers the requests that splunkd hands over, each with the session of its user."""

    def __init__(self, command_line: str, command_arg: str) -> None:
        super().__init__()

    def handle(self, in_string: Any) -> dict[str, Any]:
        """Return the reply to a request. Whatever fails is answered with a sentence; where it failed is logged."""
        try:
            request = json.loads(in_string)
            return download.answer(request, searching(request))
        except Exception as error:
            return download.refusal(500, handlers.failure(error))
