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
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from .. import causes
from ..clock import CLOCK, Clock
from ..errors import Problem
from ..files import FILES, LOCK_HELD, NO_LOCKS, Files
from .journal import not_accessible, write_failed

NAME = "lock"
OWNER = "owner"

RETRY_INTERVAL = 0.1
"""Seconds between two attempts to get a lock."""

BOOT_ID = "/proc/sys/kernel/random/boot_id"
NETWORK = "/proc/self/ns/net"

_LARGEST_OWNER = 4096

_Had = TypeVar("_Had")


class BookmarkLocked(Problem):
    """Another process has the lock."""


def patiently(
    attempt: Callable[[], _Had], patience: float, pause: Callable[[float], object], clock: Clock = CLOCK
) -> _Had:
    """Return what an attempt gives that needs the lock; while another process has it, try again for `patience` seconds.

    `pause` waits for so many seconds. Raises what an attempt and `pause` raise, `BookmarkLocked` at the end.
    """
    end = clock.monotonic() + patience
    while True:
        try:
            return attempt()
        except BookmarkLocked:
            if clock.monotonic() >= end:
                raise
        pause(RETRY_INTERVAL)


class Lock:
    """A lock on a folder, which is made if need be; it does not outlive the process, however that ends.

    Raises `BookmarkLocked` when another process has it, Problem `bookmark_owned` when a process elsewhere may have it,
    `bookmark_no_locks` when neither the file system nor this machine can keep a second process out, and
    `bookmark_not_accessible` or `bookmark_write_failed` when the disk refuses.
    """

    def __init__(self, folder: str, files: Files = FILES) -> None:
        path = os.path.join(folder, NAME)
        self._files = files
        self._owner: _Owner | None = None
        try:
            files.make_folder(folder)
            self._file: int | None = files.open(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise not_accessible(path, error) from error
        try:
            self._take(folder, self._file)
        except BaseException:
            self.release()
            raise
        # The number is for people: a full disk must not keep the input from starting for it.
        with suppress(OSError):
            files.truncate(self._file, 0)
            files.write(self._file, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let go of the lock; may be called again."""
        if self._owner is not None:
            self._owner.release()
            self._owner = None
        if self._file is not None:
            self._files.close(self._file)
            self._file = None

    def _take(self, folder: str, file: int) -> None:
        try:
            self._files.lock(file)
        except OSError as error:
            if error.errno in LOCK_HELD:
                raise _locked(folder, _process_in(folder, self._files)) from error
            if error.errno not in NO_LOCKS:
                raise Problem(
                    "bookmark_not_accessible",
                    causes.sentence(f"The bookmark in {folder} cannot be locked", error),
                ) from error
            self._owner = _Owner(folder, error, self._files)


class _Owner:
    """What stands in for a lock where the file system has none; see the head of this module."""

    def __init__(self, folder: str, refused: OSError, files: Files) -> None:
        self._files = files
        self._path = os.path.join(folder, OWNER)
        try:
            name = _socket_name(folder, files)
            self._here = {**_here(files), "socket": name}
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
            self._files.remove(self._path)
        self._socket.close()

    def _make(self, folder: str) -> None:
        try:
            if self._is_left_behind(folder):
                self._files.remove(self._path)
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
        file = self._files.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            self._files.write(file, json.dumps(told).encode("ascii"))
        except BaseException:
            with suppress(OSError):
                self._files.remove(self._path)
            raise
        finally:
            self._files.close(file)

    def _read(self) -> dict[str, object] | None:
        """Return what the file says: nothing for one that cannot be understood, None without a file."""
        try:
            found = json.loads(self._files.read(self._path, _LARGEST_OWNER))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _here(files: Files) -> dict[str, str]:
    """Return the boot of this machine and the network namespace of this process. Raises OSError without them."""
    return {"boot": files.read(BOOT_ID).decode("ascii").strip(), "network": files.read_link(NETWORK)}


def _socket_name(folder: str, files: Files) -> str:
    """Return what stands for a folder, by whatever path it is reached. Raises OSError."""
    place = files.status(folder)
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


def _process_in(folder: str, files: Files) -> str:
    """Return the number of the process that holds the lock of a folder, as far as its file says."""
    if sys.platform == "win32":
        return ""
    try:
        said = files.read(os.path.join(folder, NAME), 20).decode("ascii", "replace").strip()
    except OSError:
        return ""
    return said if said.isdigit() else ""


def _locked(folder: str, process: str) -> BookmarkLocked:
    return BookmarkLocked(
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
