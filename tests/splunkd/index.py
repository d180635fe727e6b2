"""What the stand-in splunkd has indexed: the journals that its reader processes wrote, read back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from .stream import Event


class Journal:
    """The events that one stanza delivered during one life of splunkd."""

    def __init__(self, path: Path, keep: str) -> None:
        self._path = path
        self._keep = keep
        self._offset = 0
        self._received: list[float] = []
        self._records: list[Any] = []
        self._closed = False

    def entries(self) -> list[Any]:
        """Return the events, or their digests, in the order in which they were received."""
        self._refresh()
        return self._records

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
        # A reader process that was killed may leave a piece of a line: that event died with it.
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            received, record = self._decode(json.loads(line))
            self._received.append(received)
            self._records.append(record)

    def _decode(self, values: list[Any]) -> tuple[float, Any]:
        if self._keep == "digests":
            return values[0], values[1]
        received, data, time, source, sourcetype, host, index = values
        stamp = None if time is None else Decimal(time)
        return received, Event(data, stamp, source, sourcetype, host, index, received)
