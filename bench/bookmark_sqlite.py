"""The cost of SQLite in place of the bookmark's journal: the same records, one row for each batch, in WAL mode.

    tools/run.sh bench.bookmark_sqlite [--events N] [--python PATH]

A process stores records of events, settles once for each second of archival time and kills itself; another one opens
the remaining store and reads it. Both stores get the same bytes and forget records older than three minutes. Only the
store is measured, without digests and without events. `docs/decisions` has the figures.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from typing import Any, Protocol

from estreamer.bookmark import journal
from estreamer.bookmark.generations import Generations
from estreamer.files import FILES

from bench.bookmark_worker import bytes_written, peak
from bench.rig import MIB, parser, table
from standins.places import ROOT

KEPT_SECONDS = 180
START = 1_743_500_734
RUNS = 5
SHAPES = ((150, 5000), (150, 50), (1, 50))
"""Events in a batch, and in a second of archival time."""

STORES = ("journal", "sqlite normal", "sqlite full")
"""SQLite forces either each batch to the disk (full), or only the record of settled events (normal), as the journal
does."""

HEADS = (
    "store",
    "events in a batch",
    "events a second",
    "CPU µs a batch",
    "clock µs a batch, median",
    "and 99 %",
    "bytes an event",
    "open and read (ms)",
    "memory (MiB)",
)


class Store(Protocol):
    """The methods of a store that is measured."""

    def append(self, first: int, archival: int, body: bytes) -> None:
        """Store a batch of events, the first of which has the number `first`."""

    def settle(self, first: int, archival: int) -> None:
        """Store that the events before `first` have settled, forced to the disk, and forget batches that are too
        old."""

    def read(self) -> int:
        """Read all batches and return their number."""


class Journal:
    """The bookmark's own files."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names = journal.generation_names(folder)
        last = int(self._names[-1].partition(".")[0]) if self._names else 0
        self._generations = Generations(folder, FILES, last_number=last)
        state = journal.State("estreamer_fqe://bench", "fmc", START, "reader", 0, 0, {})
        if not self._names:
            self._generations.begin(state)
        self._state = state

    def append(self, first: int, archival: int, body: bytes) -> None:
        """Append a record."""
        self._generations.append(journal.WRITTEN, body)
        self._generations.has_events(first, archival, 1)

    def settle(self, first: int, archival: int) -> None:
        """Append a record, forced to the disk; the bookmark's own limits decide which records are removed."""
        self._generations.append(journal.SETTLED, journal.SEQUENCE.pack(first), force=True)
        if self._generations.kept[-1].size > 4 * MIB:
            self._generations.begin(self._state)
            self._generations.delete_old(first, archival - KEPT_SECONDS)

    def read(self) -> int:
        """Read all records."""
        return sum(len(journal.read_records(os.path.join(self._folder, name))[0]) for name in self._names)


class Sqlite:
    """A store with one table of batches, and one of the last settled event."""

    def __init__(self, folder: str, synchronous: str) -> None:
        self._synchronous = synchronous
        self._base = sqlite3.connect(os.path.join(folder, "bookmark.sqlite"), isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            f"PRAGMA synchronous={synchronous}",
            "CREATE TABLE IF NOT EXISTS batch (first INTEGER PRIMARY KEY, archival INTEGER, body BLOB)",
            "CREATE TABLE IF NOT EXISTS settled (one INTEGER PRIMARY KEY CHECK (one = 1), first INTEGER)",
            "INSERT OR REPLACE INTO settled VALUES (1, 0)",
        ):
            self._base.execute(statement)

    def append(self, first: int, archival: int, body: bytes) -> None:
        """Insert a row, in a transaction of its own."""
        self._base.execute("INSERT INTO batch VALUES (?, ?, ?)", (first, archival, body))

    def settle(self, first: int, archival: int) -> None:
        """Update a row and delete old ones, in a transaction that is forced to the disk."""
        self._base.execute("PRAGMA synchronous=FULL")
        self._base.execute("BEGIN")
        self._base.execute("UPDATE settled SET first = ?", (first,))
        # Select by number: an index over times would slow down every batch.
        oldest = "SELECT min(first) FROM batch WHERE archival >= ?"
        self._base.execute(f"DELETE FROM batch WHERE first < ({oldest})", (archival - KEPT_SECONDS,))  # noqa: S608
        self._base.execute("COMMIT")
        self._base.execute(f"PRAGMA synchronous={self._synchronous}")

    def read(self) -> int:
        """Read all rows."""
        return sum(1 for _ in self._base.execute("SELECT first, archival, body FROM batch ORDER BY first"))


