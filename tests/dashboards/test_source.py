"""Overview and Connections begin with an hour, and find out by themselves where connections are read from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from standins.dashboards import View, read_views
from standins.search import spl

from . import examples, population
from .answers import SearchHead
from .browser import Browser
from .opened import Opened

VIEWS = read_views()
BOTH = pytest.mark.parametrize("view", [VIEWS["overview"], VIEWS["connections"]], ids=str)
HELD = (population.NOW - 7 * population.DAY, population.NOW - 300.0)
"""What the summaries of an accelerated model hold: a week, and not the last five minutes."""


class Models:
    """Data of which some data models are there, and some accelerated."""

    def __init__(self, data: spl.Data, names: Iterable[str], summaries: dict[str, tuple[float, float]]) -> None:
        self._data, self._names, self._summaries = data, list(names), summaries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def data_models(self) -> Iterable[str]:
        return self._names

    def data_model(self, name: str) -> spl.DataModel | None:
        return spl.MODELS[name] if name in self._names else None

    def summarized(self, name: str) -> tuple[float, float] | None:
        return self._summaries.get(name)


def source(view: View, data: Any, **tokens: str) -> str:
    """Return where a page reads connections from, by the second of its searches that find it out."""
    row = Opened(view, data, **tokens).rows(view.results["Source"].name)[0]
    return f"{row['source']}: {row['shown']}"


EVENTS, MODEL = "events: events", "model: the data model Network_Traffic"


@BOTH
@pytest.mark.parametrize(
    ("names", "summaries", "found"),
    [
        ([], {}, EVENTS),
        (["Malware"], {}, EVENTS),
        (["Network_Traffic"], {}, EVENTS),
        (["Network_Traffic"], {"Network_Traffic": (0.0, population.NOW - 5000.0)}, EVENTS),
        (["Malware", "Network_Traffic"], {"Malware": HELD}, EVENTS),
        (["Malware", "Network_Traffic"], {"Network_Traffic": HELD}, MODEL),
    ],
)
def test_the_page_reads_the_model_if_its_summaries_hold_connections_of_the_last_hour(
    view: View, head: SearchHead, names: list[str], summaries: dict[str, tuple[float, float]], found: str
) -> None:
    assert source(view, Models(head.data, names, summaries)) == found


@BOTH
def test_summaries_without_events_of_ours_are_not_read(view: View, head: SearchHead) -> None:
    macros = {"sfw_index": spl.Macro("index=elsewhere")}

    class Elsewhere(Models):
        def macro(self, name: str, arity: int) -> spl.Macro | None:
            return macros.get(name) or head.data.macro(name, arity)

    assert source(view, Elsewhere(head.data, ["Network_Traffic"], {"Network_Traffic": HELD})) == EVENTS


@BOTH
def test_the_switch_overrules_what_is_found(view: View, head: SearchHead) -> None:
    accelerated = Models(head.data, ["Network_Traffic"], {"Network_Traffic": HELD})
    assert source(view, accelerated, source="events") == EVENTS
    assert source(view, Models(head.data, [], {}), source="model") == MODEL


@BOTH
def test_the_page_begins_with_an_hour(view: View) -> None:
    found = view.defaults()
    assert (found["time.earliest"], found["time.latest"], found["source"]) == ("-60m@m", "now", "auto")


@BOTH
def test_an_accelerated_model_spares_all_connections_that_its_summaries_hold(view: View, head: SearchHead) -> None:
    read = {}
    for name, data in (("events", head.data), ("model", Models(head.data, spl.MODELS, {"Network_Traffic": HELD}))):
        page = Opened(view, data)
        for one in page.parts:
            page.result(one)
        read[name] = [row for one in page.meter.reads for row in one.rows if row["EventType"] == "ConnectionEvent"]
    assert len(read["events"]) > 100
    assert {row["_time"] >= HELD[1] for row in read["model"]} <= {True}


@BOTH
def test_the_browser_follows_what_the_page_finds(view: View, head: SearchHead, browser: Browser) -> None:
    held: Any = head.data
    before = dict(held.summaries)
    try:
        for found, summaries in (("events", {}), ("model", {"Network_Traffic": HELD})):
            held.summaries.clear()
            held.summaries.update(summaries)
            head.forget()
            answers = browser.render(view, "light", examples.TOKENS[view.name], picture=False).answers
            assert [one for one in answers if one.problem] == []
            wanted = f"`sfw_{'traffic' if view.name == 'connections' else 'overview'}_{found}"
            assert any(wanted in one.search for one in answers), found
    finally:
        held.summaries.clear()
        held.summaries.update(before)
        head.forget()
