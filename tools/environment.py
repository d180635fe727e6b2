"""What the tools share: running a step so that its failure is told, and environments for the programs they need."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: what runs at once is not kept apart there
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent

EPOCH = 1767225600
"""The time that stands for every time in what is built: 2026-01-01 UTC."""


class StepFailure(Exception):
    """A step did not do what it has to. The text says which and why."""


def say(text: str) -> None:
    """Tell the person at the terminal what is going on."""
    sys.stderr.write(f"{Path(sys.argv[0]).stem}: {text}\n")
    sys.stderr.flush()


def run(step: str, command: Sequence[str], good: Sequence[int] = (0,)) -> str:
    """Run a command and return what it wrote. Raises StepFailure, with the end of that, when it fails."""
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


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keep others out who take the same lock, until the end of the block or of the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def prepare(root: Path, name: str, requirements: Sequence[str] | Path, interpreter: str = sys.executable) -> str:
    """Return the Python of the environment .venv/<name> that has `requirements`, after making it if need be.

    Requirements are names with versions, or a file of them with the hash of everything that is installed. `interpreter`
    is the Python to make it with; one that was made with another and still runs is as good. The caller holds a lock.
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
    """Return whether an interpreter still works: the Python that an environment was made with may be gone."""
    try:
        return subprocess.run([str(python), "-c", ""], check=False, capture_output=True).returncode == 0  # noqa: S603
    except OSError:
        return False
