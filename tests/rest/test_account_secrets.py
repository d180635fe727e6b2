"""Accounts whose secrets are broken, and saves that splunkd lets fail: all or nothing, and nobody else is harmed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from standins.splunkd.rest import Request, Trouble
from tests.rest.forms import (
    ACCOUNT,
    ANOTHER_PASSWORD,
    INPUT,
    PASSWORD,
    account,
    checked,
    create,
    pkcs12,
    reachable,
    shown,
)
from tests.splunkd.management import REALM, SEPARATOR, UNREADABLE

pytestmark = pytest.mark.package

CONF = "ta_secure_firewall_estreamer_account"
NEW_FILE = {"pkcs12": pkcs12(), "pkcs12_password": PASSWORD, "check_connection": "0"}


@pytest.fixture(autouse=True)
def no_fault_is_left(splunkd: Splunkd) -> Iterator[None]:
    yield
    splunkd.fail(None)


def stored(splunkd: Splunkd) -> dict[str, Any]:
    """What splunkd has of accounts and their secrets: clear texts by user names, and stanzas."""
    entries = splunkd.request("GET", "storage/passwords?count=-1").entries.values()
    secrets = {one["username"]: one.get("clear_password") for one in entries if one["realm"] == REALM}
    return {"secrets": secrets, "stanzas": splunkd.stanzas(CONF)}


def plant(splunkd: Splunkd, variant: dict[str, str], name: str) -> None:
    username = variant["username"].replace("old", name)
    content = {key: value for key, value in variant.items() if key not in ("realm", "username")}
    splunkd.plant_credential(username, REALM, content)


def clean(splunkd: Splunkd, *names: str) -> None:
    for name in names:
        splunkd.request("DELETE", f"{ACCOUNT}/{name}")


@pytest.mark.parametrize("variant", range(len(UNREADABLE)))
def test_a_credential_of_no_account_that_cannot_be_read_harms_nobody(splunkd: Splunkd, variant: int) -> None:
    name = f"healthy{variant}"
    plant(splunkd, UNREADABLE[variant], f"gone{variant}")
    create(splunkd, ACCOUNT, account(name))
    listed = splunkd.request("GET", f"{ACCOUNT}?count=-1")
    assert (listed.status, listed.message) == (200, "")
    assert listed.entries[name]["unreadable"] == ""
    assert listed.entries[name]["certificate_subject"] == "127.0.0.1"
    assert listed.entries[name]["pkcs12"] == "******"
    assert splunkd.request("POST", f"{ACCOUNT}/{name}", {"port": "8303", "check_connection": "0"}).message == ""
    assert checked(splunkd, name)["failed_step"] == "connect"
    assert splunkd.request("POST", INPUT, {"name": name, "account": name, "disabled": "1"}).status == 201
    assert splunkd.request("DELETE", f"{INPUT}/{name}").status == 200
    assert splunkd.request("DELETE", f"{ACCOUNT}/{name}").message == ""
    # An account of that name is made in its place, and takes what was left along when it goes.
    create(splunkd, ACCOUNT, account(f"gone{variant}"))
    assert shown(splunkd, ACCOUNT, f"gone{variant}")["unreadable"] == ""
    assert splunkd.request("DELETE", f"{ACCOUNT}/gone{variant}").message == ""
    assert not [one for one in stored(splunkd)["secrets"] if one.startswith((name, f"gone{variant}"))]


@pytest.mark.parametrize("variant", range(len(UNREADABLE)))
@pytest.mark.parametrize("end", ["a new file", "deleted"])
def test_an_account_that_cannot_be_read_is_shown_as_such_and_repaired_or_deleted(
    splunkd: Splunkd, variant: int, end: str
) -> None:
    name, healthy = f"broken{variant}{end[0]}", f"beside{variant}{end[0]}"
    create(splunkd, ACCOUNT, account(name))
    create(splunkd, ACCOUNT, account(healthy))
    plant(splunkd, UNREADABLE[variant], name)
    in_pieces = SEPARATOR in UNREADABLE[variant]["username"]
    for entries in (
        splunkd.request("GET", f"{ACCOUNT}?count=-1").entries,
        splunkd.request("GET", f"{ACCOUNT}/{name}").entries,
    ):
        assert ("Splunk cannot decrypt its secrets" in entries[name]["unreadable"]) == in_pieces
        assert ("upload the PKCS#12 file" in entries[name]["unreadable"]) == in_pieces
        assert entries[name]["pkcs12"] == "******"
        assert entries.get(healthy, {}).get("unreadable", "") == ""
    assert "unreadable" not in splunkd.stanzas(CONF)[name]
    alone = splunkd.request("POST", f"{ACCOUNT}/{name}", {"port": "8303", "check_connection": "0"})
    assert (alone.status, "upload the PKCS#12 file" in alone.message) == ((400, True) if in_pieces else (200, False))
    assert checked(splunkd, healthy)["failed_step"] == "connect"
    assert checked(splunkd, name)["failed_step"] == ("credentials" if in_pieces else "connect")
    if end == "a new file":
        assert splunkd.request("POST", f"{ACCOUNT}/{name}", NEW_FILE).message == ""
        assert shown(splunkd, ACCOUNT, name)["unreadable"] == ""
        assert checked(splunkd, name)["failed_step"] == "connect"
    assert splunkd.request("DELETE", f"{ACCOUNT}/{name}").message == ""
    assert not [one for one in stored(splunkd)["secrets"] if one.partition("`")[0] == name]
    assert checked(splunkd, healthy)["failed_step"] == "connect"
    clean(splunkd, healthy)


def test_an_input_runs_beside_credentials_that_cannot_be_read(tmp_path: Path, built_package: Path) -> None:
    archive = Archive.generated(20)
    with FmcServer(archive) as server, Splunkd(tmp_path / "home", keep="digests") as running:
        running.install(built_package)
        create(running, ACCOUNT, reachable("healthy", server, check_connection="0"))
        create(running, ACCOUNT, account("broken"))
        for number, variant in enumerate(UNREADABLE):
            plant(running, variant, "broken" if number == 0 else f"gone{number}")
        running.start()
        for name, used in (("main", "healthy"), ("other", "broken")):
            form = {"name": name, "account": used, "start_from": "oldest"}
            assert running.request("POST", INPUT, form).status == 201
        running.wait_for(20, stanza="estreamer_fqe://main")
        assert running.count("estreamer_fqe://other") == 0


def test_a_shorter_file_leaves_no_piece_of_the_longer_one(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("shorter", pkcs12=pkcs12(with_ca=True), pkcs12_password=PASSWORD))
    long = {"pkcs12": longer(), "check_connection": "0"}
    assert splunkd.request("POST", f"{ACCOUNT}/shorter", long).message == ""
    before = [one for one in stored(splunkd)["secrets"] if one.startswith("shorter`")]
    assert splunkd.request("POST", f"{ACCOUNT}/shorter", NEW_FILE).message == ""
    after = [one for one in stored(splunkd)["secrets"] if one.startswith("shorter`")]
    assert len(after) < len(before) - 5
    assert stored(splunkd)["secrets"][f"shorter{SEPARATOR}{len(after)}"].startswith("``splunk_cred_sep``S")
    clean(splunkd, "shorter")


def longer() -> str:
    """A file that is longer than what a Management Center makes."""
    content = base64.b64decode(pkcs12())
    return base64.b64encode(content + bytes(6 * 1024 - len(content))).decode()


class FailingOnce:
    """Lets the request of a number fail that changes something; `seen` counts those."""

    def __init__(self, number: int, trouble: Trouble, until: int | None = None) -> None:
        self.seen = 0
        self._numbers = range(number, until or number + 1)
        self._trouble = trouble

    def __call__(self, request: Request) -> Trouble | None:
        if request.method == "GET" or request.segments[0] not in ("storage", "configs"):
            return None
        self.seen += 1
        return self._trouble if self.seen in self._numbers else None


TROUBLES = {
    "refused": Trouble(500),
    "license": Trouble(402),
    "no answer": Trouble(),
    "done without an answer": Trouble(done=True),
}
EDIT = {"pkcs12": pkcs12(variant="renewed", password=ANOTHER_PASSWORD), "pkcs12_password": ANOTHER_PASSWORD}


def changes_of(splunkd: Splunkd, act: Any) -> int:
    counted = FailingOnce(0, Trouble(500))
    splunkd.fail(counted)
    act()
    splunkd.fail(None)
    return counted.seen


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_edit_that_fails_at_any_request_leaves_the_old_account_or_the_new_one(
    splunkd: Splunkd, trouble: str
) -> None:
    name = f"edited_{trouble.replace(' ', '_')}"
    create(splunkd, ACCOUNT, account(name, pkcs12=longer()))
    edit = {**EDIT, "host": "192.0.2.9", "check_connection": "0"}
    old = stored(splunkd)
    requests = changes_of(splunkd, lambda: splunkd.request("POST", f"{ACCOUNT}/{name}", edit))
    new = stored(splunkd)
    assert new != old
    assert requests > 20
    assert (
        splunkd.request(
            "POST",
            f"{ACCOUNT}/{name}",
            {"pkcs12": longer(), "pkcs12_password": PASSWORD, "host": "127.0.0.1", "check_connection": "0"},
        ).message
        == ""
    )
    assert stored(splunkd) == old
    # The first pieces, the last ones with those that are left over, and the settings.
    for number in (1, 2, 9, requests - 2, requests - 1, requests):
        splunkd.fail(FailingOnce(number, TROUBLES[trouble]))
        answer = splunkd.request("POST", f"{ACCOUNT}/{name}", edit)
        splunkd.fail(None)
        assert answer.status in (400, 500), number
        assert "parts of two files" not in answer.message
        assert "Traceback" not in answer.message
        assert stored(splunkd) == old, (number, answer.message)
    clean(splunkd, name)


def test_settings_of_which_it_is_not_known_whether_they_have_changed_are_said_with_the_cause(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("unknown"))
    lost = FailingSettings()
    splunkd.fail(lost)
    answer = splunkd.request("POST", f"{ACCOUNT}/unknown", {**EDIT, "host": "192.0.2.9", "check_connection": "0"})
    splunkd.fail(None)
    assert answer.status in (400, 500)
    assert "ended without an answer" in answer.message
    assert "Whether splunkd has changed the settings of the account all the same is not known" in answer.message
    assert PASSWORD in "".join(filter(None, stored(splunkd)["secrets"].values()))
    clean(splunkd, "unknown")


class FailingSettings:
    """Ends the connection at each change of a conf file."""

    def __call__(self, request: Request) -> Trouble | None:
        return Trouble() if request.method != "GET" and request.segments[0] == "configs" else None


def test_what_cannot_be_put_back_is_said_with_its_cause(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("stuck"))
    splunkd.fail(FailingOnce(5, Trouble(402), until=500))
    answer = splunkd.request("POST", f"{ACCOUNT}/stuck", {**EDIT, "check_connection": "0"})
    splunkd.fail(None)
    assert answer.status in (400, 500)
    assert "because of its license" in answer.message
    assert "parts of two files are in storage/passwords" in answer.message
    assert "Whether splunkd has changed the settings" not in answer.message
    assert "Upload the PKCS#12 file" in answer.message
    assert splunkd.request("POST", f"{ACCOUNT}/stuck", NEW_FILE).message == ""
    clean(splunkd, "stuck")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_creation_that_fails_at_any_request_leaves_nothing(splunkd: Splunkd, trouble: str) -> None:
    name = f"created_{trouble.replace(' ', '_')}"
    before = stored(splunkd)
    requests = changes_of(splunkd, lambda: create(splunkd, ACCOUNT, account(name)))
    clean(splunkd, name)
    assert stored(splunkd) == before
    for number in (1, 2, 3, requests // 2, requests - 1, requests):
        splunkd.fail(FailingOnce(number, TROUBLES[trouble]))
        answer = splunkd.request("POST", ACCOUNT, account(name))
        splunkd.fail(None)
        assert answer.status in (400, 500), number
        if number == 1 and TROUBLES[trouble].status == 0:
            # Whether the name was taken, and for whom, cannot be known.
            assert "may be listed without a file all the same" in answer.message
            clean(splunkd, name)
        assert stored(splunkd) == before, (number, answer.message)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_deletion_that_fails_at_any_request_leaves_the_account_or_nothing(splunkd: Splunkd, trouble: str) -> None:
    name = f"deleted_{trouble.replace(' ', '_')}"
    before = stored(splunkd)
    create(splunkd, ACCOUNT, account(name))
    whole = stored(splunkd)
    requests = changes_of(splunkd, lambda: clean(splunkd, name))
    for number in (1, 2, requests - 1, requests):
        if stored(splunkd) == before:
            create(splunkd, ACCOUNT, account(name))
        splunkd.fail(FailingOnce(number, TROUBLES[trouble]))
        splunkd.request("DELETE", f"{ACCOUNT}/{name}")
        splunkd.fail(None)
        assert stored(splunkd) in (whole, before), number
    clean(splunkd, name)


GARBAGE = {"license": Trouble(402), "not found": Trouble(404), "broken": Trouble(500), "no answer": Trouble()}


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_check_that_only_spares_waiting_never_refuses_by_itself(splunkd: Splunkd, kind: str) -> None:
    splunkd.fail(lambda request: GARBAGE[kind] if "current-context" in request.segments else None)
    name = f"spared_{kind.replace(' ', '_')}"
    create(splunkd, ACCOUNT, account(name))
    assert splunkd.request("POST", f"{ACCOUNT}/{name}", {"port": "8303", "check_connection": "0"}).message == ""
    assert checked(splunkd, name)["failed_step"] == "connect"
    assert splunkd.request("DELETE", f"{ACCOUNT}/{name}").message == ""


@pytest.mark.parametrize("asked", [f"{ACCOUNT}?count=-1", f"{ACCOUNT}/by_hand"])
def test_secrets_that_an_administrator_wrote_in_clear_are_taken_in_and_masked(
    tmp_path: Path, built_package: Path, asked: str
) -> None:
    # A splunkd of its own: its answer about the conf file has what stands there.
    with Splunkd(tmp_path / "home") as running:
        running.install(built_package)
        create(running, ACCOUNT, account("healthy"))
        running.set_conf(CONF, "by_hand", {"host": "127.0.0.1", "pkcs12": pkcs12(), "pkcs12_password": PASSWORD})
        for _ in range(2):
            entry = running.request("GET", asked).entries["by_hand"]
            assert (entry["pkcs12"], entry["pkcs12_password"], entry["unreadable"]) == ("******", "******", "")
        in_conf = running.stanzas(CONF)["by_hand"]
        assert (in_conf["pkcs12"], in_conf["pkcs12_password"]) == ("******", "******")
        assert checked(running, "by_hand")["failed_step"] == "connect"
        assert checked(running, "healthy")["failed_step"] == "connect"
        places = [place for place in running.places_of(PASSWORD) if "/configs/" not in place]
        assert places == []
