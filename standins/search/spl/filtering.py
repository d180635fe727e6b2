"""Commands that keep or order rows. Sources: the commands' pages of the Search Reference."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from typing import Any

from standins.search.evals import EvalError, Expression, parse_condition
from standins.search.evals.patterns import pattern
from standins.search.evals.values import number, texts

from .arguments import Arguments, Options, boolean
from .data import Row
from .predicates import Search
from .reading import IndexTerms
from .subsearches import as_search
from .table import Action, Context, Table, transforming
from .tokens import WORD

_SORT_LIMIT = 10_000

Order = Callable[[Any, Any], int]
Term = tuple[str, Order, bool]
"""A field to sort by, its order, and whether the order is reversed."""


def shown(value: Any) -> str:
    """Return the text of a value, or of the first of several."""
    return texts(value)[0]


def search(context: Context, arguments: Arguments, table: Table | None) -> Table:
    """Keep the rows that a search describes; as the first command, take them from the events, the latest first."""
    subsearch = functools.lru_cache(lambda source: as_search(context.run(source, None)))
    compiled = Search(arguments.tokens, subsearch, context.now)
    tokens, arguments.tokens = arguments.tokens, []
    if table is not None:
        if compiled.earliest is not None or compiled.latest is not None:
            raise arguments.fail("time modifiers are for the begin of a search")
        return table.with_rows(row for row in table.rows if compiled.holds(row))
    earliest = context.earliest if compiled.earliest is None else compiled.earliest
    latest = context.latest if compiled.latest is None else compiled.latest
    rows = in_range(context, earliest, latest)
    known = Search(tokens, subsearch, context.now, IndexTerms(context.data.calculated)).holds
    context.meter.count(rows, known)
    return Table([row for row in rows if compiled.holds(row)])


def in_range(context: Context, earliest: float | None, latest: float | None) -> list[Row]:
    """Return the events from `earliest` on and before `latest`, the latest first."""
    found = []
    for row in context.data.events():
        time = number(row.get("_time"))
        if earliest is not None and (time is None or time < earliest):
            continue
        if latest is not None and (time is None or time >= latest):
            continue
        found.append(row)
    return sorted(found, key=lambda row: -(number(row.get("_time")) or 0))


def condition(arguments: Arguments, source: str) -> Expression:
    """Compile a condition."""
    try:
        return parse_condition(source)
    except EvalError as error:
        raise arguments.fail(str(error)) from error


def _where(context: Context, arguments: Arguments, table: Table) -> Table:
    expression = condition(arguments, arguments.rest())
    return table.with_rows(row for row in table.rows if expression.holds(row, context.now))


def _regex(_: Context, arguments: Arguments, table: Table) -> Table:
    field, wanted = "_raw", True
    first = arguments.take()
    if first.kind == WORD:
        field = first.text
        wanted = not arguments.mark("!=")
        if wanted and not arguments.mark("="):
            raise arguments.fail("a field is followed by = or !=")
        first = arguments.take()
    arguments.finish()
    compiled = pattern(first.text)
    return table.with_rows(
        row for row in table.rows if any(compiled.search(one) for one in texts(row.get(field))) is wanted
    )


def _head(context: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"limit": int, "null": boolean, "keeplast": boolean})
    if not arguments:
        return table.with_rows(table.rows[: options.get("limit", 10)])
    token = arguments.peek()
    if token is not None and token.kind == WORD and token.text.isdigit():
        count = int(arguments.take().text)
        arguments.finish()
        return table.with_rows(table.rows[:count])
    expression = condition(arguments, arguments.rest())
    kept: list[Row] = []
    for row in table.rows:
        result = expression.evaluate(row, context.now)
        if result is not True and not (result is None and options.get("null", False)):
            if options.get("keeplast", False):
                kept.append(row)
            break
        kept.append(row)
    return table.with_rows(kept[: options.get("limit", len(kept))])


def _tail(_: Context, arguments: Arguments, table: Table) -> Table:
    count = arguments.count(10)
    arguments.finish()
    return table.with_rows(reversed(table.rows[-count:] if count else []))


def _reverse(_: Context, arguments: Arguments, table: Table) -> Table:
    arguments.finish()
    return table.with_rows(reversed(table.rows))


def _address(value: Any) -> tuple[int, int] | None:
    try:
        address = ipaddress.ip_address(shown(value))
    except ValueError:
        return None
    return address.version, int(address)


def _by(key: Callable[[Any], Any]) -> Order:
    """Return an order by a key; values without a key are last, in the order of their texts."""

    def rank(value: Any) -> tuple[bool, Any]:
        found = key(value)
        return (True, shown(value)) if found is None else (False, found)

    def order(one: Any, other: Any) -> int:
        first, second = rank(one), rank(other)
        return (first > second) - (first < second)

    return order


def _auto(one: Any, other: Any) -> int:
    """Compare two values as numbers or addresses if both are such, otherwise as texts."""
    for key in (number, _address):
        if key(one) is not None and key(other) is not None:
            return _by(key)(one, other)
    return _by(shown)(one, other)


_ORDERS: dict[str, Order] = {"auto": _auto, "num": _by(number), "str": _by(shown), "ip": _by(_address)}


def _sort_terms(arguments: Arguments) -> list[Term]:
    terms = []
    descending = False
    while arguments:
        if arguments.mark(","):
            continue
        token = arguments.peek()
        if token is not None and token.is_word("-", "+"):
            descending = arguments.take().text == "-"
            continue
        name = arguments.name()
        falling = descending or (token is not None and token.kind == WORD and name.startswith("-"))
        if token is not None and token.kind == WORD and name[0] in "+-":
            name = name[1:]
        order = _ORDERS["auto"]
        following = arguments.peek()
        if name in _ORDERS and following is not None and following.is_mark("("):
            inner, _ = arguments.parenthesised()
            if len(inner) != 1:
                raise arguments.fail(f"{name}() takes one field")
            order, name = _ORDERS[name], inner[0].unescaped
        descending = False
        terms.append((name, order, falling))
    return terms


def sort_rows(rows: list[Row], terms: list[Term]) -> list[Row]:
    """Sort rows by fields: null is last in either direction."""

    def before(one: Row, other: Row) -> int:
        for field, order, falling in terms:
            left, right = one.get(field), other.get(field)
            if left is None or right is None:
                if left is not right:
                    return 1 if left is None else -1
                continue
            result = order(left, right)
            if result:
                return -result if falling else result
        return 0

    return sorted(rows, key=functools.cmp_to_key(before))


def _sort(_: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"limit": int})
    limit = arguments.count(options.get("limit", _SORT_LIMIT))
    flipped = bool(arguments.tokens) and arguments.tokens[-1].is_word("d", "desc") and len(arguments.tokens) > 1
    if flipped:
        arguments.tokens.pop()
    terms = _sort_terms(arguments)
    if not terms:
        raise arguments.fail("needs a field")
    if flipped:
        terms = [(field, order, not falling) for field, order, falling in terms]
    rows = sort_rows(table.rows, terms)
    return table.with_rows(rows[:limit] if limit else rows)


def _dedup(_: Context, arguments: Arguments, table: Table) -> Table:
    known: Options = {"keepevents": boolean, "keepempty": boolean, "consecutive": boolean}
    options = arguments.options(known)
    count = arguments.count(1)
    fields = arguments.names("sortby")
    terms = _sort_terms(arguments) if arguments.word("sortby") else []
    arguments.finish()
    if not fields:
        raise arguments.fail("needs a field")
    rows: list[Row] = []
    seen: dict[Any, int] = {}
    previous: Any = None
    for row in sort_rows(table.rows, terms) if terms else table.rows:
        key = tuple(row.get(field) for field in fields)
        if None in key:
            if options.get("keepempty", False):
                rows.append(row)
            continue
        values = tuple(map(texts, key))
        if options.get("consecutive", False) and values != previous:
            seen.clear()
        previous = values
        seen[values] = seen.get(values, 0) + 1
        if seen[values] <= count:
            rows.append(row)
        elif options.get("keepevents", False):
            rows.append({name: value for name, value in row.items() if name not in fields})
    return table.with_rows(rows)


COMMANDS: dict[str, Action] = {
    "search": search,
    "where": transforming(_where),
    "regex": transforming(_regex),
    "head": transforming(_head),
    "tail": transforming(_tail),
    "reverse": transforming(_reverse),
    "sort": transforming(_sort),
    "dedup": transforming(_dedup),
}
