"""Events of every type, value and shape that the mapping distinguishes, made from the real samples.

EventGenerator makes ordinary traffic. Here, each event draws every property at random: all values of every enumeration
and an unknown one, fillers, absent fields, IPv4 and IPv6, every protocol, with and without address translation,
beginning and end of a connection, harmless files and malware, packets, and events beyond the limits of Splunk's
automatic extraction. An event depends only on the seed, its index and its archival timestamp.

Real data has more variety, and `varied_events` has it too: most rules are "Invalid ID", some events have no type, and
some have a member twice.

No real packet event in JSON is public. The packet events made here hold the key fields that all events share, and the
bytes of a packet of that connection, in hexadecimal or base64, under a name that is made up. Some packets are cut, some
are noise.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping
from typing import Any

from . import packets
from .events import DEVICES, RECORD_TYPES, EventGenerator, Record, sample

UNHEARD = "Some Value Of Tomorrow"
"""A value that is in no enumeration."""

ABSENT = None
"""A drawn value that means: leave the field out."""

AC_RULE_ACTIONS = (
    "Allow",
    "Trust",
    "Fastpath",
    "Monitor",
    "Block",
    "Block with reset",
    "Interactive Block",
    "Interactive Block with reset",
    "Default Action",
)
RARE_RESULTS = ("Alert", "Rewritten")
RARE_ACTIONS = (
    "Would Have Blocked",
    "Drop",
    "Deny",
    "Reject",
    "Reset",
    "Sinkhole",
    "Domain Not Found",
    "Unknown",
    "Denied",
)
"""Words for verdicts on connections in other parts of a Management Center."""

AC_RULE_REASONS = ("IP Block", "Intrusion Block", "File Block", "File Monitor", "Intrusion Monitor", "User Bypass")
INLINE_RESULTS = (
    "Would block",
    "Would have dropped",
    "Block",
    "Blocked",
    "Drop",
    "Dropped",
    "Reject",
    "Partially blocked",
)
IMPACTS = (0, 1, 2, 3, 4, 5)
PRIORITIES = (1, 2, 3)
FILE_ACTIONS = (
    "Detect",
    "Block",
    "Malware Cloud Lookup",
    "Malware Block",
    "Malware Whitelist",
    "Cloud Lookup Timeout",
    "Custom Detection",
    "Custom Detection Block",
    "Archive Block (Depth Exceeded)",
    "Archive Block (Encrypted)",
    "Archive Block (Failed to Inspect)",
    "N/A",
)
DISPOSITIONS = ("Malware", "Clean", "Unknown", "Unavailable", "Custom Detection", "N/A")
THREAT_SCORES = (0, 1, 25, 26, 50, 51, 75, 76, 100)
PROTOCOLS = ("tcp", "udp", "icmp")
FILLERS = ("Invalid ID", "Unknown", "None", "Not Checked", "")

_EVENT_TYPES = ("ConnectionEvent", "IntrusionEvent", "FileEvent", "IntrusionPacket", "UnheardEvent")
_WEIGHTS = (50, 22, 22, 4, 2)
_LONG_SHARE = 0.02
_RARE_SHARE = 0.05
_UNRESOLVED_SHARE = 0.6
_TWICE_SHARE = 0.03
_NO_TYPE_SHARE = 0.02
_CUT_SHARE = 0.1
_FIELDS = 100
_BYTES = 5000

_SITES = (
    ("https://www.example.com/search?q=quarter&lang=en", "HTTPS", "Web Browsing"),
    ("http://user@updates.example.net:8080/agent.cab", "HTTP", "Microsoft Update"),
    ("https://bücher.example/katalog", "HTTPS", "Web Browsing"),
    ("https://[2001:db8:ffff::80]:8443/#top", "HTTPS", "Web Browsing"),
    ("mail.example.org", "SMTPS", ABSENT),
)
_FILES = (
    ("csm-eicar.gif", "EICAR", "EICAR"),
    ("Übersicht 100%.pdf", "PDF", "None"),
    ("setup.exe", "MSEXE", "W32.Sample"),
    ('say "hello".docm', "MSOLE2", ABSENT),
)
_PAYLOADS = (
    b"GET /index.php?id=1%27-- HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
    b"\x00" * 18,
    "Grüße <&>\n".encode(),
)
_SIGNATURES = (
    (11192, "FILE-EXECUTABLE download of executable content", "Potential Corporate Policy Violation"),
    (58722, "SERVER-OTHER Apache Log4j logging remote code execution attempt", "Attempted User Privilege Gain"),
    (45749, "MALWARE-CNC Win.Trojan outbound connection", "A Network Trojan was Detected"),
)


def varied_event(seed: int, index: int, archival: int, event_type: str | None = None) -> Record:
    """Return the event of that index; its times lie a little before its archival timestamp (Unix seconds).

    Without an event type, the type is drawn as well: one of the four event types, or an unknown one.
    """
    draw = _Draw(seed, index)
    event_type = event_type or draw.random.choices(_EVENT_TYPES, _WEIGHTS)[0]
    second = archival - draw.number(0, 3)
    event = {"EventType": event_type, **_MAKERS[event_type](draw, second), **_common(draw, index, second)}
    if event_type == "IntrusionPacket":
        event = {"EventType": event_type, **_packet_bytes(draw, event), **event}
    event = {**event, **_as_real_data_has_it(_Draw(seed, -index - 1), event)}
    present = {name: value for name, value in event.items() if value is not ABSENT}
    if draw.random.random() < _LONG_SHARE:
        present = _beyond_the_limits(draw, present)
    payload = json.dumps(present, separators=(", ", ":"), ensure_ascii=False).encode("utf-8")
    return Record(archival, RECORD_TYPES.get(event_type, 0), payload, event_type)


def varied_events(seed: int, count: int, start: int = 1743500734) -> list[Record]:
    """Return `count` events, ten of which share a second from `start` (Unix seconds) on."""
    records = [varied_event(seed, index, start + index // 10) for index in range(count)]
    return [_in_an_odd_form(_Draw(-seed - 1, index), record) for index, record in enumerate(records)]


class VariedGenerator(EventGenerator):
    """The stream of EventGenerator, with every `every`-th event replaced by a varied one of the same type."""

    def __init__(self, seed: int = 0, *, every: int = 7, **options: int) -> None:
        super().__init__(seed, **options)
        self._every = every
        self._varied_seed = seed

    def events(self, first: int, count: int) -> list[Record]:
        """Return `count` events from index `first` on."""
        records = super().events(first, count)
        for index, record in enumerate(records, first):
            if index % self._every == self._every - 1:
                records[index - first] = varied_event(self._varied_seed, index, record.archival, record.event_type)
        return records


class _Draw:
    """The values of one event, drawn at random from seed and index."""

    def __init__(self, seed: int, index: int) -> None:
        self.random = random.Random(f"{seed} {index}")

    def of(self, *values: Any) -> Any:
        """Return one of the values."""
        return self.random.choice(values)

    def name(self, *names: str) -> str | None:
        """Return mostly one of the names, otherwise a filler or nothing."""
        return self.of(*names, *names, *names, self.of(*FILLERS), ABSENT)

    def number(self, low: int, high: int) -> int:
        """Return a number of that range, both ends included."""
        return self.random.randrange(low, high + 1)

    def digest(self, bits: int) -> str:
        """Return a hexadecimal number of that many bits."""
        return f"{self.random.getrandbits(bits):0{bits // 4}x}"


def _as_real_data_has_it(draw: _Draw, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return further values of real events: rules without a name, rare verdicts, names in DNS queries, and HTTP."""
    changed: dict[str, Any] = {}
    if draw.random.random() < _UNRESOLVED_SHARE and "FirewallRule" in event:
        changed["FirewallRule"] = "Invalid ID"
    rare = draw.random.random() < _RARE_SHARE
    if event["EventType"] == "IntrusionEvent" and rare:
        changed["InlineResult"] = draw.of(*RARE_RESULTS)
    if event["EventType"] != "ConnectionEvent":
        return changed
    if rare:
        changed["AC_RuleAction"] = draw.of(*RARE_ACTIONS)
    if event.get("ResponderPort") == 53:
        changed |= {
            "DNS_Query": draw.of("www.example.com", "host.example.net", "Unknown", ABSENT),
            "DNS_RecordDescription": draw.of("a host address", "IP6 Address", "text strings", UNHEARD, ABSENT),
            "DNS_ResponseType": draw.of("No Error", "NXDOMAIN", UNHEARD, ABSENT),
        }
    elif event.get("Application") == "HTTP" or draw.of(True, False):
        changed |= {
            "HTTP_Response": draw.of(200, 404, 0, ABSENT),
            "UserAgent": draw.of("Mozilla/5.0 (Test)", "Unknown", ABSENT),
            "ReferencedHost": draw.of("www.example.com", ABSENT),
            "URL_Category": draw.of("News", "Unknown", ABSENT),
        }
    return changed


