"""Events of classic records: the JSON that the table of names promises, the same as a plain reading of the tables."""

from __future__ import annotations

import json
import struct
from random import Random
from typing import Any

import pytest
from estreamer.protocol.classic.names import Fields, Key, KnownNames, entry
from estreamer.protocol.classic.plans import MOST_KEPT
from estreamer.protocol.classic.records import decode
from estreamer.protocol.classic.text import Events
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import classic_naive
from standins.fmc.classic_records import Made, Variety, as_block, encoded, layouts, records
from tests.protocol.classic.forms import EVENTS, FORMS, METADATA, body_of, form_id

EVENT_FORMS = [form for form in FORMS if form[0] in EVENTS]
RANDOMS = st.randoms(use_true_random=False)


class Everything(dict[tuple[int, Key], Fields]):
    """Knows a name for most keys: which, its own numbers decide."""

    version = 0

    def get(self, key: Any, default: Any = None) -> Any:
        record, its = key
        if (record + len(repr(its))) % 4 == 0:
            return default
        count = len(classic_naive.metadata()[record]["values"].split())
        text = "user" if record == 90 else f"{record} é\n {its!r}"
        return (text, *["7" if record == 66 else f"{text} {more}" for more in range(1, count)])

    def of(self, record: int, key: Key) -> Fields | None:
        return self.get((record, key))


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), keys
    return dict(pairs)


@pytest.mark.parametrize("form", EVENT_FORMS, ids=form_id)
@settings(max_examples=8, deadline=None)
@given(random=RANDOMS)
def test_an_event_is_what_a_plain_reading_of_the_tables_makes_of_it(form: tuple[int, str], random: Random):
    number, block = form
    body, _ = body_of(Variety(random), number, block)
    everything = Everything()
    for names, known in ((KnownNames(), {}), (everything, everything)):
        text = Events(names).text(decode(number, body))
        assert text.decode() == classic_naive.event(number, body, known).decode()
        json.loads(text, object_pairs_hook=distinct)


@pytest.mark.parametrize("form", EVENT_FORMS, ids=form_id)
def test_an_event_of_any_part_of_its_bytes_is_json_with_each_key_once(form: tuple[int, str]):
    number, block = form
    body, _ = body_of(Variety(Random(number)), number, block)
    events = Events(Everything())
    random = Random(1)
    for _ in range(25):
        cut = body[: random.randrange(len(body) + 1)]
        at = random.randrange(len(body))
        changed = body[:at] + bytes([random.getrandbits(8)]) + body[at + 1 :]
        for wire in (cut, changed):
            decoded = decode(number, wire)
            found = json.loads(events.text(decoded), object_pairs_hook=distinct)
            assert found["EventType"] == records()[number]["event_type"]
            assert events.describe(decoded).event_type == found["EventType"]
            if decoded.partial:
                assert found["Decode"] == "partial"


def connection(number: int, **values: Any) -> Made:
    """Return a connection block in which all that is not given says nothing."""
    return blank(f"B1.{number}", **values)


def blank(name: str, **values: Any) -> Made:
    found: dict[str, Any] = {}
    for field, kind in layouts()[name]:
        size = {"uuid": 16, "ip16": 16, "ipv4": 4, "mac": 6}.get(kind)
        if size is None and kind.startswith("bytes[") and kind[6:-1].isdigit():
            size = int(kind[6:-1])
        empty: Any = bytes(size or 0) if size or kind in ("string_block", "blob_block") else 0
        if kind.startswith(("list", "generic")):
            empty = []
        if kind.startswith("block"):
            empty = blank(kind[6:-1])
        found[field] = values.pop(field, empty)
    assert not values
    return Made(name, found)


def ip(text: str) -> bytes:
    return bytes(10) + b"\xff\xff" + bytes(map(int, text.split(".")))


def header(**values: Any) -> bytes:
    return encoded(blank("discovery_header", has_ipv6=1, **values))


