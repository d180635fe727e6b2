"""The cost of each step of an event in the input, in one process and without a network.

    tools/run.sh bench.hot_path [--events N] [--mix MIX ...] [--instructions]

Generated events go as bare event messages, in portions as large as those that the input reads from a busy link, through
the session and the delivery into a pipe that another process drains. The bookmark is in a temporary folder. Each step
is timed where it is called. With `--instructions` the table counts instructions instead (valgrind's callgrind), which
no other process disturbs: once for all steps, once for the least that is correct.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, cast

from estreamer.bookmark.bookmark import Bookmark
from estreamer.clock import CLOCK, Clock
from estreamer.connection.waiting import Waiting
from estreamer.events.records import FullyQualifiedRecords
from estreamer.events.repair import Inspector
from estreamer.input.delivery import Delivery
from estreamer.input.logs import Log
from estreamer.input.status import StatusFile
from estreamer.outputs.output import Before
from estreamer.outputs.splunkd_pipe import Splunkd, SplunkdPipe
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.protocol.session import Session
from estreamer.settings import InputSettings, parse_input

from bench.least import Least
from bench.mixes import MIXES
from standins.fmc.raw_messages import event
from standins.places import ROOT

STEPS = {
    "frame": "messages and records apart (session)",
    "describe": "event type and time, whether it looks sound (events)",
    "encode": "what XML forbids, escaping, the element around it (output)",
    "write": "into the pipe (output)",
    "digest": "keyed digests (bookmark)",
    "record": "into the bookmark's journal (bookmark)",
    "rest": "the batch in columns, numbers, settling (delivery)",
}
WAYS = ("input", "least")
FEW, MANY = 308, 1540
"""Events of the two runs whose difference counts, so that costs of the start cancel out. They almost fill their
portions."""

PIPE_SIZE = 1024 * 1024
"""Bytes that the pipe holds: the most that systems grant by default. Waiting for the other process on a busy machine
would count as well."""

_SET_PIPE_SIZE = 1031
"""F_SETPIPE_SZ, which Python has a name for since 3.10 only."""

PORTION = 256 * 1024
"""Bytes of one read: `RECEIVE_SIZE` of `input.conversation`, which is not imported, since its libraries are slow under
valgrind."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--mix", nargs="+", choices=list(MIXES), default=list(MIXES), help="see bench.mixes")
    parser.add_argument("--instructions", action="store_true", help="count instructions, through valgrind")
    parser.add_argument("--way", nargs=2, metavar=("WAY", "FILE"), help="send what a file holds one way, once")
    options = parser.parse_args()
    if options.way:
        way, file = options.way
        # Under valgrind the clock advances so far that every event would be inspected in full.
        go(way, portions(Path(file).read_bytes()), Timers(), clock=Clock(monotonic=lambda: 0.0))
    elif options.instructions:
        print_instructions(options.mix)
    else:
        print_steps(options.mix, options.events)


def print_steps(mixes: list[str], events: int) -> None:
    """Print the time of each step for each mix, the best of three runs."""
    columns = [steps(mix, events) for mix in mixes]
    print_head("step", "what", *(f"{mix}: µs an event" for mix in mixes))
    for step, what in (*STEPS.items(), ("all", "")):
        print_row(step, what, *(f"{column[step]:.2f}" for column in columns))


def steps(mix: str, events: int) -> dict[str, float]:
    """Return the microseconds of an event in each step, and in all of them."""
    data = portions(messages(mix, events))
    runs = []
    for _ in range(3):
        timers = Timers()
        go("input", data, timers)
        runs.append({**timers.seconds, "all": sum(timers.seconds.values())})
    return {step: min(run[step] for run in runs) / events * 1e6 for step in runs[0]}


def print_instructions(mixes: list[str]) -> None:
    """Print the instructions for one event of each mix, and their ratio."""
    counts = {(mix, way): instructions_per_event(mix, way) for mix in mixes for way in WAYS}
    print_head("mix", "way", "instructions per event", "of least")
    for (mix, way), count in counts.items():
        print_row(mix, way, f"{count:,.0f}", f"{count / counts[mix, 'least']:.2f}")


