"""The server delivers events in every reading of the protocol."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import sys
import time

import pytest

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.conftest import Serve
from standins.fmc.events import EventGenerator, Record
from standins.fmc.raw_client import NULL, Event, Message, RawClient, bundled, context, document, error, event, request
from standins.fmc.server import FmcServer


def _all(server: FmcServer) -> list[bytes]:
    return [record.payload for record in server.archive.since(0)]


def _message(client: RawClient) -> Message:
    """Return the next message that is not a keep-alive."""
    return next(message for message in iter(client.message, None) if message.message_type != 0)


@pytest.mark.parametrize("style", ["bare", "bundles", "mixed"])
def test_every_event_arrives_once_in_order_and_is_acknowledged(serve: Serve, style: str) -> None:
    server = serve(450, style=style, bundle_size=40)
    with RawClient(server) as client:
        client.send(request())
        events = client.events(450)
        client.send(error("enough"))
        client.close()
    server.wait_for(lambda server: server.connections[0].ended is not None)
    assert [event.payload for event in events] == _all(server)
    assert [event.archival for event in events] == [record.archival for record in server.archive.since(0)]
    connection = server.connections[0]
    assert connection.events == 450
    assert connection.acknowledgements == connection.expected
    assert connection.ended == "client closed"
    assert [goodbye.text for goodbye in server.goodbyes] == ["enough"]
    server.assert_clean()


def test_bare_events_are_what_a_real_server_was_seen_to_send(serve: Serve) -> None:
    server = serve(40)
    with RawClient(server) as client:
        client.send(request())
        messages = [client.message() for _ in range(40)]
    assert {(message.version, message.message_type) for message in messages} == {(1, 4)}
    assert {event(message).record_type for message in messages} == {71, 400, 502}
    assert {event(message).netmap_id for message in messages} == {1, 0x8001}


def test_bundles_are_numbered_and_wait_for_one_acknowledgement_each(serve: Serve) -> None:
    server = serve(25, style="bundles", bundle_size=10, keepalive=0.05)
    sizes = []
    with RawClient(server) as client:
        client.send(request())
        for number in (1, 2, 3):
            message = _message(client)
            assert message.message_type == 4002
            identity, sequence = struct.unpack_from(">II", message.body)
            assert sequence == number
            assert abs(identity - time.time()) < 60
            inner = bundled(message.body)
            assert {one.version for one in inner} == {0}
            sizes.append(len(inner))
            assert client.message().message_type == 0, "the next bundle came without an acknowledgement"
            client.send(NULL)
    assert sizes == [10, 10, 5]
    server.assert_clean()


def test_a_wider_window_lets_bundles_go_ahead(serve: Serve) -> None:
    server = serve(100, style="bundles", bundle_size=10, window=3)
    with RawClient(server) as client:
        client.send(request())
        assert len([client.message() for _ in range(3)]) == 3
        server.wait_for(lambda server: server.connections[0].events == 30)
        client.send(NULL, NULL, NULL)
        assert client.message().message_type == 4002
    server.assert_clean()


def test_bare_events_can_be_made_to_wait(serve: Serve) -> None:
    server = serve(30, bare_window=4, keepalive=0.05)
    with RawClient(server) as client:
        client.send(request())
        kinds = [client.message().message_type for _ in range(5)]
        assert kinds == [4, 4, 4, 4, 0]
        client.send(NULL)
        assert _message(client).message_type == 4
    server.assert_clean()


def test_every_reading_of_the_event_message_can_be_played(serve: Serve) -> None:
    server = serve(
        60,
        event_data_types=(3, 4),
        bare_version=0,
        extended="alternate",
        record_types={"FileEvent": 500},
        trailing=("\0", "\r\n", "", " "),
        wrap_every=2,
        untyped_every=3,
    )
    with RawClient(server) as client:
        client.send(request())
        events = client.events(60)
    assert {one.version for one in events} == {0}
    assert [one.message_type for one in events[:4]] == [3, 4, 3, 4]
    assert [one.archival is None for one in events[:4]] == [False, True, False, True]
    assert {one.record_type for one in events} == {71, 400, 500}
    assert [one.payload[-1:] for one in events[:4]] == [b"\0", b"\n", b"}", b" "]
    assert events[1].payload.startswith(b'{"ConnectionEvent": {"EventType":')
    assert b"EventType" not in events[2].payload
    assert json.loads(events[2].payload)["ConnectionID"]
    server.assert_clean()


@pytest.mark.parametrize("style", ["bare", "bundles"])
def test_unknown_messages_and_records_of_the_server_itself_come_in_between(serve: Serve, style: str) -> None:
    server = serve(20, style=style, unknown_every=5, server_made_every=4, bundle_size=20)
    with RawClient(server) as client:
        client.send(request())
        events = client.events(25)
        client.close()
    made = [one for one in events if one.archival == 0]
    assert [json.loads(one.payload)["Number"] for one in made] == [1, 2, 3, 4, 5]
    assert [one.payload for one in events if one.archival] == _all(server)
    server.wait_for(lambda server: server.connections[0].ended is not None)
    assert server.connections[0].expected == (25 if style == "bare" else 1)
    server.assert_clean()


def test_an_unknown_message_is_one(serve: Serve) -> None:
    server = serve(2, unknown_every=1)
    with RawClient(server) as client:
        client.send(request())
        assert [client.message().message_type for _ in range(4)] == [2051, 4, 2051, 4]


def test_quiet_links_get_null_messages(serve: Serve) -> None:
    server = serve(0, keepalive=0.02)
    with RawClient(server) as client:
        client.send(request())
        assert [tuple(client.message()) for _ in range(3)] == [(1, 0, b"")] * 3


def test_only_the_types_asked_for_are_sent_and_records_without_a_type(serve: Serve) -> None:
    records = EventGenerator(3).events(0, 40)
    untyped = Record(records[-1].archival, 71, b'{"ConnectionID":1}', None)
    server = serve(archive=Archive([*records, untyped]))
    wanted = [record.payload for record in records if record.event_type == "FileEvent"]
    with RawClient(server) as client:
        client.send(request(document=document("FileEvent")))
        events = client.events(len(wanted) + 1)
    assert [one.payload for one in events] == [*wanted, untyped.payload]


@pytest.mark.parametrize("style", ["bare", "bundles", "mixed"])
def test_appended_events_reach_a_connected_client_at_once(serve: Serve, style: str) -> None:
    server = serve(0, style=style, keepalive=0)
    records = EventGenerator(3).events(0, 12)
    with RawClient(server) as client:
        client.send(request(0xFFFFFFFF))
        server.wait_for(lambda server: server.connections[0].timestamp == 0xFFFFFFFF)
        for record in records:
            server.archive.append(record)
            assert client.events(1)[0].payload == record.payload


def test_now_gives_nothing_old(serve: Serve) -> None:
    server = serve(50, keepalive=0.02)
    late = EventGenerator(3).events(50, 1)[0]
    with RawClient(server) as client:
        client.send(request(0xFFFFFFFF))
        assert client.message().message_type == 0
        server.archive.append(late)
        assert client.events(1)[0].payload == late.payload


def test_resuming_repeats_the_whole_second(serve: Serve) -> None:
    server = serve(200)
    archive = server.archive
    resume_at = archive.read(100, 1)[0].archival
    with RawClient(server) as client:
        client.send(request(resume_at))
        again = client.events(len(archive.since(resume_at)))
    assert [one.payload for one in again] == [record.payload for record in archive.since(resume_at)]
    assert again[0].archival == resume_at
    assert server.connections[0].timestamp == resume_at


def test_a_server_may_repeat_more_than_was_asked_for(serve: Serve) -> None:
    server = serve(200, repeat_seconds=3)
    resume_at = server.archive.read(100, 1)[0].archival
    with RawClient(server) as client:
        client.send(request(resume_at))
        assert client.events(1)[0].archival == resume_at - 3


@pytest.mark.parametrize(("resends", "resent"), [("position", [20, 15, 21]), ("filter", [20, 21])])
def test_after_its_clock_was_set_back_a_server_resends_by_position_or_by_filter(
    serve: Serve, resends: str, resent: list[int]
) -> None:
    archive = Archive((Record.of(b"{}", archival) for archival in (10, 20, 15, 21)), steady=False)
    with RawClient(serve(archive=archive, resends=resends)) as client:
        client.send(request(18))
        assert [event.archival for event in client.events(len(resent))] == resent
        archive.append(Record.of(b"{}", 11))
        assert client.events(1)[0].archival == 11


def test_archives_outlive_servers(serve: Serve) -> None:
    archive = Archive.generated(30)
    for _ in range(2):
        server = serve(archive=archive)
        with RawClient(server) as client:
            client.send(request())
            assert len(client.events(30)) == 30
        server.stop()


def test_a_restart_keeps_the_port_and_ends_connections_without_a_message(serve: Serve) -> None:
    server = serve(10, keepalive=0)
    port = server.port
    with RawClient(server) as client:
        client.send(request())
        client.events(10)
        server.restart()
        with pytest.raises((EOFError, OSError)):
            client.message()
    assert server.port == port
    assert server.connections[0].ended == "server stopped"
    with RawClient(server) as client:
        client.send(request())
        assert len(client.events(10)) == 10
    assert [connection.number for connection in server.connections] == [1, 2]


def test_a_stopped_server_refuses_connections(serve: Serve) -> None:
    server = serve()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        RawClient(server)


def test_ipv6_is_served(serve: Serve) -> None:
    server = serve(5, address="::1")
    with RawClient(server) as client:
        client.send(request())
        assert len(client.events(5)) == 5
    server.assert_clean()


@pytest.mark.parametrize(("offered", "spoken"), [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
def test_the_version_of_tls_can_be_chosen(serve: Serve, offered: str, spoken: str) -> None:
    server = serve(5, tls=(offered,))
    with RawClient(server) as client:
        client.send(request())
        client.events(5)
        assert client.socket.version() == spoken
    assert server.connections[0].tls == spoken
    assert server.connections[0].client == "127.0.0.1"


@pytest.mark.parametrize("variant", ["wrong-role", "weak-key", "sha1", "expired", "not-yet-valid", "foreign"])
def test_the_certificate_shown_is_the_one_wanted(serve: Serve, variant: str) -> None:
    server = serve(5, server_certificate=variant)
    if variant in {"wrong-role", "weak-key", "sha1"}:
        with RawClient(server) as client:
            shown = client.socket.getpeercert(binary_form=True)
            assert shown == ssl.PEM_cert_to_DER_cert(server.pki.server(variant).certificate.read_text())
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            RawClient(server)
        server.wait_for(lambda server: (server.connections[0].ended or "").startswith("handshake failed"))


def _refused(server: FmcServer, client: RawClient) -> str:
    try:
        client.send(request())
    except OSError as error:
        end: BaseException = error
    else:
        _, end = client.everything()
    client.socket.close()
    server.wait_for(lambda server: server.connections[0].ended is not None)
    return str(end)


def test_a_client_certificate_of_a_foreign_ca_gets_an_alert(serve: Serve) -> None:
    server = serve(5)
    with RawClient(server, tls=context(server, variant="foreign")) as client:
        assert "UNKNOWN_CA" in _refused(server, client)
    assert server.connections[0].events == 0


def test_a_server_of_another_ca_refuses_every_client_with_an_alert(serve: Serve) -> None:
    server = serve(5, trust_foreign_clients=True)
    with RawClient(server) as client:
        assert "UNKNOWN_CA" in _refused(server, client)


def test_a_client_at_another_address_than_its_name_is_closed_without_a_message(serve: Serve) -> None:
    server = serve(5)
    with RawClient(server, tls=context(server, address="192.0.2.7")) as client:
        _refused(server, client)
    assert server.connections[0].ended == "refused: 192.0.2.7 does not connect from 127.0.0.1"
    assert server.connections[0].bytes_sent == 0


def test_the_check_of_the_address_can_be_switched_off(serve: Serve) -> None:
    server = serve(5, check_client_address=False)
    with RawClient(server, tls=context(server, address="192.0.2.7")) as client:
        client.send(request())
        assert len(client.events(5)) == 5


@pytest.mark.parametrize("requests", ["either", "two-step"])
def test_a_request_in_two_steps_is_served(serve: Serve, requests: str) -> None:
    server = serve(5, requests=requests)
    with RawClient(server) as client:
        client.send(request(flags=0, document=b""))
        client.send(request())
        assert len(client.events(5)) == 5
    assert server.connections[0].steps == 2
    server.assert_clean()


def test_the_other_kind_of_request_is_answered_with_an_error_message(serve: Serve) -> None:
    for requests, first in (("two-step", request()), ("single", request(flags=0, document=b""))):
        server = serve(5, requests=requests)
        with RawClient(server) as client:
            client.send(first)
            message = client.message()
            code, length = struct.unpack_from(">iH", message.body)
            assert (message.message_type, code, length) == (1, 1, len(message.body) - 6)
            with pytest.raises(EOFError):
                client.message()
        server.assert_clean()


def test_the_other_kind_of_request_can_end_without_a_word_or_in_silence(serve: Serve) -> None:
    server = serve(5, requests="two-step", refusal="close")
    with RawClient(server) as client:
        client.send(request())
        with pytest.raises(EOFError):
            client.message()
    server = serve(5, requests="two-step", refusal="silence", keepalive=0.01)
    with RawClient(server) as client:
        client.send(request())
        client.socket.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.message()


def test_an_unknown_field_is_refused_by_name_if_fields_are_known(serve: Serve) -> None:
    server = serve(20, known_fields=frozenset({"HeaderFieldSet"}))
    with RawClient(server) as client:
        client.send(request(document=document("FileEvent", fields=("HeaderFieldSet", "NoSuchField"))))
        assert b"FileEvent: unknown field NoSuchField" in client.message().body
    with RawClient(server) as client:
        client.send(request(document=document("FileEvent", "ConnectionEvent")))
        assert len(client.events(5)) == 5


def test_a_behaviour_can_be_replaced_between_connections(serve: Serve) -> None:
    server = serve(5)
    with RawClient(server) as client:
        client.send(request())
        assert client.message().message_type == 4
    server.behaviour = Behaviour(style="bundles")
    with RawClient(server) as client:
        client.send(request())
        assert client.message().message_type == 4002


def test_a_behaviour_survives_its_trip_as_json() -> None:
    behaviour = Behaviour(
        style="mixed",
        known_fields=frozenset({"A", "B"}),
        tls=("1.2",),
        record_types={"FileEvent": 500},
        faults=(Fault("rst", "payload", 7, connections=(1, 3)), Fault("gap")),
    )
    assert Behaviour.from_json(behaviour.to_json()) == behaviour
    assert Behaviour.from_json("{}") == Behaviour()


@pytest.mark.parametrize("wrong", ['{"style": "loose"}', '{"faults": [{"action": "explode"}]}', '{"window": 0}'])
def test_a_behaviour_that_does_not_exist_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is none of|at least"):
        Behaviour.from_json(wrong)


def test_a_type_of_which_only_fields_are_asked_comes_with_these_alone(serve: Serve) -> None:
    server = serve(20)
    with RawClient(server) as client:
        client.send(request(document=document("ConnectionEvent", fields=("URL", "InitiatorIP"))))
        events = client.events(18)
    stored = [
        json.loads(record.payload) for record in server.archive.since(0) if record.event_type == "ConnectionEvent"
    ]
    assert [json.loads(one.payload) for one in events] == [
        {"InitiatorIP": event["InitiatorIP"], "URL": event["URL"]} for event in stored
    ]


def test_another_format_than_json_is_refused_rather_than_ignored(serve: Serve) -> None:
    server = serve(5)
    with RawClient(server) as client:
        client.send(request(document=document("FileEvent").replace(b'"JSON"', b'"CSV"')))
        assert b"JSON only" in client.message().body
    server.assert_clean()


@pytest.mark.parametrize("style", ["bare", "bundles", "mixed"])
def test_a_client_that_counts_what_it_has_of_a_second_gets_everything_once(serve: Serve, style: str) -> None:
    actions = ["rst", "fin", "restart", "close", "restart", "error"]
    cuts = tuple(Fault(action, "payload", 150, connections=(number,)) for number, action in enumerate(actions, 1))
    server = serve(1000, style=style, bundle_size=30, faults=cuts)
    got: list[Event] = []
    for _ in range(100):
        resume_at = got[-1].archival or 0 if got else 0
        repeated = sum(one.archival == resume_at for one in got)
        came: list[Event] = []
        with contextlib.suppress(EOFError, OSError), RawClient(server) as client:
            client.send(request(resume_at))
            while len(got) - repeated + len(came) < 1000:
                came += client.events(1)
        got += came[repeated:]
        if len(got) >= 1000:
            break
    assert [one.payload for one in got] == [record.payload for record in server.archive.since(0)]
    assert len(server.connections) >= 7
    server.assert_clean()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two sockets cannot be bound to one port")
def test_nobody_gets_the_port_of_a_server_that_is_down() -> None:
    with FmcServer(Archive()) as server:
        port = server.port
        server.stop()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", port))
        server.start()
        assert server.port == port
        with socket.socket() as client:
            client.connect(("127.0.0.1", port))
