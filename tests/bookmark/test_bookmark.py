"""The bookmark: what it survives, what it refuses, and what it recognises."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import pytest
from estreamer.bookmark import duplicates as told_apart
from estreamer.bookmark import journal, limits
from estreamer.bookmark.bookmark import Bookmark, folder_of, remove
from estreamer.bookmark.duplicates import Multiset
from estreamer.bookmark.history import Resume
from estreamer.bookmark.limits import FAILOVER_MARGIN
from estreamer.errors import Problem
from estreamer.outputs.settling import Settling

STANZA = "estreamer_fqe://main"


def opened(where: Path, reader: str = "splunkd-1", settle: int = 30) -> Bookmark:
    return Bookmark.open(str(where), STANZA, reader=reader, settle=settle)


def begun(where: Path, timestamp: int = 1000, source: str = "fmc", **options: object) -> Bookmark:
    bookmark = opened(where, **options)  # type: ignore[arg-type]
    bookmark.begin(source, timestamp, "splunkd-1", STANZA)
    return bookmark


def record(
    bookmark: Bookmark, archivals: list[int], payloads: list[bytes], identities: list[bytes | None] | None
) -> None:
    bookmark.delivered(bookmark.entry(archivals, payloads, identities))


def deliver(bookmark: Bookmark, *events: tuple[int, bytes]) -> None:
    record(bookmark, [archival for archival, _ in events], [payload for _, payload in events], None)


def resume(bookmark: Bookmark, source: str = "fmc") -> Resume:
    found = bookmark.resume(source)
    assert found is not None
    return found


def duplicates(bookmark: Bookmark, *events: tuple[int, bytes], source: str = "fmc") -> list[bool]:
    """Which of these events, coming in this order after a reconnect, are duplicates."""
    known = resume(bookmark, source).duplicates
    return [known is not None and known.is_duplicate(archival, payload, None) for archival, payload in events]


def journals(where: Path) -> list[Path]:
    return sorted(Path(folder_of(str(where), STANZA)).glob("*.journal"))


def code_of(error: pytest.ExceptionInfo[Problem]) -> str:
    return error.value.code


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk that takes no byte more."""

    def refuse(file: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "write", refuse)
        yield


def test_without_a_bookmark_there_is_nowhere_to_resume(tmp_path: Path):
    bookmark = opened(tmp_path)
    assert bookmark.state is None
    assert bookmark.resume("fmc") is None
    bookmark.close()
    assert journals(tmp_path) == []


def test_the_first_connection_makes_a_bookmark_even_before_any_event(tmp_path: Path):
    begun(tmp_path, 1234).close()
    again = opened(tmp_path)
    assert resume(again) == Resume(1234, None)
    again.close()


def test_beginning_again_does_not_move_an_existing_bookmark(tmp_path: Path):
    bookmark = begun(tmp_path, 1234)
    bookmark.begin("fmc", 9999, "splunkd-1", STANZA)
    assert resume(bookmark).timestamp == 1234
    bookmark.close()


def test_resuming_goes_back_from_the_last_archival_timestamp_by_settle(tmp_path: Path):
    bookmark = begun(tmp_path, settle=30)
    deliver(bookmark, (5000, b"a"))
    assert resume(bookmark).timestamp == 4970
    assert bookmark.position == 5000
    bookmark.close()


def test_delivered_events_are_duplicates_when_they_come_again_and_others_are_not(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (5001, b"b"))
    assert duplicates(bookmark, (5000, b"a"), (5000, b"b"), (5001, b"b"), (5001, b"c")) == [True, False, True, False]
    bookmark.close()


def test_equal_events_are_counted_not_merged(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (5000, b"a"))
    assert duplicates(bookmark, *[(5000, b"a")] * 3) == [True, True, False]
    bookmark.close()


def test_an_interrupted_replay_starts_its_count_anew(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (5000, b"b"))
    assert duplicates(bookmark, (5000, b"a")) == [True]
    assert duplicates(bookmark, (5000, b"a"), (5000, b"b"), (5000, b"a")) == [True, True, False]
    bookmark.close()


def test_an_event_that_comes_late_within_settle_is_recognised_and_does_not_move_the_position_back(tmp_path: Path):
    bookmark = begun(tmp_path, settle=30)
    deliver(bookmark, (5000, b"a"), (4980, b"late"))
    assert resume(bookmark).timestamp == 4970
    assert duplicates(bookmark, (4980, b"late"), (5000, b"a")) == [True, True]
    bookmark.close()


