"""Events beyond the limits of automatic extraction, 100 fields and 10,240 characters, keep the fields that matter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.searchtime import Knowledge
from tests.searchtime.mapping.case import ABSENT, Case, case, connection, differences, file, found, intrusion, text

BULKS: dict[str, dict[str, Any]] = {
    "100 fields": {f"Extra{number}": number for number in range(100)},
    "10,240 characters": {"Extra": "x" * 10240},
}
"""What stands before all fields of an event."""

END = {"LastPacketSecond": 1743500750, "ConnectionDuration": 16}
MORE = {
    "UserName": "jdoe",
    "AC_RuleReason": "IP Block",
    "HTTP_Referer": "http://a.example/",
    "ICMP_Type": 8,
    "ICMP_Code": 0,
    "SSL_Version": "TLSv1.3",
    "SSL_Policy": "Decrypt",
    "UserAgent": "Mozilla",
    "ReferencedHost": "a.example",
    "URL_Category": "News",
    "HTTP_Response": 200,
    "DNS_Query": "a.example",
    "DNS_RecordType": "A",
    "DNS_RecordDescription": "a host address",
    "DNS_ResponseType": "No Error",
    "TunnelRule": "Inside GRE",
    "FirewallRuleID": 7,
    "DeviceID": 3,
    "estreamer_problem": "illegal characters",
}
OTHERS = {"UserIP": "192.0.2.1", "HostIP": "192.0.2.1", "VPN_ClientIP": "192.0.2.1", "AuthenticationType": "passive"}
RAW_FIELDS = {
    "connection": (connection(**END, **MORE), (*END, *MORE)),
    "intrusion": (intrusion(InlineResultReason="Detection mode"), ()),
    "file": (file(), ()),
    "correlation": (text({"EventType": "CorrelationEvent", "CorrelationRule": "R"}, OTHERS), ()),
}
_NOT_RESTORED = (
    "EventMicrosecond IngressVRF EgressVRF PrefilterPolicy NAP_Policy SSL_FlowStatus SSL_CipherSuite "
    "SSL_ServerCertStatus SSL_ActualAction SSL_ExpectedAction EVE_Fingerprint EVE_ProcessConfidencePct "
    "EVE_ThreatConfidenceIndex ClientAppDetector IntrusionPolicy HTTP_Hostname SnortRuleGroups SperoDisposition "
    "FilePolicy FileStorageStatus FileSandboxStatus DeviceSerialNumber"
)
NOT_RESTORED = frozenset(_NOT_RESTORED.split())
"""Fields of the samples that neither the mapping nor a published detection reads, besides the IDs and extras."""


def beyond(bulk: str, raw: str) -> str:
    """Return an event that has all its fields, even its type, behind a bulk of others."""
    return json.dumps({**BULKS[bulk], **json.loads(raw)}, separators=(", ", ":"), ensure_ascii=False)


def wanted_of(raw: str) -> dict[str, str | None]:
    """The raw fields that a long event has to keep, up to the first extra of a real intrusion event."""
    event = json.loads(raw)
    extras = list(event)[list(event).index("ApplicationID") :] if "ApplicationID" in event else []
    kept = [name for name in event if name not in NOT_RESTORED and name not in set(extras) - {"Device", "DeviceIP"}]
    return {name: str(event[name]) for name in kept} | ({"EventID": "195"} if "EventID" in event else {})


RAW = [Case(f"raw fields of a long {kind}", raw, wanted_of(raw)) for kind, (raw, _) in RAW_FIELDS.items()]

MAPPED = [
    case("a connection", connection(), src="172.16.3.110", dest_port="443", action="blocked", rule="NasBlock"),
    case("its amounts", connection(), bytes="906", packets="4", src_translated_ip="172.16.2.10"),
    case("its end", connection(**END), duration="16", transport="tcp"),
    case("an intrusion", intrusion(Impact=1), signature_id="11192", severity="critical", action="allowed"),
    case("a file", file(), file_name="csm-eicar.gif", severity="critical", category="malware", dvc="172.16.0.10"),
    case("escapes stay as they are written", connection(FirewallRule='say "no"'), rule='say \\"no\\"'),
    case("a number written as text", connection(ResponderPort="443"), dest_port="443", bytes="906"),
    case("fillers", connection(FirewallRule="Invalid ID", SSL_Policy="None"), rule="Invalid ID", ssl_policies=ABSENT),
    case("absent fields", connection(Protocol=ABSENT, URL=ABSENT), transport=ABSENT, url=ABSENT, dest_port="443"),
    Case("a connection's type", connection(), {}, ("sfw_connection",), ("communicate", "network")),
    Case("an intrusion's type", intrusion(), {}, ("sfw_intrusion",), ("attack", "ids")),
    Case("a malware file's type", file(), {}, ("sfw_file", "sfw_malware", "sfw_malware_download"), ()),
]

CASES = [
    Case(f"{one.name}, behind {bulk}", beyond(bulk, one.raw), one.fields, one.eventtypes, one.tags)
    for one in (*RAW, *MAPPED)
    for bulk in BULKS
]


@pytest.mark.parametrize("one", CASES, ids=str)
def test_long_events(knowledge: Knowledge, one: Case) -> None:
    assert differences(knowledge, one) == []


def test_no_field_of_a_long_event_is_doubled(knowledge: Knowledge) -> None:
    tail = json.dumps({**json.loads(connection()), **BULKS["100 fields"]})
    fields = found(knowledge, tail).fields
    doubled = [name for name, value in fields.items() if isinstance(value, tuple) and not name.startswith("tag")]
    assert doubled == []
    assert fields["src"] == "172.16.3.110"


@pytest.mark.parametrize("raw", [connection(), intrusion(), file()], ids=["connection", "intrusion", "file"])
def test_an_event_within_the_limits_has_no_second_copies(knowledge: Knowledge, raw: str) -> None:
    assert [name for name in found(knowledge, raw).fields if name.startswith("sfw_long")] == []
