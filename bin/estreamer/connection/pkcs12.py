"""PKCS#12 files as a Management Center hands them out: key, certificate, CAs, and the facts that a user should know.

Nothing secret leaves this module in clear: the key can only be had encrypted, and neither key nor password is part of
any text, representation or exception.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Optional

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from .. import printable
from ..errors import Problem

MAX_SIZE = 64 * 1024
"""Bytes. A file with one 4096-bit key and a chain of three certificates has less than 10 KB."""

MIN_RSA_BITS = 2048
MIN_EC_BITS = 224
"""Smaller keys give less than 112 bits of security: what OpenSSL's security level 2 asks for."""

MAX_ITERATIONS = 2_000_000
"""More rounds of key derivation are an attempt to keep this process busy; browsers write 600,000 at most."""

MAX_ITERATIONS_IN_ALL = 3 * MAX_ITERATIONS
"""Checksum, certificates and key each have their own rounds."""

_WEAK_HASHES = (hashes.MD5, hashes.SHA1)
_ATTRIBUTE_NAMES = {NameOID.TITLE: "title", NameOID.GENERATION_QUALIFIER: "generationQualifier"}

_MOST_AUTHORITIES = 50
"""CAs that are looked at for a chain. Files with two are common; each may have issued each."""

_NEW_FILE = "Download the file of this client again from the Management Center (System > Integration > eStreamer)"

_Loaded = tuple[Optional[PrivateKeyTypes], list[x509.Certificate]]


@dataclass(frozen=True)
class Facts:
    """What a user should know of a certificate. Times are UTC; `fingerprint` is SHA-256, lower-case hex."""

    subject: str
    common_name: str
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str


@dataclass(frozen=True)
class End:
    """When a chain of certificates ends: with the first of them that expires. `first` names that one; UTC."""

    not_after: datetime
    first: str

    def days_left(self, now: datetime) -> int:
        """Return full days until the chain ends; negative when it has ended."""
        return (self.not_after - now).days


@dataclass(frozen=True, eq=False)
class Credentials:
    """What a client needs to be known to a Management Center, and to know it.

    `end` is that of the certificate with the CAs of the file that have issued it. `certificate` is PEM,
    `ca_certificates` are DER and are the only certificates to be trusted. `has_root` says whether one of them is
    self-signed. `weaknesses` is empty unless old certificates were allowed. `notes` says what is worth knowing of the
    file itself.
    """

    facts: Facts
    end: End
    has_root: bool
    weaknesses: tuple[str, ...]
    certificate: bytes = field(repr=False)
    ca_certificates: tuple[bytes, ...] = field(repr=False)
    _key: PrivateKeyTypes = field(repr=False)
    notes: tuple[str, ...] = ()

    def encrypted_key(self, passphrase: bytes) -> bytes:
        """Return the private key as PEM (PKCS#8), encrypted with the passphrase, which must not be empty.

        Raises Problem `pkcs12_unsupported` when OpenSSL on this machine cannot encrypt it.
        """
        try:
            return self._key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(passphrase),
            )
        except (UnsupportedAlgorithm, InternalError) as error:
            raise Problem(
                "pkcs12_unsupported",
                f"OpenSSL on this machine cannot encrypt the private key ({type(error).__name__}), which every "
                "connection needs. It may run in FIPS mode: run the input on a machine without that restriction.",
            ) from None


def read(data: bytes, password: str, now: datetime, allow_legacy: bool) -> Credentials:
    """Return what a PKCS#12 file holds, checked as far as that is possible without a connection.

    `now` is aware of its time zone. `allow_legacy` accepts keys and signatures that are too weak today. Raises Problem:
    `pkcs12_too_large`, `pkcs12_not_pkcs12`, `pkcs12_unsupported`, `pkcs12_wrong_password`, `pkcs12_no_key`,
    `pkcs12_no_certificate`, `pkcs12_key_mismatch`, `pkcs12_no_ca`, `certificate_expired`, `certificate_not_yet_valid`,
    `certificate_weak`.
    """
    _check_form(data)
    (key, certificates), notes = _load(data, password)
    certificate = _certificate_of(key, certificates)
    assert key is not None  # noqa: S101 - _certificate_of has raised otherwise; for the type checker
    _check_time("client certificate", [certificate], now)
    all_authorities = [candidate for candidate in certificates if candidate is not certificate and _is_ca(candidate)]
    if not all_authorities:
        raise _no_ca()
    authorities = _check_time("CA certificate", all_authorities, now)
    weaknesses = _weaknesses(certificate, authorities)
    if weaknesses and not allow_legacy:
        raise Problem(
            "certificate_weak",
            f"This is too weak for a connection that can be trusted: {'; '.join(weaknesses)}. Have the Management "
            'Center issue new certificates; if it cannot, switch on "Legacy certificates" for this account.',
        )
    return Credentials(
        facts=facts_of(certificate),
        end=_end("client certificate", certificate, all_authorities),
        has_root=any(_is_self_issued(authority) for authority in authorities),
        weaknesses=weaknesses,
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        ca_certificates=tuple(authority.public_bytes(serialization.Encoding.DER) for authority in authorities),
        _key=key,
        notes=notes,
    )


