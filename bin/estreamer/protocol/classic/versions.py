"""What can be asked for in the classic stream: kinds of events with their versions, flags, and event types.

Marks: **C** working code, **D** a guide, **W** seen on the wire of a real Management Center, **I** inferred. All tables
are here, so that a correction is a row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ...errors import Problem

NEWEST = "newest"
SAFE = "safe"
PLAIN = "plain"
STYLES = (NEWEST, SAFE, PLAIN)
"""The styles of a request, of which the first is tried first. `plain` has no list of versions."""

METADATA, INTRUSION, CORRELATION, DISCOVERY, CONNECTION, USER, MALWARE, FILE, IMPACT = (
    21,
    12,
    31,
    61,
    71,
    91,
    101,
    111,
    131,
)


class Kind(NamedTuple):
    """A kind of events in the list of a streaming request: its event code, and versions of it.

    `safe` is the version that a real server of December 2020 was seen to serve, or an older one that guides name.
    """

    code: int
    name: str
    newest: int
    safe: int
    mark_of_newest: str
    mark_of_safe: str


KINDS = (
    Kind(INTRUSION, "intrusion events", 11, 9, "C", "W"),
    Kind(METADATA, "metadata", 4, 4, "D+W", "W"),
    Kind(CORRELATION, "correlation events", 9, 9, "D+C", "W"),
    Kind(DISCOVERY, "discovery events", 11, 11, "D+C", "W"),
    Kind(CONNECTION, "connection events", 17, 14, "C+I", "W"),
    Kind(USER, "user events", 7, 4, "C+I", "W"),
    Kind(MALWARE, "malware events", 8, 7, "C", "W"),
    Kind(FILE, "file events", 7, 6, "C", "W"),
    Kind(IMPACT, "impact alerts", 2, 2, "D+C", "W"),
)


class Flags(NamedTuple):
    """A group of bits in the flags of a request, which ask for one thing."""

    bits: int
    mark: str


PACKETS = Flags(1 << 0, "D+C")
INTRUSION_EVENTS = Flags(1 << 6, "D+C")
IMPACT_ALERTS = Flags(1 << 5, "D+C")
METADATA_4 = Flags(1 << 20, "D+C+W")
ARCHIVAL_TIMES = Flags(1 << 23, "D+C+W")
EXTRA_DATA = Flags(1 << 27, "D+C")
EXTENDED_REQUEST = Flags(1 << 30, "D+W")
PLAIN_INTRUSION_EVENTS = Flags(1 << 2 | 1 << 6, "D+C")
"""Older servers know bit 2, and need it for the extra data."""
PLAIN_DISCOVERY = Flags(1 << 24, "C")
PLAIN_CORRELATION = Flags(1 << 22 | 1 << 29, "C+I")
"""Versions 5 and 6, of which a server takes the highest that it knows."""
PLAIN_CONNECTIONS = Flags(1 << 18, "C")
PLAIN_USERS = Flags(1 << 21, "C")


class EventType(NamedTuple):
    """How an event type is asked for: by event codes in a list and flags, or in a plain request by flags alone."""

    codes: tuple[int, ...]
    flags: int
    plain_flags: int


EVENT_TYPES: Mapping[str, EventType] = {
    "DiscoveryEvent": EventType((DISCOVERY,), 0, PLAIN_DISCOVERY.bits),
    "UserEvent": EventType((USER,), 0, PLAIN_USERS.bits),
    "VPNEvent": EventType((USER,), 0, PLAIN_USERS.bits),
    "CorrelationEvent": EventType((CORRELATION,), 0, PLAIN_CORRELATION.bits),
    "MalwareEvent": EventType((MALWARE,), 0, 0),
    "IntrusionExtraData": EventType(
        (INTRUSION,), EXTRA_DATA.bits | INTRUSION_EVENTS.bits, EXTRA_DATA.bits | PLAIN_INTRUSION_EVENTS.bits
    ),
    "IndicatorOfCompromiseEvent": EventType((DISCOVERY,), 0, PLAIN_DISCOVERY.bits),
    "ImpactAlert": EventType((IMPACT,), IMPACT_ALERTS.bits, IMPACT_ALERTS.bits),
    "ConnectionEvent": EventType((CONNECTION,), 0, PLAIN_CONNECTIONS.bits),
    "ConnectionChunk": EventType((CONNECTION,), 0, PLAIN_CONNECTIONS.bits),
    "IntrusionEvent": EventType((INTRUSION,), INTRUSION_EVENTS.bits, PLAIN_INTRUSION_EVENTS.bits),
    "IntrusionPacket": EventType(
        (INTRUSION,), PACKETS.bits | INTRUSION_EVENTS.bits, PACKETS.bits | PLAIN_INTRUSION_EVENTS.bits
    ),
    "FileEvent": EventType((FILE,), 0, 0),
}
"""A type whose plain flags are 0 cannot be had by a plain request."""

MOST_VERSIONS = 64
"""Pairs in a list that a user gives."""

_LARGEST = 0xFFFF
_PAIR = re.compile(r"([0-9]{1,5}) ?: ?([0-9]{1,5})")


def parse_versions(text: str) -> Mapping[int, int]:
    """Return the version of each event code in a list such as `71:14, 12:9`, a code a colon a version.

    Codes and versions are from 1 to 65,535. Raises Problem `request_versions_invalid`.
    """
    found: dict[int, int] = {}
    for part in text.split(","):
        pair = _PAIR.fullmatch(part.strip())
        code, version = (int(pair[1]), int(pair[2])) if pair else (0, 0)
        if not (1 <= code <= _LARGEST and 1 <= version <= _LARGEST) or code in found or len(found) >= MOST_VERSIONS:
            raise Problem(
                "request_versions_invalid",
                f"request_versions: {part.strip()[:40]!r} is not an event code with a version, or one too many. "
                f"Write {NEWEST}, {SAFE}, or a list such as 71:14, 12:9 with each event code once.",
            )
        found[code] = version
    return found


def versions_of(style: str) -> Mapping[int, int]:
    """Return the version of each event code in a style, or in a list that a user gives.

    Codes that the list leaves out have their newest version. Codes that are not known are added.
    Raises Problem `request_versions_invalid`.
    """
    if style in (SAFE, PLAIN):
        return {kind.code: kind.safe for kind in KINDS}
    newest = {kind.code: kind.newest for kind in KINDS}
    return newest if style == NEWEST else {**newest, **parse_versions(style)}
