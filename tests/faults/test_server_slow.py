"""The server sends a byte at a time, half a message and no more, or does not listen."""

from __future__ import annotations

import socket
import tracemalloc
from pathlib import Path
from unittest.mock import patch

import pytest
from estreamer.connection import tcp, tls
from estreamer.input import conversation
from estreamer.protocol import session
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.protocol.session import Session

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from tests.faults.servers import EXACT, STYLES, archive_of, come, deliver, event, payloads_of, serving, tally
from tests.input.harness import Input

KIB = 1024


@pytest.mark.parametrize("style", STYLES)
def test_part_of_a_header_and_silence_in_mid_stream_last_as_long_as_silence_may(tmp_path: Path, style: str):
    """In real life that is 15 minutes, or four intervals of keep-alives, but two minutes at the least."""
    archive = archive_of(400, duplicates_every=20)
    faults = tuple(
        Fault(action, after_events=120, data="\\0\\1\\0", connections=(1, 2)) for action in ("say", "silence")
    )
    with (
        serving(tmp_path, archive, Behaviour(style=style, bundle_size=40, faults=faults)) as under_test,
        patch.object(session, "SILENCE_LIMIT", 0.8),
    ):
        assert tally(payloads_of(archive), deliver(under_test, 400)) == EXACT
        assert under_test.log.codes() == ["peer_dead"] * 2


@pytest.mark.parametrize("style", STYLES)
def test_a_message_that_comes_byte_by_byte_for_ever_is_not_waited_for(tmp_path: Path, style: str):
    archive = archive_of(400, duplicates_every=20)
    trickle = Fault("dribble", after_events=120, pause=0.02, connections=(1,))
    with (
        serving(tmp_path, archive, Behaviour(style=style, bundle_size=40, faults=(trickle,))) as under_test,
        patch.object(session, "WHOLE_WITHIN", 0.8),
    ):

        def slowly(running: Input) -> None:
            running.reader.wait_for(120)
            running.servers["fmc"].wait_for(lambda served: len(served.connections) == 2, timeout=4)
            come(running, 400)

        assert under_test.run(slowly) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT


@pytest.mark.parametrize("style", STYLES)
def test_single_bytes_at_a_slow_pace_arrive_whole_and_are_not_taken_for_silence(tmp_path: Path, style: str):
    archive = Archive(event(number, 1000 + number) for number in range(6))
    trickle = Fault("dribble", "request", pause=0.002)
    with (
        serving(tmp_path, archive, Behaviour(style=style, bundle_size=3, faults=(trickle,))) as under_test,
        patch.object(session, "SILENCE_LIMIT", 3.0),
    ):
        assert tally(payloads_of(archive), deliver(under_test, 6)) == EXACT
        assert len(under_test.servers["fmc"].connections) == 1


def test_a_message_in_tiny_pieces_needs_no_more_memory_than_a_few_times_its_size():
    size = 512 * KIB
    listening = Session(FullyQualified(b"{}", 0), 0.0)
    header = bytes.fromhex("0001 0004") + size.to_bytes(4, "big")
    tracemalloc.start()
    try:
        listening.receive(header, 0.0)
        for number in range(size // 2 - 1):
            listening.receive(number.to_bytes(4, "big")[2:], 0.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * size


def test_a_server_that_reads_no_acknowledgements_does_not_fill_the_memory_with_them(tmp_path: Path):
    """Bare events, as a server that sends bundles would wait for the first. It hears of all once it listens again."""
    count = 60_000
    archive = Archive(event(number, 1000 + number // 50) for number in range(count))
    behaviour = Behaviour(faults=(Fault("deaf", "request"), Fault("hear", after_events=count)))
    tune, send, unsent = tcp._tune, tls.Connection.send, [0]

    def with_small_buffers(connecting: socket.socket) -> None:
        tune(connecting)
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * KIB)

    def measured(connection: tls.Connection, data: bytes) -> None:
        send(connection, data)
        unsent[0] = max(unsent[0], connection.unsent())

    with (
        serving(tmp_path, archive, behaviour) as under_test,
        patch.object(tcp, "_tune", with_small_buffers),
        patch.object(tls.Connection, "send", measured),
    ):

        def heard(running: Input) -> None:
            running.servers["fmc"].wait_for(lambda served: any(c.acknowledgements == count for c in served.connections))
            running.reader.wait_for_silence(0.3)

        assert under_test.run(heard) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        assert len(under_test.servers["fmc"].connections) == 1
        # What one batch asks for may come on top.
        assert unsent[0] < 3 * conversation.MOST_UNSENT