def opened(store: str, folder: str) -> Store:
    """Return a store in a folder."""
    return Journal(folder) if store == "journal" else Sqlite(folder, store.rpartition(" ")[2])


def bodies(events: int, per_second: int, batch: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the number of the first event, the archival time and the record of each batch."""
    digests = array("Q", range(1 << 60, (1 << 60) + batch))
    for first in range(1, events + 1, batch):
        archival = START + first // per_second
        moment = journal.Moment(archival, first)
        body = journal.written_body(first, moment, [archival] * batch, [(0, batch)], digests, None)
        yield first, archival, body


def deliver(store: Store, events: int, per_second: int, batch: int) -> dict[str, float]:
    """Store batches; return the cost."""
    taken: list[float] = []
    cpu, second, before = 0.0, START, bytes_written()
    for first, archival, body in bodies(events, per_second, batch):
        clock, used = time.perf_counter(), time.process_time()
        store.append(first, archival, body)
        taken.append(time.perf_counter() - clock)
        if archival != second:
            store.settle(first, archival)
            second = archival
        cpu += time.process_time() - used
    middle, late = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
    return {"cpu": cpu / len(taken), "median": middle, "late": late, "bytes": (bytes_written() - before) / events}


def work(store: str, mode: str, folder: str, *numbers: str) -> None:
    """Deliver and kill this process, or open and read; print one line of JSON."""
    before, begun = peak(), time.perf_counter()
    made = opened(store, folder)
    if mode == "deliver":
        told = deliver(made, *map(int, numbers))
    else:
        read = made.read()
        told = {"ready": time.perf_counter() - begun, "memory": float(peak() - before), "batches": float(read)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    if mode == "deliver":
        os.kill(os.getpid(), signal.SIGKILL)


def measure(python: str, store: str, events: int, batch: int, per_second: int) -> list[object]:
    """Return the row of a store: each figure is the best of some runs."""
    runs = []
    environment = {"PATH": os.defpath, "PYTHONPATH": f"{ROOT}:{ROOT / 'bin'}", "PYTHONDONTWRITEBYTECODE": "1"}
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
            told: dict[str, Any] = {}
            for mode in ("deliver", "read"):
                command = [
                    python,
                    "-m",
                    "bench.bookmark_sqlite",
                    store,
                    mode,
                    folder,
                    str(events),
                    str(per_second),
                    str(batch),
                ]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                assert done.returncode == (-signal.SIGKILL if mode == "deliver" else 0), done.stderr
                told.update(json.loads(done.stdout))
            assert told["batches"]
            runs.append(told)
    best = {name: min(run[name] for run in runs) for name in runs[0]}
    micro = [f"{best[name] * 1e6:.1f}" for name in ("cpu", "median", "late")]
    tail = [f"{best['bytes']:.1f}", f"{best['ready'] * 1000:.0f}", f"{best['memory'] / MIB:.1f}"]
    return [store, batch, per_second, *micro, *tail]


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--events", type=int, default=600_000, help="events of a run with batches of 150")
    arguments.add_argument("--python", default=sys.executable, help="the Python that runs the store")
    options = arguments.parse_args()
    rows = [
        measure(options.python, store, options.events if batch > 1 else options.events // 30, batch, per_second)
        for batch, per_second in SHAPES
        for store in STORES
    ]
    print(table(HEADS, rows))


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[1] in STORES:
        work(*sys.argv[1:])
    else:
        main()
