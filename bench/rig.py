"""Functions that the benchmarks share: event servers, the installed package and its running inputs, and tables."""

from __future__ import annotations

import argparse
import base64
import copy
import json
import math
import os
import platform
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from standins.addon import ACCOUNT
from standins.places import APP, ROOT
from standins.splunkd import Splunkd
from standins.splunkd.documents import Surroundings, run_document

MIB = 1 << 20
SCHEME = "estreamer_fqe"
STOP_SECONDS = 10.0
"""Seconds after which a benchmark fails if an input has not ended."""

_END = b"</event>"
_PIECE = 1 << 20


def package() -> Path:
    """Return the package that ESTREAMER_SPL names, or build one."""
    given = os.environ.get("ESTREAMER_SPL")
    if given:
        return Path(given)
    done = subprocess.run([str(ROOT / "package.sh")], check=True, capture_output=True, text=True)
    return Path(done.stdout.splitlines()[-1])


def pythons() -> list[str]:
    """Return the interpreters of the prepared environments; without them, the one that runs this."""
    found = [ROOT / ".venv" / version / "bin" / "python" for version in ("3.9", "3.13")]
    return [str(path) for path in found if path.exists()] or [sys.executable]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of arguments that keeps the lines of the description."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine(interpreters: Sequence[str]) -> str:
    """Return a line with the date, the machine and the versions of a measurement."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    versions = "; ".join(_versions(python) for python in interpreters)
    today = datetime.now(timezone.utc).date()
    return (
        f"{today}, {len(os.sched_getaffinity(0))} cores {model.group(1) if model else platform.machine()}, "
        f"{platform.system()}. {versions}."
    )


def _versions(python: str) -> str:
    code = "import platform, ssl; print('Python', platform.python_version(), 'with', ssl.OPENSSL_VERSION)"
    return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def short_version(python: str) -> str:
    """Return the version of an interpreter as `3.13`."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the ordered values does not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


class Server:
    """An event server in a process of its own. A client needs `port` and `pkcs12`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()
        told = self._hear()
        self.pid = process.pid
        self.port: int = told["port"]
        self.pkcs12 = Path(told["pkcs12"])

    def ask(self, command: str) -> dict[str, Any]:
        """Send a command of `standins.fmc`, from any thread, and return its answer."""
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def server(folder: Path, module: str, *arguments: str) -> Iterator[Server]:
    """Run a module that sends events and has the commands of `standins.fmc`, with its certificates in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, "--directory", str(folder), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            # The server writes its last report to its standard output, so read it to its end.
            process.communicate()


@contextmanager
def generated(folder: Path, events: int, behaviour: Mapping[str, Any], *arguments: str) -> Iterator[Server]:
    """Send a number of generated events as fast as the client reads them."""
    more = ["--generate", str(events), "--behaviour", json.dumps(dict(behaviour)), *arguments]
    with server(folder, "standins.fmc", *more) as running:
        yield running


@dataclass(frozen=True)
class Memory:
    """Memory of a process, in bytes: resident, its peak, and with its share of shared pages."""

    resident: int
    peak: int
    proportional: int


def memory(process: int) -> Memory:
    """Return the memory of a process."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    shared = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    return Memory(_kib(status, "VmRSS"), _kib(status, "VmHWM"), _kib(shared, "Pss"))


def resident(process: int) -> int:
    """Return the resident memory of a process in bytes."""
    return _kib(Path(f"/proc/{process}/status").read_text(encoding="ascii"), "VmRSS")


def _kib(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise ProcessLookupError(f"{name} is not told: the process has ended")
    return int(found.group(1)) * 1024


class RunningInput:
    """A process of an input, and the pipe that it writes to. Times are monotonic seconds."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: int, begun: float) -> None:
        self.process = process
        self.pid = process.pid
        self.begun = begun
        self.count = 0
        self._pipe = pipe
        self._rest = b""

    def fileno(self) -> int:
        """Return the descriptor of the pipe."""
        return self._pipe

    def read(self, timeout: float) -> bytes:
        """Return bytes that arrive within `timeout` seconds, and count their events. Raises EOFError when the input has
        ended."""
        if not select.select([self._pipe], [], [], timeout)[0]:
            return b""
        data = os.read(self._pipe, _PIECE)
        if not data:
            raise EOFError(f"the input has left with status {self.process.wait()}")
        # A tag may arrive in two pieces: put the end of the last read before the next one.
        both = self._rest + data
        self.count += both.count(_END)
        self._rest = both[-(len(_END) - 1) :]
        return data

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self._gone()

    def stop(self) -> None:
        """Stop the process with a signal that it handles, and read its last bytes."""
        self.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        try:
            while time.monotonic() < deadline:
                self.read(1.0)
            self.process.kill()
        except EOFError:
            pass
        self._gone()

    def _gone(self) -> None:
        self.process.wait()
        os.close(self._pipe)


def create_account(splunkd: Splunkd, name: str, port: int, pkcs12: bytes) -> None:
    """Make an account for a server on this machine."""
    form = {"name": name, "host": "127.0.0.1", "port": str(port), "pkcs12": base64.b64encode(pkcs12).decode()}
    answer = splunkd.request("POST", ACCOUNT, form)
    assert answer.status == 201, answer.message


class AddOn:
    """The built package, installed for one Python. It only starts inputs as splunkd does; the benchmark reads their
    pipes."""

    def __init__(self, splunkd: Splunkd, package: Path) -> None:
        self._splunkd = splunkd
        self.app = splunkd.install(package)
        self.python = str(splunkd.home.python)
        self.script = str(self.app.path / "bin" / f"{SCHEME}.py")
        self._launcher: tuple[str, ...] = ()
        self._command: tuple[str, ...] = ()
        self.environment = splunkd.home.environment()

    def account(self, name: str, port: int, pkcs12: bytes) -> None:
        """Make an account for a server on this machine."""
        create_account(self._splunkd, name, port, pkcs12)

    def by(self, launcher: str) -> AddOn:
        """Return the same add-on, with its input run by a script that gets the path of the entry script."""
        other = copy.copy(self)
        other._launcher = (launcher,)
        return other

    def under(self, *command: str) -> AddOn:
        """Return the same add-on, with its input run by a command that gets the command line."""
        other = copy.copy(self)
        other._command = command
        return other

    @contextmanager
    def input(self, account: str, name: str = "main", **settings: str) -> Iterator[RunningInput]:
        """Run an input of an account, by default from the oldest event on, and stop it at the end."""
        running = self.start(account, name, **settings)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.stop()

    def start(self, account: str, name: str = "main", **settings: str) -> RunningInput:
        """Start an input; it resumes where an earlier input of the same name ended."""
        given = {"account": account, "index": "main", "start_from": "oldest", **settings}
        checkpoints = str(self._splunkd.home.checkpoint_dir(SCHEME))
        around = Surroundings("here", self._splunkd.server_uri, self._splunkd.session_key, checkpoints)
        document = run_document(around, f"{SCHEME}://{name}", APP, given)
        reader, writer = os.pipe()
        begun = time.monotonic()
        process = subprocess.Popen(
            [*self._command, self.python, *self._launcher, self.script],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=writer,
            close_fds=True,
        )
        os.close(writer)
        assert process.stdin is not None
        process.stdin.write(document.encode())
        process.stdin.close()
        return RunningInput(process, reader, begun)


@contextmanager
def installed(python: str = sys.executable) -> Iterator[AddOn]:
    """Install the package for a Python."""
    with tempfile.TemporaryDirectory() as folder, Splunkd(Path(folder), python) as splunkd:
        yield AddOn(splunkd, package())
