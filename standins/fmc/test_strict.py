"""Each breach of the protocol by a client is found, and nothing that is allowed counts as a breach."""

from __future__ import annotations

import json
import socket
import struct

import pytest

from standins.fmc.behaviour import Fault
from standins.fmc.conftest import Serve
from standins.fmc.raw_client import DOCUMENT, NULL, RawClient, document, error, request
from standins.fmc.strict import Acknowledgement, Goodbye, Inspector, Nonsense, Request, document_breaches

FLAGS = 1 << 23


def _breaches(*messages: bytes) -> list[str]:
    inspector = Inspector()
    for message in messages:
        inspector.receive(message)
    inspector.end(orderly=True)
    return inspector.violations


def test_what_the_guide_asks_for_is_no_breach() -> None:
    assert _breaches(request(), NULL, NULL, error("enough")) == []
    assert _breaches(request(0xFFFFFFFF), error("müde")) == []
    assert _breaches(request(flags=0, document=b""), request(), NULL) == []
    assert _breaches(request(flags=FLAGS, document=b""), request()) == []


def test_messages_are_understood_however_they_are_split() -> None:
    told = request(5) + NULL + error("enough")
    expected = [Request(5, FLAGS, DOCUMENT), Acknowledgement(), Goodbye(-1, "enough")]
    assert Inspector().receive(told) == expected
    inspector = Inspector()
    assert [message for byte in told for message in inspector.receive(bytes([byte]))] == expected
    assert inspector.violations == []


def _header(length: int, message_type: int = 2, version: int = 1) -> bytes:
    return struct.pack(">HHI", version, message_type, length)


BODY = struct.pack(">II", 0, FLAGS)


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        pytest.param([NULL], "null message before its request", id="null first"),
        pytest.param([request(), request()], "second request", id="second request"),
        pytest.param(
            [request(document=b""), request(document=b"")], "two requests without a document", id="two first steps"
        ),
        pytest.param([_header(8 + len(DOCUMENT) + 8) + BODY + DOCUMENT], "in the middle of a message", id="too long"),
        pytest.param([_header(8 + len(DOCUMENT) - 2) + BODY + DOCUMENT], "not JSON", id="too short"),
        pytest.param([_header(4) + b"\0\0\0\0"], "request of 4 bytes", id="no flags"),
        pytest.param([request(document=DOCUMENT + b"\0")], "NUL", id="NUL"),
        pytest.param([request(flags=FLAGS | 1 << 30)], "bit 30", id="bit 30"),
        pytest.param([request(flags=0)], "only bit 23", id="no flag"),
        pytest.param([request(flags=FLAGS | 1)], "only bit 23", id="another flag"),
        pytest.param([request(flags=1, document=b"")], "only bit 23", id="another flag in the first step"),
        pytest.param([b"GET / HTTP/1.1\r\n\r\n"], "bytes that are no message", id="no message"),
        pytest.param([_header(0, message_type=0, version=0)], "bytes that are no message", id="version 0"),
        pytest.param([_header(0, message_type=4002)], "bytes that are no message", id="a server's message"),
        pytest.param(
            [request(), _header(2, message_type=0) + b"ab"], "null message with 2 bytes", id="null with a body"
        ),
        pytest.param([request(), NULL[:5]], "in the middle of a message", id="half a null"),
        pytest.param([request(), error("x", code=1)], "code 1 instead of -1", id="code"),
        pytest.param([request(), error("")], "without a reason", id="no reason"),
        pytest.param([request(), error("x")[:-1] + b"\xff"], "not UTF-8", id="not UTF-8"),
        pytest.param([request(), error("x"), NULL], "after its error message", id="after the error"),
        pytest.param([request(), error("x"), error("x")], "after its error message", id="two errors"),
        pytest.param(
            [request(), _header(9, message_type=1) + struct.pack(">iH", -1, 9) + b"abc"],
            "declares 9 bytes",
            id="error length",
        ),
        pytest.param([request(), _header(2, message_type=1) + b"ab"], "error message of 2 bytes", id="short error"),
    ],
)
def test_breaches_of_the_framing_are_found(messages: list[bytes], sentence: str) -> None:
    assert any(sentence in breach for breach in _breaches(*messages)), _breaches(*messages)


def _document(**changes: object) -> bytes:
    told = json.loads(DOCUMENT)
    told.update(changes)
    return json.dumps(told).encode()


def _block(**changes: object) -> bytes:
    block: dict[str, object] = {"FieldSetDef": {"OutputFieldSet": ["HeaderFieldSet"]}, "Fields": ["OutputFieldSet"]}
    block.update(changes)
    return _document(Events={"FileEvent": block})


