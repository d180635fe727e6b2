"""The names that a Management Center has sent, on the disk: for events after a start that use ids sent before it.

One file for each account, `<sha256 of the account's name, 32 digits>.names`, in the folder of the input's bookmark and
under its lock: one process at a time writes. It holds keys and names as bytes; what they mean is not known here.

The file begins with the line `SFE-NAMES 1`, 1 being the version of this format. Records follow, big endian:

    uint32 CRC-32 of what follows | uint16 length of the key | uint16 length of the name | key | name

The last record of a key counts. Records are appended as names change, in batches, by one write each, without forcing
them to the disk: a crash of the process loses none of them, a loss of power the last ones. When the file has grown
beyond twice what its names need, it is written again, complete on the disk before it takes the place of the other.

Names are a convenience: what goes wrong here is a Problem that is returned, not raised. Reading stops at the first
record that is not sound. Up to one batch after that is a torn end, and is cut off; more is damage: the file is put
aside (`.unreadable`) and the names before that place are kept. A file of a later version is left alone, and nothing is
saved.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Protocol

from .. import causes
from ..errors import Problem
from ..files import BESIDE, FILES, Files

SUFFIX = ".names"
PUT_ASIDE = ".unreadable"
_MAGIC = b"SFE-NAMES "
FIRST_LINE = _MAGIC + b"1\n"
RECORD = struct.Struct(">IHH")

LARGEST_FILE = 64 << 20
"""Bytes that are read of a file. One of this module has half of that at most, with the bounds of its names."""

GROWTH = 1 << 20
"""Bytes by which a file may exceed twice what its names need before it is written again."""

LARGEST_BATCH = 256 << 10
"""Bytes of one write at most, and of a torn end."""

_READ_SIZE = 1 << 20


class Names(Protocol):
    """What is saved."""

    @property
    def size(self) -> int:
        """Bytes of all keys and names."""

    def __len__(self) -> int:
        """Return how many there are."""

    def put(self, key: bytes, name: bytes) -> bool:
        """Take what was saved."""

    def changes(self) -> Iterable[tuple[bytes, bytes]] | None:
        """Return what is to be saved; None for everything."""

    def entries(self) -> Iterable[tuple[bytes, bytes]]:
        """Return everything."""

    def saved(self) -> None:
        """Note that all changes are saved."""


class NamesFile:
    """The file for one account in the folder of a bookmark, whose lock the caller holds.

    Call `load` first, then `save`. `torn` is how many bytes were cut off at the end when it was loaded.
    """

    def __init__(self, folder: str, account: str, files: Files = FILES) -> None:
        self.path = os.path.join(folder, name_of(account))
        self.torn = 0
        self._files = files
        self._file: int | None = None
        self._size = 0
        self._writes = True
        self._damaged = False

    def load(self, names: Names) -> Problem | None:
        """Fill names from the file; return what was wrong with it, None if nothing was, or without a file."""
        try:
            file = self._files.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._not_accessible(error)
        try:
            return self._load(file, names)
        except OSError as error:
            self._close()
            return self._not_accessible(error)

    def _load(self, file: int, names: Names) -> Problem | None:
        self._file = file
        size = self._files.size(file)
        head = self._files.read_at(file, 0, len(FIRST_LINE) + 20)
        line = head.partition(b"\n")[0]
        if line.startswith(_MAGIC) and line[len(_MAGIC) :].isdigit() and not head.startswith(FIRST_LINE):
            self._close()
            self._writes = False
            return _newer(self.path)
        sound = len(FIRST_LINE) if head.startswith(FIRST_LINE) else 0
        if sound:
            for key, name in self._records(file, min(size, LARGEST_FILE)):
                names.put(key, name)
                sound += RECORD.size + len(key) + len(name)
        if size - sound > LARGEST_BATCH or not sound:
            return self._put_aside(sound)
        self.torn = size - sound
        if self.torn:
            self._files.truncate(file, sound)
        self._files.seek(file, sound)
        self._size = sound
        return None

    def _records(self, file: int, size: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the records up to the first that is not sound, a part of the file in memory at a time."""
        place, buffer, at = len(FIRST_LINE), b"", 0
        while True:
            needed = RECORD.size
            if len(buffer) - at >= needed:
                checksum, key_length, name_length = RECORD.unpack_from(buffer, at)
                needed += key_length + name_length
            if len(buffer) - at < needed:
                more = self._files.read_at(file, place, min(_READ_SIZE, size - place))
                if not more:
                    return
                place += len(more)
                buffer, at = buffer[at:] + more, 0
                continue
            content = buffer[at + 4 : at + needed]
            # A key is never empty: a place full of zeros, as a loss of power leaves it, must not count as a record.
            if not key_length or zlib.crc32(content) != checksum:
                return
            yield content[4 : 4 + key_length], content[4 + key_length :]
            at += needed

    def _put_aside(self, sound: int) -> Problem:
        self._close()
        with suppress(OSError):
            self._files.rename(self.path, self.path + PUT_ASIDE)
        self._damaged = True
        return Problem(
            "names_unreadable",
            f"The file of names {self.path} is damaged after {sound} bytes. It was renamed, with {PUT_ASIDE} at its "
            "end. The names before that place are used. "
            "Others are missing until the Management Center sends them again.",
        )

    def save(self, names: Names) -> Problem | None:
        """Save what has changed; return why that was not possible. It is then tried again at the next call."""
        if not self._writes:
            return None
        changes = names.changes()
        if changes is not None and not changes and not self._damaged:
            return None
        try:
            needed = len(FIRST_LINE) + names.size + RECORD.size * len(names)
            if self._file is None or changes is None or self._damaged or self._size > 2 * needed + GROWTH:
                self._write_again(names.entries())
            else:
                self._append(self._file, changes)
        except OSError as error:
            return Problem(
                "names_write_failed",
                causes.sentence(
                    f"The file of names {self.path} cannot be written", error, "Events go on; names are kept in memory."
                ),
            )
        names.saved()
        return None

    def _append(self, file: int, changes: Iterable[tuple[bytes, bytes]]) -> None:
        size = self._size
        try:
            for part in _parts(changes):
                self._files.write_all(file, part)
                size += len(part)
        except OSError:
            # What a disk that has become read-only does not cut off is written over by the next records.
            self._files.seek(file, self._size)
            with suppress(OSError):
                self._files.truncate(file, self._size)
            raise
        self._size = size

    def _write_again(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Put a file with all names in the place of the one that is there."""
        beside = self.path + BESIDE
        file = self._files.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            self._files.write_all(file, FIRST_LINE)
            size = len(FIRST_LINE)
            for part in _parts(entries):
                self._files.write_all(file, part)
                size += len(part)
            self._files.force(file)
        finally:
            self._files.close(file)
        # Windows replaces no file that is open.
        self._close()
        self._files.rename(beside, self.path)
        self._files.force_folder(os.path.dirname(self.path))
        self._file = self._files.open(self.path, os.O_RDWR)
        self._files.seek(self._file, size)
        self._size = size
        self._damaged = False

    def close(self) -> None:
        """Let go of the file, after forcing it to the disk as far as it takes it."""
        if self._file is not None:
            with suppress(OSError):
                self._files.force(self._file)
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            self._files.close(file)

    def _not_accessible(self, error: OSError) -> Problem:
        return Problem("names_not_accessible", causes.sentence(f"The file of names {self.path} cannot be read", error))


def name_of(account: str) -> str:
    """Return the name of an account's file."""
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()[:32] + SUFFIX


def remove_others(folder: str, accounts: Iterable[str], files: Files = FILES) -> None:
    """Remove the files of other accounts, as far as the disk lets go of them: an input has had them, and no longer has.

    Files that were put aside go with those that took their place: there is one for each account at most.
    """
    kept = {name_of(account) + end for account in accounts for end in ("", PUT_ASIDE)}
    ends = tuple(SUFFIX + end for end in ("", PUT_ASIDE, BESIDE))
    with suppress(OSError):
        for name in files.names(folder):
            if name.endswith(ends) and name not in kept:
                with suppress(OSError):
                    files.remove(os.path.join(folder, name))


def _parts(entries: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yield records, gathered in parts of `LARGEST_BATCH` at most."""
    part = bytearray()
    for key, name in entries:
        content = RECORD.pack(0, len(key), len(name))[4:] + key + name
        if part and len(part) + 4 + len(content) > LARGEST_BATCH:
            yield bytes(part)
            part.clear()
        part += zlib.crc32(content).to_bytes(4, "big") + content
    if part:
        yield bytes(part)


def _newer(path: str) -> Problem:
    return Problem(
        "names_newer",
        f"The file of names {path} was written by a later version of this add-on. It is left alone: names are kept in "
        "memory only. Install that version again, or delete this file.",
    )
