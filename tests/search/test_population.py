"""What holds for every event, whatever its values: ten thousand varied ones, with what CIM demands of each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from standins.fmc.variety import varied_events
from standins.search import Knowledge, Limits
from standins.search.knowledge import Event
from tests.search.case import HOST, SOURCE, SOURCETYPE
from tests.search.mutants import kind_of

COUNT = 10_000
PARTS = 4
SEED = 7

_CIM_FIELDS = """
action app bytes bytes_in bytes_out category class_desc connection_id dest dest_interface dest_ip dest_port
dest_translated_ip dest_translated_port dest_zone device_id direction duration dvc dvc_ip event_id file_hash file_name
file_path file_size flow_id http_referrer icmp_code icmp_type ids_type impact_desc instance_id packets packets_in
packets_out policy protocol protocol_version rule sensor_name severity severity_id signature signature_id
signature_version src src_interface src_ip src_port src_translated_ip src_translated_port src_zone ssl_hash ssl_policies
ssl_version transport uri url url_domain user vendor_action vendor_product id sender receiver site status query
query_count message_type record_type reply_code reply_code_id http_user_agent http_user_agent_length
"""
CIM_FIELDS = _CIM_FIELDS.split()
FORBIDDEN = {"", "-", "null", "unknown"}
ALLOWED = {
    "action": {"allowed", "blocked", "unknown"},
    "direction": {"inbound", "outbound"},
    "protocol": {"ip", "icmp"},
    "protocol_version": {"ipv4", "ipv6"},
    "severity": {"critical", "high", "medium", "low", "informational"},
    "ids_type": {"network"},
}
ALWAYS = {
    "ConnectionEvent": "vendor_product dvc action src dest",
    "IntrusionEvent": "vendor_product dvc action src dest severity ids_type signature impact_desc",
    "FileEvent": "vendor_product dvc action src dest severity file_name file_path",
}
"""Fields that every event of a kind has, but for `impact_desc` without an Impact."""

WHERE_THERE_IS_A_VALUE = {"transport": "Protocol", "dest_port": "ResponderPort", "rule": "FirewallRule"}
FILLERS = {"", "Invalid ID", "Unknown", "None", "Not Checked"}
TAGS = {"ConnectionEvent": {"network", "communicate"}, "IntrusionEvent": {"ids", "attack"}}
MAY_BE_UNKNOWN = {"vendor_action", "class_desc", "action", "app", "reply_code", "record_type"}
"""Fields that say that nothing is known, since an event without them is in no group."""

NOT_DRAWN = re.compile(
    r"lookups/sfw_dns_"
    r"|sfw_long_(AuthenticationType|CorrelationRule|DNS_\w+|DeviceID|HostIP|TunnelRule|UserIP|VPN_ClientIP)$"
    r"|sfw_long_estreamer_problem$"
    r"|sfw_malware_(affected|download)\]"
)
"""Lines for what the generator does not draw, which the rows of the mapping tables reach."""


def complaints(raw: Mapping[str, Any], event: Event) -> Iterator[str]:
    """Yield what is wrong with an event, a sentence each."""
    kind, fields = raw.get("EventType"), event.fields
    for name in CIM_FIELDS:
        value = fields.get(name)
        if isinstance(value, tuple):
            yield f"{name} has several values"
        elif value is not None and value.lower() in FORBIDDEN and name not in MAY_BE_UNKNOWN:
            yield f"{name} is {value!r}"
    for name, allowed in ALLOWED.items():
        if fields.get(name, next(iter(allowed))) not in allowed:
            yield f"{name} is {fields[name]!r}"
    for name in ALWAYS.get(kind or "", "").split():
        if name not in fields and not (name == "impact_desc" and "Impact" not in raw):
            yield f"{kind} without {name}"
    for name, origin in WHERE_THERE_IS_A_VALUE.items():
        if raw.get(origin, "") not in FILLERS and name not in fields:
            yield f"{origin} {raw[origin]!r} without {name}"
    malware = kind == "FileEvent" and raw.get("SHA_Disposition") in ("Malware", "Custom Detection")
    if set(event.tags) != tags_of(raw, str(event.fields["_raw"])):
        yield f"{kind} with tags {event.tags}"
    if malware and not {"signature", "category"} <= set(fields):
        yield "malware without a signature or a category"


def tags_of(raw: Mapping[str, Any], text: str) -> set[str]:
    """Return the tags that an event has to have by what it says, and by what event types see of it."""
    kind = raw.get("EventType", "")
    malware = raw.get("SHA_Disposition") in ("Malware", "Custom Detection")
    if kind == "FileEvent" and malware and raw.get("FileDirection") == "Upload":
        return {"malware", "attack"}
    tags = set(TAGS.get(kind, set()))
    seen = text[: Limits.event_type_characters]
    if kind == "ConnectionEvent":
        tags |= (
            {"network", "resolution", "dns"}
            if raw.get("DNS_Query", "") not in FILLERS and "DNS_Query" in seen
            else set()
        )
        answered = "HTTP_Response" in raw or raw.get("UserAgent", "") not in FILLERS
        tags |= {"web"} if raw.get("URL", "") not in FILLERS and answered and "URL" in seen else set()
    return tags


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_event_is_as_cim_demands(addon: Path, part: int) -> None:
    knowledge = Knowledge.read(addon)
    wrong: list[str] = []
    for record in varied_events(SEED, COUNT)[part::PARTS]:
        text = record.payload.decode()
        event = knowledge.event(text, sourcetype=SOURCETYPE, source=SOURCE, host=HOST, time=record.archival)
        wrong.extend(f"{complaint}: {text[:400]}" for complaint in complaints(json.loads(text), event))
    assert wrong[:5] == []
    not_reached = {str(line) for line in knowledge.unused if kind_of(line) is not None and line.key != "KV_MODE"}
    assert {line for line in not_reached if not NOT_DRAWN.search(line)} == set()
