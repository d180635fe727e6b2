"""The samples that pytest-splunk-addon wants, made from the sample generator and the real samples.

Three kinds: what the input delivers, an event each; the same as somebody brings it in a file, all lines in one piece;
and events with marks in them that the tool replaces by values of its own, to find these again. The real samples come
with what is expected of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from standins.fmc.events import sample
from standins.fmc.variety import UNHEARD, varied_event
from standins.search.automatic import Limits

SOURCETYPE = "cisco:sfw:estreamer"
SOURCE = "estreamer_fqe://official"

_SEED = 3
_DELIVERED = 1000
_BROUGHT = 300
_LONG = 150
_START = 1743500734

_TIME = "##time##"
_NUMBERS = (_TIME, "##src_port##", "##dest_port##")
_ADDRESSES = {
    "InitiatorIP": "##src##",
    "ResponderIP": "##dest##",
    "InitiatorPort": "##src_port##",
    "ResponderPort": "##dest_port##",
    "Device": "##dvc##",
    "UserName": "##user##",
}
_TOKENS: Mapping[str, tuple[str, str, str]] = {
    _TIME: ("timestamp", "%s", "_time"),
    "##src##": ("random", 'src["ipv4"]', "src"),
    "##src6##": ("random", 'src["ipv6"]', "src"),
    "##dest##": ("random", 'dest["ipv4"]', "dest"),
    "##dest6##": ("random", 'dest["ipv6"]', "dest"),
    "##src_port##": ("random", "src_port", "src_port"),
    "##dest_port##": ("random", "dest_port", "dest_port"),
    "##dvc##": ("random", 'dvc["fqdn"]', "dvc"),
    "##user##": ("random", 'user["name"]', "user"),
    "##url##": ("random", 'url["full"]', "url"),
}
"""Marks in an event: how the tool replaces each, and the field in which it looks for the value."""

Event = Mapping[str, Any]

MARKED: Mapping[str, Event] = {
    "connection": {
        **sample("connection_event"),
        **_ADDRESSES,
        "FirstPacketSecond": _TIME,
        "URL": "##url##",
    },
    "connection_of_ipv6": {
        **sample("connection_event"),
        **_ADDRESSES,
        "InitiatorIP": "##src6##",
        "ResponderIP": "##dest6##",
        "FirstPacketSecond": _TIME,
    },
    "intrusion": {**sample("intrusion_event"), **_ADDRESSES, "EventSecond": _TIME},
    "file": {**sample("file_event"), **_ADDRESSES, "EventSecond": _TIME},
    "packet": {"EventType": "IntrusionPacket", **_ADDRESSES, "PacketSecond": _TIME},
}
"""Events with marks, whose times and key fields the tool looks for."""

EXPECTED: Mapping[str, tuple[Event, str, Mapping[str, str]]] = {
    "connection": (
        sample("connection_event"),
        "Network_Traffic",
        {
            "action": "blocked",
            "app": "Google",
            "bytes": "906",
            "bytes_in": "66",
            "bytes_out": "840",
            "dest": "142.250.191.196",
            "dest_port": "443",
            "dvc": "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63",
            "packets": "4",
            "packets_in": "1",
            "packets_out": "3",
            "protocol": "ip",
            "src": "172.16.3.110",
            "src_port": "62296",
            "transport": "tcp",
            "vendor_product": "Cisco Secure Firewall",
        },
    ),
    "intrusion": (
        sample("intrusion_event"),
        "Intrusion_Detection",
        {
            "action": "allowed",
            "category": "Potential Corporate Policy Violation",
            "dest": "172.16.3.110",
            "dvc": "172.16.0.10",
            "ids_type": "network",
            "severity": "high",
            "signature": "FILE-EXECUTABLE download of executable content",
            "src": "146.75.78.172",
            "vendor_product": "Cisco Secure Firewall",
        },
    ),
    "malware": (
        {**sample("file_event"), "FileDirection": "Upload"},
        "Malware:Malware_Attacks",
        {
            "action": "allowed",
            "category": "malware",
            "dest": "85.215.35.144",
            "file_name": "csm-eicar.gif",
            "file_path": "/csm-eicar.gif",
            "severity": "critical",
            "signature": "EICAR",
            "vendor_product": "Cisco Secure Firewall",
        },
    ),
}
"""Real samples, a file in the other direction: the event, its data model, and the fields that the model recommends."""

_OF_OTHER_KINDS = json.dumps(
    {
        **{f"Extra{number}ID": number for number in range(100)},
        "EventType": "CorrelationEvent",
        "CorrelationRule": "A rule",
        "DeviceID": 3,
        "estreamer_problem": "too odd",
        **dict.fromkeys(("HostIP", "UserIP", "VPN_ClientIP"), "192.0.2.1"),
        "AuthenticationType": "Passive",
    }
)
"""A long event with the members of kinds that the generator does not make."""

_COUNTED = ("InitiatorBytes", "ResponderBytes")
_PACKETS = ("InitiatorPackets", "ResponderPackets")
_ZONES = ("IngressZone", "EgressZone")
_APPLICATIONS = ("Application", "ClientApplication", "WebApplication")
_FILLERS = frozenset(["", "unknown", "none", "not checked", "invalid id", None])


def write(folder: Path) -> Mapping[tuple[str, str], int]:
    """Write the samples and their pytest-splunk-addon-data.conf; return how many events were left out, by reason."""
    samples = folder / "samples"
    samples.mkdir(parents=True)
    left_out = dict.fromkeys(LEFT_OUT, 0)
    kept = list(_kept(left_out))
    delivered, brought = kept[:_DELIVERED] + kept[-_LONG:] + [_OF_OTHER_KINDS], kept[_DELIVERED:-_LONG]
    (samples / "delivered.json").write_text("\n".join(delivered), encoding="utf-8")
    (samples / "brought.json").write_text("\n".join(brought), encoding="utf-8")
    stanzas = [_delivered("delivered.json"), _brought("brought.json", len(brought))]
    for name, event in MARKED.items():
        (samples / f"marked_{name}.json").write_text(_with_marks(event), encoding="utf-8")
        stanzas.append(_marked(f"marked_{name}.json", event))
    for name, (event, model, fields) in EXPECTED.items():
        (samples / f"{name}.xml").write_text(_expected(name, event, model, fields), encoding="utf-8")
        stanzas.append(_delivered(f"{name}.xml", requirement_test_sample=1))
    (folder / "pytest-splunk-addon-data.conf").write_text("\n".join(stanzas), encoding="utf-8")
    return left_out


def _kept(left_out: dict[tuple[str, str], int]) -> Iterator[str]:
    """Yield events, as many as are wanted, the last of them long ones, and count those left out."""
    index = 0
    for number in range(_DELIVERED + _BROUGHT + _LONG):
        while True:
            payload = varied_event(_SEED, index, _START + index).payload.decode("utf-8")
            index += 1
            event = json.loads(payload)
            if number >= _DELIVERED + _BROUGHT and not is_long(payload, event):
                continue
            reason = next((reason for reason, applies in LEFT_OUT.items() if applies(event)), None)
            if reason is None:
                break
            left_out[reason] += 1
        yield payload


def is_long(payload: str, event: Event) -> bool:
    """Return whether automatic extraction does not come to an event's end."""
    return len(payload.encode()) > Limits.bytes or len(event) > Limits.fields


