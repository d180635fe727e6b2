"""Which delivered events splunkd has had for long enough."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import ceil


class Settling:
    """Which delivered events splunkd has had for `settle` seconds. Times are monotonic seconds."""

    def __init__(self, settle: float) -> None:
        self._settle = settle
        # Each settling is recorded and forced to the disk: about once a second is often enough.
        self._step = min(1.0, max(0.2, settle / 10))
        self._unread: deque[tuple[int, int]] = deque()
        self._due: deque[tuple[float, int]] = deque()
        self._last_read: int | None = None

    def resume(self, read: Iterable[tuple[int, float]], now: float) -> None:
        """Take over from a process with the same reader, which saw events up to these numbers read at these moments."""
        self._due.extend((min(moment, now) + self._settle, sequence) for sequence, moment in read)

    def delivered(self, sequence: int, written_bytes: int) -> None:
        """Note that the events up to `sequence` lie within the first `written_bytes` of the pipe."""
        self._unread.append((written_bytes, sequence))

    def read(self, read_bytes: int, now: float) -> int | None:
        """Note that splunkd has read so many bytes; return up to which sequence number events have settled, if any."""
        last = None
        while self._unread and self._unread[0][0] <= read_bytes:
            last = self._unread.popleft()[1]
        if last is not None:
            self._last_read = last
            due = ceil((now + self._settle) / self._step) * self._step
            if self._due and self._due[-1][0] == due:
                self._due.pop()
            self._due.append((due, last))
        settled = None
        while self._due and self._due[0][0] <= now:
            settled = self._due.popleft()[1]
        return settled

    def put_off(self, sequence: int, now: float) -> None:
        """Have a settling returned again that could not be recorded."""
        self._due.appendleft((now + self._step, sequence))

    def unrecorded(self) -> int | None:
        """Return up to which sequence number splunkd has read events since the last call, None when it has not."""
        last, self._last_read = self._last_read, None
        return last