def _in_an_odd_form(draw: _Draw, record: Record) -> Record:
    """Return a record mostly unchanged, otherwise without the member that gives its type, or with a member twice."""
    event = json.loads(record.payload)
    if draw.random.random() < _NO_TYPE_SHARE:
        first = f'"EventType":"{event["EventType"]}", '.encode()
        return record._replace(payload=record.payload.replace(first, b"", 1))
    if draw.random.random() >= _TWICE_SHARE:
        return record
    members = draw.random.sample(sorted(event), 3)
    again = json.dumps({name: event[name] for name in members}, separators=(", ", ":"), ensure_ascii=False)
    return record._replace(payload=record.payload[:-1] + b", " + again[1:].encode())


def _common(draw: _Draw, index: int, second: int) -> dict[str, Any]:
    protocol = draw.of(*PROTOCOLS, *PROTOCOLS, "TCP", "sctp", "Unknown", ABSENT)
    return {
        "FirstPacketSecond": second,
        "DeviceUUID": draw.of(*DEVICES),
        "InstanceID": draw.number(1, 4),
        "ConnectionID": index + 1,
        "Protocol": protocol,
        "IngressZone": draw.name("inside", "outside", "dmz"),
        "EgressZone": draw.name("inside", "outside", "dmz"),
        "IngressInterface": draw.name("inside", "outside"),
        "EgressInterface": draw.name("inside", "outside"),
        "FirewallPolicy": draw.name("default", 'Branch "North" 100%'),
        "FirewallRule": draw.name("NasBlock", "Permit Outbound", "Guest <WLAN> & VPN"),
        "ClientApplication": draw.name("Firefox", "Wget"),
        **_addresses(draw, protocol),
        **_device(draw),
    }


