"""PKCS#12 files that somebody made to do harm: each one is refused, in bounded time, with a code and a sentence.

`tests/connection` has what happens to people: wrong passwords, other kinds of files, damage by chance.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12 as library
from estreamer.connection import pkcs12
from estreamer.errors import Problem

from standins.fmc.pki import shared_pki

PASSWORD = "the-password-of-this-file"
AT_ONCE = 10.0
"""Seconds: far more than a refusal takes on a busy machine, far less than the minutes that some files ask for."""
MOST_MEMORY = 128 * 1024
"""KiB by which the peak of this process may grow."""

SEQUENCE, SET, OCTETS, INTEGER, OID = b"\x30", b"\x31", b"\x04", b"\x02", b"\x06"
PIECES = b"\x24"
"""An octet string in pieces."""


def read(data: bytes, password: str = PASSWORD) -> pkcs12.Credentials:
    return pkcs12.read(data, password, datetime.now(timezone.utc), allow_legacy=False)


def refusal(data: bytes, password: str = PASSWORD) -> Problem:
    """Return why a file is refused, after a look at how that is said, how long it took, and what it cost."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    with pytest.raises(Problem) as caught:
        read(data, password)
    assert time.monotonic() - begun < AT_ONCE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MOST_MEMORY
    problem = caught.value
    assert problem.code.startswith(("pkcs12_", "certificate_"))
    assert problem.text.endswith((".", "NEW"))
    assert problem.text[0].isupper()
    assert len(problem.text) < 1000
    assert PASSWORD not in f"{problem.text} {problem!r} {problem.__cause__!r} {problem.__context__!r}"
    return problem


def ber(tag: bytes, *contents: bytes, endless: bool = False) -> bytes:
    """Return an element; `endless` is for one that tells its length by its end."""
    content = b"".join(contents)
    if endless:
        return tag + b"\x80" + content + b"\0\0"
    size = len(content)
    length = bytes((size,)) if size < 0x80 else b"\x83" + size.to_bytes(3, "big")
    return tag + length + content


def whole(data: bytes, position: int = 0) -> bytes:
    """Return the element at that position, with its header."""
    element = pkcs12._element(data, position)
    assert element is not None
    return data[position : element.after]


def children(element: bytes) -> list[bytes]:
    outer = pkcs12._element(element, 0)
    assert outer is not None
    found, position = [], outer.begin
    while position < outer.end:
        found.append(whole(element, position))
        position += len(found[-1])
    return found


def content(element: bytes) -> bytes:
    found = pkcs12._element(element, 0)
    assert found is not None
    return element[found.begin : found.end]


