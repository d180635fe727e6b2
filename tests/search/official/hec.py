"""The HTTP Event Collector as far as test tools bring events by it, on loopback: what arrives is indexed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from standins import loopback
from standins.search.indexing import Indexed
from standins.search.knowledge import Knowledge

_PATH = "/services/collector"
_KEYS = {"event", "sourcetype", "source", "host", "index", "time", "fields"}


class Collector:
    """A collector at `url`, from `with` on; `events` are those that came in.

    /event takes events as they are: no line breaking, and the time that comes with one, else the clock's. /raw takes
    data as a file's: it is broken, cut and timed by props.conf.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self.events: list[Indexed] = []
        self._knowledge = knowledge
        self._lock = threading.Lock()
        self._server = loopback.Server(_handler(self))

    @property
    def url(self) -> str:
        """Return what test tools know as the collector's URI."""
        return f"{self._server.uri}{_PATH}"

    def __enter__(self) -> Collector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def take(self, endpoint: str, parameters: dict[str, str], body: bytes) -> None:
        """Index what was sent to an endpoint. Raises ValueError for what the collector would refuse."""
        if endpoint == "event":
            found = [self._event(one) for one in _documents(body.decode("utf-8"))]
        elif endpoint == "raw":
            found = self._knowledge.index(
                body,
                sourcetype=parameters["sourcetype"],
                source=parameters["source"],
                host=parameters["host"],
                index=parameters.get("index", "main"),
                now=time.time(),
            )
        else:
            raise ValueError(f"no endpoint {endpoint}")
        with self._lock:
            self.events.extend(found)

    @staticmethod
    def _event(document: dict[str, Any]) -> Indexed:
        unknown = document.keys() - _KEYS
        if unknown or document.get("fields") or not isinstance(document.get("event"), str) or not document["event"]:
            raise ValueError(f"not an event: {sorted(document)}")
        now = time.time()
        return Indexed(
            document["event"],
            float(document.get("time", now)),
            now,
            document["sourcetype"],
            document["source"],
            document["host"],
            document.get("index", "main"),
        )


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """Yield JSON objects that follow one another."""
    decoder = json.JSONDecoder()
    place = 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        document, place = decoder.raw_decode(text, place)
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        yield document


def _handler(collector: Collector) -> type[loopback.Handler]:
    class Handler(loopback.Handler):
        def do_POST(self) -> None:  # noqa: N802 - the base class's name
            address = urlsplit(self.path)
            parameters = {name: values[-1] for name, values in parse_qs(address.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                if not self.headers.get("Authorization", "").startswith("Splunk "):
                    raise ValueError("no token")
                if not address.path.startswith(_PATH + "/"):
                    raise ValueError(f"no path {address.path}")
                collector.take(address.path[len(_PATH) + 1 :], parameters, body)
                self._answer(200, {"text": "Success", "code": 0})
            except (ValueError, KeyError) as problem:
                self._answer(400, {"text": f"Invalid data: {problem}", "code": 6})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
