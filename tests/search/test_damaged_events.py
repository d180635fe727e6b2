"""Events that are not whole or not clear: no verdict is invented, and what could not be read is in no model."""

from __future__ import annotations

import json

import pytest
from estreamer.events import repair

from standins.search import Knowledge
from tests.search.case import ABSENT, Case, case, connection, differences, file, found, intrusion

KINDS = {"connection": connection, "intrusion": intrusion, "file": file}
READ = {
    "connection": connection(AC_RuleReason="IP Block", UserName="jdoe", DNS_Query="a.example", URL_Category="News"),
    "intrusion": intrusion(Impact=1),
    "file": file(),
}
NO_VERDICT = {"action": ABSENT, "severity": ABSENT, "impact_desc": ABSENT, "category": ABSENT, "sfw_verdict": ABSENT}
NO_VERDICT |= dict.fromkeys(("sfw_type", "sfw_impact", "sfw_priority", "sfw_threat_score"), ABSENT)


def wrapped(problem: str, kind: str) -> Case:
    """Return an event that the input delivered as text, with its kind."""
    event = {"EventType": kind, repair.PROBLEM_KEY: problem, "estreamer_length": 7, "estreamer_payload": "{broken"}
    return Case(f"{kind} that is {problem}", json.dumps(event), NO_VERDICT, (), ())


WRAPPED = [
    wrapped(problem, kind)
    for problem in (repair.NOT_JSON, repair.TOO_LONG, repair.NOT_UNDERSTOOD)
    for kind in ("ConnectionEvent", "IntrusionEvent", "FileEvent")
]

DAMAGED = [
    *WRAPPED,
    Case(
        "what was repaired keeps its verdict",
        connection(estreamer_problem=repair.ILLEGAL_CHARACTERS),
        {"action": "blocked"},
        ("sfw_connection",),
    ),
    case(
        "two repairs",
        connection(estreamer_problem=f"{repair.UNESCAPED_BACKSLASH}, {repair.NOT_A_NUMBER}"),
        action="blocked",
    ),
    case("without a verdict", connection(AC_RuleAction=ABSENT), action="unknown", sfw_action_known="yes"),
    case("a file without a verdict", file(FileAction=ABSENT), action="unknown", sfw_action_known="yes"),
]


def twice(raw: str, member: str, value: str | None = None) -> str:
    """Return an event in which a member stands a second time, at the end, with another value if there is one."""
    return f'{raw[:-1]}, "{member}":{value or json.dumps(json.loads(raw)[member])}}}'


CONTRADICTORY = [
    case(
        "two verdicts on a connection",
        twice(connection(AC_RuleAction="Allow"), "AC_RuleAction", '"Block"'),
        action="unknown",
        sfw_verdict="contradictory",
        sfw_action_known="no",
    ),
    case(
        "two results of an intrusion",
        twice(intrusion(InlineResult="Block"), "InlineResult", '"Alert"'),
        action="unknown",
        sfw_verdict="contradictory",
    ),
    case(
        "two actions on a file",
        twice(file(), "FileAction", '"Malware Block"'),
        action="unknown",
        sfw_verdict="contradictory",
    ),
    case(
        "two reasons",
        twice(connection(AC_RuleReason="IP Block"), "AC_RuleReason", '"DNS Block"'),
        sfw_reason="IP Block, DNS Block",
    ),
    case(
        "two reasons for no verdict",
        twice(connection(AC_RuleAction=ABSENT, AC_RuleReason="File Monitor"), "AC_RuleReason", '"IP Block"'),
        action="blocked",
    ),
    case("two addresses", twice(connection(), "InitiatorIP", '"192.0.2.1"'), src="172.16.3.110"),
]

CASES = [*DAMAGED, *CONTRADICTORY]


@pytest.mark.parametrize("one", CASES, ids=str)
def test_damaged_events(knowledge: Knowledge, one: Case) -> None:
    assert differences(knowledge, one) == []


@pytest.mark.parametrize("kind", READ)
def test_a_member_that_stands_twice_changes_no_field_that_is_made(knowledge: Knowledge, kind: str) -> None:
    once = found(knowledge, READ[kind])
    members = json.loads(READ[kind])
    for member in members:
        event = found(knowledge, twice(READ[kind], member))
        differing = {name for name, value in once.fields.items() if event.fields.get(name) != value}
        assert differing == {member, "_raw"}
        assert (event.eventtypes, event.tags) == (once.eventtypes, once.tags)
        assert event.fields[member] == (str(members[member]),) * 2


@pytest.mark.parametrize("length", [700, 900, 1100])
def test_what_is_cut_in_the_middle_was_never_allowed(knowledge: Knowledge, length: int) -> None:
    raw = connection(AC_RuleAction=ABSENT, Extra="x" * 2000, AC_Rule="x")[:length]
    assert found(knowledge, raw).fields.get("action", "unknown") == "unknown"
