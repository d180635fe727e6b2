"""Whom a connection trusts, and that neither key nor password is ever seen."""

from __future__ import annotations

import datetime
import inspect
import itertools
import re
import ssl
import stat
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12 as library
from estreamer.connection import pkcs12, tls
from estreamer.errors import Problem

from standins.fmc.pki import Pki, shared_pki
from tests.connection import servers
from tests.connection.servers import connect, credentials, over_tls, server_context, serving, until_closed

PASSWORD = "correct horse battery"


class Chain:
    """A root, an intermediate CA below it, and what the intermediate CA issued."""

    def __init__(self, directory: Path) -> None:
        self.keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "middle", "server", "client")}
        self.root = self._issue("root", "root", self._name(x509.NameOID.COMMON_NAME, "root"), ca=True)
        self.middle = self._issue("middle", "root", self._name(x509.NameOID.COMMON_NAME, "middle"), ca=True)
        role = x509.Name(
            [
                x509.NameAttribute(x509.NameOID.TITLE, "eStreamer"),
                x509.NameAttribute(x509.NameOID.GENERATION_QUALIFIER, "server"),
            ]
        )
        self.server = self._issue("server", "middle", role)
        self.client = self._issue("client", "middle", self._name(x509.NameOID.COMMON_NAME, "127.0.0.1"))
        self.pem = directory / "server.pem"
        key = self.keys["server"].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.pem.write_bytes(key + self.server.public_bytes(serialization.Encoding.PEM))

    def _name(self, oid: x509.ObjectIdentifier, value: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(oid, value)])

    def _issue(self, name: str, issuer: str, subject: x509.Name, ca: bool = False) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._name(x509.NameOID.COMMON_NAME, issuer))
        )
        builder = builder.public_key(self.keys[name].public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=9))
        if ca:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.sign(self.keys[issuer], hashes.SHA256())

    def credentials(self, *authorities: x509.Certificate) -> pkcs12.Credentials:
        data = library.serialize_key_and_certificates(
            b"client", self.keys["client"], self.client, authorities, serialization.NoEncryption()
        )
        return pkcs12.read(data, "", datetime.datetime.now(datetime.timezone.utc), allow_legacy=False)

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("chain"))


def test_an_intermediate_ca_alone_is_enough(chain: Chain) -> None:
    with serving(over_tls(chain.context(), until_closed)) as port:
        connect(port, chain.credentials(chain.middle)).close()


def test_a_root_and_an_intermediate_ca_work_together(chain: Chain) -> None:
    known = chain.credentials(chain.middle, chain.root)
    assert known.has_root
    with serving(over_tls(chain.context(), until_closed)) as port:
        connect(port, known).close()


def test_a_root_alone_does_not_vouch_for_what_it_did_not_sign(chain: Chain) -> None:
    with serving(over_tls(chain.context(), until_closed)) as port, pytest.raises(Problem) as caught:
        connect(port, chain.credentials(chain.root))
    assert caught.value.code == "tls_untrusted"


@pytest.mark.parametrize("ca_key_usage", [False, True])
def test_a_ca_with_and_without_key_usage(ca_key_usage: bool) -> None:
    pki = shared_pki("ec", ca_key_usage)
    with serving(over_tls(server_context(pki), until_closed)) as port:
        connect(port, credentials(pki)).close()


def test_verification_cannot_be_switched_off(pki: Pki, chain: Chain) -> None:
    known = [credentials(pki), credentials(pki, variant="weak-key"), chain.credentials(chain.middle)]
    assert list(inspect.signature(tls.make_context).parameters) == ["credentials", "legacy"]
    for who, legacy in itertools.product(known, (False, True)):
        if who.weaknesses and not legacy:
            continue
        context = tls.make_context(who, legacy)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT
        assert bool(context.verify_flags & 0x80000) is not who.has_root
        assert context.get_ca_certs(binary_form=True) == list(who.ca_certificates)


