"""What Splunk's published detections for Secure Firewall read, in events of each kind."""

from __future__ import annotations

import pytest

from tests.searchtime import Knowledge, spl
from tests.searchtime.mapping.case import arrived, connection, file, found, intrusion, packet
from tests.searchtime.searched import Searched

END = {"LastPacketSecond": 1743500750, "ConnectionDuration": 16, "SSL_Version": "TLSv1.3", "SSL_Policy": "Decrypt"}
EVENTS = {
    "connection": connection(**END, EventID=7),
    "intrusion": intrusion(Impact=1),
    "file": file(FirewallRule="Permit Outbound"),
    "packet": packet(),
}

ALL = "sourcetype EventType dvc vendor_product connection_id instance_id device_id sensor_name"
FLOW = "src src_ip src_port dest dest_ip dest_port transport app action rule"
PLACES = "src_zone dest_zone src_interface dest_interface"
AMOUNTS = "bytes_in bytes_out packets_in packets_out"
SIGNATURES = "signature signature_id signature_version"
FIELDS = {
    "connection": f"{ALL} {FLOW} {PLACES} url {AMOUNTS} ssl_hash ssl_version ssl_policies",
    "intrusion": f"{ALL} {FLOW} {PLACES} uri event_id {SIGNATURES} class_desc impact_desc severity_id",
    "file": f"{ALL} {FLOW} uri file_hash file_name file_size",
    "packet": ALL,
}
RAW_FIELDS = {
    "connection": "EVE_Process EVE_ThreatConfidencePct ClientApplication InitiatorBytes SSL_CertFingerprint",
    "intrusion": "Impact MitreAttackGroups InlineResult InlineResultReason GeneratorID SignatureID Classification",
    "file": "SHA_Disposition FileDirection FileType ThreatName ThreatScore FileAction ClientApplication",
    "packet": "EventSecond DeviceUUID",
}
PUBLISHED_TEXT = """
sourcetype EventType src src_ip src_port dest dest_ip dest_port transport action rule app url uri file_hash file_name
connection_id signature signature_id class_desc impact_desc dvc vendor_product bytes_in bytes_out packets_in packets_out
src_zone dest_zone src_interface dest_interface instance_id device_id event_id signature_version severity_id sensor_name
file_size ssl_hash ssl_version ssl_policies
"""
PUBLISHED = PUBLISHED_TEXT.split()
GROUPED = {
    "connection": "src dest dest_port transport rule url EVE_Process action",
    "intrusion": (
        "src dest dest_port transport Impact app impact_desc class_desc MitreAttackGroups InlineResult "
        "InlineResultReason rule action signature_id"
    ),
    "file": "FileDirection src dest dest_port FileType app file_name file_hash ThreatName",
}
"""Fields by which detections group: an event that lacks one of them is in no group."""

FORBIDDEN = {"", "-", "null", "unknown"}


@pytest.mark.parametrize("kind", EVENTS)
def test_events_have_every_field_that_detections_read(knowledge: Knowledge, kind: str) -> None:
    fields = found(knowledge, EVENTS[kind]).fields
    wanted = (FIELDS[kind] + " " + RAW_FIELDS[kind]).split()
    assert [name for name in wanted if fields.get(name) is None] == []
    assert [name for name in FIELDS[kind].split() if str(fields[name]).lower() in FORBIDDEN] == []


def test_every_field_that_a_detection_reads_is_in_events_of_some_kind() -> None:
    assert set(PUBLISHED) == {name for fields in FIELDS.values() for name in fields.split()}


@pytest.mark.parametrize("kind", EVENTS)
def test_no_field_that_a_detection_reads_has_several_values(knowledge: Knowledge, kind: str) -> None:
    fields = found(knowledge, EVENTS[kind]).fields
    assert [name for name in PUBLISHED if isinstance(fields.get(name), tuple)] == []


@pytest.mark.parametrize("kind", GROUPED)
def test_an_event_is_in_a_group_of_the_fields_by_which_detections_group(knowledge: Knowledge, kind: str) -> None:
    searched = Searched(knowledge, [arrived(EVENTS[kind], 1743500734, 1743500735)])
    search = f'sourcetype="cisco:sfw:estreamer" | stats count by {GROUPED[kind]}'
    assert len(spl.run(search, searched, now=1743500800).rows) == 1
