"""Text and hash functions. Sources: "Text functions", "Conversion functions" and "Cryptographic functions" of the
Search Reference."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from .nodes import ANY, NUMBER, STRING, Function, Node, Special, call
from .patterns import substitute
from .values import EvalError, is_number, multivalue, number, text, texts

_PRINTF = re.compile(r"%([-+ #0']*)(\*|\d+)?(?:\.(\*|\d*))?([a-zA-Z%])")
_PRINTF_ALIASES = {"i": "d", "u": "d", "p": "X", "z": "s"}


def _each(function: Callable[[str], str]) -> Callable[[Any], Any]:
    """Apply a function of a text to each value of a multivalue."""
    return lambda subject: multivalue(map(function, texts(subject)))


def _one(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of a text refuse a multivalue."""
    return lambda subject, *arguments: function(_single(name, subject), *arguments)


def _single(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        raise EvalError(f"{name}() is not supported on multivalues")
    return text(value)


def _whole(name: str, value: Any) -> int:
    found = number(value)
    if found is None or not float(found).is_integer():
        raise EvalError(f"{name}() needs a whole number, not {value!r}")
    return int(found)


def _replace(subject: str, regular_expression: Any, new: Any) -> str:
    return substitute(subject, text(regular_expression), text(new))


def _substr(subject: str, start: Any, length: Any = None) -> str:
    """Cut a part out as SQLite does: positions before the first character count towards the length."""
    first = _whole("substr", start)
    count = len(subject) if length is None else _whole("substr", length)
    if count < 0:
        raise EvalError("substr() of a negative length is not supported")
    begin = first - 1 if first > 0 else first if first == 0 else len(subject) + first
    if first == 0:
        begin, count = 0, count if length is None else max(count - 1, 0)
    elif begin < 0:
        begin, count = 0, count if length is None else max(count + begin, 0)
    return subject[begin : begin + count]


def _trimming(name: str, strip: Callable[[str, str], str]) -> Function:
    return Function(1, 2, STRING, _one(name, lambda subject, characters=" \t": strip(subject, text(characters))))


def _split(subject: Any, delimiter: Any) -> Any:
    separator = text(delimiter)
    return multivalue(subject.split(separator) if separator else subject)


def _hash(algorithm: str) -> Function:
    def apply(subject: str) -> str:
        return hashlib.new(algorithm, subject.encode(), usedforsecurity=False).hexdigest()

    return Function(1, 1, STRING, _one(algorithm, apply))


def _to_number(subject: Any, base: Any = 10) -> Any:
    digits = _single("tonumber", subject)
    radix = _whole("tonumber", base)
    if not 2 <= radix <= 36:
        raise EvalError(f"tonumber() takes a base from 2 to 36, not {radix}")
    if radix == 10:
        found = number(digits)
        return None if found is None else found + 0
    try:
        return int(digits, radix)
    except ValueError:
        return None


def _tonumber(name: str, arguments: list[Node]) -> Node:
    """Build the call of tonumber(), which refuses a text in quotes that is not a number."""
    node = call(name, Function(1, 2, NUMBER, _to_number), arguments)
    if not node.fields and node.run({}, 0) is None:
        raise EvalError(f"{name}() cannot parse {arguments[0].literal!r}")
    return node


def _to_string(value: Any, form: Any = None) -> Any:
    if form is None:
        return str(value) if isinstance(value, bool) else value if isinstance(value, tuple) else text(value)
    if form not in _FORMS:
        raise EvalError(f"tostring() knows no format {form!r}")
    if isinstance(value, bool):
        raise EvalError("tostring() takes a format for numbers only")
    return _FORMS[form](value) if is_number(value) else text(value)


def rounded(value: float | int, digits: int) -> float | int:
    """Round half away from zero, on the decimal digits that the number shows."""
    shown = Decimal(repr(float(value))) if not isinstance(value, int) else Decimal(value)
    try:
        result = shown.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    except InvalidOperation:
        return value
    return int(result) if digits <= 0 or result == result.to_integral_value() else float(result)


def _commas(value: float | int) -> str:
    whole = rounded(value, 2)
    return f"{whole:,}" if isinstance(whole, int) else f"{whole:,.2f}"


def _duration(value: float | int) -> str:
    if value < 0 or not float(value).is_integer():
        raise EvalError(f"tostring() as a duration of {value!r} is not documented")
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours:02}:{minutes:02}:{seconds:02}"
    return f"{days}+{clock}" if days else clock


_FORMS: dict[str, Callable[[Any], str]] = {
    "hex": lambda value: f"0x{int(value):X}",
    "binary": lambda value: f"{int(value):b}",
    "commas": _commas,
    "duration": _duration,
}


def _conversion(found: re.Match[str], values: list[Any]) -> str:
    flags, width, precision, letter = found.groups()
    if letter == "%":
        return "%"
    sizes = [values.pop(0) if size == "*" else size for size in (width, precision)]
    if not values:
        raise EvalError("printf() has fewer arguments than conversions")
    value = values.pop(0)
    size = ("" if sizes[0] is None else text(sizes[0])) + ("" if sizes[1] is None else "." + text(sizes[1]))
    letter = _PRINTF_ALIASES.get(letter, letter)
    amount = number(value)
    if letter == "c":
        value = chr(int(amount)) if is_number(value) else text(value)[:1]
    if letter in "sc":
        return f"%{flags}{size}s" % text(value)
    if "'" in flags:
        return _thousands(flags, size, letter, amount or 0)
    if letter in "doxX":
        return f"%{flags}{size}{letter}" % int(amount or 0)
    if letter in "fFeEgG":
        return f"%{flags}{size}{letter}" % float(amount or 0)
    raise EvalError(f"printf() knows no conversion %{letter}")


def _thousands(flags: str, size: str, letter: str, amount: float | int) -> str:
    if flags != "'" or letter not in "dfF":
        raise EvalError("printf() with the flag ' and another flag or conversion is not supported")
    return f"{int(amount) if letter == 'd' else float(amount):{size.partition('.')[0]},{_precision(size, letter)}}"


def _precision(size: str, letter: str) -> str:
    return "d" if letter == "d" else "." + (size.partition(".")[2] or "6") + "f"


def _printf(form: Any, *arguments: Any) -> str:
    values = list(arguments)
    return _PRINTF.sub(lambda found: _conversion(found, values), text(form))


SPECIALS: dict[str, Special] = {"tonumber": _tonumber}

FUNCTIONS = {
    "len": Function(1, 1, NUMBER, _one("len", len)),
    "length": Function(1, 1, NUMBER, _one("length", len)),
    "lower": Function(1, 1, STRING, _each(str.lower)),
    "upper": Function(1, 1, STRING, _each(str.upper)),
    "trim": _trimming("trim", str.strip),
    "ltrim": _trimming("ltrim", str.lstrip),
    "rtrim": _trimming("rtrim", str.rstrip),
    "replace": Function(3, 3, STRING, _one("replace", _replace)),
    "substr": Function(2, 3, STRING, _one("substr", _substr)),
    "urldecode": Function(1, 1, STRING, _one("urldecode", urllib.parse.unquote)),
    "split": Function(2, 2, ANY, _one("split", _split)),
    "printf": Function(1, None, STRING, _printf),
    "tostring": Function(1, 2, STRING, _to_string, booleans=True),
    **{name: _hash(name) for name in ("md5", "sha1", "sha256", "sha512")},
}
