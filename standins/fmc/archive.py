"""The archive of a Management Center: records in the order of archiving, for any number of clients."""

from __future__ import annotations

import base64
import bisect
import json
import re
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from standins.fmc.events import EventGenerator, Record

if TYPE_CHECKING:
    from pathlib import Path

NOW = 0xFFFFFFFF
"""The initial timestamp that requests only events that happen after the request."""

_TIMES = tuple(
    re.compile(rb'"%s"\s*:\s*(\d+)' % name)
    for name in (b"LastPacketSecond", b"EventSecond", b"PacketSecond", b"FirstPacketSecond")
)
_FIREWALL_RULE = re.compile(rb'("FirewallRule":)"(?:[^"\\]|\\.)*"')


class _Announcing:
    """Notifies listeners that records were appended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener`, from any thread, each time that records were appended."""
        with self._lock:
            self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call `listener` no more."""
        with self._lock:
            self._listeners.remove(listener)

    def _announce(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()


class Archive(_Announcing):
    """Records in memory. Threads may append and read at the same time, and several servers may share an archive.

    Archival timestamps never go back, as on a real server, except for 0, which marks records that the server made
    itself: these stay where they were appended. With `steady=False` timestamps may go back: the clock was set, or
    records arrived late.
    """

    def __init__(self, records: Iterable[Record] = (), *, steady: bool = True) -> None:
        super().__init__()
        self._steady = steady
        self._records: list[Record] = []
        self._order: list[int] = []
        self.extend(records)

    @classmethod
    def generated(cls, count: int, generator: EventGenerator | None = None) -> Archive:
        """Return an archive of the first `count` events of the generator."""
        return cls((generator or EventGenerator()).events(0, count))

    @classmethod
    def from_file(cls, path: Path) -> Archive:
        """Return an archive of a file of JSON lines: plain events, or wrapped events.

        A wrapped event is `{"archival": seconds, "record_type": number, "payload": text}`, or has `payload_base64` for
        bytes that are not text; `record_type` may be left out. The archival timestamp of a plain event comes from its
        latest time, and never goes back.
        """
        archive = cls()
        for line in path.read_bytes().split(b"\n"):
            if line.strip():
                archive.append(_record(line.rstrip(b"\r"), archive.newest()))
        return archive

    def __len__(self) -> int:
        return len(self._records)

    def newest(self) -> int:
        """Return the archival timestamp of the last record, 0 for an empty archive."""
        return self._order[-1] if self._order else 0

    def append(self, record: Record) -> None:
        """Append one record; clients that wait for new events get it at once."""
        self.extend((record,))

    def extend(self, records: Iterable[Record]) -> None:
        """Append records. Raises ValueError if their archival timestamps go back in a steady archive."""
        with self._lock:
            for record in records:
                newest = self.newest()
                if self._steady and 0 < record.archival < newest:
                    raise ValueError(f"archival timestamp {record.archival} is before {newest}")
                self._records.append(record)
                self._order.append(record.archival or newest)
        self._announce()

    def position_since(self, timestamp: int) -> int:
        """Return the position of the first record with that archival timestamp or a later one; for `NOW` the end."""
        with self._lock:
            if timestamp == NOW:
                return len(self._records)
            if self._steady:
                return bisect.bisect_left(self._order, timestamp)
            return next((place for place, time in enumerate(self._order) if time >= timestamp), len(self._order))

    def since(self, timestamp: int) -> list[Record]:
        """Return the records with that archival timestamp or a later one. The unit is seconds, so the records of the
        last second are repeated."""
        return self.read(self.position_since(timestamp), len(self))

    def read(self, position: int, count: int) -> list[Record]:
        """Return up to `count` records from that position on."""
        with self._lock:
            return self._records[position : position + count]


class GeneratedArchive(_Announcing):
    """The first `count` events of a generator, made when they are read, for millions of events."""

    def __init__(self, count: int, generator: EventGenerator | None = None) -> None:
        super().__init__()
        self._generator = generator or EventGenerator()
        self._count = count

    def __len__(self) -> int:
        return self._count

    def grow(self, count: int) -> None:
        """Append the next `count` events."""
        with self._lock:
            self._count += count
        self._announce()

    def position_since(self, timestamp: int) -> int:
        """Return the position of the first event with that archival timestamp or a later one; for `NOW` the end."""
        with self._lock:
            return self._count if timestamp == NOW else min(self._count, self._generator.position_since(timestamp))

    def since(self, timestamp: int) -> list[Record]:
        """Return the events with that archival timestamp or a later one."""
        return self.read(self.position_since(timestamp), len(self))

    def read(self, position: int, count: int) -> list[Record]:
        """Return up to `count` events from that position on."""
        count = min(count, len(self) - position)
        return self._generator.events(position, count) if count > 0 else []


class FailoverPair:
    """The archives of two Management Centers to which the same devices report.

    The clock of the second differs from the first by `offset` seconds (any sign), and it cannot resolve the name of the
    firewall rule for every second event: the same event then has different bytes and a different archival timestamp.
    """

    def __init__(self, records: Iterable[Record] = (), *, offset: int = 7) -> None:
        self.first = Archive()
        self.second = Archive()
        self._offset = offset
        for record in records:
            self.append(record)

    def append(self, record: Record) -> None:
        """Append one event to both."""
        self.first.append(record)
        payload = record.payload
        if len(self.second) % 2:
            payload = _FIREWALL_RULE.sub(rb'\1"Invalid ID"', payload)
        self.second.append(record._replace(archival=record.archival + self._offset, payload=payload))


def _record(line: bytes, newest: int) -> Record:
    if line.startswith(b'{"archival"'):
        told = json.loads(line)
        encoded = told.get("payload_base64")
        payload = base64.b64decode(encoded) if encoded is not None else told["payload"].encode("utf-8")
        return Record.of(payload, int(told["archival"]), told.get("record_type"))
    times = [int(found.group(1)) for found in (time.search(line) for time in _TIMES) if found]
    return Record.of(line, max([newest, *times]))
