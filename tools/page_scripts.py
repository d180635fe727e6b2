"""Check the scripts of the pages with eslint, and with TypeScript's checker by the types in their JSDoc.

An argument names another folder of scripts to check. It may lie outside of the repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from environment import ROOT, StepFailure, lock
from node_packages import BUILT, installed

SCRIPTS = ROOT / "appserver" / "static" / "js" / "build" / "custom"
SETTINGS = ROOT / "tools" / "javascript"


def check(packages: Path, scripts: Path) -> int:
    """Check all scripts of a folder and show the findings; return 0 without findings."""
    environment = {**os.environ, "NODE_PATH": str(packages / "node_modules")}
    binaries = packages / "node_modules" / ".bin"
    eslint = [str(binaries / "eslint"), "--config", str(SETTINGS / "eslint.config.cjs"), "--max-warnings", "0", "."]
    with tempfile.TemporaryDirectory(dir=BUILT) as scratch:
        project = Path(scratch) / "tsconfig.json"
        project.write_text(json.dumps(project_of(scripts)), encoding="utf-8")
        commands = [eslint, [str(binaries / "tsc"), "--project", str(project)]]
        statuses = [
            subprocess.run(command, cwd=scripts, env=environment, check=False).returncode  # noqa: S603 - pinned
            for command in commands
        ]
    return int(any(statuses))


def project_of(scripts: Path) -> dict[str, object]:
    """Return a TypeScript project of all scripts of a folder, with the repository's settings."""
    include = [str(SETTINGS / "splunk_web.d.ts"), str(scripts / "*.js")]
    return {"extends": str(SETTINGS / "tsconfig.json"), "include": include}


def main(arguments: Sequence[str]) -> int:
    """Check the scripts of the folder that is named, or the add-on's; return the exit status."""
    scripts = Path(arguments[0]).resolve() if arguments else SCRIPTS
    try:
        with lock(BUILT / "lock"):
            packages = installed()
        return check(packages, scripts)
    except (StepFailure, OSError) as problem:
        sys.stderr.write(f"page_scripts: {problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
