"""TLS of splunkd's management port, with a CA of the tests' own."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Tls:
    """What server.conf says: `server_cert` (certificate, CA and key in one file), `root_ca`, `require_client_cert`.

    `newest` is the newest version of TLS that splunkd speaks. `shown` is another file than server.conf names, as after
    a replacement without a restart.
    """

    server_cert: Path
    root_ca: Path
    require_client_cert: bool = False
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    password: str = ""
    shown: Path | None = None

    def settings(self) -> dict[str, str]:
        """Return the stanza [sslConfig]; a password is encrypted there, as splunkd leaves it."""
        return {
            "enableSplunkdSSL": "true",
            "requireClientCert": str(self.require_client_cert).lower(),
            "serverCert": str(self.server_cert),
            "sslRootCAPath": str(self.root_ca),
            **({"sslPassword": "$7$invented"} if self.password else {}),
        }

    def server_context(self) -> ssl.SSLContext:
        """Return what the management port speaks."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = self.newest
        context.load_cert_chain(self.shown or self.server_cert, password=self.password or None)
        if self.require_client_cert:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.root_ca)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return what a client of the tests speaks, that has splunkd's certificate too."""
        context = ssl.create_default_context(cafile=str(self.root_ca))
        context.load_cert_chain(self.shown or self.server_cert, password=self.password or None)
        return context


def make(folder: Path, name: str = "server", password: str = "", ca: str = "ca") -> tuple[Path, Path]:
    """Make a certificate with its key in one file, as serverCert has them; return it, and the file of its CA."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_path = folder / f"{ca}.pem"
    if not ca_path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write(ca_path, key, _sign(ca, key, ca, key, ca=True))
    ca_key = serialization.load_pem_private_key(ca_path.read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    path = folder / f"{name}.pem"
    ca_certificate = x509.load_pem_x509_certificate(ca_path.read_bytes())
    _write(path, key, _sign(name, key, ca, ca_key), ca_certificate, password=password)
    root = folder / f"{ca}_certificate.pem"
    root.write_bytes(ca_certificate.public_bytes(serialization.Encoding.PEM))
    return path, root


def _sign(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool = False
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, one) for one in (name, issuer)]
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names[:1]))
        .issuer_name(x509.Name(names[1:]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(alternative, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _write(path: Path, key: ec.EllipticCurvePrivateKey, *certificates: x509.Certificate, password: str = "") -> None:
    encryption = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    path.touch(0o600)
    path.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates) + pem)
