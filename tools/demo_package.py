"""The package that the demo shows."""

from __future__ import annotations

import os
from pathlib import Path

from environment import ROOT, StepFailure, run


def find_or_build() -> Path:
    """Return the package: the one that ESTREAMER_SPL names, else one that is built. Raises StepFailure."""
    given = os.environ.get("ESTREAMER_SPL")
    if not given:
        return Path(run("Building the package", [str(ROOT / "package.sh")]).strip().splitlines()[-1])
    package = Path(given).resolve()
    if not package.is_file():
        raise StepFailure(f"ESTREAMER_SPL names {given}, which is not there.")
    return package
