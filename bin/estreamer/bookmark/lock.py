"""The lock on the folder of a bookmark, which one process at a time holds.

Where the file system has locks, the lock is on the file `lock`, and the system lets go of it when the process ends,
however it ends. Some NFS mounts and container volumes have none. There two things together keep a second process out:

* an abstract Unix socket whose name stands for the folder: within one network namespace only one process can have it,
  and it vanishes with that process;
* the file `owner`, which is made only if it is not there. It names the boot of the machine, the network namespace and
  the socket of the process that made it. Only when all of them are those of this process is it removed: whoever made it
  had the socket for as long as it lived, and this process has the socket.

An `owner` from another boot, machine or container may belong to a process that lives, so a person has to decide.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from .. import causes
from ..errors import Problem
from .journal import not_accessible, write_failed

NAME = "lock"
OWNER = "owner"

RETRY_INTERVAL = 0.1
"""Seconds between two attempts to get a lock."""

_HELD = frozenset((errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, getattr(errno, "EDEADLK", -1)))
"""What systems say of a lock that another process has."""

_NO_LOCKS = frozenset(
    getattr(errno, name)
    for name in ("ENOLCK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL", "ENOTTY")
    if hasattr(errno, name)
)
"""What systems say of a file system without locks."""

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NETWORK = "/proc/self/ns/net"

_LARGEST_OWNER = 4096

_Had = TypeVar("_Had")


def patiently(attempt: Callable[[], _Had], patience: float, pause: Callable[[float], object]) -> _Had:
    """Return what an attempt gives that needs the lock; while another process has it, try again for `patience` seconds.

    `pause` waits for so many seconds. Raises what an attempt and `pause` raise, Problem `bookmark_locked` at the end.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except Problem as problem:
            if problem.code != "bookmark_locked" or time.monotonic() >= end:
                raise
        pause(RETRY_INTERVAL)


class Lock:
    """A lock on a folder, which is made if need be; it does not outlive the process, however that ends.

    Raises Problem `bookmark_locked` when another process has it, `bookmark_owned` when a process elsewhere may have it,
    `bookmark_no_locks` when neither the file system nor this machine can keep a second process out, and
    `bookmark_not_accessible` or `bookmark_write_failed` when the disk refuses.
    """

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, NAME)
        self._owner: _Owner | None = None
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise not_accessible(path, error) from error
        try:
            self._take(folder, self._file)
        except BaseException:
            self.release()
            raise
        # The number is for people: a full disk must not keep the input from starting for it.
        with suppress(OSError):
            os.truncate(self._file, 0)
            os.write(self._file, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let go of the lock; may be called again."""
        if self._owner is not None:
            self._owner.release()
            self._owner = None
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, folder: str, file: int) -> None:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _HELD:
                raise _locked(folder, _process_in(file)) from error
            if error.errno not in _NO_LOCKS:
                raise Problem(
                    "bookmark_not_accessible",
                    causes.sentence(f"The bookmark in {folder} cannot be locked", error),
                ) from error
            self._owner = _Owner(folder, error)


class _Owner:
    """What stands in for a lock where the file system has none; see the head of this module."""

    def __init__(self, folder: str, refused: OSError) -> None:
        self._path = os.path.join(folder, OWNER)
        try:
            name = _socket_name(folder)
            self._here = {**_here(), "socket": name}
        except (OSError, ValueError) as error:
            raise _no_locks(folder, refused) from error
        self._socket = _claim(folder, name, refused)
        try:
            self._make(folder)
        except BaseException:
            self._socket.close()
            raise

    def release(self) -> None:
        """Remove the file and let go of the socket, in this order: who gets the socket must not lose its own file."""
        with suppress(OSError):
            os.remove(self._path)
        self._socket.close()

    def _make(self, folder: str) -> None:
        try:
            if self._is_left_behind(folder):
                os.remove(self._path)
            self._write()
        except FileExistsError:
            raise _owned(folder, self._path, self._read()) from None
        except OSError as error:
            raise write_failed(folder, error) from error

    def _is_left_behind(self, folder: str) -> bool:
        """Return whether the file is of a process that has ended for certain. Raises Problem when that is unknown."""
        found = self._read()
        if found is None:
            return False
        if {name: found.get(name) for name in self._here} != self._here:
            raise _owned(folder, self._path, found)
        return True

    def _write(self) -> None:
        told = {**self._here, "process": os.getpid(), "host": socket.gethostname()}
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, json.dumps(told).encode("ascii"))
        except BaseException:
            with suppress(OSError):
                os.remove(self._path)
            raise
        finally:
            os.close(file)

    def _read(self) -> dict[str, object] | None:
        """Return what the file says: nothing for one that cannot be understood, None when there is no file."""
        try:
            with open(self._path, "rb") as file:
                found = json.loads(file.read(_LARGEST_OWNER))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _here() -> dict[str, str]:
    """Return the boot of this machine and the network namespace of this process. Raises OSError without them."""
    with open(_BOOT_ID, encoding="ascii") as file:
        return {"boot": file.read().strip(), "network": os.readlink(_NETWORK)}


def _socket_name(folder: str) -> str:
    """Return what stands for a folder, by whatever path it is reached. Raises OSError."""
    place = os.stat(folder)
    return hashlib.sha256(f"{place.st_dev}/{place.st_ino}".encode("ascii")).hexdigest()


def _claim(folder: str, name: str, refused: OSError) -> socket.socket:
    """Return the socket of this name, which vanishes with this process."""
    claimed = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claimed.bind(f"\0estreamer-{name}")
    except OSError as error:
        claimed.close()
        if error.errno == errno.EADDRINUSE:
            raise _locked(folder, "") from error
        raise _no_locks(folder, refused) from error
    return claimed


def _process_in(file: int) -> str:
    """Return the number of the process that holds a lock, as far as its file tells."""
    if sys.platform == "win32":
        return ""
    said = os.read(file, 20).decode("ascii", "replace").strip()
    return said if said.isdigit() else ""


def _locked(folder: str, process: str) -> Problem:
    return Problem(
        "bookmark_locked",
        f"Another copy of this input{f' (process {process})' if process else ''} is still running and holds the "
        f"bookmark in {folder}. "
        "Only one may run: wait until it has ended, or end it.",
    )


def _owned(folder: str, path: str, found: dict[str, object] | None) -> Problem:
    host, process = ((found or {}).get(name) for name in ("host", "process"))
    who = f"process {process} on the host {host[:100]!r}" if isinstance(host, str) and isinstance(process, int) else "?"
    return Problem(
        "bookmark_owned",
        f"The file system of {folder} has no locks, and the file {path} says that another copy of this input ({who}) "
        "uses the bookmark. It was written on another machine, in another container, or before this machine was "
        "started, so whether that copy still runs cannot be found out here. When it does not run, delete the file.",
    )


def _no_locks(folder: str, refused: OSError) -> Problem:
    return Problem(
        "bookmark_no_locks",
        f"The file system of {folder} has no locks ({causes.text(refused)}), and this machine offers nothing else to "
        "keep a second copy of this input from using the bookmark. Move Splunk's checkpoints (SPLUNK_DB) to a file "
        "system with locks: a local one, or NFS with its lock service.",
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        # Beyond the bytes that hold the number, which can thus be read by others.
        os.lseek(file, 1024, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
