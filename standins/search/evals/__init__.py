"""Splunk's eval expressions, as far as Splunk's references say what they mean.

`parse` reads an expression by its grammar; values have Splunk's semantics of null, of multivalues and of numbers in the
form of text. An EvalError names everything that the references leave open or that is not known here. Times are UTC.

In a few places the references say nothing, and searches need an answer. Here
- a comparison with a multivalue holds as soon as it holds for one value, arithmetic and `.` with a multivalue give
  null,
- a number and a text that reads as a number compare as numbers,
- `+` of a number and a text that is not a number joins them, as Splunk's published detections expect,
- null in AND, OR, NOT and XOR is unknown: the result is null unless the other operands decide,
- min() and max() leave null out, and
- results of the operators `*` and `/` are rounded to significant figures, those of `+`, `-` and `%` are not.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .compiler import FUNCTIONS, SPECIALS, compile_expression
from .nodes import BOOLEAN, Node
from .values import EvalError, Value, untyped

__all__ = ["FUNCTION_NAMES", "EvalError", "Expression", "Value", "parse", "parse_condition", "parse_value"]

FUNCTION_NAMES = frozenset(FUNCTIONS) | frozenset(SPECIALS)


@dataclass(frozen=True)
class Expression:
    """A compiled expression. `is_condition` says that it yields true, false or null, which no field can hold."""

    source: str
    node: Node

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the expression reads."""
        return self.node.fields

    @property
    def is_condition(self) -> bool:
        """Whether the expression can only be used as a condition."""
        return self.node.kind == BOOLEAN

    def evaluate(self, row: Mapping[str, Value], now: float | None = None) -> Value:
        """Compute the value for a row. `now` is what now() returns, by default the time of the computer.

        A condition yields True, False or None. Raises EvalError where the references leave the result open.
        """
        result = self.node.run(row, time.time() if now is None else now)
        if isinstance(result, bool) and not self.is_condition:
            raise EvalError(f"a field cannot hold the truth value of {self.source!r}")
        value: Value = untyped(result)
        return value

    def holds(self, row: Mapping[str, Value], now: float | None = None) -> bool:
        """Return whether a condition is true for a row; null is not true."""
        return self.node.run(row, time.time() if now is None else now) is True


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Compile an expression. Raises EvalError that names what is wrong or unknown, with its position from 0."""
    return Expression(text, compile_expression(text))


def parse_value(text: str) -> Expression:
    """Compile an expression whose value a field is to hold. Raises EvalError also for a condition."""
    expression = parse(text)
    if expression.is_condition:
        raise EvalError(f"a field cannot hold the truth value of {text!r}: use if() or tostring()")
    return expression


def parse_condition(text: str) -> Expression:
    """Compile a condition. Raises EvalError also for an expression that is not a condition."""
    expression = parse(text)
    if not expression.is_condition:
        raise EvalError(f"{text!r} is a value where a condition is needed")
    return expression
