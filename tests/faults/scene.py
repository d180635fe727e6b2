"""The built add-on in the stand-in splunkd, under load, and what it has delivered, counted."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from standins.addon import install
from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from standins.splunkd.stream import number
from tests.faults.ledger import balance

BUNDLE = 50
RATE = 1200
"""Events a second."""
WRITE_SIZE = 256 * 1024
"""Bytes that the input takes at once, and writes at once."""

SETTLE = 2
SETTLING_LATE = 0.2 + 2.0 + 0.5
"""Seconds that settling may be recorded late: its step, two looks of a second each, and some for the machine."""


class Scene:
    """An input that runs in the stand-in splunkd, on a Management Center that gets new events all the time."""

    def __init__(self, archive: Archive, splunkd: Splunkd) -> None:
        self.archive = archive
        self.splunkd = splunkd

    def wait_for_an_event(self) -> None:
        """Wait until one more event is in the index."""
        self.splunkd.wait_for(self.splunkd.count() + 1, timeout=60)

    def finish(self) -> None:
        """Wait until every event has come, then stop splunkd in good order."""
        wanted = self.wanted()
        came = len(wanted) - 1
        while True:
            self.splunkd.wait_for(came + 1, timeout=60)
            came = self.splunkd.count()
            if not balance(wanted, self.arrived()).lost:
                break
        self.splunkd.stop()

    def wanted(self) -> list[int]:
        return [number(record.payload.decode()) for record in self.archive.since(0)]

    def arrived(self) -> list[int]:
        return list(self.splunkd.arrivals()[1])

    def sizes(self) -> dict[int, int]:
        """The size of each event's payload in bytes."""
        return {number(record.payload.decode()): len(record.payload) for record in self.archive.since(0)}

    def runs(self) -> list[list[int]]:
        """What each process of the input has delivered."""
        arrived, ends = self.arrived(), 0
        runs = []
        for run in self.splunkd.runs():
            runs.append(arrived[ends : ends + run.events])
            ends += run.events
        assert ends == len(arrived)
        return runs


@contextmanager
def scene(
    folder: Path, package: Path, style: str, *, restart_after: float | None = None, count: int = 3000
) -> Iterator[Scene]:
    """An input that has just been started, on so many events. What `restart_after` is to splunkd it is here."""
    archive = Archive.generated(count, EventGenerator(per_second=40))
    with (
        FmcServer(archive, behaviour=Behaviour(style=style, bundle_size=BUNDLE)) as server,
        Splunkd(folder, keep="numbers", restart_after=restart_after) as splunkd,
    ):
        install(splunkd, package, server, settle=str(SETTLE))
        splunkd.start()
        yield Scene(archive, splunkd)
        server.assert_clean()


def received_before(moments: list[float], deaths: list[tuple[float, float]]) -> int:
    """How many events were received so shortly before a death, and outlived it, that they may not have settled."""
    return sum(
        bisect.bisect(moments, after) - bisect.bisect(moments, before - SETTLE - SETTLING_LATE)
        for before, after in deaths
    )
