"""The cost of the bookmark, and the time that an input needs to find its place again after a kill.

    tools/run.sh bench.bookmark [--events N] [--python PATH]

A process records events as the input does (`bench/bookmark_worker.py`) and kills itself; another one opens the
remaining bookmark and recognizes every event that a server would send again. CPU time covers the digest and the
bookmark only. `settle` is the default of 30 seconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any

from bench.rig import MIB, parser, table
from standins.places import ROOT

PER_SECOND = (1, 1000, 100_000)
BATCHES = (150, 1)
"""Events in a record: as a busy link delivers them at once, and as a quiet one does."""

HEADS = (
    "events in an archival second",
    "events in a record",
    "µs an event",
    "bytes an event",
    "open and find the place (ms)",
    "sent again",
    "µs each",
    "memory (MiB)",
)


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000, help="events that are recorded in each run")
    arguments.add_argument("--python", default=sys.executable, help="the Python that runs the bookmark")
    options = arguments.parse_args()
    rows = [measure(options.python, options.events, count, batch) for batch in BATCHES for count in PER_SECOND]
    print(table(HEADS, rows))


def measure(python: str, events: int, per_second: int, batch: int) -> list[object]:
    """Return the row of one number of events in an archival second."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = [str(number) for number in (events, per_second, batch)]
        cost = work(python, "deliver", folder, numbers, -signal.SIGKILL)
        back = work(python, "resume", folder, numbers, 0)
    return [
        f"{per_second:,}",
        batch,
        f"{cost['cpu'] / events * 1e6:.2f}",
        f"{cost['written'] / events:.1f}",
        f"{back['ready'] * 1000:.0f}",
        f"{back['again']:,}",
        f"{back['cpu'] / back['again'] * 1e6:.2f}",
        f"{back['memory'] / MIB:.1f}",
    ]


def work(python: str, mode: str, folder: str, numbers: list[str], status: int) -> dict[str, Any]:
    """Run the worker and return its result. Raises AssertionError if its exit status is not `status`."""
    command = [python, str(ROOT / "bench" / "bookmark_worker.py"), mode, folder, *numbers]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT / "bin"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


if __name__ == "__main__":
    main()
