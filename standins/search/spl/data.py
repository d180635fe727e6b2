"""The data for a search: events, macros, lookup tables, saved searches and data models."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from standins.search.evals import Value

from .macros import Macro

Row = dict[str, Value]

EXACT = "EXACT"
WILDCARD = "WILDCARD"
CIDR = "CIDR"


@dataclass(frozen=True)
class Lookup:
    """A lookup table, and the rules of its stanza of transforms.conf for matches.

    `match_types` names WILDCARD or CIDR for the input fields that are not compared as they are. `min_matches`,
    `max_matches`, `default_match` and `case_sensitive` are the settings of that name; the last is
    `case_sensitive_match`.
    """

    fields: tuple[str, ...]
    rows: Sequence[Mapping[str, str]]
    match_types: Mapping[str, str] = field(default_factory=dict)
    case_sensitive: bool = True
    min_matches: int = 0
    max_matches: int = 1000
    default_match: str = ""

    def find(self, inputs: Mapping[str, Sequence[str]]) -> list[Mapping[str, str]]:
        """Return the rows that match, in the order of the table: each field must match one of its values."""
        found = []
        for row in self.rows:
            if all(self._matches(name, row.get(name, ""), values) for name, values in inputs.items()):
                found.append(row)
                if len(found) == self.max_matches:
                    break
        while len(found) < self.min_matches:
            found.append(dict.fromkeys(self.fields, self.default_match))
        return found

    def _matches(self, name: str, wanted: str, values: Sequence[str]) -> bool:
        match_type = self.match_types.get(name, EXACT)
        if match_type == CIDR:
            return any(_in_network(value, wanted) for value in values)
        if match_type == WILDCARD:
            flags = re.DOTALL | (0 if self.case_sensitive else re.IGNORECASE)
            pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), flags)
            return any(pattern.fullmatch(value) for value in values)
        if self.case_sensitive:
            return wanted in values
        return wanted.lower() in {value.lower() for value in values}


def _in_network(value: str, network: str) -> bool:
    try:
        address, wanted = ipaddress.ip_address(value), ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return address.version == wanted.version and address in wanted


@dataclass(frozen=True)
class Dataset:
    """A dataset of a data model: the search that its events satisfy, and its fields.

    `constraint` applies in addition to the constraint of the `parent`; `calculated` are expressions, evaluated in
    order.
    """

    constraint: str
    fields: tuple[str, ...] = ()
    calculated: tuple[tuple[str, str], ...] = ()
    parent: str | None = None


@dataclass(frozen=True)
class DataModel:
    """A data model: its datasets by name."""

    datasets: Mapping[str, Dataset]

    def lineage(self, name: str) -> list[str]:
        """Return the names of a dataset's ancestors, the root first, and its own."""
        found: list[str] = []
        step: str | None = name
        while step is not None:
            found.insert(0, step)
            step = self.datasets[step].parent
        return found


class Data(Protocol):
    """The data for a search. Rows of events have `_time`, `_raw`, `index`, `sourcetype`, `source`, `host`,
    `eventtype` and `tag` in addition to their own fields."""

    def events(self) -> Iterable[Row]:
        """Return all events, in any order."""

    def macro(self, name: str, arity: int) -> Macro | None:
        """Return the macro of that name with that number of arguments."""

    def lookup(self, name: str) -> Lookup | None:
        """Return a lookup by the name of its definition or of its file."""

    def savedsearch(self, name: str) -> str | None:
        """Return the text of a saved search."""

    def data_model(self, name: str) -> DataModel | None:
        """Return a data model."""

    def places(self) -> Mapping[str, Mapping[str, str]] | None:
        """Return the database for iplocation, the fields of places by network; None without one."""

    def collect(self, events: Sequence[Row]) -> None:
        """Take events that collect writes. Only later searches find them in `events`."""

    def put_lookup(self, name: str, lookup: Lookup | None) -> None:
        """Take a table that outputlookup writes, None for one that it deletes."""

    def data_models(self) -> Iterable[str]:
        """Return the names of all data models."""

    def summarized(self, model: str) -> tuple[float, float] | None:
        """Return the span of time (seconds since 1970) for which an accelerated data model's summaries hold events;
        None for a model that is not accelerated."""

    def calculated(self, field: str) -> bool:
        """Return whether a field is made by an expression or a table, so that its value need not be in the text."""


@dataclass(frozen=True)
class Knowledge:
    """Data from the arguments. The macros' keys are name and number of arguments; `made` are fields that are
    calculated.

    `collected` and `written` are what searches have written; `located` is the database of iplocation.
    """

    rows: Sequence[Row] = ()
    macros: Mapping[tuple[str, int], Macro] = field(default_factory=dict)
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    searches: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, DataModel] = field(default_factory=dict)
    summaries: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    located: Mapping[str, Mapping[str, str]] | None = None
    collected: list[Row] = field(default_factory=list)
    written: dict[str, Lookup | None] = field(default_factory=dict)

    def events(self) -> Iterable[Row]:
        return [*self.rows, *self.collected]

    def macro(self, name: str, arity: int) -> Macro | None:
        return self.macros.get((name, arity))

    def lookup(self, name: str) -> Lookup | None:
        return self.written[name] if name in self.written else self.lookups.get(name)

    def savedsearch(self, name: str) -> str | None:
        return self.searches.get(name)

    def data_model(self, name: str) -> DataModel | None:
        return self.models.get(name)

    def places(self) -> Mapping[str, Mapping[str, str]] | None:
        return self.located

    def collect(self, events: Sequence[Row]) -> None:
        self.collected.extend(events)

    def put_lookup(self, name: str, lookup: Lookup | None) -> None:
        self.written[name] = lookup

    def data_models(self) -> Iterable[str]:
        return self.models

    def summarized(self, model: str) -> tuple[float, float] | None:
        return self.summaries.get(model)

    def calculated(self, field: str) -> bool:
        return field in self.made
