"""The certificates of a stand-in Management Center: its CA, server and client certificates, and PKCS#12 files.

Nothing made here needs to be secret, but all of it is treated as secret: key files are readable by their owner
only, and passwords reach the `openssl` command through its environment, never through its arguments.
"""

from __future__ import annotations

import atexit
import datetime
import functools
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Union

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PrivateKey = Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]

KEYS = ("ec", "rsa")
"""Kinds of keys: EC P-256 (quick to make) and RSA of 2048 bits (as a Management Center issues them)."""

SERVER_VARIANTS = ("good", "renewed", "wrong-role", "expired", "not-yet-valid", "foreign", "weak-key", "sha1")
"""Server certificates: `renewed` is as good as `good`, with another key; `foreign` is signed by another CA, `weak-key`
is RSA of 1024 bits, `sha1` has a signature with SHA-1."""

CLIENT_VARIANTS = (
    "good",
    "renewed",
    "short-lived",
    "expired",
    "expiring",
    "not-yet-valid",
    "foreign",
    "weak-key",
    "sha1",
)
"""Client certificates: the variants are those of servers; `short-lived` expires `SHORT_LIFE` seconds after it was made,
`expiring` in twelve days."""

SHORT_LIFE = 3

ENCRYPTIONS = ("aes-256", "3des", "rc2-40")
"""How a PKCS#12 file is encrypted; `rc2-40` (certificates; its key is 3DES) needs the `openssl` command."""

_DAY = datetime.timedelta(days=1)

CA_DAYS = (-1, 3650)
"""Default days from now at which a CA begins and ends: its end is long after that of its certificates."""


class OpensslMissing(RuntimeError):
    """The `openssl` command, or its legacy provider, is needed for old formats and cannot be used here."""


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, in memory."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate: 64 lower-case hexadecimal digits."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(frozen=True)
class ServerFiles:
    """The files that a server loads: PEM files of its certificate and key, and the SHA-256 of the certificate."""

    certificate: Path
    key: Path
    fingerprint: str


