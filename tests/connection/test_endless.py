"""A server that never comes to an end, or takes nothing, costs bounded time and memory, whatever it sends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from estreamer.connection import pkcs12, tls
from estreamer.errors import Problem

from standins.fmc.pki import Pki
from tests.connection import records, servers
from tests.connection.records import ALERT, APPLICATION_DATA, HANDSHAKE, PLAIN_HELLO_REQUEST, Forger
from tests.connection.servers import connect, credentials, over_tls, server_context, serving

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

MOST_SENT = 64 * 1024 * 1024
"""Bytes after which a server gives up: then its client has taken what it never should have."""


class Flood:
    """Sends the same bytes, or what a function makes, until the client is gone; counts what the client's side took."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self.make = make
        self.sent = 0

    def __call__(self, accepted: socket.socket) -> None:
        accepted.settimeout(servers.PATIENCE)
        with contextlib.suppress(OSError):
            while self.sent < MOST_SENT:
                data = self.make()
                accepted.sendall(data)
                self.sent += len(data)


def failure(port: int, known: pkcs12.Credentials, timeout: float = 30.0) -> tuple[Problem, float]:
    begun = time.monotonic()
    with pytest.raises(Problem) as caught:
        connect(port, known, timeout=timeout).close()
    return caught.value, time.monotonic() - begun


def test_a_handshake_that_never_ends_is_cut_off_after_so_many_bytes(known: pkcs12.Credentials) -> None:
    """HelloRequests before the ServerHello need no key and no certificate, and OpenSSL skips them."""
    flood = Flood(lambda: PLAIN_HELLO_REQUEST * 1000)
    with serving(flood) as port:
        problem, seconds = failure(port, known)
    assert problem.code == "tls_handshake_too_long"
    assert f"{tls.MOST_HANDSHAKE:,} bytes" in problem.text
    assert seconds < 30
    assert flood.sent < MOST_SENT


def test_the_deadline_of_a_handshake_counts_also_while_there_is_always_something_to_read(
    known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "MOST_HANDSHAKE", 1 << 60)
    flood = Flood(lambda: PLAIN_HELLO_REQUEST * 1000)
    with serving(flood) as port:
        problem, _ = failure(port, known, timeout=0.5)
    assert problem.code == "tls_handshake_timeout"
    assert flood.sent < MOST_SENT


def test_the_deadline_of_a_handshake_counts_also_while_the_peer_takes_byte_by_byte(
    pki: Pki, known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls._Channel, "unsent", property(lambda _: 1))
    with serving(over_tls(server_context(pki), servers.until_closed)) as port:
        problem, _ = failure(port, known, timeout=0.3)
    assert problem.code == "tls_handshake_timeout"


def test_a_long_chain_of_certificates_is_no_endless_handshake(
    pki: Pki, known: pkcs12.Credentials, tmp_path: Path
) -> None:
    files = pki.server()
    chain = tmp_path / "chain.pem"
    chain.write_text(Path(files.certificate).read_text() + 90 * pki.ca_path.read_text())
    context = server_context(pki)
    context.load_cert_chain(chain, files.key)
    with serving(over_tls(context, servers.until_closed)) as port:
        connection = connect(port, known)
        assert 30_000 < connection._channel.received < tls.MOST_HANDSHAKE / 2
        connection.close()


FLOODS: dict[str, tuple[ssl.TLSVersion, Callable[[Forger], bytes]]] = {
    "requests for another handshake": (TLS_1_2, lambda forger: forger.record(HANDSHAKE, records.HELLO_REQUEST)),
    "warnings": (TLS_1_2, lambda forger: forger.record(ALERT, records.WARNING)),
    "empty records of TLS 1.2": (TLS_1_2, lambda forger: forger.record(APPLICATION_DATA, b"")),
    "empty records of TLS 1.3": (TLS_1_3, lambda forger: forger.record(APPLICATION_DATA, b"")),
    "key updates": (TLS_1_3, lambda forger: forger.key_update()),
    "session tickets": (TLS_1_3, lambda forger: forger.record(HANDSHAKE, records.TICKET)),
}
REFUSED_BY_OPENSSL = ("warnings", "empty records of TLS 1.2", "empty records of TLS 1.3")
"""It takes only so many of these in a row."""


