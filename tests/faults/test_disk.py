"""The disk is full, read-only, damaged, somebody else's, or holds what a dead process left.

Where the system allows it, the bookmark is on a small disk of its own: a tmpfs in a private mount namespace, which is
really full and really read-only. What a disk does only when it breaks is played by errors of the system calls.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from estreamer.bookmark.bookmark import Bookmark
from estreamer.bookmark.folder import folder_of
from estreamer.errors import Problem
from estreamer.files import FILES, Files
from estreamer.input import recording, rotation
from estreamer.input.surroundings import Surroundings

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from standins.places import ROOT
from tests.bookmark.disks import Disk, Unforced, refusing
from tests.faults.ledger import Balance, balance
from tests.faults.process import Place, Process
from tests.faults.test_power_loss import EVENTS, SETTLE, Story, sent_again, small, weighed
from tests.input.harness import STANZA, Input
from tests.splunkd.management import Management

FIRST = 60
BUNDLE = 50
SIZE = 256 * 1024
"""Bytes of the small disk."""


class SmallDisk:
    """A disk of `SIZE` bytes at `folder`, which only processes see that are begun with `inside` before their command.

    It is there from run to run; this process reaches it by `path`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        script = 'mount -t tmpfs -o "size=$1" none "$2" && echo mounted && exec sleep 600'
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", script, "sh", str(SIZE), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"mounted\n":
            _, said = self._holder.communicate()
            pytest.skip(f"no disk can be mounted in a namespace of its own here: {said.decode().strip()}")

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.communicate()

    @property
    def path(self) -> Path:
        return Path("/proc", str(self._holder.pid), "root", str(self._folder)[1:])

    @property
    def inside(self) -> list[str]:
        user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        return ["nsenter", "-t", str(self._holder.pid), *user, "-m"]

    def fill(self) -> None:
        """Leave no byte free but what files have left of their last page."""
        with suppress(OSError), (self.path / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

    def empty(self) -> None:
        (self.path / "filler").unlink()

    def remount(self, how: str) -> None:
        """Make it read-only (`ro`) or writable (`rw`)."""
        subprocess.run([*self.inside, "mount", "-o", f"remount,{how}", str(self._folder)], check=True)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    archive = Archive.generated(FIRST, EventGenerator(per_second=20))
    with (
        Management() as management,
        FmcServer(archive, behaviour=Behaviour(style="bundles", bundle_size=BUNDLE)) as server,
    ):
        yield Place(tmp_path, management, server)
        server.assert_clean()


@pytest.fixture
def disk(place: Place) -> Iterator[SmallDisk]:
    with SmallDisk(place.checkpoints) as one:
        yield one


def happen(place: Place, count: int) -> None:
    place.server.archive.extend(EventGenerator(seed=3, start=place.server.archive.newest()).events(0, count))


def deliver(place: Place, count: int, disk: SmallDisk | None = None) -> None:
    """Run the input until so many more events have come and no more do, and stop it."""
    with Process(place, before=disk.inside if disk else ()) as process:
        process.reader.wait_for(count)
        process.reader.wait_for_silence(0.5)
        assert process.stop()[1] == 0


def outcome(place: Place) -> Balance[bytes]:
    return balance([record.payload for record in place.server.archive.since(0)], place.arrived)


def acknowledgements(place: Place) -> int:
    return sum(connection.acknowledgements for connection in place.server.connections)


def until_the_disk_is_full(place: Place, process: Process, disk: SmallDisk) -> int:
    """Fill the disk and let events happen until the bookmark cannot be written; return how many have come by then."""
    process.reader.wait_for(FIRST)
    disk.fill()
    happen(place, 3000)
    place.wait_for_line("action=bookmark_write_failed")
    process.reader.wait_for_silence(0.5)
    return process.reader.count()


def test_on_a_full_disk_nothing_is_acknowledged_and_when_there_is_room_it_goes_on(place: Place, disk: SmallDisk):
    with Process(place, before=disk.inside) as process:
        came = until_the_disk_is_full(place, process, disk)
        told = acknowledgements(place)
        place.server.wait_for_standstill(2.5)
        assert process.reader.count() == came < FIRST + 3000
        assert acknowledgements(place) == told
        disk.empty()
        process.reader.wait_for(FIRST + 3000)
        assert process.stop()[1] == 0
    assert (outcome(place).lost, outcome(place).doubled) == (0, 0)
    assert len(place.server.connections) == 1


def test_told_to_stop_on_a_full_disk_it_ends_in_time_and_doubles_at_most_what_could_not_be_recorded(
    place: Place, disk: SmallDisk
):
    with Process(place, before=disk.inside) as process:
        came = until_the_disk_is_full(place, process, disk)
        took, code = process.stop()
        assert took < 2.0
        assert code == 0
    disk.empty()
    deliver(place, FIRST + 3000 - came, disk)
    assert outcome(place).lost == 0
    assert 0 < outcome(place).doubled <= BUNDLE


def test_killed_on_a_full_disk_it_doubles_at_most_what_could_not_be_recorded(place: Place, disk: SmallDisk):
    with Process(place, before=disk.inside) as process:
        came = until_the_disk_is_full(place, process, disk)
        process.kill()
    disk.empty()
    deliver(place, FIRST + 3000 - came, disk)
    assert outcome(place).lost == 0
    assert outcome(place).doubled <= BUNDLE


def test_started_on_a_full_disk_it_ends_with_its_sentence_and_nothing_is_lost(place: Place, disk: SmallDisk):
    deliver(place, FIRST, disk)
    happen(place, FIRST)
    disk.fill()
    with Process(place, before=disk.inside) as process:
        assert process.wait()[0] == 1
    assert "code=bookmark_write_failed" in place.log_text()
    disk.empty()
    deliver(place, FIRST, disk)
    assert (outcome(place).lost, outcome(place).doubled) == (0, 0)


def test_started_for_the_first_time_on_a_full_disk_it_waits_for_room(place: Place, disk: SmallDisk):
    folder = Path(folder_of(str(disk.path), STANZA))
    folder.mkdir()
    (folder / "lock").touch()
    disk.fill()
    with Process(place, before=disk.inside) as process:
        place.wait_for_line("code=bookmark_write_failed")
        assert process.reader.count() == 0
        disk.empty()
        process.reader.wait_for(FIRST)
        assert process.stop()[1] == 0
    assert (outcome(place).lost, outcome(place).doubled) == (0, 0)


def test_started_on_a_read_only_disk_it_ends_with_its_sentence_and_nothing_is_lost(place: Place, disk: SmallDisk):
    deliver(place, FIRST, disk)
    happen(place, FIRST)
    disk.remount("ro")
    with Process(place, before=disk.inside) as process:
        assert process.wait()[0] == 1
    assert "code=bookmark_not_accessible" in place.log_text()
    disk.remount("rw")
    deliver(place, FIRST, disk)
    assert (outcome(place).lost, outcome(place).doubled) == (0, 0)


class Refusing(Files):
    """A disk that refuses every change while `refuses` is set; of a record it takes twenty bytes."""

    def __init__(self, number: int = errno.ENOSPC) -> None:
        self.refuses = threading.Event()
        self.refused = threading.Semaphore(0)
        """Counts the changes that were refused."""
        self._number = number

    def write(self, file: int, data: bytes | memoryview) -> int:
        if self.refuses.is_set() and len(data) > 20:
            super().write(file, data[:20])
        self._change()
        return super().write(file, data)

    def truncate(self, file: int, size: int) -> None:
        self._change()
        super().truncate(file, size)

    def force(self, file: int) -> None:
        self._change()
        super().force(file)

    def rename(self, path: str, to: str) -> None:
        self._change()
        super().rename(path, to)

    def _change(self) -> None:
        if self.refuses.is_set():
            self.refused.release()
            raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_refuses_every_change_for_a_while_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    """A file system with an error becomes read-only under open files: it refuses to cut them as well."""
    monkeypatch.setattr(recording, "BOOKMARK_RETRY", 0.05)
    monkeypatch.setattr(rotation, "BACKOFF_FIRST", 0.05)
    disk = Refusing(number)
    archive = Archive.generated(FIRST, EventGenerator(per_second=20))
    with FmcServer(archive, behaviour=Behaviour(style="mixed", bundle_size=BUNDLE)) as server:
        under_test = Input(tmp_path, {"fmc": server}, surroundings=Surroundings(files=disk))

        def break_for_a_while(running: Input) -> None:
            running.reader.wait_for(FIRST)
            disk.refuses.set()
            archive.extend(EventGenerator(seed=3, start=archive.newest()).events(0, 500))
            running.wait_for_log("bookmark_write_failed")
            for _ in range(20):
                assert disk.refused.acquire(timeout=30)
            disk.refuses.clear()
            running.reader.wait_for(len(archive))

        assert under_test.run(break_for_a_while) == 0
        arrived = under_test.reader.payloads()
        archive.extend(EventGenerator(seed=4, start=archive.newest()).events(0, FIRST))
        arrived += under_test.run_for(FIRST)
        found = balance([record.payload for record in archive.since(0)], arrived)
        assert (found.lost, found.doubled) == (0, 0)
        server.assert_clean()


def test_told_to_stop_on_a_full_disk_while_splunkd_does_not_read_it_loses_and_doubles_nothing(tmp_path: Path):
    disk = Refusing()
    archive = Archive.generated(FIRST, EventGenerator(per_second=20))
    with FmcServer(archive, behaviour=Behaviour(style="bundles", bundle_size=BUNDLE)) as server:
        under_test = Input(tmp_path, {"fmc": server}, surroundings=Surroundings(files=disk))

        def stall_on_a_full_disk(running: Input) -> None:
            running.reader.wait_for(FIRST)
            # The bookmark has them a moment after the reader.
            running.reader.wait_for_silence(0.5)
            running.reader.may_read.clear()
            disk.refuses.set()
            archive.extend(EventGenerator(seed=3, start=archive.newest()).events(0, 20))
            running.wait_for_log("bookmark_write_failed")

        assert under_test.run(stall_on_a_full_disk) == 0
        arrived = under_test.reader.payloads()
        assert len(arrived) == FIRST
        disk.refuses.clear()
        arrived += under_test.run_for(20)
        found = balance([record.payload for record in archive.since(0)], arrived)
        assert (found.lost, found.doubled) == (0, 0)
        # What the bookmark never had is not among what it takes back.
        assert under_test.log.fields_of("not_read") == []
        server.assert_clean()


def test_what_splunkd_had_not_read_comes_again_even_if_the_disk_became_full_before_the_stop(tmp_path: Path):
    """The events are in the bookmark, splunkd stalls, the disk is full, and the input is told to stop."""
    full, disk = threading.Event(), Disk()

    def write(file: int, data: bytes | memoryview) -> int:
        return refusing(errno.ENOSPC)() if full.is_set() else FILES.write(file, data)

    archive = Archive.generated(FIRST, EventGenerator(per_second=20))
    behaviour = Behaviour(style="bare")
    with FmcServer(archive, behaviour=behaviour) as server, disk.instead(write=write):
        under_test = Input(tmp_path, {"fmc": server}, surroundings=Surroundings(files=disk))

        def stall(running: Input) -> None:
            running.reader.wait_for(FIRST)
            # The bookmark has them a moment after the reader.
            running.reader.wait_for_silence(0.5)
            running.reader.may_read.clear()
            for number in range(5):
                archive.extend(EventGenerator(seed=number, start=archive.newest()).events(0, 3))
                server.wait_for_all_acknowledged(len(archive))
            full.set()

        assert under_test.run(stall) == 0
        assert len(under_test.log.fields_of("not_read")) == 1
        arrived = under_test.reader.payloads()
        assert len(arrived) == FIRST
        full.clear()
        arrived += under_test.run_for(15)
        found = balance([record.payload for record in archive.since(0)], arrived)
        assert (found.lost, found.doubled) == (0, 0)
        server.assert_clean()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("lived")
    return Story(folder)


def journals(story: Story) -> dict[str, bytes]:
    folder = Path(folder_of(str(story.folder), STANZA))
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.journal"))}


def key_of(story: Story) -> dict[str, bytes]:
    return {"key": Path(folder_of(str(story.folder), STANZA), "key").read_bytes()}


def opened(files: dict[str, bytes], reader: str = "boot/2") -> tuple[list[int], int] | str:
    """Open these files; return what comes again and the number of the last event known, or the code of the problem."""
    with tempfile.TemporaryDirectory() as where:
        folder = Path(folder_of(where, STANZA))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        before = sorted(folder.iterdir())
        with small():
            try:
                bookmark = Bookmark.open(where, STANZA, reader=reader, settle=SETTLE, files=Unforced())
            except Problem as problem:
                # Nothing was thrown away: somebody may still make something of it.
                assert [path for path in sorted(folder.iterdir()) if path.name != "lock"] == before
                return problem.code
            again = [event.number for event in sent_again(bookmark, len(EVENTS))]
            sequence = bookmark.sequence
            bookmark.close()
        return again, sequence


def held_against_the_promises(story: Story, files: dict[str, bytes], told: str) -> None:
    """Open damaged files for the same splunkd, which has all that was delivered."""
    index = [event.number for event in story.moments[-1].index]
    found = opened(files)
    if isinstance(found, str):
        assert found in ("bookmark_unreadable", "bookmark_newer"), told
        return
    again, sequence = found
    outcome = weighed(index + again)
    assert outcome.lost == 0, f"{told}: lost"
    # What the damaged file does not tell any more comes again, and nothing else.
    assert outcome.doubled <= len(index) - sequence, f"{told}: doubled what was known"


def damaged(content: bytes, place: int) -> dict[str, bytes]:
    return {
        "truncated": content[:place],
        "zeroed from there": content[:place] + bytes(len(content) - place),
        "one byte changed": content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :],
        "garbage from there": content[:place] + bytes(31 * number % 251 for number in range(len(content) - place)),
    }


