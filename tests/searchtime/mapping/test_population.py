"""What holds for every event, whatever its values: ten thousand varied ones, with what CIM demands of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fmc.variety import varied_events
from tests.searchtime import Knowledge
from tests.searchtime.knowledge import Event
from tests.searchtime.mapping.case import HOST, SOURCE, SOURCETYPE
from tests.searchtime.mapping.mutants import kind_of

COUNT = 10_000
PARTS = 4
SEED = 7

_CIM_FIELDS = """
action app bytes bytes_in bytes_out category class_desc connection_id dest dest_interface dest_ip dest_port
dest_translated_ip dest_translated_port dest_zone device_id direction duration dvc dvc_ip event_id file_hash file_name
file_path file_size flow_id http_referrer icmp_code icmp_type ids_type impact_desc instance_id packets packets_in
packets_out policy protocol protocol_version rule sensor_name severity severity_id signature signature_id
signature_version src src_interface src_ip src_port src_translated_ip src_translated_port src_zone ssl_hash ssl_policies
ssl_version transport uri url url_domain user vendor_action vendor_product
"""
CIM_FIELDS = _CIM_FIELDS.split()
FORBIDDEN = {"", "-", "null", "unknown"}
ALLOWED = {
    "action": {"allowed", "blocked"},
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

BY_THE_INPUT = "sfw_long_estreamer_problem"
"""For events that the input had to mend: the generator has none of them."""

WHERE_THERE_IS_A_VALUE = {"transport": "Protocol", "dest_port": "ResponderPort", "rule": "FirewallRule"}
FILLERS = {"", "Invalid ID", "Unknown", "None", "Not Checked"}
TAGS = {"ConnectionEvent": {"network", "communicate"}, "IntrusionEvent": {"ids", "attack"}}


def complaints(raw: Mapping[str, Any], event: Event) -> Iterator[str]:
    """Yield what is wrong with an event, a sentence each."""
    kind, fields = raw["EventType"], event.fields
    for name in CIM_FIELDS:
        value = fields.get(name)
        if isinstance(value, tuple):
            yield f"{name} has several values"
        elif value is not None and value.lower() in FORBIDDEN and name != "vendor_action":
            yield f"{name} is {value!r}"
    for name, allowed in ALLOWED.items():
        if fields.get(name, next(iter(allowed))) not in allowed:
            yield f"{name} is {fields[name]!r}"
    for name in ALWAYS.get(kind, "").split():
        if name not in fields and not (name == "impact_desc" and "Impact" not in raw):
            yield f"{kind} without {name}"
    for name, origin in WHERE_THERE_IS_A_VALUE.items():
        portless = name == "dest_port" and raw.get("Protocol") in ("icmp", "sctp")
        if raw.get(origin, "") not in FILLERS and name not in fields and not portless:
            yield f"{origin} {raw[origin]!r} without {name}"
    malware = kind == "FileEvent" and raw.get("SHA_Disposition") in ("Malware", "Custom Detection")
    if set(event.tags) != ({"malware", "attack"} if malware else TAGS.get(kind, set())):
        yield f"{kind} with tags {event.tags}"
    if malware and not {"signature", "category"} <= set(fields):
        yield "malware without a signature or a category"


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
    assert {line for line in not_reached if not line.endswith(BY_THE_INPUT)} == set()
