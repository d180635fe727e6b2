"""An event between the operations of a search: its fields, and the settings that took effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

from standins.search.conf import Line

Value = Union[str, "tuple[str, ...]"]
"""A field's value: a text, or the texts of a multivalue field, two or more of them."""

RESERVED = frozenset(["_raw", "_time", "host", "index", "linecount", "source", "sourcetype", "splunk_server"])
"""Fields that every event has from the index; automatic extraction leaves them alone."""


@dataclass
class Row:
    """The fields of an event so far, and the lines of conf files and tables that made them."""

    fields: dict[str, Value]
    used: set[Line] = field(default_factory=set)

    def values(self, name: str) -> tuple[str, ...]:
        """Return a field's values, an empty tuple for a field that the event does not have."""
        return values(self.fields.get(name))

    def put(self, name: str, found: Iterable[str]) -> None:
        """Give a field these values; without a value the event loses the field."""
        one = value(found)
        if one is None:
            self.fields.pop(name, None)
        else:
            self.fields[name] = one


def values(value: Value | None) -> tuple[str, ...]:
    """Return the values of a field as texts."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def value(found: Iterable[str]) -> Value | None:
    """Return the value of a field that has these texts: None, a text, or a multivalue."""
    texts = tuple(found)
    if not texts:
        return None
    return texts if len(texts) > 1 else texts[0]