def _addresses(draw: _Draw, protocol: str | None) -> dict[str, Any]:
    if draw.of(True, False):
        initiator, responder = f"2001:db8:3::{draw.number(1, 0xFFFF):x}", f"2001:db8:ffff::{draw.number(1, 255):x}"
    else:
        initiator, responder = f"172.16.{draw.number(1, 31)}.{draw.number(1, 254)}", f"192.0.2.{draw.number(1, 254)}"
    ports = {"InitiatorPort": draw.number(49152, 65535), "ResponderPort": draw.of(22, 25, 53, 80, 443, 3389, 8443)}
    if protocol == "icmp" and draw.of(True, False):
        ports = {"InitiatorPort": 0, "ResponderPort": 0}
    return {"InitiatorIP": initiator, "ResponderIP": responder, **ports}


def _device(draw: _Draw) -> dict[str, Any]:
    address = f"172.16.0.{draw.number(10, 12)}"
    return draw.of(
        {"Device": f"ftd-{address[-2:]}", "DeviceIP": address, "DeviceSerialNumber": "9AD5V8FSS0D"},
        {"Device": "Invalid ID", "DeviceIP": address},
        {"Device": "Unknown", "DeviceIP": "Unknown"},
        {"Device": ABSENT, "DeviceIP": ABSENT, "DeviceSerialNumber": ABSENT},
    )


