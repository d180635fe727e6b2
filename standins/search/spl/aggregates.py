"""Statistical functions of stats, chart, timechart, tstats and their kind.

Sources: "Statistical and charting functions": the pages "Aggregate functions", "Event order functions",
"Multivalue stats and chart functions" and "Time functions" of the Search Reference. Percentiles use the nearest
rank, as the reference says of fewer than 1000 distinct values.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import pvariance, variance
from typing import Any

from standins.search.evals import EvalError, Expression, Value, parse
from standins.search.evals.values import multivalue, number, text, texts, typed, untyped

from .arguments import Arguments, substituted, wildcard
from .data import Row
from .errors import SplError
from .table import order_key

_PERCENTILE = re.compile(r"(exactperc|perc|p)(\d{1,2}(?:\.\d+)?)")
_LIST_LIMIT = 100

Pair = tuple[Any, Row]
Compute = Callable[[Sequence[Pair]], Any]


def _numbers(pairs: Sequence[Pair]) -> list[float | int]:
    found = [number(value) for value, _ in pairs]
    return [one + 0 for one in found if one is not None]


def _of_numbers(function: Callable[[list[Any]], Any]) -> Compute:
    def compute(pairs: Sequence[Pair]) -> Any:
        values = [int(one) if float(one).is_integer() and abs(one) < 2**53 else one for one in _numbers(pairs)]
        return untyped(function(values)) if values else None

    return compute


def _extreme(choose: Callable[..., Any]) -> Compute:
    def compute(pairs: Sequence[Pair]) -> Any:
        values = [value for value, _ in pairs]
        if not values:
            return None
        sizes = [number(value) for value in values]
        if None in sizes:
            return choose(map(text, values))
        return untyped(choose(zip(sizes, range(len(sizes))), key=lambda pair: pair[0])[0] + 0)

    return compute


def _percentile(percent: float) -> Callable[[list[Any]], Any]:
    def compute(values: list[Any]) -> Any:
        return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]

    return compute


def _median(values: list[Any]) -> Any:
    return sorted(values)[len(values) // 2]


def _mode(pairs: Sequence[Pair]) -> Value:
    counted = Counter(text(value) for value, _ in pairs)
    return min(counted, key=lambda one: (-counted[one], order_key(one))) if counted else None


def _variance(values: list[Any]) -> float:
    return variance(values) if len(values) > 1 else 0


def _chronological(pairs: Sequence[Pair]) -> list[tuple[float, Any]]:
    found = []
    for value, row in pairs:
        time = number(row.get("_time"))
        if time is None:
            raise SplError("earliest(), latest() and their kind need rows with _time")
        found.append((time + 0, value))
    return found


def _earliest(pairs: Sequence[Pair]) -> Any:
    return min(_chronological(pairs), key=lambda pair: pair[0]) if pairs else (None, None)


def _latest(pairs: Sequence[Pair]) -> Any:
    return max(_chronological(pairs), key=lambda pair: pair[0]) if pairs else (None, None)


def _rate(pairs: Sequence[Pair]) -> Any:
    (begin, first), (end, last) = _earliest(pairs), _latest(pairs)
    if not pairs or begin == end:
        return None
    return untyped((number(last) - number(first)) / (end - begin))


def _values(pairs: Sequence[Pair]) -> Value:
    return multivalue(sorted({text(value) for value, _ in pairs}))


def _list(pairs: Sequence[Pair]) -> Value:
    return multivalue(text(value) for value, _ in pairs[:_LIST_LIMIT])


def _distinct(pairs: Sequence[Pair]) -> int:
    return len({text(value) for value, _ in pairs})


FUNCTIONS: dict[str, Compute] = {
    "count": len,
    "distinct_count": _distinct,
    "sum": _of_numbers(sum),
    "sumsq": _of_numbers(lambda values: sum(one * one for one in values)),
    "avg": _of_numbers(lambda values: sum(values) / len(values)),
    "min": _extreme(min),
    "max": _extreme(max),
    "range": _of_numbers(lambda values: max(values) - min(values)),
    "median": _of_numbers(_median),
    "mode": _mode,
    "stdev": _of_numbers(lambda values: math.sqrt(_variance(values))),
    "stdevp": _of_numbers(lambda values: math.sqrt(pvariance(values))),
    "var": _of_numbers(_variance),
    "varp": _of_numbers(pvariance),
    "first": lambda pairs: untyped(pairs[0][0]) if pairs else None,
    "last": lambda pairs: untyped(pairs[-1][0]) if pairs else None,
    "earliest": lambda pairs: untyped(_earliest(pairs)[1]),
    "latest": lambda pairs: untyped(_latest(pairs)[1]),
    "earliest_time": lambda pairs: untyped(_earliest(pairs)[0]),
    "latest_time": lambda pairs: untyped(_latest(pairs)[0]),
    "rate": _rate,
    "values": _values,
    "list": _list,
}
RATES = {"per_second": 1, "per_minute": 60, "per_hour": 3600, "per_day": 86400}
"""Functions of timechart alone: a sum, scaled from the span to this number of seconds."""
_ALIASES = {"c": "count", "dc": "distinct_count", "estdc": "distinct_count", "mean": "avg"}


@dataclass(frozen=True)
class Aggregate:
    """One function over the rows of a group. `field` is None for a plain count; `expression` is the one in eval()."""

    function: str
    compute: Compute
    name: str
    field: str | None = None
    expression: Expression | None = None

    def over(self, rows: Sequence[Row], now: float) -> Value:
        """Compute the function for the rows of a group."""
        value: Value = self._over(rows, now)
        return value

    def _over(self, rows: Sequence[Row], now: float) -> Any:
        if self.expression is not None:
            return self.compute(self._evaluated(rows, self.expression, now))
        if self.field is None:
            return len(rows)
        field = self.field
        pairs: list[Pair] = []
        for row in rows:
            value = row.get(field)
            if isinstance(value, tuple):
                pairs.extend((one, row) for one in value)
            elif value is not None:
                pairs.append((value, row))
        return self.compute(pairs)

    @staticmethod
    def _evaluated(rows: Sequence[Row], expression: Expression, now: float) -> list[Pair]:
        """Evaluate the expression of eval() for each row: a condition counts as 1 if it is true, otherwise as null."""
        pairs: list[Pair] = []
        for row in rows:
            value = expression.evaluate(row, now)
            if expression.is_condition:
                value = 1 if value is True else None
            pairs.extend((typed(one), row) for one in texts(value))
        return pairs


def _compute(arguments: Arguments, name: str) -> Compute:
    canonical = _ALIASES.get(name.lower(), name.lower())
    if canonical in FUNCTIONS:
        return FUNCTIONS[canonical]
    if canonical in RATES and arguments.command.name == "timechart":
        return FUNCTIONS["sum"]
    percentile = _PERCENTILE.fullmatch(name.lower())
    if percentile:
        return _of_numbers(_percentile(float(percentile.group(2))))
    raise arguments.fail(f"unknown function {name}()")


def parse_aggregate(arguments: Arguments) -> Aggregate:
    """Read one function with its `as`."""
    written, inner, inside = arguments.call()
    name = written.lower()
    compute = _compute(arguments, written)
    if not inner:
        if _ALIASES.get(name, name) != "count":
            raise arguments.fail(f"{written}() needs a field")
        return Aggregate(name, compute, arguments.renamed(name))
    if inner[0].is_word("eval") and len(inner) > 1 and inner[1].is_mark("("):
        try:
            expression = parse(inside[inside.index("(") + 1 : inside.rindex(")")])
        except EvalError as error:
            raise arguments.fail(str(error)) from error
        return Aggregate(name, compute, arguments.renamed(f"{name}({inside.strip()})"), None, expression)
    if len(inner) != 1:
        raise arguments.fail(f"{written}({inside}) is not understood")
    field = inner[0].unescaped
    return Aggregate(name, compute, arguments.renamed(f"{name}({field})"), field)


def parse_aggregates(arguments: Arguments, *stop: str) -> list[Aggregate]:
    """Read functions up to one of these words or the end."""
    found = []
    while True:
        token = arguments.peek()
        if token is None or token.is_word(*stop):
            break
        if not arguments.mark(","):
            found.append(parse_aggregate(arguments))
    calls = [(one.function, one.field) for one in found if one.field is not None]
    for function, field in calls:
        if calls.count((function, field)) > 1:
            raise arguments.fail(f"{function}({field}) has two names")
    return found


def resolve(aggregates: Sequence[Aggregate], columns: Sequence[str], by: Sequence[str]) -> list[Aggregate]:
    """Replace each function over a wildcard by one for each field that it stands for."""
    found = []
    for aggregate in aggregates:
        if aggregate.field is None or "*" not in aggregate.field:
            found.append(aggregate)
            continue
        pattern = wildcard(aggregate.field)
        for column in columns:
            matched = pattern.fullmatch(column)
            if matched and column not in by and not column.startswith("_"):
                found.append(replace(aggregate, field=column, name=substituted(aggregate.name, matched)))
    return found
