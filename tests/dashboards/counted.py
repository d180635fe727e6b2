"""What the dashboards should show, counted from the raw events alone: no conf file and no search has a part in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from standins.search import Indexed

FILLERS = {"", "Invalid ID", "Unknown", "None", "Not Checked", "Not Found", "No Authentication Required"}
STEP = 1800
"""Seconds of the time step with which the dashboards open."""

Event = Mapping[str, Any]


def raw_events(indexed: Iterable[Indexed], kind: str | None, earliest: float, latest: float) -> list[Event]:
    """Return the events of a kind, or all, in a time range; `_time` is added."""
    found = [{**json.loads(one.raw), "_time": one.time} for one in indexed if earliest <= one.time < latest]
    return [event for event in found if kind in (None, event["EventType"])]


def named(event: Event, *fields: str) -> str | None:
    """Return the first name that is no filler."""
    return next((event[field] for field in fields if event.get(field, "") not in FILLERS), None)


def counts(events: Iterable[Event], key: Callable[[Event], Any]) -> dict[Any, tuple[int, int]]:
    """Return by key how many events there are and how many of them were blocked; a key that is None is left out."""
    found: dict[Any, tuple[int, int]] = {}
    for event in events:
        name = key(event)
        if name is not None:
            total, blocked = found.get(name, (0, 0))
            found[name] = (total + 1, blocked + is_blocked(event))
    return found


_LET_THROUGH = {
    "ConnectionEvent": "Would|Allow|Trust|Fastpath|Monitor",
    "IntrusionEvent": "Would|Alert|Rewr|$",
    "FileEvent": "Detect$|Malware Cloud|Malware White|Cloud Lookup|Custom Detection$",
}
_STOPPED = {
    "ConnectionEvent": "Block|Interactive|Drop|Deny|Denied|Reject|Reset|Sinkhole|Domain",
    "IntrusionEvent": "Block|Drop|Reject|Partial",
    "FileEvent": ".*Block",
}


def verdict(event: Event) -> str:
    """Return what became of an event's traffic, as docs/search.md tells: allowed, blocked, or unknown."""
    kind = event["EventType"]
    told = event.get({"ConnectionEvent": "AC_RuleAction", "IntrusionEvent": "InlineResult"}.get(kind, "FileAction"), "")
    if kind == "ConnectionEvent" and told in ("", "Default Action"):
        return "blocked" if "Block" in event.get("AC_RuleReason", "") else "unknown"
    if re.match(_LET_THROUGH.get(kind, "(?!)"), told):
        return "allowed"
    return "blocked" if re.match(_STOPPED.get(kind, "(?!)"), told) else "unknown"


def is_blocked(event: Event) -> bool:
    """Whether the firewall let an event's traffic not pass."""
    return verdict(event) == "blocked"


def rule(event: Event) -> str:
    """Return the rule of a connection or an intrusion: its name as it is told, where one is."""
    told = event.get("FirewallRule", "")
    if told.lower() not in ("", "-", "null", "unknown"):
        return str(told)
    tunnel = named(event, "TunnelRule")
    return tunnel or (f"rule {event['FirewallRuleID']}" if "FirewallRuleID" in event else "No rule logged")


_CARRIERS = {"HTTPS", "SSL", "TLS", "QUIC"}
_BROWSERS = {"Firefox", "Chrome", "Web browser", "SSL client"}


def application(event: Event) -> str:
    """Return what a connection was used for: what only carries others, or only shows them, counts last."""
    told = [named(event, name) for name in ("Application", "ClientApplication", "WebApplication")]
    telling = zip(told, (_CARRIERS, _BROWSERS, {"Web Browsing"}))
    first = next((name for name, general in telling if name and name not in general), None)
    return first or next((name for name in told if name), "unknown")


def is_malware(event: Event) -> bool:
    """Whether an event is a file that is malware."""
    return event.get("SHA_Disposition") in ("Malware", "Custom Detection")


def receiver(event: Event) -> str:
    """Return the address that a file went to."""
    address: str = event["ResponderIP"] if event["FileDirection"] == "Upload" else event["InitiatorIP"]
    return address


def sender(event: Event) -> str:
    """Return the address that a file came from."""
    address: str = event["InitiatorIP"] if event["FileDirection"] == "Upload" else event["ResponderIP"]
    return address


def total(events: Iterable[Event], field: str) -> int:
    """Return the sum of a counter; what lacks it counts nothing."""
    return sum(event.get(field, 0) for event in events)


def megabytes(count: int) -> str:
    """Return bytes as the dashboards show them."""
    shown = f"{round(count / 1048576, 1):.1f}"
    return shown.removesuffix(".0")


def host(event: Event) -> str | None:
    """Return the host of a URL."""
    url = named(event, "URL")
    if url is None or url.startswith("/"):
        return None
    return urlsplit(url if "://" in url else f"//{url}").hostname


def key_of(event: Event) -> str:
    """Return the connection's key as the field flow_id has it."""
    return ":".join(str(event[name]) for name in ("DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID"))
