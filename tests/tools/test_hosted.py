"""The workflow for hosted runners runs the checks that are here, by actions that nobody can exchange."""

from __future__ import annotations

import re

import pytest

from standins.places import ROOT
from tests.tools.test_steps import load

WORKFLOW = (ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")


def test_every_step_of_the_nightly_run_is_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    nightly = load("nightly", monkeypatch)
    matrix = WORKFLOW.partition("        step:\n")[2].partition("    runs-on")[0]
    # What may be skipped needs what a hosted runner does not have.
    assert re.findall(r"- ([\w.-]+)\n", matrix) == [step.name for step in nightly.STEPS if not step.may_skip]
    assert "run: tools/nightly --only ${{ matrix.step }}\n" in WORKFLOW
    assert "run: .ci/run\n" in WORKFLOW


def test_an_action_is_pinned_by_its_commit_and_nothing_may_write() -> None:
    used = re.findall(r"uses: (\S+)", WORKFLOW)
    assert len(used) > 1
    assert [action for action in used if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action)] == []
    assert "permissions:\n  contents: read\n" in WORKFLOW
    assert "pull_request_target" not in WORKFLOW
