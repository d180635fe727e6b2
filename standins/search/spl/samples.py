"""Small data for the tests of commands."""

from __future__ import annotations

from typing import Any

from . import Result, run
from .data import Knowledge, Row

NOW = 1_700_000_000
"""Tue Nov 14 2023 22:13:20 UTC."""

FRUIT = (
    ("apple", "red", "3"),
    ("apple", "green", "5"),
    ("pear", "green", "2"),
    ("plum", "blue", "10"),
    ("pear", None, "7"),
)


def fruit() -> Knowledge:
    """Events of some fruit, one a minute; the latest is the pear without a color."""
    return Knowledge([event(60 * index, kind=k, colour=c, weight=w) for index, (k, c, w) in enumerate(FRUIT)])


def event(after: float, **fields: Any) -> Row:
    """Make an event `after` seconds past 22:00 UTC."""
    shown = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    base: Row = {"_time": NOW - 800 + after, "_raw": shown, "index": "main", "sourcetype": "fruit", "host": "stand"}
    base.update({name: value for name, value in fields.items() if value is not None})
    return base


def table(*rows: dict[str, Any]) -> Knowledge:
    """Make rows in this order, which the search keeps."""
    return Knowledge([{"_time": NOW - index, "_raw": "", **row} for index, row in enumerate(rows)])


def rows(search: str, data: Knowledge | None = None, **times: Any) -> list[dict[str, Any]]:
    """Run a search and return its rows without `_raw` and `_time`."""
    found = result(search, data, **times).rows
    return [{name: value for name, value in row.items() if name not in ("_raw", "_time")} for row in found]


def result(search: str, data: Knowledge | None = None, **times: Any) -> Result:
    """Run a search, by default over the fruit."""
    return run(search, data if data is not None else fruit(), now=NOW, **times)
