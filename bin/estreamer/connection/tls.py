"""A verified TLS connection to a Management Center that never blocks.

Who waits, and for how long, is the caller's decision: everything that takes time goes through its `wait`.

The server is identified by its CA, the one in the PKCS#12 file, and by its subject, which names its role; a pin of its
certificate can be asked for on top. Nothing turns that off.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import socket
import ssl
import tempfile
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable

from .. import printable
from ..clock import CLOCK, Clock
from ..errors import Problem
from . import pkcs12, problems, tcp
from .tcp import Wait

Progress = Callable[[str, str], None]
"""progress(step, text) is called for each step that succeeded: `resolve`, `connect`, `verify`."""

BUFFER_SIZE = 256 * 1024
"""Bytes that are taken from the socket at once, at most."""

MOST_HANDSHAKE = 256 * 1024
"""Bytes that a server may send in its handshake, its certificates included. OpenSSL takes 100 KB of certificates at
most, but skips requests to begin the handshake again (HelloRequest) for as long as they arrive."""

MOST_WITHOUT_DATA = 256 * 1024
"""Bytes of TLS that a server may send in a row without any of them being data: far more than an incomplete record,
session tickets and key updates have."""

MOST_UNSENT = 1024 * 1024
"""Bytes that may wait for a server that does not read. TLS itself owes an answer to each KeyUpdate and HelloRequest."""

TAKES_WITHIN = 120.0
"""Seconds within which a server must take a byte when there are any for it: as long as TCP waits for a vanished one."""

_RECORD = 16 * 1024
_RECORD_OVERHEAD = 2 * 1024
"""Most of what a TLS record may hold, and add, in bytes."""

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:!aNULL:!eNULL:!aDSS"
_LEGACY_CIPHERS = "DEFAULT:!aNULL:!eNULL:!RC4:!3DES:!PSK:!SRP"

_PARTIAL_CHAIN = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN; Python's `ssl` names it from 3.10 on."""

_DISCARD_READS = 16

_SHORT_NAMES = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
}
"""Names of a subject's attributes as `pkcs12.Facts` has them, where Python's `ssl` has longer ones."""


@dataclass(frozen=True)
class Peer:
    """Whom we are connected to. `not_after` is UTC, `fingerprint` the SHA-256 of its certificate in lower-case hex.

    `end` is that of its certificate with the CAs that have issued it, as far as the client's file has them.
    """

    address: str
    port: int
    local_address: str
    tls_version: str
    cipher: str
    subject: str
    issuer: str
    not_after: datetime
    end: pkcs12.End
    fingerprint: str


def connect(
    host: str,
    port: int,
    credentials: pkcs12.Credentials,
    *,
    fingerprint: str | None,
    legacy: bool,
    timeout: float,
    wait: Wait,
    progress: Progress | None = None,
    clock: Clock = CLOCK,
) -> Connection:
    """Resolve, connect, complete the handshake and verify the server, within `timeout` seconds in all.

    `host` is a name, an IPv4 or an IPv6 address, the latter with or without brackets. `fingerprint` is the SHA-256 of
    the only server certificate to accept, 64 lower-case hexadecimal digits. `legacy` accepts old signatures, key sizes
    and ciphers; it never turns verification off. Raises Problem `tls_…`, and what `wait` raises.
    """
    steps = progress or _ignore
    deadline = tcp.Deadline(timeout, wait, clock)
    context = make_context(credentials, legacy)
    addresses = tcp.resolve(host, port, deadline)
    steps("resolve", f"{host} is {', '.join(sorted({str(address[4][0]) for address in addresses}))}")
    connected = tcp.connect(host, addresses, deadline)
    try:
        channel = _Channel(connected, context, host)
        steps("connect", f"connected to {channel.address} from {tcp.show(channel.local)}")
        _shake_hands(channel, deadline)
        peer = _verify(channel, credentials.ca_certificates, fingerprint, legacy)
        steps("verify", f"{peer.tls_version}, {peer.cipher}; server {peer.subject}, SHA-256 {peer.fingerprint}")
        return Connection(channel, peer, clock)
    except BaseException:
        connected.close()
        raise


