"""Reads containers from the bytes of a record by their layouts, in one pass, whatever the bytes are.

Nothing here raises for what bytes hold. What does not fit ends the reading of a block, not of the others:
lengths of records and blocks decide where the next one begins. What cannot be read is noted and kept as a range of the
body. A record costs time in proportion to its bytes: no byte is read more than a fixed number of times.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from .layouts import (
    BLOB,
    BLOCK,
    FIXED,
    HEADER,
    LIST,
    REST,
    SIZED_BYTES,
    SIZED_TEXT,
    STRING,
    Layout,
    block_layout,
    layout,
)

MOST_BLOCKS = 4096
"""Data blocks that are read of one record; the largest host profile that was described has some hundreds."""

MOST_DEPTH = 8
"""Data blocks within each other; the tables have five."""

_BLOCK_HEADER = struct.Struct(">II")
"""Number and length of a data block; the length includes these 8 bytes."""
_block_header = _BLOCK_HEADER.unpack_from
_HEADER_SIZE = 8

_EMPTY = _BLOCK_HEADER.pack(0, 8)

_LISTS = frozenset((11, 31, 2, 3))
_BLOBS = frozenset((10, 1))

_BY_LENGTH = {"B1.112": "B1.112@short", "B1.150": "B1.150@short"}
"""Blocks with a form that is 4 bytes shorter, which length or position of what follows gives away at the start."""
_BY_READING = {"B1.159": "B1.159@short", "B1.165": "B1.165@short"}
"""Blocks of which only the end of the reading shows which form they have."""

UNKNOWN_BLOCK, UNEXPECTED_BLOCK, WRONG_LAYOUT, TRUNCATED, LEFT_OVER, TOO_MANY, BAD_LIST = (
    "unknown block",
    "unexpected block",
    "wrong layout",
    "truncated",
    "bytes left over",
    "too many blocks",
    "broken list",
)
"""What is noted of a container, by its name: to be counted."""


class Block:
    """A container that was read: its layout, and the values of its fields as far as they are there.

    Integers are int, texts bytes without NULs at their end, all else that is not blocks bytes, lists tuples of Block.
    """

    __slots__ = ("layout", "values")

    def __init__(self, its_layout: Layout, values: list[Any]) -> None:
        self.layout = its_layout
        self.values = values

    def get(self, field: str) -> Any:
        """Return the value of a field, None if it was not read or does not exist."""
        if field not in self.layout.fields:
            return None
        at = self.layout.fields.index(field)
        return self.values[at] if at < len(self.values) else None

    def as_dict(self) -> dict[str, Any]:
        """Return the values by field, nested blocks too."""
        return {field: _plain(value) for field, value in zip(self.layout.fields, self.values)}


def _plain(value: Any) -> Any:
    if isinstance(value, Block):
        return value.as_dict()
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


class Found(NamedTuple):
    """What a reading found: values, where it ended, why (empty: at the end of its layout), and the last checkpoint.

    A checkpoint is a field that begins with the header of a data block, and had a good one: `known` fields end at
    `known_at`. Where all bytes were read without a fault it is not looked for.
    """

    values: list[Any]
    at: int
    fault: str
    known: int
    known_at: int


A_BLOCK, NOTHING = 0, -1
"""What may follow a discovery event header, apart from fields of so many bytes."""

_SHORT, _WRONG, _PAST = "short", "wrong", "past"
"""The bytes end; a block's header is not what it should be; a block ends behind the end of its container."""


class _Stop(Exception):
    """Ends a reading; its first argument is the fault."""


