"""The packages keep the direction that docs/development.md shows, and its map is what the code is."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT

PROGRAMS = [*(ROOT / "bin").rglob("*.py"), *(ROOT / "tools").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
STANDINS = [path for path in (ROOT / "standins").rglob("*.py") if not path.name.startswith("test_")]


@pytest.fixture
def architecture(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    yield importlib.import_module("architecture")
    sys.modules.pop("architecture", None)


@pytest.fixture
def graph(architecture: ModuleType) -> dict[str, set[str]]:
    known = architecture.modules()
    return {name: architecture.imports(name, known) for name in known}


def absolute_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found}


def test_every_module_is_in_a_package_of_a_layer(architecture: ModuleType, graph: dict[str, set[str]]):
    layers = {name for names in architecture.LAYERS for name in names}
    assert {architecture.package_of(name) for name in graph} <= layers
    assert len(graph) > 50


def test_no_module_imports_upward(architecture: ModuleType, graph: dict[str, set[str]]):
    assert sum(map(len, graph.values())) > 100
    assert architecture.upward(graph) == []


def test_no_module_imports_itself_by_way_of_others(architecture: ModuleType, graph: dict[str, set[str]]):
    assert architecture.circles(graph) == []


def test_an_import_upward_and_a_circle_are_found(architecture: ModuleType):
    graph = {
        "protocol.wire": {"bookmark.lock"},
        "bookmark.lock": {"errors"},
        "errors": {"printable"},
        "printable": {"causes"},
        "causes": {"errors"},
        "input.loop": {"splunkd.client", "bookmark.lock"},
        "splunkd.client": set(),
    }
    assert architecture.upward(graph) == [
        ("input.loop", "splunkd.client"),
        ("printable", "causes"),
        ("protocol.wire", "bookmark.lock"),
    ]
    assert architecture.circles(graph) == ["causes", "errors", "printable"]


def test_the_map_in_the_docs_is_what_the_code_is(architecture: ModuleType):
    page = architecture.PAGE.read_text(encoding="utf-8")
    assert architecture.written(page) == page, "run: tools/run.sh architecture, or python tools/architecture.py"


def test_modules_of_the_add_on_import_each_other_by_relative_names(architecture: ModuleType):
    absolute = [path for path in architecture.modules().values() if "estreamer" in absolute_imports(path)]
    assert absolute == []


@pytest.mark.parametrize("kind", ["programs", "stand-ins"])
def test_nothing_but_tests_imports_from_tests(kind: str):
    files = PROGRAMS if kind == "programs" else STANDINS
    assert len(files) > 20
    assert [str(path) for path in files if "tests" in absolute_imports(path)] == []


def test_only_the_add_on_itself_imports_what_splunkd_runs():
    own = [str(path.relative_to(ROOT)) for path in STANDINS if "estreamer" in absolute_imports(path)]
    # The search command `sfwpackets` is the add-on's own: the stand-in for searches runs it.
    assert own == ["standins/search/spl/addon.py"]


QUESTIONS = {
    "a duplicate removed": "class DuplicateFilter",
    "a bundle acknowledged": "def acknowledge",
    "the CIM action decided": "sfw_action",
    "the sentence *does not know this client*": "does not know this client",
    "a field set put into the request": "FieldSet",
    "failover tested": "A pair of Management Centers",
}
"""What a newcomer asks, and what stands in the file that the map names for it."""


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_map_leads_a_newcomer_to_the_place(architecture: ModuleType, question: str):
    page = architecture.PAGE.read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {question} |")]
    file = line.split("`")[1]
    assert QUESTIONS[question] in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "package", sorted(path.parent.name for path in (ROOT / "bin" / "estreamer").glob("*/__init__.py"))
)
def test_each_package_has_a_folder_of_tests(package: str):
    assert list((ROOT / "tests" / package).glob("test_*.py")) != []
