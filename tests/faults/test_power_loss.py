"""The power goes, or the process is killed, between any two things that the bookmark asks of the disk, and inside one.

A story of deliveries is lived once on a disk that remembers what it was asked to do. Then everything that may be left
of it is laid out and opened, at every moment, and a Management Center sends again what the bookmark asks for.

The model: splunkd has what it has had for `settle` seconds, whatever happens. Of the rest it may have everything or
nothing when it starts anew. So after a loss of power nothing that had not settled may be missing from what comes again,
and nothing that had settled may be among it. After a kill the same splunkd reads on: nothing is lost, and
nothing comes twice but the batch that was under way.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from estreamer.bookmark import limits
from estreamer.bookmark.bookmark import Bookmark

from tests.faults.disk import Disk, Remains, Step, kept_after, remains_after
from tests.faults.ledger import Balance, balance

STANZA = "estreamer_fqe://main"
SETTLE = 5
BEGIN = 995
"""Where the first start begins, in archival seconds: events begin later."""
OFFSET = 3
"""Seconds that the clock of the other Management Center is ahead."""


class Sent(NamedTuple):
    """An event. Several are equal but for their number, and several of one second are equal in all that is sent."""

    number: int
    archival: int
    payload: bytes


EVENTS = [Sent(number, 1000 + number // 3, b"event %d" % (number % 2)) for number in range(400)]


def archive(account: str) -> list[Sent]:
    """What a Management Center has, in the order of its archival timestamps."""
    return EVENTS if account == "fmc" else [event._replace(archival=event.archival + OFFSET) for event in EVENTS]


def sent_again(bookmark: Bookmark, until: int) -> Iterator[Sent]:
    """What is new of that which the Management Center sends after a reconnection, up to that event."""
    state = bookmark.state
    assert state is not None
    resume = bookmark.resume(state.account)
    assert resume is not None
    for event in archive(state.account)[:until]:
        if event.archival < resume.timestamp:
            continue
        known = resume.duplicates
        if known is None or not known.is_duplicate(event.archival, event.payload, b"%d" % event.number):
            yield event


@dataclass(frozen=True)
class Moment:
    """What is true right before a step of the disk.

    `index`: the events that splunkd's pipe has taken, in order; of the last `in_doubt` of them it is not certain that
    the bookmark has them, or has them no more. `settled`: how many of them the bookmark has said to be settled, and
    `settling` how many are. `begun`: whether there is a bookmark for certain. `reader`: the splunkd that reads next.
    """

    index: tuple[Sent, ...] = ()
    in_doubt: int = 0
    settled: int = 0
    settling: int = 0
    begun: bool = False
    reader: str = "boot/1"


class Story:
    """A life of the bookmark. `moments` has one for each step of the disk, and one for the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.moments: list[Moment] = []
        self.disk = Disk(folder, self._note)
        self._moment = Moment()
        with small():
            self._live()
        self._note()

    def _note(self) -> None:
        self.moments.append(self._moment)

    def _live(self) -> None:
        """Everything that a bookmark is for: generations, restarts, voids, another splunkd, failover and back."""
        self._open()
        self._begin("fmc")
        self._bookmark.remember_style("fmc", "single")
        self._session(40, 5)
        self._settle(behind=7)
        self._session(90, 10)
        self._restart()
        self._session(120, 10)
        self._settle(behind=20)
        self._stop_with_unread(4)
        self._session(150, 10)
        self._lose_reader()
        self._session(180, 10)
        self._settle(behind=3)
        self._begin("other")
        self._session(220, 10)
        self._settle(behind=15)
        self._session(250, 10)
        self._begin("fmc")
        self._session(254, 10)
        self._stop_with_unread(12)
        self._session(300, 10)
        self._settle(behind=9)
        self._session(330, 10)
        self._restart()
        self._session(340, 10)
        self._bookmark.close()

    def _now(self, **changes: Any) -> None:
        self._moment = replace(self._moment, **changes)

    def _open(self) -> None:
        self._bookmark = Bookmark.open(
            str(self.folder), STANZA, reader=self._moment.reader, settle=SETTLE, files=self.disk
        )

    def _begin(self, account: str) -> None:
        """Connect to a Management Center."""
        resume = self._bookmark.resume(account)
        timestamp = BEGIN if resume is None else resume.timestamp
        self._bookmark.begin(account, timestamp, self._moment.reader, STANZA)
        self._now(begun=True)

    def _session(self, until: int, batch: int) -> None:
        """Deliver what is new, up to that event, in batches."""
        fresh = list(sent_again(self._bookmark, until))
        for start in range(0, len(fresh), batch):
            self._deliver(fresh[start : start + batch])

    def _deliver(self, events: list[Sent]) -> None:
        self._now(index=(*self._moment.index, *events), in_doubt=len(events))
        entry = self._bookmark.entry(
            [event.archival for event in events],
            [event.payload for event in events],
            [b"%d" % event.number for event in events],
        )
        self._bookmark.delivered(entry)
        self._now(in_doubt=0)

    def _settle(self, behind: int) -> None:
        """Let all events settle but the last `behind`."""
        sequence = self._bookmark.sequence - behind
        self._now(settling=sequence)
        self._bookmark.settled(sequence)
        self._now(settled=sequence)

    def _restart(self) -> None:
        """Stop and start, with the same splunkd."""
        self._bookmark.close()
        self._open()

    def _stop_with_unread(self, count: int) -> None:
        """Stop while splunkd does not read, with so many events in the pipe, and start again."""
        self._now(in_doubt=count)
        self._bookmark.void(self._bookmark.sequence - count)
        self._now(index=self._moment.index[:-count], in_doubt=0)
        self._restart()

    def _lose_reader(self) -> None:
        """splunkd dies; the input notices, and another splunkd starts it again."""
        self._now(in_doubt=len(self._moment.index) - self._moment.settled, reader="boot/2")
        self._bookmark.reader_gone()
        self._bookmark.close()
        self._open()
        self._now(index=self._moment.index[: self._moment.settled], in_doubt=0)


