"""What Splunk's published detections for Secure Firewall read, in events of each kind, and that they find it there.

Searches that read and group alike fire on events with the fillers of real data, and stay silent just below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from estreamer.events import facts

from standins.fmc.events import RECORD_TYPES
from standins.fmc.variety import varied_events
from standins.places import ROOT
from standins.search import Knowledge, made, spl
from standins.search.searched import Searched
from tests.search.case import SOURCETYPE, arrived, connection, file, found, intrusion, packet
from tests.search.detections import DETECTIONS, Detection
from tests.search.detections import connection as members_of_a_connection
from tests.search.detections import file as members_of_a_file
from tests.search.detections import intrusion as members_of_an_intrusion
from tests.search.fillers import FILLERS, Filler

PAGE = ROOT / "docs" / "search.md"
NOW = 1743500800

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

MEMBERS = {
    "ConnectionEvent": members_of_a_connection(),
    "IntrusionEvent": members_of_an_intrusion(),
    "FileEvent": members_of_a_file(),
}
NEVER_EMPTY = {
    "ConnectionEvent": "src dest dest_port transport rule app action",
    "IntrusionEvent": "src dest dest_port transport rule app action class_desc signature signature_id",
    "FileEvent": "src dest dest_port transport app action",
}
"""Fields by which detections group and which the mapping makes: with no filler is an event without one."""

NOT_BY_LINES = {"members twice", "no file name"}
"""Fillers that the lines of the page for `local/props.conf` leave as they are."""

FILLED = {"src", "dest", "dest_port", "rule", "app", "action", "class_desc"}
"""Of these the fields that every event of the kind has, whatever the FMC leaves out."""


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
    assert len(spl.run(search, searched, now=NOW).rows) == 1


def fires(knowledge: Knowledge, search: str, made_of: Sequence[Mapping[str, Any]], filler: Filler) -> bool:
    """Return whether a search finds anything in events a second apart, each of which has the filler."""
    texts = [filler(members) for members in made_of]
    searched = Searched(knowledge, [arrived(raw, NOW - 60 + at, NOW - 50) for at, raw in enumerate(texts)])
    return bool(spl.run(search, searched, now=NOW).rows)


def fillers_of(one: Detection) -> dict[str, Filler]:
    """Return the fillers that leave a detection what it asks for, by name."""
    return {name: filler for name, filler in FILLERS[one.kind].items() if name not in one.asked}


@pytest.mark.parametrize("one", DETECTIONS, ids=str)
def test_a_detection_fires_whatever_else_the_events_lack(knowledge: Knowledge, one: Detection) -> None:
    silent = [name for name, filler in fillers_of(one).items() if not fires(knowledge, one.search, one.hit, filler)]
    assert sorted(silent) == sorted(one.lost)


@pytest.mark.parametrize("one", DETECTIONS, ids=str)
def test_a_detection_stays_silent_just_below(knowledge: Knowledge, one: Detection) -> None:
    loud = {
        name
        for name, filler in fillers_of(one).items()
        if any(fires(knowledge, one.search, below, filler) for below in one.below)
    }
    assert sorted(loud) == sorted(one.doubled)


@pytest.mark.parametrize("kind", NEVER_EMPTY)
def test_with_no_filler_is_an_event_outside_the_groups_of_what_the_mapping_makes(
    knowledge: Knowledge, kind: str
) -> None:
    search = f'sourcetype="{SOURCETYPE}" EventType="{kind}" | stats count by {NEVER_EMPTY[kind]}'
    outside = [name for name, filler in FILLERS[kind].items() if not fires(knowledge, search, [MEMBERS[kind]], filler)]
    assert outside == []


def test_no_varied_event_is_outside_the_groups_of_what_the_mapping_makes(knowledge: Knowledge) -> None:
    lacking = []
    for record in varied_events(5, 1500):
        payload, kind = record.payload, str(record.event_type)
        if facts.describe(payload, RECORD_TYPES.get(kind, 0))[2] == facts.UNNAMED:
            payload = facts.with_event_type(payload, kind)
        fields = found(knowledge, payload.decode()).fields
        wanted = NEVER_EMPTY.get(kind, "").split()
        lacking += [(name, payload) for name in wanted if name in FILLED and not fields.get(name)]
    assert lacking == []


@pytest.fixture(scope="session")
def with_local_lines(addon: Path, tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    """What a search head knows that has the lines for local/props.conf of the page as well."""
    lines = re.search(r"```\n(\[cisco:sfw:estreamer\]\n(?:EVAL-.*\n)+)```", PAGE.read_text(encoding="utf-8"))
    assert lines is not None
    folder = tmp_path_factory.mktemp("local")
    return Knowledge.read(addon, made.app(folder, {"default/props.conf": lines[1]}, name="zz_local"))


@pytest.mark.parametrize("one", [one for one in DETECTIONS if one.lost], ids=str)
def test_the_local_lines_of_the_page_bring_an_event_into_the_groups_of_raw_names(
    with_local_lines: Knowledge, one: Detection
) -> None:
    wanted = {name: FILLERS[one.kind][name] for name in one.lost - NOT_BY_LINES}
    silent = [name for name, filler in wanted.items() if not fires(with_local_lines, one.search, one.hit, filler)]
    loud = [
        name
        for name, filler in wanted.items()
        if any(fires(with_local_lines, one.search, below, filler) for below in one.below)
    ]
    assert (silent, loud) == ([], [])


@pytest.mark.parametrize("kind", EVENTS)
def test_the_local_lines_of_the_page_change_nothing_else(
    knowledge: Knowledge, with_local_lines: Knowledge, kind: str
) -> None:
    usual, otherwise = (dict(found(one, EVENTS[kind]).fields) for one in (knowledge, with_local_lines))
    added = {name for name in otherwise if otherwise[name] != usual.get(name)}
    assert added == ({"ClientApplicationVersion"} if kind == "connection" else set())
