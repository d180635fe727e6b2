"""Commands that write: collect into an index, outputlookup into a table. Both also return the results.

Sources: the pages "collect" and "outputlookup" of the Search Reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from standins.search.evals.times import format_time
from standins.search.evals.values import number, text, texts

from .arguments import Arguments, Options, boolean, choice
from .data import Lookup, Row
from .table import Action, Context, Table, transforming

_TIME = "%m/%d/%Y %H:%M:%S %z"
_BREAKERS = re.compile(r"[\s\[\](){}<>|!;,'\"*&?+/:=@.\-$#%\\_]")
"""Major and minor breakers: a value with one of them is written in quotes."""

_OF_THE_EVENT = ("host", "source", "sourcetype", "index")


def _collect(context: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {
        **dict.fromkeys(("index", "source", "sourcetype", "host", "marker"), str),
        **dict.fromkeys(("addinfo", "addtime", "testmode", "run_in_preview"), boolean),
    }
    options = arguments.options(known)
    arguments.finish()
    if "index" not in options:
        raise arguments.fail("without an index is not supported: the reference does not name the default one")
    if not options.get("addtime", True):
        raise arguments.fail("addtime=false, which guesses times, is not supported")
    written = [_event(context, arguments, options, table.columns(), row) for row in table.rows]
    if options.get("testmode", False):
        return Table(written)
    context.data.collect(written)
    return table


def _event(context: Context, arguments: Arguments, options: dict[str, Any], columns: Sequence[str], row: Row) -> Row:
    """Return a row as an event for the index that it is written to."""
    found = next((number(row[name]) for name in ("info_min_time", "_time") if number(row.get(name)) is not None), None)
    without_time = context.now if context.earliest is None else context.earliest
    when = without_time if found is None else found
    own = {name: options[name] for name in _OF_THE_EVENT if name in options}
    event: Row = {"sourcetype": "stash", **own, "_time": when}
    if row.get("_raw") is not None:
        if "marker" in options:
            raise arguments.fail("a marker of an event with _raw is left open")
        return {**event, "_raw": text(row["_raw"])}
    parts = [format_time(when, _TIME), *(_info(context) if options.get("addinfo", True) else ())]
    fields = {name: row[name] for name in columns if not name.startswith("_") and row.get(name) is not None}
    parts += [f"{name}={_written(arguments, value)}" for name, value in fields.items()]
    parts += [options["marker"]] if "marker" in options else []
    kept = {name: value for name, value in fields.items() if name not in _OF_THE_EVENT}
    return {**kept, **event, "_raw": ", ".join(parts)}


def _info(context: Context) -> Iterator[str]:
    """Yield the fields of addinfo; a search over all time has only some of them."""
    if context.earliest is not None:
        yield f"info_min_time={context.earliest:.3f}"
    if context.latest is not None:
        yield f"info_max_time={context.latest:.3f}"
    yield f"info_search_time={context.now:.3f}"


def _written(arguments: Arguments, value: Any) -> str:
    """Return a value in the form that it has in the text of an event: several values are lines of one text."""
    found = "\n".join(texts(value))
    if '"' in found:
        raise arguments.fail("how a value with a quote is written is left open")
    return f'"{found}"' if _BREAKERS.search(found) or not found else found


def _outputlookup(context: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {
        **dict.fromkeys(("append", "create_empty", "override_if_empty", "createinapp"), boolean),
        "create_context": choice("app", "user", "system"),
        "output_format": choice("splunk_sv_csv"),
        "max": int,
    }
    options = arguments.options(known)
    name = arguments.name()
    arguments.finish()
    if name.endswith(".gz"):
        raise arguments.fail("a compressed file is not supported")
    existing = context.data.lookup(name)
    if existing is None and not name.endswith(".csv"):
        raise arguments.fail(f"unknown lookup {name}")
    append = options.get("append", False)
    if not table.rows:
        if append:
            raise arguments.fail("append=true without results is left open")
        _write_nothing(context, name, options)
        return table
    columns = [column for column in table.columns() if column == "_time" or not column.startswith("_")]
    if append and existing is not None:
        columns = list(existing.fields)
    rows = [{column: " ".join(texts(row.get(column))) for column in columns} for row in table.rows]
    if not columns:
        raise arguments.fail("results without a field are left open")
    rows = rows[: options["max"]] if "max" in options else rows
    kept = [dict(row) for row in existing.rows] if append and existing is not None else []
    context.data.put_lookup(name, Lookup(tuple(columns), [*kept, *rows]))
    return table


def _write_nothing(context: Context, name: str, options: dict[str, Any]) -> None:
    """Handle an outputlookup without results: keep the table, empty it or delete it."""
    if not options.get("override_if_empty", True) and context.data.lookup(name) is not None:
        return
    context.data.put_lookup(name, Lookup((), []) if options.get("create_empty", False) else None)


COMMANDS: dict[str, Action] = {
    "collect": transforming(_collect),
    "outputlookup": transforming(_outputlookup),
}
