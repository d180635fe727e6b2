"""Random lives of a bookmark against a model that only knows what must have been delivered.

The model plays server and splunkd: a list of events in archival order with disorder up to `settle`, sessions that begin
where the bookmark says and may break anywhere, kills between the pipe and the bookmark, and deaths of splunkd that lose
what had not settled.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter

from estreamer.bookmark.bookmark import Bookmark
from hypothesis import given, settings
from hypothesis import strategies as st

STANZA = "estreamer_fqe://model"


class World:
    """Server, splunkd and input, driven by a seeded generator."""

    def __init__(self, seed: int, folder: str) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.settle = self.random.choice([0, 1, 5])
        self.reader = 1
        self.archive: list[tuple[int, bytes]] = []
        self.clock = 10_000
        self.sent = 0
        self.index: list[tuple[int, bytes]] = []
        self.settled_count = 0
        self.excess = 0
        self.bookmark = self.open()

    def open(self) -> Bookmark:
        return Bookmark.open(self.folder, STANZA, reader=f"splunkd-{self.reader}", settle=self.settle)

    def happen(self, count: int) -> None:
        """Let the sensors report: several events a second, some equal, some late by up to `settle`."""
        for _ in range(count):
            self.clock += self.random.choice([0, 0, 0, 1, 2])
            late = self.random.randint(0, self.settle) if self.random.random() < 0.2 else 0
            self.archive.append((self.clock - late, b"%d" % self.random.randint(0, 5)))

    def session(self) -> None:
        """Connect, and deliver some of what the server sends."""
        resume = self.bookmark.resume("fmc")
        start = 0 if resume is None else resume.timestamp
        known = None if resume is None else resume.duplicates
        self.bookmark.begin("fmc", start, f"splunkd-{self.reader}", STANZA)
        replay = [event for event in self.archive if event[0] >= start]
        replay = replay[: self.random.randint(0, len(replay))]
        while replay:
            size = self.random.randint(1, 4)
            batch, replay = replay[:size], replay[size:]
            fresh = [e for e in batch if known is None or not known.is_duplicate(e[0], e[1], None)]
            if not self.deliver(fresh):
                return

    def deliver(self, batch: list[tuple[int, bytes]]) -> bool:
        """Give a batch to splunkd and to the bookmark; return False when the input was killed in between."""
        self.index += batch
        if batch and self.random.random() < 0.03:
            self.excess += len(batch)
            self.restart()
            return False
        if batch:
            self.bookmark.delivered(self.bookmark.entry([a for a, _ in batch], [p for _, p in batch], None))
        if self.random.random() < 0.2:
            self.bookmark.settled(self.bookmark.sequence)
            self.settled_count = len(self.index)
        return True

    def restart(self) -> None:
        self.bookmark.close()
        self.bookmark = self.open()

    def splunkd_dies(self) -> None:
        """Lose some of what had not settled; what was not lost comes twice."""
        unsettled = len(self.index) - self.settled_count
        lost = self.random.randint(0, unsettled)
        self.index = self.index[: len(self.index) - lost]
        self.excess += unsettled - lost
        self.reader += 1
        self.restart()
        self.settled_count = len(self.index)

    def finish(self) -> Counter[tuple[int, bytes]]:
        """Connect a last time to the end of the archive and return what splunkd has."""
        self.random.random = lambda: 1.0  # type: ignore[method-assign]
        self.random.randint = lambda a, b: b  # type: ignore[method-assign]
        self.session()
        self.bookmark.close()
        return Counter(self.index)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(["happen", "session", "restart", "splunkd_dies"]), max_size=25))
def test_nothing_is_lost_and_only_kills_and_deaths_double(seed: int, steps: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        world = World(seed, folder)
        for step in ["happen", *steps, "happen"]:
            if step == "happen":
                world.happen(world.random.randint(1, 20))
            else:
                getattr(world, step)()
        delivered = world.finish()
        happened = Counter(world.archive)
        assert not happened - delivered, f"seed {seed}: lost {happened - delivered}"
        assert sum((delivered - happened).values()) <= world.excess, f"seed {seed}: doubled too much"
