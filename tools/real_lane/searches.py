"""Running a search on splunkd as a job: begun, waited for, read, and canceled whatever happens."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

from environment import StepFailure

from .client import Content, Management, Refused, Unreachable, named

JOBS = "search/v2/jobs"

SPARE_ROWS = 1000


@dataclass(frozen=True)
class Done:
    """A search that has ended: how many seconds it took splunkd, its rows, and what was wrong, "" for nothing."""

    seconds: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""


class Searches:
    """Runs searches. A search may take `limit` seconds; it is asked for each `pause` seconds."""

    def __init__(self, management: Management, limit: float, pause: float) -> None:
        self._management = management
        self._limit = limit
        self._pause = pause

    def run(self, text: str, earliest: str = "0", latest: str = "", most: int = 10_000) -> Done:
        """Run a search and return its outcome; at most `most` rows are kept. Raises Unreachable."""
        begun = time.monotonic()
        form = {
            "search": command(text),
            "earliest_time": earliest,
            "latest_time": latest,
            "exec_mode": "normal",
            "max_count": str(most + SPARE_ROWS),
            "auto_cancel": "60",
        }
        try:
            sid = self._management.ask("POST", JOBS, {name: value for name, value in form.items() if value}).get("sid")
        except Refused as refused:
            return Done(time.monotonic() - begun, problem=str(refused))
        if not isinstance(sid, str) or not sid:
            raise Unreachable("splunkd's answer to a search has no sid.")
        job = named(JOBS, sid)
        try:
            return self._ended(job, begun)
        except Refused as refused:
            return Done(time.monotonic() - begun, problem=str(refused))
        finally:
            with contextlib.suppress(StepFailure):
                self._management.ask("POST", f"{job}/control", {"action": "cancel"})

    def _ended(self, job: str, begun: float) -> Done:
        """Wait for the end of a job, and read its rows."""
        while True:
            content = self._management.content(job)
            seconds = time.monotonic() - begun
            problem = problem_of(content)
            if problem:
                return Done(seconds, problem=problem)
            if content.get("dispatchState") == "DONE":
                rows = self._management.ask("GET", f"{job}/results", {"count": "0"}).get("results", [])
                took = content.get("runDuration")
                return Done(float(took) if isinstance(took, (int, float)) else seconds, rows)
            if seconds > self._limit:
                return Done(seconds, problem=f"it was not done after {self._limit:.0f} seconds, and was canceled")
            time.sleep(self._pause)


def command(text: str) -> str:
    """Return a search as the REST API takes it: it begins with a command, as a panel's search need not."""
    text = text.strip()
    return text if text.startswith(("|", "search ")) else f"search {text}"


def problem_of(content: Content) -> str:
    """Return what is wrong with a job, "" if nothing is: it failed, or there is a message of an error."""
    messages = content.get("messages") or []
    bad = [str(one.get("text")) for one in messages if one.get("type") in ("ERROR", "FATAL")]
    if bad:
        return " ".join(bad)
    if content.get("dispatchState") == "FAILED" or content.get("isFailed") in (True, 1, "1"):
        return "it failed, and splunkd does not say why"
    return ""
