"""Decoded records as JSON events, in the form of fully-qualified events, so that the same searches serve both.

The same record and the same names give the same bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from . import sources
from .forms import quoted
from .names import Names
from .plans import Plans
from .reading import Block
from .records import EVENT, METADATA, MOST_UNDECODED, Decoded

UNKNOWN_RECORD = "UnknownRecord"

_NETMAP_DOMAINS = 350


_Places = tuple[tuple[tuple[tuple[int, int], ...], ...], ...]
"""For the keys of a time, and for those of an identity: where their values may be."""


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
        self._known_places: dict[tuple[str, str], _Places] = {}

    def text(self, decoded: Decoded) -> bytes:
        """Return the event of a record as JSON in UTF-8; b"" for metadata, which gives no event."""
        if decoded.kind == METADATA:
            return b""
        if decoded.kind != EVENT or decoded.content is None:
            return self._unknown(decoded).encode("ascii")
        content = decoded.content
        self._plans.check_names()
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
        times, identity = self._places(record, decoded.content)
        second = next((value for value in (_value(decoded.content, ways) for ways in times) if value), 0)
        values = tuple([_value(decoded.content, ways) for ways in identity])
        seconds = [value for key, value in zip(record.identity_keys, values) if key.endswith("Second")]
        return Description(record.event_type, second or decoded.archival, values if all(seconds) else ())

    def _places(self, record: sources.Record, content: Block) -> _Places:
        """Return where the values for the keys of a record's time and identity are."""
        inner = content.values[-1] if content.values else None
        shape = (content.layout.name, inner.layout.name if isinstance(inner, Block) else "")
        found = self._known_places.get(shape)
        if found is None:
            found = tuple(
                tuple(tuple(_ways(self._plans, content, key)) for key in keys)
                for keys in (record.time_keys, record.identity_keys)
            )
            self._known_places[shape] = found
        return found

    def _netmap(self, number: int) -> str:
        found = self._names.of(_NETMAP_DOMAINS, number)
        name = f', "NetmapDomain":{quoted(found[0])}' if found and found[0] != "" else ""
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


def _ways(plans: Plans, content: Block, key: str) -> Iterator[tuple[int, int]]:
    """Yield where a key may be: the index of a block within a container, -1 for itself, and that of the field.

    Blocks go before the container's own fields, the header goes last.
    """
    for index, value in reversed([(-1, content), *enumerate(content.values)]):
        at = plans.of(value.layout).owners.get(key, -1) if isinstance(value, Block) else -1
        if at >= 0:
            yield index, at


def _value(content: Block, ways: tuple[tuple[int, int], ...]) -> int:
    """Return the first value that is not 0, else 0."""
    for index, at in ways:
        values = content.values if index < 0 else content.values[index].values if index < len(content.values) else ()
        if at < len(values) and values[at]:
            return int(values[at])
    return 0