def facts_of(certificate: x509.Certificate) -> Facts:
    """Return the facts about a certificate that a user should know."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Facts(
        subject=_name_text(certificate.subject),
        common_name=printable.line(_text(names[0].value), printable.LONGEST_NAME) if names else "",
        issuer=_name_text(certificate.issuer),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def end_of(what: str, encoded: bytes, authorities: Iterable[bytes]) -> End | None:
    """Return when a certificate (DER) ends with those of the CAs (DER) that have issued it; None if it is not X.509.

    `what` names the certificate ("server certificate"). Of several ways to a root that one counts which lasts longest:
    a renewed CA takes the place of the old one. A CA that has issued no certificate of the chain does not matter.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(encoded)
            return _end(what, certificate, [x509.load_der_x509_certificate(one) for one in authorities])
    except ValueError:
        return None


def _end(what: str, certificate: x509.Certificate, authorities: list[x509.Certificate]) -> End:
    """Return the end of the chain that lasts longest, found from its far end: a root, or a CA whose issuer is unknown.

    Whatever is decided next lasts longest of all that is left, so that each certificate is decided once.
    """
    certificates = [certificate, *authorities[:_MOST_AUTHORITIES]]
    issuers = {
        number: [other for other in range(1, len(certificates)) if _has_issued(certificates[other], one)]
        for number, one in enumerate(certificates)
    }
    ends = {number: number for number, of in issuers.items() if number in of or not of}
    decided: set[int] = set()
    while len(decided) < len(ends):
        best = max((one for one in ends if one not in decided), key=lambda one: _not_after(certificates[ends[one]]))
        decided.add(best)
        for number, of in issuers.items():
            if best in of and number not in ends:
                ends[number] = min((number, ends[best]), key=lambda one: _not_after(certificates[one]))
    # Without an entry, CAs have issued each other: the one behind the certificate counts all the same.
    first = ends[0] if 0 in ends else min((0, *issuers[0]), key=lambda one: _not_after(certificates[one]))
    name = what if first == 0 else f"CA certificate {_name_text(certificates[first].subject)}"
    return End(_not_after(certificates[first]), name)


def _not_after(certificate: x509.Certificate) -> datetime:
    return certificate.not_valid_after_utc


def _has_issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    if authority.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # A signature that cannot be checked here: the names have to do.
        return True
    return True


