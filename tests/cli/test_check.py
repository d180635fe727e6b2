"""The connection check on the command line: what it asks for, prints and ends with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.cli.check import main
from estreamer.input import check

from standins.fmc.pki import Pki
from tests.connection.servers import over_tls, server_context, serving, until_closed

PASSWORD = "correct horse battery"
OK_STEPS = ["credentials", "resolve", "connect", "verify", "accept"]


@pytest.fixture(autouse=True)
def short_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "WATCH_TIME", 0.2)


@pytest.fixture
def server(pki: Pki) -> Iterator[int]:
    """A server that keeps the connection and listens."""
    with serving(over_tls(server_context(pki), until_closed)) as port:
        yield port


@pytest.fixture
def file(pki: Pki) -> Path:
    return pki.pkcs12_file("check.pkcs12", password=PASSWORD)


def test_the_command_line_tells_each_step_and_takes_a_fingerprint_with_colons(
    pki: Pki, server: int, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FILE_PASSWORD", PASSWORD)
    fingerprint = pki.server().fingerprint.upper()
    with_colons = ":".join(fingerprint[i : i + 2] for i in range(0, 64, 2))
    arguments = ["--host", "127.0.0.1", "--port", str(server), "--pkcs12", str(file)]
    assert main([*arguments, "--password-env", "FILE_PASSWORD", "--fingerprint", with_colons]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[:2] for line in lines] == [["ok", f" {name}"] for name in OK_STEPS]


def test_the_command_line_asks_for_the_password(
    server: int, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "not it")
    assert main(["--host", "127.0.0.1", "--port", str(server), "--pkcs12", str(file)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("FAILED: credentials: The password does not open")
    assert out.endswith("[pkcs12_wrong_password]\n")
    assert "not it" not in out


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (["--pkcs12", "missing.pkcs12"], "pkcs12_not_readable"),
        (["--fingerprint", "abc"], "fingerprint_invalid"),
        (["--host", "no host"], "host_invalid"),
        (["--password-env", "NOT_SET"], "password_not_set"),
    ],
)
def test_an_argument_that_cannot_be_used_is_told_by_its_code(
    file: Path, changes: list[str], code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "")
    assert main(["--host", "127.0.0.1", "--pkcs12", str(file), *changes]) == 1
    assert f"[{code}]" in capsys.readouterr().out


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_is_none(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--host", "x", "--pkcs12", "x", "--port", port])
    assert caught.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_the_packages_script_checks_with_the_packages_libraries_alone(addon: Path, server: int, file: Path) -> None:
    # Without the site, this Python has none of the libraries itself.
    command = [sys.executable, "-E", "-s", "-S", "-B", str(addon / "bin/estreamer_check.py")]
    command += ["--host", "127.0.0.1", "--port", str(server), "--pkcs12", str(file), "--password-env", "FILE_PASSWORD"]
    done = subprocess.run(
        command,
        env={**os.environ, "FILE_PASSWORD": PASSWORD},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok: ") == len(OK_STEPS)
    assert PASSWORD not in done.stdout + done.stderr
