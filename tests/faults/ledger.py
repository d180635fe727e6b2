"""What was lost and what came twice, counted exactly: equal events are counted, never merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Balance(Generic[Key]):
    """What was wanted and did not come (`missing`), and what came more often than it was wanted (`excess`)."""

    missing: Mapping[Key, int]
    excess: Mapping[Key, int]

    @property
    def lost(self) -> int:
        """How many events were lost."""
        return sum(self.missing.values())

    @property
    def doubled(self) -> int:
        """How many events came beyond what was wanted; one that came three times counts twice."""
        return sum(self.excess.values())

    def size(self, sizes: Mapping[Key, int]) -> int:
        """Return how many bytes were doubled, given the size of each event."""
        return sum(sizes[key] * count for key, count in self.excess.items())


def balance(wanted: Iterable[Key], arrived: Iterable[Key]) -> Balance[Key]:
    """Weigh what arrived against what was wanted."""
    wished, came = Counter(wanted), Counter(arrived)
    return Balance(wished - came, came - wished)


def doubled_by_run(wanted: Iterable[Key], runs: Sequence[Sequence[Key]]) -> list[Balance[Key]]:
    """Return, for each run of an input, what it delivered although the runs before it had delivered it already.

    `missing` of each is what had not come by the end of that run. A run that follows a kill pays for that kill only:
    what two earlier runs have both delivered is counted with the second of them.
    """
    left = Counter(wanted)
    balances = []
    for run in runs:
        came = Counter(run)
        balances.append(Balance(left - came, came - left))
        left = left - came
    return balances