class Reader:
    """Reads one record. `notes` are pairs of what and where, `ranges` those of the body that could not be read."""

    __slots__ = ("blocks", "data", "depth", "notes", "partial", "ranges")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.blocks = 0
        self.depth = 0
        self.partial = False
        self.notes: list[tuple[str, str]] = []
        self.ranges: list[tuple[int, int]] = []

    def doubt(self, what: str, where: str, begin: int, end: int) -> None:
        """Note that a range of the body could not be read, which makes the record a partial one."""
        self.partial = True
        self.blocks += 1
        self.notes.append((what, where))
        if begin < end:
            self.ranges.append((begin, end))

    def run(self, its: Layout, at: int, end: int) -> Found:
        """Read a container's fields between two positions of the body."""
        data = self.data
        values: list[Any] = []
        first = 0
        try:
            for kind, first, size, unpack, wanted in its.steps:  # noqa: B007 - the handler needs the last one
                if kind == FIXED:
                    if at + size > end:
                        raise _Stop(_SHORT)
                    values += unpack(data, at)  # type: ignore[misc]
                    at += size
                elif kind != STRING:
                    at = self._other(kind, wanted, its, values, at, end)
                elif at + 8 > end:
                    raise _Stop(_SHORT)
                elif data[at : at + 8] == _EMPTY:
                    values.append(b"")
                    at += 8
                else:
                    number, length = _block_header(data, at)
                    if number or length < 8:
                        raise _Stop(_WRONG)
                    if at + length > end:
                        raise _Stop(_PAST)
                    values.append(data[at + 8 : at + length].rstrip(b"\0"))
                    at += length
        except _Stop as stop:
            return Found(values, at, str(stop), *_last_checkpoint(its, first, at))
        if at == end:
            return Found(values, at, "", 0, 0)
        return Found(values, at, "", *_last_checkpoint(its, len(its.fields), at))

    def _other(self, kind: int, wanted: int, its: Layout, values: list[Any], at: int, end: int) -> int:
        """Read a field of a rarer kind, and return where it ends."""
        if kind in (SIZED_TEXT, SIZED_BYTES):
            stop = at + values[wanted]
            if stop > end:
                raise _Stop(_SHORT)
            content = self.data[at:stop]
            values.append(content.rstrip(b"\0") if kind == SIZED_TEXT else content)
            return int(stop)
        if kind == REST:
            values.append(self.data[at:end])
            return end
        if kind == HEADER:
            return self._discovery_header(its, values, at, end)
        number, stop = self._head(at, end)
        if kind == BLOB:
            if number not in _BLOBS:
                raise _Stop(_WRONG)
            values.append(self.data[at + 8 : stop])
        elif kind == LIST:
            if number not in _LISTS:
                raise _Stop(_WRONG)
            values.append(self._members(its, wanted, at + 8, stop))
        else:
            values.append(self._nested(its, wanted, number, at, stop))
        return stop

    def _head(self, at: int, end: int) -> tuple[int, int]:
        """Return the number of the block that begins here, and where it ends."""
        if at + _HEADER_SIZE > end:
            raise _Stop(_SHORT)
        number, length = _block_header(self.data, at)
        if length < _HEADER_SIZE:
            raise _Stop(_WRONG)
        if at + length > end:
            raise _Stop(_PAST)
        return number, at + length

    def _discovery_header(self, its: Layout, values: list[Any], at: int, end: int) -> int:
        header, stop = self.discovery_header(at, end, its.steps[1].size if len(its.steps) > 1 else NOTHING)
        if header is None:
            raise _Stop(_SHORT)
        values.append(header)
        return stop

    def discovery_header(self, at: int, end: int, width: int) -> tuple[Block | None, int]:
        """Read a discovery event header, and return it with its end; None if the bytes end before.

        `width` is the length of the fields that follow (bytes), `A_BLOCK` or `NOTHING`. `has_ipv6` decides whether
        there is an IPv6 address, unless what follows fits only if it is the other way round.
        """
        short, long = layout("discovery_header@short"), layout("discovery_header")
        if at + short.width > end:
            return None, at
        first, other = (long, short) if self.data[at + 14] else (short, long)
        if not self._fits(at + first.width, end, width) and self._fits(at + other.width, end, width):
            first = other
        if at + first.width > end:
            first = short
        values = list(first.steps[0].unpack(self.data, at))  # type: ignore[misc]
        return Block(first, values), at + first.width

    def _fits(self, at: int, end: int, width: int) -> bool:
        if width != A_BLOCK:
            return at + max(width, 0) == end
        if at + _HEADER_SIZE > end:
            return False
        number, length = _block_header(self.data, at)
        return bool(number < 0x10000 and _HEADER_SIZE <= length <= end - at)

    def _members(self, its: Layout, wanted: int, at: int, end: int) -> tuple[Block, ...]:
        """Read the members of a list."""
        members = []
        data = self.data
        while at < end:
            length = _block_header(data, at)[1] if at + _HEADER_SIZE <= end else 0
            if length < _HEADER_SIZE or at + length > end:
                self.doubt(BAD_LIST, its.name, at, end)
                break
            member = self._member(its.series, wanted, at, at + length)
            if member is None and self.blocks >= MOST_BLOCKS:
                self.ranges[-1] = (at, end)
                break
            if member is not None:
                members.append(member)
            at += length
        return tuple(members)

    def _member(self, series: int, wanted: int, at: int, end: int) -> Block | None:
        """Read a data block within another; one whose number is not known by the layout that is expected there."""
        number = _block_header(self.data, at)[0]
        found = block_layout(series, number)
        expected = block_layout(series, wanted)
        if number != wanted and found is not None:
            self.notes.append((UNEXPECTED_BLOCK, found.name))
        if found is None and expected is None:
            self.doubt(UNKNOWN_BLOCK, f"B{series}.{number}", at, end)
            return None
        return self.block(found or expected, number, at, end, found is not None)  # type: ignore[arg-type]

    def _nested(self, its: Layout, wanted: int, number: int, at: int, end: int) -> Block | tuple[()]:
        """Read a data block that is a field; a list that holds one stands for it."""
        if number not in _LISTS or number == wanted:
            return self._member(its.series, wanted, at, end) or ()
        members = self._members(its, wanted, at + _HEADER_SIZE, end)
        if len(members) > 1:
            self.doubt(BAD_LIST, its.name, at, end)
        return members[0] if members else ()

    def block(self, its: Layout, number: int, at: int, end: int, known: bool, head: str = "") -> Block | None:
        """Read a data block, header included, by a layout; None if there are too many or too deep ones.

        `known` says whether the layout is that of the block's number, or only the newest of its family. `head` is the
        last field that is believed when no checkpoint of an unknown block can be.
        """
        if self.blocks >= MOST_BLOCKS or self.depth >= MOST_DEPTH:
            self.doubt(TOO_MANY, its.name, at, end)
            return None
        self.blocks += 1
        self.depth += 1
        if not known:
            self.doubt(UNKNOWN_BLOCK, f"B{its.series}.{number}", 0, 0)
        found = self.content(its, at + _HEADER_SIZE, end, known, head)
        self.depth -= 1
        return found

    def content(self, its: Layout, at: int, end: int, known: bool = True, head: str = "", cut: bool = False) -> Block:
        """Read what lies between two positions by a layout, note what is wrong with it, and keep what can be believed.

        `cut` says that the container was declared longer than its bytes are.
        """
        if its.name in _BY_LENGTH:
            its = _by_length(self.data, its, at, end)
        found = self.run(its, at, end)
        if its.name in _BY_READING and (found.fault or found.at != end):
            shorter = layout(_BY_READING[its.name])
            other = self.run(shorter, at, end)
            if not other.fault and other.at == end:
                its, found = shorter, other
        if found.fault or found.at != end:
            return _irregular(self, its, found, at, end, known, head, cut)
        return Block(its, found.values)


