"""Bytes and eStreamer messages: pure functions and constants, no state.

Sources, named where they matter: [FQE] Cisco's guide to fully-qualified events, [INT] the eStreamer integration
guide, [W] what one real Management Center was seen to send (see docs/protocol.md). All integers are big endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

NULL = 0
ERROR = 1
EVENT_STREAM_REQUEST = 2
EVENT_DATA_TYPES = frozenset((3, 4))
"""Type 3 in [FQE], type 4 in [INT] and [W]: both mean event data."""
BUNDLE = 4002

HEADER = struct.Struct(">HHI")
"""Version, message type, length of what follows."""
BUNDLE_HEADER = struct.Struct(">II")
"""Connection id (a Unix time [W]), sequence number (starts at 1 [W])."""
RECORD_HEADER = struct.Struct(">HHI")
"""Netmap id (its top bit may be set), record type, length of the payload."""
EXTENDED_RECORD_HEADER = struct.Struct(">HHIII")
"""The record header followed by the archival timestamp and a reserved field."""
_REQUEST = struct.Struct(">HHIII")
_ERROR_BODY = struct.Struct(">iH")

VERSIONS = frozenset((0, 1))
"""Messages inside a bundle carry version 0, bare ones version 1 [W]."""

MAX_MESSAGE_LENGTH = 16 * 1024 * 1024
"""A longer message is a broken peer: a packet has 64 KiB, a bundle a few hundred events."""

CLIENT_ERROR_CODE = -1
"""The code that [FQE] recommends for a client's own error messages."""

EXTENDED_HEADERS = 1 << 23
"""Request flag: event data carry the archival timestamp, on which the bookmark depends."""

NOW = 0xFFFFFFFF
"""Initial timestamp: only what happens from the request on."""
OLDEST = 0
"""Initial timestamp: everything that the server still has."""

NULL_MESSAGE = HEADER.pack(1, NULL, 0)


@dataclass(frozen=True)
class ErrorMessage:
    """An error message of the server: its code and its text, decoded leniently."""

    code: int
    text: str


def encode_error(text: str, code: int = CLIENT_ERROR_CODE) -> bytes:
    """Return an error message; text beyond 65,535 bytes of UTF-8 is cut."""
    encoded = text.encode("utf-8", "replace")[:0xFFFF]
    body = _ERROR_BODY.pack(code, len(encoded)) + encoded
    return HEADER.pack(1, ERROR, len(body)) + body


def encode_event_stream_request(timestamp: int, flags: int, document: bytes = b"") -> bytes:
    """Return an event stream request with the JSON `document` of a request for fully-qualified events, if any.

    `timestamp` is `OLDEST`, `NOW` or Unix seconds. The declared length counts timestamp, flags and document, and no
    NUL follows: the reading that a real server answered [W].
    """
    return _REQUEST.pack(1, EVENT_STREAM_REQUEST, 8 + len(document), timestamp, flags) + document


def decode_error(body: bytes) -> ErrorMessage:
    """Return the error message in `body`, however short: a server's last words are worth showing."""
    if len(body) < _ERROR_BODY.size:
        return ErrorMessage(0, body.decode("utf-8", "replace"))
    code, length = _ERROR_BODY.unpack_from(body)
    text = body[_ERROR_BODY.size : _ERROR_BODY.size + length]
    return ErrorMessage(code, text.decode("utf-8", "replace").rstrip("\0\r\n "))
