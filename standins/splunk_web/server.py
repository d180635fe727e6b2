"""Splunk Web itself, as a test uses it: HTTP on loopback, logins, pages, static files, and the way to splunkd."""

from __future__ import annotations

import json
import mimetypes
import re
import secrets
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from http.client import HTTPConnection
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote, unquote, urlsplit

from defusedxml import ElementTree

from standins import loopback
from standins.splunkd import App, Splunkd
from standins.splunkd.install import installed

from .exposure import endpoint_of, is_exposed

LOCALE = "en-US"
STATIC = Path(__file__).with_name("static")
BODY_LIMIT = 1 << 20
VIEW_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
PAGE = re.compile(rf"/{LOCALE}/app/([^/]+)/([^/]+)\Z")
APP_FILE = re.compile(rf"/{LOCALE}/static/@[0-9.]+/app/([^/]+)/(.+)\Z")
OWN_FILE = re.compile(rf"/{LOCALE}/static/@[0-9.]+/(.+)\Z")
RAW = f"/{LOCALE}/splunkd/__raw"


@dataclass(frozen=True)
class Login:
    """A user who may log in. `theme` is the user's preference, "light" or "dark"."""

    name: str
    password: str
    roles: tuple[str, ...] = ("admin",)
    theme: str = "light"


@dataclass(frozen=True)
class _Session:
    """What a session cookie stands for."""

    login: Login
    session_key: str
    form_key: str = field(default_factory=lambda: str(secrets.randbits(63)))


@dataclass(frozen=True)
class _Reply:
    status: int
    body: bytes = b""
    kind: str = "text/html; charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()


