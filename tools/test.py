"""Run all checks: style, types, and the tests under Python 3.9 and 3.13, after setting up what they need.

Everything that is installed goes into .venv/; system packages are installed through apt when this runs as root, and
named otherwise. The package is built first, once, since many tests try the built one.
"""

from __future__ import annotations

import argparse
import glob
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path

from environment import ROOT, StepFailure, lock, prepare, run, say

VERSIONS = ("3.9", "3.13")
"""The Pythons that Splunk runs."""

PROGRAMS = {
    "chromium": "chromium",
    "iproute2": "ip",
    "nodejs": "node",
    "npm": "npm",
    "openssl": "openssl",
    "valgrind": "valgrind",
}
LIBRARIES = {"libmagic1": "magic"}
"""Debian's packages, and the program or library that shows that one is there."""

ONCE = ("tests/alerts", "tests/bench", "tests/browser", "tests/dashboards", "tests/searchtime")
"""Tests that take long and do not depend on the Python that Splunk runs: they run under the newest only."""

STUCK_ONCE = ("--reruns", "1", "--only-rerun", "no failure that a test reports")
"""A test whose process ended under it, since it hung (tests/conftest.py), runs once more; one that fails does not."""

STUCK = ROOT / "build" / "stuck"
"""Where a test that hung says where."""

PATIENCE = 45 * 60
"""Seconds that one check may take."""

STYLE = ("bench", "bin", "tests", "tools")
COVERAGE_WANTED = 90


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; return 0 when all of it passed."""
    parser = argparse.ArgumentParser(prog="test.sh", description="Run all checks, or some tests.")
    parser.add_argument("--python", choices=VERSIONS, help="only this Python, instead of all that are found")
    parser.add_argument("tests", nargs="*", help="folders, files or test names for pytest; then only these run")
    asked = parser.parse_args(arguments)
    try:
        return run_all(asked.python, asked.tests)
    except StepFailure as failure:
        say(str(failure))
        return 1


def run_all(only: str | None, tests: Sequence[str]) -> int:
    """Set up, check, test; return the number of what failed, at most 1."""
    install_system_packages()
    pythons = find_pythons((only,) if only else VERSIONS)
    requirements = read_requirements()
    with lock(ROOT / ".venv" / "test.lock"):
        environments = {version: prepare(ROOT, version, requirements, path) for version, path in pythons.items()}
    package = build_package()
    newest = environments[max(environments, key=lambda version: tuple(map(int, version.split("."))))]
    failed = [] if tests else [name for name, command in before_tests(newest) if not passes(name, command)]
    for version, python in environments.items():
        measured = not tests and python == newest
        wanted = list(tests) if python == newest else [name for name in tests if not runs_once(name)]
        if python != newest and (not tests or wanted != list(tests)):
            say(f"{' and '.join(ONCE)} run under the newest Python only, since they do not depend on it")
        if tests and not wanted:
            continue
        left_out = () if python == newest else ONCE
        if not passes(f"tests under Python {version}", pytest(python, wanted, measured, left_out), package):
            failed.append(f"tests under Python {version}")
        elif measured and not passes("coverage", coverage_report(python)):
            failed.append("coverage")
    say("failed: " + ", ".join(failed) if failed else f"all passed, under Python {' and '.join(environments)}")
    return int(bool(failed))


def runs_once(name: str) -> bool:
    """Return whether a folder, file or test (`file::test`) lies in a folder of `ONCE`."""
    path = Path(name.partition("::")[0]).resolve()
    return any(folder == path or folder in path.parents for folder in (ROOT / once for once in ONCE))


def read_requirements() -> list[str]:
    """Return the pinned packages that the tests, the stand-ins and the demo need."""
    return (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8").split()


def install_system_packages() -> None:
    """Install what is missing through apt, or say what is."""
    missing = [package for package, program in PROGRAMS.items() if shutil.which(program) is None]
    missing += [package for package, library in LIBRARIES.items() if find_library(library) is None]
    if not missing:
        return
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        run("Reading the list of system packages", ["apt-get", "update"])
        run(f"Installing {' '.join(missing)}", ["apt-get", "install", "-y", "--no-install-recommends", *missing])
    else:
        say(f"missing system packages, whose tests will fail: {' '.join(missing)}. Install them, or run this as root.")


def find_pythons(versions: Sequence[str]) -> dict[str, str]:
    """Return the interpreters of these versions; without any of them, the one that runs this."""
    found = {}
    for version in versions:
        path = find_python(version)
        if path is None:
            say(f"Python {version} was not found: the tests do not run under it here")
        else:
            found[version] = path
    return found or {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}


def find_python(version: str) -> str | None:
    """Return an interpreter of this version that really runs: on the path, or among pyenv's."""
    home = os.path.expanduser("~")
    candidates = [shutil.which(f"python{version}"), *glob.glob(f"{home}/.pyenv/versions/{version}.*/bin/python3")]
    code = f"import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return candidate
    return None


def build_package() -> str:
    """Build the package and return its path."""
    say("building the package")
    return run("Building the package", [str(ROOT / "package.sh")]).strip().splitlines()[-1]


def before_tests(python: str) -> list[tuple[str, list[str]]]:
    """Return what comes before all tests, by name: checks that run nothing of the add-on, and what takes too long in a
    test.
    """
    return [
        ("making the page that renders dashboards", [python, "tools/dashboards.py"]),
        ("ruff check", [python, "-m", "ruff", "check", *STYLE]),
        ("ruff format", [python, "-m", "ruff", "format", "--check", *STYLE]),
        ("mypy", [python, "-m", "mypy"]),
    ]


def pytest(python: str, tests: Sequence[str], measured: bool, left_out: Sequence[str]) -> list[str]:
    """Return the command that runs the tests, in parallel, without those that are left out."""
    for stale in ROOT.glob(".coverage*"):
        stale.unlink()
    runner = ["-m", "coverage", "run", "-m", "pytest"] if measured else ["-m", "pytest"]
    ignored = [f"--ignore={folder}" for folder in left_out]
    return [python, *runner, "-q", "-ra", "-n", "auto", *STUCK_ONCE, *ignored, *(tests or ["tests"])]


def coverage_report(python: str) -> list[str]:
    """Return the command that reports the lines that no test ran, and fails when they are too many."""
    combine = [python, "-m", "coverage", "combine", "-q"]
    subprocess.run(combine, cwd=ROOT, check=False)  # noqa: S603 - without data the report says so
    return [python, "-m", "coverage", "report", f"--fail-under={COVERAGE_WANTED}"]


def passes(name: str, command: Sequence[str], package: str | None = None) -> bool:
    """Run a check with its output shown; return whether it passed."""
    say(name)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if package is not None:
        environment["ESTREAMER_SPL"] = str(Path(ROOT, package))
    begun = time.monotonic()
    shutil.rmtree(STUCK, ignore_errors=True)
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=PATIENCE)  # noqa: S603
        passed = done.returncode == 0
    except subprocess.TimeoutExpired:
        say(f"{name}: stopped after {PATIENCE} s")
        passed = False
    for told in sorted(STUCK.glob("*.txt")):
        say(f"hung, and was ended: {told.read_text(encoding='utf-8')}")
    say(f"{name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - begun:.0f} s")
    return passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
