"""Lower limits to compare the input with: clients that do less.

    python bench/clients.py lean HOST PORT PKCS12 BYTES
    python bench/clients.py discard|least HOST PORT PKCS12

`lean` receives so many bytes by `recv_into`, into one buffer that it made before, and does nothing else: no client in
Python can do less. `discard` receives as the input does, and throws the bytes away. `least` does the least that is
correct: it frames, checks that the text is legal, escapes and writes; no time, no bookmark, no acknowledgment. These
two end when nothing has arrived for two seconds. All print to stderr the CPU seconds that they used after the
connection, and what they counted: bytes, or events.
"""

from __future__ import annotations

import select
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

from estreamer.connection import pkcs12, tls
from estreamer.protocol import fully_qualified, wire

from bench.least import Least

RECEIVE_SIZE = 256 * 1024
QUIET = 2.0
PATIENCE = 600
"""Seconds after which a client that waits for its bytes is ended."""


def main(mode: str, host: str, port: str, file: str, *size: str) -> None:
    """Connect, request everything, and run the mode."""
    credentials = pkcs12.read(Path(file).read_bytes(), "", datetime.now(timezone.utc), False)
    document = fully_qualified.document(
        {name: fully_qualified.DEFAULT_FIELDS[name] for name in fully_qualified.DEFAULT_EVENT_TYPES}
    )
    request = wire.encode_event_stream_request(wire.OLDEST, wire.EXTENDED_HEADERS, document)
    if mode == "lean":
        context = tls.make_context(credentials, False)
        with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as wrapped:
            wrapped.sendall(request)
            report(lambda: lean(wrapped, int(*size)))
        return
    connection = tls.connect(
        host, int(port), credentials, fingerprint=None, legacy=False, timeout=10, wait=wait, progress=None
    )
    connection.send(request)
    report(lambda: discard(connection) if mode == "discard" else least(connection))


def report(run: Callable[[], int]) -> None:
    """Run a client, and print its CPU seconds and what it counted."""
    begun = time.process_time()
    count = run()
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


def lean(wrapped: ssl.SSLSocket, size: int) -> int:
    """Receive so many bytes, and return how many there were. Waits in the system, which costs the least."""
    buffer, count = bytearray(RECEIVE_SIZE), 0
    receive = wrapped.recv_into
    signal.alarm(PATIENCE)
    while count < size:
        came = receive(buffer)
        if not came:
            break
        count += came
    return count


def discard(connection: tls.Connection) -> int:
    """Throw everything away; return the number of bytes."""
    return sum(map(len, received(connection)))


def least(connection: tls.Connection) -> int:
    """Write every event as XML; return their number."""
    writing = Least(1)
    return sum(map(writing.take, received(connection)))


if __name__ == "__main__":
    main(*sys.argv[1:])
