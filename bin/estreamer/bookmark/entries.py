"""What the bookmark records of a batch of events, made before any of them is delivered."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from . import journal
from .digests import Digests
from .journal import Moment


class Columns(NamedTuple):
    """What is recorded of events: what is of one kind stands together, each at the place of its event."""

    archivals: Sequence[int]
    digests: array[int]
    identities: array[int] | None


@dataclass(frozen=True)
class Entry:
    """A batch of events as the bookmark records it: all that depends on what they say is computed.

    `moment` is before the server sent them, by this machine's clocks. Archival timestamps are 0 where it sent none.
    """

    moment: Moment
    archivals: Sequence[int]
    digests: array[int]
    identities: array[int] | None

    def counting(self, count: int) -> Columns:
        """Return the first `count` events, without those that have no archival timestamp."""
        archivals, digests = self.archivals[:count], self.digests[:count]
        identities = None if self.identities is None else self.identities[:count]
        if not archivals.count(0):
            return Columns(archivals, digests, identities)
        places = [place for place, archival in enumerate(archivals) if archival]
        kept = None if identities is None else array("Q", [identities[place] for place in places])
        return Columns([archivals[place] for place in places], array("Q", [digests[place] for place in places]), kept)


def entry_of(
    digests: Digests,
    moment: Moment,
    archivals: Sequence[int],
    payloads: Sequence[bytes],
    identities: Sequence[bytes | None] | None,
) -> Entry:
    """Return the entry of events. An archival timestamp that does not fit into 32 bits counts as 0. The hot path."""
    if min(archivals) < 0 or max(archivals) > journal.LATEST:
        archivals = [one if 0 <= one <= journal.LATEST else 0 for one in archivals]
    known = None if identities is None else digests.of_identities(identities)
    return Entry(moment, archivals, digests.of(payloads), known)
