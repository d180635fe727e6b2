"""Where the time comes from: handed to whoever asks for it, so that a simulated world can pass its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable


@dataclass(frozen=True)
class Clock:
    """`wall` gives Unix seconds, `monotonic` seconds that no setting of a clock changes; `sleep` waits so many seconds.

    `boot` distinguishes the present run of the machine, in which `monotonic` began at 0, from others: "" where that is
    unknown.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    boot: str = ""
    sleep: Callable[[float], object] = time.sleep

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.fromtimestamp(self.wall(), timezone.utc)


CLOCK = Clock()
"""The clocks of this machine."""
