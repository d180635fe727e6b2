"""Rows between commands, and the surroundings that a command runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Optional

from standins.search.evals import Value
from standins.search.evals.values import number, text, texts

from .arguments import Arguments
from .data import Data, Row
from .reading import Meter


@dataclass(frozen=True)
class Table:
    """Rows, and the order of their columns; None for the order in which they appear in the rows."""

    rows: list[Row]
    fields: Sequence[str] | None = None

    def columns(self) -> list[str]:
        """Return the names of all columns."""
        if self.fields is not None:
            return list(self.fields)
        found: dict[str, None] = {}
        for row in self.rows:
            if not row.keys() <= found.keys():
                found.update(dict.fromkeys(row))
        return list(found)

    def with_rows(self, rows: Iterable[Row]) -> Table:
        """Return other rows in the same columns."""
        return Table(list(rows), self.fields)

    def with_columns(self, rows: Iterable[Row], added: Iterable[str]) -> Table:
        """Return other rows, with columns added at the end."""
        if self.fields is None:
            return Table(list(rows))
        return Table(list(rows), list(dict.fromkeys([*self.fields, *added])))


@dataclass(frozen=True)
class Context:
    """The surroundings of a command. `run` runs a subsearch: its text, the rows to begin with or None, and the times.

    `meter` counts the events that are read.
    """

    data: Data
    now: float
    earliest: float | None
    latest: float | None
    run: Callable[[str, Table | None], Table]
    meter: Meter


Action = Callable[[Context, Arguments, Optional[Table]], Table]
Transform = Callable[[Context, Arguments, Table], Table]


def transforming(transform: Transform) -> Action:
    """Make a command that works on rows; as the first command of a search it gets no rows."""

    def action(context: Context, arguments: Arguments, table: Table | None) -> Table:
        return transform(context, arguments, table if table is not None else Table([]))

    return action


def generating(generate: Callable[[Context, Arguments], Table]) -> Action:
    """Make a command that creates rows, and can only be the first."""

    def action(context: Context, arguments: Arguments, table: Table | None) -> Table:
        if table is not None:
            raise arguments.fail("must be the first command of a search")
        return generate(context, arguments)

    return action


def order_key(value: Any) -> tuple[int, Any]:
    """Return the key to sort values by: numbers by size, then texts, then null."""
    if value is None:
        return (2, 0)
    single = texts(value)[0] if isinstance(value, tuple) else value
    size = number(single)
    return (1, text(single)) if size is None else (0, size)


def group(rows: Iterable[Row], by: Sequence[str]) -> dict[tuple[str, ...], list[Row]]:
    """Group rows by fields: a row without one of the fields is in no group, a row with several values in several
    groups."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        values = [texts(row.get(field)) for field in by]
        if all(len(one) == 1 for one in values):
            groups.setdefault(tuple(one[0] for one in values), []).append(row)
        else:
            for key in product(*values):
                groups.setdefault(key, []).append(row)
    return groups


def original(rows: Sequence[Row], field: str, shown: str) -> Value:
    """Return a group's value of a field as the rows hold it: a number stays a number."""
    value = rows[0].get(field)
    return value if not isinstance(value, tuple) else shown


def without(row: Mapping[str, Value], dropped: Iterable[str]) -> Row:
    """Return a row without these fields."""
    gone = set(dropped)
    return {field: value for field, value in row.items() if field not in gone}
