"""The cost of an event in the input, compared with clients that do less or work differently.

    tools/run.sh bench.cost [--events N] [--rounds N] [--python PATH ...]

The test server runs in a process of its own and sends the generated mix over TLS on loopback; the real input, from the
built package, writes into a pipe that another process drains. Each row is CPU time of the client alone, from its first
byte to its last. The clients run in turns, and the best round of each counts. The important figures are the ratios:
they compare runs on one machine within minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from bench.rig import AddOn, Server, generated, installed, parser, pythons, short_version, table
from standins.places import ROOT

HEADS = ("Python", "messages", "client", "events per CPU second", "of discard", "of least", "of EventWriter")
STYLES = ("bundles", "bare")
DISCARD, LEAST, INPUT, RULES, EVENT_WRITER = "discard", "least", "input", "input with drop rules", "input, EventWriter"

DROP_RULES = (
    "ConnectionEvent: AC_RuleAction=Allow, FirewallRule=Nowhere*;"
    "IntrusionEvent: InlineResult=Nowhere*; FileEvent: FileAction=Nowhere*"
)
"""Drop rules that check every event and drop none, so that the input writes as much as without rules."""

TICK = 1 / os.sysconf("SC_CLK_TCK")
"""Seconds in which the system counts CPU time."""

PATIENCE = 30.0
"""Seconds without a byte after which a run fails."""


@dataclass(frozen=True)
class Cost:
    """CPU seconds for a number of events."""

    seconds: float
    events: int

    @property
    def rate(self) -> float:
        """Events per CPU second; a run that is shorter than a tick of the clock took a tick."""
        return self.events / max(self.seconds, TICK)


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--events", type=int, default=200_000)
    arguments.add_argument("--rounds", type=int, default=3, help="runs of each client, of which the best counts")
    arguments.add_argument("--python", nargs="+", default=pythons(), help="the Pythons that run the clients")
    options = arguments.parse_args()
    rows = [row for python in options.python for style in STYLES for row in measure(python, style, options)]
    print(table(HEADS, rows))


def measure(python: str, style: str, options: argparse.Namespace) -> list[list[object]]:
    """Return the rows of one Python and one style of messages."""
    behaviour = {"style": style, "bundle_size": 100, "window": 1_000_000}
    events = options.events
    with (
        tempfile.TemporaryDirectory() as folder,
        generated(Path(folder), events, behaviour, "--per-second", "2000") as server,
        installed(python) as add_on,
    ):
        add_on.account("fmc", server.port, server.pkcs12.read_bytes())
        clients: dict[str, Callable[[int], Cost]] = {
            DISCARD: lambda _: run_client("discard", python, server, events),
            LEAST: lambda _: run_client("least", python, server, events),
            INPUT: lambda turn: run_input(add_on, f"plain_{turn}", events),
            RULES: lambda turn: run_input(add_on, f"rules_{turn}", events, drop_rules=DROP_RULES),
            EVENT_WRITER: lambda turn: run_event_writer(add_on, f"event_writer_{turn}", events),
        }
        costs: dict[str, list[Cost]] = {name: [] for name in clients}
        for turn in range(options.rounds):
            for name, run in clients.items():
                costs[name].append(run(turn))
    best = {name: max(cost.rate for cost in each) for name, each in costs.items()}
    floors = (DISCARD, LEAST, EVENT_WRITER)
    version = short_version(python)
    return [
        [version, style, name, f"{rate:,.0f}", *(f"{rate / best[floor]:.2f}" for floor in floors)]
        for name, rate in best.items()
    ]


def run_client(mode: str, python: str, server: Server, events: int) -> Cost:
    """Run one of the clients of `bench.clients`."""
    environment = {"PYTHONPATH": f"{ROOT / 'bin'}{os.pathsep}{ROOT}", "PATH": os.defpath}
    command = [python, str(ROOT / "bench" / "clients.py"), mode, "127.0.0.1", str(server.port), str(server.pkcs12)]
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as drain:
        done = subprocess.run(
            command, env=environment, stdout=drain.stdin, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr)
    return Cost(float(done.stderr.split()[0]), events)


def run_input(add_on: AddOn, name: str, events: int, account: str = "fmc", **settings: str) -> Cost:
    """Run the input until it has written everything; count its CPU time from its first byte to its last event."""
    with add_on.input(account, name, **settings) as running:
        first = None
        while running.count < events:
            came = running.read(PATIENCE)
            if not came:
                sys.exit(f"{name}: nothing came for {PATIENCE:.0f} seconds after {running.count} events")
            if first is None:
                first = cpu_seconds(running.pid)
        return Cost(cpu_seconds(running.pid) - (first or 0.0), events)


def run_event_writer(add_on: AddOn, name: str, events: int) -> Cost:
    """Run the same input with splunklib's EventWriter in place of its output."""
    return run_input(add_on.by(str(ROOT / "bench" / "event_writer.py")), name, events)


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
