"""What a PKCS#12 file may be, and what is said when it is something else."""

from __future__ import annotations

import base64
import datetime
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12 as library
from estreamer.connection import pkcs12
from estreamer.errors import Problem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standins.fmc.pki import ENCRYPTIONS, OpensslMissing, Pki
from standins.places import ROOT

NOW = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)
"""Later than anything that the tests make."""
DAY = datetime.timedelta(days=1)


def trusted(credentials: pkcs12.Credentials) -> list[pkcs12.Facts]:
    return [pkcs12.facts_of(x509.load_der_x509_certificate(one)) for one in credentials.ca_certificates]


def read(data: bytes, password: str = "", *, now: datetime.datetime = NOW, legacy: bool = False) -> pkcs12.Credentials:
    return pkcs12.read(data, password, now, legacy)


def refusal(data: bytes, password: str = "", *, now: datetime.datetime = NOW, legacy: bool = False) -> Problem:
    with pytest.raises(Problem) as caught:
        read(data, password, now=now, legacy=legacy)
    return caught.value


def a_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def a_certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey,
    subject: str = "client",
    issuer: str = "CA",
    *,
    signed_by: ec.EllipticCurvePrivateKey | None = None,
    days: tuple[int, int] = (-1, 9),
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(a_name(subject)).issuer_name(a_name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(NOW + days[0] * DAY).not_valid_after(NOW + days[1] * DAY)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(signed_by or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


CA = x509.BasicConstraints(ca=True, path_length=None)
NO_CA = x509.BasicConstraints(ca=False, path_length=None)


def key_usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, key_cert_sign, False, False, False)


def a_file(
    key: ec.EllipticCurvePrivateKey | None, certificate: x509.Certificate | None, *others: x509.Certificate
) -> bytes:
    return library.serialize_key_and_certificates(b"x", key, certificate, others, serialization.NoEncryption())


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.parametrize("password", ["", "x", "a longer one with ünïcödé 鍵"])
def test_every_encryption_with_and_without_password(pki: Pki, encryption: str, password: str) -> None:
    try:
        data = pki.pkcs12("192.0.2.9", password=password, encryption=encryption)
    except OpensslMissing as missing:
        pytest.skip(str(missing))
    credentials = read(data, password)
    assert credentials.facts.common_name == "192.0.2.9"
    assert credentials.facts.subject == "title=eStreamer, generationQualifier=client, CN=192.0.2.9"
    assert credentials.facts.issuer == "title=InternalCA, CN=Management Center CA"
    assert credentials.facts.fingerprint == pki.client("192.0.2.9").fingerprint
    assert credentials.facts.not_before < NOW < credentials.facts.not_after
    assert credentials.ca_certificates == (pki.ca.certificate.public_bytes(serialization.Encoding.DER),)
    assert trusted(credentials)[0].fingerprint == pki.ca.fingerprint
    assert credentials.has_root
    assert credentials.weaknesses == ()


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.parametrize("given", ["", "wrong", "x ", "X", "鍵", "\udcff", "a\0b"])
def test_a_password_that_is_wrong_is_told_and_not_shown(pki: Pki, encryption: str, given: str) -> None:
    problem = refusal(pki.pkcs12(password="x", encryption=encryption), given)
    assert problem.code == "pkcs12_wrong_password"
    assert ("none was given" in problem.text) is (given == "")
    assert ("ASCII" in problem.text) is not given.isascii()
    if len(given) > 2:
        assert given not in problem.text


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.parametrize("given", ["x", "鍵", "a\0b"])
def test_a_password_that_is_not_needed_is_no_error_and_is_noted(pki: Pki, encryption: str, given: str) -> None:
    credentials = read(pki.pkcs12("192.0.2.9", encryption=encryption), given)
    assert credentials.facts.common_name == "192.0.2.9"
    assert [note for note in credentials.notes if "not needed" in note]
    assert given not in "".join(credentials.notes)


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.parametrize("password", ["", "x"])
def test_a_password_that_is_needed_or_not_given_is_not_noted(pki: Pki, encryption: str, password: str) -> None:
    assert read(pki.pkcs12(password=password, encryption=encryption), password).notes == ()


def test_a_file_without_checksum_opens_by_any_password_and_that_is_noted(
    key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    parts = [
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        a_certificate(key, signed_by=ca_key, extensions=(NO_CA,)).public_bytes(serialization.Encoding.PEM),
        a_certificate(ca_key, "CA", signed_by=ca_key, extensions=(CA,)).public_bytes(serialization.Encoding.PEM),
    ]
    (tmp_path / "all.pem").write_bytes(b"".join(parts))
    how = "-nomac -keypbe NONE -certpbe NONE -passout pass:"
    command = f"openssl pkcs12 -export -in {tmp_path}/all.pem -out {tmp_path}/new {how}"
    subprocess.run(command.split(), check=True, capture_output=True)
    assert "not needed" in read((tmp_path / "new").read_bytes(), "x").notes[0]


RESTRICTED = {
    # A property that no algorithm has: what OpenSSL in FIPS mode does without its FIPS provider.
    "everything": ("fips=yes", ENCRYPTIONS),
    "old algorithms": ("provider=default", ("rc2-40",)),
}

_UNDER_RESTRICTIONS = """
import datetime, sys
sys.path.insert(0, sys.argv[1])
from estreamer.connection import pkcs12
from estreamer.errors import Problem
now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)
for path in sys.argv[3:]:
    try:
        pkcs12.read(open(path, "rb").read(), sys.argv[2], now, True)
        print("read")
    except Problem as problem:
        print(problem.code, problem.text)
"""


@pytest.mark.parametrize("what", RESTRICTED)
def test_a_restricted_openssl_is_not_a_wrong_password(pki: Pki, tmp_path: Path, what: str) -> None:
    properties, affected = RESTRICTED[what]
    config = tmp_path / "openssl.cnf"
    config.write_text(
        f"openssl_conf = all\n[all]\nalg_section = algorithms\n[algorithms]\ndefault_properties = {properties}\n"
    )
    for encryption in ENCRYPTIONS:
        (tmp_path / encryption).write_bytes(pki.pkcs12(password="x", encryption=encryption))
    said = {}
    for password in ("x", "wrong"):
        done = subprocess.run(
            [sys.executable, "-c", _UNDER_RESTRICTIONS, str(ROOT / "bin"), password]
            + [str(tmp_path / encryption) for encryption in ENCRYPTIONS],
            env={**os.environ, "OPENSSL_CONF": str(config)},
            capture_output=True,
            text=True,
            check=True,
        )
        said[password] = dict(zip(ENCRYPTIONS, done.stdout.splitlines()))
    for encryption in ENCRYPTIONS:
        right, wrong = said["x"][encryption], said["wrong"][encryption]
        if encryption in affected:
            assert right.startswith("pkcs12_unsupported OpenSSL on this machine"), right
            assert "FIPS" in right
            assert wrong.startswith("pkcs12_unsupported"), wrong
        else:
            assert right == "read"
            assert wrong.startswith("pkcs12_wrong_password"), wrong


def test_the_key_comes_out_encrypted_only(pki: Pki) -> None:
    pem = read(pki.pkcs12()).encrypted_key(b"passphrase")
    assert b"ENCRYPTED PRIVATE KEY" in pem
    loaded = serialization.load_pem_private_key(pem, b"passphrase")
    assert loaded.public_key() == pki.client().key.public_key()
    with pytest.raises(ValueError, match="Password must be"):
        read(pki.pkcs12()).encrypted_key(b"")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "PEM"),
        (b"Bag Attributes\n    localKeyID: 01\n-----BEGIN PRIVATE KEY-----\nMIIB\n", "PEM"),
        (b"<html><body>Login</body></html>", "begins otherwise"),
        (b"0", "begins otherwise"),
        (b"\x30\x80\x00\x00", "damaged"),
        (b"\x30\x03\x02\x01\x03", "damaged"),
        (b"\x30\x00", "damaged"),
        (b"\x00" * 100, "begins otherwise"),
        (b"\x30\xff", "ends after"),
    ],
)
def test_not_a_pkcs12(data: bytes, why: str) -> None:
    problem = refusal(data, "x")
    assert problem.code == "pkcs12_not_pkcs12"
    assert why in problem.text
    assert "System > Integration > eStreamer" in problem.text