POLICY = bytes(range(16))


def names_of(*entries: tuple[int, Made]) -> KnownNames:
    names = KnownNames()
    for number, made in entries:
        wire = as_block(made) if made.name.startswith("B") else encoded(made)
        names.learn(entry(decode(number, wire)))
    return names


def listed(number: int, key: int, text: str) -> tuple[int, Made]:
    return number, Made(f"R{number}", {"id": key, "name_length": len(text), "name": text.encode()})


def test_a_connection_event():
    names = names_of(
        (145, Made("B2.64", {"policy_uuid": POLICY, "device_id": 3, "name": b"Main policy"})),
        (119, Made("B2.15", {"policy_revision_uuid": POLICY, "rule_id": 268, "name": b'Allow "web"'})),
        (115, Made("B2.14", {"uuid": POLICY[::-1], "name": b"inside\0"})),
        (520, Made("B2.28", {"country_code": 840, "country": b"united states"})),
        listed(120, 2, "Allow"),
        listed(63, 676, "HTTP"),
        listed(123, 3, "ftd-1"),
    )
    made = connection(
        160,
        device_id=3,
        ingress_zone=POLICY[::-1],
        initiator_ip_address=ip("10.0.0.5"),
        responder_ip_address=bytes(15) + b"\1",
        policy_revision=POLICY,
        rule_id=268,
        rule_action=2,
        rule_reason=0x41,
        initiator_port=50000,
        responder_port=80,
        protocol=6,
        instance_id=0,
        connection_counter=77,
        first_packet_timestamp=1700000000,
        last_packet_timestamp=1700000009,
        initiator_transmitted_bytes=2**60,
        application_protocol_id=676,
        client_app_url='http://example.com/é?"\n'.encode() + b"\xff",
        responder_country=840,
        dns_query=b"example.com",
        ssl_session_id=bytes([1, 2, 3]) + bytes(29),
        ssl_session_id_length=2,
    )
    decoded = decode(71, header(device_id=9) + as_block(made), 1700000010)
    events = Events(names)
    assert events.text(decoded).decode() == (
        '{"EventType":"ConnectionEvent", "DeviceID":3, "Device":"ftd-1", '
        '"IngressZoneUUID":"0f0e0d0c-0b0a-0908-0706-050403020100", "IngressZone":"inside", '
        '"InitiatorIP":"10.0.0.5", "ResponderIP":"::1", '
        '"FirewallPolicyUUID":"00010203-0405-0607-0809-0a0b0c0d0e0f", "FirewallPolicy":"Main policy", '
        '"FirewallRuleID":268, "FirewallRule":"Allow \\"web\\"", "AC_RuleActionID":2, "AC_RuleAction":"Allow", '
        '"AC_RuleReasonID":65, "AC_RuleReason":"IP Block, Intrusion Block", '
        '"InitiatorPort":50000, "ResponderPort":80, "ProtocolID":6, "Protocol":"tcp", "InstanceID":0, '
        '"ConnectionID":77, "FirstPacketSecond":1700000000, "LastPacketSecond":1700000009, "ConnectionDuration":9, '
        '"InitiatorPackets":0, "ResponderPackets":0, "InitiatorBytes":1152921504606846976, "ResponderBytes":0, '
        '"ApplicationID":676, "Application":"HTTP", "URL":"http://example.com/é?\\"\\n\ufffd", '
        '"ResponderCountryID":840, "ResponderCountry":"United States", "SSL_SessionID":"0102", '
        '"DNS_Query":"example.com", "DNS_ResponseTypeID":0}'
    )
    assert events.describe(decoded) == ("ConnectionEvent", 1700000009, (3, 0, 1700000000, 77))


def test_the_empty_header_of_a_connection_gives_neither_its_time_nor_its_host():
    decoded = decode(71, header(device_id=4, event_second=5) + as_block(connection(160)), 1700000010)
    events = Events(KnownNames())
    assert json.loads(events.text(decoded))["DeviceID"] == 4
    assert events.describe(decoded) == ("ConnectionEvent", 1700000010, ())


