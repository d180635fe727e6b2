"""Decoded records as JSON events, in the form of fully-qualified events, so that the same searches serve both.

The same record and the same names give the same bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import sources
from .forms import quoted
from .names import Names
from .plans import Plan, Plans
from .reading import Block
from .records import EVENT, METADATA, MOST_UNDECODED, Decoded

UNKNOWN_RECORD = "UnknownRecord"

_NETMAP_DOMAINS = 350


class Description(NamedTuple):
    """What a record says of itself: its event type, its time (Unix seconds), and the values that identify it.

    `identity` has values in the order of the column `identity_keys`; it is empty where one that cannot be 0 is missing.
    The event type of metadata is empty.
    """

    event_type: str
    second: int
    identity: tuple[int, ...]


class Events:
    """Writes and describes the events of one source of names."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._plans = Plans(names)

    def text(self, decoded: Decoded) -> bytes:
        """Return the event of a record as JSON in UTF-8; b"" for metadata, which gives no event."""
        if decoded.kind == METADATA:
            return b""
        if decoded.kind != EVENT or decoded.content is None:
            return self._unknown(decoded).encode("ascii")
        content = decoded.content
        body = self._plans.of(content.layout).pieces(content.values)
        netmap = self._netmap(decoded.netmap) if decoded.netmap else ""
        rest = _doubts(decoded) if decoded.partial or decoded.ranges else ""
        return f"{_head(decoded.record_type)}{netmap}{body}{rest}}}".encode()

    def describe(self, decoded: Decoded) -> Description:
        """Return what a record says of itself; its archival timestamp is its time where it has none."""
        record = sources.records().get(decoded.record_type)
        if decoded.kind == METADATA:
            return Description("", decoded.archival, ())
        if record is None or decoded.kind != EVENT or decoded.content is None:
            return Description(UNKNOWN_RECORD, decoded.archival, ())
        found = [self._value(decoded.content, key) for key in record.time_keys]
        second = next((value for value in found if value), decoded.archival)
        identity = tuple(self._value(decoded.content, key) for key in record.identity_keys)
        times = [value for key, value in zip(record.identity_keys, identity) if key.endswith("Second")]
        return Description(record.event_type, second, identity if all(times) else ())

    def _value(self, content: Block, key: str) -> int:
        """Return the value of the field that has a key, from the innermost container that has one; 0 without any."""
        return next((value for value in _values(self._plans, content, key) if value), 0)

    def _netmap(self, number: int) -> str:
        found = self._names.of(_NETMAP_DOMAINS, number)
        name = f', "NetmapDomain":{quoted(str(found[0]))}' if found and found[0] != "" else ""
        return f', "NetmapID":{number}{name}'

    def _unknown(self, decoded: Decoded) -> str:
        body = decoded.body[:MOST_UNDECODED].hex()
        netmap = f', "NetmapID":{decoded.netmap}' if decoded.netmap else ""
        hexadecimal = f', "RecordHex":"{body}"' if body else ""
        return f'{{"EventType":"{UNKNOWN_RECORD}"{netmap}, "RecordType":{decoded.record_type}{hexadecimal}}}'


@functools.lru_cache(maxsize=512)
def _head(record_type: int) -> str:
    """Return how the event of a record begins: its type, and its subtype where it has one."""
    record = sources.records()[record_type]
    subtype = f', "{record.event_type}Type":{quoted(record.subtype)}' if record.subtype else ""
    return f'{{"EventType":"{record.event_type}"{subtype}'


def _doubts(decoded: Decoded) -> str:
    """Return what an event says of bytes that could not be read."""
    mark = ', "Decode":"partial"' if decoded.partial else ""
    number = f', "BlockType":{decoded.block_number}' if decoded.block_number >= 0 else ""
    rest = decoded.undecoded()
    return mark + number + (f', "UndecodedHex":"{rest.hex()}"' if rest else "")


def _values(plans: Plans, content: Block, key: str) -> Iterator[Any]:
    """Yield the values of fields with a key: those of blocks within a container first, the header's last."""
    for value in reversed(content.values):
        if isinstance(value, Block):
            yield from _values(plans, value, key)
    plan: Plan = plans.of(content.layout)
    at = plan.owners.get(key, -1)
    if 0 <= at < len(content.values):
        yield content.values[at]
