"""The server answers the request with anything but events, and comes to its senses later."""

from __future__ import annotations

import struct
from pathlib import Path
from unittest.mock import patch

import pytest
from estreamer.input import reception
from estreamer.protocol import session

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from tests.faults.servers import EXACT, STYLES, archive_of, come, deliver, payloads_of, serving, tally
from tests.input.harness import Input

ATTEMPTS = (1, 2)
"""Connections that get the odd answer; what comes next is served."""


def said(*messages: tuple[int, bytes]) -> str:
    """Return messages of these types and bodies, as a fault is given them."""
    return b"".join(struct.pack(">HHI", 1, kind, len(body)) + body for kind, body in messages).decode("latin-1")


def answer(*actions: str, data: str = "") -> tuple[Fault, ...]:
    return tuple(Fault(action, "request", data=data, connections=ATTEMPTS) for action in actions)


HTTP = "HTTP/1.1 400 Bad Request\r\nContent-Length: 11\r\n\r\nBad Request"

ENDING_ANSWERS = {
    "an error message": (answer("error"), "server_error"),
    "an error message without text": (answer("say", "close", data=said((1, b"\0\0\0\x07\0\0"))), "server_error"),
    "half an error message": (answer("say", "close", data=said((1, b"\0\0"))), "server_error"),
    "a close without a message": (answer("close"), "tls_closed_after_handshake"),
    "an end of the connection without a farewell": (answer("fin"), "tls_closed_after_handshake"),
    "a reset": (answer("rst"), "tls_closed_after_handshake"),
    "a fatal alert": (answer("alert"), "tls_broken"),
    "a keep-alive and a close": (answer("say", "close", data=said((0, b""))), "tls_closed"),
    "bytes that are no message": (answer("garbage"), "peer_broke_protocol"),
    "an answer of a web server": (answer("say", "close", data=HTTP), "peer_broke_protocol"),
    "an answer of a web server that keeps the connection": (answer("say", "silence", data=HTTP), "peer_broke_protocol"),
    "a message that never ends": (answer("overlong"), "peer_broke_protocol"),
    "bytes that are no TLS": (answer("tls-garbage"), "tls_broken"),
    "silence": (answer("silence"), "peer_dead"),
    "silence, and ears closed": (answer("half-open"), "peer_dead"),
    "three bytes and silence": (answer("say", "silence", data="\0\1\0"), "peer_dead"),
    "the head of a message and silence": (answer("say", "silence", data="\0\1\0\4\0\0\4\0{"), "peer_dead"),
}


@pytest.mark.parametrize("what", ENDING_ANSWERS)
@pytest.mark.parametrize("style", STYLES)
def test_an_answer_that_ends_the_session_is_named_and_everything_comes_later(tmp_path: Path, style: str, what: str):
    faults, code = ENDING_ANSWERS[what]
    archive = archive_of(300, duplicates_every=20)
    behaviour = Behaviour(style=style, bundle_size=50, faults=faults)
    silence = 0.6 if code == "peer_dead" else session.SILENCE_LIMIT
    with serving(tmp_path, archive, behaviour) as under_test, patch.object(session, "SILENCE_LIMIT", silence):
        assert tally(payloads_of(archive), deliver(under_test, 300)) == EXACT
        failures = under_test.log.fields_of("connection_failed")
        assert [failure["code"] for failure in failures] == [code] * len(ATTEMPTS)
        assert len(under_test.servers["fmc"].connections) == len(ATTEMPTS) + 1


SECOND_GREETING = said((2, struct.pack(">II", 0, 1 << 23) + b'{"Events": {}}'))
HARMLESS_ANSWERS = {
    "a greeting of its own": (SECOND_GREETING, {2}),
    "streaming information": (said((2051, b"\0\0\0\1"), (2051, b"")), {2051}),
    "the client's own request, twice": (SECOND_GREETING * 2, {2}),
    "a thousand messages of unknown types": (
        said(*((5000 + number % 10, b"x" * number) for number in range(1000))),
        {*range(5000, 5010)},
    ),
    "an unknown message of a megabyte": (said((9, b"\0" * (1 << 20))), {9}),
    "keep-alives": (said(*[(0, b"")] * 100), set()),
    "a keep-alive with something in it": (said((0, b"hello")), set()),
}