def test_an_intrusion_event():
    names = names_of(
        (66, Made("R66", {
            "generator_id": 1, "rule_id": 2000, "rule_revision": 3, "rendered_signature_id": 2001,
            "message_length": 4, "rule_uuid": POLICY, "rule_revision_uuid": POLICY, "message": b"EVIL",
        })),
        (67, Made("R67", {
            "classification_id": 5, "name_length": 6, "name": b"trojan", "description_length": 8,
            "description": b"A Trojan", "classification_uuid": POLICY, "classification_revision_uuid": POLICY,
        })),
    )  # fmt: skip
    made = blank(
        "B2.60", device_id=3, event_id=12, event_second=1700000000, event_microsecond=0, rule_id=2000, generator_id=1,
        rule_revision=9, classification_id=5, priority_id=2, source_ip_address=ip("10.0.0.5"), ip_protocol=1,
        source_port_icmp_type=0, destination_port_icmp_code=3, impact=0, blocked=2,
    )  # fmt: skip
    decoded = decode(400, as_block(made))
    events = Events(names)
    assert events.text(decoded).decode() == (
        '{"EventType":"IntrusionEvent", "DeviceID":3, "EventID":12, "EventSecond":1700000000, "EventMicrosecond":0, '
        '"SignatureID":2000, "IntrusionRuleMessage":"EVIL", "RenderedSignatureID":2001, "GeneratorID":1, '
        '"SignatureRevision":9, "ClassificationID":5, "ClassificationName":"trojan", "Classification":"A Trojan", '
        '"PriorityID":2, "Priority":"Medium", "InitiatorIP":"10.0.0.5", "ICMP_Type":0, "ICMP_Code":3, '
        '"ProtocolID":1, "Protocol":"icmp", "Impact":0, "InlineResultID":2, '
        '"InlineResult":"Would have been blocked"}'
    )
    assert events.describe(decoded) == ("IntrusionEvent", 1700000000, ())


def test_a_file_event():
    sha256 = bytes(range(32))
    made = blank(
        "B2.79", device_id=3, connection_instance=1, connection_counter=9, connection_timestamp=1700000000,
        file_event_timestamp=1700000003, disposition=3, spero_disposition=9, file_storage_status=9, action=5,
        sha256=sha256, file_name=b"a.exe", file_size=0, direction=1, signature=sha256.hex().upper().encode(),
        access_control_policy_uuid=POLICY,
    )  # fmt: skip
    names = names_of((530, Made("B2.14", {"uuid": POLICY, "name": b"Files"})))
    decoded = decode(500, as_block(made))
    events = Events(names)
    assert events.text(decoded).decode() == (
        '{"EventType":"FileEvent", "DeviceID":3, "InstanceID":1, "ConnectionID":9, "FirstPacketSecond":1700000000, '
        '"EventSecond":1700000003, "SHA_DispositionID":3, "SHA_Disposition":"Malware", "SperoDispositionID":9, '
        '"SperoDisposition":"Spero detection not performed on file", "FileStorageStatusID":9, '
        '"FileStorageStatus":"File Size Is Too Small", "FileActionID":5, "FileAction":"Malware Whitelist", '
        f'"FileSHA256":"{sha256.hex()}", "FileName":"a.exe", "FileSize":0, "FileDirectionID":1, '
        '"FileDirection":"Download", "FirewallPolicyUUID":"00010203-0405-0607-0809-0a0b0c0d0e0f", '
        '"FilePolicy":"Files"}'
    )
    assert events.describe(decoded) == ("FileEvent", 1700000003, (3, 1, 1700000000, 9))


