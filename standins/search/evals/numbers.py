"""Mathematical, trigonometric and statistical functions. Sources: the pages "Mathematical functions", "Trig and
Hyperbolic functions" and "Statistical eval functions" of the Search Reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .nodes import ANY, NUMBER, STRING, Function, Node, Special, call
from .strings import rounded
from .values import EvalError, Numeral, is_number, number, special, text, texts, typed


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of numbers return null if an argument is not a number, and `nan` or `inf` if no number is the
    result."""

    def apply(*arguments: Any) -> Any:
        values = [number(argument) for argument in arguments]
        if None in values:
            return None
        try:
            return special(function(*values))
        except ZeroDivisionError:
            return None
        except OverflowError:
            return "inf"
        except ValueError:
            return "nan"

    return apply


def _round(value: Any, digits: Any = 0) -> Any:
    return rounded(value, int(digits))


def _log(value: Any, base: Any = 10) -> float:
    if value == 0:
        return -math.inf
    return math.log10(value) if base == 10 else math.log(value, base)


def _values(arguments: tuple[Any, ...]) -> list[Any]:
    return [typed(one) for argument in arguments for one in (argument if isinstance(argument, tuple) else [argument])]


def _size(value: Any) -> tuple[int, Any]:
    return (0, value) if is_number(value) else (1, text(value))


def _maximum(*arguments: Any) -> Any:
    values = [value for value in _values(arguments) if value is not None]
    return max(values, key=_size) if values else None


def _minimum(*arguments: Any) -> Any:
    values = [value for value in _values(arguments) if value is not None]
    return min(values, key=_size) if values else None


def _numbers(arguments: tuple[Any, ...]) -> list[Any]:
    found = [number(typed(one)) for argument in arguments for one in texts(argument)]
    return [one for one in found if one is not None]


def _sum(*arguments: Any) -> Any:
    values = _numbers(arguments)
    return sum(values) if values else None


def _average(*arguments: Any) -> Any:
    values = _numbers(arguments)
    return sum(values) / len(values) if values else None


def _random(name: str, arguments: list[Node]) -> Node:
    raise EvalError(f"{name}() is not supported: its results cannot be foretold")


def _of(function: Callable[..., Any], fewest: int = 1, most: int = 1) -> Function:
    return Function(fewest, most, NUMBER, _of_numbers(function))


def _over_numbers(function: Function) -> Special:
    """Build the call of a function that reads numbers from texts in fields, but refuses a text in quotes."""

    def build(name: str, arguments: list[Node]) -> Node:
        if any(argument.kind == STRING for argument in arguments):
            raise EvalError(f"{name}() takes no text")
        return call(name, function, arguments)

    return build


SPECIALS: dict[str, Special] = {
    "random": _random,
    "sum": _over_numbers(Function(1, None, NUMBER, _sum, nulls=True)),
    "avg": _over_numbers(Function(1, None, NUMBER, _average, nulls=True)),
}

FUNCTIONS = {
    "abs": _of(abs),
    "ceil": _of(math.ceil),
    "ceiling": _of(math.ceil),
    "exact": _of(lambda value: value.exact if isinstance(value, Numeral) else value),
    "exp": _of(math.exp),
    "floor": _of(math.floor),
    "ln": _of(lambda value: -math.inf if value == 0 else math.log(value)),
    "log": _of(_log, 1, 2),
    "pi": Function(0, 0, NUMBER, lambda: 3.14159265358),
    "pow": _of(math.pow, 2, 2),
    "round": _of(_round, 1, 2),
    "sigfig": _of(lambda value: value),
    "sqrt": _of(math.sqrt),
    "max": Function(1, None, ANY, _maximum, nulls=True),
    "min": Function(1, None, ANY, _minimum, nulls=True),
    **{
        name: _of(getattr(math, name))
        for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "sin", "sinh", "tan", "tanh")
    },
    "atan2": _of(math.atan2, 2, 2),
    "hypot": _of(math.hypot, 2, 2),
}
