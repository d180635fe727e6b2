"""The task runner knows each script of the repository, and no other."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT

UNDERNEATH = {"tools/python.sh", "tasks.sh"}
"""Scripts that others run, or that run the tasks."""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/tasks.py."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("tasks")


def tasks() -> dict[str, tuple[str, str]]:
    """The tasks of noxfile.py, read without nox."""
    for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "TASKS":
            found: dict[str, tuple[str, str]] = ast.literal_eval(node.value)
            return found
    raise AssertionError("noxfile.py has no TASKS")


def is_script(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK) and path.read_bytes().startswith(b"#!")


def test_every_script_is_a_task_and_every_task_a_script() -> None:
    candidates = [path for folder in (".", "tools", ".ci") for path in (ROOT / folder).iterdir()]
    scripts = {path.relative_to(ROOT).as_posix() for path in candidates if is_script(path)}
    named = {Path(script.split()[0]).as_posix() for script, _ in tasks().values()}
    assert named == scripts - UNDERNEATH
    assert scripts >= UNDERNEATH


def test_an_option_of_a_task_is_one_of_its_script() -> None:
    with_options = [script.split() for script, _ in tasks().values() if " " in script]
    assert len(with_options) == 2
    for script, option in with_options:
        done = subprocess.run([str(ROOT / script), "--help"], capture_output=True, text=True, check=True)
        assert f"{option} " in done.stdout


def test_a_task_gets_the_options_of_its_script_and_without_one_they_are_listed(tool: ModuleType) -> None:
    nox = ["python", "-m", "nox", "--noxfile", str(ROOT / "noxfile.py")]
    assert tool.command("python", []) == [*nox, "--list"]
    assert tool.command("python", ["demo", "--fmc", "host"]) == [*nox, "--session", "demo", "--", "--fmc", "host"]
    assert tool.command("python", ["-s", "demo"]) == [*nox, "-s", "demo"]


def test_the_runner_lists_each_task_with_its_sentence() -> None:
    python = ROOT / ".venv" / "nox" / "bin" / "python"
    if not python.is_file():
        pytest.skip("nox is not installed: ./tasks.sh installs it")
    command = [str(python), "-m", "nox", "--noxfile", str(ROOT / "noxfile.py"), "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [name for name, (_, sentence) in tasks().items() if f" {name} -> {sentence}\n" not in listed] == []


def test_hooks_before_a_commit_run_what_is_here_and_fetch_nothing() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]
    entries = [line.split() for line in re.findall(r"entry: (.+)", hooks)]
    assert len(entries) == len(re.findall(r"language: system\n", hooks)) == hooks.count("- id: ")
    assert {entry[0] for entry in entries} == {"tools/run.sh", "tools/python.sh"}
    checks = {"ruff check", "ruff format", "mypy", "tools/page_scripts.py"}
    assert {" ".join(entry[1:3]) if entry[1] == "ruff" else entry[1] for entry in entries} == checks
