"""What the stand-in splunkd has indexed: the journals that its reader processes wrote, read back."""

from __future__ import annotations

import json
import struct
from array import array
from decimal import Decimal
from pathlib import Path
from typing import Any

from .stream import Event

ARRIVAL = struct.Struct("=dQ")
"""An event in a journal of numbers: when it was received, and its number."""


class Journal:
    """The events that one stanza delivered during one life of splunkd."""

    def __init__(self, path: Path, keep: str) -> None:
        self._path = path
        self._keep = keep
        self._offset = 0
        self._received: Any = []
        self._records: Any = []
        self._closed = False

    def entries(self) -> Any:
        """Return the events, or their digests, in the order in which they were received."""
        self._refresh()
        return self._records

    def moments(self) -> Any:
        """Return when each event was received, CLOCK_MONOTONIC in seconds."""
        self._refresh()
        return self._received

    def close(self) -> None:
        """Nothing more will be written."""
        self._refresh()
        self._closed = True

    def lose_after(self, moment: float) -> int:
        """Forget what was received after `moment` (CLOCK_MONOTONIC, seconds); return how many events."""
        self._refresh()
        keep = sum(1 for received in self._received if received <= moment)
        lost = len(self._records) - keep
        del self._received[keep:], self._records[keep:]
        return lost

    def _refresh(self) -> None:
        if self._closed or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        self._offset += self._take(text)

    def _take(self, text: bytes) -> int:
        """Take the events of more of the file; return of how many bytes."""
        # A reader process that was killed may leave a piece of a line: that event died with it.
        whole = text[: text.rfind(b"\n") + 1]
        for line in whole.splitlines():
            received, record = self._decode(json.loads(line))
            self._received.append(received)
            self._records.append(record)
        return len(whole)

    def _decode(self, values: list[Any]) -> tuple[float, Any]:
        if self._keep == "digests":
            return values[0], values[1]
        received, data, time, source, sourcetype, host, index = values
        stamp = None if time is None else Decimal(time)
        return received, Event(data, stamp, source, sourcetype, host, index, received)


class NumberJournal(Journal):
    """The same in 16 bytes an event, for millions of them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "numbers")
        self._received, self._records = array("d"), array("Q")

    def _take(self, text: bytes) -> int:
        whole = text[: len(text) // ARRIVAL.size * ARRIVAL.size]
        self._received.extend(array("d", whole)[0::2])
        self._records.extend(array("Q", whole)[1::2])
        return len(whole)
