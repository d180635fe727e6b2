"""List the tasks of noxfile.py, or run one: `./tasks.sh`, `./tasks.sh TASK [OPTIONS]`. All other options go to nox."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from environment import ROOT, StepFailure, lock, prepare, say

RUNNER = ROOT / "tools" / "nox.txt"


def command(python: str, arguments: Sequence[str]) -> list[str]:
    """Return the command that runs nox: the first argument may be a task, and the rest is for its script."""
    nox = [python, "-m", "nox", "--noxfile", str(ROOT / "noxfile.py")]
    if not arguments:
        return [*nox, "--list"]
    if arguments[0].startswith("-"):
        return [*nox, *arguments]
    return [*nox, "--session", arguments[0], "--", *arguments[1:]]


def main(arguments: Sequence[str]) -> int:
    """Run nox, and install it first if necessary; return its exit status."""
    try:
        with lock(ROOT / ".venv" / "nox.lock"):
            python = prepare(ROOT, "nox", RUNNER)
    except StepFailure as failure:
        say(str(failure))
        return 1
    return subprocess.run(command(python, arguments), cwd=ROOT, check=False).returncode  # noqa: S603 - pinned


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
