"""The dashboard Connections shows what is in the events, read from them or from the CIM data model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from standins.dashboards import read_views

from . import population
from .answers import SearchHead
from .counted import (
    STEP,
    Event,
    application,
    counts,
    host,
    is_blocked,
    megabytes,
    named,
    raw_events,
    rule,
    total,
    verdict,
)
from .opened import Opened

VIEW = read_views()["connections"]
OF_THE_MODEL = ("totals", "over_time", "zones", "rules", "apps", "sources", "targets", "users", "translations")


@pytest.fixture(scope="module")
def page(head: SearchHead) -> Opened:
    return Opened(VIEW, head.data)


@pytest.fixture(scope="module")
def events(page: Opened) -> list[Event]:
    return raw_events(population.events(), "ConnectionEvent", page.earliest, population.NOW)


def pairs(page: Opened, source: str, name: str) -> dict[str, tuple[int, int]]:
    return {row[name]: (int(row["events"]), int(row["blocked"])) for row in page.rows(source)}


def verdicts(row: dict[str, Any]) -> int:
    """Return how many events of all verdicts a row has."""
    return sum(int(row[name]) for name in ("allowed", "blocked", "unknown") if name in row)


def test_totals_count_connections_their_bytes_and_what_was_blocked(page: Opened, events: list[Event]) -> None:
    blocked = sum(map(is_blocked, events))
    assert 0 < blocked < len(events)
    assert page.rows("totals") == [
        {
            "events": str(len(events)),
            "blocked": str(blocked),
            "blocked_share": str(round(100 * blocked / len(events), 1)),
            "MB_out": megabytes(total(events, "InitiatorBytes")),
            "MB_in": megabytes(total(events, "ResponderBytes")),
        }
    ]


def test_every_step_of_time_counts_its_connections_and_those_blocked(page: Opened, events: list[Event]) -> None:
    wanted = counts(events, lambda event: int(event["_time"] // STEP * STEP))
    rows = {int(float(row["_time"])): (verdicts(row), int(row["blocked"])) for row in page.rows("over_time")}
    assert {when: both for when, both in rows.items() if both != (0, 0)} == wanted
    assert sorted(rows) == list(range(min(rows), max(rows) + 1, STEP))


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [
        ("rules", "rule", rule),
        ("policies", "policy", lambda event: named(event, "FirewallPolicy") or "unknown"),
        ("apps", "application", application),
    ],
)
def test_names_with_the_unnamed_as_unknown(
    page: Opened, events: list[Event], source: str, name: str, told: Callable[[Event], str]
) -> None:
    wanted = counts(events, told)
    assert len(wanted) > 2
    assert _unescaped(pairs(page, source, name)) == wanted


@pytest.mark.parametrize(("source", "field"), [("sources", "InitiatorIP"), ("targets", "ResponderIP")])
def test_addresses_by_bytes(page: Opened, events: list[Event], source: str, field: str) -> None:
    rows = page.rows(source)
    assert pairs(page, source, "address") == counts(events, lambda event: event[field])
    for row in rows:
        own = [event for event in events if event[field] == row["address"]]
        assert row["MB out"] == megabytes(total(own, "InitiatorBytes"))
        assert row["MB in"] == megabytes(total(own, "ResponderBytes"))
    sizes = [float(row["MB out" if source == "sources" else "MB in"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)


def test_zones_from_ingress_to_egress(page: Opened, events: list[Event]) -> None:
    wanted = counts(
        events,
        lambda event: (
            f"from {named(event, 'IngressZone') or 'unknown'}",
            f"to {named(event, 'EgressZone') or 'unknown'}",
        ),
    )
    rows = {(row["source"], row["target"]): int(row["events"]) for row in page.rows("zones")}
    assert rows == {zones: number for zones, (number, _) in wanted.items()}


def test_users_hosts_and_categories(page: Opened, events: list[Event]) -> None:
    assert pairs(page, "users", "user") == counts(events, lambda event: named(event, "UserName"))
    assert pairs(page, "hosts", "host") == counts(events, host)
    assert pairs(page, "urls", "URL") == counts(events, lambda event: named(event, "URL"))
    categories = counts(events, lambda event: event.get("URL_Category"))
    shown = {row["category"]: int(row["events"]) for row in page.rows("categories")}
    assert shown == {name: number for name, (number, _) in categories.items()}


def test_translated_addresses_of_both_sides(page: Opened, events: list[Event]) -> None:
    wanted: dict[tuple[str, str, str], int] = {}
    for side, own, other in (
        ("source", "InitiatorIP", "NAT_InitiatorIP"),
        ("destination", "ResponderIP", "NAT_ResponderIP"),
    ):
        for event in events:
            if other in event and event[other] != event[own]:
                key = (side, event[own], event[other])
                wanted[key] = wanted.get(key, 0) + 1
    rows = {(row["side"], row["address"], row["translated"]): int(row["events"]) for row in page.rows("translations")}
    assert rows == wanted


def test_processes_of_the_encrypted_visibility_engine(page: Opened, events: list[Event]) -> None:
    def of(name: str, field: str) -> list[int]:
        return [event[field] for event in events if event["EVE_Process"] == name]

    assert [row["process"] for row in page.rows("processes")] == [
        "tofsee",
        "powershell",
        "chromium browser",
        "firefox browser",
    ]
    for row in page.rows("processes"):
        confidences = of(row["process"], "EVE_ProcessConfidencePct")
        assert int(row["events"]) == len(confidences)
        assert int(row["process confidence %"]) == round(sum(confidences) / len(confidences))
        assert int(row["highest threat confidence %"]) == max(of(row["process"], "EVE_ThreatConfidencePct"))


def test_threat_confidence_in_bands_of_twenty(page: Opened, events: list[Event]) -> None:
    names = ("0 to 19 %", "20 to 39 %", "40 to 59 %", "60 to 79 %", "80 to 100 %")
    wanted = counts(events, lambda event: names[min(event["EVE_ThreatConfidencePct"] // 20, 4)])
    rows = {row["band"]: (verdicts(row), int(row["blocked"])) for row in page.rows("threat")}
    assert rows == wanted
    assert [row["band"] for row in page.rows("threat")] == sorted(rows)


@pytest.mark.parametrize("tokens", [{}, {"address": "172.16.3.101"}, {"action": "blocked"}, {"rule": "NasBlock"}])
def test_the_data_model_tells_the_same_as_the_events(head: SearchHead, tokens: dict[str, str]) -> None:
    read, summed = (Opened(VIEW, head.data, source=source, **tokens) for source in ("events", "model"))
    for source in OF_THE_MODEL:
        assert read.rows(source), source
        assert _ordered(summed.rows(source)) == _ordered(read.rows(source)), source


@pytest.mark.parametrize(
    ("tokens", "keep"),
    [
        ({"address": "172.16.3.101"}, lambda one: "172.16.3.101" in (one["InitiatorIP"], one["ResponderIP"])),
        ({"address": "2001:db8:*"}, lambda one: ":" in one["InitiatorIP"] + one["ResponderIP"]),
        ({"action": "blocked"}, is_blocked),
        ({"action": "allowed"}, lambda one: verdict(one) == "allowed"),
        ({"rule": "Permit Outbound"}, lambda one: one.get("FirewallRule") == "Permit Outbound"),
        ({"rule": "Invalid ID"}, lambda one: one.get("FirewallRule") == "Invalid ID"),
        ({"url": "updates.example.net"}, lambda one: host(one) == "updates.example.net"),
        ({"url": "https://www.example.com/*"}, lambda one: one.get("URL", "").startswith("https://www.example.com/")),
        ({"url": "(none)"}, lambda one: named(one, "URL") is None),
    ],
)
def test_inputs_narrow_the_whole_page(head: SearchHead, events: list[Event], tokens: dict[str, str], keep: Any) -> None:
    kept = [event for event in events if keep(event)]
    page = Opened(VIEW, head.data, **tokens)
    assert 0 < len(kept) < len(events)
    assert int(page.rows("totals")[0]["events"]) == len(kept)
    assert pairs(page, "sources", "address") == counts(kept, lambda event: event["InitiatorIP"])


def test_the_data_model_finds_no_url(head: SearchHead) -> None:
    assert Opened(VIEW, head.data, source="model", url="*example*").rows("base") == []


def _unescaped(found: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Put names of long events, which keep the escapes of JSON, to those that they are."""
    merged: dict[str, tuple[int, int]] = {}
    for name, (number, blocked) in found.items():
        before = merged.get(name.replace("\\", ""), (0, 0))
        merged[name.replace("\\", "")] = (before[0] + number, before[1] + blocked)
    return merged


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: sorted((name, str(value)) for name, value in row.items()))


def test_a_connection_without_a_known_verdict_is_not_shown_as_allowed(head: SearchHead) -> None:
    page = Opened(VIEW, head.data)
    made = '| makeresults | eval _time={now}, action=split("allowed,blocked,unknown",","), events=1, rule="r", threat=0'
    rows = "| mvexpand action | `sfw_traffic_sums`"
    base = page.run(f"{made.format(now=population.NOW)} {rows}")
    for source in ("over_time", "threat"):
        (row,) = [row for row in page.run(page.query(source), base).rows if row.get("unknown")]
        assert [int(float(str(row[name]))) for name in ("allowed", "blocked", "unknown")] == [1, 1, 1], source
