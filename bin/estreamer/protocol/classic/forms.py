"""Values of fields as JSON: texts, addresses, identifiers, hexadecimal digits."""

from __future__ import annotations

import functools
import ipaddress
from json.encoder import encode_basestring
from typing import Any, Callable

MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv4 address begins where it has 16 bytes."""

CACHED = 4096
"""Addresses and identifiers whose texts are kept, as long as they are in use."""

quoted: Callable[[str], str] = encode_basestring
"""A text as JSON: what is beyond ASCII stays as it is."""


def text(value: bytes) -> str:
    """Return bytes as a JSON text; what is not UTF-8 becomes U+FFFD."""
    return quoted(value.decode("utf-8", "replace"))


@functools.lru_cache(maxsize=CACHED)
def address(value: bytes) -> str:
    """Return an IP address of 4 or 16 bytes as a JSON text; an IPv4 address as such, however it was sent."""
    if len(value) == 4 or value.startswith(MAPPED):
        first, second, third, fourth = value[-4:]
        return f'"{first}.{second}.{third}.{fourth}"'
    return f'"{ipaddress.IPv6Address(value)}"'


@functools.lru_cache(maxsize=CACHED)
def uuid(value: bytes) -> str:
    """Return 16 bytes as the JSON text of a UUID."""
    digits = value.hex()
    return f'"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"'


def mac(value: bytes) -> str:
    """Return a MAC address as a JSON text."""
    return f'"{value.hex(":")}"'


def hexadecimal(value: bytes) -> str:
    """Return bytes as a JSON text of hexadecimal digits."""
    return f'"{value.hex()}"'


def lower(value: bytes) -> str:
    """Return a text in lower case as a JSON text: of a hash, which is compared with others."""
    return quoted(value.decode("utf-8", "replace").lower())


FORMS: dict[str, Callable[[Any], str]] = {
    "integer": str,
    "unix_seconds": str,
    "text": text,
    "ip": address,
    "uuid": uuid,
    "mac": mac,
    "hex": hexadecimal,
}
"""What makes a JSON value of a field, by the form that the table names."""


def digest(value: bytes) -> bytes | None:
    """Return the bytes of a SHA-256 in text form, None for any other text."""
    try:
        found = bytes.fromhex(value.decode("ascii"))
    except ValueError:
        return None
    return found if len(found) == 32 else None
