"""The stand-in with the built add-on: its generated handlers, its confs and its input."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.bookmark.bookmark import folder_of

from standins.fmc.pki import shared_pki
from standins.places import APP
from standins.splunkd import Splunkd

pytestmark = pytest.mark.package

ACCOUNT = f"{APP}_account"
INPUT = f"{APP}_estreamer_fqe"
PASSWORD = "not-a-real-password"


@pytest.fixture
def splunkd(tmp_path: Path, built_package: Path) -> Iterator[Splunkd]:
    with Splunkd(tmp_path / "home") as running:
        running.install(built_package)
        yield running


def create_account(splunkd: Splunkd) -> str:
    """Create the account `fmc`; return its PKCS#12 in base64."""
    encoded = base64.b64encode(shared_pki().pkcs12(password=PASSWORD)).decode()
    form = {
        "name": "fmc",
        "host": "127.0.0.1",
        "pkcs12": encoded,
        "pkcs12_password": PASSWORD,
        "check_connection": "0",
    }
    answer = splunkd.request("POST", ACCOUNT, form)
    assert (answer.status, answer.message) == (201, "")
    return encoded


def test_secrets_of_an_account_are_in_storage_passwords_and_masked_elsewhere(splunkd: Splunkd) -> None:
    encoded = create_account(splunkd)
    shown = splunkd.request("GET", f"{ACCOUNT}/fmc").entries["fmc"]
    assert (shown["pkcs12"], shown["pkcs12_password"]) == ("******", "******")
    in_conf = splunkd.stanzas(f"{APP.lower()}_account")["fmc"]
    assert (in_conf["pkcs12"], in_conf["pkcs12_password"]) == ("******", "******")
    stored = splunkd.request("GET", "storage/passwords?count=-1").entries.values()
    clear = "".join(one["clear_password"] for one in stored if "S``splunk_cred_sep``P" not in one["clear_password"])
    assert json.loads(clear) == {"pkcs12": encoded, "pkcs12_password": PASSWORD}
    assert splunkd.places_of(PASSWORD) == []
    assert splunkd.places_of(encoded[40:100]) == []


def test_removed_account_leaves_nothing(splunkd: Splunkd) -> None:
    create_account(splunkd)
    assert splunkd.request("DELETE", f"{ACCOUNT}/fmc").status == 200
    assert splunkd.request("GET", ACCOUNT).entries == {}
    assert splunkd.request("GET", "storage/passwords?count=-1").entries == {}


def test_input_is_created_listed_and_removed_with_its_bookmark(splunkd: Splunkd) -> None:
    create_account(splunkd)
    created = splunkd.request("POST", INPUT, {"name": "one", "account": "fmc", "index": "main"})
    assert (created.status, created.message) == (201, "")
    assert splunkd.stanzas("inputs")["estreamer_fqe://one"]["account"] == "fmc"
    checkpoints = str(splunkd.home.checkpoint_dir("estreamer_fqe"))
    folder = Path(folder_of(checkpoints, "estreamer_fqe://one"))
    folder.mkdir()
    (folder / "bookmark").write_bytes(b"x")
    assert splunkd.request("DELETE", f"{INPUT}/one").status == 200
    assert "estreamer_fqe://one" not in splunkd.stanzas("inputs")
    assert not folder.exists()


def test_every_endpoint_of_restmap_answers(splunkd: Splunkd) -> None:
    assert splunkd.request("GET", ACCOUNT).status == 200
    assert splunkd.request("GET", INPUT).status == 200
    assert splunkd.request("GET", f"{APP}_settings/logging").entries["logging"]["loglevel"] == "INFO"


def test_name_of_an_account_that_does_not_begin_with_a_letter_is_refused(splunkd: Splunkd) -> None:
    answer = splunkd.request("POST", ACCOUNT, {"name": "_fmc", "host": "fmc.example", "pkcs12": "QUJD"})
    assert (answer.status, answer.message.partition(":")[0]) == (400, "name")
    assert splunkd.stanzas(f"{APP.lower()}_account") == {}


def test_refusal_of_an_account_leaves_no_secret_on_disk(splunkd: Splunkd) -> None:
    nonsense = base64.b64encode(b"not a PKCS#12 at all").decode()
    form = {"name": "fmc", "host": "not a host", "pkcs12": nonsense, "pkcs12_password": PASSWORD}
    answer = splunkd.request("POST", ACCOUNT, form)
    assert (answer.status, answer.message.partition(":")[0]) == (400, "host")
    assert PASSWORD not in answer.message
    assert splunkd.places_of(PASSWORD) == []
    assert splunkd.places_of(nonsense) == []


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
