"""The floors to measure the input against: clients that do less.

    python bench/clients.py discard|least HOST PORT PKCS12

`discard` receives, decrypts and throws away. `least` does the least that is correct: it frames, makes sure that the
text is legal, escapes and writes; no time, no bookmark, no acknowledgement. Both end when nothing has come for two
seconds, and print the CPU seconds that they took after connecting to stderr.
"""

from __future__ import annotations

import os
import select
import struct
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from estreamer import pkcs12, request, tls, wire

RECEIVE_SIZE = 256 * 1024
QUIET = 2.0
FORBIDDEN = bytes(code for code in range(32) if code not in (9, 10, 13))
HEAD, BETWEEN, TAIL = b"<event><data>", b"</data></event>\n<event><data>", b"</data></event>\n"


def main(mode: str, host: str, port: str, file: str) -> None:
    """Connect, ask for everything, and do what the mode says."""
    credentials = pkcs12.read(Path(file).read_bytes(), "", datetime.now(timezone.utc), False)
    connection = tls.connect(
        host, int(port), credentials, fingerprint=None, legacy=False, timeout=10, wait=wait, progress=None
    )
    document = request.document({name: request.DEFAULT_FIELDS[name] for name in request.DEFAULT_EVENT_TYPES})
    connection.send(wire.encode_event_stream_request(wire.OLDEST, wire.EXTENDED_HEADERS, document))
    begun = time.process_time()
    count = discard(connection) if mode == "discard" else least(connection)
    sys.stderr.write(f"{time.process_time() - begun:.6f} {count}\n")


def wait(descriptor: int, for_write: bool, timeout: float | None) -> bool:
    """Wait for a descriptor."""
    readable, writable = ([], [descriptor]) if for_write else ([descriptor], [])
    return any(select.select(readable, writable, [], timeout)[:2])


def received(connection: tls.Connection) -> Iterator[bytes]:
    """Yield what comes until it is quiet."""
    while True:
        data = connection.receive(RECEIVE_SIZE)
        if data:
            yield data
        elif data is not None or not wait(connection.fileno(), False, QUIET):
            return


def discard(connection: tls.Connection) -> int:
    """Throw everything away; return the number of bytes."""
    return sum(map(len, received(connection)))


def least(connection: tls.Connection) -> int:
    """Write every event as XML; return their number."""
    count, rest = 0, b""
    unpack = struct.Struct(">HHI").unpack_from
    os.write(1, b"<stream>")
    for data in received(connection):
        buffer, position, payloads = rest + data, 0, []
        while position + 8 <= len(buffer):
            _, kind, length = unpack(buffer, position)
            if kind == wire.BUNDLE:
                position += 16
                continue
            after = position + 8 + length
            if after > len(buffer):
                break
            if kind == 4:
                payloads.append(buffer[position + 24 : after])
            position = after
        rest = buffer[position:]
        if payloads:
            write(b"\n".join(payloads))
            count += len(payloads)
    return count


def write(joined: bytes) -> None:
    """Check, escape and write events that newlines separate."""
    if len(joined.translate(None, FORBIDDEN)) != len(joined) or not joined.isascii():
        joined.decode("utf-8")
    escaped = joined.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    view = memoryview(HEAD + escaped.replace(b"\n", BETWEEN) + TAIL)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