class Pki:
    """The CA of one Management Center and its certificates, as files in `directory`, each made at the first request.

    `key` is one of `KEYS`. `ca_key_usage` adds the `keyUsage` extension, which the CA of a real Management Center does
    not have. `ca_days` are the days from now at which the CA begins and ends.
    """

    def __init__(
        self, directory: Path, *, key: str = "ec", ca_key_usage: bool = False, ca_days: tuple[float, float] = CA_DAYS
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._key = key
        self.ca = _make_ca("Management Center CA", key, ca_key_usage, ca_days)
        self._foreign: Issued | None = None
        self._issued: dict[tuple[str, str], Issued] = {}
        self.ca_path = self.directory / "ca.pem"
        self.ca_path.write_bytes(_pem(self.ca.certificate))

    @property
    def foreign_ca(self) -> Issued:
        """The CA of another Management Center, which signed the `foreign` certificates."""
        if self._foreign is None:
            self._foreign = _make_ca("Another Management Center CA", self._key, key_usage=False)
        return self._foreign

    @property
    def foreign_ca_pem(self) -> str:
        """The certificate of the other CA as PEM."""
        return _pem(self.foreign_ca.certificate).decode("ascii")

    def server(self, variant: str = "good") -> ServerFiles:
        """Return the files of the server certificate of that variant (`SERVER_VARIANTS`)."""
        if variant not in SERVER_VARIANTS:
            raise ValueError(f"no such server certificate: {variant}")
        role = "client" if variant == "wrong-role" else "server"
        issued = self._issue(_server_name(role), variant)
        certificate = self.directory / f"server-{variant}.pem"
        key = self.directory / f"server-{variant}.key"
        if not certificate.exists():
            certificate.write_bytes(_pem(issued.certificate))
            write_private(key, _key_pem(issued.key))
        return ServerFiles(certificate, key, issued.fingerprint)

    def client(self, address: str = "127.0.0.1", variant: str = "good") -> Issued:
        """Return a client certificate for that host name or address, of that variant (`CLIENT_VARIANTS`)."""
        if variant not in CLIENT_VARIANTS:
            raise ValueError(f"no such client certificate: {variant}")
        return self._issue(_client_name(address), variant)

    def client_files(self, address: str = "127.0.0.1", variant: str = "good") -> tuple[Path, Path]:
        """Return PEM files of a client certificate and its key, for a client that cannot read PKCS#12."""
        issued = self.client(address, variant)
        stem = f"client-{address.replace(':', '_')}-{variant}"
        certificate, key = self.directory / f"{stem}.pem", self.directory / f"{stem}.key"
        if not certificate.exists():
            certificate.write_bytes(_pem(issued.certificate))
            write_private(key, _key_pem(issued.key))
        return certificate, key

    def pkcs12(
        self,
        address: str = "127.0.0.1",
        *,
        password: str = "",
        encryption: str = "aes-256",
        with_ca: bool = True,
        with_key: bool = True,
        variant: str = "good",
    ) -> bytes:
        """Return a PKCS#12 file as the Management Center creates it for the client of that name or address.

        Without a password nothing in it is encrypted, except with `rc2-40`, which then uses the empty password.
        `with_ca` and `with_key` leave out what they name. Raises OpensslMissing for `rc2-40` on a machine without the
        `openssl` command.
        """
        if encryption not in ENCRYPTIONS:
            raise ValueError(f"no such encryption: {encryption}")
        issued = self.client(address, variant)
        ca = [self.foreign_ca if variant == "foreign" else self.ca] if with_ca else []
        authorities = [authority.certificate for authority in ca]
        if encryption == "rc2-40":
            return _legacy_pkcs12(issued, authorities, password, with_key)
        return pkcs12.serialize_key_and_certificates(
            b"eStreamer client",
            issued.key if with_key else None,
            issued.certificate,
            authorities or None,
            _encryption(encryption, password),
        )

    def pkcs12_file(self, name: str = "client.pkcs12", address: str = "127.0.0.1", *, password: str = "") -> Path:
        """Write a PKCS#12 file into the directory, readable by its owner only, and return its path."""
        path = self.directory / name
        write_private(path, self.pkcs12(address, password=password))
        return path

    def _issue(self, subject: x509.Name, variant: str) -> Issued:
        wanted = (subject.rfc4514_string(), variant)
        if wanted not in self._issued:
            issuer = self.foreign_ca if variant == "foreign" else self.ca
            key = _weak_key() if variant == "weak-key" else _make_key(self._key)
            sign = _sign_with_sha1 if variant == "sha1" else _sign
            self._issued[wanted] = Issued(sign(subject, key, issuer, _validity(variant)), key)
        return self._issued[wanted]


@functools.cache
def shared_pki(key: str = "ec", ca_key_usage: bool = False) -> Pki:
    """Return the PKI of this process, made once; its files are removed when the process ends."""
    directory = tempfile.mkdtemp(prefix="fmc-pki-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Pki(Path(directory), key=key, ca_key_usage=ca_key_usage)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that nobody but its owner can read at any moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _make_key(kind: str) -> PrivateKey:
    if kind not in KEYS:
        raise ValueError(f"no such kind of key: {kind}")
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)


def _weak_key() -> PrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak is what it is for


def _name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _server_name(role: str) -> x509.Name:
    return _name(
        (NameOID.TITLE, "eStreamer"),
        (NameOID.GENERATION_QUALIFIER, role),
        (NameOID.ORGANIZATION_NAME, "Stand-in Management Center"),
    )


def _client_name(address: str) -> x509.Name:
    return _name(
        (NameOID.TITLE, "eStreamer"),
        (NameOID.GENERATION_QUALIFIER, "client"),
        (NameOID.COMMON_NAME, address),
    )


def _validity(variant: str) -> tuple[datetime.datetime, datetime.datetime]:
    today = datetime.datetime.now(datetime.timezone.utc)
    spans = {
        "expired": (-30 * _DAY, -_DAY),
        "not-yet-valid": (_DAY, 30 * _DAY),
        "expiring": (-353 * _DAY, 12 * _DAY),
        "short-lived": (-_DAY, datetime.timedelta(seconds=SHORT_LIFE)),
    }
    start, end = spans.get(variant, (-_DAY, 365 * _DAY))
    return today + start, today + end


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    validity: tuple[datetime.datetime, datetime.datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
    )


def _make_ca(common_name: str, kind: str, key_usage: bool, days: tuple[float, float] = CA_DAYS) -> Issued:
    today = datetime.datetime.now(datetime.timezone.utc)
    key = _make_key(kind)
    name = _name((NameOID.TITLE, "InternalCA"), (NameOID.COMMON_NAME, common_name))
    builder = _builder(name, name, key, (today + days[0] * _DAY, today + days[1] * _DAY))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if key_usage:
        usage = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        usage.update(digital_signature=True, key_cert_sign=True, crl_sign=True)
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    return Issued(builder.sign(key, hashes.SHA256()), key)


def _sign(
    subject: x509.Name, key: PrivateKey, issuer: Issued, validity: tuple[datetime.datetime, datetime.datetime]
) -> x509.Certificate:
    return _builder(subject, issuer.certificate.subject, key, validity).sign(issuer.key, hashes.SHA256())


def _sign_with_sha1(
    subject: x509.Name, key: PrivateKey, issuer: Issued, validity: tuple[datetime.datetime, datetime.datetime]
) -> x509.Certificate:
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    days = max(1, (validity[1] - datetime.datetime.now(datetime.timezone.utc)).days)

    def work(directory: Path) -> bytes:
        (directory / "request.pem").write_bytes(request.public_bytes(serialization.Encoding.PEM))
        (directory / "ca.pem").write_bytes(_pem(issuer.certificate))
        write_private(directory / "ca.key", _key_pem(issuer.key))
        arguments = ["x509", "-req", "-sha1", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"]
        _openssl([*arguments, "-set_serial", "4711", "-days", str(days), "-out", "made.pem"], directory, {})
        return (directory / "made.pem").read_bytes()

    return x509.load_pem_x509_certificate(_in_private_directory(work))


def _legacy_pkcs12(issued: Issued, authorities: list[x509.Certificate], password: str, with_key: bool) -> bytes:
    def work(directory: Path) -> bytes:
        certificates = b"".join(_pem(certificate) for certificate in (issued.certificate, *authorities))
        write_private(directory / "all.pem", (_key_pem(issued.key) if with_key else b"") + certificates)
        arguments = ["pkcs12", "-export", "-legacy", "-in", "all.pem", "-out", "made.p12"]
        arguments += ["-passout", "env:PKCS12_PASSWORD"] + ([] if with_key else ["-nokeys"])
        _openssl(arguments, directory, {"PKCS12_PASSWORD": password})
        return (directory / "made.p12").read_bytes()

    return _in_private_directory(work)


def _in_private_directory(work: Callable[[Path], bytes]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="fmc-pki-") as directory:
        return work(Path(directory))


def _openssl(arguments: list[str], directory: Path, environment: dict[str, str]) -> None:
    command = shutil.which("openssl")
    if command is None:
        raise OpensslMissing("The openssl command is needed to make old certificate formats: install it.")
    done = subprocess.run(
        [command, *arguments], cwd=directory, env={**os.environ, **environment}, capture_output=True, check=False
    )
    if done.returncode:
        raise OpensslMissing(f"openssl {arguments[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()}")


def _encryption(name: str, password: str) -> serialization.KeySerializationEncryption:
    if not password:
        return serialization.NoEncryption()
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048)
    if name == "3des":
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())  # noqa: S303
    else:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return builder.build(password.encode("utf-8"))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