def _connection(draw: _Draw, second: int) -> dict[str, Any]:
    url, application, web = draw.of(*_SITES)
    event = {
        **sample("connection_event"),
        "AC_RuleAction": draw.of(*AC_RULE_ACTIONS, "Default Action", UNHEARD, "Block with a smile", ABSENT),
        "AC_RuleReason": draw.of(*AC_RULE_REASONS, ABSENT, ABSENT, ABSENT),
        "URL": draw.of(url, url, url, "Unknown", "", "/no/host/at/all", ABSENT),
        "Application": draw.of(application, application, "Unknown", ABSENT),
        "WebApplication": web,
        "UserName": draw.of("jdoe", "No Authentication Required", "Unknown", "Not Found", ABSENT),
        "HTTP_Referer": draw.of("https://www.example.com/", ABSENT),
        "SSL_Policy": draw.of("Decrypt outbound", "None"),
        "SSL_Version": draw.of("TLSv1.3", "TLSv1.2", "Unknown"),
        "SSL_CertFingerprint": draw.of(draw.digest(160), "Not Checked"),
        "InitiatorPackets": draw.of(draw.number(1, 9), ABSENT),
        "ResponderPackets": draw.of(draw.number(0, 9), ABSENT),
        "InitiatorBytes": draw.of(draw.number(60, 1 << 34), ABSENT),
        "ResponderBytes": draw.of(draw.number(0, 1 << 34), ABSENT),
        "EVE_ThreatConfidencePct": draw.number(0, 100),
    }
    more = {**_translation(draw), **_end(draw, second), **_icmp(draw), **_asked(draw)}
    return {**event, **more, "EventType": "ConnectionEvent"}


def _asked(draw: _Draw) -> dict[str, Any]:
    """The request to a name server or a web server, and its answer."""
    names = {"DNS_Query": "www.example.com", "DNS_RecordDescription": "a host address"}
    web = {"ReferencedHost": "www.example.com", "UserAgent": "Mozilla/5.0 (X11; Linux x86_64)", "HTTP_Response": 200}
    return draw.of(
        {},
        {**names, "DNS_RecordType": draw.of("A", ABSENT), "DNS_ResponseType": draw.of("No Error", "NXDOMAIN", ABSENT)},
        {
            **web,
            "URL_Category": draw.of("Search Engines and Portals", "Unknown", ABSENT),
            "URL_Reputation": "Favorable",
        },
        {"TunnelRule": "Tunnels", "FirewallRuleID": draw.number(1, 1 << 31)},
    )


def _translation(draw: _Draw) -> dict[str, Any]:
    names = ("NAT_InitiatorIP", "NAT_InitiatorPort", "NAT_ResponderIP", "NAT_ResponderPort")
    if draw.of(True, False):
        return dict.fromkeys(names, ABSENT)
    return dict(zip(names, ("203.0.113.1", draw.number(1024, 65535), "198.51.100.7", 443)))


def _end(draw: _Draw, second: int) -> dict[str, Any]:
    if draw.of(True, False):
        return {}
    duration = draw.of(0, 7, 86400)
    return {"LastPacketSecond": second + duration, "ConnectionDuration": draw.of(duration, ABSENT)}


def _icmp(draw: _Draw) -> dict[str, Any]:
    return draw.of({}, {"ICMP_Type": draw.of(0, 3, 8, 128), "ICMP_Code": draw.of(0, 1)})


def _intrusion(draw: _Draw, second: int) -> dict[str, Any]:
    signature, message, classification = draw.of(*_SIGNATURES)
    return {
        **sample("intrusion_event"),
        "EventSecond": second + draw.number(0, 5),
        "EventMicrosecond": draw.number(0, 999999),
        "SignatureID": signature,
        "GeneratorID": draw.of(1, 3, 411),
        "SignatureRevision": draw.number(1, 30),
        "IntrusionRuleMessage": message,
        "Classification": draw.of(classification, classification, "Unknown"),
        "Impact": draw.of(*IMPACTS, ABSENT, 9),
        "PriorityID": draw.of(*PRIORITIES, ABSENT, 4),
        "InlineResult": draw.of(*INLINE_RESULTS, ABSENT, ABSENT, UNHEARD),
        "HTTP_URI": draw.of("/index.php?id=1%27--", ABSENT),
        "ResponderCountry": draw.of("Germany", "Unknown", ABSENT),
        "EventID": draw.number(1, 1 << 31),
    }


