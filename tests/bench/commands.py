"""Runs benchmarks as a person does, at a small size, and reads their tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from standins.places import ROOT


def bench(name: str, *arguments: str, package: Path | None = None) -> str:
    """Run `python -m bench.<name>` and return what it prints. Raises AssertionError if it fails."""
    # Coverage follows into other processes where it is told to; here it would be what is measured.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {**unmeasured, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "bin")])}
    if package is not None:
        environment["ESTREAMER_SPL"] = str(package)
    command = [sys.executable, "-m", f"bench.{name}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def tables(text: str) -> list[list[list[str]]]:
    """Return the rows of each table, without its head."""
    found: list[list[list[str]]] = []
    for block in text.split("\n\n"):
        rows = [line.strip("|").split("|") for line in block.splitlines() if line.startswith("|")]
        if rows:
            found.append([[cell.strip() for cell in row] for row in rows[2:]])
    return found


def number(cell: str) -> float:
    """Return the number that a cell begins with."""
    return float(cell.replace(",", "").split()[0])
