"""The text that a subsearch is replaced by. Sources: "format" and "return" of the Search Reference, "About subsearches"
of the Search Manual."""

from __future__ import annotations

from collections.abc import Sequence

from standins.search.evals.values import text, texts

from .data import Row
from .table import Table

NOTHING = "NOT ( )"


def quoted(value: str) -> str:
    """Write a value in quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_search(table: Table) -> str:
    """Return the search that the results of a subsearch are turned into."""
    for name in ("search", "query"):
        if table.rows and table.columns() == [name]:
            return " OR ".join(f"( {text(row[name])} )" for row in table.rows if row.get(name) is not None)
    return formatted(table.rows, table.columns())


def formatted(
    rows: Sequence[Row],
    columns: Sequence[str],
    marks: Sequence[str] = ("(", "(", "AND", ")", "OR", ")"),
    multivalue_separator: str = "OR",
    empty: str = NOTHING,
) -> str:
    """Write rows as a search: `( ( a="1" AND b="2" ) OR ( ... ) )`; fields that begin with `_` are left out."""
    row_begin, begin, between, end, row_separator, row_end = marks
    written = []
    for row in rows:
        terms = []
        for column in columns:
            values = texts(row.get(column)) if not column.startswith("_") else ()
            choices = [f"{column}={quoted(value)}" for value in values]
            if len(choices) > 1:
                terms.append("( " + f" {multivalue_separator} ".join(choices) + " )")
            else:
                terms.extend(choices)
        if terms:
            written.append(f"{begin} " + f" {between} ".join(terms) + f" {end}")
    if not written:
        return empty
    return f"{row_begin} " + f" {row_separator} ".join(written) + f" {row_end}"
