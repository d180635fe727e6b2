"""Functions that the tools share: run a step and report its failure, and prepare environments for programs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such lock: run one tool at a time there
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent

EPOCH = 1767225600
"""The time that every file in a build gets: 2026-01-01 UTC."""


class StepFailure(Exception):
    """A step failed. The text names the step and the reason."""


def say(text: str) -> None:
    """Print a line about the progress for the person at the terminal."""
    sys.stderr.write(f"{Path(sys.argv[0]).stem}: {text}\n")
    sys.stderr.flush()


def run(step: str, command: Sequence[str], good: Sequence[int] = (0,)) -> str:
    """Run a command and return its output. Raises StepFailure with the end of the output if the command fails."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "SOURCE_DATE_EPOCH": str(EPOCH)}
    done = subprocess.run(  # noqa: S603 - the commands are the tools' own
        command,
        check=False,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode not in good:
        raise StepFailure(f"{step} failed with status {done.returncode}:\n{last_lines(done.stdout)}")
    return done.stdout


def last_lines(text: str, count: int = 30) -> str:
    """Return the end of a text."""
    return "\n".join(text.splitlines()[-count:])


def read_version(root: Path) -> str:
    """Return the version in app.manifest, which is the one place to change it."""
    version = json.loads((root / "app.manifest").read_text(encoding="utf-8"))["info"]["id"]["version"]
    if not re.fullmatch(r"\d{1,3}\.\d{1,3}\.\d{1,3}", version):
        raise StepFailure(f"app.manifest has the version {version!r}; it must read like 1.2.3.")
    return str(version)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock, for which other processes wait, until the end of the block or of the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def prepare(root: Path, name: str, requirements: Sequence[str] | Path, interpreter: str = sys.executable) -> str:
    """Return the Python of the environment .venv/<name> with `requirements`, and make the environment first if
    necessary.

    Requirements are names with versions, or a file of them with the hashes of all files that are installed.
    `interpreter` is the Python for a new environment; an environment that another Python made is used as long as it
    runs. The caller holds a lock.
    """
    folder = root / ".venv" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    marker = folder / "requirements"
    if isinstance(requirements, Path):
        wanted, first = requirements.read_text(encoding="utf-8"), f"what {requirements.name} lists"
        options = ["--require-hashes", "-r", str(requirements)]
    else:
        wanted, first, options = "\n".join([*requirements, ""]), requirements[0], list(requirements)
    if not (marker.is_file() and marker.read_text(encoding="utf-8") == wanted and _runs(python)):
        say(f"setting up .venv/{name}")
        if folder.exists():
            shutil.rmtree(folder)
        run(f"Creating .venv/{name}", [interpreter, "-m", "venv", str(folder)])
        run(f"Installing {first}", [str(python), "-m", "pip", "install", *options])
        marker.write_text(wanted, encoding="utf-8")
    return str(python)


def _runs(python: Path) -> bool:
    """Return whether an interpreter still works: the Python that made an environment may be gone."""
    try:
        return subprocess.run([str(python), "-c", ""], check=False, capture_output=True).returncode == 0  # noqa: S603
    except OSError:
        return False
