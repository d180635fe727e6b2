"""Turns records into bytes, in the order and the style of one connection."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from standins.fmc.archive import NOW
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import RECORD_TYPES, Record
from standins.fmc.stops import Stops

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Callable

HEADER = struct.Struct(">HHI")
BUNDLE_HEADERS = struct.Struct(">HHIII")
EXTENDED = struct.Struct(">HHIHHIII")
PLAIN = struct.Struct(">HHIHHI")
ERROR = struct.Struct(">HHIiH")

BUNDLE = 4002
UNKNOWN_MESSAGE = HEADER.pack(1, 2051, 4) + b"\1\2\3\4"
KEEPALIVE = HEADER.pack(1, 0, 0)

_BATCH = 256
_BARE_BETWEEN_BUNDLES = 3
_EVENT_TYPE = re.compile(rb'"EventType"\s*:\s*"[^"\\]*"\s*(?:,\s*)?')


def _with_only(names: frozenset[str], payload: bytes) -> bytes:
    event = {name: value for name, value in json.loads(payload).items() if name in names}
    return json.dumps(event, separators=(", ", ":"), ensure_ascii=False).encode("utf-8")


class Source(Protocol):
    """The methods of an archive that a connection needs."""

    def __len__(self) -> int: ...

    def position_since(self, timestamp: int) -> int: ...

    def read(self, position: int, count: int) -> list[Record]: ...

    def listen(self, listener: Callable[[], None]) -> None: ...

    def forget(self, listener: Callable[[], None]) -> None: ...


@dataclass
class Chunk:
    """Bytes to send, and the offsets of the stream at which events, bare events and bundles are complete."""

    data: bytes = b""
    event_ends: list[int] = field(default_factory=list)
    bare_ends: list[int] = field(default_factory=list)
    bundle_ends: list[int] = field(default_factory=list)


def error_message(code: int, text: str) -> bytes:
    """Return an error message of the server."""
    encoded = text.encode("utf-8")
    return ERROR.pack(1, 1, 6 + len(encoded), code, len(encoded)) + encoded


class Delivery:
    """The stream of one connection: its place in the archive, and the faults that it will meet.

    `wanted` gives the field sets and fields of each event type asked for. If only fields and no field set are requested
    for a type, its events have only these fields.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        faults: Sequence[Fault],
        source: Source,
        timestamp: int,
        wanted: Mapping[str, Sequence[str]],
        connection_id: int,
    ) -> None:
        resumes = timestamp not in (0, NOW)
        since = max(0, timestamp - behaviour.repeat_seconds) if resumes else timestamp
        self.stops = Stops(faults)
        self._behaviour = behaviour
        self._source = source
        self._position = source.position_since(since)
        self._oldest = since if resumes and behaviour.resends == "filter" else 0
        self._archived = len(source)
        self._wanted = wanted
        self._selected = {
            event_type: frozenset(names)
            for event_type, names in wanted.items()
            if not any(name.endswith("Set") for name in names)
        }
        self._connection_id = connection_id
        self._sequence = 0
        self._offset = 0
        self._index = 0
        self._extras = 0
        self._bundle_is_next = behaviour.style != "bare"

    def next(self, *, bundle_allowed: bool, bare_room: int | None) -> Chunk | None:
        """Return the next bytes to send, None without any, or while they have to wait for an
        acknowledgment."""
        self._ripe()
        if self._bundle_is_next:
            chunk = self._bundle() if bundle_allowed else None
        else:
            most = _BARE_BETWEEN_BUNDLES if self._behaviour.style == "mixed" else _BATCH
            chunk = self._bare(most if bare_room is None else min(most, bare_room))
        if chunk is not None and self._behaviour.style == "mixed":
            self._bundle_is_next = not self._bundle_is_next
        return chunk

    def other(self, message: bytes) -> Chunk:
        """Return a message that is not an event as a part of the stream."""
        self._offset += len(message)
        return Chunk(message)

    def _records(self, most: int) -> list[Record]:
        """Return up to `most` wanted records, from the position of the connection on."""
        while most > 0:
            read = self._source.read(self._position, most)
            resent = self._archived - self._position
            self._position += len(read)
            wanted = [
                record
                for place, record in enumerate(read)
                if self._wants(record) and not (place < resent and self._is_too_old(record))
            ]
            if wanted or not read:
                return wanted
        return []

    def _wants(self, record: Record) -> bool:
        return record.event_type is None or record.event_type in self._wanted or record.event_type not in RECORD_TYPES

    def _is_too_old(self, record: Record) -> bool:
        return 0 < record.archival < self._oldest

    def _bare(self, most: int) -> Chunk | None:
        records = self._records(most)
        if not records:
            return None
        chunk = Chunk()
        parts: list[bytes] = []
        for record in records:
            self._before_event(parts)
            self._event(record, self._behaviour.bare_version, parts)
            chunk.event_ends.append(self._offset)
            chunk.bare_ends.append(self._offset)
            if self._server_made(self._behaviour.bare_version, parts):
                chunk.bare_ends.append(self._offset)
        chunk.data = b"".join(parts)
        return chunk

    def _bundle(self) -> Chunk | None:
        records = self._records(self.stops.bundle_room(self._index, self._behaviour.bundle_size))
        if not records:
            return None
        self._sequence += 1
        chunk = Chunk()
        parts = [b""]
        start = self._offset
        self._offset += BUNDLE_HEADERS.size
        self.stops.place("bundle header", self._index, start + 12)
        for record in records:
            self._before_event(parts)
            self._event(record, self._behaviour.bundled_version, parts)
            chunk.event_ends.append(self._offset)
            self._server_made(self._behaviour.bundled_version, parts)
        length = self._offset - start - HEADER.size
        parts[0] = BUNDLE_HEADERS.pack(1, BUNDLE, length, self._connection_id, self._sequence)
        chunk.bundle_ends.append(self._offset)
        chunk.data = b"".join(parts)
        return chunk

    def _ripe(self) -> None:
        """Give the faults that have their place before the next message an offset, without waiting for that message."""
        self._sequence += self.stops.misnumbering(self._index)
        self.stops.place("between", self._index, self._offset)

    def _before_event(self, parts: list[bytes]) -> None:
        every = self._behaviour.unknown_every
        if every and self._index % every == every - 1:
            parts.append(UNKNOWN_MESSAGE)
            self._offset += len(UNKNOWN_MESSAGE)

    def _server_made(self, version: int, parts: list[bytes]) -> bool:
        every = self._behaviour.server_made_every
        if not every or self._index % every:
            return False
        self._extras += 1
        payload = b'{"EventType":"ServerNotice", "Number":%d}' % self._extras
        parts.append(self._message(Record(0, 0, payload, "ServerNotice"), payload, version))
        self._offset += len(parts[-1])
        return True

    def _event(self, record: Record, version: int, parts: list[bytes]) -> None:
        payload = self._payload(record)
        message = self._message(record, payload, version)
        if self.stops.awaits(self._index):
            self._stops_in(len(message), len(payload))
        parts.append(message)
        self._offset += len(message)
        self._index += 1

    def _message(self, record: Record, payload: bytes, version: int) -> bytes:
        behaviour, index = self._behaviour, self._index
        message_type = behaviour.event_data_types[index % len(behaviour.event_data_types)]
        netmap_id = behaviour.netmap_ids[index % len(behaviour.netmap_ids)]
        record_type = behaviour.record_types.get(record.event_type or "", record.record_type)
        length = len(payload)
        extended = behaviour.extended == "always" or (behaviour.extended == "alternate" and index % 2 == 0)
        if not extended:
            return PLAIN.pack(version, message_type, 8 + length, netmap_id, record_type, length) + payload
        return (
            EXTENDED.pack(version, message_type, 16 + length, netmap_id, record_type, length, record.archival, 0)
            + payload
        )

    def _payload(self, record: Record) -> bytes:
        behaviour, number = self._behaviour, self._index + 1
        payload = record.payload
        selected = self._selected.get(record.event_type or "")
        if selected is not None:
            payload = _with_only(selected, payload)
        if behaviour.untyped_every and number % behaviour.untyped_every == 0:
            payload = _EVENT_TYPE.sub(b"", payload, count=1)
        if behaviour.wrap_every and record.event_type and number % behaviour.wrap_every == 0:
            payload = b'{"%s": %s}' % (record.event_type.encode(), payload)
        return payload + behaviour.trailing[self._index % len(behaviour.trailing)].encode("latin-1")

    def _stops_in(self, message_length: int, payload_length: int) -> None:
        """Give the faults that wait for this event offsets in the stream."""
        headers = message_length - payload_length
        within = {
            "between": 0,
            "header": 3,
            "record header": HEADER.size + (headers - HEADER.size) // 2,
            "payload": headers + payload_length // 2,
        }
        if self._behaviour.style == "bare":
            within["bundle header"] = within["header"]
        for place, offset in within.items():
            self.stops.place(place, self._index, self._offset + offset)
