"""Check the libraries that ship against an advisory database with pip-audit, and its findings against
docs/advisories.md.

Ends with status 0 only if the database knows every library, and that page explains every finding. A database that
cannot be reached, or that does not know a library, is a failure, although pip-audit itself exits with 0 then.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from environment import ROOT, StepFailure, last_lines, lock, prepare, say
from libraries import REQUIREMENTS, normal, read_requirements

TOOL = ("pip-audit==2.10.1",)
PAGE = ROOT / "docs" / "advisories.md"
_ROW = re.compile(r"^\| `([\w-]+)` \| (\S+) \| ([^|]+) \|$", re.MULTILINE)


def main(arguments: Iterable[str]) -> int:
    """Run the audit that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="audit.sh", description="Ask an advisory database about what ships.")
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="the database (default: pypi)")
    options = parser.parse_args(list(arguments))
    pinned = read_requirements((ROOT / REQUIREMENTS).read_text(encoding="utf-8"))
    try:
        with lock(ROOT / ".venv" / "audit.lock"):
            python = prepare(ROOT, "audit", TOOL)
        found = findings(audited(python, options.service, pinned), pinned)
    except StepFailure as failure:
        say(str(failure))
        return 1
    return report(found, explained(PAGE.read_text(encoding="utf-8")))


def audited(python: str, service: str, pinned: Mapping[str, str]) -> dict[str, Any]:
    """Return the report of pip-audit on these requirements. Raises StepFailure without a report."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "requirements.txt")
        file.write_text("\n".join([*pinned.values(), ""]), encoding="utf-8")
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        command = [python, "-m", "pip_audit", "--requirement", str(file), "--vulnerability-service", service, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        raise StepFailure(f"The advisory database was not reached:\n{last_lines(done.stderr)}") from None


def findings(answer: Mapping[str, Any], pinned: Mapping[str, str]) -> dict[str, tuple[str, set[str]]]:
    """Return the advisories by their first name: the library, and all names of the advisory.

    Raises StepFailure unless the database knows every pinned library.
    """
    listed = {normal(one["name"]): one for one in answer["dependencies"]}
    missing = [name for name in pinned if "vulns" not in listed.get(normal(name), {})]
    if missing or not pinned:
        reasons = {one["skip_reason"] for one in listed.values() if "skip_reason" in one}
        raise StepFailure(
            f"The advisory database was not reached, or does not know {', '.join(missing)}: nothing is proven.\n"
            + "\n".join(sorted(reasons))
        )
    return {
        vulnerability["id"]: (name, {vulnerability["id"], *vulnerability["aliases"]})
        for name, one in listed.items()
        for vulnerability in one["vulns"]
    }


def explained(page: str) -> dict[str, str]:
    """Return the advisories that the page explains, each with the library it is about."""
    return {row[0]: row[1] for row in _ROW.findall(page) if row[2].strip()}


def report(found: Mapping[str, tuple[str, set[str]]], known: Mapping[str, str]) -> int:
    """Print the findings; return 0 if each is explained."""
    unexplained = {
        name: library
        for name, (library, names) in found.items()
        if not any(normal(known.get(one, "")) == library for one in names)
    }
    for name, library in sorted(unexplained.items()):
        say(f"{library}: {name} is not explained in docs/advisories.md")
    for name in sorted(set(known) - {one for _, names in found.values() for one in names}):
        say(f"{known[name]}: the database does not name {name}, which docs/advisories.md explains")
    say(f"{len(found)} advisories, {len(unexplained)} of them not explained")
    return int(bool(unexplained))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
