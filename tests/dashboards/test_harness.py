"""The checks themselves: a dashboard with each fault is found out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from standins.dashboards import View
from standins.places import APP
from standins.search.spl import Macro

from . import checks
from .browser import Browser

SOUND: dict[str, Any] = {
    "title": "Sound",
    "description": "A dashboard without a fault.",
    "inputs": {
        "input_time": {
            "type": "input.timerange",
            "title": "Time",
            "options": {"token": "global_time", "defaultValue": "-24h@h,now"},
        }
    },
    "defaults": {
        "dataSources": {
            "ds.search": {
                "options": {"queryParameters": {"earliest": "$global_time.earliest$", "latest": "$global_time.latest$"}}
            }
        }
    },
    "dataSources": {
        "ds_base": {
            "type": "ds.search",
            "name": "Base",
            "options": {"query": "`sfw_events` | stats count by src, rule"},
        },
        "ds_src": {
            "type": "ds.chain",
            "name": "Hosts",
            "options": {"extend": "ds_base", "query": "| stats sum(count) as events by src"},
        },
        "ds_none": {
            "type": "ds.chain",
            "name": "Rules",
            "options": {"extend": "ds_base", "query": "| stats sum(count) as events by rule | sort - events"},
        },
    },
    "visualizations": {
        "viz_src": {
            "type": "splunk.column",
            "title": "Hosts",
            "dataSources": {"primary": "ds_src"},
            "options": {"xAxisTitleText": "src"},
            "eventHandlers": [
                {
                    "type": "drilldown.customUrl",
                    "options": {"url": f"/app/{APP}/other?form.host=$row.src.value|u$", "newTab": False},
                }
            ],
        },
        "viz_rule": {
            "type": "splunk.table",
            "title": "Rules",
            "dataSources": {"primary": "ds_none"},
            "options": {"count": 10},
            "eventHandlers": [
                {"type": "drilldown.customUrl", "options": {"url": f"/app/{APP}/other?form.host=$row.rule.value|u$"}}
            ],
        },
    },
    "layout": {
        "type": "grid",
        "globalInputs": ["input_time"],
        "options": {"width": 1200},
        "structure": [
            {"item": "viz_src", "type": "block", "position": {"x": 0, "y": 0, "w": 600, "h": 300}},
            {"item": "viz_rule", "type": "block", "position": {"x": 600, "y": 0, "w": 600, "h": 300}},
        ],
    },
}
TARGET = View(
    "other", "Other", "", None, {"inputs": {"i": {"type": "input.text", "options": {"token": "host"}}}, "layout": {}}
)
KNOWN: dict[str, Any] = {
    "splunk.column": {"xAxisTitleText": []},
    "splunk.table": {"count": [], "rows": ["width"], "columns": ["*", "width"]},
    "input.timerange": {"token": [], "defaultValue": []},
    "ds.search": {"query": [], "queryParameters": ["earliest", "latest"]},
    "ds.chain": {"query": []},
}
MACROS = {"sfw_events": Macro("`sfw_index` sourcetype=a"), "sfw_index": Macro("index=*"), "bare": Macro("sourcetype=a")}


def view(definition: dict[str, Any]) -> View:
    return View("sound", "Sound", "A dashboard without a fault.", None, definition)


def changed(path: str, value: Any) -> View:
    """Return the sound dashboard with the value at a path replaced; None takes it away."""
    definition = copy.deepcopy(SOUND)
    *steps, last = path.split("/")
    place: Any = definition
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return view(definition)


def all_faults(one: View) -> list[str]:
    found: list[Callable[[], list[str]]] = [
        lambda: checks.dangling(one),
        lambda: checks.unused(one),
        lambda: checks.misspelt(one, KNOWN),
        lambda: checks.unresolved(one),
        lambda: checks.broken_links(one, {"other": TARGET}),
        lambda: checks.lost_clicks(one),
        lambda: checks.unescaped(one),
        lambda: checks.without_clicks(one),
        lambda: checks.wrong_heads(one, lambda name, _: MACROS.get(name)),
        lambda: checks.overlapping(one),
    ]
    return [fault for check in found for fault in check()]


def test_a_sound_dashboard_has_no_fault() -> None:
    assert all_faults(view(SOUND)) == []


CLICK = "visualizations/viz_rule/eventHandlers/0"
TIME = "$global_time.earliest"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("visualizations/viz_rule/dataSources/primary", "ds_rules", "viz_rule: there is no data source ds_rules"),
        ("dataSources/ds_none/options/extend", "ds_bas", "ds_none: there is no data source ds_bas"),
        ("layout/structure/1/item", "viz_rules", "the layout places viz_rules, which is not there"),
        ("layout/globalInputs", [], "input_time is not used"),
        ("visualizations/viz_rule/dataSources/primary", "ds_src", "ds_none is not used"),
        ("visualizations/viz_rule/options/cuont", 1, "viz_rule: splunk.table has no option cuont"),
        ("visualizations/viz_rule/options/rows", [{"widht": 1}], "viz_rule: rows holds no widht"),
        ("visualizations/viz_rule/options/columns", {"rule": {"widht": 1}}, "viz_rule: columns holds no widht"),
        ("visualizations/viz_rule/type", "splunk.tabel", "viz_rule: there is no splunk.tabel"),
        ("visualizations/viz_rule/title", "Rules of $host$", "viz_rule: nothing sets host"),
        ("visualizations/viz_rule/options/count", "> a | rangeValue(config)", "viz_rule: its context has no config"),
        ("visualizations/viz_rule/context", {"config": []}, "viz_rule: its context config is not used"),
        (f"{CLICK}/options/url", f"/app/{APP}/nowhere?form.host=1", "viz_rule: there is no view nowhere"),
        (f"{CLICK}/options/url", f"/app/{APP}/other?form.src=1", "viz_rule: other takes no token src"),
        (f"{CLICK}/options/url", f"/app/{APP}/other?form.host=$clicked|u$", "viz_rule: nothing sets clicked"),
        (
            f"{CLICK}/options/url",
            "other",
            "viz_rule: other is not followed",
        ),
        (f"{CLICK}/options/url", "/a?b=$value$", "viz_rule: $value$ lacks |u, which encodes it for an address"),
        (f"{CLICK}/type", "drilldown.costumUrl", "viz_rule: there is no drilldown.costumUrl"),
        (f"{CLICK}/fields", ["rule"], "viz_rule: drilldown.customUrl has no option fields"),
        (f"{CLICK}/options/tokens", [], "viz_rule: drilldown.customUrl has no option tokens"),
        (
            CLICK,
            {"type": "drilldown.setToken", "options": {"tokens": [{"token": "a", "keys": "name"}]}},
            "viz_rule: tokens holds no keys",
        ),
        (
            f"{CLICK}/options/url",
            f"/app/{APP}/search?q=search%20rule%3D%22$row.rule.value|u$%22",
            "viz_rule: $row.rule.value|u$ lacks |s, which puts it into quotes",
        ),
        ("visualizations/viz_rule/eventHandlers", None, "viz_rule"),
        ("dataSources/ds_base/options/query", "index=* | stats count", "ds_base: does not begin with an index macro"),
        ("dataSources/ds_base/options/query", "`bare` | stats count", "ds_base: does not begin with an index macro"),
        ("dataSources/ds_base/options/query", "`none` | stats count", "ds_base: unknown macro none"),
        ("dataSources/ds_base/options/query", "`sfw_events`", "ds_base: is a base and has no transforming command"),
        (
            "dataSources/ds_base/options/query",
            "`sfw_events` [search `sfw_events` | stats count by src | table src]",
            "ds_base: is a base and has no transforming command",
        ),
        (
            "dataSources/ds_none/options/query",
            f"| search a={TIME}$",
            f"ds_none: {TIME}$ lacks |s, which puts it into quotes",
        ),
        ("dataSources/ds_none/options/query", f'| search a="{TIME}|s$"', f"ds_none: {TIME}|s$ stands in quotes"),
        (
            "dataSources/ds_none/options/query",
            f"| `bare({TIME}|s$)`",
            f"ds_none: {TIME}|s$ stands in the arguments of a macro",
        ),
        ("dataSources/ds_none/options/query", "stats count by rule", "ds_none: a chain begins with a pipe"),
        ("dataSources/ds_none/options/query", "| search rule=$rule$", "ds_none: rule has no value from the start"),
        ("inputs/input_time/options/defaultValue", None, "defaults: global_time.earliest has no value from the start"),
        ("layout/structure/1/position/x", 599, "viz_src lies over viz_rule"),
        ("layout/structure/1/position/w", 601, "viz_rule is wider than the page"),
    ],
)
def test_a_fault_is_found(path: str, value: Any, fault: str) -> None:
    assert fault in all_faults(changed(path, value))


def test_splunks_validator_finds_a_wrong_value(browser: Browser) -> None:
    assert browser.validate(view(SOUND)) == []
    assert browser.validate(changed("visualizations/viz_rule/options/count", "many")) != []


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("dataSources/ds_none/options/query", "| nosuch", "it is marked: Error"),
        ("dataSources/ds_none/options/query", "| where false()", "it is marked: Warning"),
        ("dataSources/ds_none/options/query", "| search rule=$rule$", "it is marked: Error"),
        ("visualizations/viz_rule/dataSources/primary", "ds_rules", "it is marked: Status ok"),
    ],
)
def test_a_panel_without_data_is_seen(browser: Browser, path: str, value: str, fault: str) -> None:
    seen = {one.name: one.fault for one in browser.render(changed(path, value), "light").panels}
    assert seen == {"viz_src": None, "viz_rule": fault}


def test_a_click_carries_the_row_to_the_address(browser: Browser) -> None:
    browser.open(view(SOUND), "light")
    browser.page.get_by_text("Guest <WLAN> & VPN").first.click()
    browser.page.wait_for_function("() => window.dashboards.links.length > 0")
    url = f"/app/{APP}/other?form.host=Guest%20%3CWLAN%3E%20%26%20VPN"
    assert browser.links() == [{"url": url, "newTab": False}]


def test_tokens_of_the_address_are_stronger_than_defaults(browser: Browser) -> None:
    seen = browser.render(view(SOUND), "light", {"global_time.earliest": "-1m@m", "global_time.latest": "-1m@m"})
    assert {answer.rows for answer in seen.answers} == {0}
