"""A run as splunkd starts it: what reaches the loop, stdout, stderr and the log, and how it ends."""

from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from estreamer.input import loop
from estreamer.input.logs import Log
from estreamer.outputs.splunkd_pipe import Splunkd
from estreamer.settings import Account, InputSettings
from estreamer.splunkd import modular_input

from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from standins.places import ROOT
from standins.splunkd.documents import Surroundings, run_document
from standins.splunkd.stream import Event, StreamParser
from tests.splunkd.management import SESSION_KEY, SETTINGS_CONF, Management

STANZA = "estreamer_fqe://main"
PASSWORD = "not-a-real-password"
SCRIPT = ROOT / "bin" / "estreamer_fqe.py"
Accounts = Callable[[str], Account]
Fake = Callable[[InputSettings, Accounts, Log, str, str, Splunkd], int]


def document(management: Management, checkpoints: Path | str, **params: str) -> bytes:
    around = Surroundings("host", management.uri, SESSION_KEY, str(checkpoints))
    return run_document(around, STANZA, "TA_secure_firewall_estreamer", {"account": "fmc", **params}).encode()


def add_account(management: Management, pkcs12: bytes, host: str = "192.0.2.1", port: int = 8302) -> None:
    settings = {"host": host, "port": str(port)}
    management.add_account("fmc", settings, pkcs12=base64.b64encode(pkcs12).decode(), pkcs12_password=PASSWORD)


def log_text(folder: Path) -> str:
    return (folder / "ta_secure_firewall_estreamer_estreamer_fqe_main.log").read_text(encoding="utf-8")


def run_with(monkeypatch: pytest.MonkeyPatch, fake: Fake, stdin: bytes) -> int:
    """Run with another loop in the place of the real one."""
    monkeypatch.setattr(loop, "run", fake)
    return modular_input.main([], io.BytesIO(stdin))


@pytest.mark.usefixtures("process_state")
def test_the_loop_gets_what_splunkd_says(management: Management, log_folder: Path, monkeypatch: pytest.MonkeyPatch):
    add_account(management, b"first")
    management.confs[SETTINGS_CONF]["logging"] = {"loglevel": "WARNING"}
    seen: list[object] = []

    def body(
        settings: InputSettings,
        accounts: Callable[[str], Account],
        log: Log,
        checkpoints: str,
        stanza: str,
        out: Splunkd,
    ) -> int:
        seen.extend((settings.name, settings.index, settings.settle, checkpoints, stanza))
        seen.append(accounts("fmc").pkcs12)
        add_account(management, b"renewed")
        seen.append(accounts("fmc").pkcs12)
        log.info("hidden")
        log.warning("shown")
        os.close(out.descriptor)
        return 7

    stdin = document(management, "/checkpoints", index="netfw", settle="5")
    assert run_with(monkeypatch, body, stdin) == 7
    assert seen == ["main", "netfw", 5, "/checkpoints", STANZA, b"first", b"renewed"]
    assert "action=shown" in log_text(log_folder)
    assert "action=hidden" not in log_text(log_folder)


