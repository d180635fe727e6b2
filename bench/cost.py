"""What an event costs the input, against clients that do less.

    .venv/3.13/bin/python -m bench.cost [--events N] [--rounds N] [--python PATH] [--drop-rules TEXT]

The test server runs in a process of its own and serves the generated mix over TLS on loopback; the real input, from the
built package, writes into a pipe that another process drains. Each row is CPU time of the client alone, from its first
byte to its last. The ratios are what counts: they compare runs of one machine within minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.endtoend.addon import APP, STANZA
from tests.splunkd import Splunkd
from tests.splunkd.documents import Surroundings, run_document

STYLES = ("bundles", "bare")
_PIECE = 1 << 20


@dataclass(frozen=True)
class Cost:
    """CPU seconds for a number of events."""

    seconds: float
    events: int

    @property
    def rate(self) -> float:
        """Events per CPU second."""
        return self.events / self.seconds


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--python", default=sys.executable, help="the Python that runs the clients")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each client, of which the best counts")
    parser.add_argument("--drop-rules", default="", help="drop rules for the input")
    options = parser.parse_args()
    package = os.environ.get("ESTREAMER_SPL") or build()
    print("| messages | client | events per CPU second | of discard | of least |")
    print("|---|---|---|---|---|")
    for style in STYLES:
        with tempfile.TemporaryDirectory() as folder, served(Path(folder), style, options.events) as (port, file):
            best = {
                name: max((measure() for _ in range(options.rounds)), key=lambda cost: cost.rate)
                for name, measure in (
                    ("discard", lambda: run_client("discard", options, port, file)),
                    ("least", lambda: run_client("least", options, port, file)),
                    ("input", lambda: run_input(options, Path(package), port, file)),
                )
            }
        for name, cost in best.items():
            shares = " | ".join(f"{cost.rate / best[floor].rate:.2f}" for floor in ("discard", "least"))
            print(f"| {style} | {name} | {cost.rate:,.0f} | {shares} |", flush=True)


def build() -> str:
    """Build the package and return its path."""
    done = subprocess.run([str(ROOT / "package.sh")], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


@contextmanager
def served(folder: Path, style: str, events: int) -> Iterator[tuple[int, str]]:
    """Serve so many events; yield the port and the PKCS#12 file."""
    behaviour = {"style": style, "bundle_size": 100, "window": 1_000_000}
    command = [sys.executable, "-m", "tests.fmc", "--directory", str(folder), "--generate", str(events)]
    command += ["--per-second", "2000", "--behaviour", json.dumps(behaviour)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        try:
            yield told["port"], told["pkcs12"]
        finally:
            # It says its last words to its standard output, which is read until then.
            server.communicate()


def run_client(mode: str, options: argparse.Namespace, port: int, file: str) -> Cost:
    """Run one of the floors."""
    environment = {"PYTHONPATH": f"{ROOT / 'bin'}{os.pathsep}{ROOT}", "PATH": os.defpath}
    command = [options.python, str(ROOT / "bench" / "clients.py"), mode, "127.0.0.1", str(port), file]
    drain = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    done = subprocess.run(command, env=environment, stdout=drain.stdin, stderr=subprocess.PIPE, text=True, check=True)
    drain.communicate()
    return Cost(float(done.stderr.split()[0]), options.events)


def run_input(options: argparse.Namespace, package: Path, port: int, file: str) -> Cost:
    """Run the input of the installed package until it has written everything."""
    with tempfile.TemporaryDirectory() as folder, Splunkd(Path(folder), options.python) as splunkd:
        app = splunkd.install(package)
        form = {"name": "fmc", "host": "127.0.0.1", "port": str(port)}
        encoded = subprocess.run(["base64", "-w0", file], check=True, capture_output=True, text=True).stdout
        answer = splunkd.request("POST", f"{APP}_account", {**form, "pkcs12": encoded})
        assert answer.status == 201, answer.message
        checkpoints = str(splunkd.home.checkpoint_dir("estreamer_fqe"))
        around = Surroundings("here", splunkd.server_uri, splunkd.session_key, checkpoints)
        settings = {"account": "fmc", "index": "main", "start_from": "oldest", "drop_rules": options.drop_rules}
        document = run_document(around, STANZA, APP, settings)
        script = str(app.path / "bin" / "estreamer_fqe.py")
        reader, writer = os.pipe()
        running = subprocess.Popen(
            [str(splunkd.home.python), script], env=splunkd.home.environment(), stdin=subprocess.PIPE, stdout=writer
        )
        os.close(writer)
        assert running.stdin is not None
        running.stdin.write(document.encode())
        running.stdin.close()
        return watch(running, reader, options.events)


def watch(running: subprocess.Popen[bytes], reader: int, events: int) -> Cost:
    """Drain the pipe, and take the input's CPU time at its first byte and at its last event."""
    first, count, rest = None, 0, b""
    while count < events:
        data = rest + os.read(reader, _PIECE)
        if first is None:
            first = cpu_seconds(running.pid)
        count += data.count(b"</event>")
        rest = data[-len("/event>") :]
    seconds = cpu_seconds(running.pid) - (first or 0.0)
    running.send_signal(signal.SIGTERM)
    threading.Thread(target=lambda: os.read(reader, _PIECE), daemon=True).start()
    running.wait()
    os.close(reader)
    return Cost(seconds, events)


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
