"""Events made from real samples: other values, the same shapes, and equal for the same seed.

A block has 20 events about ten connections: 18 connection events (eight starts with their ends, two starts alone), one
intrusion event and one file event of these connections. Any event can be made without the events before it.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any, NamedTuple

SAMPLES = Path(__file__).parent / "samples"

RECORD_TYPES = {"ConnectionEvent": 71, "IntrusionEvent": 400, "IntrusionPacket": 2, "FileEvent": 502}
"""Real answers have these numbers for connection and file events; the others are those of the classic protocol."""

BLOCK = 20
"""Events in a block."""

CONNECTIONS = 10
"""Connections in a block; each has a ConnectionID of its own."""

_PATTERN = (
    "start0 start1 start2 intrusion1 start3 end0 start4 end1 start5 end2 file2 start6 end3 end4 start7 end5 start8 "
    "end6 end7 start9"
)
_STEPS = tuple((step[:-1], int(step[-1])) for step in _PATTERN.split())
_PROFILES = 64
_LATE_BLOCK = 37
_MASK = (1 << 64) - 1

_EVENT_TYPE = re.compile(rb'"EventType"\s*:\s*"([^"\\]*)"')


class Record(NamedTuple):
    """The record of an event on the server: archival timestamp (Unix seconds), record type, payload, event type.

    The event type is None if the payload has none: such a record goes to every client.
    """

    archival: int
    record_type: int
    payload: bytes
    event_type: str | None

    @classmethod
    def of(cls, payload: bytes, archival: int, record_type: int | None = None) -> Record:
        """Return the record of a payload, with its event type, and by default with the record type of that event
        type."""
        found = _EVENT_TYPE.search(payload)
        event_type = found.group(1).decode("utf-8", "replace") if found else None
        if record_type is None:
            record_type = RECORD_TYPES.get(event_type or "", 0)
        return cls(archival, record_type, payload, event_type)


class EventGenerator:
    """Realistic events by index, the same for the same arguments on every Python.

    Archival timestamps start at `start` (Unix seconds) and never go back; between 1 and `2 * per_second - 1` events
    share a second. With `duplicates_every` (2 or more), about each such event repeats the payload of the one before it
    in the same second, like two equal events that both happened.
    """

    _queries = False

    def __init__(
        self, seed: int = 0, *, start: int = 1743500734, per_second: int = 11, duplicates_every: int = 0
    ) -> None:
        if per_second < 1:
            raise ValueError("per_second must be at least 1")
        if duplicates_every == 1 or duplicates_every < 0:
            raise ValueError("duplicates_every must be 0 or at least 2")
        self._seed = seed
        self._start = start
        self._pair = 2 * per_second
        self._duplicates_every = duplicates_every
        self._profiles = _profiles(seed, self._queries)

    def archival(self, index: int) -> int:
        """Return the archival timestamp of the event of that index."""
        pair, rest = divmod(index, self._pair)
        return self._start + 2 * pair + (rest >= self._cut(pair))

    def position_since(self, timestamp: int) -> int:
        """Return the index of the first event whose archival timestamp is at least `timestamp`."""
        seconds = timestamp - self._start
        if seconds <= 0:
            return 0
        pair, odd = divmod(seconds, 2)
        return pair * self._pair + (self._cut(pair) if odd else 0)

    def event(self, index: int) -> Record:
        """Return the event of that index."""
        return self.events(index, 1)[0]

    def events(self, first: int, count: int) -> list[Record]:
        """Return `count` events from index `first` on."""
        last = first + count
        blocks = range(first // BLOCK, (last + BLOCK - 1) // BLOCK)
        made = [record for block in blocks for record in self._block(block)]
        skipped = first - first // BLOCK * BLOCK
        return made[skipped : skipped + count]

    def _cut(self, pair: int) -> int:
        return 1 + _mix(pair, ~self._seed) % (self._pair - 1)

    def _block(self, block: int) -> list[Record]:
        first = block * BLOCK
        clock = [self.archival(index) for index in range(first, first + BLOCK)]
        values: list[dict[str, int]] = []
        records: list[Record] = []
        for offset, (step, which) in enumerate(_STEPS):
            archival = clock[offset]
            if step == "start":
                values.append(self._connection(block, which, archival))
            told = values[which]
            if step == "end":
                told = _at_its_end(told, archival)
            profile = self._profiles[told["profile"]]
            records.append(profile[step].record(archival, told))
        return self._with_duplicates(first, records)

    def _connection(self, block: int, which: int, archival: int) -> dict[str, int]:
        number = block * CONNECTIONS + which
        noise = _mix(number, self._seed)
        late = block % _LATE_BLOCK == _LATE_BLOCK // 2
        lag = 600 + (noise >> 8) % 3000 if late else (noise >> 8) % 3
        return {
            "profile": noise % _PROFILES,
            "archival": archival,
            "FirstPacketSecond": archival - lag,
            "EventSecond": archival - lag,
            "ConnectionID": (number + 1) & 0xFFFFFFFF,
            "EventID": (block + 1) & 0xFFFFFFFF,
            "EventMicrosecond": (noise >> 20) % 1000000,
            "InitiatorPort": 49152 + (noise >> 12) % 16384,
            "NAT_InitiatorPort": 1024 + (noise >> 26) % 60000,
            "InitiatorPackets": 1 + (noise >> 30) % 7,
            "ResponderPackets": (noise >> 34) % 5,
            "InitiatorBytes": 60 + (noise >> 38) % 4000,
            "ResponderBytes": (noise >> 42) % 6000,
            "FileSHA256": noise * noise * noise * noise >> 2,
            "FileSize": 68 + (noise >> 16) % (1 << 24),
            "SignatureRevision": 1 + (noise >> 50) % 30,
        }

    def _with_duplicates(self, first: int, records: list[Record]) -> list[Record]:
        every = self._duplicates_every
        if every:
            for offset in range(1, BLOCK):
                before = records[offset - 1]
                if (first + offset) % every == every - 1 and before.archival == records[offset].archival:
                    records[offset] = before
        return records


class QueryGenerator(EventGenerator):
    """The same events, but each has a URL with a query, with `&`, `=` and `<`, and a space after each colon."""

    _queries = True


def _at_its_end(connection: dict[str, int], archival: int) -> dict[str, int]:
    duration = archival - connection["archival"]
    scale = 1 + connection["EventMicrosecond"] % 5000
    told = dict(connection)
    told["LastPacketSecond"] = connection["FirstPacketSecond"] + duration
    told["ConnectionDuration"] = duration
    for name in ("InitiatorPackets", "ResponderPackets", "InitiatorBytes", "ResponderBytes"):
        told[name] = connection[name] * scale
    return told


def _mix(number: int, seed: int) -> int:
    value = (number * 0x9E3779B97F4A7C15 + seed * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & _MASK
    value = ((value ^ (value >> 31)) * 0xD6E8FEB86659FD93) & _MASK
    return value ^ (value >> 29)


class _Hole(NamedTuple):
    """A value that differs between events: its name among the values of a connection, and its format."""

    name: str
    written: str = "%d"


class _Template:
    """The bytes of an event with holes for values."""

    def __init__(self, event: dict[str, Any], colon: str) -> None:
        self._kind: str = event["EventType"]
        self._record_type = RECORD_TYPES[self._kind]
        self._holes = [value.name for value in event.values() if isinstance(value, _Hole)]
        members = ", ".join(f"{_json(name)}{colon}{_written(value)}" for name, value in event.items())
        self._text = ("{" + members + "}").encode("utf-8")

    def record(self, archival: int, values: dict[str, int]) -> Record:
        payload = self._text % tuple([values[name] for name in self._holes])
        return Record(archival, self._record_type, payload, self._kind)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("%", "%%")


def _written(value: object) -> str:
    return value.written if isinstance(value, _Hole) else _json(value)


def sample(name: str) -> dict[str, Any]:
    """Return the sample event in `samples/<name>.json`."""
    loaded: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def _profiles(seed: int, queries: bool) -> list[dict[str, _Template]]:
    chooser = random.Random(seed)
    samples = {name: sample(f"{name}_event") for name in ("connection", "intrusion", "file")}
    made = [_profile(chooser, samples, number) for number in range(_PROFILES)]
    if not queries:
        return [{step: _Template(event, ":") for step, event in events.items()} for events in made]
    return [
        {step: _Template(_asking(event, number), ": ") for step, event in events.items()}
        for number, events in enumerate(made)
    ]


def _asking(event: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the event with a query in the URL that it names."""
    query = f"q=shoes+{number}&page={number % 7}&size=<{36 + number % 10}&utm_source=mail&utm_campaign=spring_{number}"
    return {
        name: f"{value}{'&' if '?' in value else '?'}{query}" if name in _URLS else value
        for name, value in event.items()
    }


