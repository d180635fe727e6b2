"""Network_Traffic: connections."""

from __future__ import annotations

import pytest

from standins.search import Knowledge
from tests.search.case import ABSENT, Case, case, connection, differences


def decided(verdict: str | None, reason: str | None, action: str, known: str = "yes") -> Case:
    raw = connection(AC_RuleAction=verdict, AC_RuleReason=reason)
    wanted = {"action": action, "vendor_action": verdict, "sfw_action_known": known}
    return case(f"{verdict} ({reason}) is {action}", raw, **wanted)


ACTIONS = [
    decided("Allow", ABSENT, "allowed"),
    decided("Trust", ABSENT, "allowed"),
    decided("Fastpath", ABSENT, "allowed"),
    decided("Monitor", ABSENT, "allowed"),
    decided("Block", ABSENT, "blocked"),
    decided("Block with reset", ABSENT, "blocked"),
    decided("Interactive Block", ABSENT, "blocked"),
    decided("Interactive Block with reset", ABSENT, "blocked"),
    decided("Would Have Blocked", ABSENT, "allowed"),
    decided("Drop", ABSENT, "blocked"),
    decided("Deny", ABSENT, "blocked"),
    decided("Denied", ABSENT, "blocked"),
    decided("Reject", ABSENT, "blocked"),
    decided("Reset", ABSENT, "blocked"),
    decided("Sinkhole", ABSENT, "blocked"),
    decided("Domain Not Found", ABSENT, "blocked"),
    decided("Unknown", ABSENT, "unknown", known="no"),
    decided("Default Action", ABSENT, "unknown"),
    decided("Default Action", "Intrusion Monitor", "unknown"),
    decided("Default Action", "IP Block", "blocked"),
    decided("Default Action", "Intrusion Block, File Monitor", "blocked"),
    decided(ABSENT, ABSENT, "unknown"),
    decided(ABSENT, "DNS Block", "blocked"),
    decided("Allow", "File Block", "allowed"),
    decided("Block", "IP Block", "blocked"),
    decided("block WITH reset", ABSENT, "blocked"),
    decided("Block with a smile", ABSENT, "blocked", known="no"),
    decided("Some Value Of Tomorrow", ABSENT, "unknown", known="no"),
    case("an empty action is an absent one", connection(AC_RuleAction=""), action="unknown", sfw_verdict="absent"),
    case("what the lookup reads", connection(AC_RuleReason="IP Block"), sfw_verdict="Block", sfw_reason="IP Block"),
    case("what it reads without a reason", connection(), sfw_verdict="Block", sfw_reason="absent"),
]

AMOUNTS = [
    case("bytes", connection(), bytes_out="840", bytes_in="66", bytes="906"),
    case("packets", connection(), packets_out="3", packets_in="1", packets="4"),
    case("beyond 32 bits", connection(InitiatorBytes=5000000000), bytes_out="5000000000", bytes="5000000066"),
    case("bytes one way", connection(ResponderBytes=ABSENT), bytes_in=ABSENT, bytes="840"),
    case("bytes the other way", connection(InitiatorBytes=ABSENT), bytes_out=ABSENT, bytes="66"),
    case("packets one way", connection(ResponderPackets=ABSENT), packets_in=ABSENT, packets="3"),
    case("packets the other way", connection(InitiatorPackets=ABSENT), packets_out=ABSENT, packets="1"),
    case("no bytes", connection(InitiatorBytes=ABSENT, ResponderBytes=ABSENT), bytes=ABSENT),
    case("no packets", connection(InitiatorPackets=ABSENT, ResponderPackets=ABSENT), packets=ABSENT),
    case("the duration at the end", connection(ConnectionDuration=7, LastPacketSecond=1743500750), duration="7"),
    case("a duration from its ends", connection(LastPacketSecond=1743500750), duration="16"),
    case("a duration up to any second but 0", connection(FirstPacketSecond=0, LastPacketSecond=1), duration="1"),
    case("no duration before its end", connection(LastPacketSecond=0), duration=ABSENT),
    case("no duration at the begin", connection(), duration=ABSENT),
]

TRANSLATIONS = [
    case("the initiator's", connection(), src_translated_ip="172.16.2.10", src_translated_port="62296"),
    case("the responder's", connection(), dest_translated_ip="142.250.191.196", dest_translated_port="443"),
    case(
        "none",
        connection(NAT_InitiatorIP=ABSENT, NAT_InitiatorPort=ABSENT, NAT_ResponderIP=ABSENT, NAT_ResponderPort=ABSENT),
        src_translated_ip=ABSENT,
        src_translated_port=ABSENT,
        dest_translated_ip=ABSENT,
        dest_translated_port=ABSENT,
    ),
]

TYPES = [
    Case("a connection is network traffic", connection(), {}, ("sfw_connection",), ("communicate", "network")),
    Case("and no intrusion", connection(), {"ids_type": ABSENT, "signature": ABSENT, "severity": ABSENT}),
    Case("and has no impact", connection(), {"sfw_impact": ABSENT, "sfw_priority": ABSENT, "impact_desc": ABSENT}),
    Case("and no file", connection(), {"file_name": ABSENT, "file_hash": ABSENT, "sfw_threat_score": ABSENT}),
]

CASES = [*ACTIONS, *AMOUNTS, *TRANSLATIONS, *TYPES]


@pytest.mark.parametrize("one", CASES, ids=str)
def test_connections(knowledge: Knowledge, one: Case) -> None:
    assert differences(knowledge, one) == []
