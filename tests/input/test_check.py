"""The connection check tells each step, stops at the first that fails, and leaves politely."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone

import pytest
from estreamer.connection import pkcs12
from estreamer.errors import Stop
from estreamer.input import check
from estreamer.protocol import wire
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.settings import Account

from standins.fmc.pki import Pki
from standins.fmc.raw_messages import bundle, event, message
from tests.connection import servers
from tests.connection.servers import over_tls, server_context, serving, until_closed
from tests.protocol.weather import CHOICE, OFFER, WANTED, Weather

PASSWORD = "correct horse battery"
DOCUMENT = b'{"Events": {}}'
FAMILY = FullyQualified(DOCUMENT, wire.NOW)
OK_STEPS = ["credentials", "resolve", "connect", "verify", "accept"]


@pytest.fixture(autouse=True)
def short_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "WATCH_TIME", 0.2)


@pytest.fixture
def server(pki: Pki) -> Iterator[int]:
    """A server that keeps the connection and listens."""
    with serving(over_tls(server_context(pki), until_closed)) as port:
        yield port


def account(pki: Pki, port: int, **changes: object) -> Account:
    values: dict[str, object] = {
        "name": "fmc",
        "host": "127.0.0.1",
        "port": port,
        "pkcs12": pki.pkcs12(password=PASSWORD),
        "pkcs12_password": PASSWORD,
        "fingerprint": None,
        "legacy_certificates": False,
    }
    return Account(**{**values, **changes})  # type: ignore[arg-type]


def names(steps: tuple[check.Step, ...]) -> list[str]:
    return [step.name for step in steps]


def test_every_step_is_told(pki: Pki, server: int) -> None:
    said: list[check.Step] = []
    steps = check.run(account(pki, server), say=said.append)
    assert names(steps) == OK_STEPS
    assert all(step.ok and step.problem is None for step in steps)
    assert said == list(steps)
    assert "'127.0.0.1'" in steps[0].text
    assert "days left" in steps[0].text


def test_a_file_that_was_read_already_is_not_read_again(pki: Pki, server: int) -> None:
    whole = account(pki, server)
    credentials = pkcs12.read(whole.pkcs12, PASSWORD, datetime.now(timezone.utc), allow_legacy=False)
    steps = check.run(account(pki, server, pkcs12=b"nothing"), credentials=credentials)
    assert (names(steps), steps[-1].ok) == (OK_STEPS, True)


def test_reading_the_file_is_part_of_the_time_that_a_check_may_take(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    read = pkcs12.read

    def slowly(*arguments: object) -> pkcs12.Credentials:
        time.sleep(1.5)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pkcs12, "read", slowly)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        begun = time.monotonic()
        steps = check.run(account(pki, deaf.getsockname()[1]), timeout=3.0)
        took = time.monotonic() - begun
    assert (steps[-1].name, steps[-1].ok) == ("verify", False)
    # Beside it would be 4.5 seconds; a busy machine takes some of what is left.
    assert took < 4.4


def test_the_goodbye_is_an_error_message(pki: Pki) -> None:
    heard: list[bytes] = []

    def talk(secure: ssl.SSLSocket) -> None:
        while data := secure.recv(65536):
            heard.append(data)

    with serving(over_tls(server_context(pki), talk)) as port:
        assert check.run(account(pki, port))[-1].ok
    assert b"".join(heard) == wire.encode_error(check.GOODBYE)


def test_a_request_is_sent_and_watched(pki: Pki) -> None:
    heard: list[bytes] = []

    def talk(secure: ssl.SSLSocket) -> None:
        heard.append(secure.recv(65536))
        secure.sendall(wire.NULL_MESSAGE)
        while data := secure.recv(65536):
            heard.append(data)

    with serving(over_tls(server_context(pki), talk)) as port:
        steps = check.run(account(pki, port), family=FAMILY)
    assert names(steps) == [*OK_STEPS, "request"]
    assert steps[-1].ok
    request = wire.encode_event_stream_request(wire.NOW, wire.EXTENDED_HEADERS, DOCUMENT)
    assert b"".join(heard) == request + wire.encode_error(check.GOODBYE)


def test_events_that_answer_the_request_are_not_acknowledged(pki: Pki) -> None:
    heard: list[bytes] = []

    def talk(secure: ssl.SSLSocket) -> None:
        heard.append(secure.recv(65536))
        secure.sendall(event(b"{}") + bundle(1, event(b"{}")))
        while data := secure.recv(65536):
            heard.append(data)

    with serving(over_tls(server_context(pki), talk)) as port:
        steps = check.run(account(pki, port), family=FAMILY)
    assert steps[-1].ok
    assert b"".join(heard) == FAMILY.request() + wire.encode_error(check.GOODBYE)


def test_a_family_that_is_asked_for_in_steps_is_asked_for_to_its_end(pki: Pki) -> None:
    heard: list[bytes] = []

    def talk(secure: ssl.SSLSocket) -> None:
        heard.append(secure.recv(65536))
        secure.sendall(message(OFFER, struct.pack(">2H", 6, 7)))
        while data := secure.recv(65536):
            heard.append(data)

    for station, problem in ((7, None), (9, "station_missing")):
        heard.clear()
        with serving(over_tls(server_context(pki), talk)) as port:
            steps = check.run(account(pki, port), family=Weather(station))
        assert (steps[-1].name, steps[-1].problem and steps[-1].problem.code) == ("request", problem)
        chosen = message(CHOICE, struct.pack(">H", station)) + wire.encode_error(check.GOODBYE)
        assert b"".join(heard) == message(WANTED) + (b"" if problem else chosen)


@pytest.mark.parametrize("after_request", [False, True])
def test_an_error_message_of_the_server_is_shown(pki: Pki, after_request: bool) -> None:
    def talk(secure: ssl.SSLSocket) -> None:
        if after_request:
            secure.recv(65536)
        secure.sendall(wire.encode_error("no such field set", 7))
        until_closed(secure)

    with serving(over_tls(server_context(pki), talk)) as port:
        steps = check.run(account(pki, port), family=FAMILY)
    assert steps[-1].name == ("request" if after_request else "accept")
    assert steps[-1].problem is not None
    assert steps[-1].problem.code == "server_error"
    assert "no such field set" in steps[-1].text


def read_once(secure: ssl.SSLSocket) -> None:
    secure.recv(65536)


def test_a_close_after_the_request_is_the_fault_of_the_request(pki: Pki) -> None:
    handler = over_tls(server_context(pki), read_once)
    with serving(handler) as port:
        steps = check.run(account(pki, port), family=FAMILY)
    assert names(steps) == [*OK_STEPS, "request"]
    assert steps[-1].problem is not None
    assert steps[-1].problem.code == "request_refused"


def test_a_server_that_does_not_know_the_client(pki: Pki) -> None:
    with serving(over_tls(server_context(pki), lambda secure: None)) as port:
        steps = check.run(account(pki, port))
    assert names(steps) == OK_STEPS
    assert steps[-1].problem is not None
    assert steps[-1].problem.code == "tls_closed_after_handshake"
    assert "NAT" in steps[-1].text


@pytest.mark.parametrize(
    ("changes", "step", "code"),
    [
        ({"pkcs12_password": "wrong"}, "credentials", "pkcs12_wrong_password"),
        ({"host": f"{'a' * 64}.example"}, "resolve", "tls_name_not_resolved"),
        ({"host": "255.255.255.255"}, "connect", "tls_unreachable"),
        ({"fingerprint": "0" * 64}, "verify", "tls_pin_mismatch"),
    ],
)
def test_the_first_step_that_fails_is_the_last(
    pki: Pki, server: int, changes: dict[str, object], step: str, code: str
) -> None:
    steps = check.run(account(pki, server, **changes))
    assert names(steps) == OK_STEPS[: OK_STEPS.index(step) + 1]
    assert [done.ok for done in steps] == [True] * (len(steps) - 1) + [False]
    problem = steps[-1].problem
    assert problem is not None
    assert (problem.code, problem.text) == (code, steps[-1].text)


def test_the_time_is_bounded(pki: Pki) -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        before = time.monotonic()
        steps = check.run(account(pki, silent.getsockname()[1]), timeout=1.0)
        assert time.monotonic() - before < 2
    assert steps[-1].problem is not None
    assert steps[-1].problem.code == "tls_handshake_timeout"


def test_a_server_that_pours_does_not_keep_the_check(pki: Pki) -> None:
    def talk(secure: ssl.SSLSocket) -> None:
        while True:
            secure.sendall(wire.NULL_MESSAGE * 1000)

    with serving(over_tls(server_context(pki), talk)) as port:
        before = time.monotonic()
        steps = check.run(account(pki, port))
        assert time.monotonic() - before < servers.PATIENCE / 2
    assert steps[-1].ok


def test_a_request_to_stop_ends_the_check(pki: Pki, server: int) -> None:
    def stop(*_: object) -> bool:
        raise Stop

    with pytest.raises(Stop):
        check.run(account(pki, server), wait=stop)


def test_old_certificates_are_named_in_the_step(pki: Pki) -> None:
    with serving(over_tls(server_context(pki, "weak-key"), until_closed)) as port:
        weak = account(pki, port, pkcs12=pki.pkcs12(variant="weak-key"), pkcs12_password="", legacy_certificates=True)
        steps = check.run(weak)
    assert steps[-1].ok
    assert "RSA key of 1024 bits" in steps[0].text
