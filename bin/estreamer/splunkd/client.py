"""The only client of splunkd's management port: every request to it, those of libraries too, goes through this module.

One rule: no proxy, ever, whatever the environment says. Requests go by the standard library's `http.client`, as
splunk-sdk has it, which knows of no proxy, no netrc and no settings of the library `requests`; a proxy would be handed
the session key. Where the port requires a client certificate, splunkd's own is shown: see `own_certificate`.

Every failure is reported with the cause that was observed.
"""

from __future__ import annotations

import io
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any, Callable, NamedTuple
from urllib.parse import urlsplit

from splunklib import binding

from .. import printable
from ..errors import Problem, SessionRefused
from . import own_certificate

TIMEOUT = 30.0
"""Seconds without a byte: what Splunk Web gives splunkd (splunkdConnectionTimeout in web.conf)."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer: thousands of accounts with the largest files have less."""

LONGEST_TEXT = 500
"""Characters of splunkd's own text that are passed on."""

SECRET_CAPABILITIES = ("list_storage_passwords", "edit_storage_passwords")

RIGHTS = (
    f"Your role needs Splunk's capabilities {' and '.join(SECRET_CAPABILITIES)}, and access to this app's settings "
    "(metadata/local.meta). The roles admin and sc_admin have all of it."
)
"""What a user's role needs in addition to the add-on's capability, since handlers ask splunkd in the user's name."""

SECRETS = "storage/passwords"

NO_ANSWER = 502
"""The HTTP status that libraries get when splunkd has not answered, with a Problem's text."""

_PIECE = 65536

Handler = Callable[..., Mapping[str, Any]]


class Refused(Exception):
    """splunkd has answered a request with an HTTP status that is a refusal; `text` is its own, "" where it has none."""

    def __init__(self, path: str, status: int, text: str) -> None:
        super().__init__(f"{path}: HTTP status {status}")
        self.path = path
        self.status = status
        self.text = text

    def problem(self) -> Problem:
        """Return what the status means and what to do; see splunkd's REST API Reference for the statuses."""
        status = f"HTTP status {self.status}"
        if self.status == 402:
            return Problem(
                "splunkd_license",
                f"splunkd refuses {self.path} because of its license ({status}). Look under Settings > Licensing "
                "whether the license of this Splunk has expired, and whether it covers this feature.",
            )
        if self.status == 403:
            return Problem("splunkd_forbidden", f"splunkd does not allow {self.path} ({status}). {RIGHTS}")
        if self.status == 404:
            return Problem(
                "splunkd_not_found",
                f"splunkd has nothing at {self.path} ({status}). Check under Apps > Manage Apps that the add-on is "
                "enabled, and restart Splunk if the add-on was installed after Splunk was started.",
            )
        if self.status == 503:
            return Problem(
                "splunkd_unavailable", f"splunkd is not ready to answer ({status}). Is Splunk starting or stopping?"
            )
        said = f": {self.text}" if self.text else ""
        if self.status >= 500:
            return Problem(
                "splunkd_failed",
                f"splunkd failed to answer {self.path} ({status}{said}). Look for the reason in splunkd.log.",
            )
        return Problem("splunkd_refused", f"splunkd refuses {self.path} ({status}{said}).")


class Entry(NamedTuple):
    """An entity of splunkd: its name, and its content, whose values are whatever splunkd says."""

    name: str
    content: dict[str, Any]


class Address(NamedTuple):
    """Where splunkd's management port is."""

    scheme: str
    host: str
    port: int