def _file(draw: _Draw, second: int) -> dict[str, Any]:
    name, file_type, threat = draw.of(*_FILES)
    return {
        **sample("file_event"),
        "EventSecond": second + draw.number(0, 5),
        "FileDirection": draw.of("Download", "Upload"),
        "FileAction": draw.of(*FILE_ACTIONS, UNHEARD, "Block with a smile", ABSENT),
        "SHA_Disposition": draw.of(*DISPOSITIONS, UNHEARD, ABSENT),
        "ThreatName": threat,
        "ThreatScore": draw.of(*THREAT_SCORES, ABSENT),
        "FileName": name,
        "FileType": file_type,
        "FileSHA256": draw.digest(256),
        "FileSize": draw.number(0, 1 << 32),
        "URI": draw.of(f"/files/{name}", ABSENT),
    }


def _packet(draw: _Draw, second: int) -> dict[str, Any]:
    return {
        "PacketSecond": draw.of(second + draw.number(0, 5), ABSENT),
        "PacketMicrosecond": draw.of(draw.number(0, 999999), ABSENT),
        "EventSecond": second + draw.number(0, 5),
        "EventID": draw.number(1, 1 << 31),
    }


def _packet_bytes(draw: _Draw, event: Mapping[str, Any]) -> dict[str, Any]:
    content, link = _whole_packet(draw, event)
    length = len(content)
    if draw.random.random() < _CUT_SHARE:
        content = content[: draw.number(1, length - 1)]
    encode = draw.of(bytes.hex, lambda one: base64.b64encode(one).decode("ascii"))
    told = draw.of({"LinkType": link, "PacketLength": length}, {})
    # Only a complete packet shows whether it is raw IP or Ethernet.
    if link != 1 and len(content) < length:
        told = {"LinkType": link}
    return {**told, draw.of("PacketData", "MadeUpPacketBytes"): encode(content)}


def _whole_packet(draw: _Draw, event: Mapping[str, Any]) -> tuple[bytes, int]:
    """Return the bytes of a packet of the event's connection, and its link type."""
    ends = event["InitiatorIP"], event["ResponderIP"]
    ports = event["InitiatorPort"], event["ResponderPort"]
    payload = draw.of(*_PAYLOADS, draw.random.getrandbits(8 * 1400).to_bytes(1400, "big"))
    payload *= draw.of(1, 1, 1, 1, 1, 6)
    protocol = str(event["Protocol"]).lower()
    if protocol == "icmp":
        inner = packets.echo(*ends, payload)
    elif protocol == "udp":
        inner = packets.udp(*ends, ports, payload)
    elif protocol == "tcp":
        inner = packets.tcp(*ends, ports, payload, draw.of(b"", bytes.fromhex("020405b401010402")))
    else:
        noise = packets.ethernet(payload, draw.of(0x88CC, 0x0042))
        gre = packets.frame(packets.ip(packets.GRE, payload, *ends))
        return draw.of(noise, gre, packets.frame(packets.udp(*ends, ports, payload))), 1
    vlans = draw.of((), (), ((0x8100, 100),), ((0x88A8, 7), (0x8100, 100)))
    return draw.of((packets.frame(inner, vlans), 1), (packets.frame(inner, vlans), 1), (inner, 101))


def _unheard(draw: _Draw, _second: int) -> dict[str, Any]:
    return {"SomethingNew": draw.of("yes", "no")}


_MAKERS = dict(zip(_EVENT_TYPES, (_connection, _intrusion, _file, _packet, _unheard)))


def _beyond_the_limits(draw: _Draw, event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with so much before its fields that Splunk's automatic extraction does not reach them."""
    if draw.of(True, False):
        return {"EventType": event["EventType"], **{f"Extra{number}ID": number for number in range(_FIELDS)}, **event}
    filler = draw.of("x", "ä", "木")
    return {"ExtraText": filler * -(-_BYTES // len(filler.encode())), **event}
