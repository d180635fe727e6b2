"""What an input asks of the operating system, with a kill at any call, a disk that fills up, and a loss of power."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable

from estreamer.files import Files


class Killed(BaseException):
    """The process was killed: nothing that it does from here on has an effect."""


class System(Files):
    """The files of the bookmark, and the pipe. They are real; the calls that change them can fail or be the last.

    What was not forced to the disk is kept in mind, for `lose_power`.
    """

    def __init__(self, rng: random.Random) -> None:
        self.random = rng
        self.pipe = -1
        self.dead = False
        self.kill_in: int | None = None
        self.disk_full = False
        self.on_generation: Callable[[], None] = lambda: None
        self._paths: dict[int, str] = {}
        self._forced: dict[str, int] = {}
        self._renamed: dict[str, str] = {}

    def call(self) -> bool:
        """Note a call; return whether it is the last one, to be made before the kill. Raises Killed instead of it."""
        if self.dead:
            raise Killed
        if self.kill_in is None:
            return False
        self.kill_in -= 1
        if self.kill_in > 0:
            return False
        self.dead = True
        if self.random.random() < 0.5:
            raise Killed
        return True

    def bury(self) -> None:
        """Close what a process had open that has ended."""
        for descriptor in list(self._paths):
            os.close(descriptor)
        self._paths.clear()
        self.dead = False
        self.kill_in = None

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        last = self.call()
        descriptor = super().open(path, flags, mode)
        self._paths[descriptor] = path
        if flags & os.O_TRUNC:
            self._forced[path] = 0
        if last:
            raise Killed
        return descriptor

    def close(self, file: int) -> None:
        self._paths.pop(file, None)
        super().close(file)

    def write(self, file: int, data: bytes | memoryview) -> int:
        last = self.call()
        journal = file != self.pipe
        if journal and self.disk_full and self._has_room(file, len(data)):
            taken = super().write(file, data)
            journal = False
        elif journal and (self.disk_full or last) and len(data) > 1:
            taken = super().write(file, data[: self.random.randrange(len(data))])
            if not last and self.random.random() < 0.3 and taken:
                return taken
        else:
            taken = super().write(file, data)
        if last:
            raise Killed
        if journal and self.disk_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return taken

    def _has_room(self, file: int, size: int) -> bool:
        """Whether the bytes take the place of others."""
        return os.lseek(file, 0, os.SEEK_CUR) + size <= os.fstat(file).st_size

    def truncate(self, file: int, size: int) -> None:
        last = self.call()
        super().truncate(file, size)
        path = self._paths[file]
        self._forced[path] = min(self._forced.get(path, 0), size)
        if last:
            raise Killed

    def force(self, file: int) -> None:
        last = self.call()
        if self.disk_full and self.random.random() < 0.5:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._forced[self._paths[file]] = os.fstat(file).st_size
        if last:
            raise Killed

    def force_folder(self, path: str) -> None:
        """Make renames last: a folder is opened for that, and forced."""
        if self.call():
            raise Killed
        last = self.call()
        self._renamed.clear()
        if last:
            raise Killed

    def rename(self, path: str, to: str) -> None:
        last = self.call()
        super().rename(path, to)
        self._forced[to] = self._forced.pop(path, 0)
        self._renamed[to] = path
        if to.endswith(".journal"):
            self.on_generation()
        if last:
            raise Killed

    def remove(self, path: str) -> None:
        last = self.call()
        super().remove(path)
        if last:
            raise Killed

    def lose_power(self) -> None:
        """Lose what was not forced to the disk, or some of it."""
        for destination, source in self._renamed.items():
            if self.random.random() < 0.5 and os.path.exists(destination):
                os.replace(destination, source)
                self._forced[source] = self._forced.pop(destination, 0)
        self._renamed.clear()
        for path, forced in self._forced.items():
            if not os.path.exists(path):
                continue
            size = os.path.getsize(path)
            if size <= forced:
                continue
            kept = self.random.randint(forced, size)
            os.truncate(path, kept)
            if self.random.random() < 0.3:
                # Some file systems keep the size and lose the content.
                os.truncate(path, size)
            self._forced[path] = os.path.getsize(path)