def test_a_clock_set_back_takes_the_position_with_it_and_old_events_are_still_recognised(tmp_path: Path):
    bookmark = begun(tmp_path, settle=30)
    deliver(bookmark, (9000, b"before"), (5000, b"after"))
    assert resume(bookmark).timestamp == 4970
    assert duplicates(bookmark, (5000, b"after"), (9000, b"before")) == [True, True]
    bookmark.close()


def test_a_single_timestamp_from_the_far_future_does_not_stay(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (0xFFFFFFFE, b"odd"), (5001, b"b"))
    assert bookmark.position == 5001
    bookmark.close()


def test_events_without_archival_timestamp_do_not_move_the_bookmark(tmp_path: Path):
    bookmark = begun(tmp_path, 1000)
    deliver(bookmark, (0, b"server-made"))
    assert resume(bookmark) == Resume(1000, None)
    deliver(bookmark, (5000, b"a"), (0, b"x"), (5000, b"b"))
    assert bookmark.sequence == 2
    assert duplicates(bookmark, (5000, b"a"), (5000, b"b")) == [True, True]
    bookmark.close()


def test_the_same_splunkd_resumes_after_what_was_delivered(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    bookmark.settled(1)
    deliver(bookmark, (5001, b"b"))
    bookmark.close()
    again = opened(tmp_path)
    assert again.recovery.unsettled == 0
    assert again.sequence == 2
    assert duplicates(again, (5000, b"a"), (5001, b"b")) == [True, True]
    again.close()


def test_another_splunkd_is_given_again_what_had_not_settled(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (5100, b"b"), (5100, b"c"))
    bookmark.settled(2)
    deliver(bookmark, (5200, b"d"))
    bookmark.close()
    again = opened(tmp_path, reader="splunkd-2")
    assert again.recovery.unsettled == 2
    assert again.position == 5100
    assert duplicates(again, (5100, b"b"), (5100, b"c"), (5200, b"d")) == [True, False, False]
    again.close()


def test_what_is_delivered_again_counts_again(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (5001, b"b"))
    bookmark.settled(1)
    bookmark.close()
    second = opened(tmp_path, reader="splunkd-2")
    deliver(second, (5001, b"b"))
    second.close()
    third = opened(tmp_path, reader="splunkd-2")
    assert third.sequence == 2
    assert duplicates(third, (5000, b"a"), (5001, b"b"), (5001, b"b")) == [True, True, False]
    third.close()


def test_after_the_reader_closed_the_pipe_even_the_same_splunkd_gets_the_unsettled_again(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    bookmark.reader_gone()
    bookmark.close()
    again = opened(tmp_path)
    assert again.recovery.unsettled == 1
    again.close()


def test_the_request_style_that_worked_is_remembered_by_source(tmp_path: Path):
    bookmark = begun(tmp_path)
    bookmark.remember_style("fmc", "two-step")
    bookmark.close()
    again = opened(tmp_path)
    assert again.style("fmc") == "two-step"
    assert again.style("other") is None
    again.close()


def test_another_fmc_is_asked_from_a_margin_earlier_and_known_events_are_recognised_by_identity(tmp_path: Path):
    bookmark = begun(tmp_path, source="one")
    record(bookmark, [5000, 5001], [b"a", b"b"], [b"71", None])
    found = resume(bookmark, "two")
    assert found.timestamp == 5001 - 30 - FAILOVER_MARGIN
    assert found.duplicates is not None
    assert found.duplicates.needs_identity
    other_clock = 5000 + FAILOVER_MARGIN // 2
    assert found.duplicates.is_duplicate(other_clock, b"rendered otherwise", b"71")
    assert found.duplicates.is_duplicate(other_clock, b"b", None)
    assert not found.duplicates.is_duplicate(other_clock, b"c", b"72")
    bookmark.close()


def test_after_a_failover_both_what_came_before_and_since_is_recognised(tmp_path: Path):
    bookmark = begun(tmp_path, source="one")
    record(bookmark, [5000], [b"a"], [b"71"])
    bookmark.begin("two", resume(bookmark, "two").timestamp, "splunkd-1", STANZA)
    record(bookmark, [4990], [b"since"], [b"72"])
    found = resume(bookmark, "two")
    assert found.timestamp == 4990 - 30
    assert found.duplicates is not None
    assert found.duplicates.is_duplicate(4990, b"since", b"72")
    assert found.duplicates.is_duplicate(4995, b"A", b"71")
    assert not found.duplicates.is_duplicate(4995, b"A", b"71")
    bookmark.close()


def test_changing_to_and_fro_without_any_event_does_not_go_back_further_each_time(tmp_path: Path):
    bookmark = begun(tmp_path, source="one")
    record(bookmark, [5000], [b"a"], [b"71"])
    for source in ["two", "one"] * 5:
        found = resume(bookmark, source)
        assert found.timestamp == 5000 - 30 - FAILOVER_MARGIN
        assert found.duplicates is not None
        assert found.duplicates.is_duplicate(5000, b"A", b"71")
        bookmark.begin(source, found.timestamp, "splunkd-1", STANZA)
    bookmark.close()


def with_identities(bookmark: Bookmark, *events: tuple[int, bytes, bytes]) -> None:
    record(
        bookmark,
        [archival for archival, _, _ in events],
        [payload for _, payload, _ in events],
        [identity for _, _, identity in events],
    )


def test_what_had_not_settled_before_a_failover_comes_again_from_the_other_fmc(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"settled"))
    bookmark.settled(1)
    deliver(bookmark, (9000, b"read in one go with the one before"))
    bookmark.begin("other", 9000 - FAILOVER_MARGIN, "splunkd-1", STANZA)
    bookmark.close()
    for reader in ("splunkd-2", "splunkd-3"):
        again = opened(tmp_path, reader)
        assert resume(again, "other").timestamp == 5000 - 30 - FAILOVER_MARGIN
        assert resume(again, "fmc").timestamp <= 5000 - FAILOVER_MARGIN
        again.close()


def test_when_nothing_had_settled_before_a_failover_all_comes_again_from_the_other_fmc(tmp_path: Path):
    bookmark = begun(tmp_path, 1000)
    deliver(bookmark, (5000, b"a"), (9000, b"b"))
    bookmark.begin("other", 9000 - FAILOVER_MARGIN, "splunkd-1", STANZA)
    bookmark.close()
    for reader in ("splunkd-2", "splunkd-3"):
        again = opened(tmp_path, reader)
        assert resume(again, "other").timestamp == 1000 - FAILOVER_MARGIN
        again.close()


def test_what_a_stalled_splunkd_had_not_read_before_a_failover_comes_again_from_the_other_fmc(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"read"), (9000, b"in the pipe"))
    bookmark.begin("other", 9000 - FAILOVER_MARGIN, "splunkd-1", STANZA)
    bookmark.void(1)
    bookmark.close()
    again = opened(tmp_path)
    assert resume(again, "other").timestamp == 5000 - 30 - FAILOVER_MARGIN
    again.close()


