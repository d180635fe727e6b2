"""The server's bytes for tests of the session, built by hand and not with the code under test."""

from __future__ import annotations

import struct


def event(
    payload: bytes, archival: int | None = 1000, *, message_type: int = 4, record_type: int = 71, version: int = 1
) -> bytes:
    if archival is None:
        body = struct.pack(">HHI", 0x8001, record_type, len(payload)) + payload
    else:
        body = struct.pack(">HHIII", 0x8001, record_type, len(payload), archival, 0) + payload
    return message(message_type, body, version)


def message(message_type: int, body: bytes = b"", version: int = 1) -> bytes:
    return struct.pack(">HHI", version, message_type, len(body)) + body


def bundle(sequence: int, *messages: bytes) -> bytes:
    return message(4002, struct.pack(">II", 1_700_000_000, sequence) + b"".join(messages))


def error(code: int, text: bytes) -> bytes:
    return message(1, struct.pack(">iH", code, len(text)) + text)
