"""A file of JSON lines as an output: an event a line, as it arrived, settled when the system has forced it to the disk.

Constraints
-----------
* Only complete lines count. A crash can leave half a line at the end: it is cut off when the file is opened again,
  since its event was not recorded and arrives again. Half a line that was there before the first event is
  not this input's: it is kept, and ended.
* What a process that was killed has written the system still has; what it had when the machine lost power it may not.
  So the receiver is the file in this run of the machine: after a restart of the machine, what was not forced to the
  disk is delivered again, and may stand in the file twice. Where the system does not distinguish its runs, no process
  relies on what the one before it had not forced to the disk.
* The name of the file is forced to the disk as well, or the file could be gone with all that is in it.
* One process writes to a file: it holds a lock on it, where the file system has locks. Else the half line of one would
  be cut off by another.
* A disk that takes no more blocks the output. It says so, and goes on when there is space again.
"""

from __future__ import annotations

import errno
import math
import os
import secrets
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from .. import causes
from ..errors import Problem
from ..events import repair
from ..files import AFTER_LINES, FILES, LOCK_HELD, NO_LOCKS, Files
from .output import NOTHING, Before, Interest, Output, ReceiverGone

FORCE_INTERVAL = 1.0
"""Seconds between two times at which written lines are forced to the disk."""

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


@dataclass(frozen=True)
class JsonLines:
    """A file at `path`, made with mode 0640 if it is missing.

    `boot` distinguishes runs of the machine, "" where the system does not. `process` distinguishes this process from
    others. `files` is the file system that it lies on.
    """

    path: str
    boot: str
    process: str = field(default_factory=lambda: secrets.token_hex(8))
    files: Files = FILES

    def receiver(self) -> str:
        """Return the text that distinguishes this file from another one."""
        return f"{self.boot or self.process}/file/{self.files.real_path(self.path)}"

    def open(self, before: Before, now: float) -> Output[Lines]:
        """Return the file as an output, without the part of a line that a crash left at its end.

        Raises Problem `output_not_writable` where the file cannot be used, `output_in_use` where another process
        writes to it.
        """
        try:
            return JsonLinesFile(self.files, self._opened(cut=before.number > 0), before, now)
        except OSError as error:
            text = causes.sentence(f"The file {self.path} cannot be written", error, "Nothing is asked for.")
            raise Problem("output_not_writable", text) from error

    def _opened(self, *, cut: bool) -> int:
        """Return the file, opened to append to it. Half a line at its end is cut off, or else ended."""
        file = self.files.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            self._claim(file)
            self.files.force_folder(os.path.dirname(self.files.real_path(self.path)))
            end = _end_of_lines(self.files, file)
            if cut:
                self.files.truncate(file, end)
            elif end < self.files.size(file):
                self.files.write_all(file, b"\n")
        except BaseException:
            self.files.close(file)
            raise
        return file

    def _claim(self, file: int) -> None:
        try:
            self.files.lock(file, AFTER_LINES)
        except OSError as error:
            if error.errno in LOCK_HELD:
                raise Problem(
                    "output_in_use",
                    f"Another process writes to the file {self.path}. Give each input a file of its own.",
                ) from error
            if error.errno not in NO_LOCKS:
                raise


