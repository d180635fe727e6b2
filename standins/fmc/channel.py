"""The server's end of one connection: the socket with TLS, waiting, reading, and the ways to end.

It knows no messages. It blocks only in `Channel.wait` and, after it has ended its side, until the client has ended.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from typing import Any, Callable, NoReturn, cast

from standins.fmc.behaviour import Behaviour
from standins.fmc.pki import Pki
from standins.fmc.waker import Waker

HANDSHAKE_SECONDS = 10.0
"""Seconds after which the server cuts off a client that has not finished its handshake."""

LINGER_SECONDS = 2.0
"""Seconds for which the server continues to read after it ended its side, so that a reset does not destroy its last
bytes."""

IGNORE_UNEXPECTED_EOF = 0x80
"""An option that Python 3.9 sets: with it, a client that vanishes looks like a client that closes with a TLS
farewell."""

_TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Ended(Exception):
    """The connection is over; the text says how it ended."""


def server_context(pki: Pki, behaviour: Behaviour) -> ssl.SSLContext:
    """Return the certificates that the server shows and trusts, and the versions of TLS that it speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions = sorted(_TLS_VERSIONS[version] for version in behaviour.tls)
    context.minimum_version, context.maximum_version = versions[0], versions[-1]
    context.options &= ~IGNORE_UNEXPECTED_EOF
    # Tests use old certificates that a client must refuse: the server has to be able to show them.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    files = pki.server(behaviour.server_certificate)
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    if behaviour.trust_foreign_clients:
        context.load_verify_locations(cadata=pki.foreign_ca_pem)
    else:
        context.load_verify_locations(pki.ca_path)
    return context


class Channel:
    """One accepted socket, in clear until `shake_hands`. `wake` may be called from any thread."""

    def __init__(self, plain: socket.socket) -> None:
        self.socket: socket.socket = plain
        self.deaf = False
        """Whether the server does not read."""
        self._waker = Waker()
        self._stopping = False

    def wake(self) -> None:
        """Make `wait` return, because there may be something to send."""
        self._waker.wake()

    def stop(self) -> None:
        """End the connection, because the server stops."""
        self._stopping = True
        self._waker.wake()

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Make it possible to wait for the socket, until the context ends."""
        with selectors.DefaultSelector() as self._selector:
            self._selector.register(self._waker.end, selectors.EVENT_READ)
            self._selector.register(self.socket, selectors.EVENT_READ)
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield

    def close(self) -> None:
        """Close the socket; `wake` and `stop` do nothing from here on."""
        self.socket.close()
        self._waker.close()

    def listen(self, on: bool) -> None:
        """Stop reading, or continue to read."""
        self.deaf = not on

    def wait(self, timeout: float | None, *, write: bool, read: bool = True) -> None:
        """Wait until the socket is ready, `wake` was called, or the time is over. Raises Ended when the server
        stops."""
        interest = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        self._watch(interest)
        self._selector.select(timeout)
        self._waker.woken()
        if self._stopping:
            self._shut("close", "server stopped")
            raise Ended("server stopped")

    def _watch(self, interest: int) -> None:
        registered = self.socket in self._selector.get_map()
        if interest and registered:
            self._selector.modify(self.socket, interest)
        elif interest:
            self._selector.register(self.socket, interest)
        elif registered:
            self._selector.unregister(self.socket)

    # The handshake

    def shake_hands(self, context: ssl.SSLContext) -> tuple[str | None, str | None]:
        """Do the TLS handshake; return the version of TLS and the common name of the client. Raises Ended when it
        fails."""
        self._selector.unregister(self.socket)
        try:
            # Python 3.9 leaks the socket if the client is gone at the moment of wrapping.
            self.socket.getpeername()
            tls = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
        except OSError as error:
            raise Ended(f"handshake failed: {error}") from error
        self.socket = tls
        self._selector.register(tls, selectors.EVENT_READ)
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        while not self._shaken(tls):
            if time.monotonic() >= deadline:
                raise Ended("handshake failed: it took too long")
            self.wait(max(0.0, deadline - time.monotonic()), write=False)
        return tls.version(), _common_name(tls)

    def _shaken(self, tls: ssl.SSLSocket) -> bool:
        try:
            tls.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            ended = f"handshake failed: {getattr(error, 'reason', None) or error}"
            # A reset must not destroy the alert that names the reason.
            with contextlib.suppress(Ended, OSError):
                self.shut_below_tls()
                self.drain(LINGER_SECONDS)
            raise Ended(ended) from error
        return True

    # Reading and ending

    def received(self) -> tuple[bytes, str | None]:
        """Return the bytes that arrived, and how the client ended the connection if it did."""
        parts: list[bytes] = []
        while True:
            try:
                data = self.socket.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                return b"".join(parts), None
            except ssl.SSLEOFError:
                return b"".join(parts), "client vanished"
            except ConnectionResetError:
                return b"".join(parts), "client reset"
            except ssl.SSLError as error:
                ragged = "EOF" in (error.reason or "")
                return b"".join(parts), "client vanished" if ragged else f"client sent a TLS alert: {error.reason}"
            except OSError as error:
                return b"".join(parts), f"client vanished: {error}"
            if not data:
                return b"".join(parts), "client closed"
            parts.append(data)

    def end(self, how: str, ended: str, overhear: Callable[[bytes], None]) -> NoReturn:
        """End the connection in one of the ways of `standins.fmc.behaviour.ENDINGS`. Raises Ended.

        Bytes that the client still sends go to `overhear`.
        """
        self._shut(how, ended)
        if self.deaf:
            with contextlib.suppress(Ended):
                self.drain(LINGER_SECONDS)
        else:
            self._linger(overhear)
        raise Ended(ended)

    def _shut(self, how: str, ended: str) -> None:
        """End the server's side. Raises Ended after a reset, since the client cannot answer it."""
        with contextlib.suppress(OSError, ValueError):
            if how == "rst":
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise Ended(ended)
            if how == "close" and isinstance(self.socket, ssl.SSLSocket):
                with contextlib.suppress(ssl.SSLError):
                    self.socket.unwrap()
            self.shut_below_tls()

    def shut_below_tls(self) -> None:
        """Send a FIN. The method of SSLSocket would forget the session that is still needed to read."""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def _linger(self, overhear: Callable[[bytes], None]) -> None:
        """Continue to read for `LINGER_SECONDS`, so that a reset does not destroy the last bytes that were sent.

        After a TLS farewell, bytes that the client still sends may be lost.
        """
        self._watch(selectors.EVENT_READ)
        deadline = time.monotonic() + LINGER_SECONDS
        while not self._stopping and time.monotonic() < deadline:
            data, over = self.received()
            overhear(data)
            if over:
                # OpenSSL may refuse to read anything after its own farewell.
                with contextlib.suppress(Ended):
                    self.drain(deadline - time.monotonic())
                return
            self._selector.select(max(0.0, deadline - time.monotonic()))
            self._waker.woken()

    def drain(self, seconds: float | None = None) -> NoReturn:
        """Read and discard bytes, without TLS, until the client is gone or the time is over. Raises Ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise Ended("client stayed")
            self.wait(left, write=False)
            try:
                if not socket.socket.recv(self.socket, 65536):
                    raise Ended("client closed before the handshake")
            except BlockingIOError:
                continue
            except OSError as error:
                raise Ended("client reset") from error


def _common_name(tls: ssl.SSLSocket) -> str | None:
    subject = (tls.getpeercert() or {}).get("subject", ())
    names = {str(name): str(value) for relative in subject for name, value in cast(Any, relative)}
    return names.get("commonName")