def weaknesses_of(what: str, encoded: bytes) -> list[str]:
    """Return the weakness of a certificate (DER), in words that begin with `what`; nothing if it is not X.509."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(encoded)
    except ValueError:
        return []
    return _weaknesses_of(what, certificate)


def _weaknesses_of(what: str, certificate: x509.Certificate) -> list[str]:
    found = [] if (key := _weak_key(certificate)) is None else [f"the {what} has {key}"]
    # The signature of a self-signed certificate proves nothing, so its strength does not matter either.
    if not _is_self_issued(certificate) and (signature := _weak_signature(certificate)) is not None:
        found.append(f"the {what} is signed with {signature}")
    return found


def _weaknesses(certificate: x509.Certificate, authorities: Iterable[x509.Certificate]) -> tuple[str, ...]:
    found = _weaknesses_of("client certificate", certificate)
    for authority in authorities:
        found += _weaknesses_of("CA certificate", authority)
    return tuple(found)


def _weak_key(certificate: x509.Certificate) -> str | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "a key of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < MIN_EC_BITS:
        return f"an EC key of {key.key_size} bits"
    if isinstance(key, dsa.DSAPublicKey):
        return "a DSA key"
    return None


def _weak_signature(certificate: x509.Certificate) -> str | None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "an algorithm of an unknown kind"
    return algorithm.name.upper() if isinstance(algorithm, _WEAK_HASHES) else None


def _load(data: bytes, password: str) -> tuple[_Loaded, tuple[str, ...]]:
    """Open the file, and return what is in it with notes; an absent password may have been written as the empty one.

    A password that the file does not need is not an error: the file is opened without it.
    """
    # The library would crash at a NUL, and show the password. A lone surrogate cannot be part of one; it must not end
    # up in an exception with the rest of it.
    given = [password.encode("utf-8", "replace")] if password and "\0" not in password else []
    for attempt in (*given, None, b""):
        loaded = _open(data, attempt)
        if loaded is not None:
            unneeded = bool(password) and (not attempt or _is_open(data))
            return loaded, (_PASSWORD_NOT_NEEDED,) if unneeded else ()
    # It imports what only a restricted OpenSSL makes necessary.
    from . import openssl_limits  # noqa: PLC0415

    missing = openssl_limits.missing(data)
    if missing:
        raise _restricted(f"what the PKCS#12 file is protected with ({', '.join(missing)})", None)
    raise _wrong_password(password)


_PASSWORD_NOT_NEEDED = "the PKCS#12 file is not protected by a password: the one that was given is not needed"  # noqa: S105

_BY_PASSWORD = (bytes.fromhex("2a864886f70d010c01"), bytes.fromhex("2a864886f70d01050d"))
"""The identifiers of encryption by a password: PBES1 of PKCS#12, of which the last number is cut off, and PBES2."""


def _is_open(data: bytes) -> bool:
    """Return whether a file that has been opened by a password opens without one."""
    return not any(identifier in data for identifier in _BY_PASSWORD) and _open(data, None) is not None


def _open(data: bytes, password: bytes | None) -> _Loaded | None:
    """Return what is in the file, None when it does not open by this password. Raises Problem for any other reason."""
    try:
        with warnings.catch_warnings():
            # Old CAs have the serial number 0, and some tools write BER: both are a warning of the library only.
            warnings.simplefilter("ignore")
            loaded = pkcs12.load_pkcs12(data, password)
            certificates = [] if loaded.cert is None else [loaded.cert.certificate]
            certificates += [additional.certificate for additional in loaded.additional_certs]
            return loaded.key, certificates
    except UnsupportedAlgorithm:
        raise Problem(
            "pkcs12_unsupported",
            "The PKCS#12 file is encrypted, or holds a key, in a way that this add-on does not know. Convert it: "
            "openssl pkcs12 -in OLD -out all.pem; openssl pkcs12 -export -in all.pem -out NEW",
        ) from None
    except InternalError as error:
        raise _restricted("what the PKCS#12 file is protected with", error) from None
    except (ValueError, TypeError) as error:
        # The library has this kind of error for everything, and one text for a password that does not fit.
        said = str(error)
        if said == "Invalid password or PKCS12 data":
            return None
        if said == "Could not deserialize PKCS12 data":
            raise _damaged() from None
        raise _not_pkcs12(f"the library refuses it ({printable.line(said, printable.LONGEST_NAME)})") from None
    except BaseException as error:
        # The library's own crashes are not of type Exception, and would end the process.
        if type(error).__module__ == "pyo3_runtime":
            raise _damaged() from None
        raise


def _restricted(what: str, error: Exception | None) -> Problem:
    said = f" ({type(error).__name__})" if error is not None else ""
    return Problem(
        "pkcs12_unsupported",
        f"OpenSSL on this machine does not support {what}{said}. It may run in FIPS mode, or without its old "
        "algorithms; whether the password is right cannot be found out here. Convert the file on another machine: "
        "openssl pkcs12 -in OLD -legacy -out all.pem; openssl pkcs12 -export -in all.pem -out NEW; or run the input "
        "on a machine whose OpenSSL is not restricted.",
    )


def _damaged() -> Problem:
    return _not_pkcs12("it is damaged, or another kind of file")


def _wrong_password(password: str) -> Problem:
    if not password:
        text = "The PKCS#12 file is protected by a password and none was given: enter it."
    else:
        text = "The password does not open the PKCS#12 file (or the file is damaged). Enter the password that was set"
        text += " when the client was created on the Management Center."
        if not password.isascii():
            text += " Old tools write letters outside ASCII in another way: choose a password of ASCII letters."
    return Problem("pkcs12_wrong_password", text)


