"""Lower limits to compare the input with: clients that do less.

    python bench/clients.py discard|least HOST PORT PKCS12

`discard` receives, decrypts and throws the bytes away. `least` does the least that is correct: it frames, checks that
the text is legal, escapes and writes; no time, no bookmark, no acknowledgment. Both end when nothing has arrived for
two seconds, and print the CPU seconds that they used after the connection to stderr.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from estreamer.connection import pkcs12, tls
from estreamer.protocol import fully_qualified, wire

from bench.least import Least

RECEIVE_SIZE = 256 * 1024
QUIET = 2.0


def main(mode: str, host: str, port: str, file: str) -> None:
    """Connect, request everything, and run the mode."""
    credentials = pkcs12.read(Path(file).read_bytes(), "", datetime.now(timezone.utc), False)
    connection = tls.connect(
        host, int(port), credentials, fingerprint=None, legacy=False, timeout=10, wait=wait, progress=None
    )
    document = fully_qualified.document(
        {name: fully_qualified.DEFAULT_FIELDS[name] for name in fully_qualified.DEFAULT_EVENT_TYPES}
    )
    connection.send(wire.encode_event_stream_request(wire.OLDEST, wire.EXTENDED_HEADERS, document))
    begun = time.process_time()
    count = discard(connection) if mode == "discard" else least(connection)
    sys.stderr.write(f"{time.process_time() - begun:.6f} {count}\n")


def wait(descriptor: int, for_write: bool, timeout: float | None) -> bool:
    """Wait for a descriptor."""
    readable, writable = ([], [descriptor]) if for_write else ([descriptor], [])
    return any(select.select(readable, writable, [], timeout)[:2])


def received(connection: tls.Connection) -> Iterator[bytes]:
    """Yield bytes as they arrive, until it is quiet."""
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
    writing = Least(1)
    return sum(map(writing.take, received(connection)))


if __name__ == "__main__":
    main(*sys.argv[1:])
