"""Run Splunk's own tests of an add-on, pytest-splunk-addon, on a package; the search-time simulator stands for Splunk.

It prints the tests that the tool skips and the events that are missing in its samples, with the reasons. It writes only
into build/official/, also the report in JUnit's format.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from appinspect import only_package
from environment import ROOT, StepFailure, lock, prepare, say

REQUIREMENTS = (
    "pytest-splunk-addon==6.4.0",
    "pytest==7.4.4",
    "urllib3==1.26.20",
    "dpkt==1.9.8",
    "lark==1.3.1",
    "setuptools==80.9.0",
)
"""The tool, its own requirements that need old versions, and the requirements of the simulator: a parser, a decoder."""


def main(arguments: Sequence[str]) -> int:
    """Run the tests that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="official_tests.sh", description="Run Splunk's own tests of the add-on.")
    parser.add_argument("package", type=Path, nargs="?", help="the .spl or its folder (default: the only one in dist/)")
    options, rest = parser.parse_known_args(arguments)
    try:
        package = options.package.resolve() if options.package else only_package(ROOT / "dist")
        with lock(ROOT / ".venv" / "splunk-addon.lock"):
            python = prepare(ROOT, "splunk-addon", REQUIREMENTS)
    except StepFailure as failure:
        say(str(failure))
        return 1
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bin'}", "PYTHONDONTWRITEBYTECODE": "1"}
    work = ROOT / "build" / "official"
    command = [python, "-m", "tests.search.official", str(package), str(work), *rest]
    return subprocess.run(command, check=False, env=environment, cwd=ROOT).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
