"""The names that a Management Center has sent, in memory: bounded, since the server chooses how many there are.

Keys and names are kept as bytes, and in one dictionary: 200,000 of them take some 32 MiB, at most 40. A key is the
number of the metadata record, and the fields of its key, each number as four bytes. Names are the texts of the record
in UTF-8, with a NUL between them. `bookmark.names_file` keeps the same bytes on the disk, and does not know what they
mean.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

from . import sources
from .names import Entry, Fields, Key

MOST_ENTRIES = 200_000
MOST_BYTES = 16 << 20
"""Bytes of all keys and names together. Real networks need a fraction: an access rule takes 40."""

LONGEST_KEY = 64
"""Bytes of a key; the longest in the tables has 34. An entry with a longer one is not kept."""

LONGEST_NAME = 2048
"""Bytes of the texts of an entry; what is longer is cut."""

MOST_PENDING = 8192
"""Changes that are remembered until they are saved. With more of them, all entries have to be written."""

MOST_KINDS = 256
"""Record numbers for which names that are missing are counted apart; all others are counted as `OTHER_KINDS`."""

OTHER_KINDS = -1

_FORGOTTEN_AT_ONCE = 64
"""The part of the entries that is forgotten when there are too many. Taking one at a time from the front of a
dictionary walks over all places that became empty before."""

_SEPARATOR = "\0"
_RECORD = struct.Struct(">H")
_ONE = struct.Struct(">HI")
_BIT_SET = 124
"""The reasons of a rule: a value that has no text is asked for bit by bit, so that only bits count as missing."""


class NameCache:
    """Names of one Management Center: the last entry for a key wins, and entries that were sent last stay longest.

    `forgotten` counts entries that gave way to others, `cut` names that were too long, `refused` entries whose key was.
    """

    def __init__(self, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self.version = 0
        self.forgotten = self.cut = self.refused = 0
        self._names: dict[bytes, bytes] = {}
        self._size = 0
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._pending: dict[bytes, None] = {}
        self._all_pending = False
        self._missing: Counter[int] = Counter()

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._names)

    @property
    def size(self) -> int:
        """How many bytes all keys and names have together."""
        return self._size

    def of(self, record: int, key: Key) -> Fields | None:
        """Return what is known of a key, None if nothing is."""
        found = self._names.get(_packed(record, key))
        if found is None:
            self._miss(record, key)
            return None
        return tuple(found.decode("utf-8", "replace").split(_SEPARATOR))

    def _miss(self, record: int, key: Key) -> None:
        """Count a name that is missing, unless it is asked for by a shorter key next, or bit by bit."""
        if type(key) is tuple and len(key) > _last_width(record):
            return
        if record == _BIT_SET and isinstance(key, int) and key & (key - 1):
            return
        counted = record if record in self._missing or len(self._missing) < MOST_KINDS else OTHER_KINDS
        self._missing[counted] += 1

    @property
    def missing(self) -> Mapping[int, int]:
        """How often a name was asked for in vain, by the number of the metadata record that would give it.

        What is written of an id is kept for a while, so that an id counts less often than events have it.
        """
        return dict(self._missing)

    def learn(self, entry: Entry | None) -> None:
        """Add an entry, if it is one."""
        if entry is None:
            return
        name = _name(entry.fields)
        if len(name) > LONGEST_NAME:
            self.cut += 1
            name = name[:LONGEST_NAME].decode("utf-8", "ignore").encode()
            # Each text is there, if only as an empty one: whoever asks may rely on their number.
            name += _SEPARATOR.encode() * (len(entry.fields) - 1 - name.count(b"\0"))
        for key in entry.keys:
            packed = _packed(entry.record, key)
            if self.put(packed, name):
                self._is_pending(packed)

    def put(self, key: bytes, name: bytes) -> bool:
        """Add an entry in the form in which it is saved; return whether that changed anything."""
        if not _RECORD.size < len(key) <= LONGEST_KEY or len(name) > 2 * LONGEST_NAME:
            self.refused += 1
            return False
        names = self._names
        before = names.pop(key, None)
        names[key] = name
        if before == name:
            return False
        self._size += len(name) - len(before) if before is not None else len(key) + len(name)
        self.version += 1
        while len(names) > self._most_entries or self._size > self._most_bytes:
            self._forget()
        return True

    def _forget(self) -> None:
        """Forget the entries that were sent longest ago."""
        names = self._names
        for key in list(islice(names, max(1, len(names) // _FORGOTTEN_AT_ONCE))):
            self._size -= len(key) + len(names.pop(key))
            self._pending.pop(key, None)
            self.forgotten += 1

    def _is_pending(self, key: bytes) -> None:
        if self._all_pending or key not in self._names:
            return
        self._pending[key] = None
        if len(self._pending) > MOST_PENDING:
            self._pending = {}
            self._all_pending = True

    def changes(self) -> Iterable[tuple[bytes, bytes]] | None:
        """Return the entries to be saved since `saved`; None when there are so many that all have to be."""
        if self._all_pending:
            return None
        names = self._names
        return [(key, names[key]) for key in self._pending]

    def entries(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all entries, those first that were sent longest ago."""
        return self._names.items()

    def saved(self) -> None:
        """Note that all changes are saved."""
        self._pending = {}
        self._all_pending = False


def _packed(record: int, key: Key) -> bytes:
    """Return a key as bytes, b"" for one with a number that no field can have."""
    try:
        if isinstance(key, int):
            return _ONE.pack(record, key)
        if isinstance(key, bytes):
            return _RECORD.pack(record) + key
        return _RECORD.pack(record) + b"".join(
            [one if isinstance(one, bytes) else one.to_bytes(4, "big") for one in key]
        )
    except (struct.error, OverflowError):
        return b""


def _name(fields: Fields) -> bytes:
    texts = (
        fields if not any(_SEPARATOR in text for text in fields) else [one.replace(_SEPARATOR, " ") for one in fields]
    )
    return _SEPARATOR.join(texts).encode("utf-8", "replace")


def _last_width(record: int) -> int:
    """Return how many fields the key has by which a name is asked for last."""
    given = sources.metadata().get(record)
    return len(given.short_key or given.key) if given is not None else 1