@pytest.mark.usefixtures("process_state", "log_folder")
def test_stdout_belongs_to_the_stream(
    management: Management, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def body(
        settings: InputSettings,
        accounts: Callable[[str], Account],
        log: Log,
        checkpoints: str,
        stanza: str,
        out: Splunkd,
    ) -> int:
        print("printed by accident")
        os.write(1, b"written by accident\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        os.write(out.descriptor, b"<stream></stream>")
        os.close(out.descriptor)
        return 0

    assert run_with(monkeypatch, body, document(management, "/checkpoints")) == 0
    said = capfd.readouterr()
    assert said.out == "<stream></stream>"
    assert "printed by accident" in said.err
    assert "written by accident" in said.err
    assert "from a child" in said.err


@pytest.mark.usefixtures("process_state")
def test_what_nobody_expected_is_in_the_log_and_in_one_line_on_stderr(
    management: Management, log_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def body(
        settings: InputSettings,
        accounts: Callable[[str], Account],
        log: Log,
        checkpoints: str,
        stanza: str,
        out: Splunkd,
    ) -> int:
        os.close(out.descriptor)
        local_secret = PASSWORD  # a traceback shows where, never with what
        raise RuntimeError(f"boom\nERROR forged {len(local_secret)}")

    assert run_with(monkeypatch, body, document(management, "/checkpoints")) == 1
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", f"ERROR Unexpected RuntimeError in input {STANZA}: see its log file.\n")
    (line,) = [line for line in log_text(log_folder).splitlines() if "unexpected_error" in line]
    assert 'traceback="Traceback (most recent call last):\\n' in line
    assert "boom\\nERROR forged" in line
    assert PASSWORD not in line
    assert SESSION_KEY not in line


@pytest.mark.usefixtures("process_state")
def test_settings_that_are_wrong_end_the_input(
    management: Management, log_folder: Path, capfd: pytest.CaptureFixture[str]
):
    assert modular_input.main([], io.BytesIO(document(management, "/checkpoints", start_from="whenever"))) == 1
    said = capfd.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("ERROR start_from: 'whenever'")
    assert line.endswith(f"(code=start_from_invalid, input={STANZA})")
    assert "action=input_cannot_run input=estreamer_fqe://main code=start_from_invalid" in log_text(log_folder)


@pytest.mark.usefixtures("process_state")
def test_a_session_key_that_is_refused_ends_the_input_so_that_splunkd_gives_a_new_one(
    management: Management, log_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def body(
        settings: InputSettings,
        accounts: Callable[[str], Account],
        log: Log,
        checkpoints: str,
        stanza: str,
        out: Splunkd,
    ) -> int:
        os.close(out.descriptor)
        management.refuse["/"] = 401
        accounts("fmc")
        return 0

    assert run_with(monkeypatch, body, document(management, "/checkpoints")) == 1
    assert "Splunk starts it with a new one. (code=session_refused" in capfd.readouterr().err
    assert "code=session_refused" in log_text(log_folder)
    assert SESSION_KEY not in log_text(log_folder)


@pytest.mark.usefixtures("process_state")
@pytest.mark.parametrize("stdin", [b"", b"<input/>", b"<!DOCTYPE x><input/>", b"\xff\xfe"])
def test_a_document_that_splunkd_never_writes_ends_the_run(
    stdin: bytes, log_folder: Path, capfd: pytest.CaptureFixture[str]
):
    assert modular_input.main([], io.BytesIO(stdin)) == 1
    said = capfd.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("ERROR The document on standard input cannot be used")
    assert list(log_folder.iterdir()) == []


@pytest.mark.usefixtures("process_state", "log_folder")
def test_what_nobody_expected_before_there_is_a_log_is_told_in_one_line(
    management: Management, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def fail(stanza: str) -> None:
        raise RuntimeError("no log")

    monkeypatch.setattr(modular_input, "SplunkLog", fail)
    assert modular_input.main([], io.BytesIO(document(management, "/checkpoints"))) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("ERROR Unexpected RuntimeError: Traceback (most recent call last):\\n")


LOOP_OF_A_CHILD = """
import logging, sys, warnings
from estreamer.input import loop
from estreamer.splunkd import modular_input

def body(settings, accounts, log, checkpoints, stanza, out):
    {body}
    return 0

loop.run = body
sys.exit(modular_input.main([], sys.stdin.buffer))
"""


def run_child(management: Management, body: str, **environment: str) -> bytes:
    """Run with this body of the loop in a process of its own; return what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", LOOP_OF_A_CHILD.format(body=body)],
        input=document(management, "/checkpoints"),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "bin"), **environment},
        check=True,
    )
    return done.stderr


@pytest.mark.usefixtures("log_folder")
def test_what_libraries_log_and_warn_of_is_kept_from_splunkds_log(management: Management):
    body = "warnings.warn('a library is old'); logging.warning('noise'); logging.getLogger('x').error('noise')"
    assert run_child(management, body, PYTHONWARNINGS="always") == b""


def test_the_log_is_utf_8_whatever_the_locale(management: Management, log_folder: Path):
    body = "log.info('tried', value='Z\\u00fcrich \\u4e16')"
    # As far from the locale of a developer's machine as splunkd's can be.
    assert run_child(management, body, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0") == b""
    assert 'action=tried input=estreamer_fqe://main value="Z\u00fcrich \u4e16"' in log_text(log_folder)


class Run:
    """The script in a process of its own, whose stdout is read as splunkd reads it."""

    def __init__(self, home: Path, stdin: bytes) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "SPLUNK_HOME": str(home)},
        )
        assert self.process.stdin is not None
        self.process.stdin.write(stdin)
        self.process.stdin.close()
        self.output = b""
        self.errors = b""
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._read_output), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, wanted: Callable[[bytes], bool], timeout: float = 30.0) -> None:
        """Wait until the output is as wanted."""
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self.output), timeout), (self.output[-500:], self.errors)

    def stop(self) -> int:
        """Stop it as splunkd does; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        for thread in self._threads:
            thread.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            with self._changed:
                self.output += data
                self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()


def wait_for_line(folder: Path, part: str, timeout: float = 30.0) -> None:
    """Wait until the log has a line with this part: a file has no event to wait for."""
    deadline = time.monotonic() + timeout
    path = folder / "ta_secure_firewall_estreamer_estreamer_fqe_main.log"
    while not (path.exists() and part in path.read_text(encoding="utf-8")):
        assert time.monotonic() < deadline, f"no {part} in the log"
        threading.Event().wait(0.02)


def test_events_of_a_management_center_come_out_of_the_script(management: Management, log_folder: Path, tmp_path: Path):
    server = FmcServer(Archive.generated(50, EventGenerator()))
    server.start()
    try:
        add_account(management, server.pkcs12(password=PASSWORD), server.address, server.port)
        checkpoints = tmp_path / "checkpoints"
        checkpoints.mkdir()
        stdin = document(management, checkpoints, start_from="oldest", index="netfw")
        run = Run(tmp_path / "home", stdin)
        run.wait_for(lambda output: output.count(b"</event>") == 50)
        assert run.stop() == 0
    finally:
        server.stop()
    server.assert_clean()
    events: list[Event] = []
    parser = StreamParser(events.append)
    parser.feed(run.output)
    parser.end()
    assert parser.whole
    assert len(events) == 50
    assert {(event.source, event.sourcetype, event.index) for event in events} == {
        (STANZA, "cisco:sfw:estreamer", "netfw")
    }
    assert run.errors == b""
    text = log_text(log_folder)
    assert (
        f"action=events_ingested modular_input_name={STANZA} sourcetype_ingested=cisco:sfw:estreamer n_events=50 "
        in text
    )
    assert f"event_index=netfw event_account=fmc event_host={server.address}" in text
    assert "action=stopped" in text
    for secret in (PASSWORD, SESSION_KEY, base64.b64encode(server.pkcs12(password=PASSWORD)).decode()[40:80]):
        assert secret not in text
    assert {path.name for path in log_folder.iterdir()} == {"ta_secure_firewall_estreamer_estreamer_fqe_main.log"}


def test_an_account_that_comes_late_is_waited_for(management: Management, log_folder: Path, tmp_path: Path):
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    run = Run(tmp_path / "home", document(management, checkpoints))
    wait_for_line(log_folder, "code=account_missing")
    add_account(management, b"not a PKCS#12 file")
    wait_for_line(log_folder, "code=pkcs12_not_pkcs12")
    assert run.stop() == 0
    assert run.errors == b""


def test_a_second_process_of_an_input_does_not_run(management: Management, log_folder: Path, tmp_path: Path):
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    first = Run(tmp_path / "home", document(management, checkpoints))
    wait_for_line(log_folder, "action=started")
    second = Run(tmp_path / "home", document(management, checkpoints))
    assert second.process.wait(30) == 1
    second.stop()
    assert "code=bookmark_locked" in log_text(log_folder)
    assert first.stop() == 0
