"""Varied events are the same for the same seed, and contain every value that the module names."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from standins.fmc import variety
from standins.fmc.events import EventGenerator, Record
from standins.fmc.variety import VariedGenerator, varied_event, varied_events

COUNT = 10_000


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return varied_events(7, COUNT)


@pytest.fixture(scope="module")
def events(records: list[Record]) -> list[dict[str, Any]]:
    return [json.loads(record.payload) for record in records]


def values(events: list[dict[str, Any]], name: str, event_type: str) -> set[Any]:
    return {event.get(name) for event in events if event.get("EventType") == event_type}


def test_a_seed_gives_the_same_bytes_on_every_python() -> None:
    made = b"".join(record.payload for record in varied_events(7, 500))
    assert hashlib.sha256(made).hexdigest() == "ca170c99b4ba60f1ca55fc84313bba89f581cb8f349ce3981d71d1f3a209025e"


def test_every_event_is_unique_and_can_be_made_alone(records: list[Record]) -> None:
    assert len({record.payload for record in records}) == COUNT
    assert varied_event(7, 4711, records[4711].archival) == records[4711]
    assert varied_event(8, 4711, records[4711].archival) != records[4711]


@pytest.mark.parametrize(
    ("event_type", "name", "wanted"),
    [
        ("ConnectionEvent", "AC_RuleAction", variety.AC_RULE_ACTIONS),
        ("ConnectionEvent", "AC_RuleReason", variety.AC_RULE_REASONS),
        ("IntrusionEvent", "InlineResult", variety.INLINE_RESULTS),
        ("IntrusionEvent", "Impact", variety.IMPACTS),
        ("IntrusionEvent", "PriorityID", variety.PRIORITIES),
        ("FileEvent", "FileAction", variety.FILE_ACTIONS),
        ("FileEvent", "SHA_Disposition", variety.DISPOSITIONS),
        ("FileEvent", "ThreatScore", variety.THREAT_SCORES),
        ("ConnectionEvent", "Protocol", variety.PROTOCOLS),
        ("IntrusionEvent", "Protocol", variety.PROTOCOLS),
        ("FileEvent", "Protocol", variety.PROTOCOLS),
    ],
)
def test_every_value_occurs_and_so_does_its_absence(
    events: list[dict[str, Any]], event_type: str, name: str, wanted: tuple[Any, ...]
) -> None:
    assert values(events, name, event_type) >= {*wanted, variety.ABSENT}


@pytest.mark.parametrize("name", ["FirewallRule", "IngressZone", "EgressInterface", "FirewallPolicy"])
def test_every_filler_occurs_where_a_name_is_expected(events: list[dict[str, Any]], name: str) -> None:
    assert values(events, name, "ConnectionEvent") >= set(variety.FILLERS)


def test_unheard_values_occur(events: list[dict[str, Any]]) -> None:
    assert variety.UNHEARD in values(events, "AC_RuleAction", "ConnectionEvent")
    assert variety.UNHEARD in values(events, "InlineResult", "IntrusionEvent")
    assert variety.UNHEARD in values(events, "FileAction", "FileEvent")
    assert variety.UNHEARD in values(events, "SHA_Disposition", "FileEvent")


def test_rare_verdicts_names_and_http_occur(events: list[dict[str, Any]]) -> None:
    assert values(events, "AC_RuleAction", "ConnectionEvent") >= set(variety.RARE_ACTIONS)
    assert {"www.example.com", "Unknown", None} <= values(events, "DNS_Query", "ConnectionEvent")
    assert {200, 0, None} <= values(events, "HTTP_Response", "ConnectionEvent")


def test_most_rules_have_no_name_some_events_no_type_and_in_some_a_member_stands_twice(records: list[Record]) -> None:
    events = [json.loads(record.payload) for record in records]
    rules = [event["FirewallRule"] for event in events if "FirewallRule" in event]
    assert 0.6 < rules.count("Invalid ID") / len(rules) < 0.8
    untyped = [record.event_type for record, event in zip(records, events) if "EventType" not in event]
    assert {"ConnectionEvent", "IntrusionEvent", "FileEvent"} <= set(untyped)
    members = [json.loads(record.payload, object_pairs_hook=list) for record in records]
    twice = [pairs for pairs in members if len(dict(pairs)) < len(pairs)]
    assert 0.02 < len(twice) / len(members) < 0.04


def test_connections_are_translated_or_not_begin_and_end_and_have_either_version_of_addresses(
    events: list[dict[str, Any]],
) -> None:
    connections = [event for event in events if event.get("EventType") == "ConnectionEvent"]
    for present in ("NAT_InitiatorIP", "LastPacketSecond", "ICMP_Type"):
        assert 0.2 < sum(present in event for event in connections) / len(connections) < 0.8, present
    assert 0.3 < sum(":" in event["InitiatorIP"] for event in connections) / len(connections) < 0.7
    ends = [event for event in connections if "LastPacketSecond" in event]
    assert all(event["LastPacketSecond"] >= event["FirstPacketSecond"] for event in ends)


def test_some_events_of_each_kind_are_beyond_the_limits_of_automatic_extraction(events: list[dict[str, Any]]) -> None:
    for event_type in ("ConnectionEvent", "IntrusionEvent", "FileEvent"):
        of_kind = [event for event in events if event.get("EventType") == event_type]
        assert any(list(event).index("DeviceUUID") > 100 for event in of_kind), event_type
        assert any(len(event.get("ExtraText", "").encode()) >= 5000 for event in of_kind), event_type


def test_a_stream_holds_a_share_of_varied_events_and_is_else_the_usual_one() -> None:
    usual, mixed = EventGenerator(3).events(0, 700), VariedGenerator(3).events(0, 700)
    differing = [index for index in range(700) if usual[index] != mixed[index]]
    assert differing == list(range(6, 700, 7))
    assert {mixed[index].event_type for index in differing} == {"ConnectionEvent", "IntrusionEvent", "FileEvent"}
    assert [(one.archival, one.event_type, one.record_type) for one in usual] == [
        (one.archival, one.event_type, one.record_type) for one in mixed
    ]
    assert VariedGenerator(3).events(15, 30) == mixed[15:45]
