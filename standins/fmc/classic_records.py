"""Classic, binary records as a Management Center would send them, made from the add-on's tables.

The tables are read here on their own, and nothing of the code that decodes records is used. Values are written as
follows: integers are int, all else that is not data blocks is bytes, a data block is `Made(name, values)`, and a list
of them is a list.
"""

from __future__ import annotations

import csv
import re
import struct
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any, NamedTuple

from standins.places import ROOT

TABLES = ROOT / "bin" / "estreamer" / "protocol" / "classic" / "tables"

INTEGERS = {"u8": ("B", 8), "u16": ("H", 16), "u32": ("I", 32), "u64": ("Q", 64), "unix_time": ("I", 32)}
FIXED = {"uuid": 16, "ip16": 16, "ipv4": 4, "mac": 6}
LIST_NUMBERS = {("1", "list"): 11, ("1", "generic_list"): 31, ("2", "list"): 2, ("2", "generic_list"): 3}
BLOB_NUMBERS = {"1": 10, "2": 1}
MOST_MEMBERS = 2


class Made(NamedTuple):
    """A container with its values by field."""

    name: str
    values: dict[str, Any]


class Field(NamedTuple):
    """A field of a container: its name and its type, as the table has them."""

    name: str
    kind: str


@cache
def layouts() -> Mapping[str, tuple[Field, ...]]:
    """Return the fields of each container."""
    found: dict[str, list[Field]] = {}
    container = ""
    for line in (TABLES / "layouts.txt").read_text(encoding="utf-8").splitlines():
        head = re.match(r"\[(.+)\] (\S+)$", line)
        if head:
            container = head[1]
            found[container] = []
        elif line:
            found[container].append(Field(*line.split(" ")))
    return {name: tuple(fields) for name, fields in found.items()}


@cache
def records() -> Mapping[int, Mapping[str, str]]:
    """Return the rows of the table of records, by number."""
    with (TABLES / "records.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["record"]): row for row in csv.DictReader(file)}


def block_names(record: int) -> list[str]:
    """Return the names of the data blocks that may be the outermost of a record."""
    row = records()[record]
    return [f"B{row['series']}.{number}" for number in row["blocks"].split()]


def encoded(made: Made) -> bytes:
    """Return the bytes of a container, without the header that it has as a data block."""
    series = made.name[1] if made.name.startswith("B") else ""
    return b"".join(
        _field(kind, made.values[name], series) for name, kind in layouts()[made.name] if name in made.values
    )


def as_block(made: Made, number: int | None = None) -> bytes:
    """Return a data block with its header; the number is that of its name, unless another is given."""
    own = int(made.name.partition(".")[2].partition("@")[0])
    return wrapped(own if number is None else number, encoded(made))


def wrapped(number: int, content: bytes) -> bytes:
    """Return bytes as a data block of this number."""
    return struct.pack(">II", number, len(content) + 8) + content


def _field(kind: str, value: Any, series: str) -> bytes:
    if kind in INTEGERS:
        return struct.pack(">" + INTEGERS[kind][0], value)
    if kind == "string_block":
        return wrapped(0, value)
    if kind == "blob_block":
        return wrapped(BLOB_NUMBERS[series], value)
    listed = re.match(r"(list|generic_list)<B([12])", kind)
    if listed:
        return wrapped(LIST_NUMBERS[listed[2], listed[1]], b"".join(map(as_block, value)))
    if isinstance(value, Made):
        return as_block(value) if kind.startswith("block<") else encoded(value)
    assert isinstance(value, bytes)
    return value


class Variety:
    """Makes values of containers at random: `random` decides, so that the same seed makes the same ones.

    Texts are without NULs at their end, as the decoder returns them; `plain` keeps them and numbers as in real events.
    """

    def __init__(self, random: Random, members: int = MOST_MEMBERS) -> None:
        self._random = random
        self._members = members

    def record(self, number: int, block: str = "") -> Made:
        """Return the body of a record, with this outermost data block if it may have several."""
        return self.container(f"R{number}", block)

    def container(self, name: str, block: str = "") -> Made:
        """Return a container; `block` is the data block in it where the table leaves that open."""
        made = Made(name, {})
        for field, kind in layouts()[name]:
            sized = re.match(r"(string|bytes)\[([a-z_]+)\]$", kind)
            if sized:
                text = self._text() if sized[1] == "string" else self._bytes(self._random.randrange(40))
                made.values[sized[2]] = len(text)
                made.values[field] = text
            else:
                made.values[field] = self._value(kind, block)
        return made

    def _value(self, kind: str, block: str) -> Any:
        if kind in INTEGERS:
            return self._integer(INTEGERS[kind][1])
        if kind == "discovery_header":
            return self._header()
        blocks = re.match(r"(list|generic_list|block)<(B[12](?:\.\d+)?)>$", kind)
        if blocks is None:
            return self._content(kind)
        name = blocks[2] if "." in blocks[2] else block
        if blocks[1] == "block":
            return self.container(name)
        return [self.container(name) for _ in range(self._random.randint(0, self._members))]

    def _content(self, kind: str) -> bytes:
        if kind == "string_block":
            return self._text()
        if kind in ("blob_block", "bytes[*]"):
            return self._bytes(self._random.randrange(40))
        size = FIXED.get(kind) or int(kind[6:-1])
        return bytes(size) if self._random.random() < 0.2 else self._bytes(size)

    def _header(self) -> Made:
        has_address = self._random.random() < 0.7
        made = self.container("discovery_header" if has_address else "discovery_header@short")
        made.values["has_ipv6"] = int(has_address)
        return made

    def _integer(self, bits: int) -> int:
        return self._random.choice((0, 1, self._random.getrandbits(bits), (1 << bits) - 1))

    def _bytes(self, count: int) -> bytes:
        return bytes(self._random.getrandbits(8) for _ in range(count))

    def _text(self) -> bytes:
        length = self._random.choice((0, 1, 5, 12, 40))
        return "".join(self._random.choice('abc é/"\\\n\x01日0') for _ in range(length)).encode()
