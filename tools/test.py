"""Run all checks: style, types, and the tests under Python 3.9 and 3.13. Install their requirements first.

All Python packages go into .venv/. System packages are installed through apt if this runs as root; otherwise a message
names them. The add-on's package is built once, before the tests, since many tests use it. If a Python is missing, the
tests run under the other one, and the last line names it; with --all-pythons a missing Python is an error.
"""

from __future__ import annotations

import argparse
import glob
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from pathlib import Path

from environment import ROOT, StepFailure, lock, prepare, run, say
from node_packages import place

VERSIONS = ("3.9", "3.13")
"""The Pythons that Splunk runs."""

PROGRAMS = {
    "chromium": "chromium",
    "curl": "curl",
    "git": "git",
    "iproute2": "ip",
    "nodejs": "node",
    "npm": "npm",
    "openssl": "openssl",
    "tcpdump": "tcpdump",
    "valgrind": "valgrind",
}
LIBRARIES = {"libatomic1": "atomic", "libmagic1": "magic", "libpcre2-8-0": "pcre2-8"}
"""Debian's packages, each with a program or library that shows whether it is installed."""

FAST_PACKAGES = ("libpcre2-8-0", "openssl", "tcpdump")
"""The Debian packages that the fast tests need."""

ONCE = (
    "standins",
    "tests/alerts",
    "tests/bench",
    "tests/browser",
    "tests/dashboards",
    "tests/demo",
    "tests/docs",
    "tests/package",
    "tests/search",
    "tests/tools",
)
"""Tests that do not depend on the Python that Splunk runs: tests of stand-ins, pages, searches, the package and the
tools. They run under the newest Python only."""

FAST = (
    "tests/bookmark",
    "tests/docs",
    "tests/errors",
    "tests/events",
    "tests/packets",
    "tests/protocol",
    "tests/settings",
    "tests/tools",
)
"""Tests that start no server and no browser. Tests that need the package are left out as well."""

STUCK_ONCE = ("--reruns", "1", "--only-rerun", "no failure that a test reports")
"""A test runs once more if its process ended during the test, because it hung (tests/watchdog.py); a test that fails
does not."""

RESULTS = ROOT / "build" / "results"
"""The reports of the tests, in JUnit's form, one for each Python."""

STUCK = ROOT / "build" / "stuck"
"""The files in which a test that hung leaves the place."""

PATIENCE = 45 * 60
"""Seconds that one check may take."""

STYLE = ("additional_packaging.py", "bench", "bin", "conftest.py", "noxfile.py", "standins", "tests", "tools")
COVERAGE_WANTED = 90


def main(arguments: Sequence[str]) -> int:
    """Run the checks that the command line asks for; return 0 if all passed."""
    parser = argparse.ArgumentParser(prog="test.sh", description="Run all checks, or some tests.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--python", choices=VERSIONS, help="only this Python, instead of all that are found")
    choice.add_argument("--all-pythons", action="store_true", help="fail at once where one of the Pythons is missing")
    choice.add_argument(
        "--fast",
        action="store_true",
        help="style, types, and the tests that need no package, no browser and no server, under the newest Python: "
        "under a minute once the environment is there",
    )
    choice.add_argument("--style", action="store_true", help="style and types alone, under the newest Python")
    parser.add_argument("tests", nargs="*", help="folders, files or test names for pytest; then only these run")
    asked = parser.parse_args(arguments)
    if (asked.fast or asked.style) and asked.tests:
        parser.error("--fast has tests of its own, and --style has none")
    try:
        pythons = find_pythons((asked.python,) if asked.python else VERSIONS)
        if asked.all_pythons:
            require(pythons)
        if asked.fast or asked.style:
            return run_fast(pythons, () if asked.style else FAST)
        return run_all(pythons, asked.tests)
    except StepFailure as failure:
        say(str(failure))
        return 1


def run_fast(pythons: Mapping[str, str], tests: Sequence[str]) -> int:
    """Check style and types, and run tests that need no package under the newest Python; return 0 if all passed."""
    if tests:
        install_system_packages(FAST_PACKAGES)
    version = newest_of(pythons)
    python = prepare_all({version: pythons[version]})[version]
    pages = page_scripts(python) if place().is_dir() else {}
    checks = {**style(python), **pages}
    if tests:
        checks[f"fast tests under Python {version}"] = pytest(python, tests, more=("-m", "not package"))
    failed = [name for name, command in checks.items() if not passes(name, command)]
    if not pages:
        say("skipped: page scripts, since eslint and TypeScript are not installed. tools/page_scripts.py installs them")
    return told(failed, [version])


