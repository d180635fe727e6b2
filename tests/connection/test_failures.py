"""Each failure to connect has its own code, and says what to do."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from estreamer.connection import pkcs12, problems, tls
from estreamer.errors import Problem, Stop

from standins.fmc.pki import Pki, shared_pki
from tests.connection import servers
from tests.connection.servers import connect, credentials, over_tls, server_context, serving, until_closed

LONG_ENOUGH = 1.0
"""Seconds in which a connection on loopback is made, also on a busy machine."""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Another Management Center, whose CA has the same name."""
    return Pki(tmp_path_factory.mktemp("other"))


@pytest.fixture
def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def failure(port: int, known: pkcs12.Credentials, **how: object) -> Problem:
    with pytest.raises(Problem) as caught:
        connect(port, known, **how).close()  # type: ignore[arg-type]
    return caught.value


def test_a_port_that_nothing_listens_on_is_told(known: pkcs12.Credentials, free_port: int) -> None:
    problem = failure(free_port, known)
    assert problem.code == "tls_refused"
    assert f"127.0.0.1:{free_port}: refused" in problem.text
    assert "8302" in problem.text


@pytest.fixture
def full_listener() -> Iterator[int]:
    """A port whose queue is full, so that further connections are not answered."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(listener.getsockname())
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def test_connect_timeout(known: pkcs12.Credentials, full_listener: int) -> None:
    problem = failure(full_listener, known, timeout=0.7)
    assert problem.code == "tls_timeout"
    assert f"127.0.0.1:{full_listener}: no answer" in problem.text
    assert "firewall" in problem.text


def test_handshake_timeout(known: pkcs12.Credentials) -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        problem = failure(silent.getsockname()[1], known, timeout=LONG_ENOUGH)
    assert problem.code == "tls_handshake_timeout"


def test_handshake_timeout_when_the_peer_dribbles(known: pkcs12.Credentials) -> None:
    def talk(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(b"\x16\x03\x03")
        accepted.recv(65536)

    with serving(talk) as port:
        assert failure(port, known, timeout=LONG_ENOUGH).code == "tls_handshake_timeout"


def test_a_name_that_cannot_be_one(known: pkcs12.Credentials) -> None:
    problem = failure(1, known, host=f"{'a' * 64}.example")
    assert problem.code == "tls_name_not_resolved"
    assert "spelling" in problem.text


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (socket.gaierror(socket.EAI_NONAME, "not known"), "spelling"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "does not answer"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "Non-recoverable failure"),
        (OSError("anything"), "anything"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
def test_a_name_that_is_not_resolved(
    known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch, error: OSError, advice: str
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    problem = failure(1, known, host="fmc.example.com")
    assert problem.code == "tls_name_not_resolved"
    assert "fmc.example.com" in problem.text
    assert advice in problem.text


@pytest.fixture
def hanging_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    release = threading.Event()

    def resolve(host: str, *_: object, flags: int = 0, **__: object) -> list[object]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a literal")
        release.wait(servers.PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    release.set()
    for thread in threading.enumerate():
        if thread.name == "resolve":
            thread.join(servers.PATIENCE)


@pytest.mark.usefixtures("hanging_resolver")
def test_a_name_service_that_does_not_answer_costs_no_more_than_the_timeout(known: pkcs12.Credentials) -> None:
    problem = failure(1, known, host="fmc.example.com", timeout=0.2)
    assert problem.code == "tls_name_not_resolved"
    assert "does not answer" in problem.text


@pytest.mark.usefixtures("hanging_resolver")
def test_a_request_to_stop_ends_a_name_lookup(known: pkcs12.Credentials) -> None:
    def stop(*_: object) -> bool:
        raise Stop

    with pytest.raises(Stop):
        tls.connect("fmc.example.com", 1, known, fingerprint=None, legacy=False, timeout=10, wait=stop)


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """The sockets that this thread makes."""
    made: list[socket.socket] = []

    class Recorded(socket.socket):
        def __init__(self, *how: object, **more: object) -> None:
            super().__init__(*how, **more)  # type: ignore[arg-type]
            if threading.current_thread() is threading.main_thread():
                made.append(self)

    monkeypatch.setattr("estreamer.connection.tcp.socket.socket", Recorded)
    return made


@pytest.mark.parametrize("waits", range(4))
def test_a_request_to_stop_ends_connection_and_handshake_and_leaves_no_socket_open(
    pki: Pki, known: pkcs12.Credentials, waits: int, sockets: list[socket.socket]
) -> None:
    left = [waits]

    def stop(descriptor: int, for_write: bool, timeout: float | None) -> bool:
        if not left[0]:
            raise Stop
        left[0] -= 1
        return servers.wait(descriptor, for_write, timeout)

    with serving(over_tls(server_context(pki), until_closed)) as port:
        # With enough waits left the connection comes about after all.
        with suppress(Stop):
            tls.connect("127.0.0.1", port, known, fingerprint=None, legacy=False, timeout=10, wait=stop).close()
        _listener, *clients = sockets
        assert [client.fileno() for client in clients] == [-1]


def test_an_address_without_a_way_to_it_is_told(known: pkcs12.Credentials) -> None:
    """TCP to the broadcast address fails at once, before anything is sent."""
    problem = failure(1, known, host="255.255.255.255")
    assert problem.code == "tls_unreachable"
    assert "255.255.255.255:1" in problem.text


def test_every_address_is_tried_and_named(
    pki: Pki, known: pkcs12.Credentials, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, *_: object, flags: int = 0, **__: object) -> list[object]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a literal")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, where))
            for address, where in (("255.255.255.255", 1), ("127.0.0.2", free_port), ("127.0.0.1", port))
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(over_tls(server_context(pki), until_closed)) as port:
        connection = connect(port, known, host="fmc.example.com")
        assert (connection.peer.address, connection.peer.port) == ("127.0.0.1", port)
        connection.close()
    problem = failure(free_port, known, host="fmc.example.com")
    assert problem.code == "tls_refused"
    assert problem.text.count("refused") >= 2
    assert "255.255.255.255:1: network unreachable" in problem.text
    assert f"127.0.0.2:{free_port}: refused" in problem.text


def test_one_silent_address_leaves_time_for_the_next(
    pki: Pki, known: pkcs12.Credentials, full_listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, *_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", where))
            for where in (full_listener, port)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(over_tls(server_context(pki), until_closed)) as port:
        connection = connect(port, known, timeout=3.0)
        assert connection.peer.port == port
        connection.close()


@pytest.mark.parametrize("end", [socket.socket.close, servers.reset])
@pytest.mark.parametrize("reads", [False, True])
def test_closed_in_handshake(known: pkcs12.Credentials, end: servers.Handler, reads: bool) -> None:
    def talk(accepted: socket.socket) -> None:
        if reads:
            accepted.recv(65536)
        end(accepted)

    with serving(talk) as port:
        assert failure(port, known).code == "tls_closed_in_handshake"


def test_a_reset_that_outruns_the_end_of_connecting_is_a_close_as_well() -> None:
    problem = problems.not_connected("fmc", [("192.0.2.1:8302", ConnectionResetError())])
    assert problem.code == "tls_closed_in_handshake"


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail\r\n", b"\0\1\0\0\0\0\0\0", b"SSH-2.0-x\r\n", b"\x16\x02"]
)
def test_a_service_that_speaks_no_tls_is_told_with_the_usual_port(known: pkcs12.Credentials, said: bytes) -> None:
    def talk(accepted: socket.socket) -> None:
        accepted.sendall(said + b" " * 100)
        accepted.recv(65536)

    with serving(talk) as port:
        problem = failure(port, known)
    assert problem.code == "tls_not_tls"
    assert "8302" in problem.text


def test_broken_tls(known: pkcs12.Credentials) -> None:
    def talk(accepted: socket.socket) -> None:
        accepted.sendall(b"\x16\x03\x03\x00\x08" + b"\x05" * 8)
        accepted.recv(65536)

    with serving(talk) as port:
        assert failure(port, known).code == "tls_broken"


@pytest.mark.parametrize(
    ("variant", "code", "advice"),
    [
        ("expired", "tls_certificate_expired", "Renew"),
        ("not-yet-valid", "tls_certificate_not_yet_valid", "clocks"),
        ("foreign", "tls_untrusted", "download the file again"),
        ("wrong-role", "tls_wrong_role", "generationQualifier=client"),
        ("weak-key", "tls_weak", "Legacy certificates"),
        ("sha1", "tls_weak", "Legacy certificates"),
    ],
)
def test_a_server_certificate_that_is_not_accepted(
    pki: Pki, known: pkcs12.Credentials, variant: str, code: str, advice: str
) -> None:
    with serving(over_tls(server_context(pki, variant), until_closed)) as port:
        problem = failure(port, known)
    assert problem.code == code
    assert advice in problem.text
    assert f"127.0.0.1:{port}" in problem.text


@pytest.mark.parametrize("variant", ["weak-key", "sha1"])
def test_the_switch_accepts_old_server_certificates(pki: Pki, known: pkcs12.Credentials, variant: str) -> None:
    with serving(over_tls(server_context(pki, variant), until_closed)) as port:
        connection = connect(port, known, legacy=True)
        assert connection.peer.fingerprint == pki.server(variant).fingerprint
        connection.close()


@pytest.mark.parametrize("variant", ["weak-key", "sha1"])
def test_weak_server_certificates_are_refused_also_where_openssl_has_no_security_levels(
    pki: Pki, known: pkcs12.Credentials, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_CIPHERS", "DEFAULT:@SECLEVEL=0")
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", (1, 0, 2, 0, 0))
    with serving(over_tls(server_context(pki, variant), until_closed)) as port:
        assert failure(port, known).code == "tls_weak"


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("variant", ["foreign", "expired", "wrong-role"])
def test_no_parameter_lets_a_wrong_server_in(
    pki: Pki, known: pkcs12.Credentials, legacy: bool, pinned: bool, variant: str
) -> None:
    fingerprint = pki.server(variant).fingerprint if pinned else None
    with serving(over_tls(server_context(pki, variant), until_closed)) as port:
        problem = failure(port, known, legacy=legacy, fingerprint=fingerprint)
    assert problem.code in {"tls_untrusted", "tls_certificate_expired", "tls_wrong_role"}


def test_pin_mismatch_shows_the_fingerprint_presented(pki: Pki, known: pkcs12.Credentials) -> None:
    with serving(over_tls(server_context(pki), until_closed)) as port:
        problem = failure(port, known, fingerprint="0" * 64)
    assert problem.code == "tls_pin_mismatch"
    assert pki.server().fingerprint in problem.text


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_that_the_server_refuses(pki: Pki, other: Pki, newest: ssl.TLSVersion) -> None:
    """With TLS 1.3 the refusal comes when the client's handshake is already complete."""
    known = credentials(pki)
    context = server_context(pki, newest=newest, client_ca=other.ca_path)

    def meet(port: int) -> None:
        with closing(connect(port, known)) as connection:
            servers.receive(connection)

    with serving(over_tls(context, until_closed)) as port, pytest.raises(Problem) as caught:
        meet(port)
    assert caught.value.code == "tls_client_certificate_refused"
    assert "still exists there" in caught.value.text


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("legacy", [False, True])
def test_tls_before_1_2_is_refused(pki: Pki, known: pkcs12.Credentials, legacy: bool) -> None:
    context = server_context(pki)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(over_tls(context, until_closed)) as port:
        problem = failure(port, known, legacy=legacy)
    assert problem.code == "tls_version"
    assert "1.2" in problem.text


