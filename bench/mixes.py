"""The mixes of events that benchmarks send: the arguments of a server, and the same events in one process.

`real` is as real events are: every URL has a query with `&`, `=` and `<`, a space stands after each colon as after each
comma, and 50 events share an archival second. `kind` is kinder: few URLs have a query, no space stands after a colon,
and 2,000 events share an archival second.

In both, 90 % are connection events of 1.5 to 1.9 kB, of which four in nine have ended; the rest are intrusion and file
events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from standins.fmc.events import EventGenerator, QueryGenerator, Record


@dataclass(frozen=True)
class Mix:
    """Events as a server archives them: how many share an archival second, and whether their URLs have queries."""

    per_second: int
    queries: bool

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of `standins.fmc` that make a server send this mix."""
        return ("--per-second", str(self.per_second), *(("--queries",) if self.queries else ()))

    def events(self, count: int) -> list[Record]:
        """Return the first events of this mix."""
        generator = QueryGenerator if self.queries else EventGenerator
        return generator(per_second=self.per_second).events(0, count)


MIXES: Mapping[str, Mix] = {"real": Mix(50, queries=True), "kind": Mix(2000, queries=False)}
"""The mixes, by name."""