_URLS = ("URL", "HTTP_URI", "URI")


def _profile(chooser: random.Random, samples: dict[str, dict[str, Any]], number: int) -> dict[str, dict[str, Any]]:
    """Return the shapes of one conversation's events: all four are about the same two machines."""
    key = _conversation(chooser, ipv6=number % 4 == 3)
    start = _holed(samples["connection"], {**key, **_connection_values(chooser, key)})
    end: dict[str, Any] = {}
    for name, value in start.items():
        end[name] = value
        if name == "FirstPacketSecond":
            end["LastPacketSecond"] = _Hole("LastPacketSecond")
    end["ConnectionDuration"] = _Hole("ConnectionDuration")
    return {
        "start": start,
        "end": end,
        "intrusion": _holed(samples["intrusion"], {**key, **_intrusion_values(chooser)}),
        "file": _holed(samples["file"], {**key, **_file_values(chooser)}),
    }


def _holed(shape: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return an event of this shape, with these values, and with holes for values that differ between events."""
    event = {name: values.get(name, value) for name, value in shape.items()}
    for name in (
        "FirstPacketSecond",
        "EventSecond",
        "EventMicrosecond",
        "ConnectionID",
        "EventID",
        "InitiatorPort",
        "NAT_InitiatorPort",
        "InitiatorPackets",
        "ResponderPackets",
        "InitiatorBytes",
        "ResponderBytes",
        "FileSize",
        "SignatureRevision",
    ):
        if name in event:
            event[name] = _Hole(name)
    if "FileSHA256" in event:
        event["FileSHA256"] = _Hole("FileSHA256", '"%064x"')
    return event


DEVICES = (
    "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63",
    "2a0c71d2-0b1f-11f0-9d3e-c1f05a7be4d1",
    "7e55b0aa-1c44-11f0-8f6b-90d2c3a1e7f8",
)
_SITES = (
    ("https://www.google.com", "Google", "HTTPS", 443),
    ("https://intranet.example.com/search?q=quarter&lang=en", "Web Browsing", "HTTPS", 443),
    ("https://www.wikipedia.org", "Wikipedia", "HTTPS", 443),
    ("https://bücher.example/katalog", "Web Browsing", "HTTPS", 443),
    ("http://updates.example.net/agent.cab", "Microsoft Update", "HTTP", 80),
    ("https://mail.example.org", "Outlook", "HTTPS", 8443),
)
_PROCESSES = (("Firefox", "firefox browser"), ("Chrome", "chromium browser"), ("Wget", "wget"), ("cURL", "curl"))
_FINGERPRINT = (
    "tls/1/(0303)(130113031302c02bc02fcca9cca8c02cc030c00ac009c013c014009c009d002f0035)[(0000)(000500050100000000)"
    "(000a000e000c001d00170018001901000101)(000b00020100)(0010000e000c02683208687474702f312e31)"
)
_FINGERPRINT_ENDS = (
    "(000d0018001604030503060308040805080604010501060102030201)(0012)(0017)(001c00024001)(0022)(0023)(fe0d)(ff01)]",
    "(0017)(0023)(ff01)]",
    "(002b00050403040303)(002d00020101)(0033)]",
    "]",
)
_RULES = ("NasBlock", "Permit Outbound", "Backup nightly", "Guest <WLAN> & VPN", "Invalid ID")


def _conversation(chooser: random.Random, *, ipv6: bool) -> dict[str, Any]:
    """Return addresses, ports and applications: documentation addresses (RFC 5737, RFC 3849) and private ones."""
    application = chooser.choice(_SITES)
    if ipv6:
        initiator, responder = f"2001:db8:3::{chooser.randrange(1, 0xFFFF):x}", "2001:db8:ffff::80"
    else:
        initiator = f"172.16.{chooser.randrange(1, 32)}.{chooser.randrange(1, 255)}"
        responder = f"{chooser.choice(('192.0.2', '198.51.100', '203.0.113'))}.{chooser.randrange(1, 255)}"
    return {
        "DeviceUUID": chooser.choice(DEVICES),
        "InstanceID": chooser.randrange(1, 5),
        "InitiatorIP": initiator,
        "ResponderIP": responder,
        "ResponderPort": application[3],
        "Application": application[2],
        "WebApplication": application[1],
        "FirewallRule": chooser.choice(_RULES),
    }


def _connection_values(chooser: random.Random, key: dict[str, Any]) -> dict[str, Any]:
    client, process = chooser.choice(_PROCESSES)
    sites = [
        site for site in _SITES if site[1:] == tuple(key[n] for n in ("WebApplication", "Application", "ResponderPort"))
    ]
    return {
        "AC_RuleAction": chooser.choice(("Allow", "Trust", "Block", "Block with reset", "Monitor", "Fastpath")),
        "ClientApplication": client,
        "URL": chooser.choice(sites)[0],
        "NAT_InitiatorIP": "172.16.2.10" if "." in key["InitiatorIP"] else key["InitiatorIP"],
        "NAT_ResponderIP": key["ResponderIP"],
        "NAT_ResponderPort": key["ResponderPort"],
        "SSL_CertFingerprint": f"{chooser.getrandbits(160):040x}",
        "EVE_Fingerprint": _FINGERPRINT + chooser.choice(_FINGERPRINT_ENDS),
        "EVE_Process": process,
        "EVE_ThreatConfidencePct": chooser.randrange(0, 101),
        "EVE_ThreatConfidenceIndex": chooser.randrange(1, 6),
    }


def _intrusion_values(chooser: random.Random) -> dict[str, Any]:
    signature, message, classification = chooser.choice(
        (
            (11192, "FILE-EXECUTABLE download of executable content", "Potential Corporate Policy Violation"),
            (58722, "SERVER-OTHER Apache Log4j logging remote code execution attempt", "Attempted User Privilege Gain"),
            (45749, "MALWARE-CNC Win.Trojan outbound connection", "A Network Trojan was Detected"),
            (19559, "INDICATOR-SCAN SSH brute force login attempt", "Misc Activity"),
        )
    )
    return {
        "SignatureID": signature,
        "IntrusionRuleMessage": message,
        "Classification": classification,
        "PriorityID": chooser.randrange(1, 4),
        "Impact": chooser.randrange(1, 6),
        "InlineResult": chooser.choice(("Would block", "Block", "Drop")),
    }


def _file_values(chooser: random.Random) -> dict[str, Any]:
    name, file_type, disposition, threat, score = chooser.choice(
        (
            ("csm-eicar.gif", "EICAR", "Malware", "EICAR", 76),
            ("Übersicht 100%.pdf", "PDF", "Clean", "", 0),
            ("setup.exe", "MSEXE", "Unknown", "", 12),
            ("invoice_4711.docm", "MSOLE2", "Custom Detection", "W32.Sample", 95),
        )
    )
    return {
        "FileName": name,
        "FileType": file_type,
        "SHA_Disposition": disposition,
        "ThreatName": threat or "None",
        "ThreatScore": score,
        "URI": f"/files/{name}",
        "FileDirection": chooser.choice(("Download", "Upload")),
        "FileAction": chooser.choice(("Malware Cloud Lookup", "Malware Block", "Detect")),
    }
