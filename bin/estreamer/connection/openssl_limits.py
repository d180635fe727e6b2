"""Which ways of protecting a PKCS#12 file OpenSSL cannot do on this machine.

OpenSSL can be restricted, as in FIPS mode, or lack its old algorithms. The library then says of a PKCS#12 file what it
says of a wrong password. So each way that a file names is tried on something of our own, whose password is known.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import RC2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

_PBE = bytes.fromhex("2a864886f70d010c01")
"""1.2.840.113549.1.12.1, the old ways to encrypt by a password, of which the next number names one [RFC 7292]."""
_TRIPLE_DES = (_PBE + b"\x03", _PBE + b"\x04", bytes.fromhex("2a864886f70d0307"))
_RC2 = (_PBE + b"\x05", _PBE + b"\x06", bytes.fromhex("2a864886f70d0302"))
_MD5 = (bytes.fromhex("2a864886f70d0205"),)
_SHA_1 = (bytes.fromhex("06052b0e03021a"),)
_MODERN = (bytes.fromhex("2a864886f70d01050d"),)
"""PBES2 [RFC 8018]."""


def missing(data: bytes) -> list[str]:
    """Return what a PKCS#12 file is protected with and this machine's OpenSSL cannot do, in words; empty when nothing.

    The identifiers are looked for as bytes, wherever they stand: one that stands there by accident is tried in vain.
    """
    return [
        words
        for words, identifiers, attempt in _WAYS
        if any(identifier in data for identifier in identifiers) and not _works(attempt)
    ]


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (ValueError, InternalError, UnsupportedAlgorithm):
        return False
    return True


def _open_own(encryption: pkcs12.PBES, mac: hashes.HashAlgorithm) -> None:
    """Make and open a file of this kind, around a key that lives as long as this call."""
    how = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).key_cert_algorithm(encryption).hmac_hash(mac)
    key = ec.generate_private_key(ec.SECP256R1())
    made = pkcs12.serialize_key_and_certificates(None, key, None, None, how.build(b"probe"))
    pkcs12.load_pkcs12(made, b"probe")


def _modern() -> None:
    _open_own(pkcs12.PBES.PBESv2SHA256AndAES256CBC, hashes.SHA256())


def _triple_des() -> None:
    _open_own(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, hashes.SHA1())  # noqa: S303 - what old files have


def _rc2() -> None:
    Cipher(RC2(bytes(16)), modes.CBC(bytes(8))).decryptor()


def _md5() -> None:
    hashes.Hash(hashes.MD5())  # noqa: S303 - what old files have


def _sha_1() -> None:
    hashes.Hash(hashes.SHA1())  # noqa: S303 - what old files have


_WAYS = (
    ("PBES2 or the checksum of PKCS#12 files", _MODERN, _modern),
    ("triple DES with SHA-1", _TRIPLE_DES, _triple_des),
    ("RC2", _RC2, _rc2),
    ("MD5", _MD5, _md5),
    ("SHA-1", _SHA_1, _sha_1),
)
