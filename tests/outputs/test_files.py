"""Events as JSON lines in a file: what is in it after stops, kills, full disks and failures of the system."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from estreamer.outputs import files
from estreamer.outputs.files import FORCE_INTERVAL, JsonLines, JsonLinesFile
from estreamer.outputs.output import Before, Output, ReceiverGone

EVENTS = [b'{"EventType":"FileEvent", "FileSize":%d}' % number for number in range(50)]


def opened(path: Path, boot: str = "boot") -> JsonLinesFile:
    output: Output[files.Lines] = JsonLines(str(path), boot).open(Before(), 0.0)
    assert isinstance(output, JsonLinesFile)
    return output


def written(output: JsonLinesFile, events: list[bytes], first: int = 1) -> int:
    lines = output.encode([b"0"] * len(events), events, range(first, first + len(events)))
    taken = output.offer(lines)
    if taken:
        output.recorded(first + taken - 1)
    return taken


class Disk:
    """`os`, on which writes and forcing can fail."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.error = errno.ENOSPC
        self.fsync_fails = False

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.room is None:
            return os.write(descriptor, data)
        if not self.room:
            raise OSError(self.error, os.strerror(self.error))
        taken = os.write(descriptor, data[: self.room])
        self.room -= taken
        return taken

    def fsync(self, descriptor: int) -> None:
        if self.fsync_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(files, "os", made)
    return made


def test_an_event_is_a_line_as_it_arrived_and_settles_when_it_is_forced_to_the_disk(tmp_path: Path) -> None:
    output = opened(tmp_path / "events.jsonl")
    assert written(output, EVENTS) == len(EVENTS)
    assert (output.settled(0.5), output.pending(), output.blocked()) == (None, True, None)
    assert output.next_due() == FORCE_INTERVAL
    assert output.settled(FORCE_INTERVAL) == len(EVENTS)
    assert (output.settled(FORCE_INTERVAL), output.pending()) == (None, False)
    assert (tmp_path / "events.jsonl").read_bytes() == b"\n".join([*EVENTS, b""])
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o027 == 0


def test_a_settling_that_could_not_be_recorded_is_returned_again(tmp_path: Path) -> None:
    output = opened(tmp_path / "events.jsonl")
    written(output, EVENTS)
    assert output.settled(FORCE_INTERVAL) == 50
    output.put_off(50, FORCE_INTERVAL)
    assert output.settled(FORCE_INTERVAL) == 50


def test_a_payload_with_a_line_end_is_one_line_and_marked(tmp_path: Path) -> None:
    output = opened(tmp_path / "events.jsonl")
    assert written(output, [b'{"EventType":"FileEvent", "FileName":"a\nb"}', EVENTS[0]]) == 2
    first, second, end = (tmp_path / "events.jsonl").read_bytes().split(b"\n")
    assert (second, end) == (EVENTS[0], b"")
    assert b"a\\u000ab" in first
    assert output.take_problems() == (1, {"illegal characters": 1})
    assert output.take_problems() == (0, {})


@pytest.mark.parametrize("cut", [1, 5, len(EVENTS[1]), 200_000])
def test_half_a_line_that_a_kill_left_is_cut_off_and_its_event_stands_once(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(EVENTS[0] + b"\n" + (EVENTS[1] * 5000)[:cut])
    output = opened(path)
    assert path.read_bytes() == EVENTS[0] + b"\n"
    written(output, [EVENTS[1]], 2)
    assert path.read_bytes() == EVENTS[0] + b"\n" + EVENTS[1] + b"\n"


def test_a_full_disk_blocks_says_so_and_goes_on_in_the_middle_of_a_line(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl")
    lines = output.encode([b"0"] * 50, EVENTS, range(1, 51))
    disk.room = len(EVENTS[0]) + 1 + 10
    assert output.offer(lines) == 1
    assert "disk is full" in str(output.blocked())
    assert output.descriptors() == ()
    assert output.offer(lines) == 1
    disk.room = None
    assert output.offer(lines) == 50
    assert output.blocked() is None
    assert (tmp_path / "events.jsonl").read_bytes() == b"\n".join([*EVENTS, b""])


def test_another_failure_of_a_write_ends_the_output_with_its_cause(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl")
    disk.room, disk.error = 0, errno.EIO
    with pytest.raises(ReceiverGone, match="cannot be written"):
        written(output, EVENTS)


def test_what_could_not_be_forced_to_the_disk_never_settles(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl")
    written(output, EVENTS[:10])
    assert output.settled(FORCE_INTERVAL) == 10
    written(output, EVENTS[10:], 11)
    disk.fsync_fails = True
    assert output.settled(2 * FORCE_INTERVAL) is None
    disk.fsync_fails = False
    # A second fsync would succeed, and would say nothing of what the first one dropped.
    assert output.settled(3 * FORCE_INTERVAL) is None
    output.finish()
    assert "cannot be forced" in str(output.gone())
    assert (output.not_taken(), output.keeps(9.0)) == (10, False)


def test_after_finish_everything_is_kept(tmp_path: Path) -> None:
    output = opened(tmp_path / "events.jsonl")
    written(output, EVENTS)
    assert not output.keeps(0.1)
    output.finish()
    assert output.keeps(0.1)
    assert (output.settled(0.1), output.not_taken(), output.gone()) == (50, None, None)


def test_the_receiver_is_the_file_in_this_run_of_the_machine(tmp_path: Path) -> None:
    here = JsonLines(str(tmp_path / "a"), "boot").receiver()
    assert here == JsonLines(str(tmp_path / "b" / ".." / "a"), "boot").receiver()
    assert here != JsonLines(str(tmp_path / "b"), "boot").receiver()
    assert here != JsonLines(str(tmp_path / "a"), "another boot").receiver()
