"""The memory of the input: under load, at rest, with a reader that stalls, with large bundles and events.

    tools/run.sh bench.memory [--events N] [--seconds N] [--python PATH] [--only NAME ...]

Resident memory of the input's process, in MiB, at its start (the first event out), at a quarter, half, three quarters
and the end of the run, and the peak that the kernel counted (VmHWM). The limit is 64 MiB plus the size of the bundle or
event that the server sends.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

from bench.rig import MIB, AddOn, RunningInput, Server, generated, installed, memory, parser, resident, server, table

HEADS = ("run", "events", "start", "1/4", "1/2", "3/4", "end", "peak", "limit")
LIMIT = 64
"""MiB, without the size of the largest bundle or event."""

EVENT = 1740
"""Bytes of an event of the mix in a bundle: a little more than the average."""

BIG_BUNDLES = (1, 8, 16)
BIG_EVENTS = (1, 8, 16)
"""MiB."""

PATIENCE = 30.0
"""Seconds without a byte after which a run fails."""

_SAMPLES_EVERY = 0.1
_HEADERS = 4096
"""Bytes by which a payload is smaller than its MiB, so that a message of 16 MiB, the input's limit, has space for
headers."""


@dataclass(frozen=True)
class Run:
    """One run: its name, its server, its reader of the pipe, and the MiB that it may use beyond the limit."""

    name: str
    serve: Callable[[Path], AbstractContextManager[Server]]
    read: Callable[[RunningInput, list[int]], None]
    beyond: int = 0
    killed_after: int = 0
    """Events after which a first process is killed, so that the second process, which recovers, is measured; 0:
    never."""


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--events", type=int, default=2_000_000, help="events of the runs at full rate")
    arguments.add_argument("--seconds", type=float, default=60.0, help="how long the quiet and the stalled run take")
    arguments.add_argument("--copies", type=int, default=16, help="big bundles or events in a run")
    arguments.add_argument("--python", default=sys.executable, help="the Python that runs the input")
    arguments.add_argument("--only", nargs="*", default=[], help="names of runs, or how they begin")
    options = arguments.parse_args()
    chosen = [
        run
        for run in runs(options.events, options.seconds, options.copies)
        if not options.only or run.name.startswith(tuple(options.only))
    ]
    with installed(options.python) as add_on:
        rows = [measure(add_on, number, run) for number, run in enumerate(chosen)]
    print(table(HEADS, rows))


def runs(events: int, seconds: float, copies: int) -> list[Run]:
    """Return all runs."""
    full = [
        Run(f"full rate, {style}", partial(full_rate, events=events, style=style), until(events))
        for style in ("bundles", "bare")
    ]
    killed = Run(
        "after a kill",
        lambda folder: full_rate(folder, events, "bundles"),
        until(events // 5),
        killed_after=events * 3 // 4,
    )
    quiet = Run("1 event a second", lambda folder: server(folder, "bench.paced", "--rate", "1"), during(seconds))
    stalled = Run(
        "reader stalled",
        lambda folder: full_rate(folder, events, "bundles"),
        stalling(min(events // 4, 50_000), seconds),
    )
    bundles = [
        Run(
            f"bundles of {size} MiB",
            partial(big_bundles, size=size, copies=copies),
            until(copies * events_in(size)),
            size,
        )
        for size in BIG_BUNDLES
    ]
    large = [
        Run(f"events of {size} MiB", partial(big_events, size=size, copies=copies), until(copies), size)
        for size in BIG_EVENTS
    ]
    return [*full, killed, quiet, stalled, *bundles, *large]


def measure(add_on: AddOn, number: int, run: Run) -> list[object]:
    """Return the row of a run."""
    name = f"run_{number}"
    samples: list[int] = []
    with tempfile.TemporaryDirectory() as folder, run.serve(Path(folder)) as serving:
        add_on.account(name, serving.port, serving.pkcs12.read_bytes())
        if run.killed_after:
            first = add_on.start(name, name)
            until(run.killed_after)(first, [])
            first.kill()
        with add_on.input(name, name) as running:
            run.read(running, samples)
            peak = memory(running.pid).peak
            count = running.count
    curve = [samples[place * (len(samples) - 1) // 4] for place in range(5)]
    figures = [f"{size / MIB:.1f}" for size in (*curve, peak)]
    return [run.name, f"{count:,}", *figures, LIMIT + run.beyond]


def until(events: int) -> Callable[[RunningInput, list[int]], None]:
    """Read until this number of events has arrived."""

    def read(running: RunningInput, samples: list[int]) -> None:
        patience = time.monotonic() + PATIENCE
        while running.count < events:
            if running.read(_SAMPLES_EVERY):
                patience = time.monotonic() + PATIENCE
            if time.monotonic() > patience:
                raise TimeoutError(f"{running.count} of {events} events came")
            sample(running, samples)
        samples.append(resident(running.pid))

    return read


def during(seconds: float) -> Callable[[RunningInput, list[int]], None]:
    """Read for a number of seconds after the first event."""

    def read(running: RunningInput, samples: list[int]) -> None:
        until(1)(running, samples)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            running.read(_SAMPLES_EVERY)
            sample(running, samples)

    return read


def stalling(events: int, seconds: float) -> Callable[[RunningInput, list[int]], None]:
    """Read a number of events, nothing for a number of seconds, and as many events again."""

    def read(running: RunningInput, samples: list[int]) -> None:
        until(events)(running, samples)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(_SAMPLES_EVERY)
            sample(running, samples)
        until(running.count + events)(running, samples)

    return read


def sample(running: RunningInput, samples: list[int]) -> None:
    """Note the memory of a run that has begun to deliver, every `_SAMPLES_EVERY` seconds at most."""
    if running.count and (not samples or len(samples) < (time.monotonic() - running.begun) / _SAMPLES_EVERY):
        samples.append(resident(running.pid))


@contextmanager
def full_rate(folder: Path, events: int, style: str) -> Iterator[Server]:
    """Send the generated mix."""
    behaviour = {"style": style, "bundle_size": 100, "window": 1_000_000}
    with generated(folder, events, behaviour, "--per-second", "2000") as serving:
        yield serving


def events_in(size: int) -> int:
    """Return the number of events of the mix in a bundle of a number of MiB."""
    return (size * MIB - _HEADERS) // EVENT


@contextmanager
def big_bundles(folder: Path, size: int, copies: int) -> Iterator[Server]:
    """Send bundles of a number of MiB."""
    behaviour = {"style": "bundles", "bundle_size": events_in(size)}
    with generated(folder, copies * events_in(size), behaviour, "--per-second", "2000") as serving:
        yield serving


@contextmanager
def big_events(folder: Path, size: int, copies: int) -> Iterator[Server]:
    """Send events of a number of MiB, each in a message of its own."""
    archive = folder / "events.jsonl"
    with archive.open("w", encoding="ascii") as file:
        for number in range(copies):
            event = {"EventType": "FileEvent", "EventSecond": 1743500734 + number, "Text": ""}
            event["Text"] = "x" * (size * MIB - _HEADERS - len(json.dumps(event)))
            file.write(json.dumps(event) + "\n")
    with server(folder, "standins.fmc", "--events", str(archive)) as serving:
        yield serving


if __name__ == "__main__":
    main()