@pytest.mark.parametrize("wrap", [base64.b64encode, base64.encodebytes])
def test_base64_given_by_mistake(pki: Pki, wrap: object) -> None:
    problem = refusal(wrap(pki.pkcs12()))  # type: ignore[operator]
    assert problem.code == "pkcs12_not_pkcs12"
    assert "base64" in problem.text


@pytest.mark.parametrize("keep", [1, 2, 3, 4, 100, -1])
def test_a_file_that_is_cut_short_is_refused_and_its_size_told(pki: Pki, keep: int) -> None:
    data = pki.pkcs12(password="x")
    problem = refusal(data[:keep], "x")
    assert problem.code == "pkcs12_not_pkcs12"
    if keep > 3:
        assert f"of {len(data):,} bytes" in problem.text


def test_a_der_certificate_is_no_pkcs12(pki: Pki) -> None:
    assert refusal(pki.ca.certificate.public_bytes(serialization.Encoding.DER)).code == "pkcs12_not_pkcs12"


@pytest.mark.parametrize("size", [pkcs12.MAX_SIZE + 1, 10 * 1024 * 1024])
def test_too_large(size: int) -> None:
    problem = refusal(b"0" * size)
    assert problem.code == "pkcs12_too_large"
    assert f"{pkcs12.MAX_SIZE:,}" in problem.text


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    return bytes((tag,)) + (bytes((length,)) if length < 128 else b"\x82" + length.to_bytes(2, "big")) + content


