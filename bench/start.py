"""What a start of an input costs: its CPU time, and the time from exec to its first byte to the server and first event.

    tools/run.sh bench.start [--rounds N] [--python PATH ...] [--instructions]

splunkd runs every kind of input with `--scheme` at each of its own starts, and with `--validate-arguments` when one is
saved. A run reads its document, gets the account from splunkd, connects and streams. Each is measured twice: where
nothing of the add-on is compiled, as after it was installed, and where Python has kept what it compiled. Python's own
library is always compiled, as Splunk has it. CPU time is that of the process until then, its kernel time included.

With `--instructions` the table counts instructions of a run until its first event instead (valgrind's callgrind), which
no other process disturbs, under the Python that runs this. They are compared with those of that Python when it imports
what every client needs of its own library.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple

from bench.link import Link
from bench.rig import AddOn, installed, parser, pythons, quantile, short_version, table
from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from standins.splunkd.documents import Surroundings, validation_document

HEADS = ("Python", "add-on", "from exec to", "CPU, median (ms)", "CPU, least (ms)", "median (ms)", "max (ms)")
MOMENTS = (
    "end of --scheme",
    "end of --validate-arguments",
    "first byte to the server",
    "request at the server",
    "first event out",
)
NOT_COMPILED, COMPILED = "not compiled", "compiled"
PATIENCE = 30.0
SLOW_PATIENCE = 200.0
"""Seconds for the first event under valgrind."""

FLOOR = "import dataclasses, http.client, json, logging, ssl, xml.etree.ElementTree"
"""What a client of splunkd and of a TLS server, which logs, imports of Python's own library."""


class Span(NamedTuple):
    """Seconds from exec on, and CPU seconds until then: None where that moment is not the process's own."""

    seconds: float
    cpu: float | None


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=20, help="starts of each kind")
    arguments.add_argument("--python", nargs="+", default=pythons(), help="the Pythons that run the input")
    arguments.add_argument("--instructions", action="store_true", help="count instructions, through valgrind")
    options = arguments.parse_args()
    if options.instructions:
        print_instructions()
        return
    rows = [row for python in options.python for row in measure(python, options.rounds)]
    print(table(HEADS, rows))


def measure(python: str, rounds: int) -> list[list[object]]:
    """Return the rows of one Python."""
    version = short_version(python)
    rows = []
    with installed(python) as add_on, FmcServer(Archive.generated(20)) as server, Link(server.port) as link:
        add_on.account("fmc", link.port, server.pkcs12())
        for state in (NOT_COMPILED, COMPILED):
            before = partial(forget_compiled, add_on) if state == NOT_COMPILED else nothing
            spans = [once(add_on, server, link, f"{state[:3]}_{number}", before) for number in range(rounds + 1)]
            # The first one compiles what is compiled in the others, or finds files that the system has not read yet.
            rows += [row(version, state, moment, list(column)) for moment, column in zip(MOMENTS, zip(*spans[1:]))]
    return rows


def nothing() -> None:
    """Do nothing before a start."""


def once(add_on: AddOn, server: FmcServer, link: Link, name: str, before: Callable[[], None]) -> list[Span]:
    """Return what each call takes, in the order of `MOMENTS`, with something done before each."""
    spans = []
    for argument, document in (("--scheme", b""), ("--validate-arguments", arguments_document())):
        before()
        spans.append(call_once(add_on, argument, document))
    before()
    return [*spans, *stream_once(add_on, server, link, name)]


def forget_compiled(add_on: AddOn) -> None:
    """Remove what Python has kept of the modules of the add-on that it compiled."""
    for folder in list(add_on.app.path.rglob("__pycache__")):
        shutil.rmtree(folder)


def row(version: str, state: str, moment: str, spans: list[Span]) -> list[object]:
    """Return the row of one moment."""
    ordered = sorted(span.seconds for span in spans)
    used = sorted(span.cpu for span in spans if span.cpu is not None)
    cpu = [f"{quantile(used, 0.5) * 1000:.0f}", f"{used[0] * 1000:.0f}"] if used else ["", ""]
    return [version, state, moment, *cpu, f"{quantile(ordered, 0.5) * 1000:.0f}", f"{ordered[-1] * 1000:.0f}"]


