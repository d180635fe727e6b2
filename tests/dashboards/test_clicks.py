"""A click leads on: every link to a search finds events, and every link to a dashboard shows something there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from standins.dashboards import Part, View, read_views
from standins.places import APP
from standins.search import spl
from standins.search.evals.values import number, texts

from . import population
from .answers import SearchHead
from .checks import SPLUNK_VIEWS, TRANSFORMING, commands_of
from .opened import Opened, clicked, followed

VIEWS = read_views()
HOST = population.INSIDE[0]
CHARTS = {"splunk.area", "splunk.bar", "splunk.column", "splunk.line"}
"""Panels in which a click hits one of several series."""

NOTHING_WRONG = {("setup_check", panel) for panel in ("viz_tags", "viz_time", "viz_length")}
"""Panels of which no row of these events has anything wrong, so that their link, which asks for that, finds nothing."""

MADE_UP = {("packets", "host_profile")}
"""Links by an address of a packet: these packets have other addresses than the events that they are of."""

each = pytest.mark.parametrize("view", VIEWS.values(), ids=str)


def series(page: Opened, part: Part) -> list[str]:
    """Return what can be hit of a chart: its series, the axis left out."""
    return [name for name in page.result(part.sources["primary"]).fields[1:] if not name.startswith("_")]


def clicks(page: Opened, kind: str) -> Iterator[tuple[Part, Mapping[str, Any], dict[str, str]]]:
    """Yield for each panel its handlers of a kind, each with the tokens of a click on what it is for."""
    for part in page.view.visualizations:
        for handler in part.handlers:
            options = handler["options"]
            wanted = options.get("fields")
            hits: list[str | None] = [None]
            if part.kind in CHARTS:
                hits = [name for name in series(page, part) if wanted is None or name in wanted]
                assert hits, (part.name, wanted)
            if handler["type"] == kind:
                result = page.result(part.sources["primary"])
                for hit in hits:
                    row = _hit(result, hit or (wanted[0] if wanted else None))
                    name = str(row[result.fields[0]]) if part.kind == "splunk.map" else hit
                    yield part, options, {**page.tokens, **clicked(row, result.fields, name)}


def _hit(result: spl.Result, field: str | None) -> Mapping[str, Any]:
    """Return a row that shows what is hit: a whole one that counts something there, and that is not told to be ok."""
    whole = [row for row in result.rows if len(row) == len(result.fields)] or result.rows
    rows = [row for row in whole if row.get("result") != "ok"] or whole
    return next((row for row in rows if field is None or _counts(row.get(field))), rows[0])


def _counts(value: Any) -> bool:
    size = number(texts(value)[0]) if value is not None else 0
    return size is None or size != 0


def links(page: Opened) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield for each link of a page the panel, the path and the parameters after a click."""
    for part, options, values in clicks(page, "drilldown.customUrl"):
        yield (part.name, *followed(options["url"], values))


@each
def test_every_link_to_a_search_finds_events(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data)
    found = {
        (name, asked["q"]): len(page.run(asked["q"]).rows)
        for name, path, asked in links(page)
        if path == f"/app/{APP}/search"
    }
    assert found
    assert {name for (name, _), rows in found.items() if rows == 0 and (view.name, name) not in NOTHING_WRONG} == set()


@each
def test_every_link_passes_the_time_range_on(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data)
    for name, path, asked in links(page):
        is_dashboard = path.startswith("/app/") and path.rpartition("/")[2] not in SPLUNK_VIEWS
        prefix = "form.time." if is_dashboard else ""
        assert (asked[f"{prefix}earliest"], asked[f"{prefix}latest"]) == ("-24h@h", "now"), name


@each
def test_every_link_to_a_dashboard_shows_what_was_clicked(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data, **({"address": HOST} if view.name == "host_profile" else {}))
    for name, path, asked in links(page):
        target = VIEWS.get(path.rpartition("/")[2])
        if target is None or (view.name, target.name) in MADE_UP:
            continue
        tokens = {key.removeprefix("form."): value for key, value in asked.items() if not key.startswith("form.time.")}
        opened = Opened(target, head.data, **tokens)
        assert tokens.items() <= opened.tokens.items(), name
        assert all(opened.rows(base) for base in bases(target)), (name, tokens)


@each
def test_a_click_that_filters_leaves_something_to_see(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data)
    for part, options, values in clicks(page, "drilldown.setToken"):
        tokens = {token["token"]: values[token["key"]] for token in options["tokens"]}
        opened = Opened(view, head.data, **{**page.tokens, **tokens})
        assert all(opened.rows(base) for base in bases(view)), (part.name, tokens)
        assert set(tokens) <= view.settable(), part.name


@each
def test_a_click_on_any_series_of_a_chart_leads_on(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data)
    for part in view.visualizations:
        if part.kind in CHARTS:
            wanted = [handler["options"].get("fields") for handler in part.handlers]
            lost = [name for name in series(page, part) if not any(one is None or name in one for one in wanted)]
            assert lost == [], part.name


@each
def test_few_searches_that_keep_only_what_the_panels_need(view: View, head: SearchHead) -> None:
    chained = [one for one in view.data_sources if one.kind == "ds.chain"]
    assert len(bases(view)) <= 2 < len(chained)
    for name in bases(view):
        query = Opened(view, head.data).query(name)
        whole = spl.macros.expand(query, head.data.macro)
        assert commands_of(whole) & TRANSFORMING, name


def bases(view: View) -> list[str]:
    """Return the names of the searches that read events."""
    told = {one.name for one in view.results.values()}
    return [one.name for one in view.data_sources if one.kind == "ds.search" and one.name not in told]
