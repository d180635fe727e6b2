"""The bytes of a packet as a dump: rows of sixteen bytes, each with the layers that it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .layers import Decoded

ROW = 16
"""Bytes in a row of a dump."""


@dataclass(frozen=True)
class DumpRow:
    """Up to 16 bytes of a packet: where they begin, in hexadecimal, as text, and the layers that begin among them."""

    offset: int
    hex: str
    text: str
    layers: tuple[str, ...]


def text_of(content: bytes) -> str:
    """Return bytes as a dump shows them: printable ASCII as it is, a dot for each other byte."""
    return content.translate(_PRINTABLE).decode("ascii")


_PRINTABLE = bytes(byte if 0x20 <= byte < 0x7F else 0x2E for byte in range(256))


def dump(content: bytes, decoded: Decoded) -> Iterator[DumpRow]:
    """Yield the rows of a packet's dump."""
    begins = [(layer.offset, layer.name) for layer in decoded.layers]
    if decoded.payload_length:
        begins.append((decoded.payload_offset, "Payload"))
    for offset in range(0, len(content), ROW):
        piece = content[offset : offset + ROW]
        names = tuple(name for begin, name in begins if offset <= begin < offset + ROW)
        yield DumpRow(offset, piece.hex(" "), text_of(piece), names)