def closed_before_any_message(credentials: pkcs12.Credentials, connection: Connection) -> Problem:
    """Return the problem of a server that closed before it sent a message: it does not know this client."""
    peer = connection.peer
    return problems.closed_before_any_message(
        tcp.show((peer.address, peer.port)), peer.local_address, credentials.facts.common_name, connection.age
    )


def closed_later(connection: Connection) -> Problem:
    """Return the problem of a server that closed a connection that had been in use."""
    return problems.closed_later(tcp.show((connection.peer.address, connection.peer.port)))


def make_context(credentials: pkcs12.Credentials, legacy: bool) -> ssl.SSLContext:
    """Return the context for connections with these credentials.

    Made by hand: `ssl.create_default_context` would trust the system's CAs, and refuse (`VERIFY_X509_STRICT`) CAs
    without keyUsage, which are usual here.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The server's certificate names no host. Its identity is the CA, which issues for one Management Center only, and
    # the role in its subject, which is checked after the handshake.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    flags = int(ssl.VERIFY_X509_TRUSTED_FIRST) | (0 if credentials.has_root else _PARTIAL_CHAIN)
    context.verify_flags = ssl.VerifyFlags(flags)
    _require_tls_1_2(context)
    context.options |= getattr(ssl, "OP_NO_RENEGOTIATION", 0)
    try:
        _set_ciphers(context, legacy)
    except ssl.SSLError as error:
        raise problems.own_openssl(error) from None
    try:
        context.load_verify_locations(cadata=b"".join(credentials.ca_certificates))
    except ssl.SSLError as error:
        raise problems.own_certificate_refused(error) from None
    _load_client_certificate(context, credentials)
    return context


def _require_tls_1_2(context: ssl.SSLContext) -> None:
    if hasattr(context, "minimum_version"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:  # OpenSSL before 1.1.0
        context.options |= ssl.OP_NO_SSLv3 | ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1


def _set_ciphers(context: ssl.SSLContext, legacy: bool) -> None:
    """Set the security level as well, which builds of OpenSSL default differently; before 1.1.0 it had none."""
    ciphers, level = (_LEGACY_CIPHERS, 0) if legacy else (_CIPHERS, 2)
    has_levels = ssl.OPENSSL_VERSION_INFO >= (1, 1, 0)
    context.set_ciphers(f"{ciphers}:@SECLEVEL={level}" if has_levels else ciphers)


def _load_client_certificate(context: ssl.SSLContext, credentials: pkcs12.Credentials) -> None:
    """Load the key through a file, which OpenSSL insists on: encrypted, with a passphrase that only this call knows."""
    passphrase = secrets.token_hex(32)
    try:
        descriptor, path = tempfile.mkstemp(prefix="estreamer-", suffix=".pem")
    except OSError as error:
        raise problems.no_temporary_file(error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(credentials.certificate + credentials.encrypted_key(passphrase.encode("ascii")))
        context.load_cert_chain(path, password=passphrase)
    except ssl.SSLError as error:
        raise problems.own_certificate_refused(error) from None
    except OSError as error:
        raise problems.no_temporary_file(error) from None
    finally:
        # What stays behind is encrypted, and nobody knows the passphrase any more.
        with contextlib.suppress(OSError):
            os.unlink(path)


def _ends(connected: socket.socket, host: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the addresses of the peer and of this end."""
    try:
        return connected.getpeername(), connected.getsockname()
    except OSError:
        raise problems.closed_in_handshake(host) from None


