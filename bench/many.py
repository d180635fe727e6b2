"""Many inputs at once: the rate of all together, and the memory of each.

    tools/run.sh bench.many [--inputs N ...] [--events N] [--python PATH]

Each input has a server of its own; all of them, and the one process that reads all pipes, share this machine. The
servers therefore limit the common rate as well; the CPU time of the inputs shows their own share. Memory is the
resident size of a process (the largest of all) and its proportional size (PSS, the mean and that of all together, in
millions of bytes), for which a shared page is divided by the number of processes that share it. It is read under load,
when every input has delivered its events.
"""

from __future__ import annotations

import selectors
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.cost import cpu_seconds
from bench.rig import MIB, AddOn, RunningInput, generated, installed, memory, parser, table

HEADS = (
    "inputs",
    "events a second, all",
    "events per CPU second of the inputs",
    "RSS, most (MiB)",
    "PSS, mean (MiB)",
    "PSS, all (MB)",
)
PATIENCE = 60.0


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--inputs", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    arguments.add_argument("--events", type=int, default=400_000, help="events of all inputs together")
    arguments.add_argument("--python", default=sys.executable, help="the Python that runs the inputs")
    options = arguments.parse_args()
    rows = []
    for count in options.inputs:
        with installed(options.python) as add_on:
            rows.append(measure(add_on, count, options.events // count))
    print(table(HEADS, rows))


def measure(add_on: AddOn, count: int, events: int) -> list[object]:
    """Return the row of a number of inputs with a number of events each."""
    behaviour = {"style": "bundles", "bundle_size": 100, "window": 1_000_000}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        names = [f"input_{number}" for number in range(count)]
        for name in names:
            serving = stack.enter_context(generated(Path(folder) / name, events, behaviour, "--per-second", "2000"))
            add_on.account(name, serving.port, serving.pkcs12.read_bytes())
        running = [stack.enter_context(add_on.input(name, name)) for name in names]
        seconds, cpu = read_all(running, events)
        sizes = [memory(one.pid) for one in running]
    return [
        count,
        f"{count * events / seconds:,.0f}",
        f"{count * events / cpu:,.0f}",
        f"{max(size.resident for size in sizes) / MIB:.1f}",
        f"{sum(size.proportional for size in sizes) / count / MIB:.1f}",
        f"{sum(size.proportional for size in sizes) / 1e6:.0f}",
    ]


def read_all(running: list[RunningInput], events: int) -> tuple[float, float]:
    """Read until every input has delivered this number of events; return the seconds and CPU seconds of that.

    Both begin when all inputs have begun to deliver: until then the first inputs wait with full pipes.
    """
    read_until(running, 1)
    begun, cpu = time.monotonic(), sum(cpu_seconds(one.pid) for one in running)
    read_until(running, events)
    return time.monotonic() - begun, sum(cpu_seconds(one.pid) for one in running) - cpu


def read_until(running: list[RunningInput], events: int) -> None:
    """Read from each input until it has delivered this number of events."""
    with selectors.DefaultSelector() as selector:
        for one in running:
            selector.register(one, selectors.EVENT_READ, one)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            assert ready, "no input delivers any more"
            for key, _ in ready:
                key.data.read(0)
                if key.data.count >= events:
                    selector.unregister(key.fileobj)


if __name__ == "__main__":
    main()
