"""The file of names: what was saved is there again, whatever happened to the file, and events never wait for it."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from estreamer.bookmark import names_file
from estreamer.bookmark.names_file import FIRST_LINE, PUT_ASIDE, NamesFile, name_of, remove_others
from estreamer.protocol.classic.metadata import NameCache
from estreamer.protocol.classic.names import Entry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bookmark.disks import Disk, Unforced, refusing

UNFORCED = Unforced()


def rule(number: int, name: str) -> Entry:
    return Entry(119, ((bytes(16), number),), (name,))


def path_in(folder: Path) -> Path:
    return folder / name_of("fmc")


def loaded(folder: Path, code: str = "") -> NameCache:
    """What a start finds; its problem is this one."""
    cache, file = NameCache(), NamesFile(str(folder), "fmc", UNFORCED)
    problem = file.load(cache)
    assert (problem.code if problem else "") == code
    file.close()
    return cache


def saved(folder: Path, *entries: Entry) -> NameCache:
    cache, file = NameCache(), NamesFile(str(folder), "fmc", UNFORCED)
    file.load(cache)
    for one in entries:
        cache.learn(one)
        assert file.save(cache) is None
    file.close()
    return cache


def test_names_are_there_after_a_start_and_the_last_one_counts(tmp_path: Path):
    assert len(loaded(tmp_path)) == 0
    saved(tmp_path, rule(1, "allow"), rule(2, "block"))
    saved(tmp_path, rule(1, "trust"), Entry(66, ((1, 2, 3), (1, 2)), ("message", "7")))
    cache = loaded(tmp_path)
    assert cache.of(119, (bytes(16), 1)) == ("trust",)
    assert cache.of(119, (bytes(16), 2)) == ("block",)
    assert cache.of(66, (1, 2)) == cache.of(66, (1, 2, 3)) == ("message", "7")
    assert cache.changes() == []


def test_each_account_has_a_file_of_its_own_and_those_of_others_can_be_removed(tmp_path: Path):
    for account in ("fmc", "fmc2", "x" * 300 + "/é"):
        cache, file = NameCache(), NamesFile(str(tmp_path), account, UNFORCED)
        cache.learn(rule(1, account))
        assert file.save(cache) is None
        file.close()
    (tmp_path / "0000000001.journal").write_bytes(b"")
    (tmp_path / (name_of("gone") + PUT_ASIDE)).write_bytes(b"")
    assert loaded(tmp_path).of(119, (bytes(16), 1)) == ("fmc",)
    remove_others(str(tmp_path), ["fmc", "fmc2"])
    assert {one.name for one in tmp_path.iterdir()} == {name_of("fmc"), name_of("fmc2"), "0000000001.journal"}
    remove_others(str(tmp_path / "nowhere"), [])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.tuples(st.integers(0, 9), st.text(max_size=8)), max_size=4), min_size=1, max_size=6),
    cut=st.integers(0, 400),
)
def test_a_file_that_is_torn_off_anywhere_has_the_names_before_that_place(
    batches: list[list[tuple[int, str]]], cut: int
):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        cache, file = NameCache(), NamesFile(made, "fmc", UNFORCED)
        cache.learn(rule(99, "first"))
        states: list[tuple[int, dict[bytes, bytes]]] = []
        for batch in [[], *batches]:
            for number, name in batch:
                cache.learn(rule(number, name))
            assert file.save(cache) is None
            states.append((path_in(folder).stat().st_size, dict(cache.entries())))
        file.close()
        content = path_in(folder).read_bytes()
        kept = content[: max(states[0][0], len(content) - cut)]
        path_in(folder).write_bytes(kept)
        found = loaded(folder)
        least = [state for size, state in states if size <= len(kept)][-1]
        if len(kept) in dict(states):
            assert dict(found.entries()) == least
        assert set(least) <= {key for key, _ in found.entries()}
        # What is saved after that is there as well: the torn end is off.
        saved(folder, rule(50, "after"))
        assert loaded(folder).of(119, (bytes(16), 50)) == ("after",)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), place=st.integers(0, 10_000), size=st.integers(1, 30))
def test_a_damaged_file_never_gives_a_name_that_was_not_saved(seed: int, place: int, size: int):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        cache = saved(folder, *(rule(number, f"rule {number}") for number in range(40)))
        content = bytearray(path_in(folder).read_bytes())
        place %= len(content)
        content[place : place + size] = Random(seed).randbytes(size)
        path_in(folder).write_bytes(content)
        found, file = NameCache(), NamesFile(made, "fmc", UNFORCED)
        problem = file.load(found)
        assert problem is None or place < len(FIRST_LINE)
        assert dict(found.entries()).items() <= dict(cache.entries()).items()
        file.close()


def test_a_torn_end_is_cut_off_and_said(tmp_path: Path):
    saved(tmp_path, rule(1, "allow"), rule(2, "block"))
    path = path_in(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", UNFORCED)
    assert file.load(cache) is None
    assert (len(cache), file.torn) == (1, 8 + 22 + 5 - 3)
    file.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"something else",
        lambda content: bytes(len(content)),
        lambda content: content + bytes(names_file.LARGEST_BATCH + 1),
        lambda content: content[:40] + b"?" + content[41:] + b"x" * (names_file.LARGEST_BATCH + 1),
    ],
    ids=["empty", "another file", "zeros", "zeros at the end", "a byte, and much after it"],
)
def test_a_damaged_file_is_put_aside_and_written_again(tmp_path: Path, damage: Callable[[bytes], bytes]):
    saved(tmp_path, rule(1, "allow"), rule(2, "block"))
    path = path_in(tmp_path)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", UNFORCED)
    problem = file.load(cache)
    assert problem is not None
    assert problem.code == "names_unreadable"
    assert Path(str(path) + PUT_ASIDE).read_bytes() == damaged
    assert file.save(cache) is None
    file.close()
    assert dict(loaded(tmp_path).entries()) == dict(cache.entries())


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path):
    content = b"SFE-NAMES 2\nwhatever"
    path_in(tmp_path).write_bytes(content)
    cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", UNFORCED)
    problem = file.load(cache)
    assert problem is not None
    assert problem.code == "names_newer"
    cache.learn(rule(1, "allow"))
    assert file.save(cache) is None
    file.close()
    assert cache.of(119, (bytes(16), 1)) == ("allow",)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [content]


def test_a_file_that_is_too_large_is_not_read_completely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    saved(tmp_path, *(rule(number, "x" * 100) for number in range(100)))
    monkeypatch.setattr(names_file, "LARGEST_FILE", 2000)
    monkeypatch.setattr(names_file, "LARGEST_BATCH", 100)
    assert len(loaded(tmp_path, "names_unreadable")) == (2000 - len(FIRST_LINE)) // (8 + 22 + 100)


def test_a_file_that_has_grown_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names_file, "GROWTH", 500)
    cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", UNFORCED)
    largest = 0
    for number in range(2000):
        cache.learn(rule(number % 7, f"name {number:05}"))
        assert file.save(cache) is None
        largest = max(largest, path_in(tmp_path).stat().st_size)
    file.close()
    assert largest < 2 * 7 * (8 + 22 + 10) + 500 + 200
    assert dict(loaded(tmp_path).entries()) == dict(cache.entries())


def test_more_changes_than_are_remembered_are_saved_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names_file, "LARGEST_BATCH", 1000)
    cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", UNFORCED)
    for number in range(9000):
        cache.learn(rule(number, "x"))
    assert cache.changes() is None
    assert file.save(cache) is None
    for number in range(500):
        cache.learn(rule(number, "y"))
    assert file.save(cache) is None
    file.close()
    assert dict(loaded(tmp_path).entries()) == dict(cache.entries())


@pytest.mark.parametrize("step", ["open", "write", "force", "rename"])
def test_a_disk_that_refuses_the_file_is_said_and_tried_again(tmp_path: Path, step: str):
    disk = Disk()
    cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", disk)
    cache.learn(rule(1, "allow"))
    with disk.instead(**{step: refusing(errno.ENOSPC)}):
        problem = file.save(cache)
    assert problem is not None
    assert problem.code == "names_write_failed"
    assert cache.changes() != []
    assert file.save(cache) is None
    file.close()
    assert loaded(tmp_path).of(119, (bytes(16), 1)) == ("allow",)


def test_a_batch_that_is_written_by_half_is_written_again(tmp_path: Path):
    disk = Disk()
    cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", disk)
    cache.learn(rule(1, "allow"))
    assert file.save(cache) is None
    cache.learn(rule(2, "block"))
    real = Disk()

    def half(descriptor: int, data: bytes) -> int:
        real.write(descriptor, bytes(data[: len(data) // 2]))
        raise OSError(errno.ENOSPC, "full")

    with disk.instead(write=half):
        assert file.save(cache) is not None
    with disk.instead(write=half, truncate=refusing(errno.EROFS)):
        assert file.save(cache) is not None
    assert len(loaded_aside(tmp_path)) == 1
    assert file.save(cache) is None
    file.close()
    assert len(loaded(tmp_path)) == 2


def loaded_aside(folder: Path) -> NameCache:
    """What a start would find in a copy."""
    with tempfile.TemporaryDirectory() as made:
        path_in(Path(made)).write_bytes(path_in(folder).read_bytes())
        return loaded(Path(made))


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path):
    saved(tmp_path, rule(1, "allow"))
    disk = Disk()
    for step in ("open", "read_at"):
        cache, file = NameCache(), NamesFile(str(tmp_path), "fmc", disk)
        with disk.instead(**{step: refusing(errno.EIO)}):
            problem = file.load(cache)
        assert problem is not None
        assert problem.code == "names_not_accessible"
        file.close()
