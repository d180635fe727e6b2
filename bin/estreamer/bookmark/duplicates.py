"""What was delivered, by archival second, and which of the events that are sent again are duplicates."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice

from .digests import Digests, OldDigests, OtherDigests
from .journal import DIGEST_SIZE

_SORTED_AT_ONCE = 1 << 16


class Runs:
    """Runs of events of one archival second, in the order of delivery.

    Columns in place of an object for each run: a quiet link makes one of every event, and there may be a million.
    """

    def __init__(self) -> None:
        self.tenures = array("I")
        self.archivals = array("I")
        self.firsts = array("Q")
        """The sequence number of the first event of each run."""
        self._ends = array("Q")
        self.digests = array("Q")
        self._identities = array("Q")

    def __len__(self) -> int:
        return len(self.firsts)

    def add(self, tenure: int, archival: int, first: int, count: int) -> None:
        """Add a run of so many events, to the last one where it continues that."""
        before = self._ends[-1] if self._ends else 0
        if self._ends and self._continues(tenure, archival, first):
            self._ends[-1] = before + count
        else:
            self.tenures.append(tenure)
            self.archivals.append(archival)
            self.firsts.append(first)
            self._ends.append(before + count)

    def add_keys(self, digests: array[int], identities: array[int]) -> None:
        """Add the identities of the events of the run just added; `identities` may be empty."""
        if identities:
            self._identities.frombytes(bytes(DIGEST_SIZE * (len(self.digests) - len(self._identities))))
            self._identities.extend(identities)
        self.digests.extend(digests)

    def _continues(self, tenure: int, archival: int, first: int) -> bool:
        return (
            self.archivals[-1] == archival
            and self.tenures[-1] == tenure
            and first - self.firsts[-1] == self._ends[-1] - self._begin(len(self) - 1)
        )

    def cut(self, sequence: int) -> None:
        """Leave out the events after `sequence`."""
        while self.firsts and self.firsts[-1] > sequence:
            for column in (self.tenures, self.archivals, self.firsts, self._ends):
                column.pop()
        if self.firsts:
            self._ends[-1] = min(self._ends[-1], self._begin(len(self) - 1) + sequence - self.firsts[-1] + 1)
        del self.digests[self._ends[-1] if self._ends else 0 :]
        del self._identities[len(self.digests) :]

    def digests_of(self, run: int) -> array[int]:
        """Return the digests of the events of the run at this place."""
        return self.digests[self._begin(run) : self._ends[run]]

    def keys_of(self, run: int) -> array[int]:
        """Return the identities by which another account recognizes the events of the run at this place."""
        digests = self.digests_of(run)
        identities = self._identities[self._begin(run) : self._ends[run]]
        return array("Q", [known or own for known, own in zip(identities, digests)]) if identities else digests

    def _begin(self, run: int) -> int:
        return self._ends[run - 1] if run else 0


class Seconds:
    """The digests of the runs from `first` on, by archival second."""

    def __init__(self, runs: Runs, first: int) -> None:
        self._runs = runs
        archivals = runs.archivals[first:]
        self._places: Sequence[int] = range(first, len(runs))
        if any(earlier > later for earlier, later in zip(archivals, islice(archivals, 1, None))):
            self._places = array("I", sorted(self._places, key=runs.archivals.__getitem__))
            archivals = array("I", [runs.archivals[place] for place in self._places])
        self._archivals = archivals

    def __len__(self) -> int:
        return len(self._archivals)

    @property
    def last(self) -> int:
        """The last second."""
        return self._archivals[-1]

    def digests(self, archival: int) -> array[int]:
        """Return the digests of one second."""
        found = array("Q")
        for place in range(bisect_left(self._archivals, archival), bisect_right(self._archivals, archival)):
            found.extend(self._runs.digests_of(self._places[place]))
        return found


class Multiset:
    """Numbers of 64 bits with their counts, in 12 bytes each; taken out one by one."""

    def __init__(self, numbers: array[int]) -> None:
        self._numbers = array("Q")
        self._counts = array("I")
        last = None
        for number in _in_order(numbers):
            if number == last:
                self._counts[-1] += 1
            else:
                self._numbers.append(number)
                self._counts.append(1)
                last = number

    def take(self, number: int) -> bool:
        """Take one `number` out; return whether there was one."""
        place = bisect_left(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] != number or not self._counts[place]:
            return False
        self._counts[place] -= 1
        return True


def _in_order(numbers: array[int]) -> Iterator[int]:
    """Yield numbers in order: sorted in pieces, since a list of all would take five times the memory of the array."""
    pieces = range(0, len(numbers), _SORTED_AT_ONCE)
    return merge(*[array("Q", sorted(numbers[place : place + _SORTED_AT_ONCE])) for place in pieces])


class DuplicateFilter:
    """Which of the events that a server sends again were delivered before.

    `own` holds the digests that the same account delivered, by archival second; `foreign` what others delivered,
    by identity or, without one, by digest. No event beyond `horizon` (archival seconds) is a duplicate; once one beyond
    `last_horizon` has arrived, none will follow that is, however out of order events arrive within `settle` seconds.

    `others` compute what some of what is known was recorded with, by an older version or another Python.
    """

    def __init__(
        self,
        own: Seconds,
        foreign: array[int] | None,
        horizon: int,
        settle: int,
        digests: Digests,
        others: Sequence[OldDigests | OtherDigests],
    ) -> None:
        self._seconds = own
        self._own: dict[int, Multiset] = {}
        self._foreign = Multiset(foreign) if foreign else None
        self._digests = digests
        self._others = others
        self.horizon = horizon
        self.last_horizon = horizon + settle

    @property
    def needs_identity(self) -> bool:
        """Whether `is_duplicate` looks at identities."""
        return self._foreign is not None

    def is_duplicate(self, archival: int, payload: bytes, identity: bytes | None) -> bool:
        """Return whether this event was delivered before, and count it off.

        An identity is looked up first: it distinguishes events that have the same digest.
        """
        if identity is not None and self._foreign is not None and self._take_identity(identity, self._foreign):
            return True
        own = self._second(archival)
        if own is None and self._foreign is None:
            return False
        known = [one for one in (own, self._foreign) if one is not None]
        number = self._digests.of((payload,))[0]
        if any(one.take(number) for one in known):
            return True
        return any(one.take(other.of(payload)) for other in self._others for one in known)

    def _take_identity(self, identity: bytes, foreign: Multiset) -> bool:
        if foreign.take(self._digests.of_identities((identity,))[0]):
            return True
        return any(foreign.take(other.of_identity(identity)) for other in self._others)

    def _second(self, archival: int) -> Multiset | None:
        """Seconds are sorted when the replay reaches them, so that a long replay does not hold them all twice."""
        if archival not in self._own:
            digests = self._seconds.digests(archival)
            if not digests:
                return None
            self._own[archival] = Multiset(digests)
        return self._own[archival]
