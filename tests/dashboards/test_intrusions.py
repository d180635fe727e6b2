"""The dashboard Intrusions shows what is in the events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from standins.dashboards import read_views
from standins.search import Knowledge
from standins.search.searched import Searched
from tests.search.case import ABSENT, arrived, intrusion

from . import population
from .answers import SearchHead
from .counted import Event, counts, is_blocked, key_of, raw_events, verdict
from .opened import Opened

VIEW = read_views()["intrusions"]
PRIORITIES = {1: "high", 2: "medium", 3: "low"}
IMPACTS = {
    0: "0 unknown impact",
    1: "1 vulnerable",
    2: "2 potentially vulnerable",
    3: "3 currently not vulnerable",
    4: "4 unknown target",
    5: "5 unknown impact",
    9: "9 unknown impact",
    None: "none not rated",
}


@pytest.fixture(scope="module")
def page(head: SearchHead) -> Opened:
    return Opened(VIEW, head.data)


@pytest.fixture(scope="module")
def events(page: Opened) -> list[Event]:
    return raw_events(population.events(), "IntrusionEvent", page.earliest, population.NOW)


def would_have_blocked(event: Event) -> bool:
    return event.get("InlineResult", "").startswith("Would")


def test_totals_count_intrusions_what_was_blocked_and_both_ends(page: Opened, events: list[Event]) -> None:
    assert page.rows("totals") == [
        {
            "events": str(len(events)),
            "blocked": str(sum(map(is_blocked, events))),
            "would": str(sum(map(would_have_blocked, events))),
            "vulnerable": str(sum(event.get("Impact") == 1 for event in events)),
            "attackers": str(len({event["InitiatorIP"] for event in events})),
            "targets": str(len({event["ResponderIP"] for event in events})),
        }
    ]


def test_outcomes_over_time_add_up(page: Opened, events: list[Event]) -> None:
    rows = page.rows("over_time")
    blocked, would = sum(map(is_blocked, events)), sum(map(would_have_blocked, events))
    unknown = sum(verdict(event) == "unknown" for event in events)
    wanted = {"blocked": blocked, "would have blocked": would, "unknown": unknown}
    shown = {name: sum(int(row[name]) for row in rows) for name in ("allowed", *wanted)}
    assert shown == {"allowed": len(events) - sum(wanted.values()), **wanted}
    assert set(rows[0]) == {"_time", *shown}


def test_the_matrix_has_every_impact_by_every_priority(page: Opened, events: list[Event]) -> None:
    wanted: dict[str, dict[str, int]] = {}
    for event in events:
        row = wanted.setdefault(IMPACTS[event.get("Impact")], dict.fromkeys(("high", "medium", "low", "other"), 0))
        row[PRIORITIES.get(event.get("PriorityID", 0), "other")] += 1
    shown = {
        row["impact"]: {name: int(value) for name, value in row.items() if name != "impact"}
        for row in page.rows("matrix")
    }
    assert shown == wanted
    assert len(wanted) == len(IMPACTS)


def test_signatures_with_their_rule_their_attackers_and_targets(page: Opened, events: list[Event]) -> None:
    rows = page.rows("signatures")
    assert sum(int(row["events"]) for row in rows) == len(events)
    for row in rows:
        own = [event for event in events if _rule(event) == (row["rule"], row["signature"])]
        assert int(row["events"]) == len(own)
        assert int(row["blocked"]) == sum(map(is_blocked, own))
        assert int(row["would have"]) == sum(map(would_have_blocked, own))
        assert int(row["attackers"]) == len({event["InitiatorIP"] for event in own})
        assert int(row["targets"]) == len({event["ResponderIP"] for event in own})
        assert row["_connection"] == key_of(max(own, key=lambda event: float(event["_time"])))


def test_rule_groups(page: Opened, events: list[Event]) -> None:
    shown = {row["group"]: (int(row["events"]), int(row["blocked"])) for row in page.rows("groups")}
    assert shown == counts(events, lambda event: event.get("SnortRuleGroups"))


def test_techniques_have_their_tactic(page: Opened, events: list[Event]) -> None:
    techniques = {
        ("Execution", "User Execution > Malicious File"): population.TECHNIQUES[0],
        ("Initial Access", "Exploit Public-Facing Application"): population.TECHNIQUES[1],
        ("Command and Control", "Application Layer Protocol > Web Protocols"): population.TECHNIQUES[2],
    }
    shown = {(row["tactic"], row["technique"]): int(row["events"]) for row in page.rows("techniques")}
    assert shown == {
        key: sum(event["MitreAttackGroups"] == path for event in events) for key, path in techniques.items()
    }


def test_several_techniques_of_one_event_are_told_apart(page: Opened) -> None:
    both = ", ".join(population.TECHNIQUES[:2])
    given = f'| makeresults | eval kind="technique", value="{both}", events=3, blocked=1, attackers=1, targets=2'
    found = page.run(f"{given} {page.query('techniques')}")
    assert [(row["tactic"], row["technique"], row["events"]) for row in found.rows] == [
        ("Execution", "User Execution > Malicious File", 3),
        ("Initial Access", "Exploit Public-Facing Application", 3),
    ]


def test_what_would_have_been_blocked_and_why_it_was_not(page: Opened, events: list[Event]) -> None:
    would = [event for event in events if would_have_blocked(event)]
    wanted = counts(would, lambda event: (event["IntrusionRuleMessage"], event["InlineResultReason"]))
    shown = {(row["signature"], row["reason"]): int(row["events"]) for row in page.rows("would_have")}
    assert shown == {key: number for key, (number, _) in wanted.items()}


@pytest.mark.parametrize(("source", "field"), [("attacking", "InitiatorIP"), ("attacked", "ResponderIP")])
def test_attackers_and_targets(page: Opened, events: list[Event], source: str, field: str) -> None:
    shown = {row["address"]: (int(row["events"]), int(row["blocked"])) for row in page.rows(source)}
    assert shown == counts(events, lambda event: event[field])


@pytest.mark.parametrize(
    ("tokens", "keep"),
    [
        ({"address": "192.0.2.9"}, lambda one: "192.0.2.9" in (one["InitiatorIP"], one["ResponderIP"])),
        ({"signature": "MALWARE-CNC*"}, lambda one: one["IntrusionRuleMessage"].startswith("MALWARE-CNC")),
    ],
)
def test_inputs_narrow_the_whole_page(head: SearchHead, events: list[Event], tokens: dict[str, str], keep: Any) -> None:
    kept = [event for event in events if keep(event)]
    page = Opened(VIEW, head.data, **tokens)
    assert 0 < len(kept) < len(events)
    assert int(page.rows("totals")[0]["events"]) == len(kept)
    assert sum(int(row["events"]) for row in page.rows("attacking")) == len(kept)


def _rule(event: Event) -> tuple[str, str]:
    return f"{event['GeneratorID']}:{event['SignatureID']}", event["IntrusionRuleMessage"]


@pytest.mark.parametrize("source", ["events", "model"])
def test_an_event_whose_rule_has_no_name_counts(addon: Path, source: str) -> None:
    when = population.NOW - 3600
    raws = (intrusion(EventSecond=when), intrusion(EventSecond=when, IntrusionRuleMessage=ABSENT))
    page = Opened(VIEW, Searched(Knowledge.read(addon), [arrived(raw, when, when + 1) for raw in raws]), source=source)
    assert [row["events"] for row in page.rows("totals")] == ["2"]
    assert {row["signature"]: row["events"] for row in page.rows("signatures")}["unknown"] == "1"


@pytest.mark.parametrize("tokens", [{}, {"address": "172.16.3.101"}, {"signature": "*MALWARE*"}])
def test_the_data_model_tells_the_same_as_the_events(head: SearchHead, tokens: dict[str, str]) -> None:
    read, summed = (Opened(VIEW, head.data, source=source, **tokens) for source in ("events", "model"))
    (told,), (counted,) = read.rows("totals"), summed.rows("totals")
    assert counted == {name: told[name] for name in ("events", "blocked", "attackers", "targets")}
    for source, fields in SAME.items():
        assert _chosen(summed.rows(source), fields) == _chosen(read.rows(source), fields) != [], source
    assert _by_signature(summed) == _by_signature(read)
    steps = [(float(row["_time"]), row["blocked"]) for row in read.rows("over_time")]
    assert [(float(row["_time"]), row["blocked"]) for row in summed.rows("over_time")] == steps


SAME = {
    "attacking": ("address", "events", "blocked", "targets"),
    "attacked": ("address", "events", "blocked"),
}
"""What panels show from either source."""


def _by_signature(page: Opened) -> dict[str, tuple[int, int]]:
    """Return events and blocked ones by signature, whichever generators it has: the model does not know them."""
    found: dict[str, tuple[int, int]] = {}
    for row in page.rows("signatures"):
        events, blocked = found.get(row["signature"], (0, 0))
        found[row["signature"]] = (events + int(row["events"]), blocked + int(row["blocked"]))
    return found


def _chosen(rows: list[dict[str, Any]], fields: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[name] for name in fields) for row in rows)
