"""Show the add-on at work: set up what the demo needs, and run it.

With SPLUNK_HOME set to a Splunk, nothing is started: the demo builds the package and says how to install it there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from demo_options import parse
from demo_package import find_or_build
from environment import ROOT, StepFailure, lock, prepare, say
from test import VERSIONS, find_python, read_requirements


def main(arguments: Sequence[str]) -> int:
    """Say how to install in the Splunk that there is, or become the demo; return the exit code."""
    parse(arguments)
    try:
        splunk = find_splunk()
        if splunk is not None:
            say("building the package")
            sys.stdout.write(explain_installation(splunk, find_or_build()))
            return 0
        become_demo(prepare_python(), arguments)
    except StepFailure as failure:
        say(str(failure))
    return 1


def become_demo(python: str, arguments: Sequence[str]) -> NoReturn:
    """Let the demo take the place of this process, so that signals reach it without a go-between."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("", "bin", "tools"))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(python, [python, str(ROOT / "tools" / "demo_run.py"), *arguments], environment)  # noqa: S606


def find_splunk() -> Path | None:
    """Return the real Splunk that SPLUNK_HOME names, if it does."""
    named = os.environ.get("SPLUNK_HOME")
    if not named:
        return None
    if any(Path(named, "bin", name).is_file() for name in ("splunk", "splunk.exe")):
        return Path(named).absolute()
    say(f"SPLUNK_HOME is {named}, which has no bin/splunk: the demo uses its stand-in for Splunk")
    return None


def explain_installation(splunk: Path, package: Path) -> str:
    """Return how to install the package in a Splunk."""
    program = splunk / "bin" / "splunk"
    return f"""The package is {package}

Nothing was started or installed. To install it in the Splunk in {splunk}, take one of two ways:

  Splunk Web     Apps > Manage Apps > Install app from file, choose the package, then restart Splunk.
  Command line   {program} install app {package}
                 {program} restart

Then open the app "Secure Firewall eStreamer Add-on" and
  1. on the Configuration page, add an account, with the PKCS#12 file of the client that you created on the FMC,
  2. on the Inputs page, add an input,
  3. search: index=* sourcetype=cisco:sfw:estreamer | stats count by EventType

To see the add-on work without a Splunk, unset SPLUNK_HOME and run this again.
"""


def prepare_python() -> str:
    """Return the Python of the tests' environment. Raises StepFailure where the stand-in for Splunk cannot run."""
    if not hasattr(os, "pidfd_open"):
        raise StepFailure(
            "The stand-in for Splunk runs on Linux only. Build the package with ./package.sh and install it in a "
            "Splunk; README.md says how."
        )
    version, interpreter = find_interpreter()
    with lock(ROOT / ".venv" / "test.lock"):
        return prepare(ROOT, version, read_requirements(), interpreter)


def find_interpreter() -> tuple[str, str]:
    """Return a version that Splunk runs, and its Python: the one that runs this, else the newest that is found."""
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if running in VERSIONS:
        return running, sys.executable
    for version in reversed(VERSIONS):
        path = find_python(version)
        if path is not None:
            return version, path
    raise StepFailure(
        f"The add-on runs in Splunk's Python, which is {' or '.join(VERSIONS)}, and neither was found here, only "
        f"{running}. Install one of them (uv python install {VERSIONS[-1]}, pyenv install {VERSIONS[-1]}, or the "
        "system's package), put it on the path or name it in PYTHON, and run this again."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
