"""Run the checks that a change has to pass, step by step, under Python 3.9 and 3.13; the first failure ends the run.

The last line counts all tests that ran, as pytest does. A run without a passed test fails. Fuzzing keeps one processor
busy for a minute: it runs at the same time as the other steps after the tests, and its output follows theirs.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

from environment import ROOT, StepFailure, read_version, say
from package import APP
from steps import Result, Step, table, take
from test import RESULTS, VERSIONS, find_pythons, require

OFFICIAL = ROOT / "build" / "official" / "report.xml"

FUZZ_LOG = ROOT / "build" / "fuzz.log"

TESTS = Step("tests", "style, types, the tests under both Pythons", ["./test.sh", "--all-pythons"], 60)
FUZZ = Step("fuzz", "a minute of fuzzing", ["tools/fuzz.sh", "all", "60"], 10)


def steps_after_tests(package: str) -> list[Step]:
    """Return the steps that check a package."""
    return [
        Step("appinspect", "Splunk's inspection", ["tools/appinspect.sh", package], 10),
        Step("official", "Splunk's own tests of add-ons", ["tools/official_tests.sh", package], 20),
        Step("demo", "the demo", ["./demo.sh"], 10, {"ESTREAMER_SPL": package}),
    ]


def main() -> int:
    """Run all steps; return the exit status."""
    begun = time.monotonic()
    try:
        require(find_pythons(VERSIONS))
    except StepFailure as failure:
        say(str(failure))
        return 1
    shutil.rmtree(RESULTS, ignore_errors=True)
    OFFICIAL.unlink(missing_ok=True)
    results = run()
    sys.stderr.write(table(results))
    good = all(result.outcome == "passed" for result in results)
    counts = counted([*sorted(RESULTS.glob("*.xml")), *([OFFICIAL] if OFFICIAL.is_file() else [])])
    sys.stdout.write(summary(counts, time.monotonic() - begun))
    return int(not good or not counts["passed"])


def run() -> list[Result]:
    """Run the steps until one fails; return the results."""
    results = [take(TESTS)]
    if results[-1].outcome != "passed":
        return results
    package = ROOT / "dist" / f"{APP}-{read_version(ROOT)}.spl"
    with ThreadPoolExecutor(1) as meanwhile:
        fuzzing = meanwhile.submit(take, FUZZ, FUZZ_LOG)
        for step in steps_after_tests(str(package)):
            results.append(take(step))
            if results[-1].outcome != "passed":
                break
        results.append(fuzzing.result())
    sys.stderr.write(FUZZ_LOG.read_text(encoding="utf-8"))
    return results


def counted(reports: Sequence[Path]) -> Counter[str]:
    """Return the numbers of tests that failed, passed and were skipped, from reports in JUnit's format."""
    counts: Counter[str] = Counter()
    for report in reports:
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest wrote it
            failed, skipped = int(suite.get("failures", 0)) + int(suite.get("errors", 0)), int(suite.get("skipped", 0))
            counts.update(failed=failed, skipped=skipped, passed=int(suite.get("tests", 0)) - failed - skipped)
    return counts


def summary(counts: Counter[str], seconds: float) -> str:
    """Return the last line in the style of pytest: the number of tests with each outcome, and the time."""
    told = ", ".join(f"{counts[name]} {name}" for name in ("failed", "passed", "skipped") if counts[name])
    text = f" {told or 'no tests ran'} in {seconds:.2f}s ({timedelta(seconds=int(seconds))}) "
    return f"{text:=^80}\n"


if __name__ == "__main__":
    sys.exit(main())
