"""The time of an event from the server's send to splunkd's end of the pipe.

    tools/run.sh bench.latency [--rates N ...] [--seconds N] [--python PATH]

The server (`bench.paced`) and the input are processes of their own; this one reads the pipe, and notes the time after
each read. An event's latency is that of its last byte. The first second of a run belongs to the start and does not
count. A rate counts as kept if at least 95 of 100 events arrived within the time of the run.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

from bench.rig import AddOn, RunningInput, installed, parser, quantile, server, table

STYLES = ("bundles", "bare")
HEADS = ("messages", "events a second", "received a second", "p50 (ms)", "p99 (ms)", "max (ms)")
WARM_UP = 1.0

_STAMP = re.compile(rb'"SentAt":(\d+)\}</data></event>')
_LONGEST_STAMP = 64


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--rates", type=float, nargs="+", default=[1, 100, 5000, 20000], help="events a second")
    arguments.add_argument("--seconds", type=float, default=30.0, help="how long each rate is measured")
    arguments.add_argument("--python", default=sys.executable, help="the Python that runs the input")
    options = arguments.parse_args()
    with installed(options.python) as add_on:
        rows = [measure(add_on, style, rate, options.seconds) for style in STYLES for rate in options.rates]
    print(table(HEADS, rows))


def measure(add_on: AddOn, style: str, rate: float, seconds: float) -> list[object]:
    """Return the row of one style and rate."""
    name = f"{style}_{rate:g}".replace(".", "_")
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), "bench.paced", "--rate", str(rate), "--style", style) as paced,
    ):
        add_on.account(name, paced.port, paced.pkcs12.read_bytes())
        with add_on.input(name, name) as running:
            latencies = sorted(latencies_of(running, seconds))
    came = len(latencies) / seconds
    kept = "" if came >= 0.95 * rate else " (saturated)"
    figures = [quantile(latencies, 0.5), quantile(latencies, 0.99), latencies[-1]]
    return [style, f"{rate:,g}", f"{came:,.1f}{kept}", *(f"{figure * 1000:.1f}" for figure in figures)]


def latencies_of(running: RunningInput, seconds: float, warm_up: float = WARM_UP) -> list[float]:
    """Return the latencies of the events that arrived within a number of seconds after the warm-up, all in seconds."""
    latencies: list[float] = []
    rest, first = b"", 0.0
    while not first or time.monotonic() < first + warm_up + seconds:
        data = rest + running.read(0.1)
        now = time.monotonic()
        first = first or (now if running.count else 0.0)
        stamps = _STAMP.findall(data)
        if stamps and now >= first + warm_up:
            latencies += [now - int(stamp) / 1e9 for stamp in stamps]
        # Keep only the bytes after the last event, so that no event is found twice.
        rest = data[data.rfind(b"</event>") + 1 :][-_LONGEST_STAMP:]
    return latencies


if __name__ == "__main__":
    main()
