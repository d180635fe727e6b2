"""What is typed or comes with a link is a text in a search, never a part of it, whatever marks it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from standins.dashboards import View, read_views, resolve
from standins.search import Indexed, Knowledge, spl
from tests.alerts.internal import Index

from . import population
from .answers import SearchHead
from .browser import Browser
from .checks import SPLUNK_VIEWS
from .opened import Opened, followed

VIEWS = read_views()
_QUOTED_OR_MACRO = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`')
MARKS = 'Block "all", a\\b | c `d` (e'
"""A name with each mark that means something in a search."""

HOSTILE = (
    'x" | delete | search "',
    'x\\" | delete | search \\"',
    "events` | delete | search `sfw_events",
    'events(1)`" | delete',
    "1m | delete",
    "*) | delete | search (",
    'x\n" | delete | search "',
    'x\\\\" | delete | search "',
    "x' | delete | search '",
    "[| delete]",
    "[ search index=* | delete ]",
    "``` | delete ```",
    '$address$" | delete | search "$time.earliest$',
)
FLOW = ("2a0c71d2-0b1f-11f0-9d3e-c1f05a7be4d1", 2, population.NOW - 700, 40)


def event(kind: str, **fields: Any) -> Indexed:
    """Return an event of ten minutes ago."""
    key = dict(zip(("DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID"), FLOW))
    ends = {"InitiatorIP": "192.0.2.7", "ResponderIP": "198.51.100.20", "Protocol": "TCP"}
    raw = json.dumps({"EventType": kind, **key, **ends, **fields}, ensure_ascii=False)
    time = population.NOW - 600.0
    return Indexed(raw, time, time + 1, "cisco:sfw:estreamer", "estreamer_fqe://fmc", "fmc.example.com", "firewall")


EVENTS = (
    event("ConnectionEvent", AC_RuleAction="Block", FirewallRule=MARKS, URL=f"http://a.example/{MARKS}"),
    event("ConnectionEvent", AC_RuleAction="Allow", FirewallRule="Block", InitiatorIP=MARKS),
    event("ConnectionEvent", AC_RuleAction="Allow"),
    event("IntrusionEvent", IntrusionRuleMessage=MARKS, InlineResult="Blocked", Impact=1),
    event("IntrusionEvent", IntrusionRuleMessage="Block", InlineResult="Blocked", Impact=2, ResponderIP=MARKS),
    event("IntrusionEvent", InlineResult="Blocked", Impact=1),
)


@pytest.fixture(scope="module")
def data(addon: Path) -> Index:
    return Index(Knowledge.read(addon), EVENTS)


@pytest.mark.parametrize("source", ["events", "model"])
@pytest.mark.parametrize(
    ("view", "tokens", "count"),
    [
        ("connections", {"rule": MARKS}, 1),
        ("connections", {"address": MARKS}, 1),
        ("connections", {"rule": MARKS, "address": MARKS}, 0),
        ("intrusions", {"signature": MARKS}, 1),
        ("intrusions", {"address": MARKS}, 1),
    ],
)
def test_a_name_with_marks_finds_what_has_it_and_nothing_else(
    data: Index, view: str, tokens: dict[str, str], count: int, source: str
) -> None:
    rows = Opened(VIEWS[view], data, source=source, **tokens).rows("totals")
    assert [row["events"] for row in rows] == [str(count)] * count


def test_a_url_with_marks_finds_what_asked_for_it(data: Index) -> None:
    page = Opened(VIEWS["connections"], data, url=f"http://a.example/{MARKS}")
    assert [row["rule"] for row in page.rows("rules")] == [MARKS]


def searches(page: Opened) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the searches that a page makes, and those that its links lead to, each with what runs it."""
    for name in page.parts:
        yield page.query(name), partial(page.result, name)
    values = _Clicked(page.tokens)
    for one in page.view.visualizations:
        for handler in one.handlers:
            if handler["type"] == "drilldown.customUrl":
                path, asked = followed(handler["options"]["url"], values)
                if path.rpartition("/")[2] in SPLUNK_VIEWS:
                    yield asked["q"], partial(page.run, asked["q"])


class _Clicked(dict[str, str]):
    """Tokens, among which is any that a click brings: all hold what the page was opened with."""

    def __init__(self, tokens: dict[str, str]) -> None:
        hostile = next(iter(set(tokens.values()) & set(HOSTILE)))
        clicked = ("name", "value", *(f"row.{name}.value" for name in _FIELDS))
        super().__init__({**dict.fromkeys(clicked, hostile), **tokens})


_FIELDS = {
    name.split(".")[1]
    for view in VIEWS.values()
    for one in view.visualizations
    for text in map(str, (handler["options"].get("url", "") for handler in one.handlers))
    for name in text.split("$")
    if name.startswith("row.")
}


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("view", VIEWS.values(), ids=str)
def test_a_hostile_value_of_any_token_is_not_executed(data: Index, view: View, value: str) -> None:
    named = {one.options["token"] for one in view.inputs if one.kind != "input.timerange"} or {"none"}
    for token in sorted(named):
        for search, run in searches(Opened(view, data, **{token: value})):
            assert not re.search(r"\|\s*delete", _QUOTED_OR_MACRO.sub("", search)), (token, search)
            try:
                run()
            except spl.SplError as error:
                assert "unknown command delete" not in str(error), (token, search)


def test_splunks_packages_put_values_into_a_search_as_these_tests_do(browser: Browser, head: SearchHead) -> None:
    view = VIEWS["intrusions"]
    tokens = {"signature": f"{MARKS} $address$ $time.earliest|s$", "address": HOSTILE[1], "span": "10m | x"}
    browser.open(view, "light", tokens)
    wanted = resolve(view.data_source("base").options["query"], {**view.defaults(), **tokens})
    assert {answer.search.startswith(wanted) for answer in head.answers} == {True}
