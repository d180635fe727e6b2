"""Runs searches in Splunk's search language over rows in memory.

`run` knows the commands, functions and options that are named in `COMMAND_NAMES` and in the modules; everything else in
a search is a SplError that names it. A result that Splunk's references leave open is an error too. Limits of a real
search (rows of a subsearch, memory, previews) do not exist here. Times are UTC. `reading` says which events a search
has to read.

In a few places the references say nothing, and searches need an answer. Here
- the rows of stats have the order of their groups, numbers by size before texts,
- a condition in eval() of a statistical function counts as 1 if it is true, otherwise as null,
- `!=` in search holds for a multivalue as soon as one value differs,
- OUTPUT of a lookup clears its fields if nothing matches, and OUTPUTNEW with several fields adds those that the event
  lacks,
- an input field with several values matches a lookup by any of them,
- bin of a field other than `_time` by a span with a time scale reads the field as a time, and returns the beginning of
  its span,
- a span of one week begins on Sunday, and spans of days count from 1970-01-01, and
- join overwrites `_time` like any other field that both sides have.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from standins.search.evals import EvalError, Value

from . import addon, columns, combining, datamodels, evaluation, filtering, locations, reporting, rest, writing
from .arguments import Arguments
from .cim import MODELS
from .data import CIDR, EXACT, WILDCARD, Data, DataModel, Dataset, Knowledge, Lookup, Row
from .errors import SplError
from .macros import Macro, expand
from .reading import STREAMING, Meter, Part, Read
from .subsearches import as_search
from .table import Action, Context, Table
from .tokens import SUBSEARCH, Command, commands

__all__ = [
    "CIDR",
    "COMMAND_NAMES",
    "EXACT",
    "MODELS",
    "WILDCARD",
    "Data",
    "DataModel",
    "Dataset",
    "Knowledge",
    "Lookup",
    "Macro",
    "Meter",
    "Part",
    "Read",
    "Result",
    "Row",
    "SplError",
    "run",
]

_COMMANDS: Mapping[str, Action] = {
    **addon.COMMANDS,
    **rest.COMMANDS,
    **columns.COMMANDS,
    **combining.COMMANDS,
    **datamodels.COMMANDS,
    **evaluation.COMMANDS,
    **filtering.COMMANDS,
    **locations.COMMANDS,
    **reporting.COMMANDS,
    **writing.COMMANDS,
}
COMMAND_NAMES = frozenset(_COMMANDS)


@dataclass(frozen=True)
class Result:
    """The result of a search: its columns, and its rows, which hold only fields that are not null."""

    fields: list[str]
    rows: list[dict[str, Value]]

    def column(self, name: str) -> list[Value]:
        """Return the values of one column, None for a row without a value."""
        return [row.get(name) for row in self.rows]


def run(
    search: str,
    data: Data,
    *,
    earliest: float | None = None,
    latest: float | None = None,
    now: float | None = None,
    base: Result | None = None,
    meter: Meter | None = None,
) -> Result:
    """Run a search over all events of `data`, from `earliest` on and before `latest` (seconds since 1970).

    With a `base`, the search continues with its rows, like a search of a dashboard that extends a base search. A
    `meter` counts the events that are read.

    Raises SplError for everything that is wrong, unknown or left open by the references.
    """
    moment = time.time() if now is None else now

    def run_inner(source: str, table: Table | None) -> Table:
        return _execute(expand(source, data.macro), context, table, implied_search=False)

    context = Context(data, moment, earliest, latest, run_inner, meter or Meter())
    begun = None if base is None else Table([dict(row) for row in base.rows], base.fields)
    table = _execute(expand(search, data.macro), context, begun, implied_search=base is None)
    rows: list[Row] = [{field: value for field, value in row.items() if value is not None} for row in table.rows]
    return Result(table.columns(), rows)


def _substituted(command: Command, context: Context) -> Command:
    """Return eval or where with its subsearches replaced by the text that they return."""
    if command.name not in ("eval", "where"):
        return command
    text = command.text
    for token in reversed(command.tokens):
        if token.kind == SUBSEARCH:
            returned = as_search(context.run(token.text, None))
            text = text[: token.start - command.offset] + returned + text[token.end - command.offset :]
    return command if text == command.text else commands(f"{command.name} {text}", False)[0]


def _execute(source: str, context: Context, table: Table | None, implied_search: bool) -> Table:
    reading = False
    for number, command in enumerate(commands(source, implied_search)):
        action = _COMMANDS.get(command.name)
        if action is None:
            raise SplError(f"unknown command {command.name}")
        before = table
        try:
            table = action(context, Arguments(_substituted(command, context)), table)
        except EvalError as error:
            raise SplError(f"{command.name}: {error}") from error
        if reading and command.name == "head" and before is not None and command.text.strip().isdigit():
            context.meter.stop(before.rows, int(command.text))
        reading = command.name in STREAMING and (reading or (number == 0 and before is None))
    return table if table is not None else Table([])
