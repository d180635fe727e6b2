"""splunkd's management port as far as an input reads from it: stanzas of confs, and storage/passwords, as JSON."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

from standins import loopback
from standins.places import APP
from standins.splunkd.replies import Entry, Feed, RestProblem, render_json, render_message

ACCOUNT_CONF = "ta_secure_firewall_estreamer_account"
SETTINGS_CONF = "ta_secure_firewall_estreamer_settings"
REALM = f"__REST_CREDENTIAL__#{APP}#configs/conf-{ACCOUNT_CONF}"
MASK = "******"
PIECE = 255
SEPARATOR = "``splunk_cred_sep``"
END_OF_PIECES = SEPARATOR.join(("", *"SPLUNK", ""))
SESSION_KEY = "not-a-real-session-key"

_LISTED = {"realm": REALM, "password": "********", "encr_password": "$7$invented"}
UNREADABLE: tuple[dict[str, str], ...] = (
    {**_LISTED, "username": f"old{SEPARATOR}1"},
    {**_LISTED, "username": f"old{SEPARATOR}1", "clear_password": ""},
    {**_LISTED, "username": f"old{SEPARATOR}1", "clear_password": "\x01\x02"},
    {**_LISTED, "username": "old", "clear_password": "not json"},
)
"""How splunkd lists a credential that it cannot decrypt, or that is not one of accounts as they are stored today."""


class Management:
    """Listens on a free port of 127.0.0.1 while it is used as a context.

    `refuse` gives the HTTP status for paths that contain its key; `garble` has parts of paths that are answered with
    `garbage`. `listed` has more entries of storage/passwords, as splunkd lists them. With a `context` it speaks TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.confs: dict[str, dict[str, dict[str, str]]] = {ACCOUNT_CONF: {}, SETTINGS_CONF: {}}
        self.secrets: dict[str, str] = {}
        self.refuse: dict[str, int] = {}
        self.garble: tuple[str, ...] = ()
        self.garbage = b'{"entry": ['
        self.listed: list[dict[str, str]] = []
        self.requests: list[str] = []
        outer = self

        class Handler(_Handler):
            management = outer

        self._server = loopback.Server(Handler, context)

    def __enter__(self) -> Management:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def uri(self) -> str:
        return self._server.uri

    def add_account(self, name: str, settings: Mapping[str, str], **secrets: str) -> None:
        """Store an account as the Configuration page does: secrets apart, in pieces, and masked in the conf."""
        self.confs[ACCOUNT_CONF][name] = {**settings, **dict.fromkeys(secrets, MASK)}
        self.secrets[name] = json.dumps(secrets)

    def answer(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return the body for a GET. Raises RestProblem."""
        self.requests.append(path)
        if query.get("output_mode") != "json":
            raise RestProblem(400, "Atom was asked for, which this stand-in does not have")
        for part, status in self.refuse.items():
            if part in path:
                raise RestProblem(status, "refused")
        if any(part in path for part in self.garble):
            return self.garbage
        collection, _, name = path.rpartition("/")
        if "/configs/conf-" in collection:
            conf = collection.rpartition("/conf-")[2]
            if name in self.confs.get(conf, {}):
                return render_json(Feed(f"configs/conf-{conf}", [Entry(name, self.confs[conf][name], APP)], 1))
        if path.endswith("/storage/passwords") and query["search"] == f"realm={REALM}":
            entries = [entry for user in self.secrets for entry in self._pieces(user)]
            return render_json(Feed("storage/passwords", self._with_those_listed(entries), len(entries)))
        raise RestProblem(404, f"There is nothing at {path}")

    def _with_those_listed(self, entries: list[Entry]) -> list[Entry]:
        """Return entries with those of `listed` beside them, or in place of those of the same name."""
        more = [Entry(f"{one['realm']}:{one['username']}:", one, APP) for one in self.listed]
        return [*more, *(one for one in entries if one.name not in {other.name for other in more})]

    def _pieces(self, user: str) -> list[Entry]:
        clear = self.secrets[user]
        pieces = [clear[start : start + PIECE] for start in range(0, len(clear), PIECE)]
        return [
            Entry(
                f"{REALM}:{user}{SEPARATOR}{number}:",
                {"realm": REALM, "username": f"{user}{SEPARATOR}{number}", "clear_password": piece},
                APP,
            )
            for number, piece in enumerate([*pieces, END_OF_PIECES], 1)
        ]


class _Handler(loopback.Handler):
    management: Management

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        parts = urlsplit(self.path)
        try:
            if self.headers.get("Authorization") != f"Splunk {SESSION_KEY}":
                raise RestProblem(401, "call not properly authenticated")
            status, body = 200, self.management.answer(unquote(parts.path), dict(parse_qsl(parts.query)))
        except RestProblem as problem:
            status, body = problem.status, render_message(problem.text, True)
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "Close")
        self.end_headers()
        self.wfile.write(body)
