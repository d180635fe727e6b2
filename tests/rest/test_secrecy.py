"""The search for secrets finds what it is there for, in whatever form it stands."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from standins.fmc.pki import Pki
from standins.splunkd import Splunkd
from standins.splunkd.handlers import HandlerCall
from standins.splunkd.rest import Exchange
from tests.rest.forms import PASSWORD
from tests.rest.secrecy import Secrecy, pem_of

PATH = "/servicesNS/nobody/TA_secure_firewall_estreamer/TA_secure_firewall_estreamer_account"
OFFSETS = range(3)


@pytest.fixture(scope="module", params=["ec", "rsa"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Pki(tmp_path_factory.mktemp("pki"), key=request.param).pkcs12(password=PASSWORD)


def planted(file: bytes) -> dict[str, bytes]:
    """Every form in which a password, a file or a key could come out."""
    pem = pem_of(file, PASSWORD)
    body = b"".join(pem.splitlines()[1:-1])
    der = base64.b64decode(body)
    texts = {
        "password": PASSWORD.encode(),
        "password in JSON": json.dumps({"pkcs12_password": PASSWORD}).encode(),
        "password in base64": base64.b64encode(PASSWORD.encode()),
        "file": file,
        "file in base64": base64.b64encode(file),
        "file in lines of base64": base64.encodebytes(file),
        "file in hexadecimal": file.hex().encode(),
        "key as PEM": pem,
        "key as PEM in JSON": json.dumps(pem.decode()).encode(),
        "key as DER": der,
        "key in hexadecimal": der.hex().upper().encode(),
        "key in hexadecimal with colons": der.hex(":").encode(),
    }
    shifted = {f"key in base64 after {shift} bytes": base64.b64encode(b"x" * shift + der) for shift in OFFSETS}
    return {**texts, **shifted}


def sent(file: bytes, password: str = PASSWORD, answer: bytes = b"{}") -> Exchange:
    form = {"name": "fmc", "pkcs12": base64.b64encode(file).decode(), "pkcs12_password": password}
    return Exchange("POST", PATH, form, 201, answer)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Splunkd]:
    with Splunkd(tmp_path / "home") as running:
        yield running


def test_secret_in_an_answer_is_found_in_every_form(bare: Splunkd, file: bytes) -> None:
    for form, text in planted(file).items():
        searched = Secrecy(bare)
        bare._rest.exchanges[:] = [sent(file, answer=b'{"entry": [' + text + b"]}")]
        assert searched.findings() == [f"answer of splunkd to POST {PATH}"], form


def test_secret_in_the_output_of_a_handler_and_in_a_file_is_found(bare: Splunkd, file: bytes) -> None:
    bare._rest.exchanges[:] = [sent(file)]
    bare._apps.handler_calls[:] = [
        HandlerCall("one", "edit", "fmc", 200, PASSWORD, ""),
        HandlerCall("two", "edit", "fmc", 200, "", f"Traceback: {PASSWORD}"),
    ]
    log = bare.home.logs / "some.log"
    log.write_bytes(b"key " + pem_of(file, PASSWORD))
    assert Secrecy(bare).findings() == [str(log), "output of one edit", "output of two edit"]


def test_what_is_public_is_no_finding_and_nothing_is_searched_twice(bare: Splunkd, file: bytes) -> None:
    searched = Secrecy(bare)
    bare._rest.exchanges[:] = [sent(file, answer=b"a certificate of 127.0.0.1 and ******")]
    assert searched.findings() == []
    bare._rest.exchanges.append(sent(file, answer=PASSWORD.encode()))
    assert len(searched.findings()) == 1
    assert searched.findings() == []


def test_password_that_cannot_be_told_from_other_text_is_refused(bare: Splunkd, file: bytes) -> None:
    bare._rest.exchanges[:] = [sent(file, password="wrong")]
    with pytest.raises(AssertionError, match="send a longer one"):
        Secrecy(bare).findings()
