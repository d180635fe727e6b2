"""splunkd's REST port: HTTP on loopback, a session key on every request, and the way to each endpoint."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Union
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from standins import loopback

from .endpoints import Answering, Arguments, Endpoint, get
from .handlers import LIST, External
from .login import LOGIN, log_in
from .replies import Document, Entry, Feed, RestProblem, render, render_message
from .rights import Sessions

BODY_LIMIT = 1 << 20
SEARCH_TERM = re.compile(r'([\w.:]+)="?((?:\\.|[^"\s\\])*)"?')
AnyEndpoint = Union[Endpoint, Answering]
Resolve = Callable[[str, list[str], str], "tuple[AnyEndpoint, list[str]]"]
Authorize = Callable[[AnyEndpoint, str, str, str, "str | None"], None]
Permits = Callable[[AnyEndpoint, str, str, str], bool]
Fault = Callable[["Request"], "Trouble | None"]
"""Says how a request is to fail, None if it is not to."""


@dataclass(frozen=True)
class Trouble:
    """How a request fails: refused with a `status`, or, without one, the connection ends without an answer.

    With `done` splunkd has carried it out before.
    """

    status: int = 0
    done: bool = False


@dataclass(frozen=True)
class Request:
    """A request that has passed the door. `segments` are the decoded parts of the path after the namespace."""

    method: str
    app: str
    segments: list[str]
    query: dict[str, str]
    form: dict[str, str]
    session_key: str


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, for tests to look at."""

    method: str
    path: str
    form: dict[str, str]
    status: int
    body: bytes