def test_equal_events_of_two_fmcs_are_told_apart_by_their_identities(tmp_path: Path):
    bookmark = begun(tmp_path)
    with_identities(bookmark, (5000, b"equal", b"1"))
    bookmark.begin("other", 4880, "splunkd-1", STANZA)
    with_identities(bookmark, (5003, b"equal", b"2"))
    known = resume(bookmark, "other").duplicates
    assert known is not None
    seen = [known.is_duplicate(5003, b"equal", identity) for identity in (b"1", b"2", b"3")]
    assert seen == [True, True, False]
    bookmark.close()


def test_a_second_copy_of_the_input_is_kept_out_and_told_why(tmp_path: Path):
    bookmark = begun(tmp_path)
    with pytest.raises(Problem) as caught:
        opened(tmp_path)
    assert code_of(caught) == "bookmark_locked"
    assert str(os.getpid()) in caught.value.text
    bookmark.close()
    opened(tmp_path).close()


def test_the_lock_of_a_dead_process_does_not_keep_the_next_one_out(tmp_path: Path):
    code = (
        "import os, sys; sys.path[:0] = sys.argv[2:]; from estreamer.bookmark.bookmark import Bookmark;"
        f"b = Bookmark.open(sys.argv[1], {STANZA!r}, reader='r', settle=1); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path), *sys.path], check=False)
    assert ended.returncode == -9
    opened(tmp_path).close()


def test_inputs_do_not_share_a_folder_whatever_their_names(tmp_path: Path):
    names = [
        "estreamer_fqe://a",
        "estreamer_fqe://a/b",
        "estreamer_fqe://..",
        "estreamer_fqe://a%2Fb",
        "estreamer_fqe://é",
    ]
    folders = {folder_of(str(tmp_path), name) for name in names}
    assert len(folders) == len(names)
    assert all(Path(folder).parent == tmp_path for folder in folders)


def test_removing_the_input_removes_its_bookmark_and_no_other(tmp_path: Path):
    begun(tmp_path).close()
    other = Bookmark.open(str(tmp_path), "estreamer_fqe://other", reader="r", settle=1)
    other.begin("fmc", 1, "r", "estreamer_fqe://other")
    other.close()
    remove(str(tmp_path), STANZA)
    again = opened(tmp_path)
    assert again.state is None
    again.close()
    assert Path(folder_of(str(tmp_path), "estreamer_fqe://other")).is_dir()


def test_removing_waits_for_the_input_that_is_being_stopped(tmp_path: Path):
    bookmark = begun(tmp_path)
    stopping = threading.Timer(0.2, bookmark.close)
    stopping.start()
    remove(str(tmp_path), STANZA)
    stopping.join()
    assert not Path(folder_of(str(tmp_path), STANZA)).exists()


def test_removing_gives_up_when_the_input_does_not_stop(tmp_path: Path):
    bookmark = begun(tmp_path)
    with pytest.raises(Problem) as caught:
        remove(str(tmp_path), STANZA, patience=0.1)
    assert code_of(caught) == "bookmark_locked"
    assert journals(tmp_path)
    bookmark.close()


def test_removing_a_bookmark_that_is_not_there_is_no_error(tmp_path: Path):
    remove(str(tmp_path), STANZA)
    assert list(tmp_path.iterdir()) == []


def test_a_torn_end_is_cut_and_the_rest_used(tmp_path: Path):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    deliver(bookmark, (5001, b"b"))
    bookmark.close()
    generation = journals(tmp_path)[-1]
    generation.write_bytes(generation.read_bytes()[:-3])
    again = opened(tmp_path)
    assert again.recovery.cut == (generation.name,)
    assert duplicates(again, (5000, b"a"), (5001, b"b")) == [True, False]
    again.close()


def test_every_prefix_of_what_was_written_resumes_at_or_before_the_whole(tmp_path: Path):
    bookmark = begun(tmp_path, 1000)
    for number in range(4):
        deliver(bookmark, (5000 + number, b"%d" % number))
    bookmark.settled(2)
    bookmark.reader_gone()
    bookmark.close()
    generation = journals(tmp_path)[-1]
    whole = generation.read_bytes()
    first_state = whole.index(b"}", whole.index(b"settled_high")) + 1
    for length in range(first_state, len(whole)):
        for stale in journals(tmp_path):
            stale.unlink()
        generation.write_bytes(whole[:length])
        again = opened(tmp_path)
        assert 1000 <= again.position <= 5003
        assert again.sequence <= 4
        again.close()


DAMAGE = {
    "emptied": lambda content: b"",
    "zeroed": lambda content: bytes(len(content)),
    "replaced by garbage": lambda content: os.urandom(len(content)),
    "cut in its first record": lambda content: content[:30],
    "with another first record": lambda content: content[:15] + b"x" * 50 + content[65:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_generation_is_put_aside_and_the_previous_one_used(tmp_path: Path, damage: str):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    bookmark.close()
    second = opened(tmp_path)
    deliver(second, (6000, b"b"))
    second.close()
    newest = journals(tmp_path)[-1]
    newest.write_bytes(DAMAGE[damage](newest.read_bytes()))
    again = opened(tmp_path)
    assert again.recovery.put_aside == (newest.name,)
    assert again.position == 5000
    assert duplicates(again, (5000, b"a"), (6000, b"b")) == [True, False]
    again.close()
    assert newest.with_suffix(".unreadable").exists()


@pytest.mark.parametrize("damage", DAMAGE)
def test_when_no_generation_can_be_read_the_input_stops_and_says_what_to_do(tmp_path: Path, damage: str):
    begun(tmp_path).close()
    for generation in journals(tmp_path):
        generation.write_bytes(DAMAGE[damage](generation.read_bytes()))
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            opened(tmp_path)
        assert code_of(caught) == "bookmark_unreadable"
        assert "delete it to start again" in caught.value.text


def test_a_bookmark_of_a_later_version_stops_the_input(tmp_path: Path):
    begun(tmp_path).close()
    generation = journals(tmp_path)[0]
    generation.write_bytes(b"SFE-BOOKMARK 3\n" + generation.read_bytes()[15:])
    with pytest.raises(Problem) as caught:
        opened(tmp_path)
    assert code_of(caught) == "bookmark_newer"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything; the next test stands in for it")
def test_a_bookmark_of_somebody_else_stops_the_input(tmp_path: Path):
    begun(tmp_path).close()
    journals(tmp_path)[0].chmod(0)
    with pytest.raises(Problem) as caught:
        opened(tmp_path)
    assert code_of(caught) == "bookmark_not_accessible"


def test_a_bookmark_that_cannot_be_opened_stops_the_input(tmp_path: Path):
    begun(tmp_path).close()
    generation = journals(tmp_path)[0]
    generation.unlink()
    generation.mkdir()
    with pytest.raises(Problem) as caught:
        opened(tmp_path)
    assert code_of(caught) == "bookmark_not_accessible"


def test_a_folder_that_cannot_be_made_stops_the_input(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Problem) as caught:
        opened(tmp_path / "file")
    assert code_of(caught) == "bookmark_not_accessible"


def test_a_full_disk_leaves_no_half_record_and_the_write_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    with monkeypatch.context() as full:
        really_write, room = os.write, [4, 0]

        def write(file: int, data: memoryview) -> int:
            left = room.pop(0)
            if not left:
                raise OSError(28, "No space left on device")
            return really_write(file, data[:left])

        full.setattr(os, "write", write)
        with pytest.raises(Problem) as caught:
            deliver(bookmark, (5001, b"b"))
    assert code_of(caught) == "bookmark_write_failed"
    assert "No space left" in caught.value.text
    assert bookmark.sequence == 1
    deliver(bookmark, (5001, b"b"))
    bookmark.close()
    again = opened(tmp_path)
    assert again.recovery.cut == ()
    assert duplicates(again, (5000, b"a"), (5001, b"b")) == [True, True]
    again.close()


def test_a_generation_that_cannot_be_begun_does_not_count_its_last_batch_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bookmark = begun(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(limits, "GENERATION_SIZE", 1)

        def refuse(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        full.setattr(os, "replace", refuse)
        deliver(bookmark, (5000, b"a"))
    deliver(bookmark, (5001, b"b"))
    assert bookmark.sequence == 2
    assert duplicates(bookmark, (5000, b"a"), (5000, b"a"), (5001, b"b")) == [True, False, True]
    bookmark.close()


def test_a_disk_that_does_not_take_what_is_forced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))

    def refuse(file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(journal, "sync", refuse)
        with pytest.raises(Problem) as caught:
            bookmark.settled(1)
        bookmark.close()
    assert code_of(caught) == "bookmark_write_failed"
    opened(tmp_path).close()


def test_a_state_that_cannot_be_written_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bookmark = begun(tmp_path)

    def refuse(file: int, data: memoryview) -> int:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as read_only:
        read_only.setattr(os, "write", refuse)
        with pytest.raises(Problem):
            bookmark.remember_style("fmc", "two-step")
    assert bookmark.style("fmc") is None
    bookmark.close()


def test_a_full_disk_lets_go_of_what_splunkd_has_not_read_after_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (5000, b"b"))
    deliver(bookmark, (5001, b"c"), (5001, b"d"))
    bookmark.settled(1)
    deliver(bookmark, (5002, b"e"))
    with full_disk(monkeypatch):
        bookmark.void(3)
    assert bookmark.sequence == 2
    bookmark.close()
    again = opened(tmp_path)
    assert again.recovery.cut == ()
    events = [(5000, b"a"), (5000, b"b"), (5001, b"c"), (5001, b"d"), (5002, b"e")]
    assert duplicates(again, *events) == [True, True, False, False, False]
    again.close()


def test_a_full_disk_lets_go_of_what_an_earlier_generation_holds_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"), (5000, b"b"))
    bookmark.close()
    again = opened(tmp_path)
    with full_disk(monkeypatch):
        again.void(1)
    assert again.sequence == 0
    again.close()
    last = opened(tmp_path)
    assert last.sequence == 0
    last.close()


def test_generations_follow_each_other_and_old_ones_are_deleted_when_nothing_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "GENERATION_SIZE", 2000)
    monkeypatch.setattr(limits, "HISTORY_SIZE", 6000)
    bookmark = begun(tmp_path, settle=10)
    for second in range(5000, 8000):
        deliver(bookmark, (second, b"a"), (second, b"b"))
        bookmark.settled(bookmark.sequence)
    kept = sum(one.stat().st_size for one in journals(tmp_path))
    needed = (10 + 2 * FAILOVER_MARGIN) * 2 * 60
    assert kept < 6000 + needed + 2 * 2000
    assert duplicates(bookmark, (7989, b"a"), (7999, b"b"), (8000, b"a")) == [True, True, False]
    bookmark.close()
    again = opened(tmp_path, settle=10)
    assert again.sequence == 6000
    assert duplicates(again, (7989, b"a"), (7999, b"b"), (8000, b"a")) == [True, True, False]
    again.close()


def test_what_has_not_settled_is_never_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "GENERATION_SIZE", 1000)
    monkeypatch.setattr(limits, "HISTORY_SIZE", 2000)
    bookmark = begun(tmp_path, settle=1)
    deliver(bookmark, (5000, b"a"))
    bookmark.settled(1)
    for second in range(5001, 7000):
        deliver(bookmark, (second, b"a"))
    bookmark.close()
    again = opened(tmp_path, reader="splunkd-2", settle=1)
    assert again.recovery.unsettled == 1999
    assert again.position == 5000
    assert duplicates(again, (5000, b"a"), (5001, b"a")) == [True, False]
    again.close()


def test_a_restart_reads_minutes_of_history_into_memory_only_for_another_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "HISTORY_SIZE", 1024 * 1024)
    bookmark = begun(tmp_path)
    for second in range(5000, 5000 + 30 + 2 * FAILOVER_MARGIN):
        deliver(bookmark, *[(second, b"%d" % number) for number in range(2000)])
    bookmark.close()

    def memory(source: str) -> int:
        tracemalloc.start()
        again = opened(tmp_path)
        resume(again, source)
        again.close()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert memory("fmc") < 8 * 1024 * 1024 < memory("other")


