"""splunkd's management port as a test uses it: sessions, requests, and their outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlencode

from .apps import Apps
from .handlers import ACTION_NAMES, External
from .life import StandInError
from .replies import RestProblem
from .rest import RestServer
from .rights import ADMIN, Sessions
from .tls import Tls


@dataclass(frozen=True)
class Answer:
    """An answer of the REST API. `entries` maps names to contents; `message` is the text of a refusal."""

    status: int
    entries: dict[str, dict[str, Any]]
    message: str


class Management:
    """Speaks to the REST API at `rest`: with TLS if `tls` is given, and as an administrator unless it gets a key."""

    def __init__(self, rest: RestServer, apps: Apps, sessions: Sessions, tls: Tls | None) -> None:
        self.session_key = sessions.log_in(ADMIN)
        self._rest = rest
        self._apps = apps
        self._tls = tls

    def request(
        self, method: str, app: str, path: str, form: Mapping[str, str] | None, session_key: str | None
    ) -> Answer:
        """Send a request over HTTP to `path` of an app, and ask for JSON."""
        connection = self._connection()
        separator = "&" if "?" in path else "?"
        target = f"/servicesNS/nobody/{app}/{path}{separator}output_mode=json"
        headers = {"Authorization": f"Splunk {session_key or self.session_key}"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, target, None if form is None else urlencode(form), headers)
            response = connection.getresponse()
            document = json.loads(response.read())
        finally:
            connection.close()
        messages = [message["text"] for message in document.get("messages", [])]
        entries = {entry["name"]: entry["content"] for entry in document.get("entry", [])}
        return Answer(response.status, entries, "; ".join(messages))

    def hand_over(self, app: str, endpoint: str, action: str, name: str | None, arguments: Mapping[str, str]) -> Answer:
        """Run a generated handler without HTTP, with arguments as they are."""
        handler, _ = self._apps.resolve(app, [endpoint], self.session_key)
        if not isinstance(handler, External):
            raise StandInError(f"{endpoint} has no generated handler")
        number = next(number for number, known in ACTION_NAMES.items() if known == action)
        try:
            found = handler.call(number, name, arguments)
        except RestProblem as problem:
            return Answer(problem.status, {}, problem.text)
        return Answer(200, {entry.name: dict(entry.content) for entry in found}, "")

    def _connection(self) -> HTTPConnection:
        address = self._rest.uri.partition("://")[2]
        if self._tls is None:
            return HTTPConnection(address, timeout=120)
        return HTTPSConnection(address, timeout=120, context=self._tls.client_context())