def test_a_malware_event():
    sha256 = bytes(range(32))
    names = names_of((511, Made("B2.40", {"sha256": sha256, "name": b"EICAR", "disposition": 3, "user_defined": 0})))
    made = blank(
        "B2.80", malware_event_timestamp=1700000003, event_type_id=1, detection_name=b"W32.EICAR",
        file_sha_hash=sha256.hex().upper().encode(), device_id=3, disposition=3, retrospective_disposition=0,
    )  # fmt: skip
    assert Events(names).text(decode(125, as_block(made))).decode() == (
        '{"EventType":"MalwareEvent", "EventSecond":1700000003, "MalwareEventTypeID":1, '
        '"MalwareEventType":"Threat Detected in Network File Transfer", "ThreatName":"W32.EICAR", '
        f'"FileSHA256":"{sha256.hex()}", "SHA_Name":"EICAR", "DeviceID":3, "SHA_DispositionID":3, '
        '"SHA_Disposition":"Malware"}'
    )


def test_a_correlation_event_has_the_newer_pair_of_addresses():
    made = blank(
        "B1.156", correlation_event_second=1700000005, event_type=1, source_ip=b"\1\2\3\4",
        destination_ip=b"\1\2\3\5", source_ipv6_address=ip("10.0.0.9"), signature_id=4, signature_generator_id=1,
        event_device_id=3, trigger_event_second=1700000001, trigger_event_id=6,
    )  # fmt: skip
    decoded = decode(112, as_block(made))
    events = Events(KnownNames())
    assert events.text(decoded).decode() == (
        '{"EventType":"CorrelationEvent", "DeviceID":0, "EventSecond":1700000005, "CorrelationEventTypeID":1, '
        '"CorrelationEventType":"Intrusion event", "TriggerDeviceID":3, "SignatureID":4, "GeneratorID":1, '
        '"TriggerEventSecond":1700000001, "TriggerEventMicrosecond":0, "TriggerEventID":6, "Impact":0, '
        '"InitiatorIP":"10.0.0.9", "ResponderIP":"1.2.3.5"}'
    )
    assert events.describe(decoded) == ("CorrelationEvent", 1700000005, (3, 6, 1700000001))


def test_a_login_and_a_discovery_event_have_their_subtypes():
    login = blank("B1.127", timestamp=1700000001, username=b"ann", user_id=7, ipv6_address=ip("10.0.0.7"))
    body = header(device_id=3, event_second=1700000002, event_type=1004, event_subtype=2) + as_block(login)
    assert Events(KnownNames()).text(decode(95, body)).decode() == (
        '{"EventType":"UserEvent", "UserEventType":"User login", "DeviceID":3, "EventSecond":1700000002, '
        '"EventMicrosecond":0, "EventTypeID":1004, "EventSubtypeID":2, "UserSecond":1700000001, "UserName":"ann", '
        '"UserID":7, "UserIP":"10.0.0.7"}'
    )
    body = header(device_id=3, event_second=1700000002, ipv6_address=ip("10.0.0.8"), mac_address=b"\0\1\2\3\4\5")
    assert Events(KnownNames()).text(decode(22, body + b"\0", netmap=0x8005)).decode() == (
        '{"EventType":"DiscoveryEvent", "DiscoveryEventType":"Hops change", "NetmapID":5, "DeviceID":3, '
        '"HostMAC":"00:01:02:03:04:05", "EventSecond":1700000002, "EventMicrosecond":0, "HostIP":"10.0.0.8", '
        '"Hops":0}'
    )


