"""The part of splunkd's REST API that dashboards ask: search jobs, their results, and saved searches.

Jobs are done as soon as they are made. A search that the evaluator refuses answers 400 as splunkd does for one that it
cannot parse, so that its panel shows an error. What was asked is kept for the tests.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from standins import loopback
from standins.dashboards import View, resolve, results
from standins.search import spl
from standins.search.evals.times import relative
from standins.search.evals.values import text

_JOBS = re.compile(r".*/search/(?:v2/)?jobs(?:/([^/]+)(?:/(\w+))?)?$")
_SAVED = re.compile(r".*/saved/searches/([^/]+)(/dispatch)?$")

PRESETS = (("Last 24 hours", "-24h@h", "now"), ("Last 7 days", "-7d@h", "now"), ("Last 60 minutes", "-60m@m", "now"))
"""The time ranges that the time input names, as the Search app's times.conf has them."""


class Refused(Exception):
    """A request that is not answered; the text says why."""


@dataclass
class Job:
    """A search that has run."""

    sid: str
    label: str
    search: str
    result: spl.Result


@dataclass(frozen=True)
class Answer:
    """What was answered: the label of the job, the whole search, the number of rows, or what is wrong."""

    label: str
    search: str
    rows: int
    problem: str | None = None


@dataclass
class SearchHead:
    """Runs searches over data at a fixed time (seconds since 1970), and remembers each."""

    data: spl.Data
    now: float
    saved: Mapping[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    _jobs: dict[str, Job] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], spl.Result] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """Run searches again that have been run, since the data has changed."""
        with self._lock:
            self._known.clear()

    def create(self, asked: Mapping[str, str]) -> Job:
        """Run a search; `asked` has search, earliest_time, latest_time and label as the REST API names them."""
        search, label = asked["search"], asked.get("label", "")
        result = self._run(label, search, asked.get("earliest_time"), asked.get("latest_time"))
        with self._lock:
            job = Job(f"job_{next(self._numbers)}", label, search, result)
            self._jobs[job.sid] = job
        return job

    def job(self, sid: str) -> Job:
        """Return a job by its id."""
        if sid not in self._jobs:
            raise Refused(f"unknown job {sid}")
        return self._jobs[sid]

    def results(self, job: Job, search: str | None) -> spl.Result:
        """Return the rows of a job, or what a search that follows it makes of them."""
        if not search or not search.strip():
            self.answers.append(Answer(job.label, job.search, len(job.result.rows)))
            return job.result
        return self._run(job.label, search, None, None, job)

    def _run(self, label: str, search: str, earliest: str | None, latest: str | None, job: Job | None = None) -> Any:
        key = (search, earliest, latest, job.sid if job else None)
        shown = f"{job.search} {search}" if job else search
        with self._lock:
            if key not in self._known:
                try:
                    self._known[key] = spl.run(
                        search,
                        self.data,
                        earliest=self.seconds(earliest),
                        latest=self.seconds(latest),
                        now=self.now,
                        base=job.result if job else None,
                    )
                except spl.SplError as error:
                    self.answers.append(Answer(label, shown, 0, str(error)))
                    raise Refused(str(error)) from error
            result = self._known[key]
            if job:
                self.answers.append(Answer(label, shown, len(result.rows)))
            return result

    def seconds(self, modifier: str | None) -> float | None:
        """Return the time that a time modifier stands for; None for all time."""
        if modifier in (None, "", "0"):
            return None
        if modifier == "now":
            return self.now
        if re.fullmatch(r"\d+(\.\d+)?", modifier or ""):
            return float(modifier or "")
        if re.match(r"\d{4}-", modifier or ""):
            return datetime.fromisoformat((modifier or "").replace("Z", "+00:00")).timestamp()
        return float(relative(self.now, modifier or ""))


def asked(head: SearchHead, view: View, source: str, tokens: Mapping[str, str]) -> spl.Result:
    """Return what a data source of a dashboard brings with these tokens, its base before it."""
    chain: list[str] = []
    part = view.data_source(source)
    while part.kind == "ds.chain":
        chain.insert(0, resolve(part.options["query"], tokens))
        part = view.data_source(part.options["extend"])
    stated = view.definition.get("defaults", {}).get("dataSources", {})
    defaults = [stated.get(kind, {}).get("options", {}).get("queryParameters", {}) for kind in ("global", part.kind)]
    times = {**defaults[0], **defaults[1], **part.options.get("queryParameters", {})}
    query = head.saved[part.options["ref"]] if part.kind == "ds.savedSearch" else part.options["query"]
    tokens = {**tokens, **_set_by_results(head, view, query, tokens)}
    job = head.create(
        {
            "search": resolve(query, tokens),
            "label": part.name,
            **{f"{name}_time": resolve(value, tokens) for name, value in times.items()},
        }
    )
    return head.results(job, " ".join(chain))