def test_only_the_ca_of_the_file_is_trusted(pki: Pki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The system's CAs, here another Management Center's, are none of our business."""
    stranger = Pki(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.ca_path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with serving(over_tls(server_context(stranger), until_closed)) as port, pytest.raises(Problem) as caught:
        connect(port, credentials(pki))
    assert caught.value.code == "tls_untrusted"


def test_openssl_without_security_levels_and_minimum_version(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(ssl.SSLContext, "set_ciphers", lambda self, ciphers: asked.append(ciphers))
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", (1, 0, 2, 0, 0))
    tls.make_context(credentials(pki), legacy=False)
    assert "SECLEVEL" not in asked[0]

    class OldContext:
        options = 0

    old = OldContext()
    tls._require_tls_1_2(old)  # type: ignore[arg-type]
    assert old.options & ssl.OP_NO_TLSv1
    assert old.options & ssl.OP_NO_TLSv1_1


class Watched:
    """What was in the file that a key was loaded from."""

    def __init__(self) -> None:
        self.path = Path()
        self.content = b""
        self.mode = 0
        self.passphrase = ""


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watched]:
    seen = Watched()
    load = ssl.SSLContext.load_cert_chain

    def spy(self: ssl.SSLContext, path: str, *, password: str) -> None:
        seen.path, seen.passphrase = Path(path), password
        seen.content, seen.mode = seen.path.read_bytes(), seen.path.stat().st_mode
        load(self, path, password=password)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    yield seen
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_never_in_a_file_in_clear_and_the_file_goes(pki: Pki, watched: Watched) -> None:
    tls.make_context(credentials(pki), legacy=False)
    assert stat.S_IMODE(watched.mode) == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in watched.content
    assert b"BEGIN PRIVATE KEY" not in watched.content
    for secret in secrets_of(pki):
        assert secret.encode() not in watched.content
    assert len(watched.passphrase) == 64
    first = watched.passphrase
    tls.make_context(credentials(pki), legacy=False)
    assert watched.passphrase != first


def test_the_file_goes_also_when_the_key_is_refused(pki: Pki, watched: Watched) -> None:
    with pytest.raises(Problem, match="too weak"):
        tls.make_context(credentials(pki, variant="weak-key"), legacy=False)
    assert watched.content


def test_the_file_goes_also_when_it_cannot_be_read(pki: Pki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", fail)
    with pytest.raises(Problem) as caught:
        tls.make_context(credentials(pki), legacy=False)
    assert caught.value.code == "tls_temporary_file"
    assert list(tmp_path.iterdir()) == []


def secrets_of(pki: Pki) -> list[str]:
    """Every form in which the client's key, or the password, might be seen."""
    key = pki.client().key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    # The third line holds nothing but the public key, which the certificate shows as well.
    lines = [line for line in pem.splitlines() if "-----" not in line][:2]
    return [PASSWORD, str(number), f"{number:x}", *lines]


def everything_of(error: BaseException | None) -> Iterator[str]:
    """All texts of an exception and of those that it hides."""
    while error is not None:
        yield from (repr(error), str(error), repr(error.__dict__), repr(error.args))
        yield "".join(traceback.format_exception(type(error), error, error.__traceback__))
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("variant", ["good", "foreign", "wrong-role", "expired", "weak-key"])
def test_no_secret_is_shown_by_anything(pki: Pki, variant: str) -> None:
    data = pki.pkcs12(password=PASSWORD)
    known = pkcs12.read(data, PASSWORD, datetime.datetime.now(datetime.timezone.utc), allow_legacy=False)
    shown = [repr(known), str(known), repr(known.facts), repr(vars(known))]
    with serving(over_tls(server_context(pki, variant), until_closed)) as port:
        try:
            with closing(connect(port, known, fingerprint="0" * 64)) as connection:
                shown += [repr(connection), repr(connection.peer)]
        except Problem as problem:
            shown += everything_of(problem)
    with pytest.raises(Problem) as caught:
        pkcs12.read(data, PASSWORD + "\udcff", datetime.datetime.now(datetime.timezone.utc), allow_legacy=False)
    shown += everything_of(caught.value)
    for text, secret in itertools.product(shown, secrets_of(pki)):
        assert secret not in text
        assert not re.search("BEGIN .*PRIVATE", text)


def test_connections_do_not_keep_what_they_no_longer_need(pki: Pki) -> None:
    with (
        serving(over_tls(server_context(pki), until_closed)) as port,
        closing(connect(port, credentials(pki))) as connection,
    ):
        assert not any(isinstance(value, pkcs12.Credentials) for value in vars(connection).values())
        assert servers.wait(connection.fileno(), True, servers.PATIENCE)
