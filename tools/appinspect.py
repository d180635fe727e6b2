"""Inspect a package with AppInspect as Splunk's cloud does, and compare its warnings with those that are explained.

Ends with status 0 only without failures, without errors, and without warnings that docs/appinspect.md does not list
with the files that they may come from. AppInspect does not replace a security review: it does not find passwords in
code, and knows only some ways to turn certificate checks off.
"""

from __future__ import annotations

import argparse
import ctypes.util
import fnmatch
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from environment import ROOT, StepFailure, lock, prepare, run, say

REQUIREMENTS = ("splunk-appinspect==4.3.1",)

INCLUDED_TAGS = ("cloud", "private_victoria")

EXCLUDED_TAGS = ("check_aarch64_compatibility",)
"""A check that fails for every compiled library for x86_64, even next to the one for aarch64; not in the tags above."""

REPORT_STATUS = (0, 101, 102, 103, 104)
"""Exit statuses of a run that finished: clean, failures, errors, warnings only, future failures."""

_BAD_RESULTS = ("error", "failure", "future_failure")
_ROW = re.compile(r"\|\s*`(?P<check>\w+)`\s*\|\s*(?P<files>[^|]+)\|\s*(?P<reason>[^|]+)\|")


class Message(NamedTuple):
    """The message of a check, and the file of the add-on that it is about ("" for the complete add-on)."""

    check: str
    result: str
    file: str
    text: str


def main(arguments: Iterable[str]) -> int:
    """Run the inspection that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="appinspect.sh", description="Inspect the add-on's package.")
    parser.add_argument("package", type=Path, nargs="?", help="the .spl (default: the only one in dist/)")
    options = parser.parse_args(list(arguments))
    try:
        package = options.package.resolve() if options.package else only_package(ROOT / "dist")
        return report(inspect(package), explained(ROOT / "docs" / "appinspect.md"))
    except (StepFailure, OSError, KeyError, ValueError) as problem:
        sys.stderr.write(f"appinspect.sh: {problem}\n")
        return 1


def only_package(folder: Path) -> Path:
    """Return the package in a folder. Raises StepFailure if the folder does not have exactly one."""
    packages = sorted(folder.glob("*.spl"))
    if len(packages) != 1:
        raise StepFailure(f"{len(packages)} packages in {folder}: run ./package.sh, or name the package to inspect.")
    return packages[0]


def inspect(package: Path) -> dict[str, Any]:
    """Return AppInspect's report on a package."""
    with lock(ROOT / "build" / "appinspect.lock"):
        need_libmagic()
        python = prepare(ROOT, "appinspect", REQUIREMENTS)
    say(f"inspecting {package.name}")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "report.json"
        program = Path(python).with_name("splunk-appinspect")
        tags = [word for tag in INCLUDED_TAGS for word in ("--included-tags", tag)]
        tags += [word for tag in EXCLUDED_TAGS for word in ("--excluded-tags", tag)]
        form = ["--data-format", "json", "--output-file", str(file), "--max-messages", "all"]
        command = [str(program), "inspect", str(package), *tags, *form, "--skip-trusted-libraries-update", "--ci"]
        log = run("AppInspect", command, REPORT_STATUS)
        if not file.is_file():
            raise StepFailure(f"AppInspect wrote no report:\n{log}")
        return dict(json.loads(file.read_text(encoding="utf-8")))


def need_libmagic() -> None:
    """Install libmagic if it is missing and the user is root. Raises StepFailure with the command to install it
    otherwise."""
    if ctypes.util.find_library("magic"):
        return
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        run("Installing libmagic1", ["apt-get", "install", "--yes", "libmagic1"])
    else:
        raise StepFailure("AppInspect needs the system library libmagic: install it (Debian: apt install libmagic1).")


def messages(report: dict[str, Any]) -> list[Message]:
    """Return the failures and warnings of a report, each once for each file."""
    checks = [check for part in report["reports"] for group in part["groups"] for check in group["checks"]]
    found = []
    for check in checks:
        if check["result"] in (*_BAD_RESULTS, "warning"):
            for message in check["messages"] or [{}]:
                file = message.get("message_filename")
                about = "" if file in (None, "None") else str(file)
                found.append(Message(check["name"], check["result"], about, message.get("message", "")))
    return found


def explained(page: Path) -> dict[str, list[str]]:
    """Return the checks whose warnings the page explains, each with patterns of the files they may come from."""
    rows = [_ROW.match(line) for line in page.read_text(encoding="utf-8").splitlines()]
    return {row["check"]: re.findall(r"`([^`]+)`", row["files"]) for row in rows if row and row["reason"].strip()}


def unexplained(found: Sequence[Message], known: dict[str, list[str]]) -> list[Message]:
    """Return the failures, the errors, and the warnings that are not listed for their file."""
    return [
        message
        for message in found
        if message.result in _BAD_RESULTS
        or message.check not in known
        or (message.file and not any(fnmatch.fnmatch(message.file, pattern) for pattern in known[message.check]))
    ]


def report(result: dict[str, Any], known: dict[str, list[str]]) -> int:
    """Print the result; return the exit status."""
    found = messages(result)
    for message in unexplained(found, known):
        sys.stderr.write(f"{message.result}: {message.check}: {message.file}: {message.text}\n")
    summary = result["summary"]
    counts = ", ".join(f"{summary[name]} {name}" for name in (*_BAD_RESULTS, "warning", "success"))
    warned = {message.check for message in found}
    for check in sorted(set(known) - warned):
        sys.stderr.write(f"docs/appinspect.md explains {check}, which no longer warns.\n")
    good = summary["success"] > 0 and not unexplained(found, known) and not set(known) - warned
    sys.stdout.write(f"AppInspect ({', '.join(INCLUDED_TAGS)}): {counts}; {'good' if good else 'NOT good'}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
