"""Show the add-on at work: build it, prepare the environment of the demo, and run the demo.

If SPLUNK_HOME is set to a Splunk, the demo starts nothing: it shows how to install the package there instead.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from environment import ROOT, StepFailure, lock, prepare, run, say
from test import VERSIONS, find_pythons, read_requirements


def main(arguments: Sequence[str]) -> int:
    """Build, prepare, and run the demo; return its exit code."""
    try:
        package = os.environ.get("ESTREAMER_SPL") or build()
        splunk = find_splunk()
        if splunk is not None and not {"--help", "-h"} & set(arguments):
            explain_installation(splunk, package)
            return 0
        python = prepare_python()
    except StepFailure as failure:
        say(str(failure))
        return 1
    paths = os.pathsep.join([str(ROOT), str(ROOT / "bin"), str(ROOT / "tools")])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "ESTREAMER_SPL": package}
    command = [python, str(ROOT / "tools" / "demo_run.py"), *arguments]
    # Ctrl-C reaches the demo as well, which then prints its last lines: wait for them.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - this repository's own


def build() -> str:
    """Build the package and return its path."""
    say("building the package")
    return run("Building the package", [str(ROOT / "package.sh")]).strip().splitlines()[-1]


def find_splunk() -> Path | None:
    """Return the real Splunk that SPLUNK_HOME names, None without one."""
    named = os.environ.get("SPLUNK_HOME")
    if not named:
        return None
    if Path(named, "bin", "splunk").is_file():
        return Path(named)
    say(f"SPLUNK_HOME is {named}, which has no bin/splunk: the demo uses its stand-in for Splunk")
    return None


def explain_installation(splunk: Path, package: str) -> None:
    """Print how to install the package in a Splunk."""
    sys.stdout.write(
        f"""The package is {package}

Install it in the Splunk in {splunk}, in one of two ways:

  Splunk Web     Apps > Manage Apps > Install app from file, choose the package, then restart Splunk.
  Command line   {splunk}/bin/splunk install app {package}
                 {splunk}/bin/splunk restart

Then open the app "Secure Firewall eStreamer Add-on" and
  1. add an account on the Configuration page, with the PKCS#12 file of the client that you created on the FMC,
  2. add an input on the Inputs page,
  3. search: index=* sourcetype=cisco:sfw:estreamer | stats count by EventType

To see it work without Splunk, unset SPLUNK_HOME and run this again.
"""
    )


def prepare_python() -> str:
    """Return the Python of the environment of the tests, of the newest version that is found."""
    pythons = find_pythons(VERSIONS)
    version = max(pythons, key=lambda version: tuple(map(int, version.split("."))))
    with lock(ROOT / ".venv" / "test.lock"):
        return prepare(ROOT, version, read_requirements(), pythons[version])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