def test_endless_key_derivation_is_refused_at_once(pki: Pki) -> None:
    data = pki.pkcs12(password="x")
    rounds = der(2, (2048).to_bytes(2, "big"))
    assert data.count(rounds) >= 2
    for count in (3_000_000, 1 << 40):
        number = der(2, count.to_bytes(6, "big"))
        outer = data[4:].replace(rounds, number)
        before = time.process_time()
        problem = refusal(data[:2] + len(outer).to_bytes(2, "big") + outer, "x")
        # Lengths inside do not fit any more; what counts is that the MAC, at the end, is looked at before it is made.
        assert problem.code in {"pkcs12_unsupported", "pkcs12_not_pkcs12"}
        assert time.process_time() - before < 1
    mac = der(0x30, der(4, b"salt") + der(2, (1 << 40).to_bytes(6, "big")))
    assert refusal(der(0x30, der(2, b"\3") + mac)).code == "pkcs12_unsupported"
    hidden = der(4, der(0x30, der(0x30, der(4, b"salt") + der(2, (1 << 40).to_bytes(6, "big")))))
    assert refusal(der(0x30, der(2, b"\3") + hidden)).code == "pkcs12_unsupported"


def test_deep_nesting_is_no_trouble() -> None:
    data = b""
    for _ in range(5000):
        data = der(0x30, data)
    assert refusal(data).code == "pkcs12_unsupported"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_a_problem_never_a_crash(pki: Pki, data: st.DataObject) -> None:
    whole = bytearray(pki.pkcs12(password="x" if data.draw(st.booleans()) else ""))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert read(bytes(whole), "x").facts.common_name is not None
    except Problem as problem:
        assert problem.code.startswith(("pkcs12_", "certificate_"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_problem_never_a_crash(data: bytes) -> None:
    assert refusal(b"\x30\x82" + data).code in {"pkcs12_not_pkcs12", "pkcs12_unsupported"}


def test_bytes_after_the_end_do_no_harm(pki: Pki) -> None:
    assert read(pki.pkcs12(password="x") + b"\r\n", "x").facts.common_name == "127.0.0.1"


def test_a_file_without_a_key_is_refused(pki: Pki) -> None:
    assert refusal(pki.pkcs12(with_key=False)).code == "pkcs12_no_key"
    assert refusal(a_file(None, None, pki.ca.certificate)).code == "pkcs12_no_key"


def test_a_file_without_a_client_certificate_is_refused(key: ec.EllipticCurvePrivateKey, pki: Pki) -> None:
    assert refusal(a_file(key, None)).code == "pkcs12_no_certificate"
    assert refusal(a_file(key, None, pki.ca.certificate)).code == "pkcs12_no_certificate"


def test_key_mismatch(key: ec.EllipticCurvePrivateKey, pki: Pki) -> None:
    problem = refusal(a_file(key, None, pki.client().certificate, pki.ca.certificate))
    assert problem.code == "pkcs12_key_mismatch"


def test_no_ca_says_how_to_add_it(pki: Pki) -> None:
    problem = refusal(pki.pkcs12(with_ca=False))
    assert problem.code == "pkcs12_no_ca"
    assert "System > Integration > eStreamer" in problem.text
    assert "openssl pkcs12 -in OLD -out all.pem; " in problem.text
    assert "openssl pkcs12 -export -in all.pem -certfile CA.pem -out NEW" in problem.text


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_the_ca_can_be_added_as_the_text_says(pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "OLD").write_bytes(pki.pkcs12(password="x", with_ca=False))
    (tmp_path / "CA.pem").write_bytes(pki.ca_path.read_bytes())
    advice = refusal((tmp_path / "OLD").read_bytes(), "x").text
    commands = re.findall(r"openssl pkcs12 [^;]+", advice)
    assert len(commands) == 2
    for command in commands:
        subprocess.run(
            [*command.split(), "-passin", "env:P", "-passout", "env:P"],
            cwd=tmp_path,
            env={**os.environ, "P": "x"},
            check=True,
            capture_output=True,
            timeout=60,
        )
    assert "BEGIN PRIVATE KEY" not in (tmp_path / "all.pem").read_text()
    assert trusted(read((tmp_path / "NEW").read_bytes(), "x"))[0].fingerprint == pki.ca.fingerprint


@pytest.mark.parametrize(
    ("subject", "issuer", "extensions", "is_ca"),
    [
        ("CA", "CA", (CA,), True),
        ("CA", "CA", (CA, key_usage(key_cert_sign=True)), True),
        ("CA", "root", (CA,), True),
        ("CA", "CA", (key_usage(key_cert_sign=True),), True),
        ("CA", "CA", (key_usage(key_cert_sign=False),), False),
        ("CA", "CA", (NO_CA,), False),
        ("CA", "CA", (), False),
    ],
)
def test_only_certificates_of_cas_count_as_ca(
    key: ec.EllipticCurvePrivateKey,
    subject: str,
    issuer: str,
    extensions: tuple[x509.ExtensionType, ...],
    is_ca: bool,
) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    data = a_file(key, a_certificate(key), a_certificate(other, subject, issuer, extensions=extensions))
    if is_ca:
        credentials = read(data)
        assert trusted(credentials)[0].common_name == "CA"
        assert credentials.has_root is (subject == issuer)
    else:
        assert refusal(data).code == "pkcs12_no_ca"


def test_other_certificates_are_not_trusted(key: ec.EllipticCurvePrivateKey, pki: Pki) -> None:
    data = a_file(key, a_certificate(key), pki.client("192.0.2.1").certificate, pki.ca.certificate)
    assert [facts.common_name for facts in trusted(read(data))] == ["Management Center CA"]


@pytest.mark.parametrize(("days", "code"), [((-9, -1), "certificate_expired"), ((1, 9), "certificate_not_yet_valid")])
def test_validity_of_client_and_ca(key: ec.EllipticCurvePrivateKey, days: tuple[int, int], code: str) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    good_ca = a_certificate(other, "CA", extensions=(CA,))
    problem = refusal(a_file(key, a_certificate(key, days=days), good_ca))
    assert problem.code == code
    assert "client certificate" in problem.text
    bad_ca = a_certificate(other, "CA", days=days, extensions=(CA,))
    problem = refusal(a_file(key, a_certificate(key), bad_ca))
    assert problem.code == code
    assert "CA certificate" in problem.text
    assert len(trusted(read(a_file(key, a_certificate(key), bad_ca, good_ca)))) == 1


def test_the_moment_of_expiry(key: ec.EllipticCurvePrivateKey, pki: Pki) -> None:
    """The CA is valid for longer, at both ends."""
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = a_certificate(key, days=(0, 5))
    assert certificate.not_valid_before_utc > now
    data = a_file(key, certificate, pki.ca.certificate)
    facts = read(data).facts
    assert read(data, now=facts.not_after).facts == facts
    assert refusal(data, now=facts.not_after + datetime.timedelta(seconds=1)).code == "certificate_expired"
    assert refusal(data, now=facts.not_before - datetime.timedelta(seconds=1)).code == "certificate_not_yet_valid"
    end = read(data).end
    assert end == pkcs12.End(facts.not_after, "client certificate")
    assert end.days_left(facts.not_after - 30 * DAY) == 30
    assert end.days_left(facts.not_after + DAY / 2) == -1


@pytest.mark.parametrize(("variant", "why"), [("weak-key", "RSA key of 1024 bits"), ("sha1", "signed with SHA1")])
def test_weak_client_certificates_need_the_switch(pki: Pki, variant: str, why: str) -> None:
    try:
        data = pki.pkcs12(variant=variant)
    except OpensslMissing as missing:
        pytest.skip(str(missing))
    problem = refusal(data)
    assert problem.code == "certificate_weak"
    assert '"Legacy certificates"' in problem.text
    assert why in problem.text
    assert read(data, legacy=True).weaknesses == (f"the client certificate {'has an' if 'RSA' in why else 'is'} {why}",)


def test_weak_ca_keys_need_the_switch(key: ec.EllipticCurvePrivateKey) -> None:
    for weak, why in (
        (rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bits"),  # noqa: S505 - weak is what it is for
        (ec.generate_private_key(ec.SECP192R1()), "an EC key of 192 bits"),
        (dsa.generate_private_key(2048), "a DSA key"),
    ):
        data = a_file(key, a_certificate(key), a_certificate(weak, "CA", extensions=(CA,)))
        assert f"the CA certificate has {why}" in refusal(data).text
        assert read(data, legacy=True).weaknesses == (f"the CA certificate has {why}",)


def test_what_is_no_certificate_has_no_weakness() -> None:
    assert pkcs12.weaknesses_of("server certificate", b"nothing") == []


def test_unknown_algorithms(key: ec.EllipticCurvePrivateKey, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library knows what it knows; a stand-in shows what happens when it does not."""

    class Unknown:
        subject, issuer, version = a_name("x"), a_name("y"), x509.Version.v3

        def public_key(self) -> object:
            raise UnsupportedAlgorithm("x")

        @property
        def signature_hash_algorithm(self) -> object:
            raise UnsupportedAlgorithm("x")

        @property
        def extensions(self) -> object:
            raise ValueError("x")

    unknown = Unknown()
    assert pkcs12._weaknesses_of("certificate", unknown) == [  # type: ignore[arg-type]
        "the certificate has a key of an unknown kind",
        "the certificate is signed with an algorithm of an unknown kind",
    ]
    assert pkcs12._public_bytes_of(unknown) is None  # type: ignore[arg-type]
    assert not pkcs12._is_ca(unknown)  # type: ignore[arg-type]

    def refuse(*_: object) -> None:
        raise UnsupportedAlgorithm("x")

    monkeypatch.setattr(library, "load_pkcs12", refuse)
    problem = refusal(pki.pkcs12(), "x")
    assert problem.code == "pkcs12_unsupported"
    assert "Convert it" in problem.text


def test_a_crash_of_the_library_does_not_end_the_process(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        __module__ = "pyo3_runtime"

    def panic(*_: object) -> None:
        raise error

    monkeypatch.setattr(library, "load_pkcs12", panic)
    error: BaseException = Panic("it shows what it had at hand: x")
    assert refusal(pki.pkcs12(), "x").code == "pkcs12_not_pkcs12"
    error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        read(pki.pkcs12(), "x")


def test_old_cas_of_version_1_count(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        version, subject, issuer = x509.Version.v1, a_name("CA"), a_name("CA")

    assert pkcs12._is_ca(Old())  # type: ignore[arg-type]
    monkeypatch.setattr(Old, "issuer", a_name("another"))
    assert not pkcs12._is_ca(Old())  # type: ignore[arg-type]


def test_names_cannot_break_or_flood_a_log(key: ec.EllipticCurvePrivateKey, pki: Pki) -> None:
    nasty = a_certificate(key, "fmc\n2026-01-01 level=ERROR \x1b[31m\u202e")
    facts = read(a_file(key, nasty, pki.ca.certificate)).facts
    assert facts.common_name == "fmc\\n2026-01-01 level=ERROR \\x1b[31m\\u202e"


def test_a_certificate_without_common_name(key: ec.EllipticCurvePrivateKey, pki: Pki) -> None:
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(a_name("CA"))
    builder = builder.public_key(key.public_key()).serial_number(1)
    certificate = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY).sign(key, hashes.SHA256())
    facts = read(a_file(key, certificate, pki.ca.certificate)).facts
    assert (facts.common_name, facts.subject) == ("", "")
