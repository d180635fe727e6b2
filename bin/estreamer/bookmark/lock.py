"""The lock on the folder of a bookmark, which one process at a time holds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from ..errors import Problem
from .journal import not_accessible

NAME = "lock"

RETRY_INTERVAL = 0.1
"""Seconds between two attempts to get a lock."""

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
    """A lock on a folder, which is made if need be; the system lets go of it when the process ends, however it ends."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, NAME)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise not_accessible(path, error) from error
        try:
            _lock(self._file)
        except OSError as error:
            owner = os.read(self._file, 20).decode("ascii", "replace").strip() if sys.platform != "win32" else "?"
            os.close(self._file)
            raise Problem(
                "bookmark_locked",
                f"Another copy of this input (process {owner or '?'}) is still running and holds the bookmark in "
                f"{folder}. Only one may run: wait until it has ended, or end it.",
            ) from error
        # The number is for people: a full disk must not keep the input from starting for it.
        with suppress(OSError):
            os.truncate(self._file, 0)
            os.write(self._file, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let go of the lock; may be called again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


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
