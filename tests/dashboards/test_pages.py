"""The pages in docs/ show and tell what the dashboards are."""

from __future__ import annotations

import pytest

from standins.dashboards import read_views

from .pages import DOCS, HEADING, told

VIEWS = read_views()
NAMES = sorted(set(VIEWS) - {"health"})
"""All but Health, whose page tells where each figure comes from: tests/alerts holds it to the definition."""


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_the_panels_and_searches_of_the_definition(name: str) -> None:
    written = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert HEADING + written.partition(HEADING)[2] == told(VIEWS[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_a_picture_and_names_every_input(name: str) -> None:
    written = (DOCS / f"{name}.md").read_text(encoding="utf-8").partition(HEADING)[0]
    assert written.startswith(f"# {VIEWS[name].label}\n")
    assert f"](pictures/{name}.png)" in written
    assert [one.name for one in VIEWS[name].inputs if f"| {one.content['title']} |" not in written] == []
