"""The eStreamer server: it listens, has a thread for each connection, and reports on all connections.

The code for one connection is in `session`.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Callable, Generic, TypeVar

from standins.fmc.behaviour import Behaviour
from standins.fmc.channel import Channel
from standins.fmc.delivery import Source
from standins.fmc.pki import Pki, shared_pki
from standins.fmc.record import Connection, Record
from standins.fmc.session import Session
from standins.fmc.strict import Goodbye
from standins.fmc.waker import Waker

if TYPE_CHECKING:
    from types import TracebackType


Archived = TypeVar("Archived", bound=Source)
"""The type of a server's archive, so that a test that adds events has the methods of its own kind of archive."""


class FmcServer(Generic[Archived]):
    """An eStreamer server on a loopback port; a context manager.

    It sends the records of `archive`, which remains after the server's end, and shows the certificates of `pki`.
    `behaviour` may be replaced at any time: it applies to later connections. `port` 0 selects a free port, which is
    known after the start.
    """

    def __init__(
        self,
        archive: Archived,
        pki: Pki | None = None,
        behaviour: Behaviour | None = None,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.archive = archive
        self.pki = pki or shared_pki()
        self.behaviour = behaviour or Behaviour()
        self.address = address
        self.port = port
        self.record = Record()
        self.restarts = 0
        self._lifecycle = threading.RLock()
        self._listener: _Listener | None = None
        self._port_kept = False
        self._restarters: list[threading.Thread] = []

    def __enter__(self) -> FmcServer[Archived]:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def connections(self) -> list[Connection]:
        """All connections so far, in the order in which they were accepted."""
        return self.record.connections

    @property
    def violations(self) -> list[str]:
        """A sentence for each breach of the protocol by a client."""
        return self.record.violations

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the server certificate, in hexadecimal."""
        return self.pki.server(self.behaviour.server_certificate).fingerprint

    @property
    def goodbyes(self) -> list[Goodbye]:
        """The error messages in which clients gave the reason for closing, in the order of the connections."""
        with self.record.changed:
            return [connection.goodbye for connection in self.connections if connection.goodbye]

    @property
    def events(self) -> int:
        """Events sent on all connections."""
        with self.record.changed:
            return sum(connection.events for connection in self.connections)

    def pkcs12(self, *, password: str = "", encryption: str = "aes-256") -> bytes:
        """Return the PKCS#12 file of a client at the address on which the server listens."""
        return self.pki.pkcs12(self.address, password=password, encryption=encryption)

    def start(self) -> None:
        """Listen, and return as soon as the server accepts connections. Raises OSError if the port is in use."""
        with self._lifecycle:
            if self._listener is not None:
                raise RuntimeError("the server is running")
            self._keep_port()
            self._listener = _Listener(self)
            self.port = self._listener.port

    def _keep_port(self) -> None:
        """Keep the port for as long as this object lives: no client may get it as its own while the server is down.

        A socket that is bound and does not listen refuses connections, and lets another one be bound on Linux.
        """
        if self._port_kept or sys.platform != "linux":
            return
        kept = _bound(self.address, self.port)
        weakref.finalize(self, kept.close)
        self._port_kept = True
        self.port = kept.getsockname()[1]

    def stop(self) -> None:
        """End all connections, without a message as a real server does, and stop listening."""
        with self._lifecycle:
            listener, self._listener = self._listener, None
            if listener is not None:
                listener.stop()
        for thread in self._restarters:
            if thread is not threading.current_thread():
                thread.join()

    def restart(self) -> None:
        """Stop and start again on the same port, with the same archive."""
        with self._lifecycle:
            if self._listener is None:
                return
            listener, self._listener = self._listener, None
            listener.stop()
            self.start()
        with self.record.changed:
            self.restarts += 1
            self.record.changed.notify_all()

    def assert_clean(self) -> None:
        """Raise AssertionError with a sentence for each breach of the protocol by a client, if there was any."""
        with self.record.changed:
            if self.violations:
                raise AssertionError("\n".join(self.violations))

    def wait_for(self, condition: Callable[[FmcServer], bool], timeout: float = 20.0) -> None:
        """Wait until `condition(server)` is true. Raises TimeoutError with the state of the server after `timeout`
        seconds."""
        with self.record.changed:
            if not self.record.changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError(f"after {timeout} s: {self.connections}, violations: {self.violations}")

    def wait_for_all_acknowledged(self, events: int) -> None:
        """Wait until this number of events was sent on the first connection, and all of them are acknowledged."""

        def acknowledged(_: FmcServer) -> bool:
            first = self.connections[0] if self.connections else None
            return first is not None and first.events == events and first.acknowledgements == first.expected

        self.wait_for(acknowledged)

    def wait_for_standstill(self, seconds: float = 0.3, timeout: float = 60.0) -> None:
        """Wait until no event was sent or acknowledged for `seconds`, either because all were sent or because the
        clients do not read. Raises TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self.record.changed:
            while self._moves_within(seconds):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no standstill in {timeout} s: {self.connections}")

    def _moves_within(self, seconds: float) -> bool:
        before = self._progress()
        return self.record.changed.wait_for(lambda: self._progress() != before, seconds)

    def _progress(self) -> list[tuple[int, int]]:
        return [(connection.events, connection.acknowledgements) for connection in self.connections]

    def restart_aside(self) -> None:
        """Restart in a thread of its own, since the caller is a connection that the restart ends."""
        thread = threading.Thread(target=self.restart, name="fmc restart", daemon=True)
        self._restarters.append(thread)
        thread.start()


def _bound(address: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; port 0 selects a free one. Raises OSError if the port is in use."""
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


class _Listener:
    """Accepts connections and keeps their threads, until it is stopped."""

    def __init__(self, server: FmcServer) -> None:
        self._server = server
        self._stopping = False
        self._waker = Waker()
        self._sessions: list[Session] = []
        self._threads: list[threading.Thread] = []
        try:
            self._socket = _bound(server.address, server.port)
        except OSError:
            self._waker.close()
            raise
        try:
            self._socket.listen(32)
        except OSError:
            self._socket.close()
            self._waker.close()
            raise
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="fmc listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._waker.wake()
        self._thread.join()
        for session in self._sessions:
            session.stop()
        for thread in self._threads:
            thread.join()
        self._waker.close()

    def _run(self) -> None:
        with self._socket, selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._waker.end, selectors.EVENT_READ)
            while not self._stopping:
                selector.select()
                if not self._stopping:
                    self._accept()

    def _accept(self) -> None:
        try:
            plain, peer = self._socket.accept()
        except OSError:
            return
        server = self._server
        connection = server.record.opened(peer[0])
        session = Session(
            Channel(plain),
            server.behaviour,
            server.pki,
            server.archive,
            connection,
            server.record,
            server.restart_aside,
        )
        thread = threading.Thread(target=session.run, name=f"fmc connection {session.number}", daemon=True)
        self._sessions.append(session)
        self._threads.append(thread)
        thread.start()
