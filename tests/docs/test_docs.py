"""The pages say what the code says."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from standins.places import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ESTREAMER = ROOT / "bin" / "estreamer"
MODULES = sorted(ESTREAMER.rglob("*.py"))
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
LOG_METHODS = {"debug", "info", "warning", "error"}


def first_arguments(module: Path, name: str) -> set[str]:
    """The first arguments, where they are texts, of calls of a function or method; conditional ones count twice."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called == name:
            found |= {
                n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant) and isinstance(n.value, str)
            }
    return {text for text in found if re.fullmatch(r"[a-z][a-z0-9_]+", text)}


def problems() -> set[str]:
    """The names of `Problem` and of the classes that are made from it."""
    found = {"Problem"}
    classes = [
        node
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    while more := {one.name for one in classes if found & {ast.unparse(base) for base in one.bases}} - found:
        found |= more
    return found


def codes() -> set[str]:
    assert problems() >= {"Problem", "PeerReset", "ServerError", "BookmarkLocked"}
    found = {code for module in MODULES for name in problems() for code in first_arguments(module, name)}
    # Parameters that are checked by their kind have codes that are made of their names.
    found -= {"_invalid"}
    settings = ROOT / "bin" / "estreamer" / "settings.py"
    for kind in ("number", "switch", "one_of"):
        found |= {f"{name}_invalid" for name in first_arguments(settings, kind)}
    # It is logged without a Problem: the process ends with it.
    return found | {"session_refused"}


def test_every_code_is_explained_and_every_explained_code_exists():
    explained = set(re.findall(r"^\| `([a-z0-9_]+)` \|", TROUBLESHOOTING.partition("## By log line")[0], re.MULTILINE))
    assert explained == codes()


def test_every_log_line_is_listed():
    logged = {event for module in MODULES for method in LOG_METHODS for event in first_arguments(module, method)}
    listed = set(re.findall(r"`([a-z_]+)`", TROUBLESHOOTING.partition("## By log line")[2]))
    assert logged - listed == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert missing == []


def test_every_parameter_is_on_its_page():
    config = json.loads((ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    tabs = [tab for tab in config["pages"]["configuration"]["tabs"] if tab.get("name") == "account"]
    entities = [entity for form in (*tabs, *config["pages"]["inputs"]["services"]) for entity in form["entity"]]
    page = (ROOT / "docs" / "input.md").read_text(encoding="utf-8")
    assert [entity["field"] for entity in entities if f"| `{entity['field']}` |" not in page] == []
    assert len(entities) > 15


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]
    assert [page for page in pages if f"({page})" not in index] == []


def test_page_of_fields_says_what_the_catalogue_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    fields = importlib.import_module("fields")
    monkeypatch.delitem(sys.modules, "fields")
    monkeypatch.setattr(fields, "PAGE", tmp_path / "fields.md")
    assert fields.main() == 0
    written = (tmp_path / "fields.md").read_text(encoding="utf-8")
    assert written == (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    catalog = json.loads((ROOT / "bin" / "estreamer" / "events" / "catalog.json").read_text(encoding="utf-8"))
    for event_type in catalog["event_types"].values():
        for group in event_type["groups"]:
            for field in group["fields"]:
                assert f"| {group['label']} | `{field['name']}` | {field['type']} | {field['evidence']} |" in written


def test_every_test_that_proves_a_promise_exists():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 40
    missing = [
        (file, name)
        for file, name in named
        if not (ROOT / file).is_file() or (f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8") and name)
    ]
    assert missing == []
