"""The stand-in with the built add-on: its generated handlers, its confs and its input."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.splunkd import Splunkd

pytestmark = pytest.mark.package

APP = "TA_secure_firewall_estreamer"
ACCOUNT = f"{APP}_account"
INPUT = f"{APP}_estreamer_fqe"
PASSWORD = "not-a-real-password"


@pytest.fixture
def splunkd(tmp_path: Path, built_package: Path) -> Iterator[Splunkd]:
    with Splunkd(tmp_path / "home") as running:
        running.install(built_package)
        yield running


def files_with(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_every_endpoint_of_restmap_answers(splunkd: Splunkd) -> None:
    assert splunkd.request("GET", ACCOUNT).status == 200
    assert splunkd.request("GET", INPUT).status == 200
    assert splunkd.request("GET", f"{APP}_settings/logging").entries["logging"]["loglevel"] == "INFO"


def test_name_of_an_account_that_does_not_begin_with_a_letter_is_refused(splunkd: Splunkd) -> None:
    answer = splunkd.request("POST", ACCOUNT, {"name": "_fmc", "host": "fmc.example", "pkcs12": "QUJD"})
    assert answer.status in (400, 500)
    assert splunkd.stanzas(f"{APP.lower()}_account") == {}


def test_refusal_of_an_account_leaves_no_secret_on_disk(splunkd: Splunkd, tmp_path: Path) -> None:
    nonsense = base64.b64encode(b"not a PKCS#12 at all").decode()
    form = {"name": "fmc", "host": "not a host", "pkcs12": nonsense, "pkcs12_password": PASSWORD}
    answer = splunkd.request("POST", ACCOUNT, form)
    assert answer.status in (400, 500)
    assert PASSWORD not in answer.message
    assert files_with(tmp_path, PASSWORD) == []
    assert files_with(tmp_path, nonsense) == []


def test_settings_of_the_conf_are_checked_against_its_spec(splunkd: Splunkd) -> None:
    path = f"configs/conf-{APP.lower()}_account"
    answer = splunkd.request("POST", path, {"name": "fmc", "host": "fmc.example", "color": "blue"})
    assert answer.status == 400
    assert "color" in answer.message


def test_handlers_write_nothing_to_the_test_runners_folder(splunkd: Splunkd, tmp_path: Path) -> None:
    before = set(os.listdir("/"))
    assert splunkd.request("GET", INPUT).status == 200
    assert set(os.listdir("/")) == before
    assert {path.name for path in tmp_path.iterdir()} == {"home"}
