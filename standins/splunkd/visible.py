"""Where a text can be seen that should be nowhere: secrets that lie about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .handlers import HandlerCall
from .ledger import LogLine
from .rest import Exchange


def in_files(secret: bytes, folder: Path) -> Iterator[str]:
    """Yield the paths of the files below a folder that have it in them."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    yield from (str(path) for path in files if secret in path.read_bytes())


def in_output(
    secret: str, lines: Sequence[LogLine], calls: Sequence[HandlerCall], exchanges: Sequence[Exchange]
) -> Iterator[str]:
    """Yield where it stands in what inputs, handlers and the REST API said."""
    for line in lines:
        if secret in line.text:
            yield f"stderr of {line.stanza}: {line.level}"
    for call in calls:
        if secret in call.stdout + call.stderr:
            yield f"output of {call.endpoint} {call.action}"
    for one in exchanges:
        if secret.encode("utf-8") in one.body:
            yield f"answer to {one.method} {one.path}"


def in_processes(secret: bytes, processes: Mapping[str, int | None]) -> Iterator[str]:
    """Yield where it stands in arguments and environments of processes, given by stanza."""
    for stanza, process in processes.items():
        folder = Path("/proc", str(process))
        for name in ("cmdline", "environ"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if secret in (folder / name).read_bytes():
                    yield f"{name} of {stanza}"
