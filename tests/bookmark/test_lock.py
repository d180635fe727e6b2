"""One process at a time uses a bookmark, also where the file system has no locks; and what is said is the cause."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from estreamer.bookmark import journal, lock
from estreamer.bookmark.bookmark import Bookmark
from estreamer.bookmark.folder import folder_of, remove
from estreamer.bookmark.lock import Lock
from estreamer.errors import Problem
from estreamer.files import FILES, Files

from standins.places import ROOT
from tests.bookmark.disks import Lockless, refusing

STANZA = "estreamer_fqe://main"

LOCKLESS = [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL]
HELD = [errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES]


def names(number: int) -> str:
    return errno.errorcode[number]


def refusal(folder: Path, files: Files) -> Problem:
    with pytest.raises(Problem) as caught:
        Lock(str(folder), files)
    return caught.value


@pytest.mark.parametrize("number", HELD, ids=names)
def test_a_lock_that_another_process_has_is_another_copy(tmp_path: Path, number: int) -> None:
    (tmp_path / lock.NAME).write_text("4711\n")
    files = Lockless(number)
    problem = refusal(tmp_path, files)
    assert problem.code == "bookmark_locked"
    assert "process 4711" in problem.text


@pytest.mark.parametrize("number", LOCKLESS, ids=names)
def test_a_file_system_without_locks_is_no_other_copy_and_is_used(tmp_path: Path, number: int) -> None:
    files = Lockless(number)
    held = Lock(str(tmp_path), files)
    problem = refusal(tmp_path, files)
    assert problem.code == "bookmark_locked"
    held.release()
    Lock(str(tmp_path), files).release()
    assert not (tmp_path / lock.OWNER).exists()


@pytest.mark.parametrize("number", [errno.EIO, errno.EBADF, errno.ESTALE], ids=names)
def test_any_other_failure_of_a_lock_is_told_as_it_is(tmp_path: Path, number: int) -> None:
    files = Lockless(number)
    problem = refusal(tmp_path, files)
    assert problem.code == "bookmark_not_accessible"
    assert names(number) in problem.text
    assert "copy" not in problem.text


_HOLD = """
import errno, os, sys
sys.path.insert(0, sys.argv[1])
from estreamer.bookmark import lock
from estreamer.files import Files
class Lockless(Files):
    def lock(self, file):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
