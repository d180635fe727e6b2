"""A search head for the download: it runs exported searches by the evaluator, and hands requests to the handler.

It refuses what splunkd would refuse, and whatever else it does not expect.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests import loopback
from tests.package.confs import read_conf
from tests.packets.command import Command
from tests.places import APP
from tests.searchtime import Indexed, Knowledge, spl
from tests.searchtime.searched import Searched

STANZA = f"script:{APP}_packets"
TIMEOUT = 60
PARAMETERS = {"search", "earliest_time", "latest_time", "output_mode", "preview"}
NOW = 1744760000.0

# What the driver of Splunk's persistent handlers does: the folder of the script on the path, one object, many requests.
DRIVER = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
module, _, name = sys.argv[2].partition(".")
handler = getattr(importlib.import_module(module), name)("", "")
for line in sys.stdin.buffer:
    sys.stdout.write(json.dumps(handler.handle(line)) + "\\n")
    sys.stdout.flush()
"""


class SearchHead:
    """Listens on a free port of 127.0.0.1 until `close`. `visible` are the events that each user may search, by token.

    `searches` are the searches that ran, with their users; `broken` is sent in place of results when it is set.
    """

    def __init__(self, knowledge: Knowledge, visible: Mapping[str, tuple[str, Sequence[Indexed]]]) -> None:
        self.searches: list[tuple[str, str]] = []
        self.broken: bytes | None = None
        self._users = {token: user for token, (user, _) in visible.items()}
        self._data = {user: Searched(knowledge, events) for user, events in visible.values()}
        outer = self

        class Handler(loopback.Handler):
            def do_POST(self) -> None:  # noqa: N802 - the base class's name
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, content = outer.answer(self.path, self.headers.get("Authorization", ""), body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

        self._server = loopback.Server(Handler)

    @property
    def uri(self) -> str:
        return self._server.uri

    def close(self) -> None:
        self._server.close()

    def answer(self, path: str, authorization: str, body: str) -> tuple[int, bytes]:
        scheme, _, token = authorization.partition(" ")
        user = self._users.get(token)
        if scheme != "Splunk" or user is None:
            return 401, b""
        asked = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
        if urlsplit(path).path != f"/servicesNS/{user}/{APP}/search/v2/jobs/export":
            return 404, b""
        if set(asked) != PARAMETERS or (asked["output_mode"], asked["preview"]) != ("json", "0"):
            return 400, b""
        self.searches.append((user, asked["search"]))
        if self.broken is not None:
            return 200, self.broken
        times = {"earliest": _seconds(asked["earliest_time"]), "latest": _seconds(asked["latest_time"])}
        try:
            if not asked["search"].startswith("search "):
                raise spl.SplError("Unknown search command")
            found = spl.run(asked["search"], self._data[user], now=NOW, **times)
        except spl.SplError as error:
            message = {"messages": [{"type": "FATAL", "text": str(error)}]}
            return 200, json.dumps(message).encode()
        lines = [json.dumps({"preview": False, "offset": n, "result": row}) for n, row in enumerate(found.rows)]
        return 200, "\n".join([*lines, '{"preview":false,"lastrow":true}', ""]).encode()


def _seconds(text: str) -> float:
    return {"now": NOW, "-24h": NOW - 86400}.get(text) or float(text)


class Endpoint:
    """The endpoint of the installed package as its restmap.conf has it, with its handler in a process that stays."""

    def __init__(self, command: Command, head: SearchHead) -> None:
        self.settings = read_conf(command.app.path / "default/restmap.conf")[STANZA]
        assert self.settings["scripttype"] == "persist"
        assert (command.app.path / "bin" / self.settings["script"]).is_file()
        self.logs = command.place.logs
        self._head = head
        self._process = subprocess.Popen(
            [str(command.place.python), "-c", DRIVER, str(command.app.path / "bin"), self.settings["handler"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env=command.place.environment(),
        )

    def ask(self, query: Mapping[str, str] | Sequence[tuple[str, str]], token: str, **changes: Any) -> dict[str, Any]:
        """Hand over a GET of the user `analyst` or `guest`, as the token says."""
        request = {
            "output_mode": "xml",
            "output_mode_explicit": False,
            "server": {"rest_uri": self._head.uri, "hostname": "stand", "servername": "stand", "guid": "0"},
            "query": [list(pair) for pair in (query.items() if isinstance(query, Mapping) else query)],
            "connection": {"src_ip": "127.0.0.1", "ssl": True, "listening_port": 8089},
            "session": {"user": token.partition("-")[0], "authtoken": token},
            "rest_path": self.settings["match"],
            "lang": "en-US",
            "method": "GET",
            "ns": {"app": APP},
            **changes,
        }
        return self.hand_over(json.dumps(request).encode())

    def hand_over(self, line: bytes) -> dict[str, Any]:
        """Hand over a request as it is."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        reply: dict[str, Any] = json.loads(self._process.stdout.readline())
        return reply

    def close(self) -> None:
        self._process.communicate(timeout=TIMEOUT)
