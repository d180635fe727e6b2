"""Bookmarks as version 0.1.0 of the add-on wrote them, by the layout that `estreamer.bookmark.journal` describes."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from estreamer.bookmark.bookmark import folder_of

FIRST_LINE = b"SFE-BOOKMARK 1\n"
STATE, WRITTEN, WRITTEN_WITH_IDENTITIES, SETTLED = 1, 2, 3, 4


def digest(payload: bytes) -> int:
    return len(payload) << 32 | zlib.crc32(payload)


def identity(text: bytes) -> int:
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")


def write(where: Path, stanza: str, *records: bytes) -> Path:
    """Write the only generation of a bookmark; return it."""
    folder = Path(folder_of(str(where), stanza))
    folder.mkdir(parents=True)
    generation = folder / "0000000001.journal"
    generation.write_bytes(FIRST_LINE + b"".join(records))
    return generation


def state(stanza: str, source: str, start: int, reader: str, written: int = 0) -> bytes:
    told = {"stanza": stanza, "source": source, "start": start, "reader": reader, "styles": {}}
    return _record(STATE, json.dumps({**told, "written": written, "settled": 0}).encode())


def written(
    first: int, archival: int, payloads: Sequence[bytes], identities: Sequence[bytes | None] | None = None
) -> bytes:
    """Events of one archival second, the first of which has this number."""
    body = struct.pack(">QII", first, archival, len(payloads))
    body += b"".join(struct.pack("<Q", digest(payload)) for payload in payloads)
    if identities is None:
        return _record(WRITTEN, body)
    numbers = [0 if one is None else identity(one) for one in identities]
    return _record(WRITTEN_WITH_IDENTITIES, body + b"".join(struct.pack("<Q", number) for number in numbers))


def settled(sequence: int) -> bytes:
    return _record(SETTLED, struct.pack(">Q", sequence))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack(">IIB", zlib.crc32(body, zlib.crc32(bytes([kind]))), len(body), kind) + body
