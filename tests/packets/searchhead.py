"""A search head for the download: it runs searches as jobs by the evaluator, and hands requests to the handler.

It refuses what splunkd would refuse, and whatever else it does not expect.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from standins import loopback
from standins.places import APP
from standins.search import Indexed, Knowledge, spl
from standins.search.searched import Searched
from tests.package.confs import read_conf
from tests.packets.command import Command

STANZA = f"script:{APP}_packets"
TIMEOUT = 60
PARAMETERS = {
    *("search", "earliest_time", "latest_time", "exec_mode", "max_count", "auto_cancel", "timeout", "output_mode"),
}
RESULTS = {"output_mode": ["csv"], "count": ["0"]}
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


@dataclass
class Job:
    """A search of a user: what splunkd says of it, question by question, and its rows."""

    user: str
    states: list[dict[str, Any]]
    fields: list[str] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """Return the next state; the last one stays."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def csv(self) -> bytes:
        """Return the rows as splunkd gives them as CSV: nothing at all where there are none."""
        if not self.rows:
            return b""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.fields, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            # Several values of a field are lines of one.
            writer.writerow({name: "\n".join(one) if isinstance(one, list) else one for name, one in row.items()})
        return text.getvalue().encode()


NOT_READY: dict[str, Any] = {}
"""splunkd answers with 204 and no content."""

RUNNING = {"dispatchState": "RUNNING", "isDone": False, "isFailed": False, "isFinalized": False, "messages": []}
DONE = {**RUNNING, "dispatchState": "DONE", "isDone": True}


class SearchHead:
    """Listens on a free port of 127.0.0.1 until `close`. `visible` are the events that each user may search, by token.

    `searches` are the searches that ran, with their users; `canceled` is how many of them were canceled. What follows
    is set by tests: `endless`, searches run until they are canceled; `deaf`, requests to cancel get no answer;
    `state`, what splunkd says of a job that it is done with; `found`, rows in place of those of the search; `results`,
    the text that is sent in place of rows; `stalled`, after that text nothing follows, and the connection stays.
    """

    def __init__(self, knowledge: Knowledge, visible: Mapping[str, tuple[str, Sequence[Indexed]]]) -> None:
        self.reset()
        self._users = {token: user for token, (user, _) in visible.items()}
        self._data = {user: Searched(knowledge, events) for user, events in visible.values()}
        outer = self

        class Handler(loopback.SplunkHandler):
            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                answer = outer.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
                if answer is None:
                    outer.released.wait(TIMEOUT)
                    return
                status, content = answer
                self.send_response(status)
                longer = outer.stalled and "/results" in self.path
                self.send_header("Content-Length", str(len(content) + longer))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)
                if longer:
                    self.wfile.flush()
                    outer.released.wait(TIMEOUT)

        self._server = loopback.Server(Handler)

    def reset(self) -> None:
        """Forget all jobs, and whatever a test has set."""
        self.searches: list[tuple[str, str]] = []
        self.jobs: dict[str, Job] = {}
        self.canceled = 0
        self.endless = self.deaf = self.stalled = False
        self.state: Mapping[str, Any] = {}
        self.found: list[Mapping[str, Any]] | None = None
        self.results: bytes | None = None
        self.released = threading.Event()

    @property
    def uri(self) -> str:
        return self._server.uri

    def close(self) -> None:
        self.released.set()
        self._server.close()

    def answer(self, method: str, path: str, authorization: str, body: str) -> tuple[int, bytes] | None:
        """Return status and content of an answer, None where there is none."""
        scheme, _, token = authorization.partition(" ")
        user = self._users.get(token)
        if scheme != "Splunk" or user is None:
            return 401, b""
        url = urlsplit(path)
        below = f"/servicesNS/{user}/{APP}/search/v2/jobs"
        if not url.path.startswith(below):
            return 404, b""
        sid, _, what = url.path[len(below) :].lstrip("/").partition("/")
        asked = parse_qs(body or url.query, strict_parsing=True)
        if not sid:
            return self._begin(user, asked) if method == "POST" else (405, b"")
        job = self.jobs.get(unquote(sid))
        if job is None or job.user != user:
            return 404, b'{"messages":[{"type":"FATAL","text":"Unknown sid."}]}'
        return self._of_a_job(unquote(sid), job, f"{method} {what}", asked)

    def _begin(self, user: str, asked: Mapping[str, list[str]]) -> tuple[int, bytes]:
        given = {name: values[0] for name, values in asked.items()}
        if set(given) != PARAMETERS or (given["output_mode"], given["exec_mode"]) != ("json", "normal"):
            return 400, b""
        if not all(given[name].isdecimal() for name in ("max_count", "auto_cancel", "timeout")):
            return 400, b""
        self.searches.append((user, given["search"]))
        sid = f"{NOW:.0f}.{len(self.searches)}"
        job = self.jobs[sid] = Job(user, [NOT_READY, RUNNING])
        if not self.endless:
            self._run(job, given)
        return 201, json.dumps({"sid": sid}).encode()

    def _run(self, job: Job, given: Mapping[str, str]) -> None:
        times: dict[str, Any] = {"earliest": _seconds(given["earliest_time"]), "latest": _seconds(given["latest_time"])}
        try:
            if not given["search"].startswith("search "):
                raise spl.SplError("Unknown search command")
            found = spl.run(given["search"], self._data[job.user], now=NOW, **times)
        except spl.SplError as error:
            messages = [{"type": "FATAL", "text": str(error)}]
            job.states.append({**RUNNING, "dispatchState": "FAILED", "isFailed": True, "messages": messages})
            return
        rows: list[Mapping[str, Any]] = list(found.rows) if self.found is None else self.found
        job.rows = rows[: int(given["max_count"])]
        job.fields = sorted({name for row in job.rows for name in row})
        job.states.append({**DONE, "resultCount": len(job.rows), **self.state})

    def _of_a_job(self, sid: str, job: Job, request: str, asked: Mapping[str, list[str]]) -> tuple[int, bytes] | None:
        if request == "GET " and asked == {"output_mode": ["json"]}:
            state = job.state()
            return (200, json.dumps({"entry": [{"name": sid, "content": state}]}).encode()) if state else (204, b"")
        if request == "GET results" and asked == RESULTS:
            if job.states[0].get("isDone") is not True:
                return 204, b""
            return 200, job.csv() if self.results is None else self.results
        if request == "POST control" and asked == {"action": ["cancel"], "output_mode": ["json"]}:
            del self.jobs[sid]
            self.canceled += 1
            return None if self.deaf else (200, b'{"messages":[{"type":"INFO","text":"Search job cancelled."}]}')
        return 400, b""


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
