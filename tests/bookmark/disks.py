"""File systems for tests: the real one, on which single steps do something else for a while."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from estreamer.files import Files


class Disk(Files):
    """The real file system; `instead` says what steps do in place of what they do there."""

    @contextmanager
    def instead(self, **steps: Callable[..., object]) -> Iterator[None]:
        assert set(steps) <= set(vars(Files)), "there is no such step"
        vars(self).update(steps)
        try:
            yield
        finally:
            for name in steps:
                del vars(self)[name]


class Lockless(Disk):
    """A file system that answers to every lock with this error: by default it has none."""

    def __init__(self, number: int) -> None:
        self._number = number

    def lock(self, file: int, place: int = 0) -> None:
        raise OSError(self._number, os.strerror(self._number))


class Unforced(Files):
    """The real file system, without waiting for the disk."""

    def force(self, file: int) -> None:
        return

    def force_folder(self, path: str) -> None:
        return


def refusing(number: int) -> Callable[..., NoReturn]:
    """Return a step that fails with this error."""

    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refuse
