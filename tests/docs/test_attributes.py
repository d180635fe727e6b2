"""An object changes its own attributes; whoever wants another one changed calls a method of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from standins.places import ROOT

FILES = [path for package in ("input", "protocol") for path in sorted((ROOT / "bin/estreamer" / package).glob("*.py"))]


def written_from_outside(source: str) -> Iterator[str]:
    """Yield each attribute of anything but `self` that is written, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            owner = ast.unparse(node.value)
            if owner != "self":
                yield f"{node.lineno}: {owner}.{node.attr}"


def test_no_attribute_of_another_object_is_written():
    assert len(FILES) > 20
    found = {path.name: list(written_from_outside(path.read_text(encoding="utf-8"))) for path in FILES}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize(
    ("source", "owner"),
    [
        ("kind.held += 1", "kind.held"),
        ("self.counts.events = 5", "self.counts.events"),
        ("one, report.state = pair", "report.state"),
        ("for report.state in states: pass", "report.state"),
        ("del passing._log", "passing._log"),
        ("with lock as kind.lock: pass", "kind.lock"),
    ],
)
def test_a_write_from_outside_is_found(source: str, owner: str):
    assert list(written_from_outside(source)) == [f"1: {owner}"]


@pytest.mark.parametrize("source", ["self.held += 1", "self.counts[5] = 1", "held = kind.held", "kind.hold()"])
def test_what_an_object_does_to_itself_is_none(source: str):
    assert list(written_from_outside(source)) == []
