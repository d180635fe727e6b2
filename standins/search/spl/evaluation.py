"""Commands that compute or take apart the fields of a row. Sources: the commands' pages of the Search Reference."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from standins.search import pcre
from standins.search.evals import EvalError, Expression, Value, parse_value
from standins.search.evals.documents import SPATH_LIMIT, as_value, extract, load
from standins.search.evals.patterns import pattern, substitute
from standins.search.evals.times import format_time, parse_time, seconds_of, shift, snap, span
from standins.search.evals.values import multivalue, number, text, texts, untyped

from .arguments import Arguments, Options, boolean, by_commas, choice, expand, wildcard
from .data import Row
from .table import Action, Context, Table, transforming, without

_BRACED = re.compile(r"\{([^}]*)\}")
_CTIME = "%m/%d/%Y %H:%M:%S"


def _assignments(arguments: Arguments) -> list[tuple[str, Expression]]:
    found = []
    base = arguments.command.offset
    for piece in by_commas(arguments.tokens):
        if len(piece) < 3 or not piece[1].is_mark("="):
            raise arguments.fail("an assignment is 'field = expression'")
        source = arguments.command.text[piece[1].end - base : piece[-1].end - base]
        try:
            found.append((piece[0].unescaped, parse_value(source)))
        except EvalError as error:
            raise arguments.fail(f"{piece[0].unescaped}: {error}") from error
    arguments.tokens = []
    return found


def _eval(context: Context, arguments: Arguments, table: Table) -> Table:
    assignments = _assignments(arguments)
    rows = []
    added: dict[str, None] = {}
    for original in table.rows:
        row = dict(original)
        for target, expression in assignments:
            name = _BRACED.sub(lambda found: text(row.get(found.group(1), "")), target)  # noqa: B023
            added[name] = None
            try:
                value = expression.evaluate(row, context.now)
            except EvalError as error:
                raise arguments.fail(f"{target}: {error}") from error
            if value is None:
                row.pop(name, None)
            else:
                row[name] = value
        rows.append(row)
    return table.with_columns(rows, added)


def _fieldformat(_: Context, arguments: Arguments, table: Table) -> Table:
    """Check the format; the results do not include how a value is shown."""
    _assignments(arguments)
    return table


def bin_time(when: float, count: int, unit: str) -> float | int:
    """Return the beginning of the span that a time is in: weeks begin on Sunday, months and years follow the calendar.

    Spans of several days count from 1970-01-01, of several months from January.
    """
    if unit in ("s", "m", "h", "d"):
        width = count * seconds_of("1" + unit)
        return math.floor(when / width) * width
    if unit == "w":
        if count != 1:
            raise EvalError("a span of several weeks is not supported")
        return int(snap(when, "w"))
    start = snap(when, unit)
    if count == 1:
        return int(start)
    year = snap(when, "y")
    while (following := shift(year, count, unit)) <= when:
        year = following
    return int(year)


def bin_value(value: Any, width: float) -> str | None:
    """Return the range of numbers that a value is in, such as `10-20`; None for a value that is not a number."""
    size = number(value)
    if size is None:
        return None
    low = math.floor(size / width) * width
    return f"{text(low)}-{text(low + width)}"


def binning(arguments: Arguments, field: str, width: str) -> Callable[[Any], Any]:
    """Return the function that puts the values of a field into bins of a span."""
    size = number(width)
    if field == "_time" or size is None:
        try:
            count, unit = (int(size), "s") if size is not None else span(width)
            bin_time(0, count, unit)
        except EvalError as error:
            raise arguments.fail(str(error)) from error
        binned = functools.lru_cache(maxsize=None)(lambda when: bin_time(float(when), count, unit))
        return lambda value: None if number(value) is None else binned(value)
    if size <= 0:
        raise arguments.fail(f"the span {width!r} of {field} is not supported")
    return lambda value: bin_value(value, size + 0)


def _bin(_: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"span": str})
    field = arguments.name()
    name = arguments.renamed(field)
    arguments.finish()
    if "span" not in options:
        raise arguments.fail("without a span is not supported")
    put = binning(arguments, field, options["span"])
    rows = []
    for row in table.rows:
        value = row.get(field)
        if value is None or isinstance(value, tuple):
            rows.append(row)
        else:
            binned = put(value)
            rows.append(row if binned is None else {**row, name: binned})
    return table.with_columns(rows, [name])


def _duration(value: str) -> Value:
    found = re.fullmatch(r"(?:(\d+)\+)?(\d+):(\d+):(\d+)", value)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _minutes(value: str) -> Value:
    found = re.fullmatch(r"(?:(\d+):)?(\d+(?:\.\d+)?)", value)
    return untyped(int(found.group(1) or 0) * 60 + float(found.group(2))) if found else None


def _memory(value: str) -> Any:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgKMG])?", value)
    if not found:
        return None
    return untyped(float(found.group(1)) * {"k": 1, "m": 1024, "g": 1024**2}[(found.group(2) or "k").lower()])


def _number(value: str) -> Value:
    size = number(value)
    return None if size is None else untyped(size + 0)


def _without_unit(value: str) -> Value:
    found = re.match(r"[+-]?\d+(\.\d+)?", value)
    return found.group() if found else None


def _to_calendar(value: str, form: str) -> Value:
    size = number(value)
    return None if size is None else format_time(size, form)


_CONVERSIONS: dict[str, Callable[[str, str], Value]] = {
    "auto": lambda value, _: _number(value),
    "ctime": _to_calendar,
    "dur2sec": lambda value, _: _duration(value),
    "memk": lambda value, _: _memory(value),
    "mktime": lambda value, form: untyped(parse_time(value, form)),
    "mstime": lambda value, _: _minutes(value),
    "num": lambda value, _: _number(value),
    "rmcomma": lambda value, _: value.replace(",", ""),
    "rmunit": lambda value, _: _without_unit(value),
}


@dataclass(frozen=True)
class _Conversion:
    """One function of convert: its name, the fields that it is for, and the field to put the result into."""

    function: str
    fields: list[str]
    target: str

    def apply(self, rows: list[Row], form: str) -> None:
        """Change the rows. A field that auto cannot convert in every row stays as it is."""
        convert = _CONVERSIONS[self.function]
        for field in self.fields:
            values = [[convert(one, form) for one in texts(row.get(field))] for row in rows]
            if self.function == "auto" and any(None in converted for converted in values):
                continue
            for row, converted in zip(rows, values):
                if row.get(field) is not None:
                    _put(row, self.target or field, [one for one in converted if one is not None])


def _put(row: Row, field: str, values: list[Any]) -> None:
    if not values:
        row.pop(field, None)
    else:
        row[field] = values[0] if len(values) == 1 else multivalue(map(text, values))


def _conversions(arguments: Arguments, columns: list[str]) -> list[_Conversion]:
    found = []
    while arguments:
        if arguments.mark(","):
            continue
        written, inner, _ = arguments.call()
        function = written.lower()
        if function not in {*_CONVERSIONS, "none"}:
            raise arguments.fail(f"unknown function {written}()")
        if len(inner) != 1:
            raise arguments.fail(f"{written}() takes one field")
        found.append(_Conversion(function, expand([inner[0].unescaped], columns), arguments.renamed("")))
    kept = {field for one in found if one.function == "none" for field in one.fields}
    return [
        replace(one, fields=[field for field in one.fields if field not in kept])
        for one in found
        if one.function != "none"
    ]


def _convert(_: Context, arguments: Arguments, table: Table) -> Table:
    form = arguments.options({"timeformat": str}).get("timeformat", _CTIME)
    conversions = _conversions(arguments, table.columns())
    rows = [dict(row) for row in table.rows]
    for conversion in conversions:
        conversion.apply(rows, form)
    return table.with_columns(rows, [one.target for one in conversions if one.target])


def _sed(arguments: Arguments, source: str) -> Callable[[str], str]:
    kind, mark = source[:1], source[1:2]
    parts = re.split(rf"(?<!\\){re.escape(mark)}", source[2:]) if mark else []
    if kind not in ("s", "y") or len(parts) != 3:
        raise arguments.fail(f"{source!r} is not understood as sed")
    old, new, flags = parts
    if kind == "y":
        if len(old) != len(new):
            raise arguments.fail("y takes as many characters for as many")
        return lambda value: value.translate(str.maketrans(old, new))
    if not re.fullmatch(r"g?|\d+", flags):
        raise arguments.fail(f"unknown sed flags {flags!r}")
    compiled = pattern(old)
    if flags == "g":
        return lambda value: substitute(value, old, new)
    wanted = int(flags or 1)
    if not wanted:
        return lambda value: value
    return lambda value: compiled.replaced(new, value, itertools.islice(compiled.finditer(value), wanted - 1, wanted))


def _rex(_: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {"field": str, "max_match": int, "mode": choice("sed")}
    options = arguments.options(known)
    field, limit = options.get("field", "_raw"), options.get("max_match", 1)
    source = arguments.name()
    arguments.finish()
    try:
        if options.get("mode") == "sed":
            change = _sed(arguments, source)
            return table.with_rows(
                {**row, field: multivalue(map(change, texts(row[field])))} if row.get(field) is not None else row
                for row in table.rows
            )
        compiled = pattern(source)
    except EvalError as error:
        raise arguments.fail(str(error)) from error
    if not compiled.groupindex:
        raise arguments.fail(f"{source!r} names no group")
    rows = [{**row, **_groups(compiled, texts(row.get(field)), limit)} for row in table.rows]
    return table.with_columns(rows, compiled.groupindex)


def _groups(compiled: pcre.Pattern, subjects: tuple[str, ...], limit: int) -> Row:
    found: dict[str, list[str]] = {}
    matches = (match for subject in subjects for match in compiled.finditer(subject))
    for count, match in enumerate(matches, 1):
        for name, value in match.groupdict().items():
            if value is not None:
                found.setdefault(name, []).append(value)
        if count == limit:
            break
    return {name: multivalue(values) for name, values in found.items()}


def _leaves(document: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for name, inner in document.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for inner in document:
            yield from _leaves(inner, f"{path}{{}}")
    else:
        yield path, as_value(document)


def _spath(_: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"input": str, "output": str, "path": str})
    path = options.get("path") or (arguments.name() if arguments else None)
    arguments.finish()
    source = options.get("input", "_raw")
    rows = []
    added: dict[str, None] = {}
    for row in table.rows:
        value = row.get(source)
        if value is None or isinstance(value, tuple):
            rows.append(row)
            continue
        if text(value).lstrip().startswith("<"):
            raise arguments.fail("XML is not supported")
        if len(text(value).encode("utf-8", "replace")) > SPATH_LIMIT:
            raise arguments.fail(f"reads the first {SPATH_LIMIT} bytes of a text only: json_extract() reads all of it")
        found: Row = {}
        if path is not None:
            found = {options.get("output", path): extract(value, path)}
        else:
            document = load(text(value))
            leaves: dict[str, list[str]] = {}
            for name, leaf in _leaves(document, "") if isinstance(document, (dict, list)) else ():
                if leaf is not None:
                    leaves.setdefault(name, []).append(text(leaf))
            found = {name: multivalue(values) for name, values in leaves.items()}
        found = {name: value for name, value in found.items() if value is not None}
        added.update(dict.fromkeys(found))
        rows.append({**row, **found})
    return table.with_columns(rows, added)


def _makemv(_: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {"delim": str, "tokenizer": str, "allowempty": boolean, "setsv": boolean}
    options = arguments.options(known)
    field = arguments.name()
    arguments.finish()
    if options.get("setsv"):
        raise arguments.fail("setsv is not supported")

    def split(value: str) -> tuple[str, ...]:
        if "tokenizer" in options:
            return tuple(found.group(1) or "" for found in pattern(options["tokenizer"]).finditer(value))
        parts = value.split(options.get("delim", " "))
        return tuple(part for part in parts if part or options.get("allowempty", False))

    return table.with_rows(
        {**row, field: multivalue(split(text(row[field])))}
        if row.get(field) is not None and not isinstance(row[field], tuple)
        else row
        for row in table.rows
    )


def _mvexpand(_: Context, arguments: Arguments, table: Table) -> Table:
    limit = arguments.options({"limit": int}).get("limit", 0)
    field = arguments.name()
    arguments.finish()
    rows = []
    for row in table.rows:
        values = texts(row.get(field))
        if len(values) < 2:
            rows.append(row)
        else:
            rows.extend({**row, field: value} for value in (values[:limit] if limit else values))
    return table.with_rows(rows)


def _mvcombine(_: Context, arguments: Arguments, table: Table) -> Table:
    arguments.options({"delim": str})
    field = arguments.name()
    arguments.finish()
    found: dict[Any, tuple[Row, list[str]]] = {}
    for row in table.rows:
        rest = without(row, [field])
        key = tuple(sorted((name, texts(value)) for name, value in rest.items()))
        found.setdefault(key, (rest, []))[1].extend(texts(row.get(field)))
    return table.with_rows({**row, **({field: multivalue(values)} if values else {})} for row, values in found.values())


def _foreach(context: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {"mode": choice("multifield"), "fieldstr": str, "matchstr": str}
    options = arguments.options(known)
    patterns = arguments.names()
    template = arguments.subsearch()
    arguments.finish()
    columns = table.columns()
    for wanted in patterns:
        compiled = wildcard(wanted)
        for column in expand([wanted], columns):
            matched = compiled.fullmatch(column)
            parts = matched.groups() if matched else ()
            body = template.replace(options.get("fieldstr", "<<FIELD>>"), column)
            body = body.replace(options.get("matchstr", "<<MATCHSTR>>"), "".join(parts))
            for index, part in enumerate(parts, 1):
                body = body.replace(f"<<MATCHSEG{index}>>", part)
            table = context.run(body, table)
    return table


COMMANDS: dict[str, Action] = {
    name: transforming(transform)
    for name, transform in {
        "eval": _eval,
        "fieldformat": _fieldformat,
        "bin": _bin,
        "bucket": _bin,
        "convert": _convert,
        "rex": _rex,
        "spath": _spath,
        "makemv": _makemv,
        "mvexpand": _mvexpand,
        "mvcombine": _mvcombine,
        "foreach": _foreach,
    }.items()
}
