"""A management port that requires a client certificate gets splunkd's own, or the refusal says why it does not."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from estreamer.errors import Problem
from estreamer.splunkd.client import Client
from solnlib import splunkenv

from standins.places import APP, ROOT
from standins.splunkd.tls import Tls, make
from tests.splunkd.management import ACCOUNT_CONF, SESSION_KEY, Management

PATH = f"configs/conf-{ACCOUNT_CONF}/fmc"
VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}

Serve = Callable[[Tls], Client]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Serve]:
    """Return what starts a management port with a server.conf, and returns a client of it."""
    running: list[Management] = []
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path))

    def start(tls: Tls) -> Client:
        monkeypatch.setattr(splunkenv, "get_conf_stanzas", lambda conf: {conf: {}, "sslConfig": tls.settings()})
        port = Management(tls.server_context())
        running.append(port)
        port.confs[ACCOUNT_CONF]["fmc"] = {"host": "192.0.2.1"}
        return Client(port.uri, SESSION_KEY, APP, timeout=10)

    yield start
    for one in running:
        one.__exit__(None, None, None)


def problem_of(client: Client) -> Problem:
    with pytest.raises(Problem) as caught:
        client.entries(PATH)
    assert caught.value.code == "splunkd_certificate_required"
    assert "starting or stopping" not in caught.value.text
    return caught.value


@pytest.mark.parametrize("version", VERSIONS)
def test_a_port_that_requires_a_certificate_gets_the_one_of_splunkd(serve: Serve, tmp_path: Path, version: str) -> None:
    client = serve(Tls(*make(tmp_path), require_client_cert=True, newest=VERSIONS[version]))
    for _ in range(3):
        assert client.entries(PATH)[0].content["host"] == "192.0.2.1"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_with_a_password_is_named_as_the_cause(serve: Serve, tmp_path: Path, version: str) -> None:
    files = make(tmp_path, password="not-a-real-password")
    client = serve(Tls(*files, require_client_cert=True, newest=VERSIONS[version], password="not-a-real-password"))
    text = problem_of(client).text
    assert f"its key in {files[0]} is protected by a password" in text
    assert "set requireClientCert to false" in text


def test_a_file_that_is_not_there_is_named_as_the_cause(serve: Serve, tmp_path: Path) -> None:
    server_cert, root = make(tmp_path)
    lost = tmp_path / "lost.pem"
    client = serve(Tls(lost, root, require_client_cert=True, shown=server_cert))
    assert f"{lost} cannot be read (No such file or directory)" in problem_of(client).text
    lost.write_text("no certificate")
    assert f"{lost} cannot be used (" in problem_of(client).text


def test_another_server_than_the_one_with_that_certificate_is_not_trusted(serve: Serve, tmp_path: Path) -> None:
    server_cert, root = make(tmp_path)
    other, _ = make(tmp_path / "other", ca="another_ca")
    client = serve(Tls(server_cert, root, require_client_cert=True, shown=other))
    text = problem_of(client).text
    assert "does not show the certificate that serverCert in server.conf names" in text
    assert "restart Splunk" in text


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_that_splunkd_does_not_take_is_told_with_its_reason(
    serve: Serve, tmp_path: Path, version: str
) -> None:
    server_cert, _ = make(tmp_path)
    _, another_root = make(tmp_path / "other", ca="another_ca")
    client = serve(Tls(server_cert, another_root, require_client_cert=True, newest=VERSIONS[version]))
    text = problem_of(client).text
    # By TLS 1.3 the alert may be lost when the server closes.
    reasons = ("tlsv1 alert unknown ca", *(("it ended the connection",) if version == "TLS 1.3" else ()))
    assert any(f"does not accept splunkd's own ({reason})" in text for reason in reasons), text
    assert "sslRootCAPath" in text


def test_conf_files_that_cannot_be_read_are_named_as_the_cause(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(Tls(*make(tmp_path), require_client_cert=True))

    def fails(conf: str) -> None:
        raise OSError("sslPassword = not-a-real-password")

    monkeypatch.setattr(splunkenv, "get_conf_stanzas", fails)
    with pytest.raises(Problem) as caught:
        client.entries(PATH)
    # By TLS 1.3 the alert may be lost when the server closes; then a cut connection is all that was seen.
    assert caught.value.code in ("splunkd_certificate_required", "splunkd_answer_cut")
    assert "not-a-real-password" not in caught.value.text


def test_no_code_of_the_add_on_switches_verification_off() -> None:
    off = re.compile(r"CERT_NONE|_create_unverified|verify\s*=\s*False|disable_ssl|disable_warnings")
    texts = {path.name: path.read_text("utf-8") for path in (ROOT / "bin").rglob("*.py")}
    assert len(texts) > 40
    assert {name: off.findall(text) for name, text in texts.items() if off.search(text)} == {}


def test_a_port_that_requires_no_certificate_gets_none(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(Tls(*make(tmp_path)))
    monkeypatch.setattr(splunkenv, "get_conf_stanzas", pytest.fail)
    assert client.entries(PATH)[0].content["host"] == "192.0.2.1"
