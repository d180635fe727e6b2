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

from standins.search.evals.values import text

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
    the ones that do. `asked` are the fields that no word stands for, with the values that they are to have, and `words`
    the phrases and values that are looked up, besides those of `EventType`.
    """

    may: Predicate | None
    exact: bool = False
    asked: frozenset[tuple[str, str]] = frozenset()
    words: frozenset[str] = frozenset()


class IndexTerms:
    """Makes of the terms of a search what the index knows. `calculated` tells which fields no word stands for."""

    def __init__(self, calculated: Callable[[str], bool]) -> None:
        self._calculated = calculated

    def always(self) -> Part:
        """Return what every event satisfies."""
        return Part(lambda _: True, exact=True)

    def every(self, parts: Sequence[Part]) -> Part:
        """Return what satisfies all parts."""
        known = [part.may for part in parts if part.may is not None]
        return _joined(parts, (lambda row: all(one(row) for one in known)) if known else None)

    def either(self, parts: Sequence[Part]) -> Part:
        """Return what satisfies one of the parts."""
        known = [part.may for part in parts if part.may is not None]
        return _joined(parts, (lambda row: any(one(row) for one in known)) if len(known) == len(parts) else None)

    def negation(self, part: Part) -> Part:
        """Return what does not satisfy a part."""
        may = part.may
        return Part((lambda row: not may(row)) if part.exact and may is not None else None, exact=part.exact)

    def keyword(self, phrase: str, whole_term: bool = False, case_sensitive: bool = False) -> Part:
        """Return what the index knows of a phrase in the text."""
        if phrase == "*":
            return self.always()
        sought = wanted(phrase, whole_term)
        exact = sought == [Wanted(phrase.lower(), False)] and not case_sensitive
        return Part(_known_by(sought), exact, words=frozenset([phrase]))

    def compare(self, name: str, comparison: str, value: str) -> Part:
        """Return what the index knows of a field's value."""
        if name in INDEXED and comparison in ("=", "==", "!="):
            return Part(compare(name, comparison, value), exact=True)
        if comparison not in ("=", "==") or value == "*":
            return Part(None)
        if name in NEVER or self._calculated(name):
            return Part(None, asked=frozenset([(name, value)]))
        if "/" in value and network(value):
            return Part(None)
        return Part(_known_by(wanted(value)), words=frozenset([] if name == "EventType" else [value]))


def _joined(parts: Sequence[Part], may: Predicate | None) -> Part:
    asked = frozenset[tuple[str, str]]().union(*(part.asked for part in parts))
    words = frozenset[str]().union(*(part.words for part in parts))
    return Part(may, may is not None and all(part.exact for part in parts), asked, words)


def _known_by(sought: list[Wanted]) -> Predicate | None:
    return (lambda row: has(text(row.get("_raw", "")), sought)) if sought else None


@dataclass
class Read:
    """What one search has read: the events, and what the index knew of it; and where a `head` ends it, the events that
    came to that and how many it takes."""

    rows: Sequence[Mapping[str, Any]]
    part: Part
    arrived: Sequence[Mapping[str, Any]] | None = None
    limit: int = 0


@dataclass
class Meter:
    """Counts what searches read, each from the events as they lie in the index."""

    reads: list[Read] = field(default_factory=list)

    def count(self, rows: Sequence[Row], part: Part) -> None:
        """Count the events of a time range that a search has to read."""
        may = part.may
        self.reads.append(Read(rows if may is None else [row for row in rows if may(row)], part))

    def stop(self, arrived: Sequence[Row], limit: int) -> None:
        """Say that the last search ends with so many of the events that came to its `head`."""
        last = self.reads[-1]
        if last.arrived is None:
            last.arrived, last.limit = list(arrived), limit