def _set_by_results(head: SearchHead, view: View, query: str, tokens: Mapping[str, str]) -> dict[str, str]:
    """Return the tokens of a query that the first row of another search sets."""
    found = {name: (view.results[source].name, field) for name, (source, field) in results(query).items()}
    return {name: text(asked(head, view, source, tokens).rows[0][field]) for name, (source, field) in found.items()}


def columns(result: spl.Result, count: int, offset: int) -> dict[str, Any]:
    """Return rows as splunkd's output mode json_cols has them: everything is text, _time in ISO 8601."""
    rows = result.rows[offset : offset + count if count else None]
    return {
        "preview": False,
        "init_offset": offset,
        "messages": [],
        "fields": [{"name": name} for name in result.fields],
        "columns": [[_cell(name, row.get(name)) for row in rows] for name in result.fields],
        "post_process_count": len(result.rows),
    }


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, tuple):
        return list(value)
    if name == "_time" and not isinstance(value, str):
        return _iso(float(value))
    return text(value)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")


def _preset(label: str, earliest: str, latest: str) -> dict[str, Any]:
    content = {"label": label, "earliest_time": earliest, "latest_time": latest, "order": 1, "disabled": False}
    return {"name": label, "content": content}


def _entry(job: Job, now: float) -> dict[str, Any]:
    count = len(job.result.rows)
    return {
        "name": job.search,
        "published": _iso(now),
        "acl": {"app": "TA_secure_firewall_estreamer"},
        "content": {
            "sid": job.sid,
            "label": job.label,
            "dispatchState": "DONE",
            "doneProgress": 1,
            "isDone": True,
            "isFailed": False,
            "isFinalized": False,
            "isRealTimeSearch": False,
            "resultCount": count,
            "resultPreviewCount": count,
            "eventCount": count,
            "runDuration": 0.1,
            "messages": [],
        },
    }


class Handler(loopback.Handler):
    """Serves the page and the REST API. The server that it belongs to has `head` and `page`."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        address = urlsplit(self.path)
        asked = parse_qs(address.query)
        if address.path == "/page.js":
            self._send(200, (self.server.page / "page.js").read_bytes(), "text/javascript")
        elif "/splunkd/__raw/" in address.path:
            self._answer(address.path, asked)
        elif re.fullmatch(r"/en-US/app/\w+/\w+", address.path):
            self._send(200, (self.server.page / "page.html").read_bytes(), "text/html; charset=utf-8")
        else:
            self._send(404, b"", "text/plain")

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode("utf-8")
        self._answer(urlsplit(self.path).path, parse_qs(body, keep_blank_values=True))

    def _answer(self, path: str, given: Mapping[str, list[str]]) -> None:
        try:
            status, content = self._resource(unquote(path), given)
        except Refused as refused:
            status, content = 400, {"messages": [{"type": "FATAL", "text": str(refused)}]}
        self._send(status, json.dumps(content).encode("utf-8"), "application/json")

    def _resource(self, path: str, given: Mapping[str, list[str]]) -> tuple[int, Any]:
        head = self.server.head
        if found := _SAVED.match(path):
            name = found.group(1)
            if name not in head.saved:
                raise Refused(f"unknown saved search {name}")
            if found.group(2):
                return 201, {"sid": head.create({"search": head.saved[name], "label": name}).sid}
            return 200, {"entry": [{"name": name, "content": {"search": head.saved[name], "is_scheduled": False}}]}
        if path.endswith("/search/timeparser"):
            return 200, {one: _iso(head.seconds(one) or 0) for one in given.get("time", [])}
        if path.endswith("/data/ui/times"):
            return 200, {"entry": [_preset(*one) for one in PRESETS]}
        if found := _JOBS.match(path):
            return self._job_resource(found.group(1), found.group(2), given)
        return 404, {"messages": [{"type": "ERROR", "text": f"Not played here: {path}"}]}

    def _job_resource(self, sid: str | None, endpoint: str | None, given: Mapping[str, list[str]]) -> tuple[int, Any]:
        head = self.server.head
        asked = {name: values[-1] for name, values in given.items()}
        if sid is None and self.command == "POST":
            return 201, {"sid": head.create(asked).sid}
        if sid is None:
            return 200, {"entry": [_entry(head.job(one), head.now) for one in given.get("id", [])]}
        job = head.job(sid)
        if endpoint in ("results", "results_preview"):
            result = head.results(job, asked.get("search"))
            return 200, columns(result, int(asked.get("count", 0)), int(asked.get("offset", 0)))
        return 200, {"messages": []} if endpoint == "control" else {"entry": [_entry(job, head.now)]}

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(loopback.Server):
    """A search head's web server, until it is closed."""

    def __init__(self, head: SearchHead, page: Path) -> None:
        self.head = head
        self.page = page
        super().__init__(Handler)
