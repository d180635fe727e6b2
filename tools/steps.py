"""Steps of a long run: each with a limit of time, and a table of results at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from environment import ROOT, last_lines, say

SKIPPED = 77
"""The status of a command that had nothing to run with, as automake's test harness has it."""


@dataclass(frozen=True)
class Step:
    """A command that has to end with status 0 within `minutes`, and further variables for its environment.

    A step with `may_skip` may end with SKIPPED as well; its last lines say why.
    """

    name: str
    what: str
    command: Sequence[str]
    minutes: float
    variables: Mapping[str, str] = field(default_factory=dict)
    may_skip: bool = False


@dataclass(frozen=True)
class Result:
    """The outcome of a step, and its seconds.

    "passed", "skipped", "failed", or "stopped": at its limit, which counts as a failure.
    """

    step: Step
    outcome: str
    seconds: float


def take(step: Step, log: Path | None = None) -> Result:
    """Run a step, with its output in a log or shown. At its limit the step ends with all processes that it has
    started."""
    say(f"{step.name}: {step.what}")
    begun = time.monotonic()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **step.variables}
    with open(log or os.devnull, "wb") as file:
        output = None if log is None else file
        try:
            with subprocess.Popen(  # noqa: S603 - the commands are the tools' own
                step.command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
            ) as running:
                outcome = _end_of(running, step)
        except OSError as error:
            say(f"{step.name}: {error}")
            outcome = "failed"
    result = Result(step, outcome, time.monotonic() - begun)
    say(f"{step.name}: {outcome} after {result.seconds:.0f} s")
    if log is not None and outcome != "passed":
        say(f"{log} ends:\n{last_lines(log.read_text(encoding='utf-8', errors='replace'), 5)}")
    return result


def _end_of(running: subprocess.Popen[bytes], step: Step) -> str:
    """Wait for a step to end, or end it; return its outcome."""
    try:
        status = running.wait(step.minutes * 60)
        if status == SKIPPED and step.may_skip:
            return "skipped"
        return "failed" if status else "passed"
    except subprocess.TimeoutExpired:
        say(f"{step.name}: ended, since it took more than {step.minutes:g} minutes")
        return "stopped"
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)


def table(results: Iterable[Result]) -> str:
    """Return the results as a table: the step, its outcome, and its seconds."""
    rows = [("step", "result", "seconds"), *((one.step.name, one.outcome, f"{one.seconds:.0f}") for one in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:], ""])
