"""Servers that each do one thing to a client, right or wrong, on loopback."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

from estreamer.connection import pkcs12, tls

from standins.fmc.pki import Pki

PATIENCE = 10.0
"""Seconds after which a test that waits has failed."""

Handler = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(handler: Handler, family: int = socket.AF_INET, connections: int = 1) -> Iterator[int]:
    """Accept so many connections, let `handler` have each, one after the other; yields the port."""
    listener = socket.socket(family)
    listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    listener.listen(8)
    listener.settimeout(PATIENCE)
    thread = threading.Thread(target=_serve, args=(listener, handler, connections), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Wakes an accept that nobody has come for.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive()


def _serve(listener: socket.socket, handler: Handler, connections: int) -> None:
    for _ in range(connections):
        try:
            accepted, _ = listener.accept()
        except OSError:
            return
        with accepted:
            accepted.settimeout(PATIENCE)
            # A client that goes away is what many of these tests are about.
            with contextlib.suppress(OSError):
                handler(accepted)


def server_context(
    pki: Pki, variant: str = "good", *, client_ca: Path | None = None, newest: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """A context that asks for a client certificate of the CA in `client_ca`, or of the same CA."""
    files = pki.server(variant)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client_ca or pki.ca_path)
    if newest is not None:
        context.maximum_version = newest
    return context


def over_tls(context: ssl.SSLContext, talk: Callable[[ssl.SSLSocket], object]) -> Handler:
    """A handler that completes the handshake and then lets `talk` speak."""

    def handler(accepted: socket.socket) -> None:
        with context.wrap_socket(accepted, server_side=True) as secure:
            talk(secure)

    return handler


def until_closed(secure: ssl.SSLSocket) -> None:
    """Read until the client has gone."""
    while secure.recv(65536):
        pass


def reset(connection: socket.socket) -> None:
    """Close so that the peer gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait(descriptor: int, for_write: bool, timeout: float | None) -> bool:
    """The simplest `tls.Wait`."""
    wanted = [descriptor]
    readable, writable, _ = select.select([] if for_write else wanted, wanted if for_write else [], [], timeout)
    return bool(readable or writable)


def credentials(pki: Pki, **how: object) -> pkcs12.Credentials:
    """The credentials of a client of that Management Center; `how` as `Pki.pkcs12` takes it."""
    return pkcs12.read(pki.pkcs12(**how), "", datetime.now(timezone.utc), allow_legacy=True)  # type: ignore[arg-type]


def connect(
    port: int,
    known: pkcs12.Credentials,
    host: str = "127.0.0.1",
    *,
    legacy: bool = False,
    fingerprint: str | None = None,
    timeout: float = PATIENCE,
) -> tls.Connection:
    """Connect as an input does."""
    return tls.connect(host, port, known, fingerprint=fingerprint, legacy=legacy, timeout=timeout, wait=wait)


def receive(connection: tls.Connection) -> bytes:
    """Wait for the next bytes, or the end, only where the connection says that it has nothing more."""
    while True:
        if not connection.has_more():
            assert wait(connection.fileno(), False, PATIENCE), "nothing came"
        data = connection.receive(65536)
        if data is not None:
            return data
