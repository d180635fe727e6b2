"""Which events a search has to read: all events that the index cannot exclude before their text is read.

The index excludes events by time, by index, sourcetype, source and host, and by words (see `words`). The rules are
strict: an event counts as read unless Splunk's documents promise that it is excluded.

- A field that automatic extraction finds in the text is looked up by the words of its value. The index does not look up
  a field that an expression or a table makes, a network, a comparison by size, `!=`, `field=*`, an event type, a tag,
  or a time of indexing.
- NOT excludes events by a single complete word and by index, sourcetype, source and host; anything else under NOT
  excludes nothing.
- A search that ends in `head` after commands that look at one event at a time ends with the last event that `head`
  takes.
- A search of a data model reads the events that its summaries do not hold; events in the summaries are not read again.

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
"""Fields that are made from other fields, or whose values are not words of the text."""

STREAMING = frozenset(["bin", "eval", "fields", "fillnull", "rename", "regex", "rex", "search", "sfwpackets", "where"])
"""Commands that look at one event at a time, so that a `head` after them ends the reading."""


@dataclass(frozen=True)
class Part:
    """A part of a search, as far as the index can check it.

    `may` returns whether an event may satisfy the part, and is None if every event may; with `exact` these events do
    satisfy it. `asked` are the fields whose values are not words of the text, each with the value that it must have.
    `words` are the phrases and values that are looked up, in addition to those of `EventType`.
    """

    may: Predicate | None
    exact: bool = False
    asked: frozenset[tuple[str, str]] = frozenset()
    words: frozenset[str] = frozenset()


class IndexTerms:
    """Makes the parts that the index can check out of the terms of a search. `calculated` returns whether a field is
    made by an expression or a table."""

    def __init__(self, calculated: Callable[[str], bool]) -> None:
        self._calculated = calculated

    def always(self) -> Part:
        """Return the part that every event satisfies."""
        return Part(lambda _: True, exact=True)

    def every(self, parts: Sequence[Part]) -> Part:
        """Return the part of events that satisfy all parts."""
        known = [part.may for part in parts if part.may is not None]
        return _joined(parts, (lambda row: all(one(row) for one in known)) if known else None)

    def either(self, parts: Sequence[Part]) -> Part:
        """Return the part of events that satisfy one of the parts."""
        known = [part.may for part in parts if part.may is not None]
        return _joined(parts, (lambda row: any(one(row) for one in known)) if len(known) == len(parts) else None)

    def negation(self, part: Part) -> Part:
        """Return the part of events that do not satisfy a part."""
        may = part.may
        return Part((lambda row: not may(row)) if part.exact and may is not None else None, exact=part.exact)

    def keyword(self, phrase: str, whole_term: bool = False, case_sensitive: bool = False) -> Part:
        """Return the part that the index can check of a phrase in the text."""
        if phrase == "*":
            return self.always()
        sought = wanted(phrase, whole_term)
        exact = sought == [Wanted(phrase.lower(), False)] and not case_sensitive
        return Part(_known_by(sought), exact, words=frozenset([phrase]))

    def compare(self, name: str, comparison: str, value: str) -> Part:
        """Return the part that the index can check of a field's value."""
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
    """The events that one search has read, and the part of the search that the index checked. If a `head` ends the
    search, `arrived` are the events that reached it, and `limit` is how many it takes."""

    rows: Sequence[Mapping[str, Any]]
    part: Part
    arrived: Sequence[Mapping[str, Any]] | None = None
    limit: int = 0


@dataclass
class Meter:
    """Counts the events that searches read from the index."""

    reads: list[Read] = field(default_factory=list)

    def count(self, rows: Sequence[Row], part: Part) -> None:
        """Count the events of a time range that a search has to read."""
        may = part.may
        self.reads.append(Read(rows if may is None else [row for row in rows if may(row)], part))

    def stop(self, arrived: Sequence[Row], limit: int) -> None:
        """Record that the `head` of the last search takes `limit` of the events that arrived there."""
        last = self.reads[-1]
        if last.arrived is None:
            last.arrived, last.limit = list(arrived), limit