def test_a_new_host_has_its_own_address_and_lists_of_objects():
    host = blank(
        "B1.139",
        ip_address=ip("10.0.0.1"),
        network_protocols=[Made("B1.4", {"protocol": 0x800})],
        transport_protocols=[Made("B1.4", {"protocol": 6}), Made("B1.4", {"protocol": 0})],
        mac_addresses=[blank("B1.95", ttl=64, mac_address=b"\0\1\2\3\4\5")],
    )
    names = names_of(listed(59, 0x800, "IP"))
    text = Events(names).text(decode(10, header(ipv6_address=ip("10.0.0.2")) + as_block(host)))
    assert text.decode() == (
        '{"EventType":"DiscoveryEvent", "DiscoveryEventType":"New host", "HostIP":"10.0.0.1", "Hops":0, '
        '"NetworkProtocols":[{"ProtocolID":2048, "Protocol":"IP"}], '
        '"TransportProtocols":[{"ProtocolID":6, "Protocol":"tcp"}], '
        '"MACs":[{"TTL":64, "MAC":"00:01:02:03:04:05"}], "HostTypeID":0, "HostType":"Host"}'
    )


def test_a_scan_result_has_plain_lists():
    vulnerability = blank("B1.109", port=80, vulnerability_id=b"V1")
    vulnerability.values["bugtraq_ids"] = [Made("B1.7", {"value": 5}), Made("B1.7", {"value": 0})]
    vulnerability.values["cve_ids"] = [Made("B1.35", {"value": b"CVE-2020-1"})]
    made = blank("B1.142", vulnerabilities=[vulnerability])
    found = json.loads(Events(KnownNames()).text(decode(89, header() + as_block(made))))
    (one,) = found["Vulnerabilities"]
    assert (one["VulnerabilityID"], one["BugtraqIDs"], one["CVE_IDs"]) == ("V1", [5], ["CVE-2020-1"])


@pytest.mark.parametrize(
    ("flags", "level"),
    [(0, 0), (1, 4), (2, 3), (3, 3), (6, 2), (7, 2), (8, 1), (0x10, 1), (0x40, 1), (0x80, 1), (0x20, 0)],
)
def test_an_impact_alert_has_the_level_that_its_flags_mean(flags: int, level: int):
    found = json.loads(Events(KnownNames()).text(decode(9, as_block(blank("B1.153", impact=flags)))))
    assert found["Impact"] == level


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (1, b"\x0a\0\0\1", {"ExtraData": "10.0.0.1"}),
        (2, ip("10.0.0.2"), {"ExtraData": "10.0.0.2"}),
        (11, bytes(15) + b"\1", {"ExtraData": "::1"}),
        (9, "/ä".encode() + b"\0", {"ExtraData": "/ä"}),
        (4, b"\xff\0", {"ExtraDataHex": "ff00"}),
        (1, b"10.0.0.1", {"ExtraData": "10.0.0.1"}),
        (9, b"", {}),
    ],
)
def test_extra_data_are_an_address_a_text_or_bytes(kind: int, content: bytes, expected: dict[str, str]):
    made = blank("B2.4", extra_data_type=kind, extra_data=content)
    found = json.loads(Events(KnownNames()).text(decode(110, as_block(made))))
    assert {key: value for key, value in found.items() if key in ("ExtraData", "ExtraDataHex")} == expected


def test_a_source_is_named_by_the_text_of_its_type():
    made = Made("B1.81", {"ip_ranges": [], "source_id": 5, "source_type": 2, "criticality": 3})
    body = header() + as_block(made)
    people = (62, Made("R62", {"user_id": 5, "name_length": 3, "name": b"ann"}))
    for kind, source in (("User", "ann"), ("Scanner", "nmap"), ("Application", "nmap"), ("Detector", "RNA")):
        names = names_of(listed(90, 2, kind), people, listed(91, 5, "nmap"), listed(96, 5, "RNA"))
        found = json.loads(Events(names).text(decode(82, body)))
        assert (found["SourceType"], found["SourceName"], found["Criticality"]) == (kind, source, "High")
    assert "SourceName" not in json.loads(Events(names_of(people)).text(decode(82, body)))


def test_partial_events_say_so_and_show_what_is_left():
    body = header() + struct.pack(">II", 180, 30) + b"\1" * 22
    assert Events(KnownNames()).text(decode(71, body)).decode() == (
        '{"EventType":"ConnectionEvent", "DeviceID":16843009, '
        '"IngressZoneUUID":"01010101-0101-0101-0101-010101010101", "Decode":"partial", "BlockType":180, '
        '"UndecodedHex":"0101"}'
    )


