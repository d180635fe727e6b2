"""Times: relative time modifiers, spans, and strftime and strptime with Splunk's variables. All in UTC.

Sources: "Time modifiers", "Date and time format variables" and "Date and Time functions" of the Search Reference.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from .nodes import ANY, NUMBER, STRING, Function, Node, Special, check_count
from .values import EvalError, Row, number, text

_UNIT_NAMES = {
    "s": "s sec secs second seconds",
    "m": "m min minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
    "w": "w week weeks",
    "mon": "mon month months",
    "q": "q qtr qtrs quarter quarters",
    "y": "y yr yrs year years",
}
_UNITS = {name: unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MONTHS = {"mon": 1, "q": 3, "y": 12}
_STEP = re.compile(r"([+-])(\d*)([a-z]+)|@([a-z]+)([0-7]?)", re.ASCII)
_SPAN = re.compile(r"(\d*)([a-z]+)", re.ASCII)


def unit(name: str) -> str:
    """Return the unit that a name stands for: s, m, h, d, w, mon, q or y. Raises EvalError."""
    if name not in _UNITS:
        raise EvalError(f"{name!r} is not a unit of time")
    return _UNITS[name]


def span(source: str) -> tuple[int, str]:
    """Read a span such as `5m`: how many of which unit. Raises EvalError."""
    found = _SPAN.fullmatch(source)
    if not found:
        raise EvalError(f"{source!r} is not a span of time")
    return int(found.group(1) or 1), unit(found.group(2))


def seconds_of(source: str) -> int:
    """Return the seconds of a span. Raises EvalError for a span whose length varies."""
    count, name = span(source)
    if name not in _SECONDS:
        raise EvalError(f"{source!r} is no fixed number of seconds")
    return count * _SECONDS[name]


def moment(when: float) -> datetime:
    """Return the calendar time, in UTC, of seconds since 1970."""
    try:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=float(when))
    except OverflowError:
        raise EvalError(f"the time {when!r} is out of range") from None


def _days_of_month(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)
    return (following - timedelta(days=1)).day


def shift(when: float, count: int, name: str) -> float:
    """Add a number of units; the day of a month is capped to the length of the month."""
    if name in _SECONDS:
        return when + count * _SECONDS[name]
    start = moment(when)
    months = start.year * 12 + start.month - 1 + count * _MONTHS[name]
    year, month = months // 12, months % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, _days_of_month(year, month))).timestamp()


def snap(when: float, name: str, weekday: int = 0) -> float:
    """Go back to the beginning of the unit; a week begins on `weekday`, where 0 and 7 are Sunday."""
    if name in ("s", "m", "h", "d"):
        return float(math.floor(when / _SECONDS[name]) * _SECONDS[name])
    start = moment(when).replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "w":
        return (start - timedelta(days=(start.isoweekday() - weekday) % 7)).timestamp()
    month = {"mon": start.month, "q": start.month - (start.month - 1) % 3, "y": 1}[name]
    return start.replace(month=month, day=1).timestamp()


def relative(when: float, modifier: str) -> float:
    """Apply a relative time modifier such as `-1d@d+2h`, `@w1` or `now` to a time. Raises EvalError."""
    rest = modifier[3:] if modifier.startswith("now") else modifier
    while rest:
        found = _STEP.match(rest)
        if not found:
            raise EvalError(f"{modifier!r} is not a relative time")
        sign, count, name, snapped, weekday = found.groups()
        if snapped is None:
            when = shift(when, int(sign + (count or "1")), unit(name))
        elif weekday and unit(snapped) != "w":
            raise EvalError(f"{modifier!r} is not a relative time")
        else:
            when = snap(when, unit(snapped), int(weekday or 0))
        rest = rest[found.end() :]
    return when


_DIRECTIVE = re.compile(r"%([369]?[NQ]|:z|[A-Za-z%+])")
_SHORTHAND = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "D": "%m/%d/%y", "R": "%H:%M", "c": "%a %b %e %H:%M:%S %Y"}
_PLAIN = frozenset("aAbBdHIjmMpSyYwUu")
_MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def _expand(form: str) -> str:
    return _DIRECTIVE.sub(lambda found: _SHORTHAND.get(found.group(1), found.group(0)), form)


def _fraction(when: Decimal, digits: int) -> str:
    return f"{int((when % 1) * 10**digits):0{digits}}"


def _digits(directive: str) -> int:
    return int(directive[0]) if directive[0].isdigit() else 3 if directive == "Q" else 9


_WRITERS: dict[str, Callable[[datetime], str]] = {
    "e": lambda start: f"{start.day:2}",
    "k": lambda start: f"{start.hour:2}",
    "z": lambda _: "+0000",
    ":z": lambda _: "+00:00",
    "Z": lambda _: "UTC",
    "%": lambda _: "%",
}


def format_time(when: float, form: str) -> str:
    """Write a time. Raises EvalError for a variable that is not known."""
    exact = Decimal(when.text) if hasattr(when, "text") else Decimal(repr(when))
    start = moment(math.floor(when))

    def write(found: re.Match[str]) -> str:
        directive = found.group(1)
        if directive[-1] in "NQ":
            return _fraction(exact, _digits(directive))
        if directive == "s":
            return str(math.floor(when))
        if directive in _WRITERS:
            return _WRITERS[directive](start)
        if directive in _PLAIN:
            return start.strftime("%" + directive)
        raise EvalError(f"strftime() knows no variable %{directive}")

    return _DIRECTIVE.sub(write, _expand(form))


_READERS = {
    "Y": r"(?P<year>\d{4})",
    "m": r"(?P<month>\d{1,2})",
    "d": r"(?P<day>\d{1,2})",
    "e": r" ?(?P<day>\d{1,2})",
    "H": r"(?P<hour>\d{1,2})",
    "k": r" ?(?P<hour>\d{1,2})",
    "I": r"(?P<hour12>\d{1,2})",
    "M": r"(?P<minute>\d{1,2})",
    "S": r"(?P<second>\d{1,2})",
    "p": r"(?P<half>[AaPp][Mm])",
    "y": r"(?P<short_year>\d{2})",
    "b": r"(?P<month_name>[A-Za-z]{3})",
    "B": r"(?P<month_name>[A-Za-z]+)",
    "a": r"[A-Za-z]{3}",
    "A": r"[A-Za-z]+",
    "z": r"(?P<zone>Z|[+-]\d{2}:?\d{2})",
    ":z": r"(?P<zone>Z|[+-]\d{2}:?\d{2})",
    "Z": r"(?P<zone_name>UTC|GMT|Z)",
    "s": r"(?P<epoch>\d+(?:\.\d+)?)",
    "%": "%",
}


@functools.lru_cache(maxsize=256)
def _reader(form: str) -> re.Pattern[str]:
    parts, done = [], 0
    expanded = _expand(form)
    for found in _DIRECTIVE.finditer(expanded):
        literal = expanded[done : found.start()]
        directive = found.group(1)
        if directive[-1] in "NQ" and literal.endswith("."):
            # "strptime" in the Search Reference reads times without a fraction by a form that has one.
            parts.append(rf"{re.escape(literal[:-1])}(?:\.(?P<fraction>\d{{1,{_digits(directive)}}}))?")
            done = found.end()
            continue
        parts.append(re.escape(literal))
        if directive[-1] in "NQ":
            parts.append(rf"(?P<fraction>\d{{1,{_digits(directive)}}})")
        elif directive in _READERS:
            parts.append(_READERS[directive])
        else:
            raise EvalError(f"strptime() knows no variable %{directive}")
        done = found.end()
    return re.compile("".join(parts) + re.escape(expanded[done:]), re.ASCII)


def _hour(parts: dict[str, str]) -> int:
    if "hour12" not in parts:
        return int(parts.get("hour", 0))
    return int(parts["hour12"]) % 12 + (12 if parts.get("half", "am").lower() == "pm" else 0)


def _month(parts: dict[str, str]) -> int:
    if "month_name" in parts:
        return _MONTH_NAMES.index(parts["month_name"][:3].lower()) + 1
    return int(parts["month"])


def _year(parts: dict[str, str]) -> int:
    if "year" in parts:
        return int(parts["year"])
    short = int(parts["short_year"])
    return short + (1900 if short > 68 else 2000)


def _offset(zone: str | None) -> int:
    if not zone or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    return int(zone[0] + "1") * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def parse_time(source: str, form: str) -> Any:
    """Read a time; None if the text does not have that form. Raises EvalError for a form without a complete date."""
    found = _reader(form).match(source)
    if not found:
        return None
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    if "epoch" in parts:
        return number(float(parts["epoch"]))
    if not {"year", "short_year"} & set(parts) or not {"month", "month_name"} & set(parts) or "day" not in parts:
        raise EvalError(f"strptime() with {form!r}, which has no whole date, is not supported")
    try:
        clock = (_hour(parts), int(parts.get("minute", 0)), int(parts.get("second", 0)))
        start = datetime(_year(parts), _month(parts), int(parts["day"]), *clock, tzinfo=timezone.utc)
    except ValueError:
        return None
    whole = int(start.timestamp()) - _offset(parts.get("zone"))
    return whole + float("0." + parts["fraction"]) if "fraction" in parts else whole


def _now(name: str, arguments: list[Node]) -> Node:
    check_count(name, len(arguments), 0, 0)

    def run(_: Row, now: float) -> Any:
        return now

    return Node(NUMBER, frozenset(), run)


def _strftime(when: Any, form: Any) -> Any:
    found = number(when)
    return None if found is None else format_time(found, text(form))


def _strptime(source: Any, form: Any) -> Any:
    return parse_time(text(source), text(form))


def _relative_time(when: Any, modifier: Any) -> Any:
    found = number(when)
    return None if found is None else relative(found, text(modifier))


SPECIALS: dict[str, Special] = {"now": _now, "time": _now}

FUNCTIONS = {
    "strftime": Function(2, 2, STRING, _strftime),
    "strptime": Function(2, 2, ANY, _strptime),
    "relative_time": Function(2, 2, NUMBER, _relative_time),
}
