"""The cost of an event in the input, compared with clients that do less or work differently.

    tools/run.sh bench.cost [--events N] [--rounds N] [--mix MIX ...] [--messages STYLE ...] [--client CLIENT ...]
        [--python PATH ...]

The test server runs in a process of its own and sends one of the mixes of `bench.mixes` over TLS on loopback; the real
input, from the built package, writes into a pipe that another process drains. Each row is CPU time of the client alone,
from its first byte to its last. The clients run in turns, and the best round of each counts. The important figures are
the ratios: they compare runs on one machine within minutes.
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

from bench.mixes import MIXES
from bench.rig import AddOn, Server, generated, installed, parser, pythons, short_version, table
from standins.places import ROOT

STYLES = ("bundles", "bare")
LEAN, DISCARD, LEAST = "lean", "discard", "least"
INPUT, RULES, EVENT_WRITER = "input", "input with drop rules", "input, EventWriter"
CLIENTS = (LEAN, DISCARD, LEAST, INPUT, RULES, EVENT_WRITER)
FLOORS = {LEAN: "of lean", DISCARD: "of discard", LEAST: "of least", EVENT_WRITER: "of EventWriter"}
HEADS = ("Python", "mix", "messages", "client", "events per CPU second", *FLOORS.values())

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
    arguments.add_argument("--mix", nargs="+", choices=list(MIXES), default=list(MIXES), help="see bench.mixes")
    arguments.add_argument("--messages", nargs="+", choices=STYLES, default=STYLES)
    arguments.add_argument("--client", nargs="+", choices=CLIENTS, default=CLIENTS)
    arguments.add_argument("--python", nargs="+", default=pythons(), help="the Pythons that run the clients")
    options = arguments.parse_args()
    cases = [(python, mix, style) for python in options.python for mix in options.mix for style in options.messages]
    print(table(HEADS, [row for case in cases for row in measure(*case, options)]))


def measure(python: str, mix: str, style: str, options: argparse.Namespace) -> list[list[object]]:
    """Return the rows of one Python, one mix and one style of messages."""
    behaviour = {"style": style, "bundle_size": 100, "window": 1_000_000}
    events = options.events
    with (
        tempfile.TemporaryDirectory() as folder,
        generated(Path(folder), events, behaviour, *MIXES[mix].arguments) as server,
        installed(python) as add_on,
    ):
        add_on.account("fmc", server.port, server.pkcs12.read_bytes())
        size = run_client(DISCARD, python, server)[1]
        clients: dict[str, Callable[[int], Cost]] = {
            LEAN: lambda _: Cost(run_client(LEAN, python, server, str(size))[0], events),
            DISCARD: lambda _: Cost(run_client(DISCARD, python, server)[0], events),
            LEAST: lambda _: Cost(run_client(LEAST, python, server)[0], events),
            INPUT: lambda turn: run_input(add_on, f"plain_{turn}", events),
            RULES: lambda turn: run_input(add_on, f"rules_{turn}", events, drop_rules=DROP_RULES),
            EVENT_WRITER: lambda turn: run_event_writer(add_on, f"event_writer_{turn}", events),
        }
        costs: dict[str, list[Cost]] = {name: [] for name in clients if name in options.client}
        for turn in range(options.rounds):
            for name, each in costs.items():
                each.append(clients[name](turn))
    best = {name: max(cost.rate for cost in each) for name, each in costs.items()}
    version = short_version(python)
    return [
        [version, mix, style, name, f"{rate:,.0f}", *(ratio(rate, best.get(floor)) for floor in FLOORS)]
        for name, rate in best.items()
    ]


def ratio(rate: float, floor: float | None) -> str:
    """Return a rate as a share of another, an empty text where that was not measured."""
    return "" if floor is None else f"{rate / floor:.2f}"


def run_client(mode: str, python: str, server: Server, *size: str) -> tuple[float, int]:
    """Run one of the clients of `bench.clients`; return its CPU seconds, and what it counted."""
    environment = {"PYTHONPATH": f"{ROOT / 'bin'}{os.pathsep}{ROOT}", "PATH": os.defpath}
    command = [
        python,
        str(ROOT / "bench" / "clients.py"),
        mode,
        "127.0.0.1",
        str(server.port),
        str(server.pkcs12),
        *size,
    ]
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as drain:
        done = subprocess.run(
            command, env=environment, stdout=drain.stdin, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr)
    seconds, count = done.stderr.split()
    return float(seconds), int(count)


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
