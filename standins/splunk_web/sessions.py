"""Users who may log in to Splunk Web, the form of the login, and the check that a request belongs to a session."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from standins.splunkd import Splunkd

from .replies import LOCALE, Refused, Reply

LOGIN_FORM = Path(__file__).with_name("static") / "login.html"


@dataclass(frozen=True)
class Login:
    """A user who may log in. `theme` is the user's preference, "light" or "dark"."""

    name: str
    password: str
    roles: tuple[str, ...] = ("admin",)
    theme: str = "light"


@dataclass(frozen=True)
class Session:
    """The session that a cookie belongs to."""

    login: Login
    session_key: str
    form_key: str = field(default_factory=lambda: str(secrets.randbits(63)))


class Sessions:
    """The logins and the sessions of Splunk Web on a port. The names of its cookies end in the number of the port."""

    def __init__(self, splunkd: Splunkd, port: int) -> None:
        self.session_cookie = f"splunkd_{port}"
        self.form_key_cookie = f"splunkweb_csrf_token_{port}"
        self._splunkd = splunkd
        self._logins: dict[str, Login] = {}
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def admit(self, login: Login) -> None:
        """Let a user log in."""
        self._logins[login.name] = login

    def open(self, login: Login) -> tuple[str, Session]:
        """Begin a session; return it and the value of its cookie."""
        session = Session(login, self._splunkd.log_in(login.name, *login.roles))
        cookie = secrets.token_urlsafe(24)
        with self._lock:
            self._sessions[cookie] = session
        return cookie, session

    def find(self, headers: Mapping[str, str]) -> Session | None:
        """Return the session that a request belongs to, None without a login."""
        return self._sessions.get(_cookies(headers).get(self.session_cookie, ""))

    def log_in(self, method: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Show the form of the login, or handle the data that it sends. Raises Refused."""
        back = parse_qs(query).get("return_to", [f"/{LOCALE}/"])[0]
        if not back.startswith(f"/{LOCALE}/"):
            raise Refused(400, "return_to leads elsewhere")
        if method == "GET":
            cval = str(secrets.randbits(31))
            form = LOGIN_FORM.read_text("utf-8").replace("$CVAL", cval).replace("$QUERY", escape(query))
            return Reply(200, form.encode(), headers=(("Set-Cookie", f"cval={cval}; Path=/"),))
        given = {name: values[0] for name, values in parse_qs(body.decode("ascii")).items()}
        if not given.get("cval") or given["cval"] != _cookies(headers).get("cval"):
            raise Refused(403, "the login does not come from the login page")
        login = self._logins.get(given.get("username", ""))
        if login is None or login.password != given.get("password"):
            raise Refused(401, "Login failed")
        cookie, session = self.open(login)
        return Reply(
            303,
            headers=(
                ("Location", back),
                ("Set-Cookie", f"{self.session_cookie}={cookie}; Path=/; HttpOnly"),
                ("Set-Cookie", f"{self.form_key_cookie}={session.form_key}; Path=/"),
            ),
        )

    def check_form_key(self, session: Session, headers: Mapping[str, str]) -> None:
        """A change must come from a page of Splunk Web: other sites can neither read the cookie nor set headers."""
        given = headers.get("X-Splunk-Form-Key")
        if given != session.form_key or _cookies(headers).get(self.form_key_cookie) != session.form_key:
            raise Refused(403, "CSRF validation failed")
        if headers.get("X-Requested-With") != "XMLHttpRequest":
            raise Refused(403, "CSRF validation failed: no XMLHttpRequest")


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("Cookie") or "").items()}
    except CookieError:
        return {}
