"""The cost of an event at the rates that customers have, compared with a saturated link, and its latency.

    tools/run.sh bench.rates [--rates N ...] [--seconds N] [--python PATH]

The CPU time of an event is first measured as fast as the input reads, then at each rate for each shape of messages. It
is that of the input alone, without its start. Latency is as in `bench.latency`. The last rows show a server that waits
for the acknowledgement of each bundle: it must not be held up.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.cost import cpu_seconds, run_input
from bench.latency import latencies_of
from bench.rig import AddOn, generated, installed, parser, quantile, server, table

HEADS = (
    "messages",
    "events a second",
    "CPU of a core (%)",
    "µs an event",
    "of saturated",
    "p50 (ms)",
    "p99 (ms)",
)
UNBOUNDED = 1_000_000
SATURATING_EVENTS = 100_000
LONE = 0.5
"""Events a second on a link that counts as quiet."""


@dataclass(frozen=True)
class Shape:
    """How a server sends: its name, style, events in a bundle, and bundles without an acknowledgement."""

    name: str
    style: str
    size: int
    window: int


SHAPES = (
    Shape("bundles of 1", "bundles", 1, UNBOUNDED),
    Shape("bundles of 50", "bundles", 50, UNBOUNDED),
    Shape("bare", "bare", 1, UNBOUNDED),
    Shape("bundles of 1, each waits", "bundles", 1, 1),
)


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--rates", type=float, nargs="+", default=[LONE, 100, 1000, 5000], help="events a second")
    arguments.add_argument("--seconds", type=float, default=15.0, help="how long each rate is measured")
    arguments.add_argument("--python", default=sys.executable, help="the Python that runs the input")
    options = arguments.parse_args()
    with installed(options.python) as add_on:
        floors = {style: saturated(add_on, style) for style in ("bundles", "bare")}
        rows: list[list[object]] = [
            [style, "saturated", "100.0", f"{seconds * 1e6:.1f}", "1.0", "", ""] for style, seconds in floors.items()
        ]
        for shape in SHAPES:
            rows += [at_rate(add_on, shape, rate, options.seconds, floors[shape.style]) for rate in options.rates]
    print(table(HEADS, rows))


def saturated(add_on: AddOn, style: str) -> float:
    """Return the CPU seconds of an event from a server that sends as fast as the input reads, in bundles of 100."""
    behaviour = {"style": style, "bundle_size": 100, "window": UNBOUNDED}
    name = f"saturated_{style}"
    with tempfile.TemporaryDirectory() as folder, generated(Path(folder), SATURATING_EVENTS, behaviour) as source:
        add_on.account(name, source.port, source.pkcs12.read_bytes())
        cost = run_input(add_on, name, SATURATING_EVENTS, account=name)
    return cost.seconds / cost.events


def at_rate(add_on: AddOn, shape: Shape, rate: float, seconds: float, floor: float) -> list[object]:
    """Return the row of one shape and rate; `floor` is the CPU seconds of an event on a saturated link."""
    name = "".join(letter if letter.isalnum() else "_" for letter in f"{shape.name} at {rate:g}")
    lasting = max(seconds, 10 / rate)
    arguments = ("--rate", str(rate), "--style", shape.style, "--size", str(shape.size), "--window", str(shape.window))
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), "bench.paced", *arguments) as paced:
        add_on.account(name, paced.port, paced.pkcs12.read_bytes())
        with add_on.input(name, name) as running:
            latencies_of(running, 1.0)
            before = cpu_seconds(running.pid)
            latencies = sorted(latencies_of(running, lasting, warm_up=0.0))
            used = cpu_seconds(running.pid) - before
    share = used / lasting
    each = used / max(1, len(latencies))
    figures = [quantile(latencies, 0.5) * 1000, quantile(latencies, 0.99) * 1000]
    return [
        shape.name,
        f"{rate:,g}",
        f"{share * 100:.1f}",
        f"{each * 1e6:.0f}",
        f"{each / floor:.1f}",
        *(f"{figure:.1f}" for figure in figures),
    ]


if __name__ == "__main__":
    main()
