"""What is said on one connection: readings of the protocol, broken and silent peers, acknowledgements, the goodbye."""

from __future__ import annotations

import os
import select
import threading
from collections import Counter
from typing import Any, cast

import pytest
from estreamer.clock import Clock
from estreamer.input import delivery
from estreamer.input.conversation import Conversation
from estreamer.outputs.output import Interest
from estreamer.outputs.splunkd_pipe import SplunkdPipe
from estreamer.outputs.xml_stream import Chunk, XmlStream
from estreamer.protocol import session, wire
from estreamer.protocol.classic.requests import Classic

from standins.fmc.behaviour import Behaviour, Fault
from tests.input.harness import DEADLINE, Input, Make, archive_of, payloads_of

pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.mark.parametrize("action", ["garbage", "overlong", "error", "tls-garbage"])
def test_a_broken_peer_costs_a_reconnection_and_nothing_else(make: Make, action: str):
    archive = archive_of(400)
    under_test = make(archive, Behaviour(faults=(Fault(action, after_events=100, connections=(1,)),)))
    assert under_test.run_for(400) == payloads_of(archive)
    expected = {"error": "server_error", "tls-garbage": "tls_broken"}.get(action, "peer_broke_protocol")
    assert expected in under_test.log.codes()


def test_a_dribble_of_single_bytes_arrives_whole(make: Make):
    archive = archive_of(15)
    under_test = make(archive, Behaviour(style="mixed", bundle_size=3, faults=(Fault("dribble", where="request"),)))
    assert under_test.run_for(15) == payloads_of(archive)


READINGS: dict[str, dict[str, Any]] = {
    "type 3 and version 0 outside, 1 inside bundles": {
        "event_data_types": (3,),
        "bare_version": 0,
        "bundled_version": 1,
    },
    "types 3 and 4 in turn": {"event_data_types": (3, 4)},
    "padding after the JSON text": {"trailing": ("", "\0", "\r\n", " ", "\n")},
    "unknown messages between": {"unknown_every": 10},
    "records of the server's own": {"server_made_every": 50},
    "a repetition at resume": {"repeat_seconds": 5},
    "file events of type 500": {"record_types": {"FileEvent": 500}},
    "a server that waits for bare acknowledgements": {"bare_window": 1},
    "TLS 1.2 alone": {"tls": ("1.2",)},
    "TLS 1.3 alone": {"tls": ("1.3",)},
}


@pytest.mark.parametrize("reading", READINGS)
def test_every_reading_of_the_protocol_is_understood(make: Make, reading: str):
    archive = archive_of(300)
    behaviour = Behaviour(style="mixed", bundle_size=20, **READINGS[reading])
    under_test = make(archive, behaviour)
    server_made = 300 // 50 if "server_made_every" in READINGS[reading] else 0
    arrived = under_test.run_for(300 + server_made)
    expected = Counter(payloads_of(archive))
    assert not expected - Counter(arrived)
    assert len(arrived) == 300 + server_made


def test_a_gap_in_the_sequence_is_counted_and_logged(make: Make):
    archive = archive_of(300)
    fault = Fault("gap", after_events=100)
    under_test = make(archive, Behaviour(style="bundles", bundle_size=20, faults=(fault,)))
    assert under_test.run_for(300) == payloads_of(archive)
    assert under_test.log.total("bundle_gaps") == 1
    assert len(under_test.log.fields_of("bundle_gap")) == 1


def test_the_server_is_told_why_before_the_connection_is_closed(make: Make):
    under_test = make(archive_of(10))
    under_test.run_for(10)
    server = under_test.servers["fmc"]
    server.wait_for(lambda told: bool(told.goodbyes))
    assert "SIGTERM" in server.goodbyes[0].text


def test_a_busy_link_is_written_in_large_pieces(make: Make, monkeypatch: pytest.MonkeyPatch):
    archive = archive_of(4000)
    under_test = make(archive, Behaviour(style="bare"))
    sizes: list[int] = []
    really = XmlStream.push

    def push(self: XmlStream, chunk: Chunk) -> bool:
        sizes.append(len(chunk.data))
        return really(self, chunk)

    monkeypatch.setattr(XmlStream, "push", push)
    assert under_test.run_for(4000) == payloads_of(archive)
    assert sum(sizes) / len(sizes) > 16 * 1024


def test_a_silent_peer_is_given_up_and_connected_anew(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "SILENCE_LIMIT", 0.5)
    archive = archive_of(100)
    under_test = make(archive, Behaviour(faults=(Fault("silence", after_events=50, connections=(1,)),)))
    assert under_test.run_for(100) == payloads_of(archive)
    assert "peer_dead" in under_test.log.codes()


def test_keep_alives_keep_a_quiet_connection(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "SILENCE_LIMIT", 1.0)
    under_test = make(archive_of(10), Behaviour(keepalive=0.2))

    def for_twice_the_limit(running: Input) -> None:
        running.reader.wait_for(10)
        running.servers["fmc"].wait_for(lambda server: server.connections[0].keep_alives >= 10)

    assert under_test.run(for_twice_the_limit) == 0
    assert len(under_test.servers["fmc"].connections) == 1


def test_an_output_with_something_to_read_is_served_while_no_event_arrives(make: Make, monkeypatch: pytest.MonkeyPatch):
    """Nothing else is due: the answer of a receiver wakes the input."""
    for name in ("LOOK_INTERVAL", "FIGURES_INTERVAL"):
        monkeypatch.setattr(delivery, name, 1e6)
    answers, receiver = os.pipe()
    waits, served = threading.Event(), threading.Event()
    really = SplunkdPipe.serve

    def serve(self: SplunkdPipe, now: float) -> None:
        really(self, now)
        if waits.is_set() and select.select([answers], [], [], 0)[0]:
            os.read(answers, 1)
            served.set()

    monkeypatch.setattr(SplunkdPipe, "serve", serve)
    monkeypatch.setattr(SplunkdPipe, "interest", lambda _: Interest(readable=(answers,)))

    def answer(running: Input) -> None:
        running.reader.wait_for(10)
        running.reader.wait_for_silence(0.3)
        waits.set()
        os.write(receiver, b"!")
        assert served.wait(DEADLINE)

    assert make(archive_of(10)).run(answer) == 0
    for descriptor in (answers, receiver):
        os.close(descriptor)


class Flood:
    """A server that never lets the client wait and never sends what it owes; it also is whom the client serves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def receive(self, limit: int) -> bytes:
        self.now += 1.0
        assert self.now < 2000.0, "the server is listened to for ever"
        return wire.NULL_MESSAGE

    def has_more(self) -> bool:
        return True

    def deliver(self, *received: object) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def test_a_server_that_floods_the_client_is_given_up_as_a_quiet_one_when_it_never_answers():
    flood = Flood()
    clock = Clock(monotonic=lambda: flood.now)
    asked = session.Session(Classic(("DiscoveryEvent",), 0), flood.now)
    problem = Conversation(asked, cast(Any, flood), cast(Any, flood), clock).run()
    assert problem.code == "request_unanswered"