def print_head(*names: str) -> None:
    """Print the head of a table. `bench.rig` has one as well, but its imports are slow under valgrind."""
    print_row(*names)
    print_row(*("---" for _ in names))


def print_row(*cells: str) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(cells)} |")


def instructions_per_event(mix: str, way: str) -> float:
    """Return the number of instructions for one more event."""
    few, many = (instructions(mix, way, events) for events in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def instructions(mix: str, way: str, events: int) -> int:
    """Return the number of instructions of a run, including the start of the interpreter."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m", "bench.hot_path"]
    # The same hashes in every run, since dictionaries would differ between runs otherwise.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{ROOT / 'bin'}{os.pathsep}{ROOT}"}
    with tempfile.NamedTemporaryFile() as file:
        file.write(messages(mix, events))
        file.flush()
        done = subprocess.run(
            [*command, "--way", way, file.name], env=environment, capture_output=True, text=True, check=False
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        sys.exit(done.stderr)
    return int(found.group(1))


def messages(mix: str, events: int) -> bytes:
    """Return the bytes of a number of event messages of a mix."""
    records = MIXES[mix].events(events)
    return b"".join(event(record.payload, record.archival, record_type=record.record_type) for record in records)


def portions(stream: bytes) -> list[bytes]:
    """Return the bytes in the portions that a busy link delivers."""
    return [stream[at : at + PORTION] for at in range(0, len(stream), PORTION)]


class Timers:
    """CPU seconds by step."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self._inner = 0.0

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, and adds its time, without that of inner steps, to a step."""

        def call(*arguments: Any) -> Any:
            before, self._inner = self._inner, 0.0
            begun = time.process_time()
            try:
                return function(*arguments)
            finally:
                taken = time.process_time() - begun
                self.seconds[step] += taken - self._inner
                self._inner = before + taken

        return call


def go(way: str, data: list[bytes], timers: Timers, clock: Clock = CLOCK) -> None:
    """Send the portions one way, into a pipe that another process drains; `clock` schedules the inspections in full."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as drain:
        assert drain.stdin is not None
        descriptor = drain.stdin.fileno()
        fcntl.fcntl(descriptor, _SET_PIPE_SIZE, PIPE_SIZE)
        if way == "least":
            least = Least(descriptor)
            for portion in data:
                least.take(portion)
        else:
            with delivery(descriptor, timers, clock) as deliver:
                receive = timers.timed("frame", Session(FullyQualified(b"{}", 0), 0.0).receive)
                for portion in data:
                    deliver(receive(portion, 0.0).events, None)


@contextmanager
def delivery(descriptor: int, timers: Timers, clock: Clock) -> Iterator[Callable[..., None]]:
    """Yield the delivery's function with each of its steps timed."""
    stanza = "estreamer_fqe://bench"
    with tempfile.TemporaryDirectory() as folder, Waiting() as waiting:
        bookmark = Bookmark.open(folder, stanza, reader="bench", settle=30)
        bookmark.begin("fmc", 0, "bench", stanza)
        output = SplunkdPipe(Splunkd(descriptor, stanza, "main", 30), Before(), CLOCK.monotonic())
        output._stream._inspector = Inspector(clock)
        records = FullyQualifiedRecords()
        records.describe = timers.timed("describe", records.describe)  # type: ignore[method-assign]
        output.encode = timers.timed("encode", output.encode)
        output.offer = timers.timed("write", output.offer)  # type: ignore[method-assign]
        bookmark.delivered = timers.timed("record", bookmark.delivered)  # type: ignore[method-assign]
        bookmark.entry = timers.timed("digest", bookmark.entry)  # type: ignore[method-assign]
        delivering = Delivery(
            settings(), cast(Log, Silence()), Unwritten(folder, stanza), bookmark, output, waiting, records
        )
        try:
            yield timers.timed("rest", delivering.deliver)
        finally:
            bookmark.close()


def settings() -> InputSettings:
    """Return the default settings of an input, without drop rules."""
    return parse_input("bench", {"account": "fmc", "index": "main"})


class Unwritten(StatusFile):
    """A status that writes no file. The clock decides when it writes, and each run is to use the same instructions."""

    def delivered(self, written: int, last_archival: int) -> None:
        pass


class Silence:
    """A log that keeps nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self


if __name__ == "__main__":
    main()