def test_an_unknown_record_is_an_event_of_its_bytes():
    decoded = decode(20000, b"\0\1" * 4000, 1700000000, 3)
    events = Events(KnownNames())
    found = json.loads(events.text(decoded))
    assert found == {"EventType": "UnknownRecord", "NetmapID": 3, "RecordType": 20000, "RecordHex": "0001" * 2048}
    assert events.text(decoded).startswith(b'{"EventType":"UnknownRecord", "NetmapID":3, "RecordType":20000, ')
    assert events.describe(decoded) == ("UnknownRecord", 1700000000, ())
    assert events.text(decode(7, b"")) == b'{"EventType":"UnknownRecord", "RecordType":7}'


@pytest.mark.parametrize("number", METADATA)
def test_metadata_is_no_event_and_its_entry_has_the_fields_of_the_table(number: int):
    row = classic_naive.metadata().get(number)
    for record, block in FORMS:
        if record == number:
            body, made = body_of(Variety(Random(number)), number, block)
            decoded = decode(number, body, 8)
            assert Events(KnownNames()).text(decoded) == b""
            assert Events(KnownNames()).describe(decoded) == ("", 8, ())
            found = entry(decoded)
            if row is None or not row["values"]:
                assert found is None
                continue
            assert found is not None
            key = tuple(made.values[field] for field in row["key"].split())
            assert found.keys[0] == (key if len(key) > 1 else key[0])
            assert len(found.fields) == len(row["values"].split())
            names = KnownNames()
            names.learn(found)
            assert all(names.of(number, one) == found.fields for one in found.keys)


def test_cut_metadata_without_its_name_is_not_learned():
    assert entry(decode(123, struct.pack(">II", 5, 4))) is None
    assert entry(decode(123, b"")) is None
    assert entry(decode(71, b"")) is None


def test_the_same_record_and_names_give_the_same_bytes():
    for number, block in EVENT_FORMS:
        body, _ = body_of(Variety(Random(3)), number, block)
        assert Events(Everything()).text(decode(number, body)) == Events(Everything()).text(decode(number, body))


def test_a_name_that_arrives_late_or_changes_is_used_from_then_on():
    names = KnownNames()
    events = Events(names)
    decoded = decode(71, header() + as_block(connection(160, device_id=3, rule_action=2, policy_revision=POLICY)))
    seen = []
    policy = Made("B2.64", {"policy_uuid": POLICY, "device_id": 3, "name": b"Main"})
    for number, made in ((0, None), listed(123, 3, "ftd-1"), listed(123, 3, "ftd-2"), (145, policy)):
        if made is not None:
            names.learn(entry(decode(number, as_block(made) if made.name == "B2.64" else encoded(made))))
        found = json.loads(events.text(decoded))
        seen.append((found.get("Device"), found["AC_RuleActionID"], found.get("FirewallPolicy")))
    assert seen == [(None, 2, None), ("ftd-1", 2, None), ("ftd-2", 2, None), ("ftd-2", 2, "Main")]


def test_what_was_looked_up_is_kept_for_a_number_of_values_only():
    names = KnownNames()
    events = Events(names)
    for device in range(3 * MOST_KEPT):
        body = header() + as_block(connection(160, device_id=device + 1))
        assert json.loads(events.text(decode(71, body)))["DeviceID"] == device + 1
    assert all(len(kept) <= MOST_KEPT for kept in events._plans._kept)


def test_a_name_learned_again_changes_nothing():
    names = names_of(listed(123, 3, "ftd-1"))
    version = names.version
    for text, changes in (("ftd-1", 0), ("ftd-2", 1)):
        _, made = listed(123, 3, text)
        names.learn(entry(decode(123, encoded(made))))
        assert names.version == version + changes