@pytest.mark.parametrize("how", ["truncated", "zeroed from there", "one byte changed", "garbage from there"])
def test_the_last_file_damaged_at_any_byte_loses_nothing_and_doubles_only_what_it_tells_no_more(lived: Story, how: str):
    files = journals(lived)
    last = max(files)
    for place in range(len(files[last])):
        changed = damaged(files[last], place)[how]
        held_against_the_promises(lived, {**files, **key_of(lived), last: changed}, f"{last} {how} at {place}")


@pytest.mark.parametrize("how", ["truncated", "zeroed from there", "one byte changed", "garbage from there"])
def test_the_only_file_damaged_at_any_byte_is_never_taken_for_no_bookmark(lived: Story, how: str):
    files = journals(lived)
    last = max(files)
    for place in range(len(files[last])):
        changed = damaged(files[last], place)[how]
        found = opened({**key_of(lived), last: changed})
        if isinstance(found, str):
            assert found in ("bookmark_unreadable", "bookmark_newer")
        else:
            assert found[1] > 300


@pytest.mark.parametrize("damage", ["zeroed", "garbage", "of a later version", "emptied"])
def test_a_bookmark_that_cannot_be_read_stops_the_input_and_put_back_it_goes_on(place: Place, damage: str):
    deliver(place, FIRST)
    happen(place, FIRST)
    folder = Path(folder_of(str(place.checkpoints), STANZA))
    whole = {path: path.read_bytes() for path in folder.glob("*.journal")}
    for path, content in whole.items():
        spoilt = {"zeroed": bytes(len(content)), "garbage": os.urandom(len(content)), "emptied": b""}
        path.write_bytes(spoilt.get(damage, b"SFE-BOOKMARK 9\n" + content[15:]))
    code = "bookmark_newer" if damage == "of a later version" else "bookmark_unreadable"
    with Process(place) as process:
        assert process.wait()[0] == 1
    assert f"code={code}" in place.log_text()
    assert place.server.connections[1:] == []
    for path, content in whole.items():
        path.write_bytes(content)
    deliver(place, FIRST)
    assert (outcome(place).lost, outcome(place).doubled) == (0, 0)


