"""The eStreamer server: TLS connections, a thread each, that behave as they are told and watch their client."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import struct
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Generic, NoReturn, TypeVar, cast

from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.delivery import KEEPALIVE, Chunk, Delivery, Source, error_message
from standins.fmc.pki import Pki, shared_pki
from standins.fmc.strict import Acknowledgement, Goodbye, Inspector, Nonsense, Request, asks_for_json, requested

if TYPE_CHECKING:
    from types import TracebackType

HANDSHAKE_SECONDS = 10.0
"""A client that has not finished its handshake by then is cut off."""

LINGER_SECONDS = 2.0
"""How long the server reads on after it ended its side, so that what it sent last is not lost to a reset."""

IGNORE_UNEXPECTED_EOF = 0x80
"""An option that Python 3.9 sets: with it a client that vanishes looks like one that closes in order."""

_RECORD = 16384
"""Bytes of a TLS record. A write of more would let the client see the first records before the write returns, and so
acknowledge what does not count as sent."""

_GARBAGE = bytes(range(255, -1, -1))
_OVERLONG = struct.pack(">HHI", 1, 4, 1 << 30)
_FILLER = b"x" * 65536
_FORGED_RECORD = bytes.fromhex("17 0303 0040") + bytes(64)
_FORGED_RECORDS = 1 + (16 * 1024 + 256) // len(_FORGED_RECORD)
"""More than the rest of the longest record of TLS."""

_ALERT = bytes.fromhex("15 0303 0002 02 28")
_HELLO_REQUESTS = bytes.fromhex("16 0303 0004 00000000") * 1000
"""Records that ask for a handshake. Before its ServerHello a server needs no key for them, and OpenSSL skips them."""

_TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass
class Connection:
    """What is known of one connection; numbers start at 1. The server's lock guards it."""

    number: int
    peer: str
    tls: str | None = None
    client: str | None = None
    timestamp: int | None = None
    flags: int | None = None
    document: bytes = b""
    steps: int = 0
    acknowledgements: int = 0
    expected: int = 0
    """Bundles and bare events that were sent completely: what there is to acknowledge."""
    events: int = 0
    bytes_sent: int = 0
    keep_alives: int = 0
    """Null messages that were sent for want of anything else."""
    goodbye: Goodbye | None = None
    ended: str | None = None
    """How it ended, None while it lasts: `client closed`, `client vanished`, `client reset`, `server stopped`,
    `handshake failed: …`, `refused: …`, or `fault: ` and its action."""


Archived = TypeVar("Archived", bound=Source)
"""What a server serves: a test that adds events to it knows which kind of archive it has."""


