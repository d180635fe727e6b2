"""How AppInspect's report is held against the explanations in docs/appinspect.md."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from standins.places import ROOT

KNOWN = {"check_threads": ["lib/solnlib/*"], "check_scripts": []}


@pytest.fixture
def appinspect(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/appinspect.py."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import appinspect  # noqa: PLC0415 - only reachable with the path above

    return appinspect


def result(*checks: tuple[str, str, str]) -> dict[str, Any]:
    """Return a report with checks of a name, a result and the file that a message is about."""
    listed = [
        {"name": name, "result": outcome, "messages": [{"message": "text", "message_filename": file}]}
        for name, outcome, file in checks
    ]
    counts = dict.fromkeys(("error", "failure", "future_failure", "warning"), 0)
    return {"reports": [{"groups": [{"checks": listed}]}], "summary": {**counts, "success": 1}}


EXPLAINED = (("check_threads", "warning", "lib/solnlib/pool.py"), ("check_scripts", "warning", "None"))


def test_explained_warnings_are_good(appinspect: ModuleType) -> None:
    assert appinspect.report(result(*EXPLAINED, ("check_other", "success", "None")), KNOWN) == 0


@pytest.mark.parametrize(
    "check",
    [
        ("check_other", "warning", "bin/estreamer/tls.py"),
        ("check_threads", "warning", "bin/estreamer/tls.py"),
        ("check_threads", "failure", "lib/solnlib/pool.py"),
        ("check_other", "error", "None"),
        ("check_other", "future_failure", "None"),
    ],
)
def test_anything_else_is_told_and_not_good(
    appinspect: ModuleType, capsys: pytest.CaptureFixture[str], check: tuple[str, str, str]
) -> None:
    assert appinspect.report(result(*EXPLAINED, check), KNOWN) == 1
    assert f"{check[1]}: {check[0]}" in capsys.readouterr().err


def test_an_explanation_of_what_no_longer_warns_is_not_good(
    appinspect: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert appinspect.report(result(EXPLAINED[1]), KNOWN) == 1
    assert "check_threads, which no longer warns" in capsys.readouterr().err


def test_a_report_in_which_nothing_was_checked_is_not_good(appinspect: ModuleType) -> None:
    empty = {"reports": [], "summary": {"error": 0, "failure": 0, "future_failure": 0, "warning": 0, "success": 0}}
    assert appinspect.report(empty, {}) == 1


def test_the_page_is_understood(appinspect: ModuleType) -> None:
    known = appinspect.explained(ROOT / "docs/appinspect.md")
    assert known["check_for_modular_inputs"] == ["README/inputs.conf.spec"]
    assert known["check_for_python_script_existence"] == []
    assert len(known) > 5


def test_only_a_single_package_is_taken_unnamed(appinspect: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(appinspect.StepFailure, match="0 packages"):
        appinspect.only_package(tmp_path)
    (tmp_path / "a.spl").touch()
    assert appinspect.only_package(tmp_path) == tmp_path / "a.spl"
