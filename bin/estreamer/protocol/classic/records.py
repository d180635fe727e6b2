"""Decodes one record: finds its layout by record number, series and the block number on the wire, and reads it.

A record that cannot be read costs itself only, and what of it can be read is kept. docs/protocol.md has the rules.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from . import sources
from .layouts import HEADER, Layout, block_layout, layout
from .reading import A_BLOCK, LEFT_OVER, TRUNCATED, UNKNOWN_BLOCK, WRONG_LAYOUT, Block, Reader, _block_header

MOST_UNDECODED = 4096
"""Bytes of a body that are kept of what could not be read."""

EVENT, METADATA, UNKNOWN = "event", "metadata", "unknown"
"""The kinds of records."""

UNKNOWN_RECORD = "unknown record"

_SAME = {(1, 155): 158}
"""Data blocks that have the layout of another number: one code base gives both for the blocks behind R92 to R94."""


class Decoded:
    """A record that was decoded as far as it can be.

    `kind` is event, metadata or unknown. `content` is the body as a container, for metadata its block where it has
    one; None if nothing was read. `block_number` is that of the outermost data block on the wire, -1 without one.
    `notes` are pairs of what was odd and where, to be counted; `ranges` what of the body could not be read.
    """

    __slots__ = (
        "archival",
        "block_number",
        "body",
        "content",
        "kind",
        "netmap",
        "notes",
        "partial",
        "ranges",
        "record_type",
    )

    def __init__(self, record_type: int, kind: str, body: bytes, archival: int, netmap: int) -> None:
        self.record_type = record_type
        self.kind = kind
        self.body = body
        self.archival = archival
        self.netmap = netmap
        self.block_number = -1
        self.content: Block | None = None
        self.partial = False
        self.notes: list[tuple[str, str]] = []
        self.ranges: list[tuple[int, int]] = []

    def undecoded(self) -> bytes:
        """Return the bytes that could not be read, in the order of the body, at most the first 4,096."""
        found = b""
        last = 0
        for begin, end in sorted(self.ranges):
            found += self.body[max(begin, last) : min(end, max(begin, last) + MOST_UNDECODED - len(found))]
            last = max(last, end)
            if len(found) >= MOST_UNDECODED:
                break
        return found


class _Shape(NamedTuple):
    """How the body of a record is built: `blocks` maps the numbers of its outermost block to layouts."""

    kind: str
    body: Layout | None
    has_header: bool
    series: int
    blocks: dict[int, Layout]
    newest: Layout | None
    head: str


@functools.lru_cache(maxsize=512)
def _shape(record_type: int) -> _Shape | None:
    record = sources.records().get(record_type)
    if record is None:
        return None
    name = f"R{record_type}"
    if not sources.is_known(name):
        return _Shape(record.kind, None, False, 0, {}, None, "")
    body = layout(name)
    blocks = {}
    for number in record.blocks:
        found = block_layout(record.series, _SAME.get((record.series, number), number))
        if found is not None:
            blocks[number] = found
    newest = blocks[record.blocks[0]] if blocks else None
    has_header = bool(body.steps) and body.steps[0].kind == HEADER
    return _Shape(record.kind, body, has_header, record.series, blocks, newest, record.stable_head)


def decode(record_type: int, body: bytes, archival: int = 0, netmap: int = 0) -> Decoded:
    """Return a record decoded as far as it can be. Never raises for what the bytes are.

    `body` is the record without its header, `archival` its archival timestamp (Unix seconds, 0 if it has none),
    `netmap` the netmap id, of which the top bit is masked.
    """
    # A cache of bounded size: the number is the server's.
    shape = _shape(record_type)
    kind = shape.kind if shape is not None else UNKNOWN
    decoded = Decoded(record_type, kind, body, archival, netmap & 0x7FFF)
    if shape is None or shape.body is None:
        decoded.notes.append((UNKNOWN_RECORD, f"R{record_type}"))
        return decoded
    reader = Reader(body)
    if kind == METADATA:
        decoded.content = _metadata(reader, shape, shape.body, decoded)
    elif shape.newest is None:
        decoded.content = _fields(reader, shape.body, len(body))
    else:
        decoded.content = _event(reader, shape, shape.body, decoded)
    decoded.partial = reader.partial
    decoded.notes = reader.notes
    decoded.ranges = reader.ranges
    return decoded


def decode_message(message_type: int, body: bytes) -> Decoded:
    """Return the host profile in a message of type 6 or 7, decoded as a record is. Its body is one data block."""
    profiles = {number: layout(f"B1.{number}") for number in (149, 140, 135, 111)}
    shape = _Shape(EVENT, layout("M6"), False, 1, profiles, profiles[149], "")
    decoded = Decoded(-message_type, EVENT, body, 0, 0)
    reader = Reader(body)
    decoded.content = _event(reader, shape, layout("M6"), decoded)
    decoded.partial, decoded.notes, decoded.ranges = reader.partial, reader.notes, reader.ranges
    return decoded


def _fields(reader: Reader, body: Layout, end: int) -> Block:
    """Read a body that has fields, and no data block around them."""
    if body.name == "R29":
        header = layout("discovery_header" if end and reader.data[14:15] > b"\0" else "discovery_header@short")
        if end - header.width == layout("R29@4").parsers[1].size:  # type: ignore[union-attr]
            body = layout("R29@4")
    return reader.content(body, 0, end)


def _event(reader: Reader, shape: _Shape, body: Layout, decoded: Decoded) -> Block:
    """Read a body that is a data block, behind a discovery event header where the record has one."""
    content = Block(body, [])
    at, end = 0, len(reader.data)
    if shape.has_header:
        header, at = reader.discovery_header(0, end, A_BLOCK)
        if header is None:
            reader.doubt(TRUNCATED, body.name, 0, end)
            return content
        content.values.append(header)
    if at + 8 > end:
        reader.doubt(TRUNCATED, body.name, at, end)
        return content
    block = _outermost(reader, shape, at, end, decoded)
    if block is not None:
        content.values.append(block)
    return content


def _outermost(reader: Reader, shape: _Shape, at: int, end: int, decoded: Decoded) -> Block | None:
    """Read the outermost data block: by its number, or by the newest known layout of the record."""
    number, length = _block_header(reader.data, at)
    decoded.block_number = number
    where = f"B{shape.series}.{number}"
    if length < 8:
        reader.doubt(WRONG_LAYOUT, where, at, end)
        return None
    its = shape.blocks.get(number)
    if its is None:
        reader.doubt(UNKNOWN_BLOCK, where, 0, 0)
    stop = at + length
    if stop < end:
        reader.notes.append((LEFT_OVER, where))
        reader.ranges.append((stop, end))
    reader.blocks += 1
    return reader.content(
        its or shape.newest,  # type: ignore[arg-type]
        at + 8,
        min(stop, end),
        its is not None,
        shape.head,
        stop > end,
    )


def _metadata(reader: Reader, shape: _Shape, body: Layout, decoded: Decoded) -> Block | None:
    """Read a metadata record: a data block if its second word is the length of the body, else fields.

    Records were seen in both forms. Where the tables say fields, a second word may be the length by chance (a rule
    number, say): fields are believed if they end where the body does.
    """
    end = len(reader.data)
    number, length = _block_header(reader.data, 0) if end >= 8 else (-1, -1)
    if shape.newest is not None:
        other = f"{body.name}@5"
        fields = layout(other) if sources.is_known(other) else shape.newest
        if length == end or (number in shape.blocks and not _ends(reader, fields, end)):
            return _outermost(reader, shape, 0, end, decoded)
        return reader.content(fields, 0, end)
    its = _as_block(f"{body.name}@block", number) if length == end and not _ends(reader, body, end) else None
    if its is not None:
        decoded.block_number = number
        return reader.block(its, number, 0, end, its.number == number)
    return reader.content(body, 0, end)


def _ends(reader: Reader, its: Layout, end: int) -> bool:
    """Return whether a layout ends where the body does."""
    found = reader.run(its, 0, end)
    return not found.fault and found.at == end


def _as_block(form: str, number: int) -> Layout | None:
    """Return the layout of the data block that a record of fields turned out to be, None if it is not known."""
    if sources.is_known(form):
        return block_layout(2, int(sources.fields(form)[0][1].rpartition(".")[2][:-1]))
    return block_layout(2, number)
