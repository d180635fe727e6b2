"""splunkd's management port as far as an input reads from it: stanzas of confs, and storage/passwords."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

from tests import loopback
from tests.places import APP
from tests.splunkd.replies import Entry, Feed, RestProblem, render_atom, render_message

ACCOUNT_CONF = "ta_secure_firewall_estreamer_account"
SETTINGS_CONF = "ta_secure_firewall_estreamer_settings"
REALM = f"__REST_CREDENTIAL__#{APP}#configs/conf-{ACCOUNT_CONF}"
MASK = "******"
PIECE = 255
SEPARATOR = "``splunk_cred_sep``"
END_OF_PIECES = SEPARATOR.join(("", *"SPLUNK", ""))
SESSION_KEY = "not-a-real-session-key"


class Management:
    """Listens on a free port of 127.0.0.1 while it is used as a context.

    `refuse` gives the HTTP status for paths that contain its key; `garble` has parts of paths that are answered with
    what is no Atom.
    """

    def __init__(self) -> None:
        self.confs: dict[str, dict[str, dict[str, str]]] = {ACCOUNT_CONF: {}, SETTINGS_CONF: {}}
        self.secrets: dict[str, str] = {}
        self.refuse: dict[str, int] = {}
        self.garble: tuple[str, ...] = ()
        self.requests: list[str] = []
        outer = self

        class Handler(_Handler):
            management = outer

        self._server = loopback.Server(Handler)

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
        for part, status in self.refuse.items():
            if part in path:
                raise RestProblem(status, "refused")
        if any(part in path for part in self.garble):
            return b"<feed"
        collection, _, name = path.rpartition("/")
        if collection.endswith("/properties") and name in self.confs:
            return render_atom(Feed("properties", [], 0))
        if "/configs/conf-" in collection:
            conf = collection.rpartition("/conf-")[2]
            if name in self.confs[conf]:
                return render_atom(Feed(f"configs/conf-{conf}", [Entry(name, self.confs[conf][name], APP)], 1))
        if path.endswith("/storage/passwords") and query["search"] == f"realm={REALM}":
            entries = [entry for user in self.secrets for entry in self._pieces(user)]
            return render_atom(Feed("storage/passwords", entries, len(entries)))
        raise RestProblem(404, f"There is nothing at {path}")

    def _pieces(self, user: str) -> list[Entry]:
        clear = self.secrets[user]
        pieces = [clear[start : start + PIECE] for start in range(0, len(clear), PIECE)]
        return [
            Entry(
                f"{REALM}:{user}{SEPARATOR}{number}:".replace("://", r"\://"),
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
            status, body = problem.status, render_message(problem.text, False)
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "Close")
        self.end_headers()
        self.wfile.write(body)
