"""storage/passwords: what is secret is in memory, and on disk only as ciphertext."""

from __future__ import annotations

import base64
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .confs import Confs

PREFIX = "credential:"
LENGTH_LIMIT = 255


@dataclass(frozen=True)
class Password:
    """One credential. `ciphertext` is what passwords.conf has; `clear` is None where splunkd lists no clear text."""

    realm: str
    username: str
    clear: str | None = field(repr=False)
    ciphertext: str

    @property
    def name(self) -> str:
        return f"{_escape(self.realm)}:{_escape(self.username)}:"


class Passwords:
    """The passwords of one app, encrypted with the key in etc/auth/splunk.secret as Splunk does it."""

    def __init__(self, etc: Path, confs: Confs) -> None:
        self._confs = confs
        self._listed: dict[str, str | None] = {}
        self._lock = threading.RLock()
        self._cipher = AESGCM(_secret(etc / "auth" / "splunk.secret"))

    def all(self, app: str) -> list[Password]:
        """Return the app's passwords."""
        with self._lock:
            stanzas = self._confs.stanzas(app, "passwords")
            return [
                self._decrypt(name[len(PREFIX) :], layer.settings["password"])
                for name, layer in stanzas.items()
                if name.startswith(PREFIX)
            ]

    def set(self, app: str, realm: str, username: str, clear: str) -> Password:
        """Store a password, encrypted. Raises ValueError for one that is empty or too long."""
        if not clear or len(clear) > LENGTH_LIMIT:
            raise ValueError(f"a password has 1 to {LENGTH_LIMIT} characters")
        nonce = os.urandom(12)
        name = Password(realm, username, "", "").name
        sealed = nonce + self._cipher.encrypt(nonce, clear.encode("utf-8"), name.encode("utf-8"))
        ciphertext = "$7$" + base64.b64encode(sealed).decode("ascii")
        with self._lock:
            self._confs.set(app, "passwords", PREFIX + name, {"password": ciphertext})
        return Password(realm, username, clear, ciphertext)

    def plant(self, app: str, realm: str, username: str, content: Mapping[str, str]) -> None:
        """Store what cannot be decrypted: another key's ciphertext, listed with the clear text in `content`, if any.

        A clear text that is printable is one: it is stored as such.
        """
        clear = content.get("clear_password")
        if clear and clear.isprintable():
            self.set(app, realm, username, clear)
            return
        name = Password(realm, username, None, "").name
        with self._lock:
            self._confs.set(app, "passwords", PREFIX + name, {"password": content["encr_password"]})
            self._listed[content["encr_password"]] = clear

    def remove(self, app: str, name: str) -> None:
        """Forget a password."""
        with self._lock:
            self._confs.remove(app, "passwords", PREFIX + name)

    def _decrypt(self, name: str, ciphertext: str) -> Password:
        if ciphertext in self._listed:
            return Password(*_split(name), self._listed[ciphertext], ciphertext)
        realm, username = _split(name)
        try:
            sealed = base64.b64decode(ciphertext[3:])
            clear = self._cipher.decrypt(sealed[:12], sealed[12:], name.encode("utf-8")).decode("utf-8")
        except (InvalidTag, ValueError):
            # Encrypted with another key: splunkd lists it all the same.
            return Password(realm, username, None, ciphertext)
        return Password(realm, username, clear, ciphertext)


def _secret(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    return path.read_bytes()


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


def _split(name: str) -> tuple[str, str]:
    parts = [""]
    characters = iter(name)
    for character in characters:
        if character == "\\":
            parts[-1] += next(characters)
        elif character == ":":
            parts.append("")
        else:
            parts[-1] += character
    return parts[0], parts[1]