def _last_checkpoint(its: Layout, before: int, at: int) -> tuple[int, int]:
    """Return how many fields there are up to the last checkpoint before a field that begins at `at`, and their end.

    Fields between a checkpoint and the next are of fixed length.
    """
    for step in reversed(its.steps):
        if step.first < before:
            if STRING <= step.kind <= BLOCK:
                return step.first + 1, at
            at -= step.size
    return 0, at


def _by_length(data: bytes, its: Layout, at: int, end: int) -> Layout:
    """Return the form of a layout whose length, or the text in it, is where it should be."""
    shorter = layout(_BY_LENGTH[its.name])
    if its.last_checkpoint < 0:
        return shorter if end - at == shorter.width else its
    fits = not _is_text(data, at + its.width, end) and _is_text(data, at + shorter.width, end)
    return shorter if fits else its


def _is_text(data: bytes, at: int, end: int) -> bool:
    if at + _HEADER_SIZE > end:
        return False
    number, length = _block_header(data, at)
    return bool(not number and _HEADER_SIZE <= length <= end - at)


def _irregular(
    reader: Reader, its: Layout, found: Found, begin: int, end: int, known: bool, head: str, cut: bool
) -> Block:
    """Return what is believed of a container that did not end where its layout does."""
    values, at, fault = found.values, found.at, found.fault
    if known and not fault:
        reader.notes.append((LEFT_OVER, its.name))
        reader.ranges.append((at, end))
        return Block(its, values)
    if known and (fault == _SHORT or (cut and fault == _PAST)):
        what, at = TRUNCATED, _fixed_fields(reader, its, values, at, end, len(its.fields))
    else:
        what = WRONG_LAYOUT if fault else LEFT_OVER
        if fault or found.known < len(values):
            values, at = values[: found.known], found.known_at
            if not found.known and head in its.fields:
                at = _fixed_fields(reader, its, values, begin, end, its.fields.index(head) + 1)
    reader.doubt(what, its.name, at, end)
    return Block(its, values)


def _fixed_fields(reader: Reader, its: Layout, values: list[Any], at: int, end: int, count: int) -> int:
    """Add fields of fixed length up to this count to the values, as far as they are there. Return where they end."""
    for parser in its.parsers[len(values) : count]:
        if parser is None or at + parser.size > end:
            break
        values += parser.unpack_from(reader.data, at)
        at += parser.size
    return at
