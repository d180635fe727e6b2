"""Commands that choose, name and turn columns. Sources: the commands' pages of the Search Reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from standins.search.evals.values import number, text, texts, untyped

from .arguments import Arguments, Options, boolean, expand, substituted, wildcard
from .data import Row
from .predicates import compare
from .table import Action, Context, Table, transforming

_KEPT_BY_FIELDS = ("_time", "_raw")


def _table(_: Context, arguments: Arguments, table: Table) -> Table:
    names = arguments.names()
    arguments.finish()
    fields = expand(names, table.columns())
    rows = [{field: row[field] for field in fields if row.get(field) is not None} for row in table.rows]
    return Table(rows, fields)


def _fields(_: Context, arguments: Arguments, table: Table) -> Table:
    sign = arguments.word("+", "-") or "+"
    names = arguments.names()
    if names and names[0][0] in "+-" and len(names[0]) > 1:
        sign, names[0] = names[0][0], names[0][1:]
    arguments.finish()
    if not names:
        raise arguments.fail("needs a field")
    columns = table.columns()
    chosen = set(expand(names, columns))
    if sign == "-":
        kept = [column for column in columns if column not in chosen]
    else:
        kept = [column for column in columns if column in chosen or column in _KEPT_BY_FIELDS]
    if table.fields is not None and sign == "+":
        kept = [field for field in expand(names, columns) if field in columns] + [
            field for field in _KEPT_BY_FIELDS if field in columns and field not in chosen
        ]
    rows = [{field: row[field] for field in kept if field in row} for row in table.rows]
    return Table(rows, None if table.fields is None else kept)


def _renamed(name: str, pairs: Sequence[tuple[str, str]]) -> str:
    for old, new in pairs:
        matched = wildcard(old).fullmatch(name)
        if matched:
            name = substituted(new, matched)
    return name


def _rename(_: Context, arguments: Arguments, table: Table) -> Table:
    pairs = []
    while arguments:
        if arguments.mark(","):
            continue
        old = arguments.name()
        if not arguments.word("as"):
            raise arguments.fail(f"'as' is missing after {old}")
        new = arguments.name()
        if old.count("*") != new.count("*") and "*" in new + old:
            raise arguments.fail(f"{old} and {new} have different numbers of wildcards")
        pairs.append((old, new))
    if not pairs:
        raise arguments.fail("needs a field")
    columns = table.columns()
    names = {column: _renamed(column, pairs) for column in columns}
    changed = {new for old, new in names.items() if new != old}
    rows = []
    for row in table.rows:
        kept = {field: value for field, value in row.items() if names[field] == field and field not in changed}
        kept.update({names[field]: value for field, value in row.items() if names[field] != field})
        rows.append(kept)
    order = [names[column] for column in columns if names[column] != column or column not in changed]
    return Table(rows, None if table.fields is None else list(dict.fromkeys(order)))


def _present(table: Table) -> list[str]:
    """Return the columns that hold a value in some row: for fillnull, no other field exists."""
    present = {field for row in table.rows for field, value in row.items() if value is not None}
    return [field for field in table.columns() if field in present]


def _fillnull(_: Context, arguments: Arguments, table: Table) -> Table:
    value = arguments.options({"value": str}).get("value", "0")
    fields = expand(arguments.names(), table.columns())
    arguments.finish()
    fields = fields or _present(table)
    missing: Row = dict.fromkeys(fields, value)
    rows = [{**row, **{f: v for f, v in missing.items() if row.get(f) is None}} for row in table.rows]
    return table.with_columns(rows, fields)


def _filldown(_: Context, arguments: Arguments, table: Table) -> Table:
    fields = expand(arguments.names(), table.columns()) or table.columns()
    arguments.finish()
    last: Row = {}
    rows = []
    for row in table.rows:
        last = {field: row[field] if row.get(field) is not None else last.get(field) for field in fields}
        rows.append({**row, **{field: value for field, value in last.items() if value is not None}})
    return table.with_rows(rows)


def _add(values: Sequence[Any]) -> Any:
    found = [number(typed) for typed in values]
    sizes = [size + 0 for size in found if size is not None]
    return untyped(sum(sizes)) if sizes else None


def _totals(arguments: Arguments, table: Table, options: dict[str, Any], rows_wanted: bool) -> Table:
    columns = table.columns()
    chosen = expand(arguments.names(), columns) or [column for column in columns if not column.startswith("_")]
    arguments.finish()
    rows, fields = list(table.rows), list(columns)
    name = options.get("fieldname", "Total")
    if rows_wanted:
        totals = [_add([row.get(field) for field in chosen]) for row in rows]
        rows = [row if total is None else {**row, name: total} for row, total in zip(rows, totals)]
        fields.append(name)
        chosen = [*chosen, name]
    if options.get("col", False):
        bottom = {field: _add([row.get(field) for row in rows]) for field in chosen}
        last = {field: value for field, value in bottom.items() if value is not None}
        if "labelfield" in options:
            last[options["labelfield"]] = options.get("label", "Total")
            fields.append(options["labelfield"])
        rows.append(last)
    return Table(rows, list(dict.fromkeys(fields)))


_TOTAL_OPTIONS: Options = {"row": boolean, "col": boolean, "labelfield": str, "label": str, "fieldname": str}


def _addtotals(_: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options(_TOTAL_OPTIONS)
    return _totals(arguments, table, options, options.get("row", True))


def _addcoltotals(_: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"labelfield": str, "label": str})
    return _totals(arguments, table, {**options, "col": True}, False)


def _transpose(_: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"column_name": str, "header_field": str, "include_empty": boolean})
    count = arguments.count(5)
    arguments.finish()
    first = options.get("column_name", "column")
    rows = table.rows[:count] if count else table.rows
    header = options.get("header_field")
    names = [text(row.get(header, "")) if header else f"row {index}" for index, row in enumerate(rows, 1)]
    turned: list[Row] = []
    for column in table.columns():
        if column == header or column.startswith("_"):
            continue
        values = {name: row[column] for name, row in zip(names, rows) if row.get(column) is not None}
        if values or options.get("include_empty", True):
            turned.append({first: column, **values})
    return Table(turned, [first, *names])


def _untable(_: Context, arguments: Arguments, table: Table) -> Table:
    names = arguments.names()
    arguments.finish()
    if len(names) != 3:
        raise arguments.fail("takes three fields")
    x, name, value = names
    rows: list[Row] = [
        {x: row[x], name: column, value: row[column]}
        for row in table.rows
        for column in table.columns()
        if column != x and row.get(x) is not None and row.get(column) is not None
    ]
    return Table(rows, names)


def _xyseries(_: Context, arguments: Arguments, table: Table) -> Table:
    separator = arguments.options({"sep": str}).get("sep", ": ")
    names = arguments.names()
    arguments.finish()
    if len(names) < 3:
        raise arguments.fail("takes three fields or more")
    x, name, *values = names
    found: dict[Any, Row] = {}
    series: dict[str, None] = {}
    for row in table.rows:
        if row.get(x) is None or row.get(name) is None:
            continue
        target = found.setdefault(row[x], {x: row[x]})
        for value in values:
            label = text(row[name]) if len(values) == 1 else f"{value}{separator}{text(row[name])}"
            series[label] = None
            if row.get(value) is not None:
                target[label] = row[value]
    return Table(list(found.values()), [x, *sorted(series)])


def _nomv(_: Context, arguments: Arguments, table: Table) -> Table:
    field = arguments.name()
    arguments.finish()
    return table.with_rows(
        {**row, field: "\n".join(texts(row[field]))} if isinstance(row.get(field), tuple) else row for row in table.rows
    )


def _replace(_: Context, arguments: Arguments, table: Table) -> Table:
    pairs = []
    while arguments and not arguments.peek().is_word("in"):  # type: ignore[union-attr]
        if arguments.mark(","):
            continue
        old = arguments.name()
        if not arguments.word("with"):
            raise arguments.fail(f"'with' is missing after {old}")
        pairs.append((old, arguments.name()))
    chosen = arguments.names() if arguments.word("in") else []
    arguments.finish()
    fields = expand(chosen, table.columns()) or [name for name in table.columns() if not name.startswith("_")]
    if any("*" in old + new for old, new in pairs):
        raise arguments.fail("wildcards are not supported")
    rows = []
    for row in table.rows:
        changed = dict(row)
        for old, new in pairs:
            changed.update({field: new for field in fields if compare(field, "=", old)(changed)})
        rows.append(changed)
    return table.with_rows(rows)


COMMANDS: dict[str, Action] = {
    name: transforming(transform)
    for name, transform in {
        "table": _table,
        "fields": _fields,
        "rename": _rename,
        "fillnull": _fillnull,
        "filldown": _filldown,
        "addtotals": _addtotals,
        "addcoltotals": _addcoltotals,
        "transpose": _transpose,
        "untable": _untable,
        "xyseries": _xyseries,
        "nomv": _nomv,
        "replace": _replace,
    }.items()
}