def test_many_restarts_do_not_pile_up_files(tmp_path: Path):
    begun(tmp_path).close()
    for _ in range(50):
        opened(tmp_path).close()
    assert len(journals(tmp_path)) <= 3


def test_a_hundred_thousand_events_of_one_second_are_told_apart(tmp_path: Path):
    bookmark = begun(tmp_path)
    payloads = [b"%d" % (number % 60_000) for number in range(100_000)]
    for first in range(0, len(payloads), 1000):
        deliver(bookmark, *[(5000, payload) for payload in payloads[first : first + 1000]])
    known = resume(bookmark).duplicates
    assert known is not None
    again = [known.is_duplicate(5000, payload, None) for payload in [*payloads, b"0", b"new"]]
    assert again == [True] * 100_000 + [False, False]
    bookmark.close()


def test_numbers_are_counted_however_many_there_are():
    many = 2 * told_apart._SORTED_AT_ONCE
    held = Multiset(array("Q", [number % 7 for number in range(many)] + [2**64 - 1]))
    for number in range(7):
        times = len(range(number, many, 7))
        assert [held.take(number) for _ in range(times + 1)] == [True] * times + [False]
    assert (held.take(2**64 - 1), held.take(2**64 - 1), held.take(8)) == (True, False, False)


def test_multiset_gives_each_number_as_often_as_it_holds_it():
    held = Multiset(array("Q", [7, 5, 7, 2**64 - 1]))
    assert [held.take(number) for number in (7, 7, 7, 5, 5, 2**64 - 1, 0)] == [
        True,
        True,
        False,
        True,
        False,
        True,
        False,
    ]


