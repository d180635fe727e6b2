"""Multivalue functions. Source: "Multivalue eval functions" of the Search Reference."""

from __future__ import annotations

from typing import Any

from .nodes import ANY, NUMBER, STRING, Function, Node, Special, check_boolean, check_count, check_value, union
from .patterns import pattern
from .times import seconds_of
from .values import EvalError, Row, multivalue, number, text, texts, typed


def _only_field(name: str, node: Node) -> str:
    if len(node.fields) != 1:
        raise EvalError(f"{name}() takes an expression over exactly one field, not {sorted(node.fields)}")
    return next(iter(node.fields))


def _mvfilter(name: str, arguments: list[Node]) -> Node:
    check_count(name, len(arguments), 1, 1)
    check_boolean("mvfilter()", arguments[0])
    field = _only_field(name, arguments[0])
    keep = arguments[0].run

    def run(row: Row, now: float) -> Any:
        return typed(multivalue(one for one in texts(row.get(field)) if keep({**row, field: one}, now) is True))

    return Node(ANY, arguments[0].fields, run)


def _mvmap(name: str, arguments: list[Node]) -> Node:
    check_count(name, len(arguments), 2, 3)
    for argument in arguments:
        check_value("mvmap()", argument)
    if len(arguments) == 3 and arguments[2].kind != STRING:
        raise EvalError("mvmap() takes the name of a field, in quotes, as its third argument")
    field = str(arguments[2].literal) if len(arguments) == 3 else _only_field(name, arguments[0])
    values, each = (argument.run for argument in arguments[:2])

    def run(row: Row, now: float) -> Any:
        results = [each({**row, field: one}, now) for one in texts(values(row, now))]
        return typed(multivalue(one for result in results for one in texts(result)))

    return Node(ANY, union(arguments), run)


def _mvappend(*values: Any) -> Any:
    return typed(multivalue(one for value in values for one in texts(value)))


def _position(name: str, value: Any) -> int:
    found = number(value)
    if found is None or not float(found).is_integer():
        raise EvalError(f"{name}() needs a whole number as position, not {value!r}")
    return int(found)


def _mvindex(value: Any, start: Any, end: Any = None) -> Any:
    values = texts(value)
    first = _position("mvindex", start)
    last = first if end is None else _position("mvindex", end)
    first, last = (position + len(values) if position < 0 else position for position in (first, last))
    if first < 0 or last < first or last >= len(values):
        return None
    return typed(multivalue(values[first : last + 1]))


def _mvfind(value: Any, regular_expression: Any) -> int | None:
    wanted = pattern(text(regular_expression))
    return next((index for index, one in enumerate(texts(value)) if wanted.search(one)), None)


def _mvzip(left: Any, right: Any, delimiter: Any = ",") -> Any:
    return multivalue(text(delimiter).join(pair) for pair in zip(texts(left), texts(right)))


def _mvrange(start: Any, end: Any, step: Any = 1) -> Any:
    width = number(step)
    if width is None:
        width = seconds_of(text(step))
    first, last = number(start), number(end)
    if first is None or last is None:
        return None
    if width == 0:
        raise EvalError("mvrange() with a step of 0 never ends")
    found = []
    while (first < last) if width > 0 else (first > last):
        found.append(text(first + 0))
        first += width
    return typed(multivalue(found))


def _mvcount(value: Any) -> int | None:
    return len(texts(value)) or None


SPECIALS: dict[str, Special] = {"mvfilter": _mvfilter, "mvmap": _mvmap}

FUNCTIONS = {
    "mvappend": Function(1, None, ANY, _mvappend, nulls=True),
    "mvcount": Function(1, 1, NUMBER, _mvcount, nulls=True),
    "mvdedup": Function(1, 1, ANY, lambda value: typed(multivalue(dict.fromkeys(texts(value))))),
    "mvfind": Function(2, 2, NUMBER, _mvfind),
    "mvindex": Function(2, 3, ANY, _mvindex),
    "mvjoin": Function(2, 2, STRING, lambda value, delimiter: text(delimiter).join(texts(value))),
    "mvrange": Function(2, 3, ANY, _mvrange),
    "mvreverse": Function(1, 1, ANY, lambda value: typed(multivalue(reversed(texts(value))))),
    "mvsort": Function(1, 1, ANY, lambda value: typed(multivalue(sorted(texts(value))))),
    "mvzip": Function(2, 3, ANY, _mvzip),
}