def count(number: int) -> bytes:
    return ber(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


@pytest.fixture(scope="module")
def good() -> bytes:
    return shared_pki().pkcs12(password=PASSWORD)


def with_checksum_rounds(good: bytes, rounds: int, form: str) -> bytes:
    """Return a file that asks for so many rounds for its checksum, in one of the forms that the library reads."""
    version, safe, checksum = children(good)
    digest, salt, _ = children(checksum)
    if form == "salt in pieces":
        salt = ber(PIECES, salt)
    if form == "salt in endless pieces":
        salt = ber(PIECES, salt, endless=True)
    checksum = ber(SEQUENCE, digest, salt, count(rounds), endless=form == "endless checksum")
    return ber(SEQUENCE, version, safe, checksum, endless=form == "endless file")


FORMS = ("plain", "salt in pieces", "salt in endless pieces", "endless checksum", "endless file")


@pytest.mark.parametrize("form", FORMS)
def test_endless_key_derivation_is_refused_however_it_is_written(good: bytes, form: str):
    assert refusal(with_checksum_rounds(good, 1 << 40, form)).code == "pkcs12_unsupported"
    assert refusal(with_checksum_rounds(good, (1 << 31) - 1, form)).code == "pkcs12_unsupported"


@pytest.mark.parametrize("form", FORMS)
def test_what_is_refused_is_the_number_of_rounds_and_not_the_form(good: bytes, form: str):
    # The library reads it as far as the checksum, which is wrong for another number of rounds.
    assert refusal(with_checksum_rounds(good, 1000, form)).code == "pkcs12_wrong_password"


@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_endless_key_derivation_is_found_in_a_safe_that_is_in_pieces(good: bytes, pieces: int):
    version, safe, checksum = children(good)
    kind, wrapped = children(safe)
    (octets,) = children(wrapped)
    parameters = ber(SEQUENCE, ber(OCTETS, b"salt"), count(1 << 40))
    inside = ber(SEQUENCE, parameters, *children(content(octets)))
    cut = [ber(OCTETS, inside[place : place + pieces]) for place in range(0, len(inside), pieces)]
    file = ber(SEQUENCE, version, ber(SEQUENCE, kind, ber(b"\xa0", ber(PIECES, *cut))), checksum)
    assert refusal(file).code == "pkcs12_unsupported"


def test_many_small_derivations_are_refused_like_a_long_one(good: bytes):
    version, safe, checksum = children(good)
    parameters = ber(SEQUENCE, ber(OCTETS, b"salt"), count(1_500_000))
    assert refusal(ber(SEQUENCE, version, safe, checksum, *[parameters] * 5)).code == "pkcs12_unsupported"


def test_the_file_cut_off_anywhere_is_refused(good: bytes):
    for end in range(0, len(good), 3):
        refusal(good[:end])


def test_the_file_cut_off_with_lengths_that_fit_is_refused(good: bytes):
    version, safe, _ = children(good)
    # The checksum may be left out: behind the safe, nothing is missing.
    inside = version + safe
    for end in range(0, len(inside), 7):
        refusal(ber(SEQUENCE, inside[:end]))


def test_a_flipped_bit_anywhere_changes_nothing_or_is_refused(good: bytes):
    for place in range(0, len(good), 5):
        flipped = bytearray(good)
        flipped[place] ^= 1 << place % 8
        try:
            assert read(bytes(flipped)).facts == read(good).facts
        except Problem as problem:
            assert problem.code.startswith(("pkcs12_", "certificate_"))
            assert PASSWORD not in problem.text


def nests() -> Iterator[bytes]:
    for tag, endless in ((SEQUENCE, False), (SEQUENCE, True), (PIECES, False), (PIECES, True), (SET, True)):
        data = ber(OCTETS, b"x")
        while len(data) < pkcs12.MAX_SIZE - 16:
            data = ber(tag, data, endless=endless)
        yield ber(SEQUENCE, data)


def test_nests_of_any_kind_are_refused_at_once():
    for data in nests():
        assert refusal(data).code in ("pkcs12_not_pkcs12", "pkcs12_too_large", "pkcs12_unsupported")


@pytest.mark.parametrize("depth", [10, 20, 40, 100])
@pytest.mark.parametrize("endless", [False, True])
def test_endless_key_derivation_is_refused_however_deep_it_lies(good: bytes, depth: int, endless: bool):
    """The library reads bags within bags: a count that the walk does not reach must not reach the library."""
    version, safe, checksum = children(good)
    deep = ber(SEQUENCE, ber(OCTETS, b"salt"), count(1 << 40))
    for _ in range(depth):
        deep = ber(SEQUENCE, deep, endless=endless)
    assert refusal(ber(SEQUENCE, version, safe, checksum, deep)).code == "pkcs12_unsupported"


def test_a_file_of_nothing_but_beginnings_is_refused_at_once():
    most = pkcs12.MAX_SIZE // 2
    for data in (
        b"\x30\x80" * most,
        b"\x24\x80" * most,
        b"\x30\x80" + b"\x04\x00" * (most - 1),
        b"\x30\x80" * 9 + b"\4\0" * 30000,
    ):
        assert refusal(data).code == "pkcs12_not_pkcs12"


@pytest.mark.parametrize("length", [b"\x84\xff\xff\xff\xff", b"\x88" + b"\xff" * 8, b"\xff" + b"\xff" * 127, b"\x80"])
def test_a_length_beyond_all_bounds_is_refused(good: bytes, length: bytes):
    assert refusal(b"\x30" + length).code == "pkcs12_not_pkcs12"
    assert refusal(b"\x30" + length + content(good)).code == "pkcs12_not_pkcs12"
    assert refusal(ber(SEQUENCE, b"\x02\x01\x03", b"\x30" + length, content(good))).code == "pkcs12_not_pkcs12"


@pytest.mark.parametrize("kind", [b"\x02", b"\x03", b"\x06", b"\x63"])
def test_a_safe_of_another_kind_is_refused(good: bytes, kind: bytes):
    version, safe, checksum = children(good)
    _, wrapped = children(safe)
    safe = ber(SEQUENCE, ber(OID, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07" + kind), wrapped)
    refusal(ber(SEQUENCE, version, safe))
    refusal(ber(SEQUENCE, version, safe, checksum))


@pytest.mark.parametrize("what", ["key", "certificate", "signing request", "many certificates"])
def test_pem_in_place_of_it_is_refused_whatever_it_holds(what: str):
    pki = shared_pki()
    issued = pki.client()
    texts = {
        "key": issued.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSWORD.encode()),
        ),
        "certificate": issued.certificate.public_bytes(serialization.Encoding.PEM),
        "signing request": b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
        "many certificates": issued.certificate.public_bytes(serialization.Encoding.PEM) * 20,
    }
    for before in (b"", b"\r\n", b"\xef\xbb\xbf", b"Bag Attributes\n    friendlyName: x\n"):
        problem = refusal(before + texts[what])
        assert problem.code == "pkcs12_not_pkcs12"
        assert "PEM" in problem.text


def test_of_many_keys_the_one_that_is_used_belongs_to_the_certificate_that_is_used(good: bytes):
    """Without a password and without encryption, the bags of two files can be put into one."""
    pki = shared_pki()
    files = [bare(pki.client(address), pki.ca.certificate) for address in ("127.0.0.1", "127.0.0.2")]
    for order in (files, files[::-1]):
        bags = [bag for file in order for bag in bags_of(file)]
        try:
            found = pkcs12.read(file_of(bags), "", datetime.now(timezone.utc), allow_legacy=False)
        except Problem as problem:
            assert problem.code in ("pkcs12_key_mismatch", "pkcs12_not_pkcs12", "pkcs12_wrong_password")
            continue
        key = serialization.load_pem_private_key(found.encrypted_key(b"x"), b"x")
        assert key.public_key() == x509.load_pem_x509_certificate(found.certificate).public_key()


def bare(issued: object, authority: x509.Certificate) -> bytes:
    return library.serialize_key_and_certificates(
        None,
        issued.key,  # type: ignore[attr-defined]
        issued.certificate,  # type: ignore[attr-defined]
        [authority],
        serialization.NoEncryption(),
    )


def bags_of(file: bytes) -> list[bytes]:
    """Return the safes of a file."""
    _, wrapped = children(children(file)[1])
    (octets,) = children(wrapped)
    return children(content(octets))


def file_of(safes: list[bytes]) -> bytes:
    data = ber(OID, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
    return ber(SEQUENCE, ber(INTEGER, b"\3"), ber(SEQUENCE, data, ber(b"\xa0", ber(OCTETS, ber(SEQUENCE, *safes)))))