def settling_of(bookmark: Bookmark, settle: float = 30) -> Settling:
    """Settling as an output has it that goes on where the process before it ended."""
    settling = Settling(settle)
    settling.resume(bookmark.seen, time.monotonic())
    return settling


def test_what_splunkd_had_read_from_a_killed_input_settles_no_later_for_that(tmp_path: Path):
    bookmark = begun(tmp_path, settle=30)
    deliver(bookmark, *((1000, b"%d" % number) for number in range(4)))
    now = time.monotonic()
    bookmark.read(1, now - 28)
    bookmark.read(3, now - 10)
    bookmark.close()
    again = opened(tmp_path, settle=30)
    settling = settling_of(again)
    assert settling.read(0, now) is None
    assert settling.read(0, now + 3) == 1
    assert settling.read(0, now + 19) is None
    assert settling.read(0, now + 21) == 3
    again.close()


def test_another_splunkd_has_read_nothing_of_what_is_delivered_to_it_again(tmp_path: Path):
    bookmark = begun(tmp_path, settle=30)
    deliver(bookmark, *((1000, b"%d" % number) for number in range(4)))
    bookmark.read(3, time.monotonic() - 20)
    bookmark.close()
    second = opened(tmp_path, reader="splunkd-2", settle=30)
    assert settling_of(second).read(0, time.monotonic() + 60) is None
    deliver(second, (1000, b"0"), (1000, b"1"), (1000, b"2"), (1000, b"3"))
    second.close()
    third = opened(tmp_path, reader="splunkd-2", settle=30)
    assert settling_of(third).read(0, time.monotonic() + 60) is None
    third.close()


