"""The faults in the stream of one connection, and the offsets of their places."""

from __future__ import annotations

from collections.abc import Sequence

from standins.fmc.behaviour import BEFORE_EVENTS, Fault

_NUMBERS = {"gap": 1, "repeat": -1}
_AT_A_BUNDLES_END = {*_NUMBERS, "error", "say"}


class Stops:
    """Faults that wait for an event, and faults that already have an offset in the stream, in its order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        in_stream = [fault for fault in faults if fault.where not in BEFORE_EVENTS or fault.after_bytes is not None]
        self._waiting = sorted(
            (fault for fault in in_stream if fault.after_bytes is None), key=lambda fault: fault.after_events
        )
        self._stops = [(fault.after_bytes, fault) for fault in in_stream if fault.after_bytes is not None]
        self._stops.sort(key=lambda stop: stop[0])

    def reached(self, sent: int) -> bool:
        """Return whether a fault has its place at or before this offset."""
        return bool(self._stops) and self._stops[0][0] <= sent

    def distance(self, sent: int) -> int | None:
        """Return the number of bytes to the next fault, None if no fault has an offset yet."""
        return self._stops[0][0] - sent if self._stops else None

    def take(self) -> Fault:
        """Return the next fault, and forget it."""
        return self._stops.pop(0)[1]

    def awaits(self, index: int) -> bool:
        """Return whether a fault waits for the event of this number, from 0, or an earlier one."""
        return bool(self._waiting) and self._waiting[0].after_events <= index

    def place(self, where: str, index: int, offset: int) -> None:
        """Set the offset of the faults that wait for this kind of place in or before the event `index`."""
        for fault in [fault for fault in self._waiting if fault.where == where and fault.after_events <= index]:
            self._waiting.remove(fault)
            self._stops.append((offset, fault))
        self._stops.sort(key=lambda stop: stop[0])

    def misnumbering(self, index: int) -> int:
        """Return the error in the number of the next bundle, each error once."""
        found = [fault for fault in self._waiting if fault.action in _NUMBERS and fault.after_events <= index]
        for fault in found:
            self._waiting.remove(fault)
        return sum(_NUMBERS[fault.action] for fault in found)

    def bundle_room(self, index: int, most: int) -> int:
        """Return the number of events that the next bundle may hold: it ends at the place of a message or a gap."""
        ends = [
            fault.after_events - index
            for fault in self._waiting
            if fault.action in _AT_A_BUNDLES_END and fault.where == "between"
        ]
        return min([most, *ends])
