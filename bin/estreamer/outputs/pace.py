"""Whether splunkd has kept up with what it was given: what a planned restart may rest on."""

from __future__ import annotations

BEHIND_AFTER = 0.5
"""Seconds without reading, or of waiting for the pipe in one write, after which splunkd counts as behind. A pipe of
64 KiB fills in every larger write, and is read within milliseconds as long as splunkd's queues have space."""

UNSEEN_AFTER = 2.0
"""Seconds without a look, with something unread before, after which splunkd counts as behind: nobody knows. While a
connection is made nobody looks."""


class Pace:
    """When the reader of the pipe was last behind. Times are monotonic seconds.

    `behind_at` is when it was before the first look, as far as that cannot be ruled out; None when it can.
    """

    def __init__(self, now: float, behind_at: float | None) -> None:
        self._behind_at = behind_at
        self._read = 0
        self._unread = 0
        self._progress = now
        self._looked = now

    def look(self, read: int, unread: int, now: float) -> None:
        """Note how many bytes the reader has taken, and how many wait for it."""
        if self._unread and now - self._looked >= UNSEEN_AFTER:
            self._behind_at = now
        if not unread or read > self._read:
            self._progress = now
        elif now - self._progress >= BEHIND_AFTER:
            self._behind_at = now
        self._read, self._unread, self._looked = read, unread, now

    def waited(self, seconds: float, now: float) -> None:
        """Note that a write has waited for so many seconds in all for the pipe to take more."""
        if seconds >= BEHIND_AFTER:
            self._behind_at = now

    def kept_up(self, seconds: float, now: float) -> bool:
        """Return whether the reader was not behind in the last so many seconds."""
        return self._behind_at is None or now - self._behind_at >= seconds
