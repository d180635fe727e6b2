"""The search command of the add-on, run by the add-on's own code."""

from __future__ import annotations

from typing import Any

from estreamer.packets import rows as packet_rows

from standins.search.evals.values import text, texts

from .arguments import Arguments
from .data import Row
from .table import Action, Context, Table, transforming


def _sfwpackets(_: Context, arguments: Arguments, table: Table) -> Table:
    given = arguments.options(dict.fromkeys(("rows", "packet", "field", "encoding", "link"), str))
    arguments.finish()
    try:
        parsed = packet_rows.parse(given)
    except ValueError as error:
        raise arguments.fail(str(error)) from error
    rows: list[Row] = []
    for row in table.rows:
        told = {name: _told(value) for name, value in row.items()}
        for found in packet_rows.rows(told, parsed):
            # A value that the command passes on stays as it was; a value that the command made becomes a text.
            rows.append({name: row[name] if name in row else _cell(value) for name, value in found.items()})  # noqa: PERF401
    if parsed.rows == packet_rows.PACKETS:
        return table.with_columns(rows, packet_rows.PACKET_COLUMNS)
    return Table(rows, list(packet_rows.DUMP_COLUMNS if parsed.rows == packet_rows.DUMP else packet_rows.LAYER_COLUMNS))


def _told(value: Any) -> packet_rows.Cell:
    """Return a value as splunkd hands it over: as text, several values as a list."""
    if value is None:
        return None
    return list(texts(value)) if isinstance(value, tuple) else text(value)


def _cell(value: packet_rows.Cell) -> Any:
    if isinstance(value, list):
        return tuple(value) if len(value) > 1 else value[0]
    return value


COMMANDS: dict[str, Action] = {"sfwpackets": transforming(_sfwpackets)}
