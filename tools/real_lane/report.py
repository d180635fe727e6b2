"""What the lane says: lines while it runs, a table at the end, and all of it as JSON. No secret gets into any of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps import Result, Step, table

from .panels import Ran

PASSED, FAILED, SKIPPED, STOPPED, NOT_RUN = "passed", "failed", "skipped", "stopped", "not run"


@dataclass(frozen=True)
class Outcome:
    """How a step ended: its result, after how many seconds, and the sentence about it."""

    step: str
    result: str
    seconds: float
    text: str


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return a text without the secrets, as they are or as they stand in JSON."""
    for secret in secrets:
        for one in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(one, "***")
    return text


def as_table(outcomes: Sequence[Outcome]) -> str:
    """Return the table of step, result and seconds."""
    return table(Result(Step(one.step, one.text, [], 0.0), one.result, one.seconds) for one in outcomes)


def write_json(
    path: Path, splunk: dict[str, Any], outcomes: Sequence[Outcome], ran: Sequence[Ran], secrets: Iterable[str]
) -> None:
    """Write the report as JSON."""
    document = {
        "splunk": splunk,
        "steps": [
            {"step": one.step, "result": one.result, "seconds": round(one.seconds, 3), "text": one.text}
            for one in outcomes
        ],
        "searches": [one.as_json() for one in ran],
    }
    path.write_text(hidden(json.dumps(document, indent=2, ensure_ascii=False), secrets) + "\n", encoding="utf-8")


def status(outcomes: Sequence[Outcome]) -> int:
    """Return the exit code: 0 when something has passed and nothing has failed, was stopped, or was not run."""
    results = {one.result for one in outcomes}
    return int(PASSED not in results or bool(results & {FAILED, STOPPED, NOT_RUN}))
