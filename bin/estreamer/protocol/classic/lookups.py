"""From the value of a field to its text: by metadata, by the enumerations of the tables, bit by bit.

A lookup is compiled for a field of a layout. It gets the values of the container, since several fields may make up the
key, and returns the texts for the field's second and further JSON keys, as far as there are any.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, Callable, Optional

from . import sources
from .forms import digest
from .layouts import Layout
from .names import Fields, Names
from .sources import Name

Texts = Sequence[str]
"""Texts in the order of the JSON keys; an empty one is left out."""

Find = Callable[[Any, Sequence[Any]], Optional[Texts]]
"""From a value and the values of its container to texts."""

_RECORD = re.compile(r"R(\d+)(?:\([a-z_,]+\))?")
"""A metadata record in the table of names, with the fields that it gives where these are not all."""

_SOURCE_TYPES, _USERS, _APPLICATIONS, _DETECTORS = 90, 62, 91, 96
_OTHER = "other"


def lookup(layout: Layout, name: Name, field: str, key_fields: tuple[str, ...], names: Names) -> Find | None:
    """Return what finds the texts of a field, None if nothing gives any.

    `key_fields` are those that make up the key, if the table of names says so; otherwise that of metadata does.
    """
    records = _records(name)
    if "by source type" in name.how:
        return _by_source_type(layout, field, names)
    finds = [_by_key(layout, record, field, key_fields, names) for record in records]
    found = [find for find in finds if find is not None]
    if "hash" in name.how:
        found = [_of_digest(find) for find in found]
    table = enumeration(name)
    if table is not None:
        found.append(lambda value, values: table(value))
    if not found:
        return None
    find = found[0] if len(found) == 1 else _first_of(found)
    if "bit set" in name.how:
        find = _bit_by_bit(find)
    return _titled(find) if "case title" in name.how else find


def enumeration(name: Name) -> Callable[[Any], Texts | None] | None:
    """Return what finds the text of a value in the enumeration that a row of the table names, None without one."""
    its = next((token[5:] for token in name.how if token.startswith("enum ")), "")
    if not its:
        return None
    texts = {value: text[:1].upper() + text[1:] for value, text in sources.enumerations()[its].items()}
    if "case lower" in name.how:
        texts = {value: text.lower() for value, text in texts.items()}
    for token in name.how:
        if token.startswith("texts "):
            texts.update(_texts_of(token[6:]))
    other = (texts[_OTHER],) if _OTHER in texts else None
    table = {int(value): (text,) for value, text in texts.items() if value != _OTHER}
    return lambda value: table.get(value, other)


def _records(name: Name) -> list[int]:
    """Return the numbers of the metadata records that give the texts of a row, in the order of the table."""
    found = []
    for token in name.how:
        matches = [_RECORD.fullmatch(one) for one in token.split(" ")]
        if None not in matches:
            found += [int(match[1]) for match in matches if match is not None]
    return found


def _texts_of(listed: str) -> dict[str, str]:
    """Return the texts by value of `value=text, value=text`; a text may have commas."""
    texts: dict[str, str] = {}
    value = ""
    for piece in listed.split(", "):
        before, equals, text = piece.partition("=")
        if equals and before.isalnum():
            value = before
            texts[value] = text
        else:
            texts[value] += f", {piece}"
    return texts


def _first_of(finds: Sequence[Find]) -> Find:
    def find(value: Any, values: Sequence[Any]) -> Texts | None:
        for one in finds:
            found = one(value, values)
            if found is not None and found[0] != "":
                return found
        return None

    return find


def _by_key(layout: Layout, record: int, field: str, key_fields: tuple[str, ...], names: Names) -> Find | None:
    """Return what asks for the names that a metadata record gives, None if its key is not in this layout."""
    of = names.of
    given = sources.metadata()[record]
    if len(given.key) == 1:
        return lambda value, values: of(record, value)
    at = _composite(layout, record, field, key_fields)
    if not at:
        return None
    short = len(given.short_key)

    def find(value: Any, values: Sequence[Any]) -> Fields | None:
        key = tuple([values[one] for one in at])
        found = of(record, key)
        if found is None and 0 < short < len(key):
            found = of(record, key[0] if short == 1 else key[:short])
        return found

    return find


def _composite(layout: Layout, record: int, field: str, key_fields: tuple[str, ...]) -> tuple[int, ...]:
    """Return the indexes of the fields that make up a key of several; empty if one is not in this layout."""
    ways = [key_fields] if key_fields else [way for way in sources.metadata()[record].used_by if field in way]
    way: tuple[str, ...] = next((way for way in ways if set(way) <= set(layout.fields)), ())
    return tuple(map(layout.fields.index, way))


def _of_digest(find: Find) -> Find:
    def by_digest(value: Any, values: Sequence[Any]) -> Texts | None:
        key = digest(value)
        return None if key is None else find(key, values)

    return by_digest


def _by_source_type(layout: Layout, field: str, names: Names) -> Find | None:
    """Return what finds a source: the text of its type says whether it is a user, an application or a detector."""
    of = names.of
    kind = field.replace("source_id", "source_type")
    if kind not in layout.fields:
        return None
    at = layout.fields.index(kind)

    def find(value: Any, values: Sequence[Any]) -> Fields | None:
        its_type = of(_SOURCE_TYPES, values[at])
        if its_type is None:
            return None
        text = its_type[0].lower()
        record = _USERS if "user" in text else _DETECTORS
        return of(_APPLICATIONS if "application" in text or "scanner" in text else record, value)

    return find


def _bit_by_bit(find: Find) -> Find:
    def by_bits(value: int, values: Sequence[Any]) -> Texts | None:
        found = find(value, values)
        if found is not None and found[0] != "":
            return found
        bits = [find(1 << bit, values) for bit in range(value.bit_length()) if value >> bit & 1]
        return (", ".join(one[0] for one in bits if one is not None and one[0] != ""),)

    return by_bits


def _titled(find: Find) -> Find:
    def titled(value: Any, values: Sequence[Any]) -> Texts | None:
        found = find(value, values)
        return None if found is None else [title(text) for text in found]

    return titled


@functools.lru_cache(maxsize=1024)
def title(text: str) -> str:
    """Return a text with the first letter of every word in upper case."""
    return " ".join([word[:1].upper() + word[1:] for word in text.split(" ")])


def depends_on(layout: Layout, name: Name, field: str, key_fields: tuple[str, ...]) -> tuple[int, ...]:
    """Return the indexes of the fields that the texts of a field depend on, its own included."""
    found = {layout.fields.index(field), *map(layout.fields.index, key_fields)}
    if "by source type" in name.how:
        kind = field.replace("source_id", "source_type")
        found |= {at for at, one in enumerate(layout.fields) if one == kind}
    for record in _records(name):
        if len(sources.metadata()[record].key) > 1:
            found.update(_composite(layout, record, field, key_fields))
    return tuple(sorted(found))
