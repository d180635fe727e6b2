"""Each misbehaviour happens at the place that the test sets, and only there."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator

import pytest

from standins.fmc.behaviour import BEFORE_EVENTS, ENDINGS, PLACES, Fault
from standins.fmc.conftest import Serve
from standins.fmc.raw_client import NULL, Message, RawClient, Vanished, bundled, context, event, request
from standins.fmc.server import FmcServer

ENDS = {"fin": Vanished, "rst": ConnectionResetError, "close": EOFError}


def _ended(server: FmcServer, number: int = 1) -> str:
    server.wait_for(lambda server: server.connections[number - 1].ended is not None)
    return server.connections[number - 1].ended or ""


def _ask(server: FmcServer) -> Message:
    with RawClient(server) as client:
        client.send(request())
        return client.message()


def _messages(received: bytes) -> Iterator[Message]:
    while len(received) >= 8:
        version, kind, length = struct.unpack_from(">HHI", received)
        yield Message(version, kind, received[8 : 8 + length])
        received = received[8 + length :]


@pytest.mark.parametrize("style", ["bare", "bundles", "mixed"])
@pytest.mark.parametrize("where", PLACES)
def test_a_cut_comes_in_its_place(serve: Serve, style: str, where: str) -> None:
    server = serve(60, style=style, bundle_size=10, window=100, faults=(Fault("fin", where, 15),))
    whole = serve(60, style=style, bundle_size=10, window=100)
    with RawClient(server) as client:
        client.send(request())
        received, end = client.everything()
    assert isinstance(end, Vanished)
    with RawClient(whole) as client:
        client.send(request())
        uncut = client.take(len(received) + 4000)
    assert uncut.startswith(received) or style != "bare"
    assert len(received) == server.connections[0].bytes_sent
    assert _ended(server) == "fault: fin"
    assert _place(received) == (where if style != "bare" or where != "bundle header" else "header")
    server.assert_clean()


def _place(received: bytes) -> str:
    """Return the place in a message or bundle at which the bytes end."""
    rest, in_bundle = received, False
    while rest:
        if len(rest) < 8:
            return "header"
        kind, length = struct.unpack_from(">HI", rest, 2)
        if kind == 4002:
            if len(rest) < 16:
                return "bundle header"
            in_bundle, rest = True, rest[16:]
        elif len(rest) < 24:
            return "record header"
        elif len(rest) < 8 + length:
            return "payload"
        else:
            rest = rest[8 + length :]
    assert in_bundle or received
    return "between"


@pytest.mark.parametrize("action", ENDINGS)
def test_connections_end_in_every_way(serve: Serve, action: str) -> None:
    server = serve(60, faults=(Fault(action, "payload", 15),))
    with RawClient(server) as client:
        client.send(request())
        _, end = client.everything()
    assert isinstance(end, ENDS[action])
    assert _ended(server) == f"fault: {action}"
    assert server.connections[0].events == 15


@pytest.mark.parametrize("where", BEFORE_EVENTS)
@pytest.mark.parametrize("action", ENDINGS)
def test_connections_end_before_any_event(serve: Serve, action: str, where: str) -> None:
    server = serve(60, faults=(Fault(action, where),))
    with pytest.raises((EOFError, OSError)):
        _ask(server)
    assert _ended(server) == f"fault: {action}"
    assert server.connections[0].bytes_sent == 0
    assert (server.connections[0].timestamp is not None) == (where == "request")


@pytest.mark.parametrize("count", [0, 1, 7, 30, 1000, 20000])
def test_a_cut_after_some_bytes_is_exact(serve: Serve, count: int) -> None:
    server = serve(60, faults=(Fault("close", after_bytes=count),))
    with RawClient(server) as client:
        client.send(request())
        received, end = client.everything()
    assert len(received) == count
    assert isinstance(end, EOFError)


def test_each_connection_has_its_own_faults(serve: Serve) -> None:
    server = serve(
        30,
        faults=(Fault("close", after_events=5, connections=(1, 3)), Fault("close", after_events=9, connections=(2,))),
    )
    counts = []
    for _ in range(3):
        with RawClient(server) as client:
            client.send(request())
            received, _ = client.everything()
            counts.append(len(list(_messages(received))))
    with RawClient(server) as client:
        client.send(request())
        counts.append(len(client.events(30)))
    assert counts == [5, 9, 5, 30]


def test_a_fault_after_the_last_event_needs_no_further_one(serve: Serve) -> None:
    server = serve(5, faults=(Fault("rst", after_events=5),))
    with RawClient(server) as client:
        client.send(request())
        client.events(5, acknowledge=False)
        with pytest.raises(ConnectionResetError):
            client.message()


@pytest.mark.parametrize("style", ["bare", "bundles"])
def test_an_error_message_comes_between_messages_and_ends_the_connection(serve: Serve, style: str) -> None:
    server = serve(60, style=style, bundle_size=10, faults=(Fault("error", after_events=15, code=-7, text="no môre"),))
    with RawClient(server) as client:
        client.send(request())
        assert len(client.events(15)) == 15
        message = client.message()
        assert message.message_type == 1
        assert message.body == struct.pack(">iH", -7, 8) + "no môre".encode()
        with pytest.raises(EOFError):
            client.message()
    assert _ended(server) == "fault: error"


@pytest.mark.parametrize("where", ["handshake", "request"])
def test_an_error_message_can_be_the_only_answer(serve: Serve, where: str) -> None:
    server = serve(60, faults=(Fault("error", where, text="go away"),))
    with RawClient(server) as client:
        if where == "request":
            client.send(request())
        assert client.message().body[6:] == b"go away"


def test_garbage_comes_in_place_of_a_message(serve: Serve) -> None:
    server = serve(60, keepalive=0.01, faults=(Fault("garbage", after_events=3),))
    with RawClient(server) as client:
        client.send(request())
        client.events(3)
        assert client.take(256) == bytes(range(255, -1, -1))
        client.socket.settimeout(0.1)
        with pytest.raises(socket.timeout):
            client.take(1)


def test_an_overlong_message_goes_on_and_on(serve: Serve) -> None:
    server = serve(60, faults=(Fault("overlong", after_events=3),))
    with RawClient(server) as client:
        client.send(request())
        client.events(3)
        assert struct.unpack(">HHI", client.take(8)) == (1, 4, 1 << 30)
        assert client.take(3_000_000) == b"x" * 3_000_000
    _ended(server)


def test_bytes_that_are_no_tls_break_the_stream(serve: Serve) -> None:
    server = serve(60, faults=(Fault("tls-garbage", after_events=3),))
    with RawClient(server) as client:
        client.send(request())
        client.events(3)
        with pytest.raises(ssl.SSLError):
            client.message()


def test_before_the_handshake_there_can_be_an_alert_or_no_tls(serve: Serve) -> None:
    server = serve(
        60, faults=(Fault("alert", "accept", connections=(1,)), Fault("tls-garbage", "accept", connections=(2,)))
    )
    with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
        RawClient(server)
    with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version"):
        RawClient(server)


def test_in_place_of_the_handshake_it_is_asked_for_without_end(serve: Serve) -> None:
    server = serve(60, faults=(Fault("hello-requests", "accept"),))
    one = bytes.fromhex("16 0303 0004 00000000")
    with socket.create_connection((server.address, server.port)) as client:
        received = b""
        while len(received) < 10_000_000:
            received += client.recv(1 << 20)
    assert received == (one * (len(received) // len(one) + 1))[: len(received)]
    server.wait_for(lambda served: served.connections[0].ended == "client reset")


@pytest.mark.parametrize("action", ["silence", "half-open"])
@pytest.mark.parametrize("where", ["accept", "handshake", "request", "payload"])
def test_silence_falls_without_keepalives(serve: Serve, action: str, where: str) -> None:
    server = serve(60, keepalive=0.01, faults=(Fault(action, where, 3),))
    if where == "accept":
        return _assert_no_handshake(server)
    with RawClient(server) as client:
        client.send(request())
        if where == "payload":
            client.events(3)
        client.socket.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.message()
    return None


def _assert_no_handshake(server: FmcServer) -> None:
    with socket.create_connection((server.address, server.port), timeout=0.2) as plain, pytest.raises(socket.timeout):
        context(server).wrap_socket(plain)
    server.stop()
    assert server.connections[0].tls is None


def test_a_silent_server_still_listens(serve: Serve) -> None:
    server = serve(60, faults=(Fault("silence", after_events=3),))
    with RawClient(server) as client:
        client.send(request())
        client.events(3, acknowledge=False)
        client.send(NULL, NULL, NULL)
        server.wait_for(lambda server: server.connections[0].acknowledgements == 3)
        client.close()
    assert _ended(server) == "client closed"


def test_single_bytes_dribble(serve: Serve) -> None:
    server = serve(3, faults=(Fault("dribble", after_events=1),))
    with RawClient(server) as client:
        client.send(request())
        first = client.socket.recv(65536)
        assert len(first) == 8 + 16 + len(server.archive.read(0, 1)[0].payload)
        assert {len(client.socket.recv(65536)) for _ in range(500)} == {1}
    server.assert_clean()


def sequence_numbers_of_all(server: FmcServer) -> list[int]:
    """Read all events, each of which must arrive once and in order; return the sequence numbers of the bundles."""
    wanted = [record.payload for record in server.archive.since(0)]
    payloads: list[bytes] = []
    numbers = []
    with RawClient(server) as client:
        client.send(request())
        while len(payloads) < len(wanted):
            message = client.message()
            client.send(NULL)
            if message.message_type == 4002:
                numbers.append(struct.unpack_from(">I", message.body, 4)[0])
                payloads += [one.payload for one in bundled(message.body)]
            else:
                payloads.append(event(message).payload)
    assert payloads == wanted
    return numbers


@pytest.mark.parametrize("style", ["bundles", "mixed"])
def test_a_gap_leaves_out_a_number_but_no_event(serve: Serve, style: str) -> None:
    server = serve(60, style=style, bundle_size=10, faults=(Fault("gap", after_events=20),))
    numbers = sequence_numbers_of_all(server)
    assert [later - number for number, later in zip(numbers, numbers[1:])].count(2) == 1
    server.assert_clean()


@pytest.mark.parametrize("style", ["bundles", "mixed"])
def test_a_repetition_gives_two_bundles_one_number_and_no_event_twice(serve: Serve, style: str) -> None:
    server = serve(60, style=style, bundle_size=10, faults=(Fault("repeat", after_events=20),))
    numbers = sequence_numbers_of_all(server)
    assert sorted(later - number for number, later in zip(numbers, numbers[1:]))[:2] == [0, 1]
    server.assert_clean()


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("style", ["bare", "bundles"])
def test_a_fatal_alert_comes_encrypted_in_mid_stream(serve: Serve, style: str, tls: str) -> None:
    server = serve(60, style=style, tls=(tls,), bundle_size=10, faults=(Fault("alert", "payload", 15),))
    with RawClient(server) as client:
        client.send(request())
        with pytest.raises(ssl.SSLError, match=r"(?i)alert.bad.record.mac"):
            client.events(60)
    assert _ended(server) == "fault: alert"
    assert server.connections[0].events == 15


@pytest.mark.parametrize("style", ["bare", "bundles", "mixed"])
def test_anything_can_be_said_between_messages(serve: Serve, style: str) -> None:
    said = Fault("say", after_events=15, data="\0\1\xff\xfe\0\0\0\2\xe4\xf6")
    server = serve(60, style=style, bundle_size=10, faults=(said,))
    kinds, count = [], 0
    with RawClient(server) as client:
        client.send(request())
        while count < 60:
            message = client.message()
            if message.message_type == 0xFFFE:
                assert (message.body, count) == (b"\xe4\xf6", 15)
            else:
                client.send(NULL)
                count += len(bundled(message.body)) if message.message_type == 4002 else 1
            kinds.append(message.message_type)
    assert kinds.count(0xFFFE) == 1
    server.assert_clean()


def test_anything_can_be_said_in_answer_to_a_request_and_then_nothing_more(serve: Serve) -> None:
    server = serve(60, keepalive=0.01, faults=(Fault("say", "request", data="\0\1\0"), Fault("silence", "request")))
    with RawClient(server) as client:
        client.send(request())
        assert client.take(3) == b"\0\1\0"
        client.socket.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.take(1)


def test_single_bytes_dribble_at_their_pace(serve: Serve) -> None:
    server = serve(3, faults=(Fault("dribble", "request", pause=0.05),))
    with RawClient(server) as client:
        client.send(request())
        begun = time.monotonic()
        client.take(8)
        assert 0.3 < time.monotonic() - begun < 2.0


def test_a_deaf_server_hears_no_acknowledgement_and_sends_on(serve: Serve) -> None:
    server = serve(60, faults=(Fault("deaf", after_events=15),))
    with RawClient(server) as client:
        client.send(request())
        assert len(client.events(60)) == 60
    server.wait_for(lambda server: server.connections[0].events == 60)
    assert server.connections[0].acknowledgements <= 15


def test_a_server_that_was_deaf_hears_everything_later(serve: Serve) -> None:
    server = serve(60, faults=(Fault("deaf", "request"), Fault("hear", after_events=50)))
    with RawClient(server) as client:
        client.send(request())
        assert len(client.events(60)) == 60
        server.wait_for(lambda server: server.connections[0].acknowledgements == 60)
    server.assert_clean()


@pytest.mark.parametrize("action", ENDINGS)
def test_a_deaf_server_ends_without_having_heard_anything(serve: Serve, action: str) -> None:
    server = serve(60, faults=(Fault("deaf", "request"), Fault(action, after_events=15)))
    with RawClient(server) as client:
        client.send(request())
        with pytest.raises(ENDS[action]):
            client.events(16)
    assert _ended(server) == f"fault: {action}"
    assert server.connections[0].events == 15
    assert server.connections[0].acknowledgements == 0


def test_a_server_can_restart_in_the_middle_of_a_message(serve: Serve) -> None:
    server = serve(60, faults=(Fault("restart", "payload", 20, connections=(1,)),))
    with RawClient(server) as client:
        client.send(request())
        received, _ = client.everything()
    assert len(list(_messages(received))) == 21
    server.wait_for(lambda server: server.restarts == 1)
    with RawClient(server) as client:
        client.send(request())
        assert len(client.events(60)) == 60
    assert server.connections[0].ended == "server stopped"


@pytest.mark.parametrize(
    ("action", "where"),
    [
        ("gap", "payload"),
        ("repeat", "header"),
        ("say", "payload"),
        ("say", "accept"),
        ("garbage", "accept"),
        ("hello-requests", "handshake"),
        ("nap", "between"),
        ("fin", "x"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(action: str, where: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fault(action, where)
