"""A click leads on: every link to a search finds events, and every link to a dashboard shows something there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.places import APP

from . import population
from .answers import SearchHead
from .checks import TRANSFORMING
from .opened import Opened, clicked, followed
from .views import View, read_views

VIEWS = read_views()
NAMES = ("connections", "intrusions", "files_and_malware", "host_profile", "investigate")
HOST = population.INSIDE[0]

each = pytest.mark.parametrize("view", [VIEWS[name] for name in NAMES], ids=str)


def links(page: Opened) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield for each link of a page the panel, the path and the parameters after a click on the panel's first row."""
    for one in page.view.visualizations:
        for handler in one.handlers:
            if handler["type"] == "drilldown.customUrl":
                values = {**page.tokens, **_click(page, one.sources["primary"])}
                yield (one.name, *followed(handler["options"]["url"], values))


def _click(page: Opened, source: str) -> dict[str, str]:
    result = page.result(source)
    row: Mapping[str, Any] = next((row for row in result.rows if len(row) == len(result.fields)), result.rows[0])
    return clicked(row, result.fields)


@each
def test_every_link_to_a_search_finds_events(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data)
    found = {
        (name, asked["q"]): len(page.run(asked["q"]).rows)
        for name, path, asked in links(page)
        if path == f"/app/{APP}/search"
    }
    assert found
    assert [one for one, rows in found.items() if rows == 0] == []


@each
def test_every_link_passes_the_time_range_on(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data)
    for name, path, asked in links(page):
        prefix = "" if path.endswith("/search") else "form.time."
        assert (asked[f"{prefix}earliest"], asked[f"{prefix}latest"]) == ("-24h@h", "now"), name


@each
def test_every_link_to_a_dashboard_shows_what_was_clicked(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data, **({"address": HOST} if view.name == "host_profile" else {}))
    for name, path, asked in links(page):
        target = VIEWS.get(path.rpartition("/")[2])
        if target is None:
            continue
        tokens = {key.removeprefix("form."): value for key, value in asked.items() if not key.startswith("form.time.")}
        opened = Opened(target, head.data, **tokens)
        assert tokens.items() <= opened.tokens.items(), name
        assert opened.rows("base"), (name, tokens)


@each
def test_a_click_that_filters_leaves_something_to_see(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data)
    for one in view.visualizations:
        for handler in one.handlers:
            if handler["type"] == "drilldown.setToken":
                values = _click(page, one.sources["primary"])
                tokens = {token["token"]: values[token["key"]] for token in handler["options"]["tokens"]}
                assert Opened(view, head.data, **tokens).rows("base"), (one.name, tokens)
                assert set(tokens) <= view.settable(), one.name


@each
def test_one_base_search_that_keeps_only_what_the_panels_need(view: View) -> None:
    chained = [one for one in view.data_sources if one.kind == "ds.chain"]
    bases = [one for one in view.data_sources if one.kind == "ds.search"]
    assert len(bases) <= 2 < len(chained)
    assert sum(one.options["extend"] == "base" for one in chained) >= len(chained) - 2
    for one in bases:
        commands = {step.split()[0] for step in one.options["query"].split("|")[1:] if step.split()}
        assert commands & TRANSFORMING, one.name
