"""Accounts by REST: what is read out of the file, what is refused and how, and what stays when something is edited."""

from __future__ import annotations

import base64
import json
import socket
import time
from datetime import datetime, timezone

import pytest

from tests.fmc.pki import shared_pki
from tests.fmc.server import FmcServer
from tests.setup.forms import ACCOUNT, CHECK, INPUT, PASSWORD, account, create, pkcs12, reachable, shown
from tests.splunkd import Splunkd

pytestmark = pytest.mark.package

CONF = "ta_secure_firewall_estreamer_account"
WRAPPER = "Unexpected error"


def stored_secret(splunkd: Splunkd, name: str) -> str:
    """Everything that storage/passwords has for an account, in one text."""
    stored = splunkd.request("GET", "storage/passwords?count=-1").entries.values()
    return "".join(one["clear_password"] for one in stored if one["username"].startswith(f"{name}`"))


def test_certificate_of_the_file_is_shown_with_the_days_that_it_has_left(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("shown"))
    certificate = shared_pki().client().certificate
    entry = shown(splunkd, ACCOUNT, "shown")
    assert entry["certificate_subject"] == "127.0.0.1"
    assert entry["certificate_issuer"]
    end = certificate.not_valid_after_utc
    assert entry["certificate_not_after"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert entry["certificate_not_before"] < entry["certificate_not_after"]
    assert abs(int(entry["certificate_days_left"]) - (end - datetime.now(timezone.utc)).days) <= 1
    assert len(entry["certificate_fingerprint"]) == 64
    assert entry["port"] == "8302"


REFUSED = {
    "wrong password": ({"pkcs12_password": "wrong"}, "does not open"),
    "no password": ({"pkcs12_password": ""}, "protected by a password and none was given"),
    "not a PKCS#12": ({"pkcs12": base64.b64encode(b"\x30\x03abc, and so on").decode()}, "This is no PKCS#12 file"),
    "text": ({"pkcs12": base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()}, "it is text in the PEM format"),
    "not base64": ({"pkcs12": "!!!"}, "pkcs12: the stored file is not readable base64"),
    "no file": ({"pkcs12": ""}, "pkcs12: upload the PKCS#12 file"),
    "no private key": ({"pkcs12": pkcs12(with_key=False)}, "holds no private key"),
    "no CA": ({"pkcs12": pkcs12(with_ca=False)}, "holds no CA certificate"),
    "expired": ({"pkcs12": pkcs12(variant="expired")}, "expired on"),
    "not yet valid": ({"pkcs12": pkcs12(variant="not-yet-valid")}, "is not valid before"),
    "weak key": ({"pkcs12": pkcs12(variant="weak-key")}, 'switch on "Legacy certificates"'),
    "too large": ({"pkcs12": base64.b64encode(b"\x30\x82" * 32768).decode()}, "pkcs12: the file is larger than 20 KB"),
    "bad host": ({"host": "https://fmc.example.com"}, "host: "),
    "host with port": ({"host": "fmc.example.com:8302"}, "host: "),
    "bad port": ({"port": "70000"}, "port: enter a whole number from 1 to 65535."),
    "port in words": ({"port": "default"}, "port: enter a whole number from 1 to 65535."),
    "bad fingerprint": ({"fingerprint": "12:34"}, "fingerprint: enter the SHA-256"),
    "bad switch": ({"legacy_certificates": "maybe"}, "legacy_certificates: enter 1 (on) or 0 (off)."),
    "bad check": ({"check_connection": "maybe"}, "check_connection: enter 1 (on) or 0 (off)."),
    "long password": ({"pkcs12_password": "x" * 1025}, "pkcs12_password: at most 1024 characters"),
    "bad name": ({"name": "../fmc"}, "name: begin the name of the account with a letter"),
    "long name": ({"name": "a" * 101}, "name: begin the name of the account with a letter"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_account_is_refused_with_one_bare_sentence_and_nothing_is_stored(splunkd: Splunkd, case: str) -> None:
    changes, text = REFUSED[case]
    before = splunkd.request("GET", "storage/passwords?count=-1").entries
    answer = splunkd.request("POST", ACCOUNT, account("refused", **changes))
    assert answer.status == 400
    assert text in answer.message
    assert WRAPPER not in answer.message
    assert "REST Error" not in answer.message
    assert not {"refused", changes.get("name")}.intersection(splunkd.stanzas(CONF))
    assert splunkd.request("GET", "storage/passwords?count=-1").entries == before


def test_weak_certificate_is_taken_with_the_legacy_switch(splunkd: Splunkd) -> None:
    weak = account("weak", pkcs12=pkcs12(variant="weak-key"), legacy_certificates="true")
    assert create(splunkd, ACCOUNT, weak)["legacy_certificates"] == "1"


@pytest.mark.parametrize("field", ["certificate_subject", "certificate_not_after", "certificate_days_left", "colour"])
def test_what_is_read_out_of_the_file_cannot_be_sent(splunkd: Splunkd, field: str) -> None:
    answer = splunkd.request("POST", ACCOUNT, account("forged", **{field: "2099-01-01T00:00:00Z"}))
    assert (answer.status, answer.message) == (400, f'Argument "{field}" is not supported by this handler.')
    assert "forged" not in splunkd.stanzas(CONF)


def test_values_are_stored_in_one_form(splunkd: Splunkd) -> None:
    fingerprint = ":".join(["AB"] * 32)
    form = account("tidy", host="[::1]", fingerprint=fingerprint, legacy_certificates="no")
    entry = create(splunkd, ACCOUNT, form)
    assert (entry["host"], entry["fingerprint"], entry["legacy_certificates"]) == ("::1", "ab" * 32, "0")
    assert "check_connection" not in splunkd.stanzas(CONF)["tidy"]


def test_no_way_of_asking_shows_a_secret(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("secret"))
    encoded = pkcs12()
    for argument in ("--cred--=1", "--cred--=true", "clear_password=1", "show_clear=1", "decrypt=1", "f=pkcs12"):
        for path in (ACCOUNT, f"{ACCOUNT}/secret", f"admin/{ACCOUNT}", f"admin/{ACCOUNT}/secret"):
            answer = splunkd.request("GET", f"{path}?{argument}")
            assert PASSWORD not in str(answer)
            assert encoded[100:140] not in str(answer)
    for entry in splunkd.request("GET", ACCOUNT).entries.values():
        assert (entry["pkcs12"], entry["pkcs12_password"]) == ("******", "******")


def test_edit_without_a_file_keeps_the_file(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("kept"))
    before = stored_secret(splunkd, "kept")
    assert pkcs12() in before
    for form in ({"host": "fmc.example.com"}, {"host": "fmc.example.com", "pkcs12": "", "pkcs12_password": "******"}):
        answer = splunkd.request("POST", f"{ACCOUNT}/kept", {**form, "check_connection": "0"})
        assert (answer.status, answer.message) == (200, "")
        assert stored_secret(splunkd, "kept") == before
    assert shown(splunkd, ACCOUNT, "kept")["host"] == "fmc.example.com"
    assert shown(splunkd, ACCOUNT, "kept")["certificate_subject"] == "127.0.0.1"


def test_new_password_alone_is_tried_on_the_stored_file(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("password"))
    wrong = splunkd.request("POST", f"{ACCOUNT}/password", {"pkcs12_password": "wrong", "check_connection": "0"})
    assert (wrong.status, "does not open" in wrong.message) == (400, True)
    assert PASSWORD in stored_secret(splunkd, "password")
    right = splunkd.request("POST", f"{ACCOUNT}/password", {"pkcs12_password": PASSWORD, "check_connection": "0"})
    assert right.status == 200


def test_renewed_file_replaces_the_old_one_and_what_is_shown_of_it(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("renewed"))
    before = shown(splunkd, ACCOUNT, "renewed")["certificate_fingerprint"]
    form = {"pkcs12": pkcs12(variant="renewed", password="another"), "pkcs12_password": "another"}
    answer = splunkd.request("POST", f"{ACCOUNT}/renewed", {**form, "check_connection": "0"})
    assert (answer.status, answer.message) == (200, "")
    assert shown(splunkd, ACCOUNT, "renewed")["certificate_fingerprint"] != before
    assert "another" in stored_secret(splunkd, "renewed")
    assert PASSWORD not in stored_secret(splunkd, "renewed")


def test_account_cannot_be_renamed_or_created_twice_or_edited_before_it_is_there(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("twice"))
    secret = stored_secret(splunkd, "twice")
    again = splunkd.request("POST", ACCOUNT, account("twice", pkcs12=pkcs12(variant="renewed")))
    assert (again.status, again.message) == (409, "name: there is an account 'twice' already.")
    assert stored_secret(splunkd, "twice") == secret
    assert splunkd.request("POST", f"{ACCOUNT}/twice", {"name": "other"}).status == 400
    missing = splunkd.request("POST", f"{ACCOUNT}/missing", {"host": "fmc.example.com"})
    assert (missing.status, missing.message) == (404, "There is no account 'missing'.")


def test_copy_of_an_account_needs_the_file_again_and_outlives_the_first(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("first"))
    masked = splunkd.request("POST", ACCOUNT, account("copy", pkcs12="******", pkcs12_password="******"))
    assert (masked.status, WRAPPER in masked.message) == (400, False)
    create(splunkd, ACCOUNT, account("copy"))
    assert splunkd.request("DELETE", f"{ACCOUNT}/first").status == 200
    assert PASSWORD in stored_secret(splunkd, "copy")
    assert stored_secret(splunkd, "first") == ""


def test_account_that_an_input_uses_is_not_deleted(splunkd: Splunkd) -> None:
    for name in ("used", "spare"):
        create(splunkd, ACCOUNT, account(name))
    create(splunkd, INPUT, {"name": "user", "account": "used", "failover_account": "spare", "disabled": "1"})
    for name, parameter in (("used", "account"), ("spare", "failover_account")):
        answer = splunkd.request("DELETE", f"{ACCOUNT}/{name}")
        assert answer.status == 400
        assert answer.message.startswith(f"The account '{name}' is the {parameter} of the input 'user'.")
    assert splunkd.request("DELETE", f"{INPUT}/user").status == 200
    assert splunkd.request("DELETE", f"{ACCOUNT}/used").status == 200


def test_save_connects_and_reports_each_step(splunkd: Splunkd, server: FmcServer) -> None:
    entry = create(splunkd, ACCOUNT, reachable("checked", server))
    steps = ["credentials", "resolve", "connect", "verify", "accept"]
    assert [step["name"] for step in json_of(entry["connection_check"])] == steps
    assert "connection_check" not in splunkd.stanzas(CONF)["checked"]
    for method in ("GET", "POST"):
        found = splunkd.request(method, f"{CHECK}/checked", {} if method == "POST" else None).entries["checked"]
        assert (found["ok"], found["failed_step"], found["problem"]) == ("1", "", "")
        assert [(step["name"], step["ok"]) for step in json_of(found["steps"])] == [(name, True) for name in steps]
    assert len(server.goodbyes) == 3


def test_failed_check_does_not_save_and_says_which_step_and_what_to_do(splunkd: Splunkd, server: FmcServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = str(closed.getsockname()[1])
    answer = splunkd.request("POST", ACCOUNT, account("unreached", port=port, check_connection="1"))
    assert answer.status == 400
    assert answer.message.startswith("Not saved, because the connection check failed at the step 'connect' (after cred")
    assert "check_connection=0" in answer.message
    foreign = reachable("unreached", server, pkcs12=pkcs12(variant="foreign"))
    answer = splunkd.request("POST", ACCOUNT, foreign)
    assert "failed at the step 'verify'" in answer.message
    assert "unreached" not in splunkd.stanzas(CONF)
    assert stored_secret(splunkd, "unreached") == ""


def test_check_of_a_server_that_never_answers_ends_in_time(splunkd: Splunkd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        begun = time.monotonic()
        form = account("deaf", port=str(deaf.getsockname()[1]), check_connection="1")
        answer = splunkd.request("POST", ACCOUNT, form)
        took = time.monotonic() - begun
    assert (answer.status, "failed at the step 'verify'" in answer.message) == (400, True)
    assert took < 25


def test_later_check_of_an_account_tells_the_step_that_fails(splunkd: Splunkd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = str(closed.getsockname()[1])
    create(splunkd, ACCOUNT, account("later", port=port))
    found = shown(splunkd, CHECK, "later")
    assert (found["ok"], found["failed_step"], found["code"]) == ("0", "connect", "tls_refused")
    assert [step["ok"] for step in json_of(found["steps"])] == [True, True, False]
    missing = splunkd.request("GET", f"{CHECK}/missing")
    assert (missing.status, missing.message) == (404, "There is no account 'missing'.")
    assert splunkd.request("GET", CHECK).entries == {}


def json_of(text: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(text)
    return found
