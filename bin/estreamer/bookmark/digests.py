"""What stands for an event in the bookmark: 64 bits at which nobody can aim who does not have the bookmark's key.

Whoever can choose what an event says (a URL, a file name, a packet) could otherwise give it the digest of another event
and have it treated as that one's duplicate. The key opens nothing: it is a file of mode 0600 in the bookmark's folder.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from array import array
from collections.abc import Sequence
from contextlib import suppress

from ..errors import Problem
from . import journal

KEY_NAME = "key"
KEY_SIZE = 32

_BLOCK_SIZE = 64
_IDENTITY = b"identity\0"
_WORDS = 4
"""How many numbers of 64 bits a SHA-256 has, of which the first is used."""


class Digests:
    """The digests under one key, of `KEY_SIZE` bytes."""

    def __init__(self, key: bytes) -> None:
        # The key fills a block of its own, so that it is hashed once and not for every event.
        self._begun = hashlib.sha256(key.ljust(_BLOCK_SIZE, b"\0"))
        self.key_id = hashlib.sha256(b"key\0" + key).hexdigest()[:16]
        """Tells this key from others, and nothing about it."""

    def of(self, payloads: Sequence[bytes]) -> array[int]:
        """Return the digest of each payload. The hot path: what can be done for all at once is."""
        copy = self._begun.copy
        found = []
        for payload in payloads:
            state = copy()
            state.update(payload)
            found.append(state.digest())
        return journal.read_numbers(b"".join(found))[::_WORDS]

    def of_identities(self, identities: Sequence[bytes | None]) -> array[int]:
        """Return the number that stands for each identity, 0 where there is none."""
        found = iter(self.of([_IDENTITY + one for one in identities if one is not None]))
        return array("Q", [0 if one is None else next(found) for one in identities])


def old_digest(payload: bytes) -> int:
    """Return what stood for a payload in version 1 of the bookmark: its length and its CRC-32."""
    return len(payload) << 32 | zlib.crc32(payload)


def old_identity(identity: bytes) -> int:
    """Return what stood for an identity in version 1 of the bookmark: the beginning of its SHA-256."""
    return int.from_bytes(hashlib.sha256(identity).digest()[:8], "little")


def read_key(folder: str) -> bytes | None:
    """Return the key in a bookmark's folder; None when there is none, or when it is not as long as a key is.

    Raises Problem `bookmark_not_accessible`.
    """
    path = os.path.join(folder, KEY_NAME)
    try:
        with open(path, "rb") as file:
            key = file.read(KEY_SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise journal.not_accessible(path, error) from error
    return key if len(key) == KEY_SIZE else None


def make_key(folder: str) -> bytes:
    """Make a key, have it on the disk under its name, and return it. Raises Problem `bookmark_write_failed`."""
    key = os.urandom(KEY_SIZE)
    path = os.path.join(folder, KEY_NAME)
    try:
        with suppress(FileNotFoundError):
            os.remove(path + ".new")
        file = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | journal.BINARY, 0o600)
        try:
            journal.write_all(file, key)
            journal.sync(file)
        finally:
            os.close(file)
        os.replace(path + ".new", path)
        journal.sync_folder(folder)
    except OSError as error:
        raise journal.write_failed(folder, error) from error
    return key


def lost_key(folder: str) -> Problem:
    """The key that the entries of a bookmark were made with is not there any more."""
    return Problem(
        "bookmark_key_lost",
        f"The key of the bookmark in {folder} is missing or is another one. Nothing is lost, but what the Management "
        "Center sends again cannot be recognized: it arrives twice, once. Restore the file 'key' together with the "
        "journals if the folder was copied.",
    )
