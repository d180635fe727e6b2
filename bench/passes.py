"""The instructions of a pass of the loop, and of an event at the rates that customers have.

    tools/run.sh bench.passes [--rates RATE ...]

At ordinary rates a pass brings few events, and what it does around them costs more than they do. Here the real
conversation, delivery, output and bookmark of an input go through so many passes with so many events each, without a
network and without decryption. Instructions are counted by valgrind's callgrind, which no other process disturbs; the
difference of two runs leaves the start out.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from estreamer.bookmark.bookmark import Bookmark
from estreamer.clock import Clock
from estreamer.connection.waiting import Waiting
from estreamer.events.records import FullyQualifiedRecords
from estreamer.input.conversation import Conversation
from estreamer.input.delivery import Delivery
from estreamer.input.gathering import PAUSE
from estreamer.input.logs import Log
from estreamer.input.reception import Reception
from estreamer.input.reports import Reports
from estreamer.outputs.output import Before
from estreamer.outputs.splunkd_pipe import Splunkd
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.protocol.session import Session

from bench.hot_path import Silence, Unwritten, settings
from bench.mixes import MIXES
from bench.rig import table
from standins.fmc.raw_messages import event
from standins.places import ROOT

EVENTS_A_PASS = {"saturated": 150, "5,000": round(5000 * PAUSE), "1,000": round(1000 * PAUSE), "100": 3}
"""What a read brings: as many as fit into it, and as many as arrive in a pause, where that is a pause for three."""

FEW, MANY = 8, 40
"""Passes of the two runs whose difference counts. Each begins with a second of the stream of its own."""

_SET_PIPE_SIZE = 1031
"""F_SETPIPE_SZ, which Python has a name for since 3.10 only."""

_NEWEST = 1_743_510_000.0
"""Unix seconds a little after the events of the stand-in: a clock that is right."""

_SIZE = struct.Struct(">I")

HEADS = ("events a second", "events a pass", "instructions a pass", "an event")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", nargs="+", choices=EVENTS_A_PASS, default=list(EVENTS_A_PASS), metavar="RATE")
    parser.add_argument("--run", type=Path, metavar="FILE", help="go through the passes that a file holds, once")
    options = parser.parse_args()
    if options.run:
        go(unpacked(options.run.read_bytes()))
        return
    a_pass = {rate: instructions_of_a_pass(EVENTS_A_PASS[rate]) for rate in options.rates}
    rows = [
        [rate, EVENTS_A_PASS[rate], f"{count:,.0f}", f"{count / EVENTS_A_PASS[rate]:,.0f}"]
        for rate, count in a_pass.items()
    ]
    print(table(HEADS, rows))


def instructions_of_a_pass(events: int) -> float:
    """Return the number of instructions of one more pass that brings so many events."""
    few, many = (_instructions(passes, events) for passes in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def _instructions(passes: int, events: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m", "bench.passes"]
    # The same hashes in every run, since dictionaries would differ between runs otherwise.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{ROOT / 'bin'}{os.pathsep}{ROOT}"}
    with tempfile.NamedTemporaryFile() as file:
        # Made beforehand, since making events takes more instructions than the input does.
        file.write(b"".join(_SIZE.pack(len(portion)) + portion for portion in portions(passes, events)))
        file.flush()
        command += ["--run", file.name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        sys.exit(done.stderr)
    return int(found.group(1))


class Time:
    """A time that passes only while somebody sleeps: as long as a pass takes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> Clock:
        """Return the clock of this time."""
        return Clock(wall=lambda: _NEWEST + self.now, monotonic=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds


class Replay:
    """A connection that has the next portion whenever it is waited for, and then ends."""

    def __init__(self, brought: Iterator[bytes], time: Time) -> None:
        self._portions = brought
        self._time = time
        self._readable, self._writer = os.pipe()
        os.write(self._writer, b"\0")

    def fileno(self) -> int:
        """Return a descriptor that is readable."""
        return self._readable

    def receive(self, limit: int) -> bytes | None:
        """Return the next portion; after the last one, the end."""
        del limit
        self._time.sleep(0.001)
        return next(self._portions, b"")

    def has_more(self) -> bool:
        """Return that everything was read."""
        return False

    def may_be_full(self, count: int) -> bool:
        """Return that more could have been sent."""
        del count
        return False

    def send(self, data: bytes) -> None:
        """Send nothing."""

    def unsent(self) -> int:
        """Return that nothing waits."""
        return 0

    def flush(self) -> None:
        """Send nothing."""

    @property
    def peer(self) -> Any:
        """Return who sends: a server."""
        return cast(Any, _Peer())


class _Peer:
    address, port = "127.0.0.1", 8302


def unpacked(content: bytes) -> Iterator[bytes]:
    """Yield the portions that a file holds."""
    place = 0
    while place < len(content):
        (size,) = _SIZE.unpack_from(content, place)
        yield content[place + _SIZE.size : place + _SIZE.size + size]
        place += _SIZE.size + size


def go(brought: Iterator[bytes]) -> None:
    """Go through a pass for each portion, into a pipe that another process drains."""
    stanza = "estreamer_fqe://bench"
    time = Time()
    clock = time.clock()
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as drain,
        tempfile.TemporaryDirectory() as folder,
        Waiting(clock) as waiting,
    ):
        assert drain.stdin is not None
        descriptor = drain.stdin.fileno()
        fcntl.fcntl(descriptor, _SET_PIPE_SIZE, 1 << 20)
        bookmark = Bookmark.open(folder, stanza, reader="bench", settle=30, clock=clock)
        bookmark.begin("fmc", 0, "bench", stanza)
        output = Splunkd(descriptor, stanza, "main", 30, clock=clock).open(Before(), clock.monotonic())
        log = cast(Log, Silence())
        delivery = Delivery(
            settings(), log, Unwritten(folder, stanza), bookmark, output, waiting, FullyQualifiedRecords(), clock
        )
        reports = Reports(log, settings(), bookmark)
        reception = Reception(delivery, None, lambda: None, reports, waiting, clock)
        session = Session(FullyQualified(b"{}", 0), clock.monotonic())
        conversation = Conversation(session, cast(Any, Replay(brought, time)), reception, clock)
        conversation.run()
        bookmark.close()


def portions(passes: int, events: int) -> list[bytes]:
    """Return what each pass reads. The first brings more, so that the server is known to wait for nothing."""
    records = MIXES["real"].events((passes + 1) * events)
    messages = [event(record.payload, record.archival, record_type=record.record_type) for record in records]
    first, rest = messages[: 2 * events], messages[2 * events :]
    return [b"".join(first), *(b"".join(rest[at : at + events]) for at in range(0, len(rest), events))]


if __name__ == "__main__":
    main()
