"""Which events a search has to read: those that the index cannot rule out before their text is looked at.

The index rules out by time, by index, sourcetype, source and host, and by words (see `words`). The rules are strict:
what Splunk's documents do not promise counts as read.

- A field that automatic extraction finds in the text is looked up by the words of its value. A field that an expression
  or a table makes is not, nor is a network, a comparison by size, `!=`, `field=*`, an event type, a tag, or a time of
  indexing.
- NOT rules out by a single whole word and by index, sourcetype, source and host; of anything else it rules out nothing.
- A search that ends in `head` after commands that look at one event at a time ends with the event that fills it.
- A data model hands over the events that its summaries do not hold; what they hold is not read again.

Sources: "Event segmentation and searching", "Write better searches" and "NOT and !=" of the Search Manual; "tstats" of
the Search Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.searchtime.evals.values import text

from .data import Row
from .predicates import Predicate, compare, network
from .words import Wanted, has, wanted

INDEXED = frozenset(["index", "sourcetype", "source", "host"])
NEVER = frozenset(["eventtype", "tag", "linecount", "_time", "_indextime"])
"""Fields that are made of others, or that no word stands for."""

STREAMING = frozenset(["bin", "eval", "fields", "fillnull", "rename", "regex", "rex", "search", "sfwpackets", "where"])
"""Commands that look at one event at a time, so that a `head` behind them ends the reading."""


@dataclass(frozen=True)
class Part:
    """What the index knows of a part of a search.

    `may` tells of an event whether it may satisfy the part, and is None where any may; `exact` says that those are just
    the ones that do.
    """

    may: Predicate | None
    exact: bool = False


ANY = Part(None)


class IndexTerms:
    """Makes of the terms of a search what the index knows of them.

    `calculated` tells which fields no word stands for. `asked` are the fields of that kind that were compared for
    equality, `looked_up` the words besides those of `EventType`.
    """

    def __init__(self, calculated: Callable[[str], bool]) -> None:
        self._calculated = calculated
        self.asked: list[str] = []
        self.looked_up: list[str] = []

    def always(self) -> Part:
        """Return what every event satisfies."""
        return Part(lambda _: True, exact=True)

    def every(self, parts: Sequence[Part]) -> Part:
        """Return what satisfies all parts."""
        known = [part.may for part in parts if part.may is not None]
        may = (lambda row: all(one(row) for one in known)) if known else None
        return Part(may, all(part.exact for part in parts))

    def either(self, parts: Sequence[Part]) -> Part:
        """Return what satisfies one of the parts."""
        known = [part.may for part in parts if part.may is not None]
        if len(known) < len(parts):
            return ANY
        return Part(lambda row: any(one(row) for one in known), all(part.exact for part in parts))

    def negation(self, part: Part) -> Part:
        """Return what does not satisfy a part."""
        may = part.may
        return Part(lambda row: not may(row), exact=True) if part.exact and may is not None else ANY

    def keyword(self, phrase: str, whole_term: bool = False, case_sensitive: bool = False) -> Part:
        """Return what the index knows of a phrase in the text."""
        if phrase == "*":
            return self.always()
        self.looked_up.append(phrase)
        sought = wanted(phrase, whole_term)
        return Part(_known_by(sought), exact=sought == [Wanted(phrase.lower(), False)] and not case_sensitive)

    def compare(self, name: str, comparison: str, value: str) -> Part:
        """Return what the index knows of a field's value."""
        if name in INDEXED and comparison in ("=", "==", "!="):
            return Part(compare(name, comparison, value), exact=True)
        if comparison not in ("=", "==") or value == "*" or name in NEVER or ("/" in value and network(value)):
            return ANY
        if self._calculated(name):
            self.asked.append(name)
            return ANY
        if name != "EventType":
            self.looked_up.append(value)
        return Part(_known_by(wanted(value)))


def _known_by(sought: list[Wanted]) -> Predicate | None:
    return (lambda row: has(text(row.get("_raw", "")), sought)) if sought else None


@dataclass
class Read:
    """What one search has read: the events, and where a `head` ends it, those that came to it and how many it takes."""

    rows: Sequence[Mapping[str, Any]]
    arrived: Sequence[Mapping[str, Any]] | None = None
    limit: int = 0


@dataclass
class Meter:
    """Counts what searches read, each from the events as they lie in the index."""

    reads: list[Read] = field(default_factory=list)

    def count(self, rows: Sequence[Row], may: Predicate | None) -> None:
        """Count the events of a time range that a search has to read."""
        self.reads.append(Read(rows if may is None else [row for row in rows if may(row)]))

    def stop(self, arrived: Sequence[Row], limit: int) -> None:
        """Say that the last search ends with so many of the events that came to its `head`."""
        last = self.reads[-1]
        if last.arrived is None:
            last.arrived, last.limit = list(arrived), limit