def test_a_clock_that_is_behind_the_record_makes_events_settle_later_and_not_sooner():
    settling = Settling(30)
    settling.resume([(5, 5000.0)], 100.0)
    assert settling.read(0, 129.9) is None
    assert settling.read(0, 130.0) == 5


def test_what_splunkd_has_read_is_to_be_recorded_once():
    settling = Settling(30)
    settling.delivered(1, 10)
    settling.delivered(2, 20)
    settling.read(10, 100.0)
    assert settling.unrecorded() == 1
    assert settling.unrecorded() is None
    settling.read(20, 100.5)
    assert settling.unrecorded() == 2


@pytest.mark.parametrize("generation_size", [1, 1 << 20])
@pytest.mark.parametrize("batches", [[1] * 6, [3, 3], [6]])
@pytest.mark.parametrize("reader_gone", [False, True])
def test_what_splunkd_did_not_get_comes_again_even_if_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generation_size: int, batches: list[int], reader_gone: bool
):
    monkeypatch.setattr(limits, "GENERATION_SIZE", generation_size)
    bookmark = begun(tmp_path)
    events = [(5000 + place, b"%d" % place) for place in range(7)]
    deliver(bookmark, events[0])
    bookmark.settled(1)
    place = 1
    for count in batches:
        deliver(bookmark, *events[place : place + count])
        place += count
    with full_disk(monkeypatch):
        if reader_gone:
            bookmark.reader_gone()
        bookmark.void(4)
    bookmark.close()
    again = opened(tmp_path)
    # A record is cut off as a whole: what else it holds comes again as well.
    kept = 1 if reader_gone else max(count for count in accumulate([1, *batches]) if count <= 4)
    assert duplicates(again, *events) == [place < kept for place in range(7)]
    deliver(again, *events[kept:])
    assert all(duplicates(again, *events))
    again.close()


