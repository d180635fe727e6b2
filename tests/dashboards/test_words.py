"""Our own searches name words of the text beside fields that the add-on calculates, and lose no event by them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from standins.dashboards import View, read_views
from standins.search import Knowledge, spl
from standins.search.spl.words import has, wanted
from tests.alerts.internal import Index
from tests.alerts.test_alerts import late
from tests.package.confs import read_conf
from tests.search.case import connection, file, intrusion

from . import population
from .answers import SearchHead
from .checks import SPLUNK_VIEWS
from .opened import Opened, clicked, followed

VIEWS = read_views()
each = pytest.mark.parametrize("view", VIEWS.values(), ids=str)

FILTERED: Mapping[str, Mapping[str, str]] = {
    "connections": {"address": "172.16.3.102", "action": "blocked", "rule": "NasBlock", "url": "updates.example.net"},
    "intrusions": {"address": "172.16.3.102", "signature": "MALWARE-CNC Win.Trojan outbound connection"},
    "files_and_malware": {"address": "172.16.3.102", "hash": population.HASHES[0]},
    "host_profile": {"address": "172.16.3.102"},
    "packets": {"connection": "2a0c71d2-0b1f-11f0-9d3e-c1f05a7be4d1:2:1768464216:40"},
}
"""What is typed into the pages."""

NO_WORD = {("action", "allowed"), ("action", "unknown")}
"""What an event has for lack of words."""


def unaided(meter: spl.Meter) -> list[frozenset[tuple[str, str]]]:
    """Return what searches ask of calculated fields without a word beside it."""
    asked = [(one.part.asked - NO_WORD, one.part.words) for one in meter.reads]
    return [fields for fields, words in asked if fields and not words]


def links(page: Opened) -> Iterator[str]:
    """Yield the searches that the links of a page lead to, after a click on the first row of each panel."""
    for part in page.view.visualizations:
        for handler in part.handlers:
            if handler["type"] == "drilldown.customUrl":
                result = page.result(part.sources["primary"])
                row = result.rows[0] if result.rows else dict.fromkeys(result.fields, "x")
                path, asked = followed(handler["options"]["url"], {**page.tokens, **clicked(row, result.fields)})
                if path.rpartition("/")[2] in SPLUNK_VIEWS:
                    yield asked["q"]


@each
def test_a_page_names_words_beside_calculated_fields(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data, **FILTERED.get(view.name, {}))
    for source in view.data_sources:
        page.result(source.name)
    assert unaided(page.meter) == []


@each
def test_a_link_to_a_search_names_words_beside_calculated_fields(view: View, head: SearchHead) -> None:
    page = Opened(view, head.data, **FILTERED.get(view.name, {}))
    found = {}
    for search in links(page):
        page.meter.reads.clear()
        page.run(search)
        found[search] = unaided(page.meter)
    assert {search: fields for search, fields in found.items() if fields} == {}


def test_an_alert_names_words_beside_calculated_fields(addon: Path, head: SearchHead) -> None:
    for name, stanza in read_conf(addon / "default/savedsearches.conf").items():
        meter = spl.Meter()
        spl.run(stanza["search"], Index(Knowledge.read(addon), []), now=population.NOW, meter=meter)
        assert unaided(meter) == [], name


def words_of(search: str, knowledge: Knowledge) -> str:
    (row,) = spl.run(search, Index(knowledge, []), now=0).rows
    return str(row["search"])


def test_the_words_of_blocked_events_are_the_same_in_both_macros(knowledge: Knowledge) -> None:
    text = words_of('| makeresults | eval action="blocked" | `sfw_action_words`', knowledge)
    assert spl.macros.expand("`sfw_blocked`", Index(knowledge, []).macro) == f"{text} action=blocked"
    assert words_of('| makeresults | eval action="allowed" | `sfw_action_words`', knowledge) == "*"


def test_every_verdict_that_blocks_has_a_word_of_blocked_events(addon: Path, knowledge: Knowledge) -> None:
    search = words_of('| makeresults | eval action="blocked" | `sfw_action_words`', knowledge)
    phrases = [one.strip('() "') for one in search.split(" OR ")]
    with (addon / "lookups" / "sfw_action.csv").open(encoding="utf-8") as table:
        rows = [
            row for row in csv.DictReader(table) if row["action"] == "blocked" and row["EventType"].endswith("nEvent")
        ]
    lost = []
    for row in rows:
        told = f"{row['verdict']} {row['reason']}".replace("*", " ")
        if not any(has(told.lower(), wanted(phrase)) for phrase in phrases):
            lost.append(row)
    assert lost == []
    assert len(rows) > 5


@pytest.mark.parametrize(
    ("value", "search"),
    [
        ("NasBlock", '"NasBlock"'),
        ("Permit Outbound", '"Permit" "Outbound"'),
        ("Guest <WLAN> & VPN", '"Guest" "WLAN" "VPN"'),
        ("https://www.example.com/search?q=1", '"https" "www.example.com" "search" "q" "1"'),
        ("https://bücher.example/katalog", '"https" "katalog"'),
        ('x" | delete | search "', '"x" "delete" "search"'),
        ("NOT OR (", '"NOT" "OR"'),
        ("back\\slash", "*"),
        ("a%20b 100%", "*"),
        ("*", "*"),
        ("www.*", "*"),
        ("unknown", "*"),
        ("(none)", "*"),
        ("No rule logged", "*"),
        ("rule 268435461", "*"),
        ("", "*"),
        ("--", "*"),
    ],
)
def test_a_value_has_the_words_that_its_text_has_for_sure(value: str, search: str, knowledge: Knowledge) -> None:
    literal = value.replace("\\", "\\\\").replace('"', '\\"')
    assert words_of(f'| makeresults | eval value="{literal}" | `sfw_value_words`', knowledge) == search


@pytest.mark.parametrize(
    ("value", "search"),
    [
        ("10.1.2.3", "TERM(10.1.2.3)"),
        ("2001:db8::1", "TERM(2001:db8::1)"),
        ("172.16.3.*", '"172.16.3.*"'),
        ("*", "*"),
        ("*.3", "*"),
        ("10.0.0.0/8", "*"),
        ("x) OR (y", "*"),
        ("1.2.3.4 5", "*"),
        ("", "*"),
    ],
)
def test_an_address_is_one_word(value: str, search: str, knowledge: Knowledge) -> None:
    assert words_of(f'| makeresults | eval value="{value}" | `sfw_address_words`', knowledge) == search


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("10.1.2.*", '"10.1.2.*"'),
        ('x" OR "', r'"x\" OR \""'),
        ("back\\slash", r'"back\\slash"'),
        ('\\"', r'"\\\""'),
        ("", '""'),
    ],
)
def test_a_value_is_put_into_quotes_with_its_own_escaped(value: str, quoted: str, knowledge: Knowledge) -> None:
    literal = value.replace("\\", "\\\\").replace('"', '\\"')
    search = f'| makeresults | eval value="{literal}" | eval search=`sfw_quoted(value)` | table search'
    assert words_of(search, knowledge) == quoted


NAMES = (
    *("Permit Outbound", 'say "hello"', "back\\slash", "Übersicht 100%", "a--b", "C:\\Temp\\x", "ünï"),
    *("50% off & more", "rule 7", "No rule logged", "it's (here)", "NOT", "a=b", "$money$", "{x}"),
)


@pytest.mark.parametrize("name", NAMES)
def test_no_event_is_lost_by_the_words_of_a_name(name: str, knowledge: Knowledge) -> None:
    events = [
        late(connection(FirewallRule=name, URL=f"http://a.example/{name}", AC_RuleAction="Block")),
        late(intrusion(IntrusionRuleMessage=name)),
        late(file(FileName=name)),
    ]
    shifted = [
        type(one)(one.raw, population.NOW - 60, one.indexed, one.sourcetype, one.source, one.host, one.index)
        for one in events
    ]
    data: Any = Index(knowledge, shifted)
    page = Opened(VIEWS["connections"], data, rule=name, action="blocked")
    assert [row["events"] for row in page.rows("totals")] == ["1"]
    page = Opened(VIEWS["connections"], data, url=f"http://a.example/{name}")
    assert [row["events"] for row in page.rows("totals")] == ["1"]
    page = Opened(VIEWS["intrusions"], data, signature=name)
    assert [row["events"] for row in page.rows("totals")] == ["1"]


def test_an_event_whose_text_names_another_kind_is_still_among_the_others(knowledge: Knowledge) -> None:
    event = late(file(FileName="ConnectionEvent.exe"))
    data = Index(knowledge, [event, late(connection(URL="http://a.example/FileEvent"))])
    found = spl.run("`sfw_events` `sfw_others`", data, now=population.NOW).rows
    assert [row["file_name"] for row in found] == ["ConnectionEvent.exe"]
