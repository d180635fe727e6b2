"""search/v2/jobs: searches as jobs, which are begun, asked for until they are done, read and canceled.

Who finds what a search finds is given: a `Search`. A job runs when it is begun. Asked for the first time it has nothing
to show (HTTP 204), then it is running, then done, so that nobody reads results who has not waited. Of the arguments of
a job those are known that this project's programs give.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .endpoints import Arguments
from .replies import Document, Entry, Feed, RestProblem

KNOWN = {
    "search",
    "earliest_time",
    "latest_time",
    "exec_mode",
    "max_count",
    "auto_cancel",
    "timeout",
    "max_time",
}

QUESTIONS = 3
"""The question at which a job says that it is done."""


@dataclass(frozen=True)
class Asked:
    """A search: its text without the leading command `search`, and its time range as it was given."""

    app: str
    text: str
    earliest: str
    latest: str


@dataclass(frozen=True)
class Found:
    """The result of a search: its columns, its rows, and the messages of splunkd, as type and text."""

    fields: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    messages: Sequence[tuple[str, str]] = ()
    failed: bool = False


Search = Callable[[Asked], Found]


@dataclass
class Job:
    """A search that has run; `questions` counts how often it was asked for."""

    search: str
    found: Found
    questions: int = field(default=0)


class SearchJobs:
    """The jobs of a splunkd. `search` may be replaced at any time; without one, searches are not played."""

    path = "search/v2/jobs"

    def __init__(self) -> None:
        self.search: Search | None = None
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Forget all jobs."""
        with self._lock:
            self._jobs.clear()

    def running(self) -> list[str]:
        """Return the searches of the jobs that nobody has canceled."""
        with self._lock:
            return [job.search for job in self._jobs.values()]

    def respond(self, method: str, app: str, rest: list[str], arguments: Arguments) -> Feed | Document:
        """Answer a request. Raises RestProblem."""
        if not rest and method == "POST":
            return self._begin(app, arguments)
        if not rest:
            raise RestProblem(501, "the stand-in lists no jobs")
        job = self._jobs.get(rest[0])
        if job is None:
            raise RestProblem(404, f"Unknown sid: {rest[0]}")
        if len(rest) == 1 and method == "GET":
            return self._state(rest[0], job)
        if rest[1:] == ["results"] and method == "GET":
            return self._results(job, arguments)
        if rest[1:] == ["control"] and method == "POST":
            return self._control(rest[0], arguments)
        raise RestProblem(404, "Not Found")

    def _begin(self, app: str, arguments: Arguments) -> Document:
        unknown = set(arguments) - KNOWN
        if unknown:
            raise RestProblem(400, f'Argument "{sorted(unknown)[0]}" is not supported by this handler.')
        if arguments.get("exec_mode", "normal") != "normal":
            raise RestProblem(501, "the stand-in runs searches with exec_mode normal only")
        text = arguments.get("search", "").strip()
        if text.startswith("search "):
            text = text[len("search ") :]
        elif not text.startswith("|"):
            raise RestProblem(400, f"a search begins with a command or with a pipe, not {text[:20]!r}")
        if self.search is None:
            raise RestProblem(501, "this stand-in was given nothing to search")
        asked = Asked(app, text, arguments.get("earliest_time", ""), arguments.get("latest_time", ""))
        job = Job(arguments["search"], self.search(asked))
        with self._lock:
            sid = f"1700000000.{next(self._numbers)}"
            self._jobs[sid] = job
        return Document({"sid": sid}, 201)

    def _state(self, sid: str, job: Job) -> Feed | Document:
        job.questions += 1
        if job.questions == 1:
            return Document({}, 204)
        done = job.questions >= QUESTIONS
        state = ("FAILED" if job.found.failed else "DONE") if done else "RUNNING"
        content = {
            "sid": sid,
            "dispatchState": state,
            "isDone": done,
            "isFailed": done and job.found.failed,
            "isFinalized": False,
            "resultCount": len(job.found.rows) if done else 0,
            "runDuration": 0.01,
            "messages": [{"type": kind, "text": text} for kind, text in job.found.messages] if done else [],
        }
        return Feed(self.path, [Entry(job.search, content)], 1)

    @staticmethod
    def _results(job: Job, arguments: Arguments) -> Document:
        unknown = set(arguments) - {"count", "offset"}
        if unknown:
            raise RestProblem(400, f'Argument "{sorted(unknown)[0]}" is not supported by this handler.')
        if job.questions < QUESTIONS or job.found.failed:
            raise RestProblem(501, "the stand-in gives no results of a job that is not known to be done")
        offset, count = int(arguments.get("offset", "0")), int(arguments.get("count", "100"))
        rows = job.found.rows[offset : offset + count if count else None]
        content = {
            "preview": False,
            "init_offset": offset,
            "messages": [],
            "fields": [{"name": name} for name in job.found.fields],
            "results": [dict(row) for row in rows],
        }
        return Document(content)

    def _control(self, sid: str, arguments: Arguments) -> Document:
        if dict(arguments) != {"action": "cancel"}:
            raise RestProblem(501, "the stand-in cancels jobs, and controls them in no other way")
        with self._lock:
            self._jobs.pop(sid, None)
        return Document({"messages": [{"type": "INFO", "text": "Search job cancelled."}]})