def test_what_had_settled_is_remembered_when_a_full_disk_makes_the_rest_be_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bookmark = begun(tmp_path)
    for place in range(4):
        deliver(bookmark, (5000 + place, b"%d" % place))
    bookmark.settled(3)
    really_write = os.write

    def write(file: int, data: memoryview) -> int:
        if os.lseek(file, 0, os.SEEK_CUR) + len(data) > os.fstat(file).st_size:
            raise OSError(28, "No space left on device")
        return really_write(file, data)

    with monkeypatch.context() as full:
        full.setattr(os, "write", write)
        bookmark.reader_gone()
    bookmark.close()
    again = opened(tmp_path, reader="splunkd-2")
    assert again.recovery.unsettled == 0
    assert again.recovery.cut == ()
    assert resume(again).timestamp == 5002 - 30
    again.close()


def test_what_one_fmc_sent_and_splunkd_lost_is_asked_for_from_the_other(tmp_path: Path):
    bookmark = begun(tmp_path, timestamp=0, source="one")
    deliver(bookmark, (1000, b"a"))
    bookmark.settled(1)
    deliver(bookmark, (9000, b"b"))
    bookmark.begin("two", resume(bookmark, "two").timestamp, "splunkd-1", STANZA)
    deliver(bookmark, (9001, b"c"))
    bookmark.close()
    for attempt in range(3):
        bookmark = opened(tmp_path, reader=f"splunkd-{attempt + 2}")
        assert resume(bookmark, "two").timestamp == 1000 - 30 - FAILOVER_MARGIN
        assert duplicates(bookmark, (1000, b"a"), (9000, b"b"), (9001, b"c"), source="two") == [True, False, False]
        bookmark.close()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (1, b'{"stanza": 1}'),
        (1, b'{"stanza":"s","source":"a","start":"x","reader":"r","written":0,"settled":0,"styles":{}}'),
        (1, b'{"stanza":"s","source":"a","start":0,"reader":"r","written":0,"settled":1,"styles":{}}'),
        (2, b"short"),
        (2, bytes(8) + struct.pack(">II", 1, 1) + bytes(8)),
        (2, struct.pack(">QII", 2, 5000, 1)),
        (3, struct.pack(">QII", 2, 5000, 1) + bytes(8)),
        (4, b"short"),
    ],
)
def test_a_record_with_a_right_checksum_and_a_wrong_form_is_read_no_further(tmp_path: Path, kind: int, body: bytes):
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    bookmark.close()
    with journals(tmp_path)[-1].open("ab") as file:
        file.write(journal.record(kind, body))
    again = opened(tmp_path)
    assert len(again.recovery.cut) == 1
    assert duplicates(again, (5000, b"a")) == [True]
    again.close()