class Lines:
    """Events as lines: the bytes, and the numbers of the events."""

    def __init__(self, texts: Sequence[bytes], numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self.data = b"\n".join([*texts, b""])
        self._lengths = [len(text) + 1 for text in texts]

    def complete(self, length: int) -> int:
        """Return how many lines lie completely within the first `length` bytes."""
        if length >= len(self.data):
            return len(self._lengths)
        return sum(end <= length for end in accumulate(self._lengths))


class JsonLinesFile:
    """A file as an output: see `output.Output`. Raises OSError where the file cannot be used."""

    receiver = "the disk"

    def __init__(self, files: Files, file: int, before: Before, now: float) -> None:
        self._files = files
        self._file = file
        self._inspector = repair.Inspector()
        self._problems: Counter[str] = Counter()
        self._marked = 0
        self._current: Lines | None = None
        self._left = memoryview(b"")
        self._blocked: str | None = None
        self._gone: str | None = None
        self._force_at = now + FORCE_INTERVAL
        # What the process before had written and not forced is forced, and settles, with what follows.
        self._recorded = before.number
        self._forced = before.settled
        self._settled: deque[int] = deque()
        self.written_bytes = 0

    def use_host(self, host: str) -> None:
        """Note another connection: its server may write in another way. The host does not stand in the file."""
        self._inspector.begin()

    def encode(self, times: Sequence[bytes], texts: Sequence[bytes], numbers: Sequence[int]) -> Lines:
        """Return events as lines; what is not JSON, or has a line end in it, is repaired and marked."""
        unsound = set(self._inspector.unsound(texts))
        unsound.update(place for place, text in enumerate(texts) if b"\n" in text)
        if unsound:
            texts = list(texts)
            for place in unsound:
                texts[place], problems = repair.mend(texts[place])
                # Line ends that are left stand between tokens.
                texts[place] = texts[place].replace(b"\n", b" ")
                self._marked += bool(problems)
                self._problems.update(problems)
        return Lines(texts, numbers)

    def take_problems(self) -> tuple[int, Counter[str]]:
        """Return how many payloads were marked since the last time, and how many of them had which problem."""
        marked, problems = self._marked, self._problems
        self._marked, self._problems = 0, Counter()
        return marked, problems

    def offer(self, encoded: Lines) -> bool:
        """Write what the disk takes; return whether it has all of it. Raises ReceiverGone."""
        if encoded is not self._current:
            self._current, self._left = encoded, memoryview(encoded.data)
        while self._left:
            taken = self._write(self._left)
            if not taken:
                return False
            self._left = self._left[taken:]
            self.written_bytes += taken
            self._blocked = None
        return True

    def taken(self) -> int:
        """Return how many of the lines that were offered last the file has completely."""
        return 0 if self._current is None else self._current.complete(len(self._current.data) - len(self._left))

    def _write(self, data: memoryview) -> int:
        try:
            return self._files.write(self._file, data)
        except OSError as error:
            if error.errno not in _FULL:
                raise ReceiverGone(causes.sentence("The file cannot be written", error).rstrip(".")) from error
            self._blocked = causes.sentence("The file cannot be written", error)
            return 0

    def recorded(self, number: int) -> None:
        """Note that the events up to that number lie within what was written so far."""
        self._recorded = number

    def blocked(self) -> str | None:
        """Return the failure of the last write, until one succeeds."""
        return self._blocked

    def waited(self, seconds: float, now: float) -> None:
        """Nothing follows from how long an offer waits."""

    def interest(self) -> Interest:
        """Return nothing: a full disk does not say when it takes more."""
        return NOTHING

    def next_due(self) -> float:
        """Return when lines are forced to the disk next; infinity without lines that wait for it."""
        return self._force_at if self.pending() and not self._gone else math.inf

    def serve(self, now: float) -> None:
        """Force lines to the disk when that is due."""
        if now >= self._force_at:
            self._force_at = now + FORCE_INTERVAL
            self._force()

    def _force(self) -> None:
        if self._forced >= self._recorded or self._gone:
            return
        number = self._recorded
        try:
            self._files.force(self._file)
        except OSError as error:
            # After a failed fsync the system may have dropped what it had: nobody can say what is in the file.
            self._gone = causes.sentence("The file cannot be forced to the disk", error).rstrip(".")
            return
        self._forced = number
        self._settled.append(number)

    def settled(self, now: float) -> int | None:
        """Return up to which number lines were forced to the disk, if more than at the last call."""
        self.serve(now)
        last = self._settled[-1] if self._settled else None
        self._settled.clear()
        return last

    def put_off(self, number: int, now: float) -> None:
        """Have `settled` return this number again."""
        self._settled.append(number)

    def seen(self) -> int | None:
        """Return None: what was not forced to the disk does not settle by time."""
        return None

    def gone(self) -> str | None:
        """Return what the system said when lines could not be forced to the disk."""
        return self._gone

    def finish(self) -> None:
        """Force everything to the disk, and let the file go: the next process may have it."""
        self._force()
        self._files.close(self._file)

    def pending(self) -> bool:
        """Return whether lines were written that are not forced to the disk."""
        return self._forced < self._recorded

    def not_taken(self) -> int | None:
        """Return the number of the last line that is on the disk for sure, once the system failed; else None: all."""
        return self._forced if self._gone else None

    def keeps(self, now: float) -> bool:
        """Return whether all lines are on the disk."""
        return not self.pending()


def _end_of_lines(files: Files, file: int) -> int:
    """Return where the last complete line of a file ends, in bytes from its begin."""
    position = files.size(file)
    while position:
        begin = max(0, position - 65536)
        found = files.read_at(file, begin, position - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        position = begin
    return 0
