"""Intrusion_Detection: intrusions."""

from __future__ import annotations

import pytest

from standins.search import Knowledge
from tests.search.case import ABSENT, Case, case, differences, intrusion


def decided(result: str | None, action: str, known: str = "yes") -> Case:
    wanted = {"action": action, "vendor_action": result, "sfw_action_known": known}
    return case(f"{result} is {action}", intrusion(InlineResult=result), **wanted)


def graded(impact: int | None, *by_priority: str, known: str = "yes") -> list[Case]:
    """The severities of an impact with the priorities 1, 2, 3, none, and one that nobody has seen."""
    wanted = [(severity, known) for severity in by_priority] + [(by_priority[-1], "no")]
    return [
        case(
            f"impact {impact} and priority {priority}",
            intrusion(Impact=impact, PriorityID=priority),
            severity=severity,
            sfw_severity_known=known,
        )
        for priority, (severity, known) in zip((1, 2, 3, ABSENT, 4), wanted)
    ]


def described(impact: int, description: str, known: str = "yes") -> Case:
    wanted = {"impact_desc": description, "sfw_impact_known": known, "sfw_impact": str(impact)}
    return case(f"impact {impact} is {description}", intrusion(Impact=impact), **wanted)


ACTIONS = [
    decided("Would block", "allowed"),
    decided("Would have dropped", "allowed"),
    decided("Block", "blocked"),
    decided("Blocked", "blocked"),
    decided("Dropped", "blocked"),
    decided("Rejected", "blocked"),
    decided("Partially blocked", "blocked"),
    decided(ABSENT, "allowed"),
    decided("Alert", "allowed"),
    decided("Rewritten", "allowed"),
    decided("Some Value Of Tomorrow", "unknown", known="no"),
    case("an empty result is an absent one", intrusion(InlineResult=""), action="allowed", sfw_verdict="absent"),
]

SEVERITIES = [
    *graded(1, "critical", "critical", "critical", "critical"),
    *graded(2, "critical", "high", "medium", "high"),
    *graded(3, "high", "medium", "informational", "informational"),
    *graded(4, "high", "medium", "medium", "medium"),
    *graded(5, "high", "medium", "medium", "medium"),
    *graded(0, "high", "medium", "medium", "medium"),
    *graded(ABSENT, "high", "medium", "low", "informational"),
    *graded(9, "high", "medium", "medium", "medium", known="no"),
    case("the priority's number", intrusion(PriorityID=2), severity_id="2", sfw_priority="2"),
    case("no priority", intrusion(PriorityID=ABSENT), severity_id=ABSENT, sfw_priority="absent"),
]

IMPACTS = [
    described(1, "vulnerable"),
    described(2, "potentially vulnerable"),
    described(3, "currently not vulnerable"),
    described(4, "unknown target"),
    described(5, "unknown impact"),
    described(0, "unknown impact"),
    described(9, "unknown impact", known="no"),
    case("no impact", intrusion(Impact=ABSENT), impact_desc=ABSENT, sfw_impact="absent"),
]

SIGNATURES = [
    case(
        "the rule that was set off",
        intrusion(),
        signature="FILE-EXECUTABLE download of executable content",
        signature_id="11192",
        signature_version="20",
    ),
    case("its class", intrusion(), category="Potential Corporate Policy Violation"),
    case("its class by its other name", intrusion(), class_desc="Potential Corporate Policy Violation"),
    case("no class", intrusion(Classification="Unknown"), category=ABSENT, class_desc="Unknown"),
    case("no word of its class", intrusion(Classification=""), category=ABSENT, class_desc=ABSENT),
    case("no message", intrusion(IntrusionRuleMessage="Unknown"), signature=ABSENT),
    case("found in the network", intrusion(), ids_type="network"),
]

TYPES = [
    Case("an intrusion is one", intrusion(), {}, ("sfw_intrusion",), ("attack", "ids")),
    Case("and no file", intrusion(), {"file_name": ABSENT, "file_path": ABSENT, "sfw_threat_score": ABSENT}),
]

CASES = [*ACTIONS, *SEVERITIES, *IMPACTS, *SIGNATURES, *TYPES]


@pytest.mark.parametrize("one", CASES, ids=str)
def test_intrusions(knowledge: Knowledge, one: Case) -> None:
    assert differences(knowledge, one) == []
