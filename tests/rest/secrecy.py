"""A search for secrets in everything that came out: answers, what handlers and inputs wrote, logs and conf files.

What is secret is learnt from the requests themselves: whatever was sent as a password, and the file and the private key
in whatever was sent as a PKCS#12 file.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from standins.splunk_web import SplunkWeb
from standins.splunkd import Splunkd

FIELDS = ("pkcs12", "pkcs12_password")
NOT_SECRET = ("", "******", "********")
SHORTEST = 8
"""Characters of a password that can be told from other text."""

PIECE = 16
"""Bytes in a row that are a part of a secret: far more than chance could put together."""


def forms_of(secret: bytes) -> set[bytes]:
    """Return pieces of bytes as they would stand in a text or a file: as they are, in hexadecimal, in base64.

    Pieces of base64 are from each end, and so short that the line ends of PEM cannot be in all of them.
    """
    found = set()
    for piece in (secret[:PIECE], secret[-PIECE:]):
        found |= {piece, piece.hex().encode(), piece.hex().upper().encode(), piece.hex(":").encode()}
    for begin in range(3):
        # A group of base64 has three bytes; the last group of a piece may hold what follows it.
        whole = base64.b64encode(secret[begin : len(secret) - (len(secret) - begin) % 3])
        found |= {whole[:PIECE], whole[-PIECE:]}
    return found


def numbers_of(key: object) -> Iterator[bytes]:
    """Yield what is private in a key; the rest of it stands in the certificate, for everybody to see."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        yield key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
    elif isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        for number in (numbers.d, numbers.p, numbers.q):
            yield number.to_bytes((number.bit_length() + 7) // 8, "big")
    else:
        raise TypeError(f"what is private in a {type(key).__name__} is not known here")


def secrets_of_file(text: str, passwords: Iterable[str]) -> frozenset[bytes]:
    """Return what must be nowhere of a PKCS#12 file in base64, and of its key if a password opens it."""
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return frozenset()
    if not content.startswith(b"\x30\x82"):
        return frozenset()
    opened = (private_numbers(content, password) for password in ("", *passwords))
    numbers = next((found for found in opened if found is not None), ())
    return frozenset(forms_of(content).union(*(forms_of(number) for number in numbers)))


@functools.cache
def private_numbers(content: bytes, password: str) -> tuple[bytes, ...] | None:
    """Return what is private in the key of a PKCS#12 file, None if the password does not open it."""
    if "\0" in password:
        return None
    try:
        with warnings.catch_warnings():
            # What is no strict DER is opened all the same.
            warnings.simplefilter("ignore")
            key = pkcs12.load_key_and_certificates(content, password.encode("utf-8", "replace") or None)[0]
    except ValueError:
        return None
    return () if key is None else tuple(numbers_of(key))


def secrets_of_password(password: str) -> set[bytes]:
    """Return a password as it would stand in a text, as it is or escaped, and how it begins."""
    found = {password, password[:PIECE], json.dumps(password)[1:-1], quote(password)}
    encoded = {one.encode("utf-8", "replace") for one in found}
    return {*encoded, base64.b64encode(password.encode("utf-8", "replace")).rstrip(b"=")[:-1]}


class Secrecy:
    """Searches what has come out of a splunkd, and of the Splunk Web before it, since it searched last."""

    def __init__(self, splunkd: Splunkd, web: SplunkWeb | None = None) -> None:
        self._splunkd = splunkd
        self._web = web
        self._searched = [0, 0, 0]
        self._passwords: set[str] = set()
        self._files: set[str] = set()

    def findings(self) -> list[str]:
        """Return where something secret stands."""
        self._learn()
        secrets = self.secrets()
        return sorted({place for place, text in self._texts() if any(secret in text for secret in secrets)})

    def secrets(self) -> set[bytes]:
        """Return what is searched for."""
        passwords = self._passwords
        found = {form for password in passwords for form in secrets_of_password(password)}
        return found.union(*(secrets_of_file(text, sorted(passwords)) for text in self._files))

    def _learn(self) -> None:
        for one in self._splunkd.exchanges()[self._searched[0] :]:
            if one.method != "POST" or "_account" not in one.path or "/configs/" in one.path:
                continue
            file, password = (one.form.get(name, "") for name in FIELDS)
            if file not in NOT_SECRET:
                self._files.add(file)
            if password not in NOT_SECRET:
                assert len(password) >= SHORTEST, f"{password!r} cannot be told from other text: send a longer one"
                self._passwords.add(password)

    def _texts(self) -> Iterable[tuple[str, bytes]]:
        exchanges, calls = self._splunkd.exchanges(), self._splunkd.handler_calls()
        replies = self._web.replies if self._web is not None else []
        begin = self._searched
        self._searched = [len(exchanges), len(calls), len(replies)]
        for one in exchanges[begin[0] :]:
            yield f"answer of splunkd to {one.method} {one.path}", one.body
        for call in calls[begin[1] :]:
            yield f"output of {call.endpoint} {call.action}", (call.stdout + call.stderr).encode()
        for path, body in replies[begin[2] :]:
            yield f"answer of Splunk Web to {path}", body
        for line in self._splunkd.log_lines():
            yield f"stderr of {line.stanza}", line.text.encode("utf-8", "replace")
        for file in files_written(self._splunkd):
            yield str(file), file.read_bytes()


def files_written(splunkd: Splunkd) -> Iterator[Path]:
    """Yield the files below SPLUNK_HOME that have been written since the installation: logs, settings, states."""
    home = splunkd.home
    folders = [home.logs, home.database, home.path / "etc" / "system" / "local", *home.apps.glob("*/local")]
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def pem_of(file: bytes, password: str) -> bytes:
    """Return the private key of a PKCS#12 file as PEM, in clear."""
    key = pkcs12.load_key_and_certificates(file, password.encode())[0]
    assert key is not None
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