class _Channel:
    """A socket and the TLS engine between which bytes are carried.

    `ssl.SSLSocket` would read every record with two system calls. Large reads into a `MemoryBIO` cost the same CPU time
    per byte where events share full records of 16 KiB (ratio 0.9 to 1.1), and 0.4 to 0.7 of it where each event of
    1.6 kB has a record of its own, as bare messages probably have (Python 3.9 and 3.13, OpenSSL 3.0, loopback).
    Besides, all that has arrived is decrypted at each read, so that nothing is held where waiting cannot see it.
    """

    def __init__(self, connected: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self.socket = connected
        # Asked for at once: a socket that was reset does not know its peer any more.
        self.remote, self.local = _ends(connected, host)
        self.address = tcp.show(self.remote)
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.first_bytes = b""
        """The first bytes that the peer sent: they show whether it speaks TLS at all."""
        self.received = 0
        """Bytes that the peer has sent so far."""
        self.taken = 0
        """Bytes that the socket has taken so far."""
        self.was_full = False
        """Whether the last read had as many bytes as were asked for, so that more may be there."""
        self._raw = memoryview(bytearray(BUFFER_SIZE))
        self._unsent = memoryview(b"")

    def fill(self, limit: int) -> bool:
        """Take at most `limit` bytes from the socket; return False at its end. Raises BlockingIOError, OSError."""
        most = min(limit, BUFFER_SIZE)
        self.was_full = False
        count = self.socket.recv_into(self._raw, most)
        self.was_full = count == most
        if len(self.first_bytes) < 2:
            self.first_bytes += bytes(self._raw[: min(count, 5)])
        self.incoming.write(self._raw[:count])
        self.received += count
        return count > 0

    def drain(self) -> None:
        """Send what the socket takes. Raises OSError when it takes no more for ever."""
        while True:
            if not self._unsent:
                self._unsent = memoryview(self.outgoing.read())
                if not self._unsent:
                    return
            try:
                count = self.socket.send(self._unsent)
            except BlockingIOError:
                return
            self.taken += count
            self._unsent = self._unsent[count:]

    def buffer_size(self) -> int:
        """Return how many bytes the system keeps for what this end has not read; it grows on a busy link."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    @property
    def unsent(self) -> int:
        return len(self._unsent) + self.outgoing.pending


def _shake_hands(channel: _Channel, deadline: tcp.Deadline) -> None:
    try:
        while not _handshake_step(channel):
            # A peer that never stops sending never lets a wait run out of time.
            if not deadline.left:
                raise problems.handshake_timeout(channel.address)
            if channel.received >= MOST_HANDSHAKE:
                raise problems.handshake_too_long(channel.address, MOST_HANDSHAKE)
            _send_all(channel, deadline)
            _receive_some(channel, deadline)
        _send_all(channel, deadline)
    except ssl.SSLError as error:
        with contextlib.suppress(OSError):
            channel.drain()  # the alert that says why to the server
        raise problems.of_handshake(channel.address, error, channel.first_bytes) from None
    except ConnectionError:
        raise problems.closed_in_handshake(channel.address) from None
    except OSError as error:
        raise problems.failed_in_handshake(channel.address, error) from None


def _handshake_step(channel: _Channel) -> bool:
    try:
        channel.tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _send_all(channel: _Channel, deadline: tcp.Deadline) -> None:
    channel.drain()
    while channel.unsent:
        if not deadline.left or not deadline.until_ready(channel.socket.fileno(), for_write=True):
            raise problems.handshake_timeout(channel.address)
        channel.drain()


def _receive_some(channel: _Channel, deadline: tcp.Deadline) -> None:
    while True:
        if not deadline.left or not deadline.until_ready(channel.socket.fileno(), for_write=False):
            raise problems.handshake_timeout(channel.address)
        try:
            # One record at a time, so that little of what follows the handshake counts as a part of it.
            if channel.fill(_RECORD):
                return
        except BlockingIOError:
            continue
        raise problems.closed_in_handshake(channel.address)


def _verify(channel: _Channel, authorities: tuple[bytes, ...], fingerprint: str | None, legacy: bool) -> Peer:
    """Check what the handshake left open, who it is, and return it."""
    encoded, fields = _certificate(channel)
    cipher, version = channel.tls.cipher(), channel.tls.version()
    if not encoded or not fields or cipher is None or version is None:
        raise Problem("tls_untrusted", f"The server at {channel.address} presented no certificate.")
    subject = _show_name(fields["subject"])
    if _values(fields, "title") != ["eStreamer"] or _values(fields, "generationQualifier") != ["server"]:
        raise problems.wrong_role(channel.address, subject)
    presented = hashlib.sha256(encoded).hexdigest()
    if fingerprint is not None and not hmac.compare_digest(presented, fingerprint):
        raise problems.pin_mismatch(channel.address, presented)
    if not legacy:
        _check_strength(channel.address, encoded)
    not_after = datetime.fromtimestamp(ssl.cert_time_to_seconds(fields["notAfter"]), timezone.utc)
    return Peer(
        address=str(channel.remote[0]),
        port=int(channel.remote[1]),
        local_address=str(channel.local[0]),
        tls_version=version,
        cipher=cipher[0],
        subject=subject,
        issuer=_show_name(fields["issuer"]),
        not_after=not_after,
        end=pkcs12.end_of("server certificate", encoded, authorities) or pkcs12.End(not_after, "server certificate"),
        fingerprint=presented,
    )


def _certificate(channel: _Channel) -> tuple[bytes | None, dict[str, Any] | None]:
    """Return the server's certificate, and what Python reads in it."""
    try:
        fields: dict[str, Any] | None = channel.tls.getpeercert()
        return channel.tls.getpeercert(binary_form=True), fields
    except (ssl.SSLError, ValueError) as error:
        raise problems.unreadable_certificate(channel.address, error) from None


def _check_strength(address: str, encoded: bytes) -> None:
    """Refuse a weak certificate also where OpenSSL, before 1.1.0, does not."""
    weaknesses = pkcs12.weaknesses_of("server certificate", encoded)
    if weaknesses:
        raise problems.weak(address, "; ".join(weaknesses))


def _values(fields: dict[str, Any], name: str) -> list[str]:
    return [value for part in fields["subject"] for key, value in part if key == name]


def _show_name(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    shown = ", ".join(f"{_SHORT_NAMES.get(key, key)}={value}" for part in name for key, value in part)
    return printable.line(shown, printable.LONGEST_NAME)


def _ignore(step: str, text: str) -> None:
    """Nobody wants to know."""


class Connection:
    """A verified TLS connection that never blocks.

    Call `receive` until `has_more` is False or it returns None before waiting for the descriptor: an end or a failure
    that arrived with the last bytes is reported by the call after them. What the peer breaks while sending shows at the
    next `receive`; so does a peer that does not read, for which `receive` has to be called once in a while.
    """

    def __init__(self, channel: _Channel, peer: Peer, clock: Clock = CLOCK) -> None:
        self.peer = peer
        self._clock = clock
        self._channel = channel
        self._buffer_size = 0
        """What the system had for the buffer when it was asked last: it never becomes smaller."""
        self._plain = memoryview(bytearray(BUFFER_SIZE + 2 * (_RECORD + _RECORD_OVERHEAD)))
        self._is_full = False
        """Whether what was decrypted filled the buffer, so that more may be held by the TLS engine."""
        self._queue: deque[bytes] = deque()
        self._received = False
        self._closed = False
        self._failure: Problem | None = None
        self._sending_failed = False
        """Whether nothing can be sent any more."""
        self._stuck_since: float | None = None
        """Since when the peer has not read although bytes are waiting for it."""
        self._data_seen_at = channel.received
        """How many bytes had arrived when there were data in them for the last time."""
        self._established = self._clock.monotonic()
        # The last bytes of the handshake may have arrived together with the first of the conversation.
        self._held = channel.incoming.pending > 0

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._channel.socket.fileno()

    @property
    def age(self) -> float:
        """Seconds since the handshake."""
        return self._clock.monotonic() - self._established

    def receive(self, limit: int) -> bytes | None:
        """Return what has arrived, from one read of at most `limit` bytes from the socket, or `BUFFER_SIZE`.

        None: nothing (complete) is there. Empty: the peer has closed; a reset before its first byte counts as that,
        since servers differ in how they dismiss a client. Raises Problem `tls_closed`, `tls_lost`, `tls_broken`,
        `tls_client_certificate_refused`, `tls_no_data`, `tls_not_reading`.
        """
        if self._stuck_since is not None:
            self._check_that_peer_reads()
        if not self._held and not self._closed and self._failure is None:
            try:
                self._closed = not self._channel.fill(limit)
            except BlockingIOError:
                return None
            except OSError as error:
                self._lost(error)
        self._held = False
        return self._decrypt()

    def has_more(self) -> bool:
        """Return whether another `receive` may return or raise something although the descriptor is not readable."""
        return self._channel.was_full or self._closed or self._failure is not None or self._is_full or self._held

    def may_be_full(self, count: int) -> bool:
        """Return whether so many bytes, read at once, may have been all that the system holds for this end.

        Then TCP may have kept the peer waiting. Of the system's buffer half is for what goes with the bytes.
        """
        if count < self._buffer_size // 4:
            return False
        self._buffer_size = self._channel.buffer_size()
        return count >= self._buffer_size // 4

    def send(self, data: bytes) -> None:
        """Queue bytes and send what the socket takes."""
        if data:
            self._queue.append(data)
        self.flush()

    def unsent(self) -> int:
        """Return how many bytes wait to be sent; when there are any, wait for writability and call `flush`."""
        return 0 if self._sending_failed else sum(map(len, self._queue)) + self._channel.unsent

    def flush(self) -> None:
        """Send what the socket takes."""
        if self._sending_failed:
            self._queue.clear()
            self._stuck_since = None
            return
        taken = self._channel.taken
        try:
            while self._queue:
                self._channel.tls.write(self._queue[0])
                self._queue.popleft()
            self._channel.drain()
        except OSError:
            # Why is for `receive` to find out: an alert or an error message of the server may still be on its way in.
            self._sending_failed = True
            self._queue.clear()
        if not self.unsent():
            self._stuck_since = None
        elif self._stuck_since is None or self._channel.taken != taken:
            self._stuck_since = self._clock.monotonic()

    def close(self) -> None:
        """Close, with a farewell as far as that can be sent without waiting. Never raises."""
        with contextlib.suppress(OSError, ValueError):
            if not self._sending_failed:
                self._say_farewell()
        self._channel.socket.close()

    def _say_farewell(self) -> None:
        with contextlib.suppress(ssl.SSLError):
            self._channel.tls.unwrap()
        self._channel.drain()
        self._channel.socket.shutdown(socket.SHUT_WR)
        # Closing with bytes unread would reset the connection, and might take our last message from the peer.
        for _ in range(_DISCARD_READS):
            if not self._channel.fill(BUFFER_SIZE):
                return
            self._channel.incoming.read()

    def _decrypt(self) -> bytes | None:
        """Return all that can be decrypted."""
        position = 0
        # typeshed knows only the form of `read` that returns bytes.
        read: Callable[[int, memoryview], int] = self._channel.tls.read  # type: ignore[assignment]
        plain = self._plain
        try:
            while position < len(plain):
                count = read(_RECORD, plain[position:])
                if not count:  # the peer's farewell, which an SSLObject does not report by SSLZeroReturnError
                    self._closed = True
                    break
                position += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._failed(error)
        self._is_full = position == len(plain)
        if self._channel.outgoing.pending:
            self.flush()
        self._check_limits(position)
        return self._outcome(position)

    def _check_limits(self, count: int) -> None:
        """Note a failure when the peer keeps TLS busy without data, or lets answers pile up."""
        if count:
            self._data_seen_at = self._channel.received
        elif self._channel.received - self._data_seen_at > MOST_WITHOUT_DATA:
            self._fail(problems.no_data(self._channel.address, MOST_WITHOUT_DATA))
        if self.unsent() > MOST_UNSENT:
            self._fail(problems.not_reading(self._channel.address, f"{MOST_UNSENT:,} bytes wait for it"))

    def _check_that_peer_reads(self) -> None:
        """Note a failure when the peer does not read for too long; whoever was kept from sending tries again first."""
        self.flush()
        if self._stuck_since is not None and self._clock.monotonic() - self._stuck_since >= TAKES_WITHIN:
            why = f"it has read nothing for {TAKES_WITHIN:.0f} seconds"
            self._fail(problems.not_reading(self._channel.address, why))

    def _fail(self, problem: Problem) -> None:
        if self._failure is None and not self._closed:
            self._failure = problem

    def _outcome(self, count: int) -> bytes | None:
        if count:
            self._received = True
            return bytes(self._plain[:count])
        if self._failure is not None:
            raise self._failure
        return b"" if self._closed else None

    def _failed(self, error: ssl.SSLError) -> None:
        self._fail(problems.of_stream(self._channel.address, error, self._received))

    def _lost(self, error: OSError) -> None:
        if not isinstance(error, ConnectionError):
            self._failure = problems.lost(self._channel.address, error)
        elif self._received:
            self._failure = problems.reset_later(self._channel.address, error)
        else:
            self._closed = True