@contextmanager
def small() -> Iterator[None]:
    """Let bookmarks have generations so small that there are many of them.

    The margin of a failover is as much smaller as the seconds of this story are, so that old generations are deleted.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "GENERATION_SIZE", 700)
        patch.setattr(limits, "HISTORY_SIZE", 1400)
        patch.setattr(limits, "FAILOVER_MARGIN", OFFSET + 3)
        yield


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory, where the system has one: these tests write tens of thousands of files."""
    memory = Path("/dev/shm")  # noqa: S108 - only a folder with a name that nobody else has is made in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def story(quick: Path) -> Story:
    folder = quick / "lived"
    folder.mkdir()
    return Story(folder)


class Aftermath:
    """Lays out what is left at a moment of a story, each time in an empty folder, opens it, and counts.

    What is left is often the same at several moments: then it is opened once, and held against the promises of each.
    """

    def __init__(self, story: Story, folder: Path) -> None:
        self._story = story
        self._folder = folder
        self._count = 0
        self._found: dict[tuple[object, ...], tuple[list[int], bool]] = {}

    @contextmanager
    def laid_out(self, left: Remains, before: Path | None = None) -> Iterator[Path]:
        """Write what is left of the folder `before` (the story's own, if not given) to an empty folder."""
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        left.lay_out(before or self._story.folder, folder)
        yield folder
        shutil.rmtree(folder)

    def open(self, folder: Path, reader: str, disk: Disk | None = None) -> tuple[list[int], bool]:
        """Open the bookmark; return what comes again, and whether there was a bookmark at all."""
        with small():
            files = disk or Disk(folder)
            bookmark = Bookmark.open(str(folder), STANZA, reader=reader, settle=SETTLE, files=files)
            there = bookmark.state is not None
            again = [event.number for event in sent_again(bookmark, len(EVENTS))] if there else []
            bookmark.close()
        return again, there

    def found_in(self, left: Remains, before: Path | None, reader: str) -> tuple[list[int], bool]:
        """Lay out and open what is left, unless the same was opened before."""
        same = (reader, before is None, left.below(before or self._story.folder))
        if same not in self._found:
            with self.laid_out(left, before) as folder:
                self._found[same] = self.open(folder, reader)
        return self._found[same]

    def check_power_loss(self, when: When, left: Remains, boot: str, before: Path | None = None, how: str = "") -> None:
        """Open what is left, in another boot, and hold it against the promises."""
        told = f"{when.told}, {how}{left.how}"
        again, there = self.found_in(left, before, boot)
        if not there:
            assert not when.later.begun, f"{told}: taken for no bookmark"
            return
        surely_there = [event.number for event in when.earlier.index[: when.earlier.settling]]
        said_to_be_settled = [event.number for event in when.later.index[: when.later.settled]]
        assert weighed(surely_there + again).lost == 0, f"{told}: lost"
        assert weighed(said_to_be_settled + again).doubled == 0, f"{told}: settled events came twice"

    def check_kill(self, when: When, left: Remains) -> None:
        """Open what is left, for the same splunkd, which has read all that was in the pipe."""
        told = f"{when.told}, {left.how}"
        again, there = self.found_in(left, None, when.later.reader)
        if not there:
            assert not when.later.begun, f"{told}: taken for no bookmark"
            return
        assert weighed([event.number for event in when.earlier.index] + again).lost == 0, f"{told}: lost"
        doubled = weighed([event.number for event in when.later.index] + again).doubled
        assert doubled <= when.later.in_doubt, f"{told}: {doubled} doubled, of {when.later.in_doubt} under way"


