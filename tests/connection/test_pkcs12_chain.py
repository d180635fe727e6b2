"""The chain counts, not the leaf: when a certificate ends with the CAs that have issued it, and which ends first."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12 as library
from estreamer.connection import pkcs12

from standins.fmc.pki import Pki

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("client", "root", "old", "middle", "other")}


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def certificate(subject: str, issuer: str, ends: float, *, key: str = "", signed_by: str = "") -> x509.Certificate:
    """Return a certificate that ends after so many days; keys are named as subject and issuer unless told otherwise."""
    builder = x509.CertificateBuilder().subject_name(name_of(subject)).issuer_name(name_of(issuer))
    builder = builder.public_key(KEYS[key or subject].public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - 3650 * DAY).not_valid_after(NOW + ends * DAY)
    is_ca = x509.BasicConstraints(ca=subject != "client", path_length=None)
    return builder.add_extension(is_ca, critical=True).sign(KEYS[signed_by or issuer], hashes.SHA256())


def end_of(leaf: x509.Certificate, *authorities: x509.Certificate) -> tuple[int, str]:
    """Return the days until a file ends, and which certificate ends first; a server's certificate must say the same."""
    data = library.serialize_key_and_certificates(b"x", KEYS["client"], leaf, authorities, serialization.NoEncryption())
    found = pkcs12.read(data, "", NOW, False).end
    der = [one.public_bytes(serialization.Encoding.DER) for one in (leaf, *authorities)]
    assert pkcs12.end_of("client certificate", der[0], der[1:]) == found
    return found.days_left(NOW), found.first


CA_FIRST = "CA certificate CN="
CHAINS: dict[str, tuple[list[Any], tuple[int, str]]] = {
    "CA ends first": ([("root", "root", 3)], (3, f"{CA_FIRST}root")),
    "client ends first": ([("root", "root", 3000)], (365, "client certificate")),
    "both end at once": ([("root", "root", 365)], (365, "client certificate")),
    "another CA ends first": ([("root", "root", 3000), ("other", "other", 3)], (365, "client certificate")),
    "another CA of the same name": (
        [("root", "root", 3000), ("root", "root", 3, "other", "other")],
        (365, "client certificate"),
    ),
    "renewed CA beside the old one": ([("root", "root", 3), ("root", "root", 3000)], (365, "client certificate")),
    "old CA that ends first of two": ([("root", "root", 3), ("root", "root", 30)], (30, f"{CA_FIRST}root")),
    "CA beside one that has ended": ([("root", "root", -3), ("root", "root", 30)], (30, f"{CA_FIRST}root")),
    "ended CA beside another": ([("root", "root", -3), ("other", "other", 30)], (-3, f"{CA_FIRST}root")),
    "CA that is not in the file": ([("other", "other", 3)], (365, "client certificate")),
}


@pytest.mark.parametrize("case", CHAINS)
def test_chain_ends_with_its_first_certificate_and_no_other_counts(case: str) -> None:
    authorities, expected = CHAINS[case]
    made = []
    for subject, issuer, ends, *keys in authorities:
        made.append(certificate(subject, issuer, ends, **dict(zip(("key", "signed_by"), keys))))
    leaf = certificate("client", "root", 365)
    assert end_of(leaf, *made) == expected
    assert end_of(leaf, *reversed(made)) == expected


def test_chain_goes_on_behind_the_ca_that_issued_the_certificate() -> None:
    leaf = certificate("client", "middle", 365)
    middle = certificate("middle", "root", 300)
    assert end_of(leaf, middle) == (300, f"{CA_FIRST}middle")
    assert end_of(leaf, middle, certificate("root", "root", 3)) == (3, f"{CA_FIRST}root")
    # Signed by two roots, it lasts as long as the better of them; the end of its own counts in any case.
    crossed = certificate("middle", "other", 200)
    other = certificate("other", "other", 3000)
    assert end_of(leaf, middle, crossed, certificate("root", "root", 3), other) == (200, f"{CA_FIRST}middle")


def test_cas_that_have_issued_each_other_come_to_an_end_too() -> None:
    leaf = certificate("client", "middle", 365)
    circle = [certificate("middle", "root", 30), certificate("root", "middle", 300)]
    assert end_of(leaf, *circle) == (30, f"{CA_FIRST}middle")
    many = [certificate("root", "root", 30 + number, signed_by="root") for number in range(60)]
    # More than anybody has: looked at up to a limit, in time.
    assert end_of(certificate("client", "root", 365), *many)[0] in range(30, 90)


def test_what_is_no_certificate_has_no_end() -> None:
    assert pkcs12.end_of("server certificate", b"\x30\x03abc", []) is None


def test_file_of_a_management_center_whose_ca_ends_first(tmp_path: Path) -> None:
    pki = Pki(tmp_path, ca_days=(-3650, 3))
    found = pkcs12.read(pki.pkcs12(), "", NOW + DAY / 24, False)
    assert (found.end.days_left(NOW), found.end.first) == (
        3,
        "CA certificate title=InternalCA, CN=Management Center CA",
    )
    assert found.facts.not_after > NOW + 300 * DAY
