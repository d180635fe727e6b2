"""Commands that make statistics. Sources: the commands' pages of the Search Reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from standins.search.evals import Value
from standins.search.evals.times import shift
from standins.search.evals.times import span as read_span
from standins.search.evals.values import number, text, texts, typed, untyped

from .aggregates import RATES, Aggregate, parse_aggregates, resolve
from .arguments import Arguments, Options, boolean
from .data import Row
from .evaluation import binning
from .table import Action, Context, Table, group, order_key, original, transforming

_SPANS = ("1s", "5s", "10s", "30s", "1m", "5m", "10m", "30m", "1h", "1d", "1mon")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mon": 2592000, "q": 7776000, "y": 31536000}


def _put(row: Row, aggregates: Iterable[Aggregate], rows: Sequence[Row], now: float) -> Row:
    for aggregate in aggregates:
        value = aggregate.over(rows, now)
        if value is not None:
            row[aggregate.name] = value
    return row


def summarize(rows: Sequence[Row], columns: list[str], aggregates: list[Aggregate], by: list[str], now: float) -> Table:
    """Return a row for each group, ordered by the fields of the groups."""
    resolved = resolve(aggregates, columns, by)
    fields = [*by, *(aggregate.name for aggregate in resolved)]
    if not by:
        return Table([_put({}, resolved, rows, now)], fields)
    groups = group(rows, by)
    found = []
    for key in sorted(groups, key=lambda key: tuple(order_key(one) for one in key)):
        members = groups[key]
        row: Row = {field: original(members, field, shown) for field, shown in zip(by, key)}
        found.append(_put(row, resolved, members, now))
    return Table(found, list(dict.fromkeys(fields)))


_STATS_OPTIONS: Options = {"allnum": boolean, "delim": str, "partitions": int}


def _checked(arguments: Arguments, options: dict[str, Any]) -> None:
    if options.get("allnum"):
        raise arguments.fail("allnum is not supported")


def _by(arguments: Arguments) -> list[str]:
    fields = arguments.names() if arguments.word("by") else []
    arguments.finish()
    return fields


def _stats(context: Context, arguments: Arguments, table: Table) -> Table:
    _checked(arguments, arguments.options(_STATS_OPTIONS))
    aggregates = parse_aggregates(arguments, "by")
    by = _by(arguments)
    if not aggregates:
        raise arguments.fail("needs a function")
    return summarize(table.rows, table.columns(), aggregates, by, context.now)


def _eventstats(context: Context, arguments: Arguments, table: Table) -> Table:
    _checked(arguments, arguments.options({"allnum": boolean}))
    aggregates = parse_aggregates(arguments, "by")
    by = _by(arguments)
    resolved = resolve(aggregates, table.columns(), by)
    results = {key: _put({}, resolved, rows, context.now) for key, rows in group(table.rows, by).items()}
    found = []
    for row in table.rows:
        values = [texts(row.get(field)) for field in by]
        if any(len(one) > 1 for one in values):
            raise arguments.fail("by a multivalue is not supported")
        found.append({**row, **results.get(tuple(one[0] if one else "" for one in values), {})} if all(values) else row)
    return table.with_columns(found, [aggregate.name for aggregate in resolved])


def _streamstats(context: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {
        "current": boolean,
        "window": int,
        "global": boolean,
        "allnum": boolean,
        "reset_on_change": boolean,
    }
    options = arguments.options(known)
    _checked(arguments, options)
    aggregates = parse_aggregates(arguments, "by")
    by = _by(arguments)
    resolved = resolve(aggregates, table.columns(), by)
    window = options.get("window", 0)
    if window and by and options.get("global", True):
        raise arguments.fail("a window over all groups (global=true) with 'by' is not supported")
    seen: dict[Any, list[Row]] = {}
    previous: Any = None
    found = []
    for row in table.rows:
        key = tuple(texts(row.get(field)) for field in by)
        if not all(key):
            found.append(row)
            continue
        if options.get("reset_on_change", False) and key != previous:
            seen.clear()
        previous = key
        before = seen.setdefault(key, [])
        members = [*before, row] if options.get("current", True) else before
        found.append(_put(dict(row), resolved, members[-window:] if window else members, context.now))
        before.append(row)
    return table.with_columns(found, [aggregate.name for aggregate in resolved])


_SERIES_OPTIONS: Options = {
    "limit": str,
    "useother": boolean,
    "usenull": boolean,
    "otherstr": str,
    "nullstr": str,
    "span": str,
    "sep": str,
    "cont": boolean,
}


def _limit(arguments: Arguments, options: dict[str, Any]) -> tuple[int, bool]:
    source = options.get("limit", "10").lower()
    lowest = source.startswith("bottom")
    digits = source.replace("top", "").replace("bottom", "").strip()
    if not digits.isdigit():
        raise arguments.fail(f"the value {source!r} of the option limit is not understood")
    return int(digits), lowest


class _Series:
    """Splits rows into columns by the values of a field: one column for each of the largest, one for all others."""

    def __init__(self, context: Context, arguments: Arguments, options: dict[str, Any]) -> None:
        self._now = context.now
        self._options = options
        self._limit, self._lowest = _limit(arguments, options)

    def _name(self, row: Row, field: str) -> Sequence[str]:
        return texts(row.get(field)) or ([self._options.get("nullstr", "NULL")] if self._shows_null else [])

    @property
    def _shows_null(self) -> bool:
        return bool(self._options.get("usenull", True))

    def _chosen(self, cells: dict[Any, dict[str, list[Row]]], aggregate: Aggregate, by_frequency: bool) -> list[str]:
        null = self._options.get("nullstr", "NULL")
        score: dict[str, float] = {}
        for series in cells.values():
            for name, rows in series.items():
                size = len(rows) if by_frequency else number(typed(aggregate.over(rows, self._now))) or 0
                score[name] = score.get(name, 0) + size
        names = sorted((name for name in score if name != null), key=order_key)
        if self._limit and len(names) > self._limit:
            best = sorted(names, key=lambda name: (score[name] if self._lowest else -score[name], name))[: self._limit]
            names = [name for name in names if name in best]
        return names

    def split(
        self, groups: dict[Any, list[Row]], field: str, aggregates: list[Aggregate]
    ) -> tuple[list[str], dict[Any, Row]]:
        """Return the names of the columns, and each group's values in them."""
        cells: dict[Any, dict[str, list[Row]]] = {}
        for key, rows in groups.items():
            series = cells.setdefault(key, {})
            for row in rows:
                for name in self._name(row, field):
                    series.setdefault(name, []).append(row)
        names = self._chosen(cells, aggregates[0], len(aggregates) > 1)
        null, other = self._options.get("nullstr", "NULL"), self._options.get("otherstr", "OTHER")
        has_null = any(null in series for series in cells.values())
        rest = any(name not in names and name != null for series in cells.values() for name in series)
        shown = [*names]
        if rest and self._options.get("useother", True):
            shown.append(other)
        if has_null:
            shown.append(null)
        columns = [self._label(aggregate, name, aggregates) for aggregate in aggregates for name in shown]
        return columns, {key: self._values(series, shown, other, aggregates) for key, series in cells.items()}

    def _label(self, aggregate: Aggregate, name: str, aggregates: list[Aggregate]) -> str:
        return name if len(aggregates) == 1 else f"{aggregate.name}{self._options.get('sep', ': ')}{name}"

    def _values(self, series: dict[str, list[Row]], shown: list[str], other: str, aggregates: list[Aggregate]) -> Row:
        found: Row = {}
        for name in shown:
            rows = series.get(name, [])
            if name == other and name not in series:
                rows = [row for one, members in series.items() if one not in shown for row in members]
            for aggregate in aggregates:
                value = aggregate.over(rows, self._now)
                if value is not None:
                    found[self._label(aggregate, name, aggregates)] = value
        return found


