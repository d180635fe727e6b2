"""Splunk Web itself, as a test uses it: HTTP on loopback, which routes each request to a page, a file or splunkd."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any, cast
from urllib.parse import urlsplit

from standins import loopback
from standins.splunkd import Splunkd
from standins.splunkd.install import installed

from .exposure import endpoint_of, is_exposed
from .pages import APP_FILE, Pages
from .replies import LOCALE, Refused, Reply
from .sessions import Login, Session, Sessions

BODY_LIMIT = 1 << 20
PAGE = re.compile(rf"/{LOCALE}/app/([^/]+)/([^/]+)\Z")
RAW = f"/{LOCALE}/splunkd/__raw"


class SplunkWeb:
    """Listens on a free port of 127.0.0.1 while its context lasts.

    `refusals` has the method, path and status of every request that was refused, for tests to look at; `replies` the
    path and body of every answer that is not a file of the app.
    """

    def __init__(self, splunkd: Splunkd) -> None:
        self.refusals: list[tuple[str, str, int]] = []
        self.replies: list[tuple[str, bytes]] = []
        self._splunkd = splunkd
        outer = self

        class Handler(_Handler):
            web = outer

        self._server = loopback.Server(Handler)
        self._sessions = Sessions(splunkd, self.port)
        self._pages = Pages(splunkd, self.port)

    def __enter__(self) -> SplunkWeb:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page(self, view: str, app: str = "") -> str:
        """Return the address of a page; `app` may be left out when one app is installed."""
        return f"{self.origin}/{LOCALE}/app/{app or installed(self._splunkd.home)[0].name}/{view}"

    def admit(self, login: Login) -> None:
        """Let a user log in."""
        self._sessions.admit(login)

    def cookies(self, login: Login) -> list[dict[str, Any]]:
        """Log a user in without the form; return the cookies of the session, as a browser gets them."""
        self.admit(login)
        cookie, session = self._sessions.open(login)
        return [
            {"name": self.session_cookie, "value": cookie, "url": self.origin, "httpOnly": True},
            {"name": self.form_key_cookie, "value": session.form_key, "url": self.origin},
        ]

    @property
    def session_cookie(self) -> str:
        return self._sessions.session_cookie

    @property
    def form_key_cookie(self) -> str:
        return self._sessions.form_key_cookie

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Carry out a request. Raises Refused."""
        parts = urlsplit(target)
        if parts.path == "/favicon.ico":
            return Reply(200, kind="image/x-icon")
        if parts.path == f"/{LOCALE}/account/login":
            return self._sessions.log_in(method, parts.query, headers, body)
        session = self._sessions.find(headers)
        if parts.path.startswith(f"{RAW}/"):
            return self._pass_on(method, parts.path[len(RAW) :], parts.query, session, headers, body)
        if method != "GET":
            raise Refused(405, "Method Not Allowed")
        page = PAGE.match(parts.path)
        if page:
            return self._pages.page(page[1], page[2], target, session)
        return self._pages.file(parts.path, session)

    def _pass_on(
        self, method: str, path: str, query: str, session: Session | None, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        if session is None:
            raise Refused(401, "call not properly authenticated")
        if method != "GET":
            self._sessions.check_form_key(session, headers)
        endpoint = endpoint_of(path)
        apps = installed(self._splunkd.home)
        stanzas = [self._splunkd.stanzas("web", app.name) for app in apps]
        if endpoint is None or not is_exposed(endpoint, method, stanzas):
            raise Refused(404, f"{method} {path} is exposed by no web.conf")
        connection = HTTPConnection(self._splunkd.server_uri.partition("://")[2], timeout=120)
        sent = {"Authorization": f"Splunk {session.session_key}"}
        if body:
            sent["Content-Type"] = headers.get("Content-Type") or ""
        try:
            connection.request(method, f"{path}?{query}" if query else path, body or None, sent)
            response = connection.getresponse()
            return Reply(response.status, response.read(), response.headers["Content-Type"])
        finally:
            connection.close()


class _Handler(loopback.SplunkHandler):
    web: SplunkWeb

    def serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        try:
            if length > BODY_LIMIT:
                self.close_connection = True
                raise Refused(413, "the request is too large")
            body = self.rfile.read(length)
            reply = self.web.answer(self.command, self.path, cast("Mapping[str, str]", self.headers), body)
        except Refused as refused:
            self.web.refusals.append((self.command, self.path, refused.status))
            text = json.dumps({"messages": [{"type": "ERROR", "text": refused.text}]})
            reply = Reply(refused.status, text.encode(), "application/json")
        if not APP_FILE.match(urlsplit(self.path).path):
            self.web.replies.append((self.path, reply.body))
        # A browser that leaves a page cancels its requests.
        with suppress(ConnectionError):
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        self.wfile.write(reply.body)