def run_all(pythons: Mapping[str, str], tests: Sequence[str]) -> int:
    """Install requirements, check, and test; return 0 if all passed."""
    install_system_packages()
    environments = prepare_all(pythons)
    newest = environments[newest_of(environments)]
    page = {"making the page that renders dashboards": [newest, "tools/dashboards.py"]}
    before = {} if tests else {**page, **style(newest), **page_scripts(newest)}
    # Each of them keeps one processor busy.
    with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
        building = side_by_side.submit(build_package)
        passed = list(side_by_side.map(passes, before, before.values()))
        package = building.result()
    failed = [name for name, good in zip(before, passed) if not good]
    for version, python in environments.items():
        measured = not tests and python == newest
        wanted = list(tests) if python == newest else [name for name in tests if not runs_once(name)]
        if python != newest and (not tests or wanted != list(tests)):
            say(f"{' and '.join(ONCE)} run under the newest Python only, since they do not depend on it")
        if tests and not wanted:
            continue
        more = [f"--junit-xml={RESULTS / version}.xml"]
        more += [] if python == newest else [f"--ignore={folder}" for folder in ONCE]
        if not passes(f"tests under Python {version}", pytest(python, wanted, more, measured), package):
            failed.append(f"tests under Python {version}")
        elif measured and not passes("coverage", coverage_report(python)):
            failed.append("coverage")
    return told(failed, list(environments))


def told(failed: Sequence[str], versions: Sequence[str]) -> int:
    """Print the checks that failed, or the Pythons under which all passed; return the exit status."""
    missing = [version for version in VERSIONS if version not in versions]
    without = f"; not run under Python {' and '.join(missing)}" if missing else ""
    passed = f"all passed, under Python {' and '.join(versions)}{without}"
    say("failed: " + ", ".join(failed) if failed else passed)
    return int(bool(failed))


def newest_of(versions: Iterable[str]) -> str:
    """Return the newest of some versions."""
    return max(versions, key=lambda version: tuple(map(int, version.split("."))))


def prepare_all(pythons: Mapping[str, str]) -> dict[str, str]:
    """Return the Python of the environment of each version, and make the environment first if necessary."""
    requirements = read_requirements()
    with lock(ROOT / ".venv" / "test.lock"):
        return {version: prepare(ROOT, version, requirements, path) for version, path in pythons.items()}


def runs_once(name: str) -> bool:
    """Return whether a folder, file or test (`file::test`) lies in a folder of `ONCE`."""
    path = Path(name.partition("::")[0]).resolve()
    return any(folder == path or folder in path.parents for folder in (ROOT / once for once in ONCE))


def read_requirements() -> list[str]:
    """Return the pinned packages that the tests, the stand-ins and the demo need."""
    return (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8").split()


def has_package(package: str) -> bool:
    """Return whether the program or library of a system package is installed."""
    if package in LIBRARIES:
        return find_library(LIBRARIES[package]) is not None
    return shutil.which(PROGRAMS[package]) is not None


def install_system_packages(wanted: Sequence[str] = (*PROGRAMS, *LIBRARIES)) -> None:
    """Install the missing ones of these packages through apt, or print their names."""
    missing = [package for package in wanted if not has_package(package)]
    if not missing:
        return
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        run("Reading the list of system packages", ["apt-get", "update"])
        run(f"Installing {' '.join(missing)}", ["apt-get", "install", "-y", "--no-install-recommends", *missing])
    else:
        say(f"missing system packages, whose tests will fail: {' '.join(missing)}. Install them, or run this as root.")


def require(pythons: Mapping[str, str]) -> Mapping[str, str]:
    """Return the interpreters. Raises StepFailure unless every version that Splunk runs is among them."""
    missing = [version for version in VERSIONS if version not in pythons]
    if missing:
        raise StepFailure(
            f"Everything has to pass under {' and '.join(VERSIONS)}: install Python {' and '.join(missing)} with "
            "the venv module, on the path or by pyenv."
        )
    return pythons


def find_pythons(versions: Sequence[str]) -> dict[str, str]:
    """Return the interpreters of these versions; if all are missing, the one that runs this."""
    found = {}
    for version in versions:
        path = find_python(version)
        if path is None:
            say(f"Python {version} was not found: the tests do not run under it here")
        else:
            found[version] = path
    return found or {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}


def find_python(version: str) -> str | None:
    """Return an interpreter of this version that can run: from the path, or from pyenv."""
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


def style(python: str) -> dict[str, list[str]]:
    """Return the checks that run no code of the add-on, by name."""
    return {
        "ruff check": [python, "-m", "ruff", "check", *STYLE],
        "ruff format": [python, "-m", "ruff", "format", "--check", *STYLE],
        "mypy": [python, "-m", "mypy"],
    }


def page_scripts(python: str) -> dict[str, list[str]]:
    """Return the check of the pages' scripts, by name. It needs the packages from npm, and installs them."""
    return {"page scripts": [python, "tools/page_scripts.py"]}


def pytest(python: str, tests: Sequence[str], more: Sequence[str] = (), measured: bool = False) -> list[str]:
    """Return the command that runs tests in parallel, with more options for pytest."""
    for stale in ROOT.glob(".coverage*"):
        stale.unlink()
    runner = ["-m", "coverage", "run", "-m", "pytest"] if measured else ["-m", "pytest"]
    parallel = ["-n", str(workers()), "--dist", "worksteal", *STUCK_ONCE]
    return [python, *runner, "-q", "-ra", *parallel, *more, *(tests or ["tests", "standins"])]


def workers() -> int:
    """Return the number of processes for tests: more than processors, since tests wait half of their time."""
    processors = os.cpu_count() or 1
    return processors + min(processors, 2)


def coverage_report(python: str) -> list[str]:
    """Return the command that reports the lines that no test ran, and fails if there are too many."""
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
