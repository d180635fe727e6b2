"""The corpus: a ZIP file for each target, whose members are inputs, named after their content.

A second file holds inputs that once broke a property, and only grows. The first file keeps inputs that reach code of
their own.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"
_DATE = (2026, 1, 1, 0, 0, 0)
"""The time of every member, so that the same inputs make the same file."""


def file_of(target: str) -> Path:
    """Return the file that holds a target's inputs."""
    return FOLDER / f"{target}.zip"


def broken_file_of(target: str) -> Path:
    """Return the file with the inputs that have broken a property of a target."""
    return FOLDER / f"{target}-broken.zip"


def read(target: str) -> list[bytes]:
    """Return a target's inputs, those that have broken a property first."""
    return [*_read(broken_file_of(target)), *_read(file_of(target))]


def _read(file: Path) -> list[bytes]:
    if not file.is_file():
        return []
    with zipfile.ZipFile(file) as packed:
        return [packed.read(name) for name in sorted(packed.namelist())]


def write(target: str, inputs: Iterable[bytes]) -> None:
    """Replace a target's inputs, except those that have broken a property."""
    _write(file_of(target), inputs)


def add_broken(target: str, inputs: Iterable[bytes]) -> None:
    """Keep inputs that have broken a property."""
    file = broken_file_of(target)
    _write(file, [*_read(file), *inputs])


def _write(file: Path, inputs: Iterable[bytes]) -> None:
    FOLDER.mkdir(exist_ok=True)
    named = {hashlib.sha256(data).hexdigest()[:16]: data for data in inputs}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(named):
            packed.writestr(zipfile.ZipInfo(name, _DATE), named[name], zipfile.ZIP_DEFLATED, 9)
