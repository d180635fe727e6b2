"""A server repeats what is logged, or keeps the connection alive with nothing: lines, attempts and time are bounded."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from unittest.mock import patch

import pytest
from estreamer.input import logs, rotation
from estreamer.protocol import session

from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.pki import Pki
from tests.connection import records, servers
from tests.connection.records import HANDSHAKE, Forger
from tests.faults.servers import EXACT, archive_of, deliver, payloads_of, quick_retries, serving, tally
from tests.input.flood import unknown_messages
from tests.input.harness import Input

MOST_AT_FIRST = logs.MOST_AT_FIRST


def test_unknown_types_without_number_are_few_lines_and_all_in_the_figures(tmp_path: Path):
    archive = archive_of(100)
    types = range(6000, 26_000)
    faults = tuple(Fault("say", "between", after_events=after, data=unknown_messages(types)) for after in (10, 50, 90))
    with serving(tmp_path, archive, Behaviour(faults=faults)) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 100)) == EXACT
        told = under_test.log.fields_of("unknown_message_type")
        assert len(told) <= 2
        assert under_test.log.total("unknown_messages") == 3 * len(types)
        named = str(told[-1]["type"]).split(",")
        assert len(named) == session.MOST_UNKNOWN_TYPES + 1
        assert named[-1] == "others"


def test_gaps_without_number_are_few_lines_and_all_in_the_figures(tmp_path: Path):
    archive = archive_of(400)
    gaps = tuple(Fault("gap", after_events=3 * number) for number in range(1, 101))
    with serving(tmp_path, archive, Behaviour(style="bundles", bundle_size=2, faults=gaps)) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 400)) == EXACT
        told = under_test.log.fields_of("bundle_gap")
        assert len(told) <= 2
        assert sum(int(str(line["times"])) for line in told) == under_test.log.total("bundle_gaps") == 100


def test_a_server_that_ends_each_connection_after_an_event_is_asked_less_and_less_and_fills_no_log(tmp_path: Path):
    archive = archive_of(60)
    cut = Fault("fin", "between", after_events=1)
    waits: list[float] = []
    really = rotation.Backoff.next

    def watched(backoff: rotation.Backoff) -> float:
        waits.append(really(backoff))
        return min(waits[-1], 0.01)

    with (
        serving(tmp_path, archive, Behaviour(faults=(cut,))) as under_test,
        patch.object(rotation, "BACKOFF_FIRST", 1.0),
        patch.object(rotation, "BACKOFF_LAST", 60.0),
        patch.object(rotation.Backoff, "next", watched),
        patch.object(logs, "MOST_AT_FIRST", MOST_AT_FIRST),
    ):
        server = under_test.servers["fmc"]
        assert under_test.run(lambda _: server.wait_for(lambda served: len(served.connections) >= 30)) == 0
        assert min(waits[7:]) >= 30
        for event in ("connecting", "connected", "disconnected"):
            assert len(under_test.log.fields_of(event)) <= MOST_AT_FIRST + 1
        told = under_test.log.fields_of("disconnected")
        assert sum(int(str(line.get("times", 1))) for line in told) == len(waits)


def test_after_a_steady_connection_the_next_attempt_is_made_at_once(tmp_path: Path):
    archive = archive_of(1000)
    cuts = tuple(Fault("fin", "payload", after_events=150, connections=(number,)) for number in range(1, 7))
    waits: list[float] = []
    really = rotation.Backoff.next

    def watched(backoff: rotation.Backoff) -> float:
        waits.append(really(backoff))
        return waits[-1]

    with (
        serving(tmp_path, archive, Behaviour(faults=cuts)) as under_test,
        patch.object(rotation.Backoff, "next", watched),
    ):
        assert tally(payloads_of(archive), deliver(under_test, 1000)) == EXACT
        first = rotation.BACKOFF_FIRST
        assert len(waits) >= 5
        assert max(waits) <= first


class Trickler:
    """A server that completes handshakes and then sends a record without data now and then, for ever."""

    address = "127.0.0.1"

    def __init__(self, pki: Pki, version: ssl.TLSVersion) -> None:
        self.pki = pki
        self.port = 0
        self.connections = 0
        self._version = version

    def pkcs12(self, password: str) -> bytes:
        return self.pki.pkcs12(self.address, password=password)

    def __call__(self, accepted: socket.socket) -> None:
        self.connections += 1
        forger = Forger(self.pki, accepted, self._version)
        is_1_2 = self._version is ssl.TLSVersion.TLSv1_2
        content = records.HELLO_REQUEST if is_1_2 else records.TICKET
        while True:
            accepted.sendall(forger.record(HANDSHAKE, content))
            threading.Event().wait(0.05)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_trickle_of_tls_without_data_is_as_dead_as_silence(tmp_path: Path, pki: Pki, version: ssl.TLSVersion):
    trickler = Trickler(pki, version)
    with (
        servers.serving(trickler, connections=2) as port,
        quick_retries(),
        patch.object(session, "SILENCE_LIMIT", 0.5),
    ):
        trickler.port = port
        under_test = Input(tmp_path, {"fmc": trickler})  # type: ignore[dict-item]
        under_test.run(lambda running: running.wait_for_log("connection_failed"))
    assert under_test.log.codes()[0] == "peer_dead"
