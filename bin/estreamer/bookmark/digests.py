"""What stands for an event in the bookmark: 64 bits at which nobody can aim who does not have the bookmark's key.

Whoever can choose what an event says (a URL, a file name, a packet) could otherwise give it the digest of another event
and have it treated as that one's duplicate. The key opens nothing: it is a file of mode 0600 in the bookmark's folder.

The digest is the SipHash of the key and the payload, which was made for texts that an attacker chooses, as CPython has
it built in: no slower than a CRC-32 on any processor (docs/decisions/0002). The function's own key has 32 bits on some
systems, so the secret goes before the payload. CPython computes it with two rounds a word and four at the end
until 3.10, with one and three since. A bookmark that follows on one of the other kind computes that one's digests in
Python, at about a millisecond an event, for as long as its entries may be asked for.
"""

from __future__ import annotations

import _imp
import hashlib
import os
import struct
import zlib
from array import array
from collections.abc import Sequence
from contextlib import suppress

from ..errors import Problem
from ..files import BESIDE, FILES, Files
from . import journal

KEY_NAME = "key"
KEY_SIZE = 32

_IDENTITY = b"identity\0"
_MASK = (1 << 64) - 1


class Digests:
    """The digests under one key, of `KEY_SIZE` bytes.

    `name` says which digests they are: it distinguishes this key from others without saying anything about
    it, and says how many rounds the hash has.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._key_id = hashlib.sha256(b"key\0" + key).hexdigest()[:16]
        self.name = f"{self._key_id}/{_ROUNDS[0]}-{_ROUNDS[1]}"

    def of(self, payloads: Sequence[bytes]) -> array[int]:
        """Return the digest of each payload. The hot path."""
        source_hash, key = _imp.source_hash, self._key
        return journal.read_numbers(b"".join([source_hash(0, key + payload) for payload in payloads]))

    def of_identities(self, identities: Sequence[bytes | None]) -> array[int]:
        """Return the number that stands for each identity, 0 for an event without one."""
        found = iter(self.of([_IDENTITY + one for one in identities if one is not None]))
        return array("Q", [0 if one is None else next(found) for one in identities])

    def others(self, name: str) -> OtherDigests | None:
        """Return the computation of the digests of that name; None when they belong to another key."""
        key_id, _, rounds = name.partition("/")
        known = {f"{each}-{last}": (each, last) for each, last in _KNOWN_ROUNDS}
        return OtherDigests(self._key, *known[rounds]) if key_id == self._key_id and rounds in known else None


class OtherDigests:
    """The digests that another Python makes with the same key, slowly: for a replay after a change of Python."""

    def __init__(self, key: bytes, each: int, last: int) -> None:
        self._key = key
        self._rounds = each, last

    def of(self, payload: bytes) -> int:
        """Return the digest of a payload."""
        return siphash(self._key + payload, *self._rounds)

    def of_identity(self, identity: bytes) -> int:
        """Return the number that stands for an identity."""
        return self.of(_IDENTITY + identity)


class OldDigests:
    """What stood for payloads and identities in version 1 of the bookmark."""

    def of(self, payload: bytes) -> int:
        """Return the length and CRC-32 of a payload."""
        return old_digest(payload)

    def of_identity(self, identity: bytes) -> int:
        """Return the beginning of the SHA-256 of an identity."""
        return old_identity(identity)


def siphash(text: bytes, each: int, last: int) -> int:
    """Return SipHash of a text under the key 0, with so many rounds for each word and at the end.

    Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
    """
    state = [0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573]
    padded = text + bytes(7 - len(text) % 8) + bytes((len(text) & 0xFF,))
    for (word,) in struct.iter_unpack("<Q", padded):
        state[3] ^= word
        _mix(state, each)
        state[0] ^= word
    state[2] ^= 0xFF
    _mix(state, last)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _mix(state: list[int], rounds: int) -> None:
    a, b, c, d = state
    for _ in range(rounds):
        a, c = (a + b) & _MASK, (c + d) & _MASK
        b, d = (b << 13 | b >> 51) & _MASK ^ a, (d << 16 | d >> 48) & _MASK ^ c
        a = (a << 32 | a >> 32) & _MASK
        c, a = (c + b) & _MASK, (a + d) & _MASK
        b, d = (b << 17 | b >> 47) & _MASK ^ c, (d << 21 | d >> 43) & _MASK ^ a
        c = (c << 32 | c >> 32) & _MASK
    state[:] = a, b, c, d


_KNOWN_ROUNDS = ((2, 4), (1, 3))
_PROBE = int.from_bytes(_imp.source_hash(0, b"probe"), "little")
_ROUNDS = next((rounds for rounds in _KNOWN_ROUNDS if siphash(b"probe", *rounds) == _PROBE), (0, 0))
"""Of this Python's own hash; (0, 0) for one that is not known, whose digests no other Python can compute."""


def old_digest(payload: bytes) -> int:
    """Return what stood for a payload in version 1 of the bookmark: its length and its CRC-32."""
    return len(payload) << 32 | zlib.crc32(payload)


def old_identity(identity: bytes) -> int:
    """Return what stood for an identity in version 1 of the bookmark: the beginning of its SHA-256."""
    return int.from_bytes(hashlib.sha256(identity).digest()[:8], "little")


def read_key(folder: str, files: Files = FILES) -> bytes | None:
    """Return the key in a bookmark's folder; None without a key, or with one that is not as long as a key is.

    Raises Problem `bookmark_not_accessible`.
    """
    path = os.path.join(folder, KEY_NAME)
    try:
        key = files.read(path, KEY_SIZE + 1)
        # A copy of the folder may have got the rights of whoever made it.
        with suppress(OSError):
            files.make_private(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise journal.not_accessible(path, error) from error
    return key if len(key) == KEY_SIZE else None


def make_key(folder: str, files: Files = FILES) -> bytes:
    """Make a key, have it on the disk under its name, and return it. Raises Problem `bookmark_write_failed`."""
    key = os.urandom(KEY_SIZE)
    path = os.path.join(folder, KEY_NAME)
    try:
        # One that a crash left behind, or a copy of the folder brought, may have other rights, or be a link.
        with suppress(FileNotFoundError):
            files.remove(path + BESIDE)
        files.put(path, key)
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