class RestServer:
    """Listens on a free port of 127.0.0.1 from construction until `close`.

    `exchanges` has all requests and answers but those of storage/passwords and of a login, which are secrets by their
    nature.

    `resolve(app, segments, session key)` finds the endpoint and what is left of the path, or raises RestProblem.
    `authorize(endpoint, app, method, session key, name)` raises RestProblem when the user may not use the endpoint, or
    what it calls `name`; `permits(endpoint, app, name, session key)` says what a list shows to the user.
    While `down` is set, connections end without an answer, as when splunkd has died. `fault`, if there is one, is asked
    about each request before it is carried out.
    """

    def __init__(
        self,
        resolve: Resolve,
        authorize: Authorize,
        permits: Permits,
        sessions: Sessions,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.down = False
        self.fault: Fault | None = None
        self.exchanges: list[Exchange] = []
        self.sessions = sessions
        self._resolve = resolve
        self._authorize = authorize
        self._permits = permits
        outer = self

        class Handler(_Handler):
            rest = outer

        self._server = loopback.Server(Handler, context)

    def come_up(self) -> None:
        """Answer again."""
        self.down = False

    def go_down(self) -> None:
        """End connections without an answer."""
        self.down = True

    def fail(self, fault: Fault | None) -> None:
        """Ask `fault` about each request from here on."""
        self.fault = fault

    @property
    def uri(self) -> str:
        return self._server.uri

    def close(self) -> None:
        self._server.close()

    def answer(self, request: Request) -> Feed | Document:
        """Carry out a request. Raises RestProblem."""
        endpoint, rest = self._resolve(request.app, request.segments, request.session_key)
        name = rest[0] if rest and rest[0] != "_reload" else None
        self._authorize(endpoint, request.app, request.method, request.session_key, name)
        if isinstance(endpoint, Answering):
            asked = {key: value for key, value in {**request.query, **request.form}.items() if key != "output_mode"}
            return endpoint.respond(request.method, request.app, rest, asked)
        if len(rest) > 2:
            raise RestProblem(404, "Not Found")
        if request.method == "GET":
            return self._read(endpoint, rest, request)
        if request.method == "DELETE" and len(rest) == 1:
            endpoint.remove(request.app, rest[0])
            remaining = [] if isinstance(endpoint, External) else endpoint.entries(request.app)
            return Feed(endpoint.path, remaining, len(remaining))
        if request.method == "POST":
            return self._write(endpoint, rest, request)
        raise RestProblem(405, f"{request.method} is not supported here")

    def _read(self, endpoint: Endpoint, rest: list[str], request: Request) -> Feed:
        if not rest or rest[0] == "_reload":
            entries = endpoint.entries(request.app)
        elif len(rest) == 1 and isinstance(endpoint, External):
            entries = endpoint.call(LIST, rest[0], _handler_arguments(request.query))
        elif len(rest) == 1:
            entries = [get(endpoint, request.app, rest[0])]
        else:
            raise RestProblem(404, "Not Found")
        shown = [one for one in entries if self._permits(endpoint, request.app, one.name, request.session_key)]
        return _page(endpoint.path, shown, request.query)

    def _write(self, endpoint: Endpoint, rest: list[str], request: Request) -> Feed:
        form = {key: value for key, value in request.form.items() if key != "output_mode"}
        if not rest:
            return Feed(endpoint.path, [endpoint.create(request.app, form)], 1, 201)
        if rest == ["_reload"]:
            return Feed(endpoint.path, [], 0)
        if len(rest) == 1:
            return Feed(endpoint.path, [endpoint.edit(request.app, rest[0], form)], 1)
        return Feed(endpoint.path, [endpoint.act(request.app, rest[0], rest[1], form)], 1)


def _handler_arguments(query: dict[str, str]) -> Arguments:
    return {key: value for key, value in query.items() if key not in ("output_mode", "count", "offset", "search")}


def _page(path: str, entries: list[Entry], query: dict[str, str]) -> Feed:
    found = [entry for entry in entries if _matches(entry, query.get("search", ""))]
    offset, count = int(query.get("offset", "0")), int(query.get("count", "30"))
    page = found[offset:] if count <= 0 else found[offset : offset + count]
    return Feed(path, page, len(found))


def _matches(entry: Entry, search: str) -> bool:
    values = {"name": entry.name, "eai:acl.app": entry.app, **{k: str(v) for k, v in entry.content.items()}}
    rest = SEARCH_TERM.sub("", search).strip()
    if rest:
        raise RestProblem(400, f"the stand-in does not understand the search {search!r}")
    terms = [(key, re.sub(r"\\(.)", r"\1", value)) for key, value in SEARCH_TERM.findall(search)]
    return all(values.get(key) == value for key, value in terms)


class _Handler(loopback.SplunkHandler):
    rest: RestServer

    def serve(self) -> None:
        self.close_connection = True
        if self.rest.down:
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        as_json = query.get("output_mode") == "json"
        form: dict[str, str] = {}
        try:
            form = self._form()
            as_json = as_json or form.get("output_mode") == "json"
            answer = self._answer_of(parts.path, query, form)
            if answer is None:
                return
            body = render(answer, as_json)
        except RestProblem as problem:
            self._answer(parts.path, form, problem.status, render_message(problem.text, as_json), as_json)
            return
        except Exception as error:
            text = render_message(f"the stand-in broke: {error!r}", as_json)
            self._answer(parts.path, form, 500, text, as_json)
            raise
        self._answer(parts.path, form, answer.status, body, as_json)

    def _answer_of(self, path: str, query: dict[str, str], form: dict[str, str]) -> Feed | Document | None:
        """Carry out a request; return None where the connection is to end. Raises RestProblem."""
        if path == LOGIN:
            return log_in(self.rest.sessions, self.command, form)
        request = self._request(path, query, form)
        trouble = self.rest.fault(request) if self.rest.fault else None
        answer = self.rest.answer(request) if trouble is None or trouble.done else None
        if trouble is not None and trouble.status:
            raise RestProblem(trouble.status, "staged by the test")
        return None if trouble is not None else answer

    def _answer(self, path: str, form: dict[str, str], status: int, body: bytes, as_json: bool) -> None:
        if "/storage/passwords" not in path and path != LOGIN:
            self.rest.exchanges.append(Exchange(self.command, path, form, status, body))
        self._send(status, body, as_json)

    def _form(self) -> dict[str, str]:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT:
            raise RestProblem(413, "the request is too large")
        body = self.rfile.read(length)
        kind = (self.headers.get("Content-Type") or "application/x-www-form-urlencoded").partition(";")[0]
        if body and kind != "application/x-www-form-urlencoded":
            raise RestProblem(415, f"the content type {kind} is not supported")
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict")
        except ValueError:
            raise RestProblem(400, "the form is not made of URL-encoded UTF-8") from None
        if len(dict(pairs)) != len(pairs):
            raise RestProblem(400, "an argument is given twice")
        return dict(pairs)

    def _request(self, path: str, query: dict[str, str], form: dict[str, str]) -> Request:
        scheme, _, secret = (self.headers.get("Authorization") or "").partition(" ")
        key = self.rest.sessions.key(scheme, secret)
        if key is None:
            raise RestProblem(401, "call not properly authenticated")
        # A slash in a name arrives encoded twice, and splunklib sends a space as "+".
        segments = [unquote_plus(part, errors="strict").replace("%2F", "/") for part in path.strip("/").split("/")]
        if segments[0] == "servicesNS" and len(segments) > 3:
            return Request(self.command, segments[2], segments[3:], query, form, key)
        if segments[0] == "services" and len(segments) > 1:
            return Request(self.command, "system", segments[1:], query, form, key)
        raise RestProblem(404, "Not Found")

    def _send(self, status: int, body: bytes, as_json: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if as_json else "text/xml; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "Close")
        self.end_headers()
        self.wfile.write(body)
