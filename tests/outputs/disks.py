"""A disk that fills up, fails or has no locks, and a process on it that ends without closing its files."""

from __future__ import annotations

import errno
import os
import stat

from estreamer.files import Files


class Disk(Files):
    """The real file system. Knows how many bytes of the file that was forced last are safe from a loss of power."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.error = errno.ENOSPC
        self.force_fails = False
        self.lock_error: int | None = None
        self.forced = 0
        self._files: set[int] = set()

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        file = super().open(path, flags, mode)
        self._files.add(file)
        return file

    def close(self, file: int) -> None:
        self._files.discard(file)
        super().close(file)

    def write(self, file: int, data: bytes | memoryview) -> int:
        if self.room is None:
            return super().write(file, data)
        if not self.room:
            raise OSError(self.error, os.strerror(self.error))
        taken = super().write(file, data[: self.room])
        self.room -= taken
        return taken

    def force(self, file: int) -> None:
        if self.force_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().force(file)
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode):
            self.forced = status.st_size

    def force_folder(self, path: str) -> None:
        if self.force_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().force_folder(path)

    def lock(self, file: int, place: int = 0) -> None:
        if self.lock_error is not None:
            raise OSError(self.lock_error, os.strerror(self.lock_error))
        super().lock(file, place)

    def end_process(self) -> None:
        """Close all files, as the system does when a process ends."""
        for file in list(self._files):
            self.close(file)

    def has_open_files(self) -> bool:
        """Return whether a file is open."""
        return bool(self._files)
