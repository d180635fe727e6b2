"""Inputs that outlive a splunkd that was killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from .ledger import Ledger, Watched

ORPHAN_LIMIT = 5.0
"""Seconds after the death of splunkd by which an input has to have noticed it."""


class Orphans:
    """The processes that a killed splunkd left behind. One that stays is a violation."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._orphans: list[tuple[Watched, float]] = []

    def add(self, left_behind: Sequence[Watched], moment: float) -> None:
        """Take those that splunkd left behind when it died, at a moment of CLOCK_MONOTONIC."""
        self._orphans += [(orphan, moment) for orphan in left_behind]

    def wait(self, timeout: float) -> None:
        """Wait until every one has left. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while self._orphans:
            orphan, _ = self._orphans[0]
            if not orphan.exited_within(deadline - time.monotonic()):
                raise TimeoutError(f"{orphan.stanza} (pid {orphan.pid}) still runs {timeout} s after splunkd died")
            os.close(orphan.pidfd)
            self._orphans.pop(0)

    def end(self) -> None:
        """See to it that none is left."""
        for orphan, since in self._orphans:
            if not orphan.exited_within(since + ORPHAN_LIMIT - time.monotonic()):
                orphan.send(signal.SIGKILL)
                orphan.exited_within(5)
                text = f"still ran {ORPHAN_LIMIT:.0f} s after splunkd had died"
                self._ledger.violate(orphan.stanza, orphan.pid, text)
            os.close(orphan.pidfd)
        self._orphans.clear()