class FmcServer(Generic[Archived]):
    """An eStreamer server on a loopback port; a context manager.

    It serves `archive`, which outlives it, and shows the certificates of `pki`. `behaviour` may be replaced at any
    time: connections from then on follow it. `port` 0 takes a free one, known once the server is started.
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
        self.connections: list[Connection] = []
        self.violations: list[str] = []
        self.restarts = 0
        self._changed = threading.Condition()
        self._lifecycle = threading.RLock()
        self._listener: _Listener | None = None
        self._restarters: list[threading.Thread] = []

    def __enter__(self) -> FmcServer[Archived]:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the server certificate, in hexadecimal."""
        return self.pki.server(self.behaviour.server_certificate).fingerprint

    @property
    def goodbyes(self) -> list[Goodbye]:
        """The error messages with which clients said why they close, in order of connection."""
        with self._changed:
            return [connection.goodbye for connection in self.connections if connection.goodbye]

    @property
    def events(self) -> int:
        """Events sent on all connections."""
        with self._changed:
            return sum(connection.events for connection in self.connections)

    def pkcs12(self, *, password: str = "", encryption: str = "aes-256") -> bytes:
        """Return the PKCS#12 file of a client at the address on which the server listens."""
        return self.pki.pkcs12(self.address, password=password, encryption=encryption)

    def start(self) -> None:
        """Listen; returns when connections are accepted. Raises OSError if the port is taken."""
        with self._lifecycle:
            if self._listener is not None:
                raise RuntimeError("the server is running")
            self._listener = _Listener(self)
            self.port = self._listener.port

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
        with self._changed:
            self.restarts += 1
            self._changed.notify_all()

    def assert_clean(self) -> None:
        """Raise AssertionError with a sentence for each breach of the protocol by a client, if there was any."""
        with self._changed:
            if self.violations:
                raise AssertionError("\n".join(self.violations))

    def wait_for(self, condition: Callable[[FmcServer], bool], timeout: float = 20.0) -> None:
        """Return when `condition(server)` holds. Raises TimeoutError, saying what is, after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError(f"after {timeout} s: {self.connections}, violations: {self.violations}")

    def wait_for_all_acknowledged(self, events: int) -> None:
        """Return when so many events were sent on the first connection, and all of them are acknowledged."""

        def acknowledged(_: FmcServer) -> bool:
            first = self.connections[0] if self.connections else None
            return first is not None and first.events == events and first.acknowledgements == first.expected

        self.wait_for(acknowledged)

    def wait_for_standstill(self, seconds: float = 0.3, timeout: float = 60.0) -> None:
        """Return when for so long no event was sent and none acknowledged, whether for want of events or since the
        clients take nothing. Raises TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._moves_within(seconds):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no standstill in {timeout} s: {self.connections}")

    def _moves_within(self, seconds: float) -> bool:
        before = self._progress()
        return self._changed.wait_for(lambda: self._progress() != before, seconds)

    def _progress(self) -> list[tuple[int, int]]:
        return [(connection.events, connection.acknowledgements) for connection in self.connections]

    def _opened(self, peer: str) -> Connection:
        with self._changed:
            connection = Connection(len(self.connections) + 1, peer)
            self.connections.append(connection)
            self._changed.notify_all()
            return connection

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()

    def _restart_aside(self) -> None:
        thread = threading.Thread(target=self.restart, name="fmc restart", daemon=True)
        self._restarters.append(thread)
        thread.start()


class _Waker:
    """Makes a thread that waits for sockets look up."""

    def __init__(self) -> None:
        self.end, self._start = socket.socketpair()
        self.end.setblocking(False)
        self._start.setblocking(False)

    def wake(self) -> None:
        with contextlib.suppress(OSError):
            self._start.send(b"!")

    def woken(self) -> None:
        with contextlib.suppress(OSError):
            self.end.recv(65536)

    def close(self) -> None:
        self.end.close()
        self._start.close()


class _Listener:
    """Accepts connections and keeps their threads, until it is stopped."""

    def __init__(self, server: FmcServer) -> None:
        self._server = server
        self._stopping = False
        self._waker = _Waker()
        self._sessions: list[_Session] = []
        self._threads: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((server.address, server.port))
            self._socket.listen(32)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            self._waker.close()
            raise
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
        session = _Session(self._server, plain, self._server._opened(peer[0]))
        thread = threading.Thread(target=session.run, name=f"fmc connection {session.number}", daemon=True)
        self._sessions.append(session)
        self._threads.append(thread)
        thread.start()


class _Ended(Exception):
    """The connection is over; its text says how."""


def _context(pki: Pki, behaviour: Behaviour) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions = sorted(_TLS_VERSIONS[version] for version in behaviour.tls)
    context.minimum_version, context.maximum_version = versions[0], versions[-1]
    context.options &= ~IGNORE_UNEXPECTED_EOF
    # Old certificates are there for a client to refuse: the server itself has to be able to show them.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    files = pki.server(behaviour.server_certificate)
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    if behaviour.trust_foreign_clients:
        context.load_verify_locations(cadata=pki.foreign_ca_pem)
    else:
        context.load_verify_locations(pki.ca_path)
    return context


