"""A compiled part of an expression, and the table of functions it may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .values import EvalError, Row

Run = Callable[[Row, float], Any]

BOOLEAN = "boolean"
NUMBER = "number"
STRING = "string"
ANY = "any"


@dataclass(frozen=True)
class Node:
    """A part of an expression: its kind if the text shows it, the fields that it reads, and how it is computed.

    `literal` is the value of a constant, None for everything else.
    """

    kind: str
    fields: frozenset[str]
    run: Run
    literal: str | int | float | None = None


@dataclass(frozen=True)
class Function:
    """A function that is given the values of its arguments.

    `most` is None if any number of arguments may follow. A null argument makes the result null unless `nulls`;
    a truth value is refused unless `booleans`.
    """

    fewest: int
    most: int | None
    kind: str
    apply: Callable[..., Any]
    nulls: bool = False
    booleans: bool = False


Special = Callable[[str, "list[Node]"], Node]
"""Builds the call of a function that decides itself which arguments it evaluates and when."""


def union(nodes: list[Node]) -> frozenset[str]:
    """Return all fields that the nodes read."""
    return frozenset().union(*(node.fields for node in nodes))


def check_count(name: str, count: int, fewest: int, most: int | None) -> None:
    """Raise EvalError when a function has too few or too many arguments."""
    if fewest <= count and (most is None or count <= most):
        return
    takes = f"{fewest}" if most == fewest else f"at least {fewest}" if most is None else f"{fewest} to {most}"
    raise EvalError(f"{name}() takes {takes} arguments, not {count}")


def check_boolean(what: str, node: Node) -> None:
    """Raise EvalError when a condition is not one."""
    if node.kind != BOOLEAN:
        raise EvalError(f"{what} needs a condition, not a value")


def check_value(what: str, node: Node) -> None:
    """Raise EvalError when a value is a condition."""
    if node.kind == BOOLEAN:
        raise EvalError(f"{what} needs a value, not a condition")


def call(name: str, function: Function, arguments: list[Node]) -> Node:
    """Build the call of an ordinary function."""
    check_count(name, len(arguments), function.fewest, function.most)
    if not function.booleans:
        for argument in arguments:
            check_value(f"{name}()", argument)
    runs = [argument.run for argument in arguments]
    apply = function.apply

    def run_with_nulls(row: Row, now: float) -> Any:
        return apply(*[run(row, now) for run in runs])

    def run(row: Row, now: float) -> Any:
        values = [run(row, now) for run in runs]
        return None if None in values else apply(*values)

    return Node(function.kind, union(arguments), run_with_nulls if function.nulls else run)
