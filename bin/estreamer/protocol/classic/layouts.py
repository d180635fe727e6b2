"""Containers compiled into steps: runs of fixed fields by one `struct.Struct` each, the others one by one.

A layout is compiled when a container of its name is read for the first time.
"""

from __future__ import annotations

import functools
import re
import struct
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Union

from . import sources

FIXED, STRING, BLOB, LIST, BLOCK, SIZED_TEXT, SIZED_BYTES, REST, HEADER = range(9)
"""The kinds of steps. Those between STRING and BLOCK begin with the header of a data block."""

_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "unix_time": "I"}
_SIZES = {"uuid": 16, "ip16": 16, "ipv4": 4, "mac": 6}
_BYTES = re.compile(r"bytes\[(\d+)\]\Z")
_SIZED = re.compile(r"(string|bytes)\[([a-z_]+)\]\Z")
_BLOCKS = re.compile(r"(list|generic_list|block)<B([12])(?:\.(\d+))?>\Z")

Blank = Union[int, bytes, tuple[()]]
"""What a field holds that says nothing: 0, zeros, or an empty text or list."""


class Step(NamedTuple):
    """One step of a reader: what it takes from the bytes.

    `first` is the index of its first field, `size` the bytes of a run of fixed fields. `wanted` is the number of the
    block that is to be found (0 where a record says which), or the index of the field that holds the length.
    """

    kind: int
    first: int
    size: int = 0
    unpack: Callable[[bytes, int], tuple[Any, ...]] | None = None
    wanted: int = 0


@dataclass(frozen=True)
class Layout:
    """A container, ready to be read: `width` is the number of its bytes before the first step of variable length.

    `series` is that of the blocks in it, `number` its own as a block. `parsers` take a fixed field each, for bytes that
    end within a run. `last_checkpoint` is the index of the last field that begins with the header of a data block, -1
    if none does.
    """

    name: str
    series: int
    number: int
    fields: tuple[str, ...]
    types: tuple[str, ...]
    blanks: tuple[Blank, ...]
    steps: tuple[Step, ...]
    parsers: tuple[struct.Struct | None, ...]
    width: int
    last_checkpoint: int


def _code(kind: str) -> str:
    """Return the code for `struct` of a type of fixed length, "" for any other."""
    found = _BYTES.match(kind)
    size = int(found[1]) if found else _SIZES.get(kind)
    return f"{size}s" if size else _CODES.get(kind, "")


def _blank(kind: str) -> Blank:
    code = _code(kind)
    if code:
        return bytes(int(code[:-1])) if code.endswith("s") else 0
    return () if kind.startswith(("list", "generic_list", "block", "discovery")) else b""


def _step(kind: str, at: int, fields: tuple[str, ...]) -> Step:
    """Return the step for a field whose length varies. Raises ValueError for a type that is not known."""
    sized, blocks = _SIZED.match(kind), _BLOCKS.match(kind)
    if sized:
        return Step(SIZED_TEXT if sized[1] == "string" else SIZED_BYTES, at, wanted=fields.index(sized[2]))
    if blocks:
        return Step(BLOCK if blocks[1] == "block" else LIST, at, wanted=int(blocks[3] or 0))
    simple = {"string_block": STRING, "blob_block": BLOB, "bytes[*]": REST, "discovery_header": HEADER}
    if kind not in simple:
        raise ValueError(f"unknown type {kind!r}")
    return Step(simple[kind], at)


def _steps(fields: tuple[str, ...], types: tuple[str, ...]) -> tuple[Step, ...]:
    steps = []
    run, begun = "", 0
    for at, kind in enumerate((*types, "end")):
        code = _code(kind)
        if code:
            begun = begun if run else at
            run += code
            continue
        if run:
            packed = struct.Struct(">" + run)
            steps.append(Step(FIXED, begun, packed.size, packed.unpack_from))
            run = ""
        if kind != "end":
            steps.append(_step(kind, at, fields))
    return tuple(steps)


@functools.cache
def layout(name: str) -> Layout:
    """Return the compiled layout of a container. Raises KeyError for one that is not in the tables."""
    rows = sources.fields(name)
    fields = tuple(field for field, _ in rows)
    types = tuple(kind for _, kind in rows)
    steps = _steps(fields, types)
    parsers = tuple(struct.Struct(">" + _code(kind)) if _code(kind) else None for kind in types)
    block = re.match(r"B(\d)\.(\d+)", name)
    if block:
        series = int(block[1])
    else:
        within = next((found for found in map(_BLOCKS.match, types) if found), None)
        series = int(within[2]) if within else 0
    return Layout(
        name=name,
        series=series,
        number=int(block[2]) if block else -1,
        fields=fields,
        types=types,
        blanks=tuple(map(_blank, types)),
        steps=steps,
        parsers=parsers,
        width=steps[0].size if steps and steps[0].kind == FIXED else 0,
        last_checkpoint=max((step.first for step in steps if STRING <= step.kind <= BLOCK), default=-1),
    )


def block_layout(series: int, number: int) -> Layout | None:
    """Return the layout of a data block, None if its number is not known.

    Strings, BLOBs and lists have no layout: they are read where they are expected.
    """
    if number in (_PLAIN[0] if series == 1 else _PLAIN[1]):
        return None
    name = f"B{series}.{number}"
    return layout(name) if sources.is_known(name) else None


_PLAIN = (frozenset((0, 10, 11, 31)), frozenset((0, 1, 2, 3)))
