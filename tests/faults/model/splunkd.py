"""splunkd as an input sees it: it reads the pipe at some pace or not at all, and forgets what is only in its memory."""

from __future__ import annotations

import fcntl
import math
import os
import random
import re
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from xml.sax.saxutils import unescape

_SET_PIPE_SIZE = 1031
"""F_SETPIPE_SZ, which Python has a name for since 3.10 only."""

_EVENT = re.compile(rb"<event>.*<data>(.*)</data>", re.DOTALL)
_END = b"</event>\n"
_OPENING = b"<stream>\n"
_CLOSING = b"</stream>\n"


SLACK = 4.0
"""Seconds: one or so between two records of what has settled, and as much between two looks at the clock."""


class Life:
    """One process of the input. `could_settle` is when it last could record what has settled."""

    def __init__(self, now: float) -> None:
        self.could_settle = now
        self.stopped = False
        """Whether it was asked to stop, and did."""
        self.slow = False
        """Whether splunkd did not read as fast as it could."""
        self.forgotten = False
        """Whether a damaged bookmark no longer knows the end of what was written."""
        self._written = 0
        self._writes: list[int] = []
        """How many events had been written after each write that the pipe has taken completely."""
        self._read = 0
        self._part: list[Indexed] = []
        """What was read, last of all, of writes of which the rest was not, or could not be recorded."""

    def wrote(self, count: int) -> None:
        """Note that the pipe has taken all of a write, of so many events."""
        self._written += count
        self._writes.append(self._written)

    def read(self, indexed: Indexed) -> None:
        """Note that splunkd has read the next event."""
        self._read += 1
        self._part.append(indexed)

    def note_whole(self, now: float) -> None:
        """Note which writes have been read to their end by now, while the disk takes what is recorded of them."""
        writes = bisect_right(self._writes, self._read)
        rest = self._read - self._writes[writes - 1] if writes else self._read
        for indexed in self._part[: len(self._part) - rest]:
            indexed.whole_at = now
        del self._part[: len(self._part) - rest]

    def killed(self) -> None:
        """Note that no bookmark has the write that was on its way: that is allowed for with the kill."""
        cut_off = max(0, self._read - self._written)
        for indexed in self._part[len(self._part) - cut_off :]:
            indexed.whole_at = indexed.read_at
        del self._part[len(self._part) - cut_off :]


@dataclass
class Indexed:
    """An event that splunkd has: its payload, when it was read, from which life of the input."""

    payload: bytes
    read_at: float
    life: Life
    number: int
    """How many events had been read when this one was."""
    forgotten: bool = False
    """Whether a damaged bookmark no longer knows that it had settled."""
    whole_at: float = math.inf
    """When splunkd had read all of its write, and the bookmark could have it: from then on it settles."""


class Pipe:
    """splunkd's end of an input's stdout."""

    def __init__(self, size: int, life: Life) -> None:
        self.reader, self.writer = os.pipe()
        with suppress(OSError):
            fcntl.fcntl(self.writer, _SET_PIPE_SIZE, size)
        os.set_blocking(self.reader, False)
        self.life = life
        self._rest = b""
        self._opened = False
        self.hung_up = False
        self.at_end = False

    def hang_up(self) -> None:
        """Close this end."""
        if not self.hung_up:
            os.close(self.reader)
        self.hung_up = True

    def end_of_process(self) -> None:
        """Close the other end."""
        if self.writer >= 0:
            os.close(self.writer)
        self.writer = -1

    def read(self, size: int) -> list[bytes]:
        """Read at most so many bytes; return the payloads of the events that are whole."""
        if self.hung_up or self.at_end:
            return []
        try:
            data = os.read(self.reader, size)
        except BlockingIOError:
            return []
        self.at_end = not data
        return self._parse(data)

    def _parse(self, data: bytes) -> list[bytes]:
        self._rest += data
        if not self._opened and len(self._rest) >= len(_OPENING):
            assert self._rest.startswith(_OPENING), self._rest[:100]
            self._rest = self._rest[len(_OPENING) :]
            self._opened = True
        if not self._opened:
            return []
        *whole, self._rest = self._rest.split(_END)
        payloads = []
        for text in whole:
            match = _EVENT.fullmatch(text)
            assert match is not None, text
            payloads.append(unescape(match[1].decode()).encode())
        return payloads

    @property
    def unread(self) -> bool:
        """Whether there is something that splunkd will read sooner or later."""
        return not self.hung_up and not self.at_end


