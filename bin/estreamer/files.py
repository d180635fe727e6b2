"""The calls on the file system of all that survives its failures: the bookmark, an input's report, a file as output.

It is handed in, so that a test can put a disk in its place that fills up, refuses, forgets or is the last that a
process sees. Nothing else in those modules asks the operating system about files.
"""

from __future__ import annotations

import errno
import os
import sys

BESIDE = ".new"
"""What is added to the name of a file while it is written next to the one whose place it takes."""

AFTER_NUMBER, AFTER_LINES = 1024, 2**40
"""Where Windows locks a byte that nobody reads: after the number in a lock's file, and after all lines of a file."""

LOCK_HELD = frozenset((errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, getattr(errno, "EDEADLK", -1)))
"""What systems say of a lock that another process has."""

NO_LOCKS = frozenset(
    getattr(errno, name)
    for name in ("ENOLCK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL", "ENOTTY")
    if hasattr(errno, name)
)
"""What systems say of a file system without locks."""

_BINARY = getattr(os, "O_BINARY", 0)


class Files:
    """The file system of this machine. Another one extends this class and changes the steps that it is about.

    Every method raises OSError. Files are their descriptors; what is not forced to the disk a loss of power may take.
    """

    def make_folder(self, path: str) -> None:
        """Make a folder, and those above it, unless it is there."""
        os.makedirs(path, mode=0o700, exist_ok=True)

    def names(self, folder: str) -> list[str]:
        """Return the names of what is in a folder, in no order."""
        return os.listdir(folder)

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder of that name; False where that cannot be found out."""
        return os.path.isdir(path)

    def remove_folder(self, path: str) -> None:
        """Remove a folder with all that is in it."""
        # It brings the libraries of all archives along, and an input at work removes no folder.
        import shutil  # noqa: PLC0415

        shutil.rmtree(path)

    def force_folder(self, path: str) -> None:
        """Force the names in a folder to the disk, where folders can be opened for that."""
        if sys.platform == "win32":
            return
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        """Open a file, by the flags of `os.open`; one that is made is for its owner only, or has this mode."""
        return os.open(path, flags | _BINARY, mode)

    def close(self, file: int) -> None:
        """Close a file."""
        os.close(file)

    def write(self, file: int, data: bytes | memoryview) -> int:
        """Write at the place where the file stands; return how many bytes were taken."""
        return os.write(file, data)

    def size(self, file: int) -> int:
        """Return how many bytes a file has."""
        return os.fstat(file).st_size

    def read_at(self, file: int, place: int, size: int) -> bytes:
        """Return at most so many bytes of a file from a place on."""
        os.lseek(file, place, os.SEEK_SET)
        return os.read(file, size)

    def seek(self, file: int, place: int) -> None:
        """Let the file stand at so many bytes after its beginning."""
        os.lseek(file, place, os.SEEK_SET)

    def truncate(self, file: int, size: int) -> None:
        """Cut a file off after so many bytes."""
        os.ftruncate(file, size)

    def force(self, file: int) -> None:
        """Force the contents of a file to the disk."""
        # macOS and Windows have no fdatasync.
        getattr(os, "fdatasync", os.fsync)(file)

    def lock(self, file: int, place: int = AFTER_NUMBER) -> None:
        """Lock a file until it is closed, at once or not at all. Windows locks the byte at `place`, for readers too."""
        _lock(file, place)

    def rename(self, path: str, to: str) -> None:
        """Rename a file, in place of what has that name."""
        os.replace(path, to)

    def remove(self, path: str) -> None:
        """Remove a file."""
        os.remove(path)

    def read(self, path: str, at_most: int = -1) -> bytes:
        """Return the content of a file, or so many bytes of it."""
        with open(path, "rb") as file:
            return file.read(at_most)

    def real_path(self, path: str) -> str:
        """Return where a path leads to, from the root on and past all symbolic links."""
        return os.path.realpath(path)

    def read_link(self, path: str) -> str:
        """Return what a symbolic link says."""
        return os.readlink(path)

    def status(self, path: str) -> os.stat_result:
        """Return what the system says of a file or folder."""
        return os.stat(path)

    def make_private(self, path: str) -> None:
        """Take from everybody but the owner what rights they have to a file, where the system knows such rights."""
        if os.name == "posix" and self.status(path).st_mode & 0o077:
            os.chmod(path, 0o600)

    def write_all(self, file: int, content: bytes) -> None:
        """Write to a file, however many writes it takes; where it raises, a part of it may be written."""
        view = memoryview(content)
        while view:
            view = view[self.write(file, view) :]

    def force_file(self, path: str) -> None:
        """Force a file that may not be open to the disk."""
        # Windows wants to be able to write to it for that.
        file = self.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
        try:
            self.force(file)
        finally:
            self.close(file)

    def put(self, path: str, content: bytes) -> None:
        """Put a complete file in place of what has this name: a crash leaves the one or the other."""
        beside = path + BESIDE
        file = self.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            self.write_all(file, content)
            self.force(file)
        finally:
            self.close(file)
        self.rename(beside, path)
        self.force_folder(os.path.dirname(path))


FILES = Files()
"""The file system of this machine."""

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, place: int) -> None:
        os.lseek(file, place, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(file: int, _: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
