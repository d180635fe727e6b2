"""Texts with a wanted CRC-32, as anybody can make them who knows what else is in an event: CRC-32 is linear."""

from __future__ import annotations

import zlib

LETTERS = 64
"""How many letters the maker of an event has to choose: twice what is needed."""

_PLAIN, _OTHER = b"a", b"q"


def forged(before: bytes, after: bytes, checksum: int) -> bytes:
    """Return `before`, so many letters, and `after`, with this CRC-32. Each letter is one of two."""
    plain = before + _PLAIN * LETTERS + after
    start = zlib.crc32(plain)
    changes = []
    for place in range(LETTERS):
        at = len(before) + place
        changes.append(zlib.crc32(plain[:at] + _OTHER + plain[at + 1 :]) ^ start)
    chosen = _subset(changes, start ^ checksum)
    letters = b"".join(_OTHER if place in chosen else _PLAIN for place in range(LETTERS))
    found = before + letters + after
    assert zlib.crc32(found) == checksum
    return found


def _subset(changes: list[int], wanted: int) -> set[int]:
    """Return the places whose changes together are the wanted one: Gaussian elimination over bits."""
    reduced: dict[int, tuple[int, int]] = {}
    for place, alone in enumerate(changes):
        change, places = alone, 1 << place
        while change:
            bit = change.bit_length() - 1
            if bit not in reduced:
                reduced[bit] = change, places
                break
            change ^= reduced[bit][0]
            places ^= reduced[bit][1]
    chosen = 0
    while wanted:
        change, places = reduced[wanted.bit_length() - 1]
        wanted ^= change
        chosen ^= places
    return {place for place in range(len(changes)) if chosen >> place & 1}
