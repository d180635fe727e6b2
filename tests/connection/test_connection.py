"""A connection never blocks, loses nothing, and ends well."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
import time
from contextlib import closing
from datetime import timezone

import pytest
from estreamer.connection import pkcs12, tcp, tls
from estreamer.errors import Problem

from standins.fmc.pki import Pki, shared_pki
from tests.connection import servers
from tests.connection.servers import connect, credentials, over_tls, server_context, serving, until_closed, wait


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_the_peer_is_described(pki: Pki, known: pkcs12.Credentials) -> None:
    steps: list[str] = []
    with serving(over_tls(server_context(pki), until_closed)) as port:
        connection = tls.connect(
            "127.0.0.1",
            port,
            known,
            fingerprint=pki.server().fingerprint,
            legacy=False,
            timeout=servers.PATIENCE,
            wait=servers.wait,
            progress=lambda step, text: steps.append(f"{step}: {text}"),
        )
        with closing(connection):
            peer = connection.peer
    assert (peer.address, peer.port, peer.local_address) == ("127.0.0.1", port, "127.0.0.1")
    assert peer.tls_version == "TLSv1.3"
    assert peer.cipher.startswith("TLS_")
    assert peer.subject == "title=eStreamer, generationQualifier=server, O=Stand-in Management Center"
    assert peer.issuer == known.facts.issuer == "title=InternalCA, CN=Management Center CA"
    assert peer.not_after.tzinfo is timezone.utc
    assert peer.fingerprint == pki.server().fingerprint
    assert [step.split(":")[0] for step in steps] == ["resolve", "connect", "verify"]
    assert f"connected to 127.0.0.1:{port} from 127.0.0.1" in steps[1]


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address ::1")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_with_and_without_brackets(pki: Pki, known: pkcs12.Credentials, host: str) -> None:
    with serving(over_tls(server_context(pki), until_closed), socket.AF_INET6) as port:
        connection = connect(port, known, host)
        assert connection.peer.address == "::1"
        assert f"[::1]:{port} closed" in tls.closed_before_any_message(known, connection).text
        connection.close()


def test_a_read_that_fills_a_share_of_the_systems_buffer_may_have_kept_the_peer_waiting(
    pki: Pki, known: pkcs12.Credentials
) -> None:
    with (
        serving(over_tls(server_context(pki), until_closed)) as port,
        closing(connect(port, known)) as connection,
        socket.socket(fileno=os.dup(connection.fileno())) as same,
    ):
        size = same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert [connection.may_be_full(count) for count in (1, size // 4 - 1, size // 4, size)] == [0, 0, 1, 1]
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        larger = same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert larger > size
        assert not connection.may_be_full(larger // 4 - 1), "the buffer has grown"


def test_a_name_is_resolved(pki: Pki, known: pkcs12.Credentials) -> None:
    with serving(over_tls(server_context(pki), until_closed)) as port:
        connection = connect(port, known, "localhost")
        assert connection.peer.address == "127.0.0.1"
        connection.close()


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_both_kinds_of_keys_work_with_both_versions(newest: ssl.TLSVersion, kind: str) -> None:
    pki = shared_pki(kind)
    with serving(over_tls(server_context(pki, newest=newest), until_closed)) as port:
        connection = connect(port, credentials(pki))
        assert connection.peer.tls_version == newest.name.replace("_", ".")
        connection.close()


def test_keep_alive_and_no_delay_are_on(pki: Pki, known: pkcs12.Credentials) -> None:
    with serving(over_tls(server_context(pki), until_closed)) as port, closing(connect(port, known)) as connection:
        assert not os.get_blocking(connection.fileno())
        same = socket.socket(fileno=os.dup(connection.fileno()))
        with same:
            assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            values = [same.getsockopt(socket.IPPROTO_TCP, getattr(socket, n)) for n in names if hasattr(socket, n)]
            assert values in ([60, 15, 4], [])
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000


def test_nothing_there_is_none_and_takes_no_time(pki: Pki, known: pkcs12.Credentials) -> None:
    with serving(over_tls(server_context(pki), until_closed)) as port, closing(connect(port, known)) as connection:
        before = time.monotonic()
        assert [connection.receive(65536) for _ in range(10)] == [None] * 10
        assert time.monotonic() - before < 1


def test_a_large_stream_arrives_whole_whatever_its_records(pki: Pki, known: pkcs12.Credentials) -> None:
    payload = os.urandom(3 * 1024 * 1024)

    def talk(secure: ssl.SSLSocket) -> None:
        position, size = 0, 1
        while position < len(payload):
            secure.sendall(payload[position : position + size])
            position, size = position + size, size * 3 % 50021 + 1

    received = hashlib.sha256()
    with serving(over_tls(server_context(pki), talk)) as port, closing(connect(port, known)) as connection:
        while data := servers.receive(connection):
            received.update(data)
    assert received.hexdigest() == hashlib.sha256(payload).hexdigest()


def test_one_call_gathers_many_records_within_the_limit(pki: Pki, known: pkcs12.Credentials) -> None:
    sent = threading.Event()

    def talk(secure: ssl.SSLSocket) -> None:
        for _ in range(100):
            secure.sendall(b"x" * 1000)
        sent.set()
        until_closed(secure)

    with serving(over_tls(server_context(pki), talk)) as port, closing(connect(port, known)) as connection:
        assert sent.wait(servers.PATIENCE)
        sizes: list[int] = []
        while sum(sizes) < 100_000:
            sizes.append(len(connection.receive(50_000) or b""))
            assert sizes[-1] <= 50_000
    assert max(sizes) > 20_000


def test_nothing_is_held_where_waiting_cannot_see_it(pki: Pki, known: pkcs12.Credentials) -> None:
    """When receive has returned None, either nothing is there, or the descriptor becomes readable."""
    go = threading.Semaphore(0)

    def talk(secure: ssl.SSLSocket) -> None:
        for size in (1, 16384, 40000, 300_000, 5):
            go.acquire(timeout=servers.PATIENCE)
            secure.sendall(b"y" * size)
        until_closed(secure)

    with serving(over_tls(server_context(pki), talk)) as port, closing(connect(port, known)) as connection:
        for size in (1, 16384, 40000, 300_000, 5):
            go.release()
            missing = size
            while missing:
                data = connection.receive(7000)
                if data is None:
                    assert servers.wait(connection.fileno(), False, servers.PATIENCE)
                missing -= len(data or b"")
            assert missing == 0


class Relay:
    """Carries bytes between a client and a server in memory, so that a test decides what arrives together."""

    def __init__(self, context: ssl.SSLContext, accepted: socket.socket) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.socket = accepted

    def complete_handshake(self) -> None:
        """Complete it, and keep what is to be sent last."""
        while not self._step():
            self.send()
            self.incoming.write(self.socket.recv(65536))

    def _step(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def send(self) -> None:
        self.socket.sendall(self.outgoing.read())


def test_what_comes_together_with_the_end_of_the_handshake_is_not_lost(pki: Pki, known: pkcs12.Credentials) -> None:
    def handler(accepted: socket.socket) -> None:
        relay = Relay(server_context(pki, newest=ssl.TLSVersion.TLSv1_2), accepted)
        relay.complete_handshake()
        relay.tls.write(b"early")
        relay.send()
        accepted.recv(65536)

    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert connection.has_more(), "nothing arrives at the descriptor any more"
        assert connection.receive(65536) == b"early"
        assert connection.receive(65536) is None


def test_the_last_bytes_come_before_the_end_that_came_with_them(pki: Pki, known: pkcs12.Credentials) -> None:
    def talk(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"last words")

    with serving(over_tls(server_context(pki), talk)) as port, closing(connect(port, known)) as connection:
        assert servers.receive(connection) == b"last words"
        assert [servers.receive(connection) for _ in range(3)] == [b""] * 3


def test_a_farewell_of_tls_without_an_end_of_tcp_is_an_end(pki: Pki, known: pkcs12.Credentials) -> None:
    def handler(accepted: socket.socket) -> None:
        relay = Relay(server_context(pki), accepted)
        relay.complete_handshake()
        relay.tls.write(b"bye")
        with pytest.raises(ssl.SSLWantReadError):
            relay.tls.unwrap()
        relay.send()
        accepted.recv(65536)
        accepted.recv(65536)

    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert servers.receive(connection) == b"bye"
        assert connection.has_more(), "a wait for the descriptor would last until the end of TCP"
        assert connection.receive(65536) == b""


def test_a_read_of_less_than_was_asked_for_leaves_nothing_to_read(pki: Pki, known: pkcs12.Credentials) -> None:
    said = threading.Event()

    def handler(connection: ssl.SSLSocket) -> None:
        connection.sendall(bytes(1000))
        said.wait(servers.PATIENCE)
        connection.sendall(bytes(100_000))
        until_closed(connection)

    with serving(over_tls(server_context(pki), handler)) as port, closing(connect(port, known)) as connection:
        assert len(servers.receive(connection)) == 1000
        assert not connection.has_more()
        said.set()
        received = 0
        while received < 100_000:
            if not connection.has_more():
                assert wait(connection.fileno(), False, servers.PATIENCE)
            data = connection.receive(4096)
            received += len(data or b"")
        assert received == 100_000


def test_sending_never_blocks_and_loses_nothing(pki: Pki, known: pkcs12.Credentials) -> None:
    payload = os.urandom(8 * 1024 * 1024)
    go = threading.Event()
    read: list[bytes] = []

    def talk(secure: ssl.SSLSocket) -> None:
        assert go.wait(servers.PATIENCE)
        while data := secure.recv(65536):
            read.append(data)

    with serving(over_tls(server_context(pki), talk)) as port:
        connection = connect(port, known)
        before = time.monotonic()
        for position in range(0, len(payload), 1024 * 1024):
            connection.send(payload[position : position + 1024 * 1024])
        assert time.monotonic() - before < servers.PATIENCE / 2
        assert connection.unsent() > 0
        go.set()
        while connection.unsent():
            assert servers.wait(connection.fileno(), True, servers.PATIENCE)
            connection.flush()
        connection.close()
    assert b"".join(read) == payload


def test_a_wait_that_is_wrong_does_no_harm(pki: Pki, known: pkcs12.Credentials) -> None:
    with serving(over_tls(server_context(pki), until_closed)) as port:
        connection = tls.connect(
            "127.0.0.1",
            port,
            known,
            fingerprint=None,
            legacy=False,
            timeout=servers.PATIENCE,
            wait=lambda descriptor, for_write, timeout: servers.wait(descriptor, for_write, 0) or not for_write,
        )
        assert connection.peer.port == port
        connection.close()


def test_a_peer_that_does_not_read_in_the_handshake_costs_no_more_than_the_timeout(
    pki: Pki, known: pkcs12.Credentials
) -> None:
    with serving(until_closed) as port:  # type: ignore[arg-type]
        client = socket.create_connection(("127.0.0.1", port))
        with client:
            client.setblocking(False)
            channel = tls._Channel(client, tls.make_context(known, legacy=False), "fmc")
            channel.outgoing.write(b"x" * 4_000_000)
            tls._send_all(channel, tcp.Deadline(servers.PATIENCE, servers.wait))
            assert channel.unsent == 0
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client = socket.create_connection(listener.getsockname())
        with client:
            client.setblocking(False)
            channel = tls._Channel(client, tls.make_context(known, legacy=False), "fmc")
            channel.outgoing.write(b"x" * 40_000_000)
            with pytest.raises(Problem) as caught:
                tls._send_all(channel, tcp.Deadline(0.2, servers.wait))
    assert caught.value.code == "tls_handshake_timeout"


def test_a_socket_that_was_reset_before_it_could_be_asked(known: pkcs12.Credentials) -> None:
    with closing(socket.socket()) as unconnected, pytest.raises(Problem) as caught:
        tls._Channel(unconnected, tls.make_context(known, legacy=False), "fmc")
    assert caught.value.code == "tls_closed_in_handshake"


def test_sending_nothing_is_nothing(pki: Pki, known: pkcs12.Credentials) -> None:
    with serving(over_tls(server_context(pki), until_closed)) as port, closing(connect(port, known)) as connection:
        connection.send(b"")
        assert connection.unsent() == 0


def test_sending_to_a_peer_that_has_gone_does_not_hide_its_last_words(pki: Pki, known: pkcs12.Credentials) -> None:
    gone = threading.Event()

    def handler(accepted: socket.socket) -> None:
        secure = server_context(pki).wrap_socket(accepted, server_side=True)
        secure.sendall(b"an error message")
        secure.close()
        gone.set()

    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert gone.wait(servers.PATIENCE)
        for _ in range(100):
            connection.send(b"x" * 100_000)
            if not connection.unsent():
                break
        assert servers.receive(connection) == b"an error message"
        assert servers.receive(connection) == b""
        connection.send(b"more")
        assert connection.unsent() == 0


def test_the_last_message_arrives_although_bytes_are_unread(pki: Pki, known: pkcs12.Credentials) -> None:
    read: list[bytes] = []
    sent = threading.Event()

    def talk(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"z" * 100_000)
        sent.set()
        while data := secure.recv(65536):
            read.append(data)

    with serving(over_tls(server_context(pki), talk)) as port:
        connection = connect(port, known)
        assert sent.wait(servers.PATIENCE)
        assert connection.receive(20_000)
        connection.send(b"goodbye")
        connection.close()
    assert b"".join(read) == b"goodbye"


def test_closing_never_raises(pki: Pki, known: pkcs12.Credentials) -> None:
    def handler(accepted: socket.socket) -> None:
        servers.reset(server_context(pki, newest=ssl.TLSVersion.TLSv1_2).wrap_socket(accepted, server_side=True))

    with serving(handler) as port:
        connection = connect(port, known)
        assert servers.wait(connection.fileno(), False, servers.PATIENCE)
        connection.send(b"x")
        connection.close()
        connection.close()
        assert connection.fileno() == -1


def test_a_connection_that_is_reset_while_it_is_read_ends(pki: Pki, known: pkcs12.Credentials) -> None:
    """Before the first byte a reset counts as an end, since servers differ in how they dismiss a client."""

    def handler(accepted: socket.socket) -> None:
        servers.reset(server_context(pki, newest=ssl.TLSVersion.TLSv1_2).wrap_socket(accepted, server_side=True))

    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert servers.receive(connection) == b""
        connection.send(b"x")
        assert connection.unsent() == 0
        assert connection.receive(65536) == b""


def test_closing_while_the_server_pours_comes_to_an_end(pki: Pki, known: pkcs12.Credentials) -> None:
    def talk(secure: ssl.SSLSocket) -> None:
        while True:
            secure.sendall(b"z" * 65536)

    with serving(over_tls(server_context(pki), talk)) as port:
        connection = connect(port, known)
        assert servers.receive(connection)
        before = time.monotonic()
        connection.close()
        assert time.monotonic() - before < servers.PATIENCE / 2


def test_sending_after_a_failure_drops_what_was_queued(pki: Pki, known: pkcs12.Credentials) -> None:
    def handler(accepted: socket.socket) -> None:
        servers.reset(server_context(pki, newest=ssl.TLSVersion.TLSv1_2).wrap_socket(accepted, server_side=True))

    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert servers.wait(connection.fileno(), False, servers.PATIENCE)
        for _ in range(3):
            connection.send(b"x" * 100_000)
        assert connection.unsent() == 0
        assert servers.receive(connection) == b""
