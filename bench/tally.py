"""Count which of millions of events were lost, and which arrived too often."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_BUCKETS = 64


@dataclass(frozen=True)
class Tally:
    """The number of events that never arrived, the events that arrived more often than they happened, and the number of
    events that arrived but never happened.

    `extra` has the moment at which such an event arrived before, and the moment at which it arrived again. If two equal
    events arrive twice, the first is paired with the first, and the second with the second.
    """

    lost: int
    extra: list[tuple[float, float]]
    unknown: int


def tally(happened: Sequence[int], moments: Sequence[float], came: Sequence[int]) -> Tally:
    """Compare events that happened with those that arrived, in the order of arrival; each is 64 random bits.

    It counts in parts, by the lowest bits, since a counter of all events would need gigabytes.
    """
    lost, unknown = 0, 0
    extra: list[tuple[float, float]] = []
    wanted = _split(happened)
    arrived = [array("Q") for _ in range(_BUCKETS)]
    arrived_at = [array("d") for _ in range(_BUCKETS)]
    for moment, number in zip(moments, came):
        bucket = number % _BUCKETS
        arrived[bucket].append(number)
        arrived_at[bucket].append(moment)
    for bucket in range(_BUCKETS):
        times = Counter(wanted[bucket])
        before: dict[int, list[float]] = {number: [] for number in times}
        for moment, number in zip(arrived_at[bucket], arrived[bucket]):
            if number not in before:
                unknown += 1
                continue
            earlier = before[number]
            if len(earlier) >= times[number]:
                extra.append((earlier[-times[number]], moment))
            earlier.append(moment)
        lost += sum(max(0, count - len(before[number])) for number, count in times.items())
    return Tally(lost, sorted(extra), unknown)


def _split(numbers: Sequence[int]) -> list[array[int]]:
    parts = [array("Q") for _ in range(_BUCKETS)]
    for number in numbers:
        parts[number % _BUCKETS].append(number)
    return parts
