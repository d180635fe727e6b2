"""Versions of the past, built from history: each by its own tools, in a folder of its own, once."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT

SCRIPT = """#!/bin/sh
mkdir -p "$2" && cp "$(dirname "$0")/what" "$2/example-$(cat "$(dirname "$0")/what").spl" && echo built >>"$BUILDS"
"""


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/history.py."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import history  # noqa: PLC0415 - only reachable with the path above

    return history


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two versions, whose package.sh only copies."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "package.sh").write_text(SCRIPT)
    (folder / "package.sh").chmod(0o755)
    for version in ("one", "two"):
        (folder / "what").write_text(version)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "-m", version)
    return folder


def test_a_version_is_built_by_its_own_sources_once_and_the_working_tree_stays(
    history: ModuleType, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = tmp_path / "builds"
    monkeypatch.setenv("BUILDS", str(builds))
    commit = git(repository, "rev-parse", "HEAD~1")
    (repository / "what").write_text("changed since")
    first = history.package_of(repository, commit[:9])
    assert first == repository / "build" / "history" / commit[:12] / "dist" / "example-one.spl"
    assert first.read_text() == "one"
    assert history.package_of(repository, commit) == first
    assert builds.read_text() == "built\n"
    assert (repository / "what").read_text() == "changed since"


def test_a_build_that_fails_is_told_and_tried_again(
    history: ModuleType, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDS", str(tmp_path))
    with pytest.raises(history.StepFailure, match="Building HEAD failed"):
        history.package_of(repository, "HEAD")
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    assert history.package_of(repository, "HEAD").read_text() == "two"


def test_a_shallow_clone_without_the_commit_is_told_to_fetch_it(
    history: ModuleType, repository: Path, tmp_path: Path
) -> None:
    first = git(repository, "rev-parse", "HEAD~1")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", str(shallow))
    with pytest.raises(history.StepFailure, match="shallow: run `git fetch --unshallow`"):
        history.package_of(shallow, first)


@pytest.mark.parametrize("revision", ["0123456789abcdef", "--all", "no-such-branch"])
def test_a_commit_that_is_nowhere_is_told(history: ModuleType, repository: Path, revision: str) -> None:
    with pytest.raises(history.StepFailure, match="is not in this clone"):
        history.package_of(repository, revision)


def test_sources_without_history_are_told(history: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(history.StepFailure, match="not a git repository with history"):
        history.package_of(tmp_path, "0.1.0")


def test_the_page_lists_the_commit_of_every_version(history: ModuleType) -> None:
    page = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| (\d+\.\d+\.\d+) \| `([0-9a-f]{40})` \|", page, re.MULTILINE))
    assert listed == history.RELEASES
    assert listed