class _Refused(Exception):
    """A request that Splunk Web does not carry out."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class SplunkWeb:
    """Listens on a free port of 127.0.0.1 from entering until leaving.

    `refusals` has the method, path and status of every request that was refused, for tests to look at; `replies` the
    path and body of every answer that is not a file of the app.
    """

    def __init__(self, splunkd: Splunkd) -> None:
        self.refusals: list[tuple[str, str, int]] = []
        self.replies: list[tuple[str, bytes]] = []
        self._splunkd = splunkd
        self._logins: dict[str, Login] = {}
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            web = outer

        self._server = loopback.Server(Handler)

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
        self._logins[login.name] = login

    def cookies(self, login: Login) -> list[dict[str, Any]]:
        """Log a user in without the form; return the cookies of the session, as a browser is given them."""
        self.admit(login)
        cookie, session = self._open(login)
        return [
            {"name": self.session_cookie, "value": cookie, "url": self.origin, "httpOnly": True},
            {"name": self.form_key_cookie, "value": session.form_key, "url": self.origin},
        ]

    @property
    def session_cookie(self) -> str:
        return f"splunkd_{self.port}"

    @property
    def form_key_cookie(self) -> str:
        return f"splunkweb_csrf_token_{self.port}"

    def _open(self, login: Login) -> tuple[str, _Session]:
        session = _Session(login, self._splunkd.log_in(login.name, *login.roles))
        cookie = secrets.token_urlsafe(24)
        with self._lock:
            self._sessions[cookie] = session
        return cookie, session

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> _Reply:
        """Carry out a request. Raises _Refused."""
        parts = urlsplit(target)
        if parts.path == "/favicon.ico":
            return _Reply(200, kind="image/x-icon")
        if parts.path == f"/{LOCALE}/account/login":
            return self._log_in(method, parts.query, headers, body)
        session = self._session(headers)
        if parts.path.startswith(f"{RAW}/"):
            return self._pass_on(method, parts.path[len(RAW) :], parts.query, session, headers, body)
        if method != "GET":
            raise _Refused(405, "Method Not Allowed")
        page = PAGE.match(parts.path)
        if page:
            return self._page(page[1], page[2], target, session)
        return self._file(parts.path, session)

    def _session(self, headers: Mapping[str, str]) -> _Session | None:
        return self._sessions.get(_cookies(headers).get(self.session_cookie, ""))

    def _log_in(self, method: str, query: str, headers: Mapping[str, str], body: bytes) -> _Reply:
        back = parse_qs(query).get("return_to", [f"/{LOCALE}/"])[0]
        if not back.startswith(f"/{LOCALE}/"):
            raise _Refused(400, "return_to leads elsewhere")
        if method == "GET":
            cval = str(secrets.randbits(31))
            form = (STATIC / "login.html").read_text("utf-8").replace("$CVAL", cval).replace("$QUERY", escape(query))
            return _Reply(200, form.encode(), headers=(("Set-Cookie", f"cval={cval}; Path=/"),))
        given = {name: values[0] for name, values in parse_qs(body.decode("ascii")).items()}
        if not given.get("cval") or given["cval"] != _cookies(headers).get("cval"):
            raise _Refused(403, "the login does not come from the login page")
        login = self._logins.get(given.get("username", ""))
        if login is None or login.password != given.get("password"):
            raise _Refused(401, "Login failed")
        cookie, session = self._open(login)
        return _Reply(
            303,
            headers=(
                ("Location", back),
                ("Set-Cookie", f"{self.session_cookie}={cookie}; Path=/; HttpOnly"),
                ("Set-Cookie", f"{self.form_key_cookie}={session.form_key}; Path=/"),
            ),
        )

    def _page(self, app_name: str, view: str, target: str, session: _Session | None) -> _Reply:
        if session is None:
            return _Reply(303, headers=(("Location", f"/{LOCALE}/account/login?return_to={quote(target)}"),))
        app = self._app(app_name)
        root = _view(app, view)
        if root is None or not self._may_see(app, view, session):
            raise _Refused(404, f"The view {view} was not found in {app_name}, or is not for {session.login.name}")
        if root.get("type") != "html":
            raise _Refused(501, f"the stand-in shows no views of type {root.get('type') or root.tag}")
        owner, _, template = (root.get("template") or "").partition(":")
        file = app.path / "appserver" / template.lstrip("/")
        if owner != app_name or not file.resolve().is_relative_to(app.path.resolve()):
            raise _Refused(404, f"The view {view} names the template {owner}:{template}")
        text = file.read_text("utf-8")
        if "${" in text or "<%" in text:
            raise _Refused(501, "the stand-in renders no templates")
        return _Reply(200, text.encode())

    def _file(self, path: str, session: _Session | None) -> _Reply:
        own_file, app_file = OWN_FILE.match(path), APP_FILE.match(path)
        if app_file:
            return _file(self._app(app_file.group(1)).path / "appserver" / "static", unquote(app_file.group(2)))
        scripts = {
            "config": lambda: f"window.$C = {json.dumps(self._config(session))};",
            "i18ncatalog": lambda: "",
            "js/i18n.js": lambda: (STATIC / "i18n.js").read_text("utf-8"),
            "build/api/get_theme.js": lambda: (
                f"window.__get_theme__ = {{getTheme: () => Promise.resolve('{_theme(session)}')}};"
            ),
            "build/api/layout.js": lambda: self._layout(session),
            "build/api/layout-dark.js": lambda: self._layout(session),
        }
        name = own_file.group(1) if own_file else path.removeprefix(f"/{LOCALE}/")
        if name not in scripts:
            raise _Refused(404, "Not Found")
        return _Reply(200, scripts[name]().encode(), "application/javascript; charset=UTF-8")

    def _config(self, session: _Session | None) -> dict[str, object]:
        return {
            "BUILD_NUMBER": 1,
            "LOCALE": LOCALE,
            "MRSPARKLE_PORT_NUMBER": self.port,
            "SPLUNKD_PATH": f"/{LOCALE}/splunkd/__raw",
            "USERNAME": session.login.name if session else "",
        }

    def _layout(self, session: _Session | None) -> str:
        app = installed(self._splunkd.home)[0]
        nav = ElementTree.fromstring((app.path / "default" / "data" / "ui" / "nav" / "default.xml").read_bytes())
        names = [view.get("name") or "" for view in nav.iter("view")]
        seen = [name for name in names if session is None or self._may_see(app, name, session)]
        views = [(name, root.findtext("label")) for name in seen for root in [_view(app, name)] if root is not None]
        about = {
            "app": app.name,
            "theme": _theme(session),
            "views": [{"name": name, "label": label or name} for name, label in views],
        }
        return f"window.__stand_in__ = {json.dumps(about)};\n" + (STATIC / "layout.js").read_text("utf-8")

    def _may_see(self, app: App, view: str, session: _Session) -> bool:
        """Ask splunkd whether the metadata of the app let the user of the session read a view."""
        key = session.session_key
        return self._splunkd.request("GET", f"data/ui/views/{view}", app=app.name, session_key=key).status == 200

    def _app(self, name: str) -> App:
        for app in installed(self._splunkd.home):
            if app.name == name:
                return app
        raise _Refused(404, f"There is no app {name}")

    def _pass_on(
        self, method: str, path: str, query: str, session: _Session | None, headers: Mapping[str, str], body: bytes
    ) -> _Reply:
        if session is None:
            raise _Refused(401, "call not properly authenticated")
        if method != "GET":
            self._check_form_key(session, headers)
        endpoint = endpoint_of(path)
        apps = installed(self._splunkd.home)
        stanzas = [self._splunkd.stanzas("web", app.name) for app in apps]
        if endpoint is None or not is_exposed(endpoint, method, stanzas):
            raise _Refused(404, f"{method} {path} is exposed by no web.conf")
        connection = HTTPConnection(self._splunkd.server_uri.partition("://")[2], timeout=120)
        sent = {"Authorization": f"Splunk {session.session_key}"}
        if body:
            sent["Content-Type"] = headers.get("Content-Type") or ""
        try:
            connection.request(method, f"{path}?{query}" if query else path, body or None, sent)
            response = connection.getresponse()
            return _Reply(response.status, response.read(), response.headers["Content-Type"])
        finally:
            connection.close()

    def _check_form_key(self, session: _Session, headers: Mapping[str, str]) -> None:
        """A change must come from a page of Splunk Web: other sites can neither read the cookie nor set headers."""
        given = headers.get("X-Splunk-Form-Key")
        if given != session.form_key or _cookies(headers).get(self.form_key_cookie) != session.form_key:
            raise _Refused(403, "CSRF validation failed")
        if headers.get("X-Requested-With") != "XMLHttpRequest":
            raise _Refused(403, "CSRF validation failed: no XMLHttpRequest")


def _theme(session: _Session | None) -> str:
    return session.login.theme if session else "light"


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("Cookie") or "").items()}
    except CookieError:
        return {}


def _view(app: App, name: str) -> Any:
    """Return the XML of a view, None if the app has no such view."""
    path = app.path / "default" / "data" / "ui" / "views" / f"{name}.xml"
    return ElementTree.fromstring(path.read_bytes()) if VIEW_NAME.match(name) and path.is_file() else None


def _file(folder: Path, name: str) -> _Reply:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise _Refused(404, f"There is no file {name}")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _Reply(200, path.read_bytes(), kind, (("Cache-Control", "max-age=3600"),))


class _Handler(loopback.SplunkHandler):
    web: SplunkWeb

    def serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        try:
            if length > BODY_LIMIT:
                self.close_connection = True
                raise _Refused(413, "the request is too large")
            body = self.rfile.read(length)
            reply = self.web.answer(self.command, self.path, cast("Mapping[str, str]", self.headers), body)
        except _Refused as refused:
            self.web.refusals.append((self.command, self.path, refused.status))
            text = json.dumps({"messages": [{"type": "ERROR", "text": refused.text}]})
            reply = _Reply(refused.status, text.encode(), "application/json")
        if not APP_FILE.match(urlsplit(self.path).path):
            self.web.replies.append((self.path, reply.body))
        # A page that is left breaks off what it has asked for.
        with suppress(ConnectionError):
            self._send(reply)

    def _send(self, reply: _Reply) -> None:
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