SOMEBODY_ELSES = {"the folder": ("",), "the lock": ("lock",), "a journal": ("0000000001.journal",)}

_AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from estreamer.bookmark.bookmark import Bookmark
from estreamer.errors import Problem
os.setuid(65534)
try:
    Bookmark.open(sys.argv[2], sys.argv[3], reader="r", settle=1)
except Problem as problem:
    print(problem.code)
"""


@pytest.mark.parametrize("what", SOMEBODY_ELSES)
def test_a_bookmark_that_is_somebody_elses_stops_the_input(what: str):
    with tempfile.TemporaryDirectory() as where:
        bookmark = Bookmark.open(where, STANZA, reader="r", settle=1)
        bookmark.begin("fmc", 1000, "r", STANZA)
        bookmark.close()
        folder = Path(folder_of(where, STANZA))
        for path in (Path(where), folder, *folder.iterdir()):
            path.chmod(0o777)
        for name in SOMEBODY_ELSES[what]:
            (folder / name).chmod(0o700 if os.geteuid() == 0 else 0)
        try:
            assert code_for_somebody_else(where) == "bookmark_not_accessible"
        finally:
            folder.chmod(0o700)


def code_for_somebody_else(where: str) -> str:
    """Open a bookmark as another user. Where this process is not root, and owns it, it may not use it either."""
    if os.geteuid() == 0:
        command = [sys.executable, "-c", _AS_NOBODY, str(ROOT / "bin"), where, STANZA]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    with pytest.raises(Problem) as caught:
        Bookmark.open(where, STANZA, reader="r", settle=1)
    return caught.value.code


def test_what_dead_processes_left_in_the_folder_is_no_hindrance(place: Place):
    deliver(place, FIRST)
    happen(place, FIRST)
    folder = Path(folder_of(str(place.checkpoints), STANZA))
    number = int(max(folder.glob("*.journal")).stem) + 1
    # The lock names a process that lives, which is another one by now, and holds nothing.
    (folder / "lock").write_text(f"{os.getpid()}\n")
    (folder / f"{number:010d}.journal.new").write_bytes(b"SFE-BOOKMARK 1\nhalf of a rec")
    (folder / "0000000000.unreadable").write_bytes(b"put aside long ago")
    deliver(place, FIRST)
    assert (outcome(place).lost, outcome(place).doubled) == (0, 0)
    assert not list(folder.glob("*.new"))
