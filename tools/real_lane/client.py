"""splunkd's management port, asked over a connection whose other end is always verified, and over no proxy."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode

from environment import StepFailure

from .settings import Settings

TIMEOUT = 120.0
"""Seconds without a byte: installing an app takes splunkd some of them."""

LONGEST_TEXT = 500
"""Characters of splunkd's own text that are passed on."""

APP = "TA_secure_firewall_estreamer"

Content = dict[str, Any]


class Refused(StepFailure):
    """splunkd has answered with an HTTP status that is a refusal."""

    def __init__(self, asked: str, status: int, text: str) -> None:
        super().__init__(f"splunkd refuses {asked} with HTTP status {status}: {text or '(it does not say why)'}")
        self.status = status


class Unreachable(StepFailure):
    """splunkd does not answer: the text says why, as far as that is known."""


def context_of(settings: Settings) -> ssl.SSLContext:
    """Return what verifies splunkd: its certificate is issued by one of `ca`, and names `server_name`.

    Splunk's own CA and certificate lack extensions that VERIFY_X509_STRICT asks for: `ssl.create_default_context` of
    Python 3.13 refuses them, so that a context is made without that flag. A name may stand in the subject alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if settings.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise StepFailure(f"{settings.ca} cannot be read as certificates in PEM: {error}") from None
    context.hostname_checks_common_name = True
    return context


class Management:
    """Asks splunkd in the name of whoever has logged in. Every method raises `Refused` or `Unreachable`.

    A path is below /servicesNS/nobody/<the add-on>/, or below /services/ if it begins with a slash.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = context_of(settings) if settings.address.scheme == "https" else None
        self._authorization = f"Bearer {settings.token}" if settings.token else ""

    def log_in(self) -> None:
        """Have splunkd open a session, unless there is a token."""
        if self._settings.token:
            return
        form = {"username": self._settings.user, "password": self._settings.password}
        self._authorization = ""
        try:
            key = self.ask("POST", "/auth/login", form).get("sessionKey")
        except Refused as refused:
            if refused.status == 401:
                raise StepFailure(
                    f"splunkd does not let {self._settings.user} log in: the user or the password is wrong."
                ) from None
            raise
        if not isinstance(key, str) or not key:
            raise Unreachable("The answer to the login has no session key: does splunkd listen there?")
        self._authorization = f"Splunk {key}"

    def content(self, path: str) -> Content:
        """Return the content of the only entity at a path, nothing where splunkd has none to show yet (HTTP 204)."""
        answer = self.ask("GET", path)
        return next(iter(_entries(path, answer).values()), {}) if answer else {}

    def entries(self, path: str) -> dict[str, Content]:
        """Return the contents of all entities at a path, by name."""
        return _entries(path, self.ask("GET", path, {"count": "0"}))

    def ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Content:
        """Send a request, its form in the body of a POST or else in the address; return the JSON of the answer."""
        body = urlencode({**(form or {}), "output_mode": "json"})
        target = f"/services{path}" if path.startswith("/") else f"/servicesNS/nobody/{APP}/{path}"
        asked = f"{method} {target}"
        headers = {"Authorization": self._authorization} if self._authorization else {}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            status, answer = self._send(method, target, body.encode("ascii"), headers)
        else:
            status, answer = self._send(method, f"{target}?{body}", None, headers)
        if status >= 400:
            raise Refused(asked, status, _text_of(answer))
        try:
            found = json.loads(answer) if answer else {}
        except ValueError:
            raise Unreachable(f"The answer to {asked} is not JSON: does splunkd listen there?") from None
        return found if isinstance(found, dict) else {}

    def _send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.read()
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(
                f"splunkd's certificate at {self._settings.address} is not accepted: {error.verify_message}. It has to "
                f"be issued by a CA in {self._settings.ca or 'the store of this system'} (--ca) and to name "
                f"{self._settings.server_name} (--server-name)."
            ) from None
        except (OSError, HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(f"{self._settings.address} does not answer: {why}.") from None
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        address = self._settings.address
        if self._context is None:
            return HTTPConnection(address.host, address.port, timeout=TIMEOUT)
        return _Verified(address.host, address.port, self._settings.server_name, self._context)


class _Verified(HTTPSConnection):
    """A connection whose other end has to show a certificate for `name`."""

    def __init__(self, host: str, port: int, name: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=TIMEOUT, context=context)
        self._name = name
        self._verifying = context

    def connect(self) -> None:
        """Connect, and verify who answers."""
        plain = socket.create_connection((self.host, self.port), TIMEOUT)
        try:
            self.sock = self._verifying.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise


def named(collection: str, name: str) -> str:
    """Return the path of an entity."""
    return f"{collection}/{quote(name, safe='')}"


def _entries(path: str, answer: Content) -> dict[str, Content]:
    try:
        return {str(one["name"]): dict(one["content"]) for one in answer["entry"]}
    except (LookupError, TypeError, ValueError):
        raise Unreachable(f"The answer of {path} lists no entities: does splunkd listen there?") from None


def _text_of(body: bytes) -> str:
    """Return what splunkd says in a refusal, in one line; "" if that cannot be read."""
    try:
        texts = [str(one["text"]) for one in json.loads(body)["messages"]]
    except (ValueError, LookupError, TypeError):
        return ""
    return " ".join(" ".join(texts).split())[:LONGEST_TEXT]