@pytest.mark.parametrize("what", HARMLESS_ANSWERS)
@pytest.mark.parametrize("style", STYLES)
def test_messages_that_nobody_asked_for_are_skipped_and_the_session_goes_on(tmp_path: Path, style: str, what: str):
    data, unknown = HARMLESS_ANSWERS[what]
    faults = tuple(
        Fault("say", where, after_events=after, data=data) for where, after in (("request", 0), ("between", 60))
    )
    archive = archive_of(300)
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=50, faults=faults)) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 300)) == EXACT
        told = under_test.log.fields_of("unknown_message_type")
        # One line a minute, and one at the end for what was held back: it names all types of the connection.
        assert sum(int(str(line["times"])) for line in told) == len(unknown)
        assert {int(kind) for line in told[-1:] for kind in str(line["type"]).split(",")} == unknown
        assert len(told) <= 2
        assert len(under_test.servers["fmc"].connections) == 1


@pytest.mark.parametrize("refusal", ["error", "close"])
@pytest.mark.parametrize("style", STYLES)
def test_a_server_that_demands_two_steps_is_found_out_again_after_an_upgrade(tmp_path: Path, style: str, refusal: str):
    archive = archive_of(400)
    wants_one = Behaviour(style=style, requests="single", refusal=refusal, faults=(Fault("rst", after_events=150),))
    with serving(tmp_path, archive, wants_one) as under_test:
        server = under_test.servers["fmc"]

        def upgrade(running: Input) -> None:
            running.reader.wait_for(150)
            server.behaviour = Behaviour(style=style, requests="two-step", refusal=refusal)
            come(running, 400)

        assert under_test.run(upgrade) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        styles = [line["request_style"] for line in under_test.log.fields_of("connected")]
        assert styles[0] == "single"
        assert styles[-1] == "two-step"


@pytest.mark.parametrize("style", STYLES)
def test_errors_to_both_styles_of_request_are_shown_until_one_is_served(tmp_path: Path, style: str):
    refusals = Fault("error", "request", code=7, text="the license has expired", connections=(1, 2, 3, 4))
    archive = archive_of(200)
    with serving(tmp_path, archive, Behaviour(style=style, faults=(refusals,))) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 200)) == EXACT
        failures = under_test.log.fields_of("connection_failed")
        assert len(failures) == 4
        assert all("error 7: the license has expired" in str(failure["problem"]) for failure in failures)
        styles = [line["request_style"] for line in under_test.log.fields_of("connected")]
        assert styles == ["single", "two-step", "single", "two-step", "single"]


@pytest.mark.parametrize("style", STYLES)
def test_an_error_in_mid_stream_does_not_change_the_style_of_request(tmp_path: Path, style: str):
    archive = archive_of(300)
    errors = Fault("error", after_events=60, connections=(1, 2))
    with serving(tmp_path, archive, Behaviour(style=style, faults=(errors,))) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 300)) == EXACT
        assert {line["request_style"] for line in under_test.log.fields_of("connected")} == {"single"}


@pytest.mark.parametrize("style", STYLES)
def test_keep_alives_alone_for_long_are_hinted_at_once_and_late_events_come(tmp_path: Path, style: str):
    """In real life the hint comes after ten minutes, and a peer counts as dead after two at the least."""
    archive = Archive()
    with (
        serving(tmp_path, archive, Behaviour(style=style, keepalive=0.05)) as under_test,
        patch.object(reception, "NO_EVENT_HINT_AFTER", 0.4),
        patch.object(session, "SILENCE_LIMIT", 0.8),
    ):

        def late(running: Input) -> None:
            running.wait_for_log("no_event_yet")
            (server,) = running.servers.values()
            sent = server.connections[0].keep_alives
            server.wait_for(lambda served: served.connections[0].keep_alives >= sent + 24)
            archive.extend(archive_of(100).since(0))
            come(running, 100)

        assert under_test.run(late) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        assert len(under_test.log.fields_of("no_event_yet")) == 1
        assert len(under_test.servers["fmc"].connections) == 1
