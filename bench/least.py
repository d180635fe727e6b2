"""The least that is correct: the work of a client without time, bookmark and acknowledgment on an event."""

from __future__ import annotations

import os
import struct

FORBIDDEN = tuple(code for code in range(32) if code not in (9, 10, 13))
HEAD, BETWEEN, TAIL = b"<event><data>", b"</data></event>\n<event><data>", b"</data></event>\n"

_HEADER = struct.Struct(">HHI")
_EVENT_DATA, _BUNDLE = 4, 4002


class Least:
    """Does the least that is correct, and writes events to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        os.write(descriptor, b"<stream>")

    def take(self, data: bytes) -> int:
        """Frame, check, escape and write the next bytes; return the number of events that they completed."""
        buffer, position, payloads = self._rest + data, 0, []
        unpack = _HEADER.unpack_from
        while position + 8 <= len(buffer):
            _, kind, length = unpack(buffer, position)
            if kind == _BUNDLE:
                position += 16
                continue
            after = position + 8 + length
            if after > len(buffer):
                break
            if kind == _EVENT_DATA:
                payloads.append(buffer[position + 24 : after])
            position = after
        self._rest = buffer[position:]
        if payloads:
            self._write(payloads)
        return len(payloads)

    def _write(self, payloads: list[bytes]) -> None:
        joined = b"\n".join(payloads)
        if any(code in joined for code in FORBIDDEN):
            raise ValueError("a character that XML forbids")
        if not joined.isascii():
            b"\n".join([payload for payload in payloads if not payload.isascii()]).decode("utf-8")
        escaped = joined.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
        view = memoryview(HEAD + escaped.replace(b"\n", BETWEEN) + TAIL)
        while view:
            view = view[os.write(self._descriptor, view) :]
