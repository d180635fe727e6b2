"""The lists of fillers in props.conf are written by tools/fillers.py, from one place."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from standins.places import ROOT


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    yield importlib.import_module("fillers")
    sys.modules.pop("fillers", None)


def test_every_list_is_as_the_tool_writes_it(tool: ModuleType):
    text = tool.PROPS.read_text(encoding="utf-8")
    written, count = tool.written(text)
    assert written == text
    assert count == text.count("|no authentication required") > 40


def test_a_filler_is_added_and_removed_everywhere_by_one_change(tool: ModuleType, monkeypatch: pytest.MonkeyPatch):
    text = tool.PROPS.read_text(encoding="utf-8")
    others = [one for one in tool.FILLERS if one != "not checked"]
    monkeypatch.setattr(tool, "FILLERS", (*others, "to be determined"))
    written, count = tool.written(text)
    assert written.count("|to be determined") == count
    assert "|not checked" not in written
    assert written.count(tool.CARRIERS) == text.count(tool.CARRIERS) == 1
    assert "(|-|null|[(]null[)]|unknown)$" in written
