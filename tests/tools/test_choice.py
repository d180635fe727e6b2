"""Which tests ./test.sh runs under which Python, and what it says of a Python that is missing."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT

BOTH = {"3.9": "3.9", "3.13": "3.13"}
SERVERS = (
    "standins.fmc.server",
    "standins.fmc.process",
    "standins.splunkd.splunkd",
    "standins.splunk_web",
    "tests.chromium",
)


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
            told[command[0]] = [word for word in command if word.startswith(("tests", "--ignore", "/", "not"))]
        return True

    def find(versions: Sequence[str]) -> Mapping[str, str]:
        return {version: version for version in versions}

    for name, stand_in in {
        "install_system_packages": lambda *wanted: None,
        "read_requirements": list,
        "coverage_report": lambda python: [python],
        "find_pythons": find,
        "prepare": lambda root, version, requirements, path: version,
        "build_package": lambda: "package.spl",
        "passes": passes,
    }.items():
        monkeypatch.setattr(tool, name, stand_in)
    return told


@pytest.mark.parametrize(
    ("named", "older"),
    [
        (["tests/protocol", "tests/browser/"], ["tests/protocol"]),
        (["tests/dashboards/test_pages.py::test_x[a/b]", "tests"], ["tests"]),
        (["tests/benchmarks"], ["tests/benchmarks"]),
        ([], ["tests"]),
    ],
)
def test_what_does_not_depend_on_the_python_runs_under_the_newest_only(
    tool: ModuleType, ran: dict[str, list[str]], named: list[str], older: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(named) == 0
    assert ran["3.13"] == (named or ["tests"])
    assert ran["3.9"] == [*(f"--ignore={folder}" for folder in tool.ONCE), *older]
    assert ("under the newest Python only" in capsys.readouterr().err) is (older != named)


def test_an_older_python_runs_nothing_when_all_that_is_named_does_not_depend_on_it(
    tool: ModuleType, ran: dict[str, list[str]], tmp_path: Path
) -> None:
    assert tool.main(["tests/browser", str(tmp_path / "tests/alerts")]) == 0
    assert list(ran) == ["3.13"]


def test_every_folder_that_is_chosen_is_there(tool: ModuleType) -> None:
    assert [folder for folder in (*tool.ONCE, *tool.FAST) if not (ROOT / folder).is_dir()] == []
    assert "tests/endtoend" not in tool.ONCE


@pytest.mark.parametrize("found", [{"3.13": "python3.13"}, {"3.9": "python3.9"}, {"3.11": "python3"}])
def test_a_missing_python_ends_what_asks_for_all_of_them_before_anything_is_done(
    tool: ModuleType,
    ran: dict[str, list[str]],
    found: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tool, "find_pythons", lambda versions: found)
    monkeypatch.setattr(tool, "install_system_packages", lambda: pytest.fail("something was installed"))
    assert tool.main(["--all-pythons"]) == 1
    assert ran == {}
    missing = [version for version in tool.VERSIONS if version not in found]
    assert f"install Python {' and '.join(missing)} with" in capsys.readouterr().err


def test_without_one_of_them_the_tests_go_on_and_say_so(
    tool: ModuleType,
    ran: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tool, "find_pythons", lambda versions: {"3.13": "3.13"})
    assert tool.main([]) == 0
    assert list(ran) == ["3.13"]
    assert "all passed, under Python 3.13; not run under Python 3.9\n" in capsys.readouterr().err
    monkeypatch.setattr(tool, "find_pythons", lambda versions: BOTH)
    assert tool.main([]) == 0
    assert capsys.readouterr().err.endswith("all passed, under Python 3.9 and 3.13\n")


def test_fast_runs_under_one_python_and_builds_nothing(
    tool: ModuleType, ran: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "build_package", lambda: pytest.fail("the package was built"))
    assert tool.main(["--fast"]) == 0
    assert ran == {"3.13": ["not package", *tool.FAST]}


def test_style_alone_runs_no_test_and_installs_no_system_package(
    tool: ModuleType, ran: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(tool, "passes", lambda name, command, package=None: names.append(name) or True)
    monkeypatch.setattr(tool, "install_system_packages", lambda *wanted: pytest.fail("something was installed"))
    assert tool.main(["--style"]) == 0
    assert {"ruff check", "ruff format", "mypy"} <= set(names)
    assert not [name for name in names if "tests" in name]


def test_fast_says_that_page_scripts_are_not_checked_where_node_packages_are_missing(
    tool: ModuleType,
    ran: dict[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: list[str] = []
    monkeypatch.setattr(tool, "passes", lambda name, command, package=None: names.append(name) or True)
    monkeypatch.setattr(tool, "place", lambda: tmp_path / "packages")
    assert tool.main(["--fast"]) == 0
    assert "page scripts" not in names
    assert "skipped: page scripts" in capsys.readouterr().err
    (tmp_path / "packages").mkdir()
    assert tool.main(["--fast"]) == 0
    assert "page scripts" in names
    assert "skipped" not in capsys.readouterr().err


def imported(file: Path) -> set[str]:
    """The modules that a file imports, by their whole names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_what_is_fast_starts_no_server_and_no_browser(tool: ModuleType) -> None:
    files = [file for folder in tool.FAST for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 20
    wrong = [
        (file.relative_to(ROOT), name)
        for file in files
        # Nor is what needs the package fast, all of this file.
        if "\npytestmark = pytest.mark.package\n" not in file.read_text(encoding="utf-8")
        for name in imported(file)
        if name.startswith((*SERVERS, "playwright")) or name == "standins.splunkd.Splunkd"
    ]
    assert wrong == []


@pytest.mark.parametrize(("processors", "workers"), [(None, 2), (1, 2), (2, 4), (8, 10)])
def test_more_tests_run_beside_each_other_than_there_are_processors(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, processors: int | None, workers: int
) -> None:
    monkeypatch.setattr(tool.os, "cpu_count", lambda: processors)
    assert tool.workers() == workers
    command = tool.pytest("python", [])
    assert command[command.index("-n") + 1] == str(workers)


def test_a_system_package_is_looked_for_by_what_shows_it(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool.shutil, "which", lambda program: None if program == "tcpdump" else f"/bin/{program}")
    monkeypatch.setattr(tool, "find_library", lambda library: None if library == "magic" else f"lib{library}.so")
    wanted = (*tool.PROGRAMS, *tool.LIBRARIES)
    assert [package for package in wanted if not tool.has_package(package)] == ["tcpdump", "libmagic1"]
    assert set(tool.FAST_PACKAGES) <= set(wanted)


def test_types_are_checked_wherever_style_is(tool: ModuleType) -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.mypy]")[2]
    checked = ast.literal_eval(settings.partition("files = ")[2].partition("\n")[0])
    assert sorted(checked) == sorted("bin/estreamer" if one == "bin" else one for one in tool.STYLE)