def _is_traffic(event: Event) -> bool:
    return event["EventType"] == "ConnectionEvent"


def _is_intrusion(event: Event) -> bool:
    return event["EventType"] == "IntrusionEvent"


def _has(event: Event, name: str) -> bool:
    """Return whether a field of an event says something."""
    value = event.get(name)
    return (value.lower() if isinstance(value, str) else value) not in _FILLERS


def _is_web(event: Event) -> bool:
    return _has(event, "URL") and ("HTTP_Response" in event or _has(event, "UserAgent"))


def _is_question(event: Event) -> bool:
    return _is_traffic(event) and _has(event, "DNS_Query")


def _verdict(event: Event) -> str | None:
    return event.get(_VERDICTS.get(event["EventType"], ""))


def _has_no_verdict(event: Event) -> bool:
    """Return whether nobody can say what came of an event: a word for its verdict that is unknown, or none."""
    verdict = _verdict(event)
    if verdict in ("Unknown", UNHEARD):
        return True
    undecided = not _is_intrusion(event) and verdict in (None, "", "N/A", "Default Action")
    return undecided and "Block" not in event.get("AC_RuleReason", "")


def _one_of_two(event: Event, names: tuple[str, ...]) -> bool:
    return any(_has(event, name) for name in names) != all(_has(event, name) for name in names)


def _protocol(event: Event) -> str:
    return str(event.get("Protocol", "")).lower()


_VERDICTS = {"ConnectionEvent": "AC_RuleAction", "IntrusionEvent": "InlineResult", "FileEvent": "FileAction"}
_RECORDS = ("a host address", "IP6 Address", "text strings")

