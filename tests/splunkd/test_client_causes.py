"""What goes wrong with splunkd's management port is told by the cause that was observed, with what to do about it."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.errors import Problem, SessionRefused
from estreamer.splunkd import client
from estreamer.splunkd.client import Client, Refused

from standins.places import APP
from standins.splunkd.tls import Tls, make
from tests.connection.servers import serving
from tests.splunkd.management import ACCOUNT_CONF, SESSION_KEY, Management

PATH = f"configs/conf-{ACCOUNT_CONF}/fmc"


def problem_of(uri: str, timeout: float = 10.0) -> Problem:
    with pytest.raises(Problem) as caught:
        Client(uri, SESSION_KEY, APP, timeout=timeout).entries(PATH)
    assert SESSION_KEY not in caught.value.text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def answering(answer: bytes) -> contextlib.AbstractContextManager[int]:
    def say(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(answer)

    return serving(say, connections=2)


def header(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: %d\r\n\r\n" % length


ANSWERS = {
    "no HTTP": (b"splunkd is starting\r\n\r\n", "splunkd_answer_invalid", "it is not HTTP"),
    "an empty line": (b"\r\n", "splunkd_answer_invalid", "it is not HTTP"),
    "HTTP of another kind": (b"HTTP/9.9 200 OK\r\n\r\n", "splunkd_answer_invalid", "it is not HTTP"),
    "a header line without end": (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        "splunkd_answer_invalid",
        "it is not HTTP",
    ),
    "too many headers": (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n", "splunkd_answer_invalid", "not HTTP"),
    "an answer of a length that is cut": (
        header(100) + b'{"entry": []}',
        "splunkd_answer_cut",
        "before the answer was",
    ),
    "an answer in chunks that is cut": (
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{",
        "splunkd_answer_cut",
        "before the answer was complete",
    ),
    "nothing": (b"", "splunkd_answer_cut", "without an answer"),
    "no JSON": (header(7) + b"<feed/>", "splunkd_answer_invalid", "not the JSON that was asked for"),
    "other JSON": (header(11) + b'{"feed": 1}', "splunkd_answer_invalid", "not the JSON that was asked for"),
    "JSON with other entries": (header(16) + b'{"entry": [null]}'[:16], "splunkd_answer_invalid", "not the JSON"),
    "JSON with a name that is none": (
        header(42) + b'{"entry": [{"name": 1, "content": {}}]}   ',
        "splunkd_answer_invalid",
        "not the JSON",
    ),
}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_none_is_explained_by_what_came(answer: str) -> None:
    content, code, text = ANSWERS[answer]
    with answering(content) as port:
        problem = problem_of(f"http://127.0.0.1:{port}")
    assert (problem.code, text in problem.text) == (code, True), problem.text
    assert "starting" not in problem.text
    # splunklib leaves the socket of a failed request to the collector: here, where its warning is expected.
    gc.collect()


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1 << 20)
    with answering(b"HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n" + b" " * (1 << 22)) as port:
        problem = problem_of(f"http://127.0.0.1:{port}")
    assert (problem.code, "it has more than 1 MiB" in problem.text) == ("splunkd_answer_invalid", True)


def test_a_port_where_nothing_listens_asks_whether_splunk_is_starting_or_stopping() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        problem = problem_of(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert problem.code == "splunkd_unreachable"
    assert "connection refused" in problem.text
    assert "Is Splunk starting or stopping?" in problem.text


def test_a_silent_splunkd_is_told_by_its_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        problem = problem_of(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.2)
    assert problem.code == "splunkd_timeout"
    assert "overloaded or hangs" in problem.text
    assert "starting" not in problem.text


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_connection_that_is_reset_is_told_as_such() -> None:
    def reset(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(reset, connections=2) as port:
        problem = problem_of(f"http://127.0.0.1:{port}")
    assert (problem.code, "without an answer" in problem.text) == ("splunkd_answer_cut", True)
    gc.collect()


@pytest.fixture
def port() -> Iterator[Management]:
    with Management() as running:
        yield running


REFUSALS = {
    402: ("splunkd_license", "Settings > Licensing"),
    403: ("splunkd_forbidden", "list_storage_passwords"),
    404: ("splunkd_not_found", "Apps > Manage Apps"),
    409: ("splunkd_refused", "refused"),
    500: ("splunkd_failed", "splunkd.log"),
    502: ("splunkd_failed", "splunkd.log"),
    503: ("splunkd_unavailable", "Is Splunk starting or stopping?"),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_each_status_of_a_refusal_has_a_sentence_of_its_own(port: Management, status: int) -> None:
    port.refuse["/"] = status
    with pytest.raises(Refused) as caught:
        Client(port.uri, SESSION_KEY, APP).entries(PATH)
    problem = caught.value.problem()
    code, text = REFUSALS[status]
    assert (problem.code, text in problem.text) == (code, True), problem.text
    assert f"HTTP status {status}" in problem.text
    assert ("starting" in problem.text) == (status == 503)


def test_every_refusal_has_another_text() -> None:
    texts = {Refused(PATH, status, "").problem().text for status in REFUSALS}
    assert len(texts) == len(REFUSALS)


def test_what_splunkd_says_of_secrets_is_not_passed_on(port: Management) -> None:
    port.refuse["/storage/"] = 500
    with pytest.raises(Refused) as caught:
        Client(port.uri, SESSION_KEY, APP).entries(client.SECRETS, search="realm=none")
    assert caught.value.text == ""
    port.refuse = {"/": 500}
    with pytest.raises(Refused) as caught:
        Client(port.uri, SESSION_KEY, APP).entries(PATH)
    assert caught.value.text == "refused"


def test_text_of_splunkd_is_one_printable_line_of_bounded_length() -> None:
    said = '{"messages": [{"text": "a\\nb\\u001b[31m\\u0000%s."}]}' % ("x" * 10_000)
    text = client.text_of(said.encode())
    assert text.startswith(r"a\nb\x1b[31m\x00xxx")
    assert text.isprintable()
    assert len(text) <= client.LONGEST_TEXT
    for nothing in (b"", b"[]", b"null", b'{"messages": []}', b'{"messages": [{}]}', b"\xff"):
        assert client.text_of(nothing) == ""


def test_a_session_key_that_is_not_taken_is_told_apart(port: Management) -> None:
    with pytest.raises(SessionRefused):
        Client(port.uri, "another-key", APP).entries(PATH)


def test_tls_that_fails_is_told_as_tls(port: Management, tmp_path: Path) -> None:
    problem = problem_of(port.uri.replace("http:", "https:"))
    assert problem.code == "splunkd_tls"
    assert "enableSplunkdSSL" in problem.text
    with Management(Tls(*make(tmp_path)).server_context()) as secure:
        plain = problem_of(secure.uri.replace("https:", "http:"))
    assert plain.code in ("splunkd_answer_cut", "splunkd_answer_invalid")


@pytest.mark.parametrize(
    "uri",
    ["", "ftp://127.0.0.1:8089", "https://127.0.0.1", "https://key@127.0.0.1:8089", "https://127.0.0.1:x", "//a:1"],
)
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Client(uri, SESSION_KEY, APP)


def test_an_older_protocol_than_this_python_speaks_is_no_matter_of_certificates(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_cert, _ = make(tmp_path)
    context.load_cert_chain(server_cert)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    # No cipher of this server is in what a client offers today.
    context.set_ciphers("NULL-SHA256:@SECLEVEL=0")
    with Management(context) as secure:
        assert problem_of(secure.uri).code == "splunkd_tls"