@contextlib.contextmanager
def flooding(
    pki: Pki, version: ssl.TLSVersion, make: Callable[[Forger], bytes], reads: bool = True
) -> Iterator[tuple[int, Flood]]:
    """A server that floods after its handshake; it reads what the client answers, unless that is not wanted."""
    flood = Flood(bytes)

    def handler(accepted: socket.socket) -> None:
        if not reads:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        forger = Forger(pki, accepted, version)
        flood.make = lambda: b"".join(make(forger) for _ in range(100))
        if reads:
            threading.Thread(target=read, args=(accepted,), daemon=True).start()
        flood(accepted)

    def read(accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while accepted.recv(65536):
                pass

    with serving(handler) as port:
        yield port, flood


def outcome(connection: tls.Connection) -> Problem:
    """Receive until the connection has failed."""
    while True:
        try:
            assert servers.receive(connection), "the server closed first"
        except Problem as problem:
            return problem


@pytest.mark.parametrize("kind", FLOODS)
def test_tls_without_data_ends_the_connection_whatever_it_is_made_of(
    pki: Pki, known: pkcs12.Credentials, kind: str
) -> None:
    version, make = FLOODS[kind]
    with flooding(pki, version, make) as (port, flood), contextlib.closing(connect(port, known)) as connection:
        assert outcome(connection).code == ("tls_broken" if kind in REFUSED_BY_OPENSSL else "tls_no_data")
        assert connection._channel.received < 4 * tls.MOST_WITHOUT_DATA
    assert flood.sent < MOST_SENT


@pytest.mark.parametrize("kind", FLOODS)
def test_tls_without_data_is_nothing_that_was_received(pki: Pki, known: pkcs12.Credentials, kind: str) -> None:
    """So it does not count as a sign of life: what was received does."""
    version, make = FLOODS[kind]

    def handler(accepted: socket.socket) -> None:
        forger = Forger(pki, accepted, version)
        accepted.sendall(b"".join(make(forger) for _ in range(3)))
        accepted.recv(65536)
        accepted.sendall(forger.record(APPLICATION_DATA, b"data"))
        accepted.recv(65536)

    with serving(handler) as port, contextlib.closing(connect(port, known)) as connection:
        assert servers.wait(connection.fileno(), False, servers.PATIENCE)
        assert connection.receive(65536) is None
        connection.send(b"go on")
        assert servers.receive(connection) == b"data"


ANSWERED = ("requests for another handshake", "key updates")


@pytest.mark.parametrize("kind", ANSWERED)
def test_answers_that_tls_owes_do_not_pile_up_for_a_server_that_does_not_read(
    pki: Pki, known: pkcs12.Credentials, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two of them there is a byte of data each time."""
    monkeypatch.setattr(tls, "MOST_UNSENT", 64 * 1024)
    version, make = FLOODS[kind]

    def with_data(forger: Forger) -> bytes:
        return make(forger) + forger.record(APPLICATION_DATA, b"x")

    with (
        flooding(pki, version, with_data, reads=False) as (port, flood),
        contextlib.closing(connect(port, known)) as connection,
    ):
        connection._channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        problem = outcome(connection)
        assert problem.code == "tls_not_reading"
        assert "does not read" in problem.text
        assert connection.unsent() < tls.MOST_UNSENT + tls.BUFFER_SIZE
    assert flood.sent < MOST_SENT


def test_a_server_that_takes_nothing_for_too_long_is_left_although_it_sends(
    pki: Pki, known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "TAKES_WITHIN", 0.3)
    go_on = threading.Event()

    def talk(secure: ssl.SSLSocket) -> None:
        while not go_on.wait(0.02):
            secure.sendall(b"x")

    with serving(over_tls(server_context(pki), talk)) as port:
        with contextlib.closing(connect(port, known)) as connection:
            connection._channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            # More than the buffers of both ends take.
            while connection.unsent() < 100_000:
                connection.send(b"y" * 100_000)
            problem = outcome(connection)
        go_on.set()
    assert problem.code == "tls_not_reading"
    assert "read nothing for 0 seconds" in problem.text


def test_a_server_is_not_left_because_this_side_was_away_for_long(
    pki: Pki, known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """splunkd may keep the input busy for minutes: an attempt to send is made before the time counts."""
    monkeypatch.setattr(tls, "MOST_UNSENT", 1 << 60)
    payload = b"y" * 8_000_000
    read = bytearray()

    def talk(secure: ssl.SSLSocket) -> None:
        while len(read) < len(payload) and (data := secure.recv(65536)):
            read.extend(data)
        secure.sendall(b"done")
        servers.until_closed(secure)

    with serving(over_tls(server_context(pki), talk)) as port, contextlib.closing(connect(port, known)) as connection:
        connection.send(payload)
        answer = None
        while not answer:
            assert servers.wait(connection.fileno(), connection.unsent() > 0, servers.PATIENCE)
            if connection._stuck_since is not None:
                connection._stuck_since -= 2 * tls.TAKES_WITHIN
            answer = connection.receive(65536)
        assert answer == b"done"
    assert bytes(read) == payload


def test_forged_records_are_understood_as_long_as_there_is_data_in_them(pki: Pki) -> None:
    known = credentials(pki)
    for version in (TLS_1_2, TLS_1_3):

        def handler(accepted: socket.socket, version: ssl.TLSVersion = version) -> None:
            forger = Forger(pki, accepted, version)
            accepted.sendall(b"".join(forger.record(APPLICATION_DATA, b"%d," % number) for number in range(3)))
            accepted.recv(65536)

        with serving(handler) as port, contextlib.closing(connect(port, known)) as connection:
            assert servers.receive(connection) == b"0,1,2,"
