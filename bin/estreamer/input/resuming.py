"""From when on an account is asked for events: where the bookmark resumes, or where the input is set to start."""

from __future__ import annotations

from typing import NamedTuple

from ..bookmark.bookmark import Bookmark
from ..bookmark.duplicates import DuplicateFilter
from ..clock import Clock
from ..outputs.output import Destination
from ..protocol import wire
from ..settings import InputSettings


class Start(NamedTuple):
    """Where a conversation starts.

    `timestamp` is asked for (Unix seconds, `wire.OLDEST` or `wire.NOW`). `duplicates` knows what was delivered of what
    follows it, None where nothing was. `ahead` is the archival and the own time of the last event (Unix seconds) where
    the first is ahead of the second.
    """

    timestamp: int
    duplicates: DuplicateFilter | None = None
    ahead: tuple[int, int] | None = None


class Resuming:
    """Decides where each conversation starts, and begins the bookmark if it is missing."""

    def __init__(
        self, settings: InputSettings, bookmark: Bookmark, destination: Destination, stanza: str, clock: Clock
    ) -> None:
        self._settings = settings
        self._bookmark = bookmark
        self._destination = destination
        self._stanza = stanza
        self._clock = clock

    def start(self, account: str) -> Start:
        """Return where the conversation with an account starts. Raises Problem when the disk refuses the bookmark."""
        resume = self._bookmark.resume(account)
        if resume is not None:
            start = Start(resume.timestamp, resume.duplicates, resume.ahead)
        else:
            start = Start(self._settings.start_from)
        begin = start.timestamp
        if resume is None and begin == wire.NOW:
            # From here on it is a time: what happens before the next connection must not be lost.
            begin = max(0, int(self._clock.wall()) - self._settings.settle)
        self._bookmark.begin(account, begin, self._destination.receiver(), self._stanza)
        return start
