"""The process is killed, or the power goes, between any two things that the file of names asks of the disk, and inside.

A story of starts and changes is lived once on a disk that remembers what it was asked to do. Then everything that may
be left of it is laid out, loaded, and gone on with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from estreamer.bookmark import names_file
from estreamer.bookmark.names_file import NamesFile
from estreamer.protocol.classic.metadata import NameCache
from estreamer.protocol.classic.names import Entry

from tests.bookmark.disks import Unforced
from tests.faults.disk import Disk, Remains, Step, kept_after, remains_after

KEYS = 6
Known = dict[bytes, bytes]


class Story:
    """What was asked of the disk, and for each number of steps the names that were saved and being saved by then."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.disk = Disk(folder)
        self.moments: list[tuple[int, Known, Known]] = []
        """The number of steps so far, the names saved before the next ones, and those that these save."""
        self.values: set[tuple[bytes, bytes]] = set()
        self._live(folder, Random(seed))

    def _live(self, folder: Path, random: Random) -> None:
        saved: Known = {}
        for start in range(3):
            cache, file = NameCache(), NamesFile(str(folder), "fmc", self.disk)
            # The disk would note a file that is opened in vain as one that is made.
            assert not start or file.load(cache) is None
            assert dict(cache.entries()) == saved
            for batch in range(6):
                for _ in range(random.randint(1, 3)):
                    cache.learn(Entry(120, (random.randrange(KEYS),), (f"{start}.{batch}.{random.random():.3f}",)))
                wanted = dict(cache.entries())
                self.values |= set(wanted.items())
                self.moments.append((len(self.disk.steps), saved, wanted))
                assert file.save(cache) is None
                saved = wanted
            file.close()
        self.moments.append((len(self.disk.steps), saved, saved))

    def at(self, steps: int) -> tuple[Known, Known]:
        """The names that were saved, and being saved, after so many steps."""
        _, saved, wanted = next(moment for moment in reversed(self.moments) if moment[0] <= steps)
        return saved, wanted


@pytest.fixture(scope="module", params=[1, 2])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Story]]:
    folder = tmp_path_factory.mktemp("bookmark")
    with pytest.MonkeyPatch.context() as patch:
        # So small that the file is written again in the story.
        patch.setattr(names_file, "GROWTH", 100)
        yield folder, Story(folder, request.param)


@contextmanager
def laid_out(remains: Remains, folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        remains.lay_out(folder, Path(made))
        yield Path(made)


def gone_on(folder: Path) -> Known:
    """What a start finds. What it saves, the start after that finds as well."""
    cache, file = NameCache(), NamesFile(str(folder), "fmc", Unforced())
    problem = file.load(cache)
    assert problem is None, problem
    found = dict(cache.entries())
    cache.learn(Entry(120, (99,), ("after",)))
    assert file.save(cache) is None
    file.close()
    again, file = NameCache(), NamesFile(str(folder), "fmc", Unforced())
    assert file.load(again) is None
    file.close()
    assert dict(again.entries()) == {**found, **dict(cache.entries())}
    assert again.of(120, 99) == ("after",)
    return found


def torn(steps: list[Step]) -> Iterator[int | None]:
    yield None
    if steps and steps[-1].what == "write":
        yield from range(len(steps[-1].data))


def test_a_killed_process_loses_no_name_that_it_has_saved(story: tuple[Path, Story]):
    folder, its = story
    renames = sum(step.what == "rename" for step in its.disk.steps)
    assert renames > 1
    for count in range(len(its.disk.steps) + 1):
        steps = its.disk.steps[:count]
        # The last step belongs to the save that it is part of, also where it is its first.
        saved, wanted = its.at(count - 1 if count else 0)
        for at in torn(steps):
            with laid_out(kept_after(steps, at), folder) as left:
                found = gone_on(left)
            assert set(saved) <= set(found), (count, at)
            for key, name in found.items():
                assert name in (saved.get(key), wanted.get(key)), (count, at)


def test_a_loss_of_power_leaves_names_that_were_saved_once(story: tuple[Path, Story]):
    folder, its = story
    for count in range(len(its.disk.steps) + 1):
        for remains in remains_after(its.disk.steps[:count]):
            with laid_out(remains, folder) as left:
                assert set(gone_on(left).items()) <= its.values, remains.how