class _Session:
    """One connection: a loop over one socket that reads before it writes and never blocks elsewhere."""

    def __init__(self, server: FmcServer, plain: socket.socket, connection: Connection) -> None:
        self.number = connection.number
        self._server = server
        self._behaviour = server.behaviour
        self._connection = connection
        self._faults = [fault for fault in self._behaviour.faults if fault.meant_for(self.number)]
        self._socket: socket.socket = plain
        self._waker = _Waker()
        self._stopping = False
        self._inspector = Inspector()
        self._reported = 0
        self._delivery: Delivery | None = None
        self._outgoing = memoryview(b"")
        self._sent = 0
        self._milestones = Chunk()
        self._unacknowledged: deque[bool] = deque()
        self._acknowledgements = 0
        self._write_size = self._behaviour.write_size
        self._pause = 0.0
        self._next_write = 0.0
        self._deaf = False
        self._muted = False
        self._filling = False
        self._mute_next = False
        self._closing: str | None = None
        self._last_sent = time.monotonic()

    def stop(self) -> None:
        self._stopping = True
        self._waker.wake()

    def run(self) -> None:
        """Serve the connection to its end."""
        self._server.archive.listen(self._waker.wake)
        ended = "server failed"
        try:
            with selectors.DefaultSelector() as self._selector:
                self._selector.register(self._waker.end, selectors.EVENT_READ)
                self._selector.register(self._socket, selectors.EVENT_READ)
                self._serve()
        except _Ended as end:
            ended = str(end)
        finally:
            self._server.archive.forget(self._waker.wake)
            self._socket.close()
            self._inspector.end(orderly=ended == "client closed")
            self._report()
            with self._server._changing():
                self._connection.ended = ended
            self._waker.close()

    def _serve(self) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._moment("accept")
        self._handshake()
        self._moment("handshake")
        self._check_client()
        while True:
            if not self._deaf:
                self._read()
            self._write()
            pausing = self._next_write > time.monotonic()
            writing = bool(self._outgoing) and not self._muted and not pausing
            self._wait(self._timeout(), write=writing, read=not self._deaf)

    def _wait(self, timeout: float | None, *, write: bool, read: bool = True) -> None:
        """Wait until the socket is ready, records were appended, or time is up. Raises _Ended when the server stops."""
        interest = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        registered = self._socket in self._selector.get_map()
        if interest and registered:
            self._selector.modify(self._socket, interest)
        elif interest:
            self._selector.register(self._socket, interest)
        elif registered:
            self._selector.unregister(self._socket)
        self._selector.select(timeout)
        self._waker.woken()
        if self._stopping:
            self._end("close", "server stopped", linger=False)

    def _timeout(self) -> float | None:
        now, quiet = time.monotonic(), self._behaviour.keepalive
        if self._next_write > now:
            return self._next_write - now
        if not quiet or self._muted or self._delivery is None:
            return None
        return max(0.0, self._last_sent + quiet - now)

    # The handshake and who the client is.

    def _handshake(self) -> None:
        context = _context(self._server.pki, self._behaviour)
        self._selector.unregister(self._socket)
        try:
            # Python 3.9 leaks the socket when the client is gone at the moment of wrapping.
            self._socket.getpeername()
            tls = context.wrap_socket(
                self._socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
        except OSError as error:
            raise _Ended(f"handshake failed: {error}") from error
        self._socket = tls
        self._selector.register(tls, selectors.EVENT_READ)
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        while not self._shaken(tls):
            if time.monotonic() >= deadline:
                raise _Ended("handshake failed: it took too long")
            self._wait(max(0.0, deadline - time.monotonic()), write=False)
        with self._server._changing():
            self._connection.tls = tls.version()
            self._connection.client = _common_name(tls)

    def _shaken(self, tls: ssl.SSLSocket) -> bool:
        try:
            tls.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            ended = f"handshake failed: {getattr(error, 'reason', None) or error}"
            # The alert that says why must not be lost to a reset.
            with contextlib.suppress(_Ended, OSError):
                socket.socket.shutdown(tls, socket.SHUT_WR)
                self._drain(LINGER_SECONDS)
            raise _Ended(ended) from error
        return True

    def _check_client(self) -> None:
        if not self._behaviour.check_client_address:
            return
        name, peer = self._connection.client, self._connection.peer
        if name != peer and not (name == "localhost" and peer in {"127.0.0.1", "::1"}):
            self._end("fin", f"refused: {name} does not connect from {peer}")

    # What the client sends.

    def _read(self) -> None:
        data, over = self._received()
        if data:
            messages = self._inspector.receive(data)
            self._report()
            for message in messages:
                self._understand(message)
            with self._server._changing():
                self._connection.acknowledgements = self._acknowledgements
        if over:
            raise _Ended(over)

    def _received(self) -> tuple[bytes, str | None]:
        """Return what there is to read, and how the client left if it did."""
        parts: list[bytes] = []
        while True:
            try:
                data = self._socket.recv(65536)
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

    def _report(self) -> None:
        found = self._inspector.violations[self._reported :]
        if found:
            self._reported += len(found)
            with self._server._changing():
                self._server.violations += [f"connection {self.number}: client {sentence}" for sentence in found]

    def _understand(self, message: object) -> None:
        if isinstance(message, Acknowledgement):
            self._acknowledged()
        elif isinstance(message, Request):
            self._requested(message)
        elif isinstance(message, Goodbye):
            with self._server._changing():
                self._connection.goodbye = message
        elif isinstance(message, Nonsense):
            self._end("fin", "refused: bytes that are no message")

    def _acknowledged(self) -> None:
        self._acknowledgements += 1
        if self._unacknowledged:
            self._unacknowledged.popleft()
            return
        self._inspector.violations.append(
            f"sent acknowledgement {self._acknowledgements}, but only "
            f"{self._connection.expected} bundles and bare events were sent completely"
        )
        self._report()

    def _requested(self, request: Request) -> None:
        with self._server._changing():
            connection = self._connection
            connection.steps += 1
            connection.timestamp, connection.flags = request.timestamp, request.flags
            connection.document = request.document
        if self._delivery is not None:
            return
        styles = {"single": connection.steps == 1, "two-step": connection.steps == 2}
        if request.document and not styles.get(self._behaviour.requests, True):
            self._refuse("A request for events must follow an event stream request")
        elif not request.document and self._behaviour.requests == "single":
            self._refuse("The request has no configuration block")
        elif request.document:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        wanted = requested(request.document)
        known = self._behaviour.known_fields
        for kind, names in wanted.items():
            unknown = [name for name in names if known is not None and name not in known]
            if unknown:
                self._say_and_end(2, f"{kind}: unknown field {unknown[0]}")
                return
        if not asks_for_json(request.document):
            self._say_and_end(3, "This stand-in writes JSON only")
            return
        self._delivery = Delivery(
            self._behaviour,
            self._faults,
            self._server.archive,
            request.timestamp,
            wanted,
            int(time.time()),
        )
        self._last_sent = time.monotonic()
        self._moment("request")

    def _refuse(self, text: str) -> None:
        refusal = self._behaviour.refusal
        if refusal == "error":
            self._say_and_end(1, text)
        elif refusal == "close":
            self._end("close", f"refused: {text}")
        else:
            self._muted = True

    # What the server sends.

    def _write(self) -> None:
        try:
            while not self._muted and self._next_write <= time.monotonic():
                if self._delivery is not None and self._at_stop():
                    self._act(self._delivery.stops.pop(0)[1])
                elif not self._fill():
                    return
                elif not self._at_stop():
                    self._count(self._socket.send(self._outgoing[: self._room()]))
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            # What the client said last may still be there to read.
            self._read()
            raise _Ended("client reset") from None

    def _fill(self) -> bool:
        """Have bytes to send, if there is anything to send. Raises _Ended when all is said."""
        if self._outgoing:
            return True
        if self._closing is not None:
            self._end("close", self._closing)
        if self._mute_next:
            self._muted = True
            return False
        chunk = self._next()
        if chunk is None:
            return self._at_stop()
        self._outgoing = memoryview(chunk.data)
        self._milestones = chunk
        return True

    def _next(self) -> Chunk | None:
        if self._filling:
            return Chunk(_FILLER)
        if self._delivery is None:
            return None
        bundles = sum(self._unacknowledged) if self._behaviour.style != "bare" else 0
        room = self._behaviour.bare_window
        if room is not None:
            room = max(0, room - (len(self._unacknowledged) - bundles))
        chunk = self._delivery.next(bundle_allowed=bundles < self._behaviour.window, bare_room=room)
        if chunk is None and self._timeout() == 0.0:
            chunk = self._delivery.other(KEEPALIVE)
            with self._server._changing():
                self._connection.keep_alives += 1
        return chunk

    def _at_stop(self) -> bool:
        """Tell whether a fault has its place right here in the stream."""
        if self._filling or self._mute_next or self._closing is not None or self._delivery is None:
            return False
        return bool(self._delivery.stops) and self._delivery.stops[0][0] <= self._sent

    def _room(self) -> int:
        """Return how many bytes may be sent at once: none beyond the next fault."""
        room = self._write_size or _RECORD
        if self._delivery is not None and self._delivery.stops and not self._filling:
            stop = self._delivery.stops[0][0] - self._sent
            room = min(room, stop) if stop > 0 else room
        return room

    def _count(self, sent: int) -> None:
        self._outgoing = self._outgoing[sent:]
        self._sent += sent
        self._last_sent = time.monotonic()
        self._next_write = self._last_sent + self._pause if self._pause else 0.0
        chunk = self._milestones
        events = _take(chunk.event_ends, self._sent)
        bare = _take(chunk.bare_ends, self._sent)
        bundles = _take(chunk.bundle_ends, self._sent)
        self._unacknowledged.extend([False] * bare + [True] * bundles)
        with self._server._changing():
            self._connection.bytes_sent = self._sent
            self._connection.events += events
            self._connection.expected += bare + bundles

    def _say_and_end(self, code: int, text: str) -> None:
        self._replace(error_message(code, text))
        self._closing = f"refused: {text}"

    def _replace(self, data: bytes) -> None:
        """Send this instead of what was to be sent."""
        self._outgoing = memoryview(data)
        self._milestones = Chunk()

    # Misbehaviour, and ends.

    def _moment(self, where: str) -> None:
        for fault in [fault for fault in self._faults if fault.where == where and fault.after_bytes is None]:
            self._act(fault)
            if where == "accept":
                self._drain()

    def _act(self, fault: Fault) -> None:
        action = fault.action
        if action in {"fin", "rst", "close"}:
            self._end(action, f"fault: {action}")
        elif action == "error":
            self._replace(error_message(fault.code, fault.text))
            self._closing = "fault: error"
        elif action == "garbage":
            self._replace(_GARBAGE)
            self._mute_next = True
        elif action == "overlong":
            self._replace(_OVERLONG)
            self._filling = True
        elif action == "dribble":
            self._write_size, self._pause = 1, fault.pause
        elif action == "deaf":
            self._deaf = True
        elif action == "hear":
            self._deaf = False
        elif action == "say":
            self._say(fault.data.encode("latin-1"))
        else:
            self._act_below_tls(action)

    def _say(self, data: bytes) -> None:
        """Send bytes that are no part of what there is to deliver."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest[: self._write_size or _RECORD]) :]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self._wait(None, write=True, read=False)

    def _act_below_tls(self, action: str) -> None:
        if action == "tls-garbage":
            os.write(self._socket.fileno(), _GARBAGE)
        elif action == "alert":
            self._send_alert()
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
            if isinstance(self._socket, ssl.SSLSocket):
                with contextlib.suppress(_Ended):
                    self._drain(LINGER_SECONDS)
                raise _Ended("fault: alert")
        elif action == "restart":
            self._server._restart_aside()
        elif action == "hello-requests":
            self._pour(_HELLO_REQUESTS)
        elif action == "half-open":
            while True:
                self._wait(None, write=False, read=False)
        self._muted = True

    def _pour(self, data: bytes) -> NoReturn:
        """Send the same bytes, without TLS, until the client is gone. Raises _Ended."""
        rest = memoryview(data)
        while True:
            try:
                rest = rest[self._socket.send(rest) :] or memoryview(data)
            except BlockingIOError:
                self._wait(None, write=True, read=False)
            except OSError as error:
                raise _Ended("client reset") from error

    def _send_alert(self) -> None:
        """Send a fatal alert: in clear before the handshake, later as TLS makes it when it is fed a forged record.

        It is fed through a pair of sockets in the place of the connection, since no function of `ssl` sends an alert.
        """
        if not isinstance(self._socket, ssl.SSLSocket):
            os.write(self._socket.fileno(), _ALERT)
            return
        descriptor = self._socket.fileno()
        client = os.dup(descriptor)
        ours, theirs = socket.socketpair()
        try:
            with ours, theirs:
                ours.settimeout(LINGER_SECONDS)
                theirs.setblocking(False)
                os.dup2(theirs.fileno(), descriptor)
                # The client may have been in the middle of a record, which the forged ones then complete.
                ours.sendall(_FORGED_RECORD * _FORGED_RECORDS)
                with contextlib.suppress(ssl.SSLError):
                    while self._socket.recv(65536):
                        pass
                os.write(client, ours.recv(4096))
        finally:
            os.dup2(client, descriptor)
            os.close(client)

    def _end(self, how: str, ended: str, *, linger: bool = True) -> NoReturn:
        """End the connection in one of the ways of `standins.fmc.behaviour.ENDINGS`. Raises _Ended."""
        with contextlib.suppress(OSError, ValueError):
            if how == "rst":
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _Ended(ended)
            if how == "close" and isinstance(self._socket, ssl.SSLSocket):
                with contextlib.suppress(ssl.SSLError):
                    self._socket.unwrap()
            # The method of SSLSocket would forget the session that is still needed to read.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
        if linger and self._deaf:
            with contextlib.suppress(_Ended):
                self._drain(LINGER_SECONDS)
        elif linger:
            self._linger()
        raise _Ended(ended)

    def _linger(self) -> None:
        """Read on for a while, so that what was sent last is not lost to a reset.

        After a farewell of TLS, what the client still says may go unheard.
        """
        self._selector.modify(self._socket, selectors.EVENT_READ)
        deadline = time.monotonic() + LINGER_SECONDS
        while not self._stopping and time.monotonic() < deadline:
            data, over = self._received()
            for message in self._inspector.receive(data):
                if isinstance(message, (Acknowledgement, Goodbye)):
                    self._understand(message)
            with self._server._changing():
                self._connection.acknowledgements = self._acknowledgements
            self._report()
            if over:
                # OpenSSL may refuse to read what comes after its own farewell.
                with contextlib.suppress(_Ended):
                    self._drain(deadline - time.monotonic())
                return
            self._selector.select(max(0.0, deadline - time.monotonic()))
            self._waker.woken()

    def _drain(self, seconds: float | None = None) -> NoReturn:
        """Read what comes, without TLS, until the client is gone or time is up. Raises _Ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise _Ended("client stayed")
            self._wait(left, write=False)
            try:
                if not socket.socket.recv(self._socket, 65536):
                    raise _Ended("client closed before the handshake")
            except BlockingIOError:
                continue
            except OSError as error:
                raise _Ended("client reset") from error


def _take(ends: list[int], sent: int) -> int:
    """Remove the offsets up to `sent` and return how many they were."""
    reached = bisect_right(ends, sent)
    del ends[:reached]
    return reached


def _common_name(tls: ssl.SSLSocket) -> str | None:
    subject = (tls.getpeercert() or {}).get("subject", ())
    names = {str(name): str(value) for relative in subject for name, value in cast(Any, relative)}
    return names.get("commonName")