LEFT_OUT: Mapping[tuple[str, str], Callable[[Event], bool]] = {
    ("event without a verdict", "the action unknown is not allowed"): lambda event: (
        event["EventType"] in _VERDICTS and _has_no_verdict(event)
    ),
    ("connection of an unnamed application", "the app unknown is not allowed"): lambda event: (
        _is_traffic(event) and not any(_has(event, name) for name in _APPLICATIONS)
    ),
    ("connection that asked for a record that is not reported", "record_type is required"): lambda event: (
        _is_question(event) and event.get("DNS_RecordDescription") not in _RECORDS
    ),
    ("web traffic without bytes, or without a host in its URL", "bytes and url_domain are required"): lambda event: (
        _is_traffic(event) and _is_web(event) and ("InitiatorBytes" not in event or event["URL"].startswith("/"))
    ),
    ("connection with bytes counted one way only, or none", "bytes_in and bytes_out are to be over 0"): lambda event: (
        _is_traffic(event) and (_one_of_two(event, _COUNTED) or any(event.get(name) == 0 for name in _COUNTED))
    ),
    ("connection with packets counted one way only", "packets_in and packets_out go together"): lambda event: (
        _is_traffic(event) and _one_of_two(event, _PACKETS)
    ),
    ("connection with one zone", "src_zone and dest_zone go together"): lambda event: (
        _is_traffic(event) and _one_of_two(event, _ZONES)
    ),
    ("protocol other than TCP, UDP and ICMP, or not reported", "no other transport is allowed"): lambda event: (
        (_is_traffic(event) or _is_intrusion(event)) and _protocol(event) not in ("tcp", "udp", "icmp")
    ),
    ("ICMP without type and code, or at its begin", "icmp_type counts with a duration of 1 to 253 s"): lambda event: (
        _is_traffic(event) and _protocol(event) == "icmp" and not _is_whole_icmp(event)
    ),
    ("intrusion without a classification", "category is required"): lambda event: (
        _is_intrusion(event) and not _has(event, "Classification")
    ),
}
"""Events that happen, yet not as the tool's definitions of the data models want them: what they are, and the reason."""


def _is_whole_icmp(event: Event) -> bool:
    last = event.get("LastPacketSecond", 0)
    duration = event.get("ConnectionDuration", last - event["FirstPacketSecond"])
    return "ICMP_Type" in event and "ICMP_Code" in event and 0 < duration < 254


def _stanza(name: str, settings: Mapping[str, Any]) -> str:
    lines = [f"{key} = {value}" for key, value in settings.items()]
    return "\n".join([f"[{name.replace('.', chr(92) + '.')}]", *lines, ""])


def _delivered(name: str, **more: Any) -> str:
    """Return the stanza of events that come as from the add-on's input, an event a line."""
    settings = {
        "input_type": "modinput",
        "host_type": "plugin",
        "sourcetype": SOURCETYPE,
        "sourcetype_to_search": SOURCETYPE,
        "source": SOURCE,
        "timestamp_type": "plugin",
    }
    return _stanza(name, {**settings, **more})


def _brought(name: str, count: int, **more: Any) -> str:
    """Return the stanza of events that come as from a file, all in one piece."""
    settings = {
        "input_type": "file_monitor",
        "host_type": "plugin",
        "sourcetype": SOURCETYPE,
        "sourcetype_to_search": SOURCETYPE,
        "source": f"/var/log/{name}",
        "timestamp_type": "plugin",
        "expected_event_count": count,
        "sample_count": 1,
    }
    return _stanza(name, {**settings, **more})


def _marked(name: str, event: Event) -> str:
    tokens: dict[str, str] = {"timestamp_type": "event", "earliest": "-60m", "latest": "now"}
    marks = [mark for mark in _TOKENS if mark in event.values()]
    for number, mark in enumerate(marks):
        kind, replacement, field = _TOKENS[mark]
        values = {"token": mark, "replacementType": kind, "replacement": replacement, "field": field}
        tokens.update({f"token.{number}.{key}": value for key, value in values.items()})
    return _brought(name, 1, **tokens)


def _with_marks(event: Event) -> str:
    text = json.dumps(event, ensure_ascii=False)
    for mark in _NUMBERS:
        text = text.replace(f'"{mark}"', mark)
    return text


def _expected(name: str, event: Event, model: str, fields: Mapping[str, str]) -> str:
    """Return a sample in XML: an event, its data model and its fields."""
    listed = "".join(f"<field name={quoteattr(key)} value={quoteattr(value)}/>" for key, value in fields.items())
    return (
        "<device><vendor>Cisco</vendor><product>Secure Firewall</product><version id='7.6'>7.6</version>"
        f"<event code='1' name={quoteattr(name)} format='json'>"
        "<transport type='modinput'/><source><comment>A real event</comment></source>"
        f"<raw>{escape(json.dumps(event, ensure_ascii=False))}</raw>"
        f"<cim><models><model>{escape(model)}</model></models><cim_fields>{listed}</cim_fields></cim>"
        "</event></device>"
    )