def test_changing_to_and_fro_without_any_event_takes_no_disk_without_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "GENERATION_SIZE", 2000)
    monkeypatch.setattr(limits, "LARGEST_WEIGHT", 20_000)
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    for number in range(200):
        bookmark.begin("fmc" if number % 2 else "other", 4850, "splunkd-1", STANZA)
    assert sum(path.stat().st_size for path in journals(tmp_path)) <= 20_000 + 2 * 2000
    assert resume(bookmark, "fmc").timestamp <= 4850
    bookmark.close()
    again = opened(tmp_path)
    assert resume(again, "fmc").timestamp <= 4850
    again.close()


def test_what_one_source_settled_is_no_position_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Even if all files had to be deleted that hold what the next one had delivered by then."""
    monkeypatch.setattr(limits, "GENERATION_SIZE", 2000)
    monkeypatch.setattr(limits, "LARGEST_WEIGHT", 20_000)
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))
    bookmark.settled(1)
    bookmark.begin("other", 4850, "splunkd-1", STANZA)
    for number in range(1000):
        deliver(bookmark, (4900 + number // 20, b"%d" % number))
    bookmark.close()
    again = opened(tmp_path, "splunkd-2")
    assert resume(again, "other").timestamp <= 4850
    again.close()


def test_where_no_further_file_can_be_made_the_last_one_does_not_grow_without_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "GENERATION_SIZE", 500)
    monkeypatch.setattr(limits, "LARGEST_GENERATION", 2000)
    bookmark = begun(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def deliver_many() -> None:
        for number in range(1000):
            deliver(bookmark, (5000 + number, b"a"))

    with monkeypatch.context() as full:
        full.setattr(os, "replace", refuse)
        with pytest.raises(Problem) as caught:
            deliver_many()
    assert code_of(caught) == "bookmark_write_failed"
    assert journals(tmp_path)[-1].stat().st_size < 2100
    delivered = bookmark.sequence
    deliver(bookmark, (6000, b"a"))
    assert bookmark.sequence == delivered + 1
    bookmark.close()


def test_a_record_that_cannot_be_forced_to_the_disk_is_not_in_the_file_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Else what one Management Center sent would be taken for what the other one did."""
    bookmark = begun(tmp_path)
    deliver(bookmark, (5000, b"a"))

    def refuse(file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(journal, "sync", refuse)
        for attempt in (
            lambda: bookmark.begin("other", 4850, "splunkd-1", STANZA),
            lambda: bookmark.settled(1),
            lambda: bookmark.remember_style("fmc", "two-step"),
        ):
            with pytest.raises(Problem):
                attempt()
    deliver(bookmark, (5001, b"b"))
    bookmark.close()
    again = opened(tmp_path)
    assert again.state is not None
    assert (again.state.source, again.state.settled, again.state.styles) == ("fmc", 0, {})
    assert resume(again, "other").timestamp == 5001 - 30 - FAILOVER_MARGIN
    assert duplicates(again, (5000, b"a"), (5001, b"b")) == [True, True]
    again.close()
