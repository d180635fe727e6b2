"""Every number of the overview is the one that the events themselves add up to, from both of its sources."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from standins.dashboards import read_views
from standins.places import APP

from . import examples, population
from .answers import SearchHead, asked
from .browser import Browser
from .counted import rule, verdict

FROM = population.NOW - 1800 - population.DAY
"""-24h@h, half an hour past the hour."""

RANGE = population.NOW - FROM
STEP = 1800
OVERVIEW = read_views()["overview"]
MALWARE = {"malware", "custom detection"}
FILLERS = {"Invalid ID", "Unknown", "None", "N/A", ""}

Event = Mapping[str, Any]
Row = Mapping[str, Any]


def period(event: Event) -> str | None:
    time = event["_time"]
    if FROM <= time < population.NOW:
        return "current"
    return "previous" if FROM - RANGE <= time < FROM else None


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """The events of both periods as they were sent, with their time."""
    sent = [{**json.loads(one.raw), "_time": one.time} for one in population.events()]
    return [event for event in sent if period(event)]


@pytest.fixture(params=["events", "model"])
def panel(request: pytest.FixtureRequest, head: SearchHead) -> Callable[[str], list[Row]]:
    """Returns the rows of a data source, with connections from one of the two sources."""
    tokens = {**OVERVIEW.defaults(), **examples.DAY, "source": request.param}
    return lambda name: list(asked(head, OVERVIEW, name, tokens).rows)


def kind(name: str) -> Callable[[Event], bool]:
    return lambda event: event["EventType"] == name


def is_malware(event: Event) -> bool:
    return str(event.get("SHA_Disposition", "")).lower() in MALWARE


def counted(events: list[Event], matches: Callable[[Event], bool]) -> list[int]:
    """Return the numbers of the previous and of the current period."""
    found = Counter(period(event) for event in events if matches(event))
    return [found["previous"], found["current"]]


COUNTS: Mapping[str, Callable[[Event], bool]] = {
    "ds_count_connections": kind("ConnectionEvent"),
    "ds_count_blocked": lambda event: kind("ConnectionEvent")(event) and verdict(event) == "blocked",
    "ds_count_intrusions": kind("IntrusionEvent"),
    "ds_count_impact": lambda event: kind("IntrusionEvent")(event) and event.get("Impact") == 1,
    "ds_count_files": kind("FileEvent"),
    "ds_count_malware": lambda event: kind("FileEvent")(event) and is_malware(event),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_single_value_counts_its_events_and_those_of_the_period_before(
    name: str, panel: Callable[[str], list[Row]], events: list[Event]
) -> None:
    shown = [int(float(str(row["events"]))) for row in panel(name)]
    assert shown == counted(events, COUNTS[name])
    assert min(shown) > 0


@pytest.mark.parametrize(
    ("name", "shows", "series"),
    [
        ("ds_connections_time", kind("ConnectionEvent"), verdict),
        ("ds_others_time", lambda event: event["EventType"] != "ConnectionEvent", lambda event: event["EventType"]),
    ],
)
def test_charts_over_time(
    name: str,
    shows: Callable[[Event], bool],
    series: Callable[[Event], str],
    panel: Callable[[str], list[Row]],
    events: list[Event],
) -> None:
    wanted: Counter[tuple[int, str]] = Counter()
    for event in filter(shows, events):
        current = period(event) == "current"
        step = FROM + int(event["_time"] + (0 if current else RANGE) - FROM) // STEP * STEP
        wanted[step, series(event) if current else "period before"] += 1
    shown = Counter(
        {
            (int(row["_time"]), field): int(float(str(value)))
            for row in panel(name)
            for field, value in row.items()
            if field != "_time"
        }
    )
    assert +shown == wanted


def test_top_talkers(panel: Callable[[str], list[Row]], events: list[Event]) -> None:
    connections: Counter[tuple[str, str]] = Counter()
    size: Counter[tuple[str, str]] = Counter()
    for event in filter(kind("ConnectionEvent"), events):
        key = (event["InitiatorIP"], str(period(event)))
        connections[key] += 1
        if "InitiatorBytes" in event or "ResponderBytes" in event:
            size[key] += event.get("InitiatorBytes", 0) + event.get("ResponderBytes", 0)
    addresses = {address for address, _ in connections}
    ranked = sorted(addresses, key=lambda address: -size[address, "current"])[:10]
    rows = panel("ds_talkers")
    shown = [(row["address"], row["connections"], row["bytes"], row["bytes before"]) for row in rows]
    assert [(address, *(int(float(str(one))) for one in numbers)) for address, *numbers in shown] == [
        (address, connections[address, "current"], size[address, "current"], size[address, "previous"])
        for address in ranked
    ]
    assert [row["change"] for row in rows] == [
        change(size[address, "current"], size[address, "previous"]) for address in ranked
    ]


def table(rows: list[Row], name: str, before: str, shown: str = "events") -> dict[str, tuple[int, int]]:
    return {str(row[name]): (int(float(str(row[shown]))), int(float(str(row[before])))) for row in rows}


def change(measure: int, before: int) -> str:
    """Return a change as the tables tell it."""
    if measure == before:
        return "as before"
    if before == 0:
        return "new"
    percentage = Decimal(100 * (measure - before)) / before
    return f"{'+' if measure > before else ''}{percentage.quantize(Decimal(1), ROUND_HALF_UP)}%"


def changes(rows: list[Row], name: str) -> dict[str, str]:
    return {str(row[name]): str(row["change"]) for row in rows}


def both(events: list[Event], values: Callable[[Event], set[str]]) -> dict[str, tuple[int, int]]:
    """Return the numbers of the current and the previous period by value."""
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        found.update((value, str(period(event))) for value in values(event))
    return {name: (found[name, "current"], found[name, "previous"]) for name, _ in found}


def test_top_blocked_rules(panel: Callable[[str], list[Row]], events: list[Event]) -> None:
    blocked = [event for event in events if kind("ConnectionEvent")(event) and verdict(event) == "blocked"]
    wanted = both(blocked, lambda event: {rule(event)})
    rows = panel("ds_rules")
    assert table(rows, "rule", "blocked before", "blocked") == wanted
    assert changes(rows, "rule") == {rule: change(*numbers) for rule, numbers in wanted.items()}
    assert [row["rule"] for row in rows] == sorted(wanted, key=lambda rule: -wanted[rule][0])


def test_intrusions_by_impact(panel: Callable[[str], list[Row]], events: list[Event]) -> None:
    intrusions = [event for event in events if kind("IntrusionEvent")(event)]
    wanted = both(intrusions, lambda event: {str(event.get("Impact", "none"))})
    shown = {name.split()[0]: counts for name, counts in table(panel("ds_impact"), "meaning", "period before").items()}
    assert shown == wanted


def test_verdicts_on_files(panel: Callable[[str], list[Row]], events: list[Event]) -> None:
    files = [event for event in events if kind("FileEvent")(event)]
    wanted = both(files, lambda event: {event.get("SHA_Disposition", "none")})
    assert table(panel("ds_verdicts"), "verdict", "period before") == wanted


def test_countries_count_the_events_of_either_end_but_connections(
    panel: Callable[[str], list[Row]], events: list[Event]
) -> None:
    wanted = both(
        [event for event in events if not kind("ConnectionEvent")(event)],
        lambda event: {event.get("InitiatorCountry", ""), event.get("ResponderCountry", "")} - FILLERS,
    )
    rows = panel("ds_countries")
    assert table(rows, "country", "events before") == wanted
    assert changes(rows, "country") == {country: change(*numbers) for country, numbers in wanted.items()}


def test_the_map_knows_every_country(browser: Browser, panel: Callable[[str], list[Row]]) -> None:
    assert {str(row["country"]) for row in panel("ds_countries")} - browser.areas() == set()


def test_change_is_told_in_words_where_there_is_no_percentage(head: SearchHead) -> None:
    rows = [("a", 3, 2), ("b", 1, 1), ("c", 4, 0), ("d", 0, 5)]
    made = " ".join(
        f'| append [| makeresults | eval period="{when}", key="rule/{name}", count={count}]'
        for name, current, previous in rows
        for when, count in (("current", current), ("previous", previous))
    )
    values = 'where like(key,"rule/%") | eval rule=substr(key,6) | `sfw_compared("rule","count")`'
    search = f"| makeresults | where false() {made} | {values}"
    found = head.results(head.create({"search": search}), None)
    assert {row["rule"]: row["change"] for row in found.rows} == {
        "a": "+50%",
        "b": "as before",
        "c": "new",
        "d": "-100%",
    }


def test_a_day_without_events_counts_nothing(head: SearchHead) -> None:
    tokens = {**OVERVIEW.defaults(), "time.earliest": "1600000000", "time.latest": "1600003600"}
    shown = [row["events"] for row in asked(head, OVERVIEW, "ds_count_blocked", tokens).rows]
    assert [int(str(value)) for value in shown] == [0, 0]


def test_a_click_on_a_talker_opens_its_profile(browser: Browser) -> None:
    browser.open(OVERVIEW, "light", examples.DAY)
    browser.page.locator('[data-id="viz_talkers"] [data-test="body"]').get_by_text("172.16.3.102").click()
    browser.page.wait_for_function("() => window.dashboards.links.length > 0")
    times = "form.time.earliest=-24h%40h&form.time.latest=now"
    assert browser.links() == [{"url": f"/app/{APP}/host_profile?form.address=172.16.3.102&{times}", "newTab": False}]


def test_the_arrow_of_each_number_is_its_change(browser: Browser, events: list[Event]) -> None:
    browser.open(OVERVIEW, "light", examples.DAY)
    for name, matches in COUNTS.items():
        before, now = counted(events, matches)
        panel = browser.page.locator(f'[data-id="{name.replace("ds_", "viz_")}"]')
        percentage = (Decimal(100 * abs(now - before)) / before).quantize(Decimal(1), ROUND_HALF_UP)
        assert panel.locator('[data-test="trendValue"]').inner_text() == f"{percentage}%", name
        arrow = panel.locator('[data-test="trendValueIndicator"] svg').get_attribute("aria-label")
        assert arrow == ("increase" if now > before else "decrease"), name


@pytest.mark.parametrize(("series", "previous"), [("events", False), ("period before", True)])
def test_a_click_on_a_bar_of_the_period_before_leads_there(browser: Browser, series: str, previous: bool) -> None:
    browser.open(OVERVIEW, "light", examples.DAY)
    number = ["events", "period before"].index(series)
    browser.page.locator(f'[data-id="viz_impact"] .highcharts-series-{number} .highcharts-point').first.click()
    browser.page.wait_for_function("() => window.dashboards.links.length > 0")
    (link,) = browser.links()
    assert ("sfw_times%28previous%29" in link["url"]) is previous