def address_of(uri: str) -> Address:
    """Return the parts of splunkd's address. Raises ValueError for what is not `http(s)://host:port`."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.port or parts.username is not None:
        raise ValueError("not the address of a management port")
    return Address(parts.scheme, parts.hostname, parts.port)


class Client:
    """Asks the management port at `uri` in the name of a session, in the namespace of `owner` and `app`.

    A path is below that namespace, that of an entity as `named` gives it. `timeout` is in seconds without a byte.
    Raises ValueError for a text that is not an address. Every method raises `Refused` for a refusal, SessionRefused for
    a session key that splunkd does not take, and without a usable answer Problem `splunkd_unreachable`,
    `splunkd_timeout`, `splunkd_tls`, `splunkd_certificate_required`, `splunkd_answer_cut` or `splunkd_answer_invalid`.
    """

    def __init__(self, uri: str, session_key: str, app: str, owner: str = "nobody", timeout: float = TIMEOUT) -> None:
        given = {"token": session_key, "owner": owner, "app": app, **address_of(uri)._asdict()}
        self._context = binding.Context(handler=Transport(timeout), **given)
        self._in_pieces = Transport(timeout, complete=False)
        self._streaming_context = binding.Context(handler=self._in_pieces, **given)

    def content(self, path: str) -> dict[str, Any] | None:
        """Return the content of an entity; None where splunkd has no more to say of it yet than that (HTTP 204)."""
        answer = _send(self._context.get, path, {"output_mode": "json"})
        if answer.status == 204:
            return None
        found = _entries(answer.body.read())
        if len(found) != 1:
            raise _invalid(f"it has {len(found)} entries where one was asked for")
        return found[0].content

    def entries(self, path: str, **query: str) -> list[Entry]:
        """Return all entities of a collection, or the one that `path` names."""
        return _entries(self._ask(self._context.get, path, {"count": "0", "output_mode": "json", **query}))

    def post(self, path: str, form: Mapping[str, str]) -> None:
        """Create or change an entity."""
        self._ask(self._context.post, path, {"body": {**form, "output_mode": "json"}})

    def made(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Have something made, such as a search job, and return the answer of splunkd."""
        body = self._ask(self._context.post, path, {"body": {**form, "output_mode": "json"}})
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise _invalid("it is not the JSON that was asked for")
        return said

    def delete(self, path: str) -> None:
        """Remove an entity."""
        self._ask(self._context.delete, path, {"output_mode": "json"})

    def lines(self, path: str, query: Mapping[str, str], longest: int) -> Iterator[bytes]:
        """Yield what is at a path in lines of at most `longest` bytes, as they arrive."""
        body = _send(self._streaming_context.get, path, query).body
        reader = io.BufferedReader(body)
        try:
            while line := reader.readline(longest):
                yield line
        except (OSError, HTTPException) as error:
            raise self._in_pieces.problem(error) from None
        finally:
            body.close()

    @staticmethod
    def _ask(method: Callable[..., Any], path: str, arguments: Mapping[str, Any]) -> bytes:
        body: bytes = _send(method, path, arguments).body.read()
        return body


def _send(method: Callable[..., Any], path: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return method(path, **arguments)
    except binding.HTTPError as error:
        if error.status == 401:
            raise SessionRefused from None
        # What is asked of secrets may be quoted in the answer.
        text = "" if path.startswith(SECRETS) else text_of(error.body)
        raise Refused(SECRETS if path.startswith(SECRETS) else path, error.status, text) from None


def named(collection: str, name: str) -> str:
    """Return the path of an entity."""
    return f"{collection}/{name.replace('/', '%2F')}"


def text_of(body: bytes) -> str:
    """Return what splunkd says in a refusal, in one printable line; "" if that cannot be read."""
    try:
        text = json.loads(body)["messages"][0]["text"]
    except (ValueError, LookupError, TypeError):
        return ""
    return printable.line(text, LONGEST_TEXT).strip().rstrip(".")


def _entries(body: bytes) -> list[Entry]:
    try:
        found = json.loads(body)["entry"]
        entries = [Entry(one["name"], one["content"]) for one in found]
    except (ValueError, LookupError, TypeError):
        raise _invalid("it is not the JSON that was asked for") from None
    if not all(isinstance(one.name, str) and isinstance(one.content, dict) for one in entries):
        raise _invalid("it is not the JSON that was asked for")
    return entries


class Transport:
    """What splunk-sdk sends requests through: a `handler` in its words. Raises Problem without a usable answer.

    With `complete`, answers are read completely, so that a cut answer fails here. `timeout` is in seconds without a
    byte.
    """

    def __init__(self, timeout: float = TIMEOUT, *, complete: bool = True) -> None:
        self._timeout = timeout
        self._read: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _whole if complete else lambda answer: answer
        self._plain: Handler = binding.handler(timeout=timeout)
        self._with_certificate: Handler | None = None
        self._address = ""

    def __call__(self, url: str, message: Mapping[str, Any], **kwargs: Any) -> Mapping[str, Any]:
        """Send a request and return the answer in the form of splunk-sdk."""
        parts = urlsplit(url)
        self._address = parts.netloc
        try:
            return self._read((self._with_certificate or self._plain)(url, message))
        except (OSError, HTTPException) as error:
            context = None
            if parts.scheme == "https" and self._with_certificate is None:
                context = own_certificate.context_if_required(error)
            if context is None:
                raise self.problem(error) from None
        # Without a certificate splunkd did not accept the request: it is safe to send it again.
        return self._again(url, message, context)

    def problem(self, error: Exception) -> Problem:
        """Return what it means that a request fails with an error of the socket, of TLS or of HTTP."""
        if isinstance(error, ssl.SSLError) and not isinstance(error, TimeoutError):
            if self._with_certificate is not None:
                return own_certificate.not_accepted(error)
            return Problem(
                "splunkd_tls",
                f"The TLS connection to splunkd's management port {self._address} failed "
                f"({own_certificate.cause(error)}). Check enableSplunkdSSL, sslVersions and cipherSuite in the stanza "
                "[sslConfig] of server.conf.",
            )
        return _no_answer(f"splunkd's management port {self._address}", error, self._timeout)

    def _again(self, url: str, message: Mapping[str, Any], context: ssl.SSLContext) -> Mapping[str, Any]:
        self._with_certificate = binding.handler(timeout=self._timeout, verify=True, context=context)
        try:
            return self._read(self._with_certificate(url, message))
        except (OSError, HTTPException) as error:
            ended = isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)
            problem = own_certificate.not_accepted(error) if ended else self.problem(error)
            self._with_certificate = None
            raise problem from None


