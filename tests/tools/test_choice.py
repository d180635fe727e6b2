"""Which tests ./test.sh runs under which Python."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.places import ROOT


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/test.py, under another name than that of the standard library's, for an empty project."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.chdir(tmp_path)
    found = importlib.util.spec_from_file_location("tool_of_tests", ROOT / "tools" / "test.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.fixture
def ran(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What pytest is told by each Python, filled when the tool runs."""
    told: dict[str, list[str]] = {}

    def passes(name: str, command: list[str], package: str | None = None) -> bool:
        if "pytest" in command:
            told[command[0]] = [word for word in command if word.startswith(("tests", "--ignore", "/"))]
        return True

    for name, stand_in in {
        "install_system_packages": lambda: None,
        "read_requirements": list,
        "coverage_report": lambda python: [python],
        "find_pythons": lambda versions: {version: version for version in versions},
        "prepare": lambda root, version, requirements, path: version,
        "build_package": lambda: "package.spl",
        "passes": passes,
    }.items():
        monkeypatch.setattr(tool, name, stand_in)
    return told


@pytest.mark.parametrize(
    ("named", "older"),
    [
        (["tests/wire", "tests/browser/"], ["tests/wire"]),
        (["tests/dashboards/test_pages.py::test_x[a/b]", "tests"], ["tests"]),
        (["tests/benchmarks"], ["tests/benchmarks"]),
        ([], ["tests"]),
    ],
)
def test_what_does_not_depend_on_the_python_runs_under_the_newest_only(
    tool: ModuleType, ran: dict[str, list[str]], named: list[str], older: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.run_all(None, named) == 0
    assert ran["3.13"] == (named or ["tests"])
    assert ran["3.9"] == [*(f"--ignore={folder}" for folder in tool.ONCE), *older]
    assert ("under the newest Python only" in capsys.readouterr().err) is (older != named)


def test_an_older_python_runs_nothing_when_all_that_is_named_does_not_depend_on_it(
    tool: ModuleType, ran: dict[str, list[str]], tmp_path: Path
) -> None:
    assert tool.run_all(None, ["tests/browser", str(tmp_path / "tests/alerts")]) == 0
    assert list(ran) == ["3.13"]
