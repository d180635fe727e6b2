"""The pages in docs/ show and tell what the dashboards are."""

from __future__ import annotations

import pytest

from standins.dashboards import read_views

from .answers import SearchHead
from .opened import Opened
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


def test_the_example_of_a_facet_counts_each_event_once_for_each_property(head: SearchHead) -> None:
    example = (DOCS / "dashboards.md").read_text(encoding="utf-8").partition("```\n")[2].partition("```")[0]
    rows = Opened(VIEWS["connections"], head.data, source="events").run(example).rows
    numbers = {
        kind: sum(int(str(row["events"])) for row in rows if row["kind"] == kind) for kind in ("all", "rule", "app")
    }
    assert numbers["all"] == numbers["app"] >= numbers["rule"] > 100


def test_the_example_of_a_table_compares_two_periods(head: SearchHead) -> None:
    lines = (DOCS / "overview.md").read_text(encoding="utf-8").splitlines()
    (example,) = (line for line in lines if "`sfw_compared(" in line and line.startswith("`sfw_connections`"))
    rows = Opened(VIEWS["overview"], head.data).run(example).rows
    assert len(rows) > 3
    assert set(rows[0]) >= {"app", "events", "before", "change"}