def _whole(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an answer with its body read. Raises IncompleteRead where it is cut, Problem where it is too large.

    Reads of a size do not notice a cut by themselves, and those without one have no bound.
    """
    lengths = [value for name, value in answer["headers"] if name.lower() == "content-length"]
    body = bytearray()
    try:
        while piece := answer["body"].read(_PIECE):
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise _invalid(f"it has more than {LARGEST_ANSWER >> 20} MiB")
    finally:
        answer["body"].close()
    if lengths and lengths[0].isdecimal() and len(body) < int(lengths[0]):
        raise IncompleteRead(bytes(0), int(lengths[0]) - len(body))
    return {**answer, "body": io.BytesIO(bytes(body))}


def _no_answer(port: str, error: Exception, timeout: float) -> Problem:
    """Return why the port did not answer."""
    if isinstance(error, ConnectionRefusedError):
        return Problem(
            "splunkd_unreachable",
            f"Nothing accepts connections at {port} (connection refused). Is Splunk starting or stopping?",
        )
    if isinstance(error, (TimeoutError, socket.timeout)):
        return Problem(
            "splunkd_timeout",
            f"No answer came from {port} for {timeout:.0f} seconds. splunkd is overloaded or hangs: look at the load "
            "of this machine and into splunkd.log.",
        )
    if isinstance(error, (RemoteDisconnected, IncompleteRead, ConnectionError)):
        how = "before the answer was complete" if isinstance(error, IncompleteRead) else "without an answer"
        return Problem(
            "splunkd_answer_cut",
            f"The connection to {port} ended {how}. Is Splunk stopping? If it runs, splunkd.log says why it ended the "
            "connection.",
        )
    if isinstance(error, HTTPException):
        return _invalid(f"it is not HTTP ({type(error).__name__})", port)
    why = getattr(error, "strerror", None) or type(error).__name__
    return Problem(
        "splunkd_unreachable",
        f"{port} cannot be reached: {why}. Check mgmtHostPort in web.conf, and this machine's network.",
    )


def _invalid(why: str, port: str = "splunkd's management port") -> Problem:
    return Problem(
        "splunkd_answer_invalid",
        f"The answer of {port} cannot be used: {why}. Check that splunkd, and nothing else, listens there "
        "(mgmtHostPort in web.conf), and whether it speaks TLS or not (enableSplunkdSSL in server.conf).",
    )


def route_libraries() -> None:
    """Have the clients that libraries make for themselves send their requests through a `Transport` too.

    solnlib, and splunktaucclib with it, use the library `requests` where Python has it, as Splunk's own does, and that
    one goes by proxies, netrc and CA bundles that the environment names.
    """
    from solnlib import splunk_rest_client  # noqa: PLC0415 - inputs, which start often, do without it

    def handler(context: Mapping[str, Any]) -> Handler:
        return _answering(Transport())

    splunk_rest_client._request_handler = handler


def _answering(transport: Transport) -> Handler:
    """Return a handler that answers for a splunkd that does not, since libraries quote what a refusal says."""

    def handler(url: str, message: Mapping[str, Any], **kwargs: Any) -> Mapping[str, Any]:
        try:
            return transport(url, message)
        except Problem as problem:
            body = json.dumps({"messages": [{"type": "ERROR", "text": problem.text}]}).encode("ascii")
            return {"status": NO_ANSWER, "reason": "Bad Gateway", "headers": [], "body": io.BytesIO(body)}

    return handler
