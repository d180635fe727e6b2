"""The packages from npm that the tools use, as tests/dashboards/page/package-lock.json pins them.

They are installed into build/dashboards/, once for each state of the pins. npm follows its own settings and asks its
cache first, so that a filled cache serves a machine without a network.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from environment import ROOT, StepFailure, run, say

SOURCES = ROOT / "tests" / "dashboards" / "page"
BUILT = ROOT / "build" / "dashboards"

INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--prefer-offline")
"""No script of a package runs: the tools do not need them."""

PINS = ("package.json", "package-lock.json")


def place() -> Path:
    """Return the folder whose node_modules holds the pinned packages once they are installed."""
    return BUILT / f"packages-{state_of(SOURCES / pin for pin in PINS)}"


def installed() -> Path:
    """Return that folder, and install the packages first if necessary. The caller holds a lock. Raises StepFailure."""
    kept = place()
    if not kept.is_dir():
        if shutil.which("npm") is None:
            raise StepFailure("npm was not found: install Debian's packages nodejs and npm, or Node.js 20.")
        say("installing Splunk's dashboard packages, and what checks the page scripts")
        with tempfile.TemporaryDirectory(dir=BUILT) as scratch:
            made = Path(scratch) / "packages"
            made.mkdir()
            for pin in PINS:
                shutil.copyfile(SOURCES / pin, made / pin)
            run("Installing the packages from npm", [*INSTALL, "--prefix", str(made)])
            made.rename(kept)
    return kept


def state_of(files: Iterable[Path]) -> str:
    """Return a short name for the content of files."""
    found = hashlib.sha256()
    for file in sorted(files):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]