def test_no_common_cipher_names_the_switch_which_helps() -> None:
    rsa = shared_pki("rsa")
    context = server_context(rsa, newest=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES256-SHA:@SECLEVEL=0")
    known = credentials(rsa)
    with serving(over_tls(context, until_closed), connections=2) as port:
        problem = failure(port, known)
        assert problem.code == "tls_no_common_cipher"
        assert "Legacy certificates" in problem.text
        connection = connect(port, known, legacy=True)
        assert connection.peer.cipher == "AES256-SHA"
        connection.close()


@pytest.mark.parametrize("end", [socket.socket.close, servers.reset])
def test_closed_right_after_the_handshake_names_our_certificate_and_our_address(pki: Pki, end: servers.Handler) -> None:
    known = credentials(pki, address="192.0.2.77")

    def handler(accepted: socket.socket) -> None:
        secure = server_context(pki, newest=ssl.TLSVersion.TLSv1_2).wrap_socket(accepted, server_side=True)
        end(secure)

    with serving(handler) as port:
        connection = connect(port, known)
        with closing(connection):
            assert servers.receive(connection) == b""
            problem = tls.closed_before_any_message(known, connection)
    assert problem.code == "tls_closed_after_handshake"
    assert "'192.0.2.77'" in problem.text
    assert "from 127.0.0.1" in problem.text
    assert "NAT" in problem.text


def test_a_reset_later_is_another_failure_than_a_close(pki: Pki, known: pkcs12.Credentials) -> None:
    def handler(accepted: socket.socket) -> None:
        secure = server_context(pki).wrap_socket(accepted, server_side=True)
        secure.sendall(b"a message")
        secure.recv(1)
        servers.reset(secure)

    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert servers.receive(connection) == b"a message"
        connection.send(b"x")
        with pytest.raises(Problem) as caught:
            servers.receive(connection)
    assert caught.value.code == "tls_closed"


def test_a_later_close_has_its_problem_too(pki: Pki, known: pkcs12.Credentials) -> None:
    handler = over_tls(server_context(pki), lambda secure: secure.sendall(b"bye"))
    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert servers.receive(connection) == b"bye"
        assert servers.receive(connection) == b""
        assert tls.closed_later(connection).code == "tls_closed"


@pytest.mark.parametrize("number", [errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH])
@pytest.mark.parametrize("heard", [False, True])
def test_a_peer_that_does_not_answer_any_more_has_not_closed(
    pki: Pki, known: pkcs12.Credentials, number: int, heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise OSError(number, os.strerror(number))

    handler = over_tls(server_context(pki), lambda secure: (heard and secure.sendall(b"hello"), secure.recv(1)))
    with serving(handler) as port, closing(connect(port, known)) as connection:
        if heard:
            assert servers.receive(connection) == b"hello"
        monkeypatch.setattr(connection._channel, "fill", fail)
        with pytest.raises(Problem) as caught:
            connection.receive(1000)
    assert caught.value.code == "tls_lost"


def test_damaged_records_break_the_connection(pki: Pki, known: pkcs12.Credentials) -> None:
    def handler(accepted: socket.socket) -> None:
        secure = server_context(pki).wrap_socket(accepted, server_side=True)
        secure.sendall(b"a message")
        secure.recv(1)
        with socket.socket(fileno=secure.detach()) as bare:
            bare.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            bare.recv(65536)

    with serving(handler) as port, closing(connect(port, known)) as connection:
        assert servers.receive(connection) == b"a message"
        connection.send(b"x")
        for _ in range(2):  # it stays broken
            with pytest.raises(Problem) as caught:
                servers.receive(connection)
            assert caught.value.code == "tls_broken"


class FakeError(ssl.SSLError):
    """An error as another version of OpenSSL reports it."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(1, "a text that nobody reads")
        self.reason = reason  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", "tls_client_certificate_refused"),
        ("SSL/TLS ALERT BAD CERTIFICATE", "tls_client_certificate_refused"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "tls_client_certificate_refused"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "tls_client_certificate_refused"),
        ("WRONG_VERSION_NUMBER", "tls_version"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "tls_version"),
        ("DH_KEY_TOO_SMALL", "tls_weak"),
        ("CA_MD_TOO_WEAK", "tls_weak"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "tls_no_common_cipher"),
        ("BAD_SIGNATURE", "tls_broken"),
        (None, "tls_broken"),
    ],
)
def test_reasons_of_other_versions_of_openssl(reason: str | None, code: str) -> None:
    assert problems.of_handshake("[::1]:8302", FakeError(reason), b"\x16\x03\x01").code == code


def test_a_nameless_failure_is_called_nameless_and_names_a_refused_certificate_as_one_cause_before_any_data() -> None:
    """TLS 1.3 alerts have no name in Pythons that were built before OpenSSL 1.1.1: then nobody knows the cause."""
    before = problems.of_stream("a:1", FakeError(None), received=False)
    assert before.code == "tls_broken"
    assert "names no reason" in before.text
    assert "refused the client's certificate" in before.text
    later = problems.of_stream("a:1", FakeError(None), received=True)
    assert later.code == "tls_broken"
    assert "client's certificate" not in later.text


NO_CONNECTION = {
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.ENOBUFS: "no buffer space",
    errno.ENOMEM: "no memory",
    errno.ENETDOWN: "network interface",
    errno.EACCES: "own firewall",
    errno.EPERM: "own firewall",
    errno.EADDRNOTAVAIL: "local ports",
    errno.EAFNOSUPPORT: "IPv4 or IPv6",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EPROTO: os.strerror(errno.EPROTO),
}


@pytest.mark.parametrize("number", NO_CONNECTION, ids=errno.errorcode.get)
def test_each_reason_why_no_connection_comes_about_has_its_own_sentence(number: int) -> None:
    failed = OSError(number, os.strerror(number))
    text = problems.not_connected("fmc", [("192.0.2.1:8302", failed)]).text
    assert NO_CONNECTION[number] in text
    routes = number in {errno.EHOSTUNREACH, errno.ENETUNREACH}
    assert ("routes" in text) == routes


def test_a_name_with_any_number_of_addresses_makes_no_sentence_of_any_length() -> None:
    failed = [(f"192.0.2.{number % 250}:8302", ConnectionRefusedError()) for number in range(10_000)]
    text = problems.not_connected("fmc", failed).text
    assert len(text) < 1000
    assert "and 9992 more" in text


@pytest.mark.parametrize("what", ["socket.socketpair", "threading.Thread.start"])
def test_a_machine_that_has_no_more_descriptors_or_threads_is_told(
    known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE)) if "socket" in what else RuntimeError("no more threads")

    monkeypatch.setattr(what, fail)
    problem = failure(1, known, host="fmc.example.com")
    assert problem.code == "no_resources"
    assert ("EMFILE" if "socket" in what else "no more threads") in problem.text


def test_a_connection_that_fails_in_the_handshake_was_not_closed_by_the_peer(
    pki: Pki, known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))

    monkeypatch.setattr(tls._Channel, "fill", fail)
    with serving(over_tls(server_context(pki), until_closed)) as port:
        problem = failure(port, known)
    assert problem.code == "tls_lost"
    assert "network down" in problem.text


def test_an_end_long_after_the_handshake_is_not_a_dismissal_of_this_client(
    pki: Pki, known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(over_tls(server_context(pki), until_closed)) as port, closing(connect(port, known)) as connection:
        connection._established -= 3600
        problem = tls.closed_before_any_message(known, connection)
    assert problem.code == "tls_closed"
    assert "3600 seconds after the TLS handshake" in problem.text
    assert "NAT" not in problem.text


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "for the user that runs Splunk"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EPROTO, os.strerror(errno.EPROTO)),
    ],
)
def test_a_temporary_file_that_cannot_be_made_names_the_cause(
    known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tempfile.mkstemp", fail)
    problem = failure(1, known)
    assert problem.code == "tls_temporary_file"
    assert advice in problem.text


def test_an_openssl_that_takes_no_settings_is_told_as_such(
    known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_CIPHERS", "nothing-of-this-name")
    problem = failure(1, known)
    assert problem.code == "tls_own_openssl"
    assert ssl.OPENSSL_VERSION in problem.text


def test_a_client_certificate_that_openssl_refuses(pki: Pki) -> None:
    weak = credentials(pki, variant="weak-key")
    assert failure(1, weak).code == "certificate_weak"
    assert problems.own_certificate_refused(FakeError("UNKNOWN")).code == "tls_own_certificate"


def test_a_temporary_directory_that_cannot_be_written(
    known: pkcs12.Credentials, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    problem = failure(1, known)
    assert problem.code == "tls_temporary_file"
    assert "TMPDIR" in problem.text


class FakeVerification(ssl.SSLCertVerificationError):
    """A certificate that another version of OpenSSL does not accept."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(1, "a text that nobody reads")
        self.verify_code, self.verify_message = code, message


@pytest.mark.parametrize(
    ("code", "own"), [(20, True), (19, True), (7, True), (24, False), (26, False), (23, False), (999, False)]
)
def test_only_an_unknown_issuer_is_called_one(code: int, own: bool) -> None:
    problem = problems.of_verification("fmc:8302", FakeVerification(code, "words of OpenSSL"))
    assert problem.code == "tls_untrusted"
    assert "words of OpenSSL" in problem.text
    assert ("was not issued by the CA" in problem.text) is own
