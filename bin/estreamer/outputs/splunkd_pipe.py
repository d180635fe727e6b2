"""splunkd's pipe as an output: splunkd acknowledges nothing, so events settle when it has had them for some seconds."""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Callable

from ..clock import CLOCK, Clock
from .output import NOTHING, Before, Interest, Output
from .pace import Pace
from .settling import Settling
from .xml_stream import READER_GONE, Chunk, Pipe, XmlStream

SOURCETYPE = "cisco:sfw:estreamer"


@dataclass(frozen=True)
class Splunkd:
    """The splunkd that started this process. `descriptor` is the write end of its pipe, `source` the stanza.

    `index` is left out when empty, so that splunkd takes its default. `settle` is in seconds: after that splunkd has
    written what it has read. `pipe` is the system's, unless another one is given.
    """

    descriptor: int
    source: str
    index: str | None
    settle: float
    pipe: Pipe | None = None
    clock: Clock = CLOCK

    def receiver(self) -> str:
        """Return the text that distinguishes this splunkd from another one."""
        return reader_identity()

    def open(self, before: Before, now: float) -> Output[Chunk]:
        """Return the pipe as an output."""
        return SplunkdPipe(self, before, now)


class SplunkdPipe:
    """The pipe as an output: see `output.Output`."""

    receiver = "splunkd"

    def __init__(self, splunkd: Splunkd, before: Before, now: float) -> None:
        self._stream = XmlStream(
            splunkd.descriptor,
            source=splunkd.source,
            sourcetype=SOURCETYPE,
            host="",
            index=splunkd.index,
            pipe=splunkd.pipe,
            clock=splunkd.clock,
        )
        self._settle = splunkd.settle
        self._settling = Settling(splunkd.settle)
        self._settling.resume(before.seen, now)
        # The process before this one may have seen the same splunkd fall behind, and left no word of it.
        self._pace = Pace(now, now if before.may_be_behind else None)
        self._read_bytes = 0
        self._complete = True
        # The hot path: without a call in between.
        self.encode = self._stream.encode

    @property
    def written_bytes(self) -> int:
        """How many bytes the pipe has taken."""
        return self._stream.written_bytes

    def use_host(self, host: str) -> None:
        """Set the host of the events that follow."""
        self._stream.use_host(host)

    def take_problems(self) -> tuple[int, Counter[str]]:
        """Return how many payloads were marked since the last time, and how many of them had which problem."""
        return self._stream.take_problems()

    def offer(self, encoded: Chunk) -> bool:
        """Write what the pipe takes now; return whether it has all of it. Raises ReceiverGone."""
        self._complete = self._stream.push(encoded)
        return self._complete

    def taken(self) -> int:
        """Return how many of the events that were offered last the pipe has completely."""
        return self._stream.taken()

    def recorded(self, number: int) -> None:
        """Note that the events up to that number lie within what was written so far."""
        self._settling.delivered(number, self._stream.written_bytes)

    def blocked(self) -> str | None:
        """Return that splunkd does not read, when the pipe is full."""
        return None if self._complete else "splunkd does not read from the pipe"

    def waited(self, seconds: float, now: float) -> None:
        """Note that the present write has waited for so many seconds in all."""
        self._pace.waited(seconds, now)

    def interest(self) -> Interest:
        """Return the pipe while it is full, nothing while it is not."""
        return NOTHING if self._complete else Interest(writable=(self._stream.descriptor,))

    def next_due(self) -> float:
        """Return infinity: nothing is due by the clock alone."""
        return math.inf

    def serve(self, now: float) -> None:
        """Note what splunkd has read, and whether it keeps up."""
        unread = self._stream.unread()
        self._read_bytes = self._stream.written_bytes - unread
        self._pace.look(self._read_bytes, unread, now)

    def settled(self, now: float) -> int | None:
        """Return up to which number splunkd has had events for long enough, if more than at the last call."""
        self.serve(now)
        return self._settling.read(self._read_bytes, now)

    def put_off(self, number: int, now: float) -> None:
        """Have a settling returned again that could not be recorded."""
        self._settling.put_off(number, now)

    def seen(self) -> int | None:
        """Return up to which number splunkd has read events since the last call, None when it has not."""
        return self._settling.unrecorded()

    def gone(self) -> str | None:
        """Return that splunkd has closed the pipe, if it has."""
        return READER_GONE if self._stream.reader_is_gone() else None

    def finish(self) -> None:
        """End the XML, if the pipe takes that at once."""
        self._stream.close()

    def pending(self) -> bool:
        """Return whether something in the pipe has not been read."""
        return bool(self._stream.unread())

    def not_taken(self) -> int | None:
        """Return the number of the last event that splunkd has read completely; None: all."""
        return self._stream.read_up_to()

    def keeps(self, now: float) -> bool:
        """Return whether splunkd keeps what it has read: it kept up within the time that it needs, as far as is known.

        One that ends as it is meant to empties its queues first, as far as these can be emptied.
        """
        return self._stream.knows_unread() and self._pace.kept_up(self._settle, now)


def reader_identity(process: int | None = None, boot_id: Callable[[], str] | None = None) -> str:
    """Return who reads the pipe: the parent process, distinguished from a later one with the same number.

    The same identity after a restart of this input means that the same splunkd still has what was written. Where the
    start time of a process cannot be read the number alone is used.
    """
    parent = os.getppid() if process is None else process
    boot = (boot_id or machine_run)() or "-"
    return f"{boot}/{parent}/{_start_time(parent)}"


def machine_run() -> str:
    """Return the text that distinguishes this run of the machine from others, "" where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _start_time(process: int) -> str:
    if sys.platform == "win32":
        from ..windows import start_time  # noqa: PLC0415 - imports what only Windows has

        return start_time(process)
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            # The command's name, in parentheses, may hold blanks; the start time is the 22nd field of all.
            return file.read().rpartition(b")")[2].split()[19].decode("ascii")
    except (OSError, IndexError):
        return "-"
