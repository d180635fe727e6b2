"""Automatic extraction from JSON, as KV_MODE = json does it, with the limits of limits.conf.

Names of nested objects are joined by dots and an array's name ends in "{}". Numbers, true, false and null keep the text
that they have in the event. Repeated names and arrays make multivalue fields. Splunk's specs give the limits:

* limits.conf [spath], extraction_cutoff: only the first 5,000 bytes of an event are looked at, by this extraction and
  by the command spath. The specs do not say what Splunk finds in a text that is not JSON because it is cut there. The
  simulator plays the stricter reading: nothing is found. A test can choose the other one: every value that ends before
  the cut is found.
* limits.conf [kv]: of the rest, only the first 10,240 characters are read (maxchars), and at most 100 fields are made
  (limit).
* props.conf, KV_MODE: nothing is extracted from a text that is not JSON.
* transforms.conf, KEEP_EMPTY_VALS: automatic extraction ignores pairs without a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]

from standins.search.rows import RESERVED, Row

_SPACE = re.compile(r"[ \t\r\n]*")
_LITERAL = re.compile(r"(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=[ \t\r\n,\]}])", re.ASCII)
_DEEPEST = 200


@dataclass(frozen=True)
class Limits:
    """Limits of limits.conf, with its defaults: bytes and characters looked at, fields, and characters for event types.

    0 means no limit. Two rules are not stated in the specs: that a pair without a value makes no field, and that
    nothing is found in an event that is cut. A test can switch each of them, to see what depends on it.
    """

    bytes: int = 5000
    characters: int = 10240
    fields: int = 100
    event_type_characters: int = 10000
    keeps_empty_values: bool = False
    reads_cut_events: bool = False

    def seen(self, raw: str) -> str:
        """Return the part of an event that automatic extraction reads, without a character that is cut in two."""
        if self.bytes and len(raw) * 4 > self.bytes:
            encoded = raw.encode("utf-8", "surrogatepass")
            raw = raw if len(encoded) <= self.bytes else encoded[: self.bytes].decode("utf-8", "ignore")
        return raw[: self.characters] if self.characters else raw


class _NotJsonError(Exception):
    """The text ends too early, or continues with something that JSON does not allow."""


def extract_json(row: Row, raw: str, limits: Limits) -> bool:
    """Give an event the fields of its JSON text; return whether there were any."""
    seen = limits.seen(raw)
    found: dict[str, list[str]] = {}
    try:
        for name, text in _Reader(seen).pairs():
            if (text or limits.keeps_empty_values) and (
                name in found or not limits.fields or len(found) < limits.fields
            ):
                found.setdefault(name, []).append(text)
    except _NotJsonError:
        if len(seen) == len(raw) or not limits.reads_cut_events:
            return False
    for name, texts in found.items():
        if name not in RESERVED:
            row.put(name, texts)
    return bool(found)


class _Reader:
    """Reads one JSON object or array from its beginning, as far as it goes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield names and values in the order of the text. Raises _NotJsonError if it is not JSON or ends early."""
        if self._next() not in ("{", "["):
            raise _NotJsonError
        yield from self._value("", 0)
        if self._next():
            raise _NotJsonError

    def _value(self, name: str, depth: int) -> Iterator[tuple[str, str]]:
        if depth > _DEEPEST:
            raise _NotJsonError
        first = self._next()
        if first == "{":
            yield from self._object(name, depth)
        elif first == "[":
            yield from self._array(name + "{}", depth)
        elif first == '"':
            yield name, self._string()
        else:
            literal = _LITERAL.match(self._text, self._place)
            if not literal:
                raise _NotJsonError
            self._place = literal.end()
            yield name, literal.group()

    def _object(self, name: str, depth: int) -> Iterator[tuple[str, str]]:
        self._place += 1
        if self._taken("}"):
            return
        while True:
            if self._next() != '"':
                raise _NotJsonError
            key = self._string()
            self._take(":")
            yield from self._value(f"{name}.{key}" if name else key, depth + 1)
            if self._taken("}"):
                return
            self._take(",")

    def _array(self, name: str, depth: int) -> Iterator[tuple[str, str]]:
        self._place += 1
        if self._taken("]"):
            return
        while True:
            yield from self._value(name, depth + 1)
            if self._taken("]"):
                return
            self._take(",")

    def _string(self) -> str:
        try:
            text, self._place = scanstring(self._text, self._place + 1, False)
        except JSONDecodeError:
            raise _NotJsonError from None
        return str(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

    def _next(self) -> str:
        self._place = _SPACE.match(self._text, self._place).end()  # type: ignore[union-attr]
        return self._text[self._place : self._place + 1]

    def _take(self, expected: str) -> None:
        if not self._taken(expected):
            raise _NotJsonError

    def _taken(self, expected: str) -> bool:
        if self._next() != expected:
            return False
        self._place += 1
        return True
