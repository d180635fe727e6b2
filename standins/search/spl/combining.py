"""Commands that add rows from elsewhere: subsearches and lookups. Sources: the commands' pages of the Search
Reference."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from standins.search.evals import Value
from standins.search.evals.documents import as_value, dump, load
from standins.search.evals.values import multivalue, text, texts

from .arguments import Arguments, Options, boolean, choice
from .data import Lookup, Row
from .predicates import Search
from .subsearches import NOTHING, formatted, quoted
from .table import Action, Context, Table, generating, transforming
from .tokens import WORD

_APPEND_OPTIONS: Options = {"extendtimerange": boolean, "maxtime": int, "maxout": int, "timeout": int}


def joined(one: Table, other: Table) -> Table:
    """Put the rows of a table under those of another."""
    rows = [*one.rows, *other.rows]
    if one.fields is None or other.fields is None:
        return Table(rows)
    return Table(rows, list(dict.fromkeys([*one.fields, *other.fields])))


def _append(context: Context, arguments: Arguments, table: Table) -> Table:
    arguments.options(_APPEND_OPTIONS)
    source = arguments.subsearch()
    arguments.finish()
    return joined(table, context.run(source, None))


def _appendpipe(context: Context, arguments: Arguments, table: Table) -> Table:
    arguments.options({"run_in_preview": boolean})
    source = arguments.subsearch()
    arguments.finish()
    return joined(table, context.run(source, table))


def _appendcols(context: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({**_APPEND_OPTIONS, "override": boolean})
    other = context.run(arguments.subsearch(), None)
    arguments.finish()
    rows: list[Row] = []
    for index in range(max(len(table.rows), len(other.rows))):
        left = table.rows[index] if index < len(table.rows) else {}
        right = other.rows[index] if index < len(other.rows) else {}
        rows.append({**left, **right} if options.get("override", False) else {**right, **left})
    return Table(rows, list(dict.fromkeys([*table.columns(), *other.columns()])))


def _union(context: Context, arguments: Arguments, table: Table | None) -> Table:
    found = table
    while arguments:
        if arguments.mark(","):
            continue
        other = context.run(arguments.subsearch(), None)
        found = other if found is None else joined(found, other)
    if found is None:
        raise arguments.fail("needs a subsearch")
    return found


def _join(context: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {"type": choice("inner", "outer", "left"), "max": int, "overwrite": boolean, "usetime": boolean}
    options = arguments.options(known)
    if options.get("usetime"):
        raise arguments.fail("usetime is not supported")
    fields = arguments.names()
    other = context.run(arguments.subsearch(), None)
    arguments.finish()
    fields = fields or [name for name in table.columns() if name in other.columns() and not name.startswith("_")]
    limit = options.get("max", 1)
    index: dict[Any, list[Row]] = {}
    for row in other.rows:
        if all(row.get(field) is not None for field in fields):
            matches = index.setdefault(tuple(texts(row[field]) for field in fields), [])
            if not limit or len(matches) < limit:
                matches.append(row)
    rows: list[Row] = []
    for row in table.rows:
        matches = index.get(tuple(texts(row.get(field)) for field in fields), [])
        rows.extend({**row, **match} if options.get("overwrite", True) else {**match, **row} for match in matches)
        if not matches and options.get("type", "inner") != "inner":
            rows.append(row)
    return table.with_columns(rows, other.columns())


def found_lookup(context: Context, arguments: Arguments, name: str) -> Lookup:
    """Return a lookup. Raises SplError if no lookup has that name."""
    lookup = context.data.lookup(name)
    if lookup is None:
        raise arguments.fail(f"unknown lookup {name}")
    return lookup


def _pairs(arguments: Arguments) -> list[tuple[str, str]]:
    """Read `field as other` up to OUTPUT, OUTPUTNEW or the end."""
    found = []
    while arguments:
        token = arguments.peek()
        if token is None or (token.kind == WORD and token.text.upper() in ("OUTPUT", "OUTPUTNEW")):
            break
        if not arguments.mark(","):
            name = arguments.name()
            found.append((name, arguments.renamed(name)))
    return found


def _lookup(context: Context, arguments: Arguments, table: Table) -> Table:
    arguments.options({"local": boolean, "update": boolean})
    lookup = found_lookup(context, arguments, arguments.name())
    inputs = _pairs(arguments)
    word = arguments.word("output", "outputnew")
    outputs = _pairs(arguments)
    arguments.finish()
    if not inputs or (word and not outputs):
        raise arguments.fail("needs fields to match and, after OUTPUT, fields to bring")
    names = [name for name, _ in inputs]
    if not word:
        outputs = [(name, name) for name in lookup.fields if name not in names]
    for name in [*names, *(name for name, _ in outputs)]:
        if name not in lookup.fields:
            raise arguments.fail(f"the lookup has no field {name}")
    cache: dict[Any, Row] = {}
    rows = []
    for row in table.rows:
        key = tuple(texts(row.get(field)) for _, field in inputs)
        if key not in cache:
            cache[key] = _brought(lookup, dict(zip(names, key)), outputs)
        rows.append(_with_lookup(row, cache[key], outputs, word == "outputnew"))
    return table.with_columns(rows, [field for _, field in outputs])


def _brought(lookup: Lookup, inputs: Mapping[str, Sequence[str]], outputs: list[tuple[str, str]]) -> Row:
    matches = lookup.find(inputs) if all(inputs.values()) else []
    found: dict[str, Value] = {}
    for name, field in outputs:
        values = [match[name] for match in matches if match.get(name)]
        found[field] = multivalue(values)
    return found


def _with_lookup(row: Row, brought: Row, outputs: list[tuple[str, str]], only_new: bool) -> Row:
    if only_new and any(row.get(field) is not None for _, field in outputs):
        brought = {field: value for field, value in brought.items() if row.get(field) is None}
    changed = {**row, **brought}
    return {field: value for field, value in changed.items() if value is not None}


def _inputlookup(context: Context, arguments: Arguments, table: Table | None) -> Table:
    where = arguments.split_at("where")
    options = arguments.options({"append": boolean, "start": int, "max": int, "strict": boolean})
    lookup = found_lookup(context, arguments, arguments.name())
    arguments.finish()
    if table is not None and not options.get("append", False):
        raise arguments.fail("must be the first command of a search, or append=true")
    rows: list[Row] = [{name: row[name] for name in lookup.fields if row.get(name)} for row in lookup.rows]
    if where is not None:
        holds = Search(where, lambda _: NOTHING, context.now).holds
        rows = [row for row in rows if holds(row)]
    start = options.get("start", 0)
    rows = rows[start : start + options["max"]] if "max" in options else rows[start:]
    found = Table(rows, list(lookup.fields))
    return found if table is None else joined(table, found)


def _format(_: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"mvsep": str, "maxresults": int, "emptystr": str})
    marks = [arguments.name() for _ in range(6) if arguments]
    arguments.finish()
    if marks and len(marks) != 6:
        raise arguments.fail("takes six marks or none")
    rows = table.rows[: options["maxresults"]] if options.get("maxresults") else table.rows
    written = formatted(
        rows,
        table.columns(),
        marks or ("(", "(", "AND", ")", "OR", ")"),
        options.get("mvsep", "OR"),
        options.get("emptystr", NOTHING),
    )
    return Table([{"search": written}], ["search"])


def _return(_: Context, arguments: Arguments, table: Table) -> Table:
    count = arguments.count(1)
    wanted: list[tuple[str, str, bool]] = []
    while arguments:
        if arguments.mark(","):
            continue
        name = arguments.name()
        if arguments.mark("="):
            wanted.append((name, arguments.name(), False))
        else:
            wanted.append((name.lstrip("$"), name.lstrip("$"), name.startswith("$")))
    if not wanted:
        raise arguments.fail("needs a field")
    parts = []
    for row in table.rows[:count]:
        terms = [
            text(row[field]) if bare else f"{name}={quoted(text(row[field]))}"
            for name, field, bare in wanted
            if row.get(field) is not None and not isinstance(row[field], tuple)
        ]
        if terms:
            parts.append("(" + " ".join(terms) + ")" if len(table.rows[:count]) > 1 else " ".join(terms))
    return Table([{"search": " OR ".join(parts) or NOTHING}], ["search"])


def _savedsearch(context: Context, arguments: Arguments) -> Table:
    name = arguments.name()
    arguments.finish()
    source = context.data.savedsearch(name)
    if source is None:
        raise arguments.fail(f"unknown saved search {name}")
    return context.run(source if source.lstrip().startswith(("|", "search ")) else f"search {source}", None)


def _makeresults(context: Context, arguments: Arguments) -> Table:
    known: Options = {"count": int, "annotate": boolean, "format": choice("csv", "json"), "data": str}
    options = arguments.options(known)
    arguments.finish()
    row: Row = {"_time": int(context.now)}
    if options.get("annotate", False):
        raise arguments.fail("annotate is not supported")
    if ("format" in options) != ("data" in options):
        raise arguments.fail("format and data belong together")
    if "format" in options:
        return _given(context, arguments, options["format"], options["data"])
    return Table([dict(row) for _ in range(options.get("count", 1))], ["_time"])


def _given(context: Context, arguments: Arguments, form: str, source: str) -> Table:
    """Make rows from the text of a CSV table, or of a JSON list of objects; rows of JSON have the time of the
    search."""
    if form == "csv":
        lines = list(csv.reader(io.StringIO(source.strip())))
        rows: list[Row] = [dict(zip(lines[0], line)) for line in lines[1:]]
        return Table(rows, lines[0])
    found = load(source)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise arguments.fail("data is no list of JSON objects")
    made: list[Row] = []
    for one in found:
        fields = {name: as_value(value) for name, value in one.items()}
        made.append({"_time": int(context.now), "_raw": dump(one), **fields})
    return Table(made)


def _addinfo(context: Context, arguments: Arguments, table: Table) -> Table:
    arguments.finish()
    info: Row = {
        "info_min_time": 0 if context.earliest is None else context.earliest,
        "info_max_time": "+Infinity" if context.latest is None else context.latest,
        "info_search_time": context.now,
    }
    return table.with_columns(({**row, **info} for row in table.rows), info)


COMMANDS: dict[str, Action] = {
    "addinfo": transforming(_addinfo),
    "append": transforming(_append),
    "appendcols": transforming(_appendcols),
    "appendpipe": transforming(_appendpipe),
    "format": transforming(_format),
    "inputlookup": _inputlookup,
    "join": transforming(_join),
    "lookup": transforming(_lookup),
    "makeresults": generating(_makeresults),
    "multisearch": _union,
    "return": transforming(_return),
    "savedsearch": generating(_savedsearch),
    "union": _union,
}
