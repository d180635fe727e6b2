"""A disk that remembers what it was asked to do, and can show what a loss of power leaves of it.

It is handed to a bookmark in place of the real one. Everything is done on the real disk as well.
What a power failure may leave follows POSIX: contents are safe once the file was forced to the disk (fsync), names once
their folder was. What was not forced is kept, lost, or there in size only (zeros); names come into being and change in
order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable

from estreamer.files import Files

CONTENTS = ("kept", "lost", "zeros")
"""What may become of contents that were not forced to the disk."""


@dataclass(frozen=True)
class Step:
    """One thing that the disk was asked to do. `number` names a file, whatever it is called."""

    what: str
    path: str = ""
    to: str = ""
    number: int = 0
    offset: int = 0
    data: bytes = b""


@dataclass
class _File:
    """What was asked for, and what was forced to the disk."""

    content: bytes = b""
    forced: bytes = b""

    def write(self, offset: int, data: bytes) -> None:
        self.content = self.content[:offset].ljust(offset, b"\0") + data + self.content[offset + len(data) :]

    def left(self, contents: str) -> bytes:
        if contents == "kept":
            return self.content
        if contents == "lost":
            return self.forced
        return self.forced + bytes(max(0, len(self.content) - len(self.forced)))


@dataclass
class _Names:
    """Entries of folders: paths to numbers of files (0: a folder). Those that wait are not forced to the disk yet."""

    forced: dict[str, int] = field(default_factory=dict)
    waiting: list[Step] = field(default_factory=list)

    def force(self, folder: str) -> None:
        done = [step for step in self.waiting if _folder_of(step) == folder]
        for step in done:
            _apply(self.forced, step)
        self.waiting = [step for step in self.waiting if _folder_of(step) != folder]

    def after(self, count: int) -> dict[str, int]:
        """Return the entries when so many of the waiting changes have reached the disk."""
        names = dict(self.forced)
        for step in self.waiting[:count]:
            _apply(names, step)
        return names


def _folder_of(step: Step) -> str:
    # Asked for a million times: ten times as quick as a Path.
    return os.path.dirname(step.path)


def _apply(names: dict[str, int], step: Step) -> None:
    if step.what == "rename":
        names[step.to] = names.pop(step.path, step.number)
    elif step.what == "remove":
        names.pop(step.path, None)
    else:
        names[step.path] = step.number


@dataclass(frozen=True)
class Remains:
    """What a loss of power leaves: files by their path. `how` says what was kept, for a failing test."""

    files: dict[str, bytes]
    folders: frozenset[str]
    how: str

    def below(self, old: Path) -> tuple[frozenset[tuple[str, bytes]], frozenset[str]]:
        """What is left of the folder `old`: files with their contents, and folders, by their paths there."""
        cut = len(str(old))
        files = frozenset((path[cut:], content) for path, content in self.files.items())
        return files, frozenset(folder[cut:] for folder in self.folders)

    def lay_out(self, old: Path, new: Path) -> None:
        """Write it to an empty folder `new`, in place of `old`."""
        for folder in sorted(self.folders):
            (new / Path(folder).relative_to(old)).mkdir(parents=True, exist_ok=True)
        for path, content in self.files.items():
            if str(Path(path).parent) in self.folders or Path(path).parent == old:
                (new / Path(path).relative_to(old)).write_bytes(content)


class Disk(Files):
    """The disk. `steps` is everything that was asked for; `note` is called before each step.

    What is in `folder` from before is safe on the disk, and the first steps are how it came there.
    """

    def __init__(self, folder: Path, note: Callable[[], None] = lambda: None) -> None:
        self.steps: list[Step] = []
        self._note: Callable[[], None] = lambda: None
        self._next = 1
        self._numbers: dict[str, int] = {}
        self._open: dict[int, int] = {}
        self._adopt(folder)
        self._note = note

    def _adopt(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_dir():
                self._add(Step("folder", str(path)))
            else:
                number = self._number(str(path))
                self._add(Step("create", str(path), number=number))
                self._add(Step("write", number=number, data=path.read_bytes()))
                self._add(Step("force", number=number))
            self._add(Step("force folder", str(path.parent)))

    def make_folder(self, path: str) -> None:
        if not os.path.isdir(path):
            self._add(Step("folder", path))
        super().make_folder(path)

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        if not os.path.exists(path):
            self._add(Step("create", path, number=self._number(path)))
        elif flags & os.O_TRUNC:
            self._add(Step("truncate", number=self._number(path)))
        file = super().open(path, flags, mode)
        self._open[file] = self._number(path)
        return file

    def close(self, file: int) -> None:
        self._open.pop(file, None)
        super().close(file)

    def write(self, file: int, data: bytes | memoryview) -> int:
        offset = os.lseek(file, 0, os.SEEK_CUR)
        self._add(Step("write", number=self._open[file], offset=offset, data=bytes(data)))
        return super().write(file, data)

    def truncate(self, file: int, size: int) -> None:
        self._add(Step("truncate", number=self._open[file], offset=size))
        super().truncate(file, size)

    def force(self, file: int) -> None:
        self._add(Step("force", number=self._open[file]))

    def force_folder(self, path: str) -> None:
        self._add(Step("force folder", path))

    def rename(self, path: str, to: str) -> None:
        number = self._number(path)
        self._add(Step("rename", path, to, number))
        self._numbers[to] = self._numbers.pop(path)
        super().rename(path, to)

    def remove(self, path: str) -> None:
        if os.path.exists(path):
            self._add(Step("remove", path))
        super().remove(path)
        self._numbers.pop(path, None)

    def _add(self, step: Step) -> None:
        self._note()
        self.steps.append(step)

    def _number(self, path: str) -> int:
        if path not in self._numbers:
            self._numbers[path] = self._next
            self._next += 1
        return self._numbers[path]


def kept_after(steps: list[Step], torn_at: int | None = None) -> Remains:
    """Return what is there after these steps when only the process ends; the last write may be torn at a byte."""
    if torn_at is not None:
        steps = [*steps[:-1], replace(steps[-1], data=steps[-1].data[:torn_at])]
    files, names = _carry_out(steps)
    return _remains(files, names, "kept", len(names.waiting), f"all kept, torn at {torn_at}")


def remains_after(steps: list[Step]) -> Iterator[Remains]:
    """Yield all that may be there after these steps when the power goes."""
    files, names = _carry_out(steps)
    for contents in CONTENTS:
        for count in range(len(names.waiting) + 1):
            how = f"contents {contents}, {count} of {len(names.waiting)} changes of names done"
            yield _remains(files, names, contents, count, how)


def _carry_out(steps: list[Step]) -> tuple[dict[int, _File], _Names]:
    files: dict[int, _File] = {}
    names = _Names()
    for step in steps:
        file = files.setdefault(step.number, _File())
        if step.what == "write":
            file.write(step.offset, step.data)
        elif step.what == "truncate":
            file.content = file.content[: step.offset]
        elif step.what == "force":
            file.forced = file.content
        elif step.what == "force folder":
            names.force(step.path)
        else:
            names.waiting.append(step)
    return files, names


def _remains(files: dict[int, _File], names: _Names, contents: str, count: int, how: str) -> Remains:
    entries = names.after(count)
    return Remains(
        {path: files[number].left(contents) for path, number in entries.items() if number},
        frozenset(path for path, number in entries.items() if not number),
        how,
    )
