"""What ids are called: the interface through which events get their names, and what a metadata record adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, Union

from . import sources
from .records import METADATA, Decoded

Key = Union[int, bytes, tuple[Union[int, bytes], ...]]
"""What a name is looked up by, as it stands on the wire: one field, or several in the order of `metadata.csv`."""

Fields = tuple[str, ...]
"""What a metadata record says of a key: the fields of its column `values`, in that order; a number in digits."""


class Names(Protocol):
    """Names of ids, by the number of the metadata record that gives them."""

    @property
    def version(self) -> int:
        """A number that changes with every name: what was looked up is kept as long as it does not."""

    def of(self, record: int, key: Key) -> Fields | None:
        """Return what is known of a key, None if nothing is. The hot path: called for each id of each event."""


class Entry(NamedTuple):
    """What a metadata record adds: its fields, under its key, and under a shorter one where the tables have one."""

    record: int
    keys: tuple[Key, ...]
    fields: Fields


class KnownNames:
    """Names in memory, without a bound: the last entry for a key wins."""

    def __init__(self) -> None:
        self._fields: dict[tuple[int, Key], Fields] = {}
        self.version = 0

    def of(self, record: int, key: Key) -> Fields | None:
        """Return what is known of a key."""
        return self._fields.get((record, key))

    def learn(self, entry: Entry | None) -> None:
        """Add an entry, if it is one."""
        if entry is not None:
            for key in entry.keys:
                if self._fields.get((entry.record, key)) != entry.fields:
                    self._fields[entry.record, key] = entry.fields
                    self.version += 1


def entry(decoded: Decoded) -> Entry | None:
    """Return what a decoded metadata record adds to the names, None for one that says nothing usable.

    A record that was cut is used if its key and the first of its values are there.
    """
    given = sources.metadata().get(decoded.record_type)
    if given is None or not given.values or decoded.kind != METADATA or decoded.content is None:
        return None
    content = decoded.content
    key = tuple(map(content.get, given.key))
    values = list(map(content.get, given.values))
    if None in key or values[0] is None:
        return None
    keys = [_scalar(key)]
    if given.short_key:
        keys.append(_scalar(key[: len(given.short_key)]))
    return Entry(decoded.record_type, tuple(keys), tuple(_texts(values)))


def _scalar(key: tuple[Any, ...]) -> Key:
    only: Key = key[0]
    return only if len(key) == 1 else key


def _texts(values: list[Any]) -> Iterator[str]:
    for value in values:
        yield str(value) if isinstance(value, int) else (value or b"").decode("utf-8", "replace")