def arguments_document() -> bytes:
    """Return what splunkd writes to have arguments checked."""
    around = Surroundings("here", "https://127.0.0.1:8089", "key", "/checkpoints")
    return validation_document(around, "main", {"account": "fmc", "index": "main"}).encode()


def call_once(add_on: AddOn, argument: str, document: bytes) -> Span:
    """Return what a call takes that ends by itself."""
    begun, before = time.monotonic(), children_cpu()
    command = [add_on.python, add_on.script, argument]
    done = subprocess.run(command, env=add_on.environment, input=document, check=True, capture_output=True)
    assert done.stdout.startswith(b"<scheme>") or not done.stdout
    return Span(time.monotonic() - begun, children_cpu() - before)


def children_cpu() -> float:
    """Return the CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_until_now(process: int) -> float:
    """Return the CPU seconds of a process so far, of threads that run: far finer than the ticks of its `stat`."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def stream_once(add_on: AddOn, server: FmcServer, link: Link, name: str) -> list[Span]:
    """Return what it takes to the first byte at the server, to its request, and to the first event out."""
    link.first_byte = None
    known = len(server.connections)
    with add_on.input("fmc", name) as running:
        asked = moment_of(server, lambda: any(one.document for one in server.connections[known:]))
        while not running.count:
            running.read(PATIENCE)
        came, cpu = time.monotonic(), cpu_until_now(running.pid)
        assert link.first_byte is not None
        spans = [Span(moment - running.begun, None) for moment in (link.first_byte, asked)]
        return [*spans, Span(came - running.begun, cpu)]


def moment_of(server: FmcServer, holds: Callable[[], bool]) -> float:
    """Wait until a condition on the server is true, and return that moment in monotonic seconds."""
    server.wait_for(lambda _: holds(), PATIENCE)
    return time.monotonic()


def print_instructions() -> None:
    """Print the instructions of a run until its first event, and their ratio to those of Python alone."""
    with installed() as add_on, FmcServer(Archive.generated(20)) as server:
        add_on.account("fmc", server.port, server.pkcs12())
        floor = instructions_of_python(add_on)
        counts = {"Python alone": floor}
        forget_compiled(add_on)
        for state in (NOT_COMPILED, COMPILED):
            counts[f"add-on {state}"] = instructions_of_start(add_on, state.replace(" ", "_"))
    rows = [[what, f"{count:,}", f"{count / floor:.2f}"] for what, count in counts.items()]
    print(table(("start", "instructions", "of Python alone"), rows))


def instructions_of_python(add_on: AddOn) -> int:
    """Return the instructions of `FLOOR`."""
    command = [*counting("/dev/stderr"), add_on.python, "-c", FLOOR]
    done = subprocess.run(command, env=add_on.environment, capture_output=True, text=True, check=True)
    return collected(done.stderr)


def instructions_of_start(add_on: AddOn, name: str) -> int:
    """Return the instructions of an input until its first event and a stop at once."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as report:
        with add_on.under(*counting(report.name)).input("fmc", name) as running:
            while not running.count:
                if not running.read(SLOW_PATIENCE):
                    sys.exit(f"no event came within {SLOW_PATIENCE:.0f} seconds")
        return collected(report.read())


def counting(report: str) -> list[str]:
    """Return what runs a command under valgrind, with the same hashes in every run, and writes its report to a file."""
    tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={report}"]
    return ["env", "PYTHONHASHSEED=0", "valgrind", *tool]


def collected(report: str) -> int:
    """Return the number of instructions in a report of callgrind."""
    found = re.search(r"Collected : (\d+)", report)
    if found is None:
        sys.exit(f"valgrind has counted nothing: {report}")
    return int(found.group(1))


if __name__ == "__main__":
    main()
