"""The input's script in a process of its own, with all that stands around it under the test's control.

splunkd's management port, the pipe and the parent process are pieces here, so that each can fail alone; with the whole
stand-in splunkd they fail together.
"""

from __future__ import annotations

import base64
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from standins.fmc.server import FmcServer
from standins.splunkd.documents import Surroundings, run_document
from tests.input.harness import STANZA, Reader
from tests.splunkd.management import SESSION_KEY, Management

SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "estreamer_fqe.py"
PASSWORD = "not-a-real-password"

_LAUNCHER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[2:])
os.write(int(sys.argv[1]), b"%d" % child.pid)
child.wait()
"""


class Place:
    """Where an input lives from run to run: its bookmark, its log, its account and what it has delivered."""

    def __init__(self, folder: Path, management: Management, server: FmcServer, **settings: str) -> None:
        self.checkpoints = folder / "checkpoints"
        self.checkpoints.mkdir()
        self.home = folder / "home"
        (self.home / "var" / "log" / "splunk").mkdir(parents=True)
        self.management = management
        self.server = server
        self.settings = {"account": "fmc", "index": "main", "start_from": "oldest", "settle": "1", **settings}
        self.arrived: list[bytes] = []
        self.connect_to(server.port)

    def connect_to(self, port: int) -> None:
        """Let the account name this port; it counts from the next attempt to connect."""
        encoded = base64.b64encode(self.server.pkcs12(password=PASSWORD)).decode()
        account = {"host": self.server.address, "port": str(port)}
        self.management.add_account("fmc", account, pkcs12=encoded, pkcs12_password=PASSWORD)

    def log_text(self) -> str:
        path = self.home / "var" / "log" / "splunk" / "ta_secure_firewall_estreamer_estreamer_fqe_main.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def wait_for_line(self, part: str, count: int = 1, timeout: float = 30.0) -> None:
        """Wait until the log has so many lines with this part: a file has no event to wait for."""
        deadline = time.monotonic() + timeout
        while self.log_text().count(part) < count:
            assert time.monotonic() < deadline, f"no {part} in {self.log_text()[-2000:]}"
            threading.Event().wait(0.02)

    def document(self) -> bytes:
        around = Surroundings("host", self.management.uri, SESSION_KEY, str(self.checkpoints))
        return run_document(around, STANZA, "TA_secure_firewall_estreamer", self.settings).encode()


class Process:
    """One run of the input. Use it as a context: what is left of it at the end is killed.

    With `with_parent` a process of its own is the parent, which can be killed. `before` is put before the command.
    """

    def __init__(self, place: Place, *, with_parent: bool = False, before: Sequence[str] = ()) -> None:
        self.place = place
        self.reader = Reader()
        self.reader.start()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed where the process ends
        told, tell = os.pipe()
        command = [*before, sys.executable, str(SCRIPT)]
        self._popen = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, str(tell), *command] if with_parent else command,
            stdin=subprocess.PIPE,
            stdout=self.reader.writer,
            stderr=self._errors,
            env={**os.environ, "SPLUNK_HOME": str(place.home)},
            pass_fds=[tell] if with_parent else [],
        )
        os.close(tell)
        assert self._popen.stdin is not None
        with self._popen.stdin as stdin:
            stdin.write(place.document())
        self.pid = int(os.read(told, 20)) if with_parent else self._popen.pid
        os.close(told)
        self._pidfd = os.pidfd_open(self.pid)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)
        self._popen.kill()
        self._popen.wait()
        self._errors.close()
        self.reader.finish()
        self.place.arrived += self.reader.payloads()

    def stop(self, patience: float = 10.0) -> tuple[float, int]:
        """Stop it as splunkd does; return how many seconds that took, and the exit code."""
        begun = time.monotonic()
        self._popen.terminate()
        code = self._popen.wait(patience)
        return time.monotonic() - begun, code

    def wait(self, patience: float = 30.0) -> tuple[int, str]:
        """Wait until it has ended by itself; return the exit code and what it wrote to stderr."""
        code = self._popen.wait(patience)
        self._errors.seek(0)
        return code, self._errors.read().decode()

    def kill(self) -> None:
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._popen.wait(10)

    def kill_parent(self) -> None:
        """Kill the parent only; the pipe stays open."""
        self._popen.kill()
        self._popen.wait(10)

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end for that long at most."""
        return bool(select.select([self._pidfd], [], [], seconds)[0])
