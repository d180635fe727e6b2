"""The values that an expression works on: values of fields, their texts and their numbers.

A field's value is a text. If the text reads as a number, Splunk's eval computes with the number but shows the text:
`Numeral` holds both. Rules: "Types of expressions" and "eval" in Splunk's Search Manual and Search Reference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Optional, Union

Value = Optional[Union[str, int, float, "tuple[str, ...]"]]
"""None is null, a tuple is a multivalue of at least two texts, a single value stands for itself."""

Row = Mapping[str, Any]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FIRST_OF_NUMBER = frozenset("0123456789+-.")
_EXACT_INTEGERS = 2.0**53


class EvalError(Exception):
    """An expression that Splunk would refuse, or that its documentation leaves open."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message if position is None else f"{message} (position {position})")
        self.position = position


class Numeral(float):
    """A number that keeps its text.

    `figures` says how many significant figures the text has, None for a whole number, which is exact;
    `exact` is the number before it was rounded to its figures.
    """

    __slots__ = ("exact", "figures", "text")

    text: str
    figures: int | None
    exact: float

    def __new__(cls, text: str) -> Numeral:
        """Read the number of `text`, which must be a number."""
        numeral = super().__new__(cls, text)
        numeral.text = text
        numeral.figures = _figures(text) if "." in text else None
        numeral.exact = float(numeral)
        return numeral


def _figures(text: str) -> int | None:
    digits = re.sub(r"[eE].*|[.+-]", "", text).lstrip("0")
    return len(digits) or None


def measured(exact: float, figures: int) -> Numeral:
    """Round a result to significant figures, and show as many."""
    shown = Decimal(repr(exact))
    exponent = shown.adjusted() - figures + 1 if exact else 0
    rounded = shown.quantize(Decimal(1).scaleb(exponent), ROUND_HALF_UP)
    numeral = Numeral(str(int(rounded)) if exponent > 0 else f"{rounded:f}")
    numeral.figures, numeral.exact = figures, exact
    return numeral


def special(result: Any) -> Any:
    """Return the text that stands for a number that is not finite, any other result as it is."""
    if isinstance(result, float) and not math.isfinite(result):
        return "nan" if math.isnan(result) else "inf" if result > 0 else "-inf"
    return result


def typed(value: Any) -> Any:
    """Return a field's value as an expression sees it: a number where the text reads as one."""
    if type(value) is str and value[:1] in _FIRST_OF_NUMBER and _NUMBER.fullmatch(value):
        numeral = Numeral(value)
        return numeral if math.isfinite(numeral) else value
    return value


def untyped(value: Any) -> Any:
    """Return the value of a field to which the value of an expression was assigned."""
    if isinstance(value, Numeral):
        return value.text
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_INTEGERS:
        return int(value)
    return value


def text(value: Any) -> str:
    """Return a single value as text."""
    if isinstance(value, str):
        return value
    shown = untyped(value)
    return shown if isinstance(shown, str) else str(shown)


def texts(value: Any) -> tuple[str, ...]:
    """Return the values of a multivalue, of a single value, or of null as texts."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (text(value),)


def multivalue(values: Iterable[str]) -> Value:
    """Make the value that holds these texts: null, a single value or a multivalue."""
    found = tuple(values)
    if len(found) > 1:
        return found
    return found[0] if found else None


def is_number(value: Any) -> bool:
    """Return whether a value is a number, and not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(value: Any) -> Any:
    """Return a value as a number, int or float; None for null, a multivalue or a text that is not a number."""
    if is_number(value):
        return value
    if isinstance(value, str):
        converted = typed(value)
        return converted if isinstance(converted, Numeral) else None
    return None


def compare(test: Callable[[Any, Any], bool], left: Any, right: Any) -> bool | None:
    """Compare as eval does: null with anything is null; with a multivalue the comparison is true if it is true for one
    of its values.

    Two numbers, or a number and a text that reads as a number, compare by size, all other values by the order of their
    texts.
    """
    if left is None or right is None:
        return None
    if isinstance(left, tuple) or isinstance(right, tuple):
        return any(
            compare(test, one, other)
            for one in (map(typed, left) if isinstance(left, tuple) else [left])
            for other in (map(typed, right) if isinstance(right, tuple) else [right])
        )
    if isinstance(left, bool) or isinstance(right, bool):
        if isinstance(left, bool) and isinstance(right, bool):
            return test(left, right)
        raise EvalError("a truth value can be compared with nothing but a truth value")
    if is_number(left) or is_number(right):
        one, other = number(left), number(right)
        if one is not None and other is not None:
            return test(one, other)
    return test(text(left), text(right))
