"""Accounts by REST count the days until the first certificate of the chain ends, and say which one that is."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

import pytest

from standins.fmc.pki import Pki
from standins.splunkd import Splunkd
from tests.rest.forms import ACCOUNT, APP, PASSWORD, account, create, shown

pytestmark = pytest.mark.package

CONF = f"{APP.lower()}_account"


@pytest.fixture(scope="module")
def soon(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A client's file whose CA ends in three days, and the client certificate in a year."""
    pki = Pki(tmp_path_factory.mktemp("pki"), ca_days=(-3650, 3))
    return base64.b64encode(pki.pkcs12(password=PASSWORD)).decode()


def test_ca_that_ends_before_the_certificate_is_counted_and_named(splunkd: Splunkd, soon: str) -> None:
    create(splunkd, ACCOUNT, account("ca_first", pkcs12=soon))
    create(splunkd, ACCOUNT, account("client_first"))
    entries = splunkd.request("GET", ACCOUNT).entries
    assert entries["ca_first"]["certificate_days_left"] == "2"
    assert entries["ca_first"]["certificate_ends_first"] == "CA certificate title=InternalCA, CN=Management Center CA"
    end = datetime.now(timezone.utc) + timedelta(days=3)
    assert abs(datetime.fromisoformat(entries["ca_first"]["certificate_chain_not_after"][:-1] + "+00:00") - end) < (
        timedelta(hours=1)
    )
    assert entries["ca_first"]["certificate_not_after"] > entries["ca_first"]["certificate_chain_not_after"]
    assert entries["client_first"]["certificate_ends_first"] == "client certificate"
    assert entries["client_first"]["certificate_chain_not_after"] == entries["client_first"]["certificate_not_after"]
    assert int(entries["client_first"]["certificate_days_left"]) > 300


def test_account_saved_by_an_older_version_counts_its_certificate_until_it_is_saved_again(
    splunkd: Splunkd, soon: str
) -> None:
    create(splunkd, ACCOUNT, account("older", pkcs12=soon))
    # As version 0.1.0 has stored it: without what is known of the chain.
    local = splunkd.home.apps / APP / "local" / f"{CONF}.conf"
    kept = [
        line
        for line in local.read_text("utf-8").splitlines()
        if not line.startswith(("certificate_chain_not_after", "certificate_ends_first"))
    ]
    local.write_text("\n".join(kept) + "\n", "utf-8")
    entry = shown(splunkd, ACCOUNT, "older")
    assert int(entry["certificate_days_left"]) > 300
    assert "certificate_ends_first" not in entry
    assert splunkd.request("POST", f"{ACCOUNT}/older", {"check_connection": "0"}).message == ""
    entry = shown(splunkd, ACCOUNT, "older")
    assert (entry["certificate_days_left"], entry["certificate_ends_first"][:3]) == ("2", "CA ")


def test_end_of_a_chain_cannot_be_sent(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("forged_end"))
    for field in ("certificate_chain_not_after", "certificate_ends_first"):
        form = {"check_connection": "0", field: "2099-01-01T00:00:00Z"}
        answer = splunkd.request("POST", f"{ACCOUNT}/forged_end", form)
        assert (answer.status, answer.message) == (400, f'Argument "{field}" is not supported by this handler.')
