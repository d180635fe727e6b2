"""The REST endpoint that gives packets as a PCAP file: GET, by a link of the dashboard Packets."""

from __future__ import annotations

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

import json
from typing import Any

from estreamer import packet_download
from estreamer.packet_search import exporting
from splunk.persistconn.application import PersistentServerConnectionApplication


class PacketsHandler(PersistentServerConnectionApplication):  # type: ignore[misc]
    """Answers the requests that splunkd hands over, each with the session of its user."""

    def __init__(self, command_line: str, command_arg: str) -> None:
        super().__init__()

    def handle(self, in_string: Any) -> dict[str, Any]:
        """Return the reply to a request."""
        request = json.loads(in_string)
        return packet_download.answer(request, exporting(request))
