"""Events as JSON lines in a file: what is in it after stops, kills, full disks and failures of the system."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.errors import Problem
from estreamer.outputs.files import FORCE_INTERVAL, JsonLines, JsonLinesFile, Lines
from estreamer.outputs.output import NOTHING, Before, Output, ReceiverGone

from tests.outputs.disks import Disk

EVENTS = [b'{"EventType":"FileEvent", "FileSize":%d}' % number for number in range(50)]


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.end_process()


def opened(path: Path, disk: Disk, before: Before = Before()) -> JsonLinesFile:  # noqa: B008 - it is frozen
    output: Output[Lines] = JsonLines(str(path), "boot", files=disk).open(before, 0.0)
    assert isinstance(output, JsonLinesFile)
    return output


def written(output: JsonLinesFile, events: list[bytes], first: int = 1) -> int:
    lines = output.encode([b"0"] * len(events), events, range(first, first + len(events)))
    output.offer(lines)
    taken = output.taken()
    if taken:
        output.recorded(first + taken - 1)
    return taken


def test_an_event_is_a_line_as_it_arrived_and_settles_when_it_is_forced_to_the_disk(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
    assert written(output, EVENTS) == len(EVENTS)
    assert (output.settled(0.5), output.pending(), output.blocked()) == (None, True, None)
    assert output.next_due() == FORCE_INTERVAL
    assert output.settled(FORCE_INTERVAL) == len(EVENTS)
    assert (output.settled(FORCE_INTERVAL), output.pending()) == (None, False)
    assert (tmp_path / "events.jsonl").read_bytes() == b"\n".join([*EVENTS, b""])
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o027 == 0


def test_a_settling_that_could_not_be_recorded_is_returned_again(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
    written(output, EVENTS)
    assert output.settled(FORCE_INTERVAL) == 50
    output.put_off(50, FORCE_INTERVAL)
    assert output.settled(FORCE_INTERVAL) == 50


def test_a_payload_with_a_line_end_is_one_line_and_marked(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
    assert written(output, [b'{"EventType":"FileEvent", "FileName":"a\nb"}', EVENTS[0]]) == 2
    first, second, end = (tmp_path / "events.jsonl").read_bytes().split(b"\n")
    assert (second, end) == (EVENTS[0], b"")
    assert b"a\\u000ab" in first
    assert output.take_problems() == (1, {"illegal characters": 1})
    assert output.take_problems() == (0, {})


def test_a_payload_over_several_lines_is_one_line_and_not_marked(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
    assert written(output, [b'{\n"EventType":"FileEvent",\r\n"FileSize":1\n}', EVENTS[0]]) == 2
    first, second, end = (tmp_path / "events.jsonl").read_bytes().split(b"\n")
    assert json.loads(first) == {"EventType": "FileEvent", "FileSize": 1}
    assert (second, end) == (EVENTS[0], b"")
    assert output.take_problems() == (0, {})


@pytest.mark.parametrize("cut", [1, 5, len(EVENTS[1]), 200_000])
def test_half_a_line_that_a_kill_left_is_cut_off_and_its_event_stands_once(
    tmp_path: Path, cut: int, disk: Disk
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(EVENTS[0] + b"\n" + (EVENTS[1] * 5000)[:cut])
    output = opened(path, disk, Before(number=1))
    assert path.read_bytes() == EVENTS[0] + b"\n"
    written(output, [EVENTS[1]], 2)
    assert path.read_bytes() == EVENTS[0] + b"\n" + EVENTS[1] + b"\n"


def test_a_full_disk_blocks_says_so_and_goes_on_in_the_middle_of_a_line(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
    lines = output.encode([b"0"] * 50, EVENTS, range(1, 51))
    disk.room = len(EVENTS[0]) + 1 + 10
    assert (output.offer(lines), output.taken()) == (False, 1)
    assert "disk is full" in str(output.blocked())
    assert output.interest() == NOTHING
    assert (output.offer(lines), output.taken()) == (False, 1)
    disk.room = None
    assert (output.offer(lines), output.taken()) == (True, 50)
    assert output.blocked() is None
    assert (tmp_path / "events.jsonl").read_bytes() == b"\n".join([*EVENTS, b""])


def test_another_failure_of_a_write_ends_the_output_with_its_cause(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
    disk.room, disk.error = 0, errno.EIO
    with pytest.raises(ReceiverGone, match="cannot be written"):
        written(output, EVENTS)


def test_what_could_not_be_forced_to_the_disk_never_settles(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
    written(output, EVENTS[:10])
    assert output.settled(FORCE_INTERVAL) == 10
    written(output, EVENTS[10:], 11)
    disk.force_fails = True
    assert output.settled(2 * FORCE_INTERVAL) is None
    disk.force_fails = False
    # A second fsync would succeed, and would say nothing of what the first one dropped.
    assert output.settled(3 * FORCE_INTERVAL) is None
    output.finish()
    assert "cannot be forced" in str(output.gone())
    assert (output.not_taken(), output.keeps(9.0)) == (10, False)


def test_after_finish_everything_is_kept(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk)
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


def test_without_a_name_for_the_run_of_the_machine_no_process_relies_on_another_one(tmp_path: Path) -> None:
    """The machine may have lost power between them, and with it what was not forced to the disk."""
    one, other = (JsonLines(str(tmp_path / "a"), "") for _ in range(2))
    assert one.receiver() == one.receiver()
    assert one.receiver() != other.receiver()


def test_half_a_line_that_is_not_of_this_input_is_kept_apart(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "notes.json"
    path.write_bytes(b'{"somebody": "else"}')
    written(opened(path, disk), EVENTS[:1])
    assert path.read_bytes() == b'{"somebody": "else"}\n' + EVENTS[0] + b"\n"


def test_what_a_killed_process_had_not_forced_is_forced_and_settles_although_nothing_more_arrives(
    tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / "events.jsonl"
    written(opened(path, disk), EVENTS)
    disk.end_process()
    output = opened(path, disk, Before(number=50, settled=20))
    assert output.next_due() == FORCE_INTERVAL
    assert output.settled(FORCE_INTERVAL) == 50
    assert output.next_due() == math.inf


def test_a_failure_before_anything_was_forced_gives_back_what_had_not_settled(tmp_path: Path, disk: Disk) -> None:
    output = opened(tmp_path / "events.jsonl", disk, Before(number=50, settled=20))
    written(output, EVENTS, 51)
    disk.force_fails = True
    output.finish()
    assert output.not_taken() == 20


def test_the_name_of_a_new_file_is_forced_to_the_disk(tmp_path: Path, disk: Disk) -> None:
    disk.force_fails = True
    with pytest.raises(Problem, match="cannot be written") as caught:
        opened(tmp_path / "events.jsonl", disk)
    assert caught.value.code == "output_not_writable"


def test_a_file_that_cannot_be_opened_is_a_problem_with_its_cause(tmp_path: Path, disk: Disk) -> None:
    with pytest.raises(Problem, match=r"nowhere.*cannot be written"):
        opened(tmp_path / "nowhere" / "events.jsonl", disk)


def test_a_file_that_another_process_writes_to_is_refused_until_that_one_has_finished(
    tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / "events.jsonl"
    first = opened(path, disk)
    written(first, [EVENTS[0]])
    path.write_bytes(path.read_bytes() + EVENTS[1][:9])
    for before in (Before(), Before(number=1)):
        with pytest.raises(Problem, match=r"Another process writes to the file .*events\.jsonl") as caught:
            opened(path, disk, before)
        assert caught.value.code == "output_in_use"
    assert path.read_bytes() == EVENTS[0] + b"\n" + EVENTS[1][:9], "what the other one is about to write is cut off"
    first.finish()
    opened(path, disk, Before(number=1))
    assert path.read_bytes() == EVENTS[0] + b"\n"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_written_to(tmp_path: Path, disk: Disk, number: int) -> None:
    disk.lock_error = number
    assert written(opened(tmp_path / "events.jsonl", disk), EVENTS) == len(EVENTS)


def test_an_unknown_failure_of_a_lock_is_a_problem_with_its_cause(tmp_path: Path, disk: Disk) -> None:
    disk.lock_error = errno.EIO
    with pytest.raises(Problem, match="cannot be written") as caught:
        opened(tmp_path / "events.jsonl", disk)
    assert caught.value.code == "output_not_writable"
    assert not disk.has_open_files()
