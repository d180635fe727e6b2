"""The audit of what ships passes only on an answer about every library, with every finding explained."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from standins.places import ROOT

PINNED = {"urllib3": "urllib3==1.26.20", "PySocks": "PySocks==1.7.1"}
KNOWN = {"CVE-1": "urllib3", "GHSA-2": "PySocks"}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/audit.py."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import audit  # noqa: PLC0415 - only reachable with the path above

    return audit


def answer(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {
        "dependencies": [
            {"name": "urllib3", "version": "1.26.20", "vulns": list(vulnerabilities)},
            {"name": "pysocks", "version": "1.7.1", "vulns": []},
        ]
    }


def test_explained_findings_pass_by_any_of_their_names(audit: ModuleType) -> None:
    found = audit.findings(answer({"id": "PYSEC-1", "aliases": ["GHSA-1", "CVE-1"]}), PINNED)
    assert found == {"PYSEC-1": ("urllib3", {"PYSEC-1", "GHSA-1", "CVE-1"})}
    assert audit.report(found, KNOWN) == 0
    assert audit.report(audit.findings(answer(), PINNED), KNOWN) == 0


@pytest.mark.parametrize("names", [["CVE-3"], ["GHSA-2"], []])
def test_a_finding_that_is_not_explained_for_its_library_fails(
    audit: ModuleType, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.report(audit.findings(answer({"id": "PYSEC-3", "aliases": names}), PINNED), KNOWN) == 1
    assert "urllib3: PYSEC-3 is not explained" in capsys.readouterr().err


@pytest.mark.parametrize("left", [0, 1])
def test_a_library_that_the_database_was_not_asked_about_fails(audit: ModuleType, left: int) -> None:
    partly = {"dependencies": answer()["dependencies"][:left]}
    with pytest.raises(audit.StepFailure, match="PySocks: nothing is proven"):
        audit.findings(partly, PINNED)
    with pytest.raises(audit.StepFailure, match="nothing is proven"):
        audit.findings(answer(), {})


def test_a_library_that_was_skipped_fails_with_the_reason(audit: ModuleType) -> None:
    skipped = answer()
    skipped["dependencies"][1] = {"name": "pysocks", "skip_reason": "could not be audited"}
    with pytest.raises(audit.StepFailure, match=r"not reached, or does not know PySocks(.|\n)*could not be audited"):
        audit.findings(skipped, PINNED)


@pytest.mark.parametrize(("said", "error"), [("", "no route to host"), ("not JSON", "")])
def test_a_tool_that_gives_no_answer_fails(audit: ModuleType, tmp_path: Path, said: str, error: str) -> None:
    tool = tmp_path / "python"
    tool.write_text(f"#!{sys.executable}\nimport sys\nsys.stderr.write({error!r})\nsys.stdout.write({said!r})\n")
    tool.chmod(0o755)
    with pytest.raises(audit.StepFailure, match=f"not reached:\n{error}"):
        audit.audited(str(tool), "pypi", PINNED)


def test_the_tool_is_asked_about_every_pin(audit: ModuleType, tmp_path: Path) -> None:
    tool = tmp_path / "python"
    tool.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "asked = open(sys.argv[sys.argv.index('--requirement') + 1]).read().split()\n"
        "print(json.dumps({'dependencies': [{'name': one.split('==')[0], 'vulns': []} for one in asked]}))\n"
    )
    tool.chmod(0o755)
    assert audit.findings(audit.audited(str(tool), "pypi", PINNED), PINNED) == {}


def test_the_page_is_understood_and_explains_only_what_ships(audit: ModuleType) -> None:
    known = audit.explained((ROOT / "docs" / "advisories.md").read_text(encoding="utf-8"))
    shipped = audit.read_requirements((ROOT / "lib" / "requirements.txt").read_text(encoding="utf-8"))
    assert known["CVE-2026-44431"] == "urllib3"
    assert set(known.values()) <= set(shipped)
    assert json.dumps(known).count("CVE-") == len(known)
