"""Events as well-formed XML on splunkd's pipe, and what the system knows of the reader at its other end.

splunkd reads `<stream><event>…</event>…</stream>` and never acknowledges. When its queues are full it stops reading,
so the pipe is written without blocking and the caller waits where a request to stop still reaches it. XML 1.0 knows no
way to write most control characters, and one of them ends the stream: a payload that holds any is repaired before, and
so is one that is not JSON, as far as that is found.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

from .. import causes, printable
from ..clock import CLOCK, Clock
from ..events import repair
from .output import ReceiverGone

_STARTS_KEPT = 1024
"""Beginnings of events that are kept, one for each time: far more seconds than a batch has."""

_LOOK_EVERY = 256 * 1024
"""Bytes after which chunks that were read are forgotten: to ask the system costs more than a small chunk."""

READER_GONE = "splunkd has closed the pipe"

_OPENING = b"<stream>\n"
_CLOSING = b"</stream>\n"
_MIDDLE = b"</time><data>"
_TAIL = b"</data></event>\n"


class XmlStream:
    """The stream of one input. `descriptor` is the write end of splunkd's pipe.

    `index` is left out when empty, so that splunkd takes its default. All events carry the same source, sourcetype and
    index; `host` belongs to the account that is connected.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        source: str,
        sourcetype: str,
        host: str,
        index: str | None,
        pipe: Pipe | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        self._descriptor = descriptor
        self._pipe = pipe or pipe_of(descriptor)
        self._source = source
        self._sourcetype = sourcetype
        self._index = index
        self._opened = False
        self._inspector = repair.Inspector(clock)
        self.mended = 0
        """Payloads that were marked since the last `take_problems`."""
        self._problems: Counter[str] = Counter()
        self.written_bytes = 0
        """Bytes that the pipe has taken, of all that was written."""
        self._recent: deque[tuple[int, Chunk]] = deque()
        """Where in the stream chunks begin that the reader may not have taken completely."""
        self._look_at = 0
        """The number of written bytes from which on it is looked which of them it has taken."""
        self._current: Chunk | None = None
        self._left = memoryview(b"")
        """What the pipe has not taken yet of the present chunk."""
        self.use_host(host)

    def use_host(self, host: str) -> None:
        """Set the host of the events that follow, which are those of another connection."""
        self._inspector.begin()
        index = f"<index>{_text(self._index)}</index>" if self._index else ""
        self._starts: dict[bytes, bytes] = {}
        self._head = (
            f"<event><source>{_text(self._source)}</source><sourcetype>{_text(self._sourcetype)}</sourcetype>"
            f"<host>{_text(host)}</host>{index}<time>"
        ).encode()

    def encode(self, times: Sequence[bytes], payloads: Sequence[bytes], numbers: Sequence[int]) -> Chunk:
        """Return the XML of events, given their times (epoch seconds as text), payloads and rising numbers.

        The hot path. What is wrong with a payload is looked for in all of them at once, and one by one only if there is
        a suspicion. Events share their times, so what stands before a payload is made once for each time. Replacing
        what is not there copies nothing.
        """
        unsound = self._inspector.unsound(payloads)
        if unsound:
            payloads = list(payloads)
            for place in unsound:
                payloads[place] = self._mended(payloads[place])
        start = self._starts.get
        starts = [start(time) or self._start(time) for time in times]
        texts = [payload.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;") for payload in payloads]
        return Chunk(starts, texts, numbers)

    def take_problems(self) -> tuple[int, Counter[str]]:
        """Return how many payloads were marked since the last time, and how many of them had which problem."""
        mended, problems = self.mended, self._problems
        self.mended, self._problems = 0, Counter()
        return mended, problems

    def push(self, chunk: Chunk) -> bool:
        """Write what the pipe takes now of a chunk, or of its rest; return whether it has all of it.

        Another chunk may follow when all of it was taken, or nothing more is to be written. Raises ReceiverGone. The
        hot path: how many events that are is not counted, since a large chunk takes several pushes.
        """
        if not chunk.data:
            return True
        if chunk is not self._current:
            self._begin(chunk)
        while self._left:
            taken = self._write_some(self._left)
            if not taken:
                return False
            self._left = self._left[taken:]
            self._opened = True
        return True

    def taken(self) -> int:
        """Return how many events of the chunk that was pushed last the pipe has completely."""
        return 0 if self._current is None else self._current.complete_events(len(self._current.data) - len(self._left))

    def _is_between_events(self) -> bool:
        return self._current is None or self._current.ends_at(len(self._current.data) - len(self._left))

    def _begin(self, chunk: Chunk) -> None:
        data = chunk.data if self._opened else _OPENING + chunk.data
        self._current, self._left = chunk, memoryview(data)
        self._remember(chunk, self.written_bytes + len(data) - len(chunk.data))

    def read_up_to(self) -> int | None:
        """Return the number of the last event that the reader has taken completely; None: all that were written."""
        read = self.written_bytes - self.unread()
        for start, chunk in self._recent:
            complete = chunk.complete_events(max(0, read - start))
            if complete < len(chunk.numbers):
                return chunk.numbers[complete - 1] if complete else chunk.numbers[0] - 1
        return None

    def _remember(self, chunk: Chunk, start: int) -> None:
        if start >= self._look_at:
            self._look_at = start + _LOOK_EVERY
            read = self.written_bytes - self.unread()
            while self._recent and self._recent[0][0] + len(self._recent[0][1].data) <= read:
                self._recent.popleft()
        self._recent.append((start, chunk))

    def close(self) -> None:
        """End the stream, if that can be done without waiting and without cutting an event."""
        if self._opened and self._is_between_events():
            try:
                self._write_some(memoryview(_CLOSING))
            except ReceiverGone:
                return

    @property
    def descriptor(self) -> int:
        """The descriptor to wait for, until it takes bytes."""
        return self._descriptor

    def unread(self) -> int:
        """Return how many of the written bytes the reader has not taken yet; 0 where the system does not know."""
        return self._pipe.unread()

    def knows_unread(self) -> bool:
        """Return whether the system knows what the reader has not taken yet."""
        return self._pipe.knows_unread()

    def reader_is_gone(self) -> bool:
        """Return whether the pipe's other end is closed, as far as that shows without writing."""
        return self._pipe.broken()

    def _start(self, time: bytes) -> bytes:
        """Return what stands before the payload of an event of this time, and remember it."""
        if len(self._starts) >= _STARTS_KEPT:
            self._starts.clear()
        start = self._starts[time] = self._head + time + _MIDDLE
        return start

    def _mended(self, payload: bytes) -> bytes:
        mended, problems = repair.mend(payload)
        self.mended += bool(problems)
        self._problems.update(problems)
        return mended

    def _write_some(self, data: memoryview) -> int:
        try:
            taken = self._pipe.write(data)
        except BlockingIOError:
            return 0
        except ConnectionError as error:
            raise ReceiverGone(READER_GONE) from error
        except OSError as error:
            raise ReceiverGone(causes.sentence("The pipe to splunkd cannot be written", error).rstrip(".")) from error
        self.written_bytes += taken
        return taken


class Chunk:
    """The XML of some events, their numbers, and where each of them ends."""

    def __init__(self, starts: Sequence[bytes], texts: Sequence[bytes], numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self._starts = starts
        self._texts = texts
        # Slices are filled without a step of the interpreter for each piece.
        pieces = [_TAIL] * (3 * len(texts))
        pieces[0::3] = starts
        pieces[1::3] = texts
        self.data = b"".join(pieces)

    def complete_events(self, length: int) -> int:
        """Return how many events lie completely within the first `length` bytes."""
        if length >= len(self.data):
            return len(self._texts)
        # The newline behind the last tag is not part of the event.
        return bisect_right(self._ends(), length + 1)

    def ends_at(self, length: int) -> bool:
        """Return whether the first `length` bytes end between two events."""
        if length in (0, len(self.data)):
            return True
        ends = self._ends()
        return ends[bisect_left(ends, length)] - 1 <= length

    def _ends(self) -> list[int]:
        lengths = (len(start) + len(text) + len(_TAIL) for start, text in zip(self._starts, self._texts))
        return list(accumulate(lengths))


def _text(value: str) -> str:
    """Return a setting as XML text."""
    return printable.as_xml(value)


class Pipe(Protocol):
    """What the system can do with the write end of a pipe, and say of it."""

    def write(self, data: memoryview) -> int:
        """Write without waiting; return how many bytes were taken. Raises OSError, BlockingIOError for a full one."""

    def unread(self) -> int:
        """Return how many bytes have not been read; 0 where that is not known."""

    def knows_unread(self) -> bool:
        """Return whether that is known."""

    def broken(self) -> bool:
        """Return whether nobody reads any more, as far as that shows without writing."""


def pipe_of(descriptor: int) -> Pipe:
    """Return the pipe of a descriptor, as this system has it."""
    if sys.platform == "win32":
        from ..windows import WindowsPipe  # noqa: PLC0415 - imports what only Windows has

        return WindowsPipe(descriptor)
    return _PosixPipe(descriptor)


if sys.platform != "win32":
    import array
    import fcntl
    import select
    import termios

    class _PosixPipe:
        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            os.set_blocking(descriptor, False)

        def write(self, data: memoryview) -> int:
            return os.write(self._descriptor, data)

        def unread(self) -> int:
            # Standard output may be a file, when a person tries the input by hand.
            return self._asked() or 0

        def knows_unread(self) -> bool:
            return self._asked() is not None

        def _asked(self) -> int | None:
            count = array.array("i", [0])
            try:
                fcntl.ioctl(self._descriptor, termios.FIONREAD, count)
            except OSError:
                return None
            return count[0]

        def broken(self) -> bool:
            poll = select.poll()
            poll.register(self._descriptor, 0)
            return any(flags & (select.POLLERR | select.POLLHUP) for _, flags in poll.poll(0))
