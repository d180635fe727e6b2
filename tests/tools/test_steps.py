"""Long runs: a step that does not end is ended and counts as failed, and a run without a passed test is no proof."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module of tools/, where `test` is tools/test.py and not the standard library's."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.delitem(sys.modules, "test", raising=False)
    module = __import__(name)
    monkeypatch.delitem(sys.modules, "test", raising=False)
    return module


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_step_passes_by_its_status_and_leaves_its_output_in_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = load("steps", monkeypatch)
    log = tmp_path / "log"
    good = steps.Step("good", "", python("import os; print(os.environ['MORE'])"), 1, {"MORE": "told"})
    assert steps.take(good, log).outcome == "passed"
    assert log.read_text() == "told\n"
    assert steps.take(steps.Step("bad", "", python("raise SystemExit(3)"), 1)).outcome == "failed"
    loud = steps.Step("loud", "", python("print('early\\n' * 9 + 'why it failed'); raise SystemExit(3)"), 1)
    assert steps.take(loud, log).outcome == "failed"
    assert "why it failed" in capsys.readouterr().err
    assert steps.take(steps.Step("none", "", [str(tmp_path / "missing")], 1)).outcome == "failed"


def test_a_step_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = load("steps", monkeypatch)
    held, other = os.pipe()
    os.set_inheritable(other, True)
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], pass_fds=[{other}], stdin={held})"
    )
    os.set_inheritable(held, True)
    monkeypatch.setattr(steps.subprocess, "Popen", passing(steps.subprocess.Popen, (held, other)))
    result = steps.take(steps.Step("endless", "", python(code), 0.01))
    os.close(other)
    assert result.outcome == "stopped"
    # Nobody holds the other end any more.
    assert os.read(held, 1) == b""
    os.close(held)


def passing(popen: type, descriptors: tuple[int, ...]) -> object:
    """Return Popen with descriptors that the process inherits."""

    def start(*arguments: object, **options: object) -> object:
        return popen(*arguments, pass_fds=descriptors, **options)

    return start


def test_the_table_names_every_step_with_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = load("steps", monkeypatch)
    results = [
        steps.Result(steps.Step("one", "", [], 1), "passed", 1.4),
        steps.Result(steps.Step("other", "", [], 1), "stopped", 90.0),
    ]
    rows = [re.split(r" *\| *", line) for line in steps.table(results).splitlines()]
    assert rows[0] == ["step", "result", "seconds"]
    assert rows[2:] == [["one", "passed", "1"], ["other", "stopped", "90"]]


@pytest.mark.parametrize(("commands", "status"), [(["pass"], 0), (["pass", "raise SystemExit(1)", "pass"], 1), ([], 1)])
def test_a_night_passes_only_when_every_step_has(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    commands: list[str],
    status: int,
) -> None:
    nightly, steps = load("nightly", monkeypatch), load("steps", monkeypatch)
    monkeypatch.setattr(nightly, "FOLDER", tmp_path / "nightly")
    taken = [steps.Step(f"step{number}", "", python(code), 1) for number, code in enumerate(commands)]
    assert nightly.run(taken, "package.spl") == status
    table = capsys.readouterr().out
    assert table.count("passed") + table.count("failed") == len(commands)
    if commands:
        assert (tmp_path / "nightly" / "results.txt").read_text() == table


def test_the_page_says_of_every_step_what_the_night_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    nightly = load("nightly", monkeypatch)
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8").partition("## Which proof runs when")[2]
    named = set(re.findall(r"`tools/nightly` \(([\w., -]+)\)", page))
    assert {name for one in named for name in one.split(", ")} == {step.name for step in nightly.STEPS}


def test_the_last_line_counts_all_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ci = load("ci", monkeypatch)
    for number, counts in enumerate(
        ('tests="9" failures="1" errors="1" skipped="2"', 'tests="3" failures="0" errors="0" skipped="0"')
    ):
        (tmp_path / f"{number}.xml").write_text(f"<testsuites><testsuite {counts}/></testsuites>")
    counts = ci.counted(sorted(tmp_path.glob("*.xml")))
    assert counts == Counter(failed=2, passed=8, skipped=2)
    assert ci.summary(counts, 3725.5).strip("=\n") == " 2 failed, 8 passed, 2 skipped in 3725.50s (1:02:05) "
    assert ci.summary(Counter(), 1.0).strip("=\n") == " no tests ran in 1.00s (0:00:01) "


@pytest.mark.parametrize(
    ("report", "outcome", "status"),
    [('tests="1"', "passed", 0), ('tests="0"', "passed", 1), (None, "passed", 1), ('tests="1"', "failed", 1)],
)
def test_what_runs_before_a_change_lands_never_passes_without_a_test(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    report: str | None,
    outcome: str,
    status: int,
) -> None:
    ci, steps = load("ci", monkeypatch), load("steps", monkeypatch)
    monkeypatch.setattr(ci, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(ci, "OFFICIAL", tmp_path / "official.xml")
    monkeypatch.setattr(ci, "find_pythons", lambda versions: dict.fromkeys(versions, ""))

    def run() -> list[object]:
        if report is not None:
            (tmp_path / "results").mkdir()
            (tmp_path / "results" / "3.13.xml").write_text(f"<testsuites><testsuite {report}/></testsuites>")
        return [steps.Result(steps.Step("tests", "", [], 1), outcome, time.monotonic())]

    monkeypatch.setattr(ci, "run", run)
    assert ci.main() == status
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"=+ (1 passed|no tests ran) in [\d.]+s \(0:00:0\d\) =+", last)


@pytest.mark.parametrize(
    ("codes", "outcomes"),
    [
        (["pass", "pass", "pass"], {"tests": "passed", "one": "passed", "two": "passed", "fuzz": "passed"}),
        (["pass", "raise SystemExit(1)", "pass"], {"tests": "passed", "one": "failed", "fuzz": "passed"}),
        (["raise SystemExit(1)", "pass", "pass"], {"tests": "failed"}),
    ],
)
def test_fuzzing_goes_on_while_the_other_steps_run_and_its_output_is_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    codes: list[str],
    outcomes: dict[str, str],
) -> None:
    ci, steps = load("ci", monkeypatch), load("steps", monkeypatch)
    tests, *others = (steps.Step(name, "", python(code), 1) for name, code in zip(("tests", "one", "two"), codes))
    monkeypatch.setattr(ci, "TESTS", tests)
    monkeypatch.setattr(ci, "FUZZ", steps.Step("fuzz", "", python("print('no input', 'broke it')"), 1))
    monkeypatch.setattr(ci, "FUZZ_LOG", tmp_path / "fuzz.log")
    monkeypatch.setattr(ci, "steps_after_tests", lambda package: others)
    assert {one.step.name: one.outcome for one in ci.run()} == outcomes
    assert ("no input broke it" in capsys.readouterr().err) == ("fuzz" in outcomes)


def test_a_missing_python_ends_it_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ci = load("ci", monkeypatch)
    monkeypatch.setattr(ci, "find_pythons", lambda versions: {"3.13": "python3.13"})
    monkeypatch.setattr(ci, "run", lambda: pytest.fail("a step was taken"))
    assert ci.main() == 1
    assert "install Python 3.9 with" in capsys.readouterr().err