def _certificate_of(key: PrivateKeyTypes | None, certificates: list[x509.Certificate]) -> x509.Certificate:
    """Return the certificate that belongs to the key."""
    if key is None:
        raise Problem("pkcs12_no_key", f"The PKCS#12 file holds no private key. {_NEW_FILE}.")
    clients = [certificate for certificate in certificates if not _is_ca(certificate)]
    wanted = _public_bytes(key.public_key())
    for certificate in [*clients, *certificates]:
        if _public_bytes_of(certificate) == wanted:
            return certificate
    if not clients:
        raise Problem("pkcs12_no_certificate", f"The PKCS#12 file holds no client certificate. {_NEW_FILE}.")
    raise Problem(
        "pkcs12_key_mismatch",
        f"The private key in the PKCS#12 file does not belong to the certificate in it. {_NEW_FILE}.",
    )


def _public_bytes_of(certificate: x509.Certificate) -> bytes | None:
    try:
        return _public_bytes(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _is_ca(certificate: x509.Certificate) -> bool:
    """The rules by which OpenSSL treats a certificate as a CA; keyUsage may be absent, and is on real servers."""
    if certificate.version is x509.Version.v1:
        return _is_self_issued(certificate)
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    for extension in extensions:
        if isinstance(extension.value, x509.BasicConstraints):
            return extension.value.ca
    return any(isinstance(extension.value, x509.KeyUsage) and extension.value.key_cert_sign for extension in extensions)


def _is_self_issued(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _check_time(what: str, certificates: list[x509.Certificate], now: datetime) -> list[x509.Certificate]:
    """Return the certificates that are valid at that time; raise if none is found."""
    valid = [c for c in certificates if c.not_valid_before_utc <= now <= c.not_valid_after_utc]
    if valid:
        return valid
    newest = max(certificates, key=lambda certificate: certificate.not_valid_after_utc)
    if newest.not_valid_after_utc < now:
        raise Problem(
            "certificate_expired",
            f"The {what} in the PKCS#12 file expired on {_day(newest.not_valid_after_utc)}. Renew it on the Management "
            f"Center. {_NEW_FILE}.",
        )
    raise Problem(
        "certificate_not_yet_valid",
        f"The {what} in the PKCS#12 file is not valid before {_day(newest.not_valid_before_utc)}. Check the clocks of "
        "this machine and of the Management Center.",
    )


def _day(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def _no_ca() -> Problem:
    return Problem(
        "pkcs12_no_ca",
        "The PKCS#12 file holds no CA certificate, and without it the Management Center cannot be verified. "
        f"{_NEW_FILE}; or add the certificate of the Management Center's CA (PEM) to the file: "
        "openssl pkcs12 -in OLD -out all.pem; openssl pkcs12 -export -in all.pem -certfile CA.pem -out NEW",
    )


def _not_pkcs12(why: str) -> Problem:
    return Problem(
        "pkcs12_not_pkcs12", f"This is not a PKCS#12 file: {why}. {_NEW_FILE} and supply it as it is, unconverted."
    )


def _check_form(data: bytes) -> None:
    """Recognize what is often given by mistake, and what would keep the library busy."""
    if len(data) > MAX_SIZE:
        raise Problem(
            "pkcs12_too_large",
            f"The file has {len(data):,} bytes; at most {MAX_SIZE:,} are accepted, and a client's PKCS#12 file has a "
            f"few thousand. It is something else. {_NEW_FILE}.",
        )
    if not data:
        raise _not_pkcs12("it is empty")
    if b"-----BEGIN " in data[:4096]:
        raise _not_pkcs12("it is text in the PEM format")
    if re.fullmatch(rb"[A-Za-z0-9+/=\s]{16,}", data):
        raise _not_pkcs12("it is text, perhaps the base64 form of the file")
    outer = _element(data, 0)
    if data[0] != _SEQUENCE or (outer is None and data[1:2] != _INDEFINITE):
        raise _not_pkcs12("it begins otherwise")
    if outer is not None and outer.end > len(data):
        raise _not_pkcs12(f"it ends after {len(data):,} of {outer.end:,} bytes")
    counts = list(_iteration_counts(data))
    if max(counts, default=0) > MAX_ITERATIONS or sum(counts) > MAX_ITERATIONS_IN_ALL:
        raise Problem(
            "pkcs12_unsupported", f"The PKCS#12 file asks for too many rounds of key derivation. {_NEW_FILE}."
        )


_SEQUENCE, _OCTET_STRING, _INTEGER, _CONSTRUCTED = 0x30, 0x04, 0x02, 0x20
_INDEFINITE = b"\x80"
_MAX_DEPTH = 60
"""Elements within elements that are looked into. A Management Center's file has 16; the library stops at some 30 within
each octet string, and a count that lies deeper than this walk goes must not reach it."""


@dataclass(frozen=True)
class _Element:
    """One element of BER: its tag, where its content begins and ends, and where the next element begins."""

    tag: int
    begin: int
    end: int
    after: int


def _element(data: bytes, position: int) -> _Element | None:
    """Return the element at that position; its content may reach beyond the data. None: not BER, or never ending."""
    header = _header(data, position)
    if header is None:
        return None
    tag, begin, length = header
    if length is not None:
        return _Element(tag, begin, begin + length, begin + length)
    end = _end_of_contents(data, begin)
    return None if end is None else _Element(tag, begin, end, end + 2)


def _header(data: bytes, position: int) -> tuple[int, int, int | None] | None:
    """Return tag, begin of the content and its length, None for an indefinite one."""
    if position + 2 > len(data):
        return None
    tag, length = data[position], data[position + 1]
    begin = position + 2
    if length == 0x80:
        return tag, begin, None
    if length > 0x80:
        size = length - 0x80
        length = int.from_bytes(data[begin : begin + size], "big")
        begin += size
    return tag, begin, length


def _end_of_contents(data: bytes, position: int) -> int | None:
    """Return where the content of indefinite length ends that begins at that position."""
    unfinished = 1
    while True:
        header = _header(data, position)
        if header is None:
            return None
        tag, begin, length = header
        if length is None:
            unfinished += 1
        elif (tag, length) == (0, 0):
            unfinished -= 1
            if not unfinished:
                return position
        position = begin + (length or 0)


def _iteration_counts(data: bytes, depth: int = 0) -> Iterator[int]:
    """Yield the counts of key derivation rounds that lie open: integers that follow an octet string, the salt.

    So they stand in the parameters of password based encryption and of the MAC. Stops at anything that is not BER.
    Raises Problem `pkcs12_unsupported` for elements that lie too deep to be looked into.
    """
    if depth > _MAX_DEPTH:
        raise Problem(
            "pkcs12_unsupported",
            f"The PKCS#12 file has more than {_MAX_DEPTH} elements within each other. {_NEW_FILE}.",
        )
    previous: int | None = None
    position = 0
    while position < len(data):
        element = _element(data, position)
        if element is None or element.end > len(data):
            return
        content = data[element.begin : element.end]
        kind = element.tag & ~_CONSTRUCTED
        if element.tag == _INTEGER and previous == _OCTET_STRING:
            yield int.from_bytes(content, "big")
        if kind == _OCTET_STRING:
            content = _octets(element.tag, content, depth)
            if content[:1] == bytes((_SEQUENCE,)):
                yield from _iteration_counts(content, depth + 1)
        elif element.tag & _CONSTRUCTED:
            yield from _iteration_counts(content, depth + 1)
        previous, position = kind, element.after


def _octets(tag: int, content: bytes, depth: int) -> bytes:
    """Return what an octet string holds, which may be written in pieces."""
    if not tag & _CONSTRUCTED:
        return content
    pieces = []
    position = 0
    while position < len(content) and depth < _MAX_DEPTH:
        piece = _element(content, position)
        if piece is None:
            break
        pieces.append(_octets(piece.tag, content[piece.begin : piece.end], depth + 1))
        position = piece.after
    return b"".join(pieces)


def _name_text(name: x509.Name) -> str:
    """Return the attributes in the order of the certificate; names as OpenSSL has them where RFC 4514 has none."""
    parts = (
        f"{_ATTRIBUTE_NAMES.get(attribute.oid, attribute.rfc4514_attribute_name)}={_text(attribute.value)}"
        for attribute in name
    )
    return printable.line(", ".join(parts), printable.LONGEST_NAME)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
