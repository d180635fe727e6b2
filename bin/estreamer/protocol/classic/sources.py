"""The tables of classic records as they lie in files: layouts, records, JSON keys, enumerations, metadata.

`tables/` holds facts of the protocol, each with its mark: D a guide says so, C code reads it so, W seen in real bytes,
I inferred, ? open; docs/protocol.md has what follows from them. `layouts.txt` has a container in each paragraph: its
name and mark, then a field a line, name and type, in the order of the wire. Containers are `B1.<n>` and `B2.<n>` (the
data blocks of both series, without their headers), `R<n>` (the body of record n), `M<n>` (the body of message n) and
`discovery_header`. What follows a `@` is another form of the same container. Each file is read once, when it is needed.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).with_name("tables")


class Record(NamedTuple):
    """What is known of a record number.

    `kind` is event, metadata or unknown. `time_keys` and `identity_keys` are JSON keys. `series` is that of the data
    blocks in it, 0 without any; `blocks` are the numbers that its outermost block may have, the newest first;
    `stable_head` is the last field of that block that is believed if nothing else of an unknown block can be.
    """

    number: int
    name: str
    kind: str
    event_type: str
    subtype: str
    time_keys: tuple[str, ...]
    identity_keys: tuple[str, ...]
    series: int
    blocks: tuple[int, ...]
    stable_head: str
    mark: str


class Name(NamedTuple):
    """How a field stands in the JSON: its keys, its form, and tokens that say more. docs/protocol.md explains them."""

    field: str
    key: str
    text_keys: tuple[str, ...]
    form: str
    how: tuple[str, ...]


class Metadata(NamedTuple):
    """What a metadata record gives: the fields of its key, of a shorter key to fall back to, and of its values.

    `used_by` are the fields of events, in the order of the key, where several make up the key.
    """

    record: int
    key: tuple[str, ...]
    short_key: tuple[str, ...]
    values: tuple[str, ...]
    used_by: tuple[tuple[str, ...], ...]
    mark: str


def _rows(name: str) -> list[list[str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


@functools.lru_cache(maxsize=1)
def _paragraphs() -> Mapping[str, tuple[str, str]]:
    text = (_FOLDER / "layouts.txt").read_text(encoding="utf-8")
    found = {}
    for paragraph in text[1:].split("\n\n["):
        head, _, fields = paragraph.partition("\n")
        name, _, mark = head.partition("] ")
        found[name] = (mark, fields)
    return found


def containers() -> tuple[str, ...]:
    """Return the names of all containers."""
    return tuple(_paragraphs())


def mark(container: str) -> str:
    """Return the mark of a container. Raises KeyError if it is not known."""
    return _paragraphs()[container][0]


def fields(container: str) -> tuple[tuple[str, str], ...]:
    """Return names and types of a container's fields, in the order of the wire. Raises KeyError if it is not known."""
    lines = _paragraphs()[container][1].splitlines()
    return tuple((name, kind) for name, _, kind in (line.partition(" ") for line in lines))


def is_known(container: str) -> bool:
    """Return whether there is a layout of this name."""
    return container in _paragraphs()


@functools.lru_cache(maxsize=1)
def records() -> Mapping[int, Record]:
    """Return what is known of record numbers."""
    found = {}
    for number, name, kind, event_type, subtype, times, identity, series, blocks, head, its_mark in _rows(
        "records.csv"
    ):
        found[int(number)] = Record(
            int(number),
            name,
            kind,
            event_type,
            subtype,
            tuple(times.split()),
            tuple(identity.split()),
            int(series or 0),
            tuple(map(int, blocks.split())),
            head,
            its_mark,
        )
    return found


@functools.lru_cache(maxsize=1)
def names() -> Mapping[str, Mapping[str, Name]]:
    """Return how fields stand in the JSON, by container and field; `*` is for containers without a row of their own."""
    found: dict[str, dict[str, Name]] = {}
    for container, field, key, text_keys, form, how, _ in _rows("names.csv"):
        tokens = tuple(how.split("; ")) if how else ()
        found.setdefault(container, {})[field] = Name(field, key, tuple(text_keys.split()), form, tokens)
    return found


@functools.lru_cache(maxsize=1)
def enumerations() -> Mapping[str, Mapping[str, str]]:
    """Return texts by the name of the enumeration and the value: a decimal number, or `other` for all that are not."""
    found: dict[str, dict[str, str]] = {}
    for name, value, text, _ in _rows("enums.csv"):
        found.setdefault(name, {})[value] = text
    return found


@functools.lru_cache(maxsize=1)
def metadata() -> Mapping[int, Metadata]:
    """Return what metadata records give, by record number."""
    found = {}
    for number, key, short_key, values, used_by, its_mark in _rows("metadata.csv"):
        composites = tuple(tuple(one.split("+")) for one in used_by.split())
        parts = (tuple(key.split()), tuple(short_key.split()), tuple(values.split()))
        found[int(number)] = Metadata(int(number), *parts, composites, its_mark)
    return found
