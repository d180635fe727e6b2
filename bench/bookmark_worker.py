"""The bookmark alone, in a process that can be killed.

    python bench/bookmark_worker.py deliver FOLDER EVENTS PER_SECOND BATCH
    python bench/bookmark_worker.py resume FOLDER EVENTS PER_SECOND BATCH

`deliver` records events as the input does, settles once a second, prints the cost and kills itself. `resume` opens the
remaining bookmark, and recognizes the events that a server sends again. Both print one line of JSON: seconds of CPU and
of the clock, and bytes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from estreamer.bookmark.bookmark import Bookmark

STANZA, SOURCE, READER, SETTLE = "estreamer_fqe://bench", "fmc", "reader", 30
START = 1_743_500_734
_FILLER = b"x" * 1700


def payload(number: int) -> bytes:
    """Return an event of typical size."""
    return b'{"EventType":"ConnectionEvent", "ConnectionID":%d, "Text":"%b"}' % (number, _FILLER)


def batches(begin: int, events: int, per_second: int, batch: int) -> Iterator[tuple[list[int], list[bytes]]]:
    """Yield archival timestamps and payloads from event `begin` on, in batches."""
    for first in range(begin, events, batch):
        numbers = range(first, min(first + batch, events))
        yield [START + number // per_second for number in numbers], [payload(number) for number in numbers]


def deliver(folder: str, events: int, per_second: int, batch: int) -> dict[str, float]:
    """Record events; return the cost."""
    opened = Bookmark.open(folder, STANZA, reader=READER, settle=SETTLE)
    opened.begin(SOURCE, START, READER, STANZA)
    cpu, next_settling = 0.0, time.monotonic() + 1.0
    for archivals, payloads in batches(0, events, per_second, batch):
        begun = time.process_time()
        opened.delivered(opened.entry(archivals, payloads, None))
        cpu += time.process_time() - begun
        if time.monotonic() >= next_settling:
            opened.settled(opened.sequence)
            next_settling = time.monotonic() + 1.0
    return {"cpu": cpu, "written": bytes_written()}


def resume(folder: str, events: int, per_second: int, batch: int) -> dict[str, float]:
    """Open the bookmark of a killed process, and filter the events that are sent again; return the cost."""
    before, begun = peak(), time.monotonic()
    opened = Bookmark.open(folder, STANZA, reader=READER, settle=SETTLE)
    found = opened.resume(SOURCE)
    assert found is not None
    assert found.duplicates is not None
    ready = time.monotonic() - begun
    first = max(0, found.timestamp - START) * per_second
    cpu = 0.0
    for archivals, payloads in batches(first, events, per_second, batch):
        begun = time.process_time()
        again = [found.duplicates.is_duplicate(archival, one, None) for archival, one in zip(archivals, payloads)]
        cpu += time.process_time() - begun
        assert all(again), "an event that was delivered was taken for a new one"
    opened.close()
    return {"ready": ready, "again": events - first, "cpu": cpu, "memory": peak() - before}


def bytes_written() -> int:
    """Return the number of bytes that the process has written to files so far."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").partition("wchar:")[2].split()[0])


def peak() -> int:
    """Return the most memory that the process ever had, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main(mode: str, folder: str, *numbers: str) -> None:
    """Run the mode that the command line names."""
    told = {"deliver": deliver, "resume": resume}[mode](folder, *map(int, numbers))
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    if mode == "deliver":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