@dataclass(frozen=True)
class When:
    """When it happens. True are both what was so at the `earlier` moment and what has become so by the `later` one."""

    told: str
    steps: list[Step]
    earlier: Moment
    later: Moment


def between_steps(story: Story, every: int = 1) -> Iterator[When]:
    """After any step, before the next begins."""
    for place in range(1, len(story.disk.steps) + 1, every):
        told = f"after step {place} ({story.disk.steps[place - 1].what})"
        yield When(told, story.disk.steps[:place], story.moments[place - 1], story.moments[place])


def inside_writes(story: Story) -> Iterator[tuple[When, Remains]]:
    """When a write has come as far as some byte: any of the first, and each seventh of the rest."""
    for place, step in enumerate(story.disk.steps):
        when = When(f"in step {place + 1}", story.disk.steps[: place + 1], story.moments[place], story.moments[place])
        for length in [*range(min(13, len(step.data))), *range(13, len(step.data), 7)]:
            yield when, kept_after(when.steps, length)


def weighed(numbers: list[int]) -> Balance[object]:
    """Weigh events by all that can be seen of them: equal ones stand for each other."""
    return balance([event[1:] for event in EVENTS], [EVENTS[number][1:] for number in numbers])


@pytest.fixture
def aftermath(story: Story, quick: Path) -> Aftermath:
    return Aftermath(story, quick)


def test_the_story_has_everything_that_a_bookmark_does(story: Story):
    done = Counter(step.what for step in story.disk.steps)
    assert min(done[what] for what in ("folder", "create", "write", "force", "force folder", "rename", "remove")) > 0
    assert done["rename"] > 15
    assert done["remove"] > 5
    came = weighed([event.number for event in story.moments[-1].index] + list(range(340, len(EVENTS))))
    assert (came.lost, came.doubled) == (0, 0)


def test_a_loss_of_power_at_any_moment_loses_nothing_and_doubles_nothing_that_had_settled(
    story: Story, aftermath: Aftermath
):
    for when in between_steps(story):
        for left in remains_after(when.steps):
            aftermath.check_power_loss(when, left, "boot/3")


def test_a_write_that_a_loss_of_power_tears_loses_nothing_and_doubles_nothing_that_had_settled(
    story: Story, aftermath: Aftermath
):
    for when, left in inside_writes(story):
        aftermath.check_power_loss(when, left, "boot/3")


def test_a_second_loss_of_power_while_the_first_is_recovered_from_loses_and_doubles_no_more(
    story: Story, aftermath: Aftermath
):
    for when in between_steps(story, every=17):
        for left in remains_after(when.steps):
            with aftermath.laid_out(left) as folder:
                disk = Disk(folder)
                there = len(disk.steps)
                aftermath.open(folder, "boot/3", disk)
                for second in range(there, len(disk.steps) + 1):
                    for rest in remains_after(disk.steps[:second]):
                        how = f"{left.how}; then after step {second - there} of opening, "
                        aftermath.check_power_loss(when, rest, "boot/4", folder, how)


def test_a_kill_between_two_steps_loses_nothing_and_doubles_at_most_what_was_under_way(
    story: Story, aftermath: Aftermath
):
    for when in between_steps(story):
        aftermath.check_kill(when, kept_after(when.steps))


def test_a_kill_inside_a_write_loses_nothing_and_doubles_at_most_what_was_under_way(story: Story, aftermath: Aftermath):
    for when, left in inside_writes(story):
        aftermath.check_kill(when, left)