held = lock.Lock(sys.argv[2], Lockless())
print("held", flush=True)
sys.stdin.read()
held.release()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that has the folder, on a file system without locks."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(ROOT / "bin"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_without_locks_another_process_is_kept_out_as_long_as_it_lives(tmp_path: Path) -> None:
    files = Lockless(errno.ENOLCK)
    with holder(tmp_path) as other:
        assert refusal(tmp_path, files).code == "bookmark_locked"
        # The same folder by another path.
        (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
        assert refusal(tmp_path / "link", files).code == "bookmark_locked"
        other.communicate("")
    Lock(str(tmp_path), files).release()


def test_without_locks_a_killed_process_keeps_nobody_out(tmp_path: Path) -> None:
    files = Lockless(errno.ENOLCK)
    with holder(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    assert (tmp_path / lock.OWNER).exists()
    Lock(str(tmp_path), files).release()


def rewritten(folder: Path, **changes: object) -> None:
    """Let the file of the owner say something else."""
    path = folder / lock.OWNER
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("member", ["boot", "network", "socket"])
def test_without_locks_what_may_live_elsewhere_is_refused_and_a_person_is_asked(tmp_path: Path, member: str) -> None:
    files = Lockless(errno.ENOLCK)
    with holder(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    rewritten(tmp_path, **{member: "elsewhere"}, process=4711, host="another")
    problem = refusal(tmp_path, files)
    assert problem.code == "bookmark_owned"
    assert "process 4711 on the host 'another'" in problem.text
    assert str(tmp_path / lock.OWNER) in problem.text
    (tmp_path / lock.OWNER).unlink()
    Lock(str(tmp_path), files).release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"host": 1, "process": "x"}'])
def test_without_locks_an_owner_that_cannot_be_read_may_live(tmp_path: Path, content: bytes) -> None:
    files = Lockless(errno.ENOLCK)
    (tmp_path / lock.OWNER).write_bytes(content)
    assert refusal(tmp_path, files).code == "bookmark_owned"
    assert (tmp_path / lock.OWNER).read_bytes() == content


@pytest.mark.parametrize("step", ["read", "read_link"])
def test_a_machine_that_offers_nothing_else_refuses_clearly(tmp_path: Path, step: str) -> None:
    """It does not say in which run it is, or in which network namespace a process."""
    files = Lockless(errno.ENOLCK)
    with files.instead(**{step: refusing(errno.ENOENT)}):
        problem = refusal(tmp_path, files)
    assert problem.code == "bookmark_no_locks"
    assert "ENOLCK" in problem.text
    assert "SPLUNK_DB" in problem.text


def test_without_locks_a_full_disk_is_a_full_disk_and_leaves_no_owner(tmp_path: Path) -> None:
    files = Lockless(errno.ENOLCK)

    def write(file: int, data: bytes) -> int:
        return refusing(errno.ENOSPC)() if b"boot" in data else FILES.write(file, data)

    with files.instead(write=write):
        problem = refusal(tmp_path, files)
    assert problem.code == "bookmark_write_failed"
    assert "full" in problem.text
    assert not (tmp_path / lock.OWNER).exists()


def test_a_bookmark_lives_and_is_removed_without_locks(tmp_path: Path) -> None:
    files = Lockless(errno.ENOLCK)
    for _ in range(2):
        bookmark = Bookmark.open(str(tmp_path), STANZA, reader="r", settle=1, files=files)
        bookmark.begin("fmc", 1000, "r", STANZA)
        bookmark.close()
    remove(str(tmp_path), STANZA, files=files)
    assert not Path(folder_of(str(tmp_path), STANZA)).exists()


CAUSES = {
    errno.ENOSPC: "disk is full",
    errno.EDQUOT: "quota",
    errno.EROFS: "read-only",
    errno.EIO: "check the disk",
    errno.EINVAL: "fsync",
    errno.ENOSYS: "fsync",
    errno.EOPNOTSUPP: "fsync",
    errno.EACCES: "SELinux",
    errno.EPERM: "SELinux",
    errno.ESTALE: "NFS",
    errno.EFBIG: "ulimit -f",
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "ulimit -n",
    errno.ENOENT: "deletes it",
}


@pytest.mark.parametrize("make", [journal.write_failed, journal.not_accessible])
@pytest.mark.parametrize("number", CAUSES, ids=names)
def test_each_error_of_the_disk_has_the_sentence_of_its_own_cause(make, number: int) -> None:
    text = make("/folder", OSError(number, os.strerror(number))).text
    assert os.strerror(number) in text
    assert names(number) in text
    assert CAUSES[number] in text
    assert ("free space" in text) == (number in {errno.ENOSPC, errno.EDQUOT})


@pytest.mark.parametrize("make", [journal.write_failed, journal.not_accessible])
def test_an_error_that_nobody_knows_has_its_own_text_and_no_advice(make) -> None:
    text = make("/folder", OSError(errno.EPROTO, os.strerror(errno.EPROTO))).text
    assert f"{os.strerror(errno.EPROTO)} (EPROTO)." in text
    assert "free space" not in text
    assert "something odd." in make("/folder", OSError("something odd")).text


def test_a_file_that_another_program_holds_open_on_windows_is_told_as_such() -> None:
    error = PermissionError(errno.EACCES, "The process cannot access the file")
    error.winerror = 32  # type: ignore[attr-defined,unused-ignore]
    assert "virus scanner" in journal.write_failed("/folder", error).text
