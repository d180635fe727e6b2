"""Run the long tests, one step after the other: those of which `.ci/run` runs only a tenth or nothing.

Each step has a limit of minutes and a log in build/nightly/. The table of results is printed at the end, and kept in
build/nightly/results.txt. Ends with status 0 if every step has passed or was skipped. A step is skipped, with the
reason, if it needs a system that this machine does not have.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace

from environment import ROOT, StepFailure, say
from steps import Result, Step, table, take
from test import VERSIONS, build_package, find_pythons, install_system_packages, prepare_all, require

FOLDER = ROOT / "build" / "nightly"
WHOLE = {"ESTREAMER_PROOF": "whole"}


def command(version: str, *names: str, workers: str = "auto") -> list[str]:
    """Return the command that runs tests under a Python of the prepared environments."""
    parallel = ["-n", workers, "--dist", "worksteal"]
    return [f".venv/{version}/bin/python", "-m", "pytest", "-q", "-ra", *parallel, *names]


STEPS = (
    *(
        Step(f"kills-{version}", "500 kills of the input", command(version, "tests/faults/test_kills.py"), 60, WHOLE)
        for version in VERSIONS
    ),
    *(
        Step(
            f"model-{version}",
            "10,000 random sequences of faults",
            command(version, "tests/faults/test_model.py", "-o", "timeout=3000"),
            60,
            {**WHOLE, "ESTREAMER_MODEL_SEQUENCES": "10000"},
        )
        for version in VERSIONS
    ),
    Step(
        "stamps",
        "fifty million events with stamps at random, a million of them through the package",
        command(
            "3.13", "tests/bookmark/test_clocks.py", "tests/endtoend/test_untrusted_numbers.py", "-o", "timeout=3000"
        ),
        60,
        WHOLE,
    ),
    Step(
        "upgrade",
        "version 0.1.0, built from history, is upgraded in place",
        command("3.13", "tests/endtoend/test_upgrade.py", "-o", "timeout=600"),
        20,
        WHOLE,
    ),
    Step(
        "mutants",
        "every line of the mapping broken once",
        command("3.13", "tests/search/test_mutants.py"),
        20,
        WHOLE,
    ),
    Step("bench-tests", "benchmarks keep their limits", command("3.13", "tests/bench", workers="0"), 20, WHOLE),
    Step("bench", "all benchmarks at full size", ["tools/run.sh", "bench.report", "--keep-page"], 60),
    Step("fuzz", "ten minutes of fuzzing", ["tools/fuzz.sh", "all", "600"], 20),
    Step("soak", "half an hour under faults", ["tools/run.sh", "bench.soak"], 45),
    Step("audit", "what ships, held against an advisory database", ["tools/audit.sh"], 5),
    Step("bare", ".ci/run on a bare machine", ["tools/bare.sh", ".ci/run"], 120),
    Step(
        "real-splunk",
        "the package in a real Splunk, where the environment names one and its credentials",
        ["tools/real_splunk", "--no-prompt"],
        240,
        may_skip=True,
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Run the steps that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="nightly", description="Run the long proofs.")
    parser.add_argument("--list", action="store_true", help="say which steps there are, and run none")
    parser.add_argument("--only", nargs="+", metavar="STEP", choices=[step.name for step in STEPS], help="run these")
    options = parser.parse_args(arguments)
    steps = [step for step in STEPS if not options.only or step.name in options.only]
    if options.list:
        sys.stdout.writelines(f"{step.name:<12} {step.what}, at most {step.minutes:g} minutes\n" for step in steps)
        return 0
    try:
        package = prepared()
    except StepFailure as failure:
        say(str(failure))
        return 1
    return run(steps, package)


def prepared() -> str:
    """Make the environments and the package that the steps need; return the package's path."""
    pythons = require(find_pythons(VERSIONS))
    install_system_packages()
    prepare_all(pythons)
    return build_package()


def run(steps: Sequence[Step], package: str) -> int:
    """Run the steps, print their table and keep it in a file; return 0 if at least one has passed and none failed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    results: list[Result] = []
    for step in steps:
        variables = {"ESTREAMER_SPL": package, **step.variables}
        results.append(take(replace(step, variables=variables), FOLDER / f"{step.name}.log"))
        (FOLDER / "results.txt").write_text(table(results), encoding="utf-8")
    sys.stdout.write(table(results))
    outcomes = {result.outcome for result in results}
    return int("passed" not in outcomes or not outcomes <= {"passed", "skipped"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
