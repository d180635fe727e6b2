"""Events that go on happening while something else does."""

from __future__ import annotations

import threading

from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator


class Tap:
    """Appends events to an archive at a steady rate (events a second), in a thread, until it is closed."""

    def __init__(self, archive: Archive, rate: int) -> None:
        self._archive = archive
        self._rate = rate
        self._generator = EventGenerator(seed=5, start=archive.newest() + 1, per_second=rate)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        made = 0
        while not self._closed.wait(0.05):
            self._archive.extend(self._generator.events(made, self._rate // 20))
            made += self._rate // 20

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