class Splunkd:
    """splunkd and what it has. `index` outlives it."""

    def __init__(self, settle: float, rng: random.Random) -> None:
        self.random = rng
        self.settle = settle
        self.number = 1
        self.index: list[Indexed] = []
        self.total = 0
        self.safe = 0
        """So many of the events in the index are no longer in the memory of a process only."""
        self.pipes: list[Pipe] = []
        self.pace: int | None = None
        """Bytes that are read at a time, None for all."""
        self.allowed = 0
        """How many events may be there twice."""

    @property
    def identity(self) -> str:
        """What the input takes splunkd for."""
        return f"splunkd-{self.number}"

    def read(self, now: float) -> None:
        """Read from all pipes, as fast as it does at the moment."""
        if self.pace == 0:
            return
        for pipe in self.pipes:
            for payload in pipe.read(1 << 20 if self.pace is None else self.pace):
                self.total += 1
                self.index.append(Indexed(payload, now, pipe.life, self.total))
                pipe.life.read(self.index[-1])
                # What was left unread at a stop comes again, since nobody could know that it would be read.
                self.allowed += pipe.life.stopped or pipe.life.forgotten
        for pipe in [pipe for pipe in self.pipes if pipe.at_end]:
            pipe.hang_up()
            self.pipes.remove(pipe)

    def hang_up(self, now: float) -> None:
        """Close the pipes and forget nothing: what had not settled is there twice then."""
        self._allow_unsettled(now, self.index[self.safe :])
        for pipe in self.pipes:
            pipe.hang_up()
        self.pipes.clear()

    def die(self, now: float) -> None:
        """End, with what it had in memory; another one takes its place."""
        memory = self.index[self.safe :]
        young = [indexed for indexed in memory if now - indexed.read_at < self.settle]
        how = self.random.random()
        first_lost = self.random.randint(0, len(young))
        lost = {
            id(indexed)
            for place, indexed in enumerate(young)
            if how < 0.3 or (place >= first_lost if how < 0.6 else self.random.random() < 0.5)
        }
        kept = [indexed for indexed in memory if id(indexed) not in lost]
        self._allow_unsettled(now, kept)
        self.index[self.safe :] = kept
        self.safe = len(self.index)
        for pipe in self.pipes:
            pipe.hang_up()
        self.pipes.clear()
        self.number += 1

    def restart(self, now: float) -> None:
        """End as it is meant to: all that was read and can be read is kept; another one takes its place."""
        self.pace = None
        self.read(now)
        self._allow_unsettled(now, self.index[self.safe :])
        self.safe = len(self.index)
        for pipe in self.pipes:
            pipe.hang_up()
        self.pipes.clear()
        self.number += 1

    def bookmark_lost(self, number: int, moment: float) -> None:
        """Allow what a bookmark no longer knows that lost its end: events read after the first `number` of them.

        Nor does it know that what was read up to `moment` has settled.
        """
        self.allowed += sum(indexed.number > number for indexed in self.index)
        for pipe in self.pipes:
            pipe.life.forgotten = True
        for indexed in self.index:
            indexed.forgotten = indexed.forgotten or indexed.whole_at > moment - self.settle - SLACK

    def _allow_unsettled(self, now: float, kept: list[Indexed]) -> None:
        """Count what nobody could know to be safe: what was read whole in the last seconds of a life of the input.

        A write settles as a whole, however long it takes to read it: `docs/delivery.md` promises no more.
        """
        limit = self.settle + SLACK
        self.allowed += sum(
            indexed.forgotten or min(now, indexed.life.could_settle) - indexed.whole_at < limit for indexed in kept
        )
