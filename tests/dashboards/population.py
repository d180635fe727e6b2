"""Two days of events for the dashboards: every kind and value, and a network small enough that things come up again.

The events are those of standins.fmc.variety, put into one network: a few hosts inside and outside, a few files and
countries, and intrusions, files and packets that belong to connections. Each event depends on its number alone.
"""

from __future__ import annotations

import json
import random
from typing import Any

from standins.fmc.variety import varied_event
from standins.search import Indexed

NOW = 1768487400
"""2026-01-15 14:30 UTC: the time at which all dashboards are looked at."""

DAY = 86400
SPAN = 49 * 3600
"""So far the events reach back, in seconds: the dashboards' default time range, -24h@h to now, and as long before."""

COUNT = 900
SEED = 6

INSIDE = (*(f"172.16.3.{number}" for number in range(101, 113)), "2001:db8:3::110")
OUTSIDE = (
    ("192.0.2.7", "United States", "usa"),
    ("192.0.2.9", "United States", "usa"),
    ("198.51.100.20", "Germany", "deu"),
    ("198.51.100.24", "Netherlands", "nld"),
    ("203.0.113.5", "Brazil", "bra"),
    ("203.0.113.77", "Japan", "jpn"),
    ("203.0.113.80", "South Africa", "zaf"),
    ("2001:db8:ffff::80", "Canada", "can"),
)
HASHES = tuple(f"{random.Random(number).getrandbits(256):064x}" for number in range(9))
PROCESSES = (("firefox browser", 100, 0), ("chromium browser", 92, 1), ("powershell", 71, 38), ("tofsee", 88, 97))
TECHNIQUES = (
    "MITRE>ATT&CK Framework>Enterprise>Execution>User Execution>Malicious File",
    "MITRE>ATT&CK Framework>Enterprise>Initial Access>Exploit Public-Facing Application",
    "MITRE>ATT&CK Framework>Enterprise>Command and Control>Application Layer Protocol>Web Protocols",
)
RULE_GROUPS = (
    "Rule Categories>File>Executable",
    "Rule Categories>Server>Web Applications",
    "Rule Categories>Malware>CNC",
)
URLS = (("Search Engines", "Trusted"), ("Business", "Favorable"), ("Malware Sites", "Untrusted"), ("Games", "Neutral"))


def events() -> list[Indexed]:
    """Return all events as they lie in the index, each a second after its own time."""
    found: list[Indexed] = []
    connections: list[dict[str, Any]] = []
    for number in range(COUNT):
        event = _settled(number, connections)
        time = _time(event)
        raw = json.dumps(event, separators=(", ", ":"), ensure_ascii=False)
        found.append(
            Indexed(raw, time, time + 1, "cisco:sfw:estreamer", "estreamer_fqe://fmc", "fmc.example.com", "firewall")
        )
    return found


def _settled(number: int, connections: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an event of this network; the connections before it are those that it may belong to."""
    draw = random.Random(number)
    event: dict[str, Any] = json.loads(varied_event(SEED, number, _moment(number)).payload)
    event.update(_hosts(draw))
    kind = event["EventType"]
    if kind == "ConnectionEvent":
        process, confidence, threat = draw.choice(PROCESSES)
        category, reputation = draw.choice(URLS)
        event.update(
            {"EVE_Process": process, "EVE_ProcessConfidencePct": confidence, "EVE_ThreatConfidencePct": threat}
        )
        event.update({"URL_Category": category, "URL_Reputation": reputation})
        if "LastPacketSecond" in event:
            # It came to be at its end, which is not after the present.
            lasted = event["LastPacketSecond"] - event["FirstPacketSecond"]
            event["LastPacketSecond"] -= lasted
            event["FirstPacketSecond"] -= lasted
        connections.append(event)
    else:
        shared = ("InitiatorIP", "ResponderIP", "InitiatorPort", "ResponderPort", "Protocol")
        key = ("DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID")
        origin = connections[-1 - draw.randrange(min(5, len(connections)))] if connections else event
        event.update({name: origin[name] for name in (*key, *shared) if name in origin})
    if kind == "IntrusionEvent":
        event.update({"MitreAttackGroups": draw.choice(TECHNIQUES), "SnortRuleGroups": draw.choice(RULE_GROUPS)})
        event.update(_countries(event))
    if kind == "FileEvent":
        event["FileSHA256"] = draw.choice(HASHES)
    return event


def _moment(number: int) -> int:
    """Return the time of an event: more of them lie in the working hours, and more in the latter day."""
    draw = random.Random(-number)
    back = SPAN * (draw.random() ** 1.3)
    hour = (NOW - back) % DAY / 3600
    return int(NOW - 10 - (back if 7 <= hour <= 18 or draw.random() < 0.4 else draw.uniform(0, SPAN)) * (1 - 10 / SPAN))


def _hosts(draw: random.Random) -> dict[str, Any]:
    inside = INSIDE[min(int(draw.expovariate(0.4)), len(INSIDE) - 1)]
    outside = OUTSIDE[min(int(draw.expovariate(0.5)), len(OUTSIDE) - 1)][0]
    if draw.random() < 0.75:
        return {"InitiatorIP": inside, "ResponderIP": outside}
    return {"InitiatorIP": outside, "ResponderIP": inside}


def _countries(event: dict[str, Any]) -> dict[str, Any]:
    known = {address: (country, code) for address, country, code in OUTSIDE}
    found: dict[str, Any] = {}
    for side in ("Initiator", "Responder"):
        names = (f"{side}Country", f"{side}CountryCode")
        found.update(dict(zip(names, known.get(event.get(f"{side}IP", ""), ("Invalid ID", "Invalid ID")))))
    return found


def _time(event: dict[str, Any]) -> float:
    """Return the time that the input gives an event."""
    kind = event["EventType"]
    if kind == "ConnectionEvent":
        return float(event.get("LastPacketSecond") or event["FirstPacketSecond"])
    if kind == "IntrusionEvent":
        return event["EventSecond"] + event["EventMicrosecond"] / 1_000_000
    if kind == "IntrusionPacket" and "PacketSecond" in event:
        return float(event["PacketSecond"])
    return float(event.get("EventSecond", event["FirstPacketSecond"]))
