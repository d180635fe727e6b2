"""The certificates have the properties of their variants, and only the owner can read a key."""

from __future__ import annotations

import datetime
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from standins.fmc.pki import ENCRYPTIONS, SERVER_VARIANTS, SHORT_LIFE, OpensslMissing, Pki, shared_pki


def _server_certificate(pki: Pki, variant: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.server(variant).certificate.read_bytes())


def test_the_server_certificate_names_its_role_and_no_host(pki: Pki) -> None:
    certificate = _server_certificate(pki, "good")
    subject = certificate.subject
    assert subject.get_attributes_for_oid(NameOID.TITLE)[0].value == "eStreamer"
    assert subject.get_attributes_for_oid(NameOID.GENERATION_QUALIFIER)[0].value == "server"
    assert not subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert list(certificate.extensions) == []
    assert certificate.fingerprint(hashes.SHA256()).hex() == pki.server().fingerprint


def test_each_variant_has_the_one_fault_that_it_names(pki: Pki) -> None:
    certificates = {variant: _server_certificate(pki, variant) for variant in SERVER_VARIANTS}
    now = datetime.datetime.now(datetime.timezone.utc)
    assert certificates["expired"].not_valid_after_utc < now
    assert certificates["not-yet-valid"].not_valid_before_utc > now
    qualifier = certificates["wrong-role"].subject.get_attributes_for_oid(NameOID.GENERATION_QUALIFIER)
    assert qualifier[0].value == "client"
    weak = certificates["weak-key"].public_key()
    assert isinstance(weak, rsa.RSAPublicKey)
    assert weak.key_size == 1024
    assert isinstance(certificates["sha1"].signature_hash_algorithm, hashes.SHA1)
    certificates["good"].verify_directly_issued_by(pki.ca.certificate)
    certificates["foreign"].verify_directly_issued_by(pki.foreign_ca.certificate)
    certificates["renewed"].verify_directly_issued_by(pki.ca.certificate)
    assert certificates["renewed"].subject == certificates["good"].subject
    assert certificates["renewed"].public_key() != certificates["good"].public_key()
    assert pki.foreign_ca.certificate.public_key() != pki.ca.certificate.public_key()


@pytest.mark.parametrize("ca_key_usage", [False, True])
def test_the_ca_carries_key_usage_only_if_asked(tmp_path: Path, ca_key_usage: bool) -> None:
    extensions = Pki(tmp_path, ca_key_usage=ca_key_usage).ca.certificate.extensions
    has = any(isinstance(extension.value, x509.KeyUsage) for extension in extensions)
    assert has is ca_key_usage
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.parametrize("password", ["", "open sesame ü"])
def test_a_pkcs12_holds_key_certificate_and_ca(pki: Pki, encryption: str, password: str) -> None:
    data = pki.pkcs12("127.0.0.1", password=password, encryption=encryption)
    try:
        loaded = pkcs12.load_pkcs12(data, password.encode() or None)
    except ValueError:
        loaded = pkcs12.load_pkcs12(data, password.encode())
    assert loaded.key is not None
    assert loaded.cert is not None
    name = loaded.cert.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert name == "127.0.0.1"
    assert [extra.certificate for extra in loaded.additional_certs] == [pki.ca.certificate]


def test_a_pkcs12_can_lack_ca_or_key(pki: Pki) -> None:
    without_ca = pkcs12.load_pkcs12(pki.pkcs12(with_ca=False), None)
    assert without_ca.key is not None
    assert without_ca.additional_certs == []
    assert pkcs12.load_pkcs12(pki.pkcs12(with_key=False), None).key is None
    assert pkcs12.load_pkcs12(pki.pkcs12(with_key=False, encryption="rc2-40", password="x"), b"x").key is None


def test_rc2_files_really_use_rc2_of_40_bits(pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "old.p12"
    path.write_bytes(pki.pkcs12(password="x", encryption="rc2-40"))
    shown = subprocess.run(
        ["openssl", "pkcs12", "-legacy", "-info", "-noout", "-in", str(path), "-passin", "stdin"],
        input=b"x\n",
        capture_output=True,
        check=True,
    )
    assert b"pbeWithSHA1And40BitRC2-CBC" in shown.stderr


def test_without_the_openssl_command_old_formats_say_so(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OpensslMissing, match="install it"):
        pki.pkcs12(encryption="rc2-40")


def test_files_with_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    pki = Pki(tmp_path, key="rsa")
    pki.server()
    pki.client_files()
    pki.pkcs12_file()
    secret = [path for path in tmp_path.iterdir() if path.suffix in {".key", ".pkcs12"}]
    assert len(secret) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_a_short_life_is_a_matter_of_seconds(tmp_path: Path) -> None:
    left = Pki(tmp_path).client(variant="short-lived").certificate.not_valid_after_utc
    assert 0 < (left - datetime.datetime.now(datetime.timezone.utc)).total_seconds() <= SHORT_LIFE


def test_the_shared_pki_is_made_once_a_process(pki: Pki) -> None:
    assert shared_pki() is pki
    assert pki.server() == pki.server()
