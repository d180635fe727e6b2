"""The stand-in runs as a process of its own and carries out the commands of its standard input."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.serialization import pkcs12

from standins.fmc.events import SAMPLES, EventGenerator
from standins.fmc.pki import write_private
from standins.fmc.raw_client import request
from standins.places import ROOT

Start = Callable[..., "Process"]


class Process:
    """A server process and the first line that it printed."""

    def __init__(self, directory: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "standins.fmc", "--directory", str(directory), "--key", "ec", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self.ready = self.line()

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def ask(self, command: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def connect(self, password: bytes | None = None) -> ssl.SSLSocket:
        directory = Path(self.ready["ca"]).parent
        loaded = pkcs12.load_pkcs12(Path(self.ready["pkcs12"]).read_bytes(), password)
        pem = directory / "client-for-test.pem"
        write_private(pem, _pem(loaded))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.ready["ca"])
        context.load_cert_chain(pem)
        return context.wrap_socket(socket.create_connection((self.ready["address"], self.ready["port"]), timeout=10))


def _pem(loaded: pkcs12.PKCS12KeyAndCertificates) -> bytes:
    assert loaded.key is not None
    assert loaded.cert is not None
    key = loaded.key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return key + loaded.cert.certificate.public_bytes(form.Encoding.PEM)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def run(*arguments: str, **environment: str) -> Process:
        started.append(Process(tmp_path, *arguments, **environment))
        return started[-1]

    yield run
    for process in started:
        process.end()


def _received(client: ssl.SSLSocket, wanted: bytes) -> bytes:
    data = b""
    while wanted not in data:
        more = client.recv(65536)
        assert more, "the connection ended too early"
        data += more
    return data


def test_it_serves_generated_events_to_the_client_that_it_made(start: Start) -> None:
    server = start("--generate", "50", "--seed", "4", "--password-env", "PKCS12_PASSWORD", PKCS12_PASSWORD="x y")
    assert server.ready["events"] == 50
    assert stat.S_IMODE(Path(server.ready["pkcs12"]).stat().st_mode) == 0o600
    with server.connect(b"x y") as client:
        client.sendall(request())
        assert _received(client, EventGenerator(4).event(49).payload)
        assert server.ask("append 3") == {"events": 53}
        assert _received(client, EventGenerator(4).event(52).payload)
    assert server.process.stdin is not None
    server.process.stdin.close()
    report = server.line()
    assert report["events"] == 53
    assert report["violations"] == []
    assert report["connections"][0]["timestamp"] == 0
    assert server.process.wait(10) == 0


def test_it_serves_a_file(start: Start, tmp_path: Path) -> None:
    sample = (SAMPLES / "file_event.json").read_bytes().rstrip()
    path = tmp_path / "events.json"
    path.write_bytes(sample + b"\n")
    server = start("--events", str(path))
    assert server.ready["events"] == 1
    with server.connect() as client:
        client.sendall(request())
        assert _received(client, sample)
        assert server.ask("append 2") == {"events": 3}
        assert _received(client, EventGenerator(0).event(1).payload)


def test_it_restarts_reports_and_changes_its_behaviour(start: Start) -> None:
    server = start("--behaviour", '{"style": "bundles"}')
    assert server.ask("restart") == {"port": server.ready["port"]}
    assert server.ask('behave {"keepalive": 1.5}')["behaviour"]["keepalive"] == 1.5
    assert server.ask("report") == {"violations": [], "events": 0, "connections": []}
    assert "no such command" in server.ask("dance")["error"]
    assert "is none of" in server.ask('behave {"style": "loose"}')["error"]


def test_events_come_live(start: Start) -> None:
    server = start("--generate", "0", "--live", "200")
    with server.connect() as client:
        client.sendall(request(0xFFFFFFFF))
        assert _received(client, b"ConnectionEvent")


def test_a_signal_stops_it_and_a_breach_shows_in_its_status(start: Start) -> None:
    server = start()
    with server.connect() as client:
        client.sendall(b"\xff" * 16)
        assert client.recv(1) == b""
    server.process.send_signal(signal.SIGTERM)
    assert "bytes that are no message" in server.line()["violations"][0]
    assert server.process.wait(10) == 1


def test_a_behaviour_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "standins.fmc", "--directory", str(tmp_path), "--behaviour", '{"style": "loose"}'],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"'loose' is none of" in done.stderr