def test_allowed_documents_are_no_breach() -> None:
    allowed = [
        DOCUMENT,
        document("FileEvent", fields=("HeaderFieldSet", "FileSHA256")),
        _block(Exclude="FileTypeID = 14"),
        _document(OutputFormat={"Transform": "Text", "TransformConfig": "CSV"}),
        _document(OutputFormat={"Transform": "Text", "TransformConfig": {"Quote": "x"}}),
    ]
    assert [document_breaches(one) for one in allowed] == [[]] * 5


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (b"{", "not JSON"),
        (b"[]", "does not consist of Events and OutputFormat"),
        (b'{"Events": {}, "Events": {}}', "twice in one object"),
        (b'{"a": "\xff"}', "not JSON"),
        (_document(More=1), "does not consist of Events and OutputFormat"),
        (_document(Events={}), "no event type"),
        (_document(Events={"DnsEvent": json.loads(_block())["Events"]["FileEvent"]}), "no event type"),
        (_document(Events={"FileEvent": 1}), "FieldSetDef"),
        (_block(More=1), "FieldSetDef, Fields and perhaps"),
        (_block(Fields=["X"]), "other than OutputFieldSet"),
        (_block(Exclude=1), "Exclude"),
        (_block(FieldSetDef=1), "FieldSetDef"),
        (_block(FieldSetDef={"OutputFieldSet": []}), "not a list of names"),
        (_block(FieldSetDef={"OutputFieldSet": ["a b"]}), "not a list of names"),
        (_block(FieldSetDef={"OutputFieldSet": ["A", "A"]}), "twice"),
        (_block(FieldSetDef={"OutputFieldSet": ["A"], "B": 1}), "FieldSetDef"),
        (_document(OutputFormat={"Transform": "XML", "TransformConfig": "JSON"}), "transform 'XML'"),
        (_document(OutputFormat={"Transform": "Text", "TransformConfig": "YAML"}), "'YAML'"),
        (_document(OutputFormat={}), "OutputFormat"),
    ],
)
def test_breaches_of_the_document_are_found(told: bytes, sentence: str) -> None:
    breaches = document_breaches(told)
    assert any(sentence in breach for breach in breaches), breaches


def test_a_killed_client_may_leave_half_an_acknowledgement_but_no_half_request() -> None:
    inspector = Inspector()
    inspector.receive(request() + NULL[:3])
    inspector.end(orderly=False)
    assert inspector.violations == []
    inspector = Inspector()
    inspector.receive(request()[:-1])
    inspector.end(orderly=False)
    assert len(inspector.violations) == 1


def test_two_acknowledgements_for_one_bundle_are_found(serve: Serve) -> None:
    server = serve(10, style="bundles", bundle_size=10)
    with RawClient(server) as client:
        client.send(request())
        client.message()
        client.send(NULL)
        server.wait_for(lambda server: server.connections[0].acknowledgements == 1)
        server.assert_clean()
        client.send(NULL)
        server.wait_for(lambda server: bool(server.violations))
    with pytest.raises(AssertionError, match="acknowledgement 2, but only 1 "):
        server.assert_clean()


def test_an_acknowledgement_for_half_a_bundle_is_found(serve: Serve) -> None:
    server = serve(10, style="bundles", bundle_size=10, faults=(Fault("silence", "payload", 9),))
    with RawClient(server) as client:
        client.send(request())
        client.take(5000)
        client.send(NULL)
        server.wait_for(lambda server: bool(server.violations))
    assert server.violations == [
        "connection 1: client sent acknowledgement 1, but only 0 bundles and bare events were sent completely"
    ]


def test_bytes_that_are_no_message_end_the_connection_without_an_error_message(serve: Serve) -> None:
    server = serve(10)
    with RawClient(server) as client:
        client.send(b"\xff" * 32)
        with pytest.raises((EOFError, OSError)):
            client.message()
        assert client._buffer == b""
    server.wait_for(lambda server: server.connections[0].ended is not None)
    assert server.connections[0].ended == "refused: bytes that are no message"
    assert Inspector().receive(b"\xff" * 32) == [Nonsense()]


def test_a_request_that_declares_more_than_it_sent_gets_no_answer(serve: Serve) -> None:
    server = serve(10, keepalive=0.01)
    with RawClient(server) as client:
        client.send(struct.pack(">HHI", 1, 2, 16 + len(DOCUMENT)) + BODY + DOCUMENT)
        client.socket.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.message()
    server.wait_for(lambda server: bool(server.violations))
    assert "in the middle of a message" in server.violations[0]


def test_what_is_known_of_a_connection_is_kept(serve: Serve) -> None:
    server = serve(10)
    with RawClient(server) as client:
        client.send(request(0))
        client.events(10)
        client.send(error("first"))
        client.close()
    with RawClient(server) as client:
        client.send(request(1743500734))
        client.close()
    server.wait_for(lambda server: len(server.connections) == 2 and all(one.ended for one in server.connections))
    first, second = server.connections
    assert (first.timestamp, first.flags, first.document) == (0, FLAGS, DOCUMENT)
    assert (first.acknowledgements, first.events, first.goodbye) == (10, 10, Goodbye(-1, "first"))
    assert (second.timestamp, second.goodbye) == (1743500734, None)