def _binned(rows: Sequence[Row], field: str, put: Callable[[Any], Value] | None) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        for one in texts(row.get(field)):
            key = one if put is None else put(one)
            if key is not None:
                groups.setdefault(key, []).append(row)
    return groups


def _chart(context: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options(_SERIES_OPTIONS)
    aggregates = parse_aggregates(arguments, "by", "over")
    fields = [arguments.name()] if arguments.word("over") else []
    fields += arguments.names() if arguments.word("by") else []
    arguments.finish()
    if not aggregates or not 1 <= len(fields) <= 2:
        raise arguments.fail("needs functions, and one or two fields to split by")
    if any(one.field == fields[0] for one in aggregates):
        raise arguments.fail(f"{fields[0]} is both in a function and what the rows are split by")
    resolved = resolve(aggregates, table.columns(), fields)
    put = binning(arguments, fields[0], options["span"]) if "span" in options else None
    groups = _binned(table.rows, fields[0], put)
    ordered = sorted(groups, key=lambda key: _range_key(key) if put else order_key(key))
    if len(fields) == 1:
        columns = [aggregate.name for aggregate in resolved]
        values: dict[Any, Row] = {key: _put({}, resolved, rows, context.now) for key, rows in groups.items()}
    else:
        columns, values = _Series(context, arguments, options).split(groups, fields[1], resolved)
    return Table([{fields[0]: key, **values[key]} for key in ordered], [fields[0], *columns])


def _range_key(key: Any) -> Any:
    return order_key(text(key).rpartition("-")[0].rstrip("-") or key)


def default_span(earliest: float, latest: float, bins: int) -> str:
    """Return the span that timechart uses in a time range: the first that needs no more than `bins`."""
    for source in _SPANS:
        count, unit = read_span(source)
        if (latest - earliest) / (count * _SECONDS[unit]) <= bins:
            return source
    return _SPANS[-1]


def _buckets(arguments: Arguments, first: float, last: float, span: str, put: Callable[[Any], Any]) -> list[Any]:
    count, unit = (int(span), "s") if span.isdigit() else read_span(span)
    found = [put(first)]
    while (following := put(shift(found[-1], count, unit))) <= last:
        if following <= found[-1]:
            raise arguments.fail(f"the span {span!r} is not supported")
        found.append(following)
    return found


def _timechart(context: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({**_SERIES_OPTIONS, "bins": int, "partial": boolean, "fixedrange": boolean})
    if not options.get("partial", True):
        raise arguments.fail("partial=false is not supported")
    aggregates = parse_aggregates(arguments, "by", "where")
    by = arguments.names("where") if arguments.word("by") else []
    arguments.finish()
    if not aggregates or len(by) > 1:
        raise arguments.fail("needs functions, and at most one field to split by")
    times = [time + 0 for row in table.rows if (time := number(row.get("_time"))) is not None]
    if not times:
        return Table([], ["_time"])
    fixed = options.get("fixedrange", True)
    first = min(times) if context.earliest is None or not fixed else context.earliest
    last = max(times) if context.latest is None or not fixed else max(context.latest - 1e-6, first)
    span = options.get("span") or default_span(first, last, options.get("bins", 100))
    put = binning(arguments, "_time", span)
    groups = _binned(table.rows, "_time", lambda one: put(number(one)))
    if options.get("cont", True):
        groups = {key: groups.get(key, []) for key in _buckets(arguments, first, last, span, put)}
    resolved = [_rated(one, span) for one in resolve(aggregates, table.columns(), by)]
    if by:
        columns, values = _Series(context, arguments, options).split(groups, by[0], resolved)
    else:
        columns = [aggregate.name for aggregate in resolved]
        values = {key: _put({}, resolved, rows, context.now) for key, rows in groups.items()}
    return Table([{"_time": key, **values[key]} for key in sorted(groups)], ["_time", *columns])


def _rated(aggregate: Aggregate, span: str) -> Aggregate:
    """Turn the sum of per_second() and similar functions into a rate over the span."""
    if aggregate.function not in RATES:
        return aggregate
    count, unit = (int(span), "s") if span.isdigit() else read_span(span)
    share = RATES[aggregate.function] / (count * _SECONDS[unit])

    def compute(pairs: Sequence[Any]) -> Value:
        total = number(aggregate.compute(pairs))
        return None if total is None else untyped(float(total * share))

    return replace(aggregate, compute=compute)


_TOP_OPTIONS: Options = {
    "limit": int,
    "countfield": str,
    "percentfield": str,
    "showcount": boolean,
    "showperc": boolean,
}


def _ranking(sign: int) -> Callable[[Context, Arguments, Table], Table]:
    """Rank by the count; of equal counts, top has the lexicographically last value first, as its reference shows."""

    def rank(_: Context, arguments: Arguments, table: Table) -> Table:
        options = arguments.options(_TOP_OPTIONS)
        limit = arguments.count(options.get("limit", 10))
        fields = arguments.names("by")
        by = _by(arguments)
        if not fields:
            raise arguments.fail("needs a field")
        count_name, percent_name = options.get("countfield", "count"), options.get("percentfield", "percent")
        found: list[Row] = []
        groups = group(table.rows, by)
        for key in sorted(groups, key=lambda key: tuple(map(order_key, key))):
            tuples = group(groups[key], fields)
            counted = {values: len(tuples[values]) for values in sorted(tuples, reverse=sign < 0)}
            total = sum(counted.values())
            ranked = sorted(counted, key=lambda values: sign * counted[values])
            for values in ranked[:limit] if limit else ranked:
                row: Row = {**dict(zip(by, key)), **dict(zip(fields, values))}
                if options.get("showcount", True):
                    row[count_name] = counted[values]
                if options.get("showperc", True):
                    row[percent_name] = round(counted[values] * 100 / total, 6)
                found.append(row)
        shown = [count_name] * options.get("showcount", True) + [percent_name] * options.get("showperc", True)
        return Table(found, [*by, *fields, *shown])

    return rank


COMMANDS: dict[str, Action] = {
    name: transforming(transform)
    for name, transform in {
        "stats": _stats,
        "eventstats": _eventstats,
        "streamstats": _streamstats,
        "chart": _chart,
        "timechart": _timechart,
        "top": _ranking(-1),
        "rare": _ranking(1),
    }.items()
}
