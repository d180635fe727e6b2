"""Accounts by REST: what is read out of the file, what is refused and how, and what stays when something is edited."""

from __future__ import annotations

import base64
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from estreamer import settings
from estreamer.input import check

from standins.fmc.pki import shared_pki
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from tests.rest.forms import (
    ACCOUNT,
    ANOTHER_PASSWORD,
    APP,
    CHECK,
    INPUT,
    PASSWORD,
    WRONG_PASSWORD,
    account,
    checked,
    create,
    pkcs12,
    reachable,
    shown,
)

pytestmark = pytest.mark.package

CONF = "ta_secure_firewall_estreamer_account"
WRAPPER = "Unexpected error"
ROOT = Path(__file__).parents[2]


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
    "wrong password": ({"pkcs12_password": WRONG_PASSWORD}, "does not open"),
    "no password": ({"pkcs12_password": ""}, "protected by a password and none was given"),
    "not a PKCS#12": ({"pkcs12": base64.b64encode(b"\x30\x03abc, and so on").decode()}, "This is not a PKCS#12 file"),
    "text": ({"pkcs12": base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()}, "it is text in the PEM format"),
    "not base64": ({"pkcs12": "!!!"}, "pkcs12: the stored file is not readable base64"),
    "no file": ({"pkcs12": ""}, "pkcs12: upload the PKCS#12 file"),
    "no private key": ({"pkcs12": pkcs12(with_key=False)}, "holds no private key"),
    "no CA": ({"pkcs12": pkcs12(with_ca=False)}, "holds no CA certificate"),
    "expired": ({"pkcs12": pkcs12(variant="expired")}, "expired on"),
    "not yet valid": ({"pkcs12": pkcs12(variant="not-yet-valid")}, "is not valid before"),
    "weak key": ({"pkcs12": pkcs12(variant="weak-key")}, 'switch on "Legacy certificates"'),
    "weak signature": ({"pkcs12": pkcs12(variant="sha1")}, "the client certificate is signed with SHA1"),
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
    "name of a stanza": ({"name": "default"}, "name: the name default is reserved by Splunk."),
    "zone with a line end": ({"host": "fe80::1%x\n[default]\nhost = y"}, "host: "),
    "file of a copy": ({"pkcs12": "******"}, "pkcs12: the asterisks stand for what cannot be read back"),
    "password of a copy": ({"pkcs12_password": "********"}, "pkcs12_password: the asterisks stand for what cannot be"),
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


def test_messages_name_the_box_as_the_form_does() -> None:
    boxes = [entity for entity in account_form() if entity["field"] == "legacy_certificates"]
    assert [box["label"] for box in boxes] == ["Legacy certificates"]
    assert "save" in boxes[0]["help"]


def account_form() -> list[dict[str, Any]]:
    """The fields of the account form as the package has them."""
    tabs = json.loads((ROOT / "globalConfig.json").read_text("utf-8"))["pages"]["configuration"]["tabs"]
    fields: list[dict[str, Any]] = next(tab["entity"] for tab in tabs if tab.get("name") == "account")
    return fields


def test_page_and_handler_have_the_same_limits() -> None:
    known = (ROOT / "appserver/static/js/build/custom/parameters.js").read_text("utf-8")
    assert f"export const LARGEST = {{\n    pkcs12: {settings.LARGEST_FILE},\n}};" in known
    control = (ROOT / "appserver/static/js/build/custom/pkcs12_file.js").read_text("utf-8")
    assert control.count("${LARGEST_KB} KB") == 2
    lengths = {
        entity["field"]: validator["maxLength"]
        for entity in account_form()
        for validator in entity.get("validators", [])
        if validator["type"] == "string"
    }
    assert lengths == {"name": 100, "host": 253, "pkcs12_password": 1024}


def test_largest_file_is_taken_and_a_larger_one_is_not(splunkd: Splunkd) -> None:
    content = base64.b64decode(pkcs12())
    answers = []
    for size in (settings.LARGEST_FILE + 1, settings.LARGEST_FILE):
        # What follows the file in the file is no part of it; the lines of base64 are not counted.
        filled = base64.encodebytes(content + bytes(size - len(content))).decode()
        answers.append(splunkd.request("POST", ACCOUNT, account("filled", pkcs12=filled)))
    assert [answer.status for answer in answers] == [400, 201]
    assert answers[0].message.startswith("pkcs12: the file is larger than 20 KB")
    assert splunkd.request("DELETE", f"{ACCOUNT}/filled").status == 200


READ_ONLY = ["subject", "issuer", "not_before", "not_after", "fingerprint", "days_left"]


@pytest.mark.parametrize("field", [*(f"certificate_{one}" for one in READ_ONLY), "connection_check", "colour"])
def test_what_is_read_out_of_the_file_cannot_be_sent(splunkd: Splunkd, field: str) -> None:
    if "stated" not in splunkd.stanzas(CONF):
        create(splunkd, ACCOUNT, account("stated"))
    before = splunkd.stanzas(CONF)
    value = {field: "2099-01-01T00:00:00Z"}
    for path, form in (
        (ACCOUNT, account("forged", **value)),
        (f"{ACCOUNT}/stated", {"check_connection": "0", **value}),
    ):
        answer = splunkd.request("POST", path, form)
        assert (answer.status, answer.message) == (400, f'Argument "{field}" is not supported by this handler.')
    assert splunkd.stanzas(CONF) == before


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
    wrong = splunkd.request("POST", f"{ACCOUNT}/password", {"pkcs12_password": WRONG_PASSWORD, "check_connection": "0"})
    assert (wrong.status, "does not open" in wrong.message) == (400, True)
    assert PASSWORD in stored_secret(splunkd, "password")
    right = splunkd.request("POST", f"{ACCOUNT}/password", {"pkcs12_password": PASSWORD, "check_connection": "0"})
    assert right.status == 200


def test_renewed_file_replaces_the_old_one_and_what_is_shown_of_it(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("renewed"))
    before = shown(splunkd, ACCOUNT, "renewed")["certificate_fingerprint"]
    form = {"pkcs12": pkcs12(variant="renewed", password=ANOTHER_PASSWORD), "pkcs12_password": ANOTHER_PASSWORD}
    answer = splunkd.request("POST", f"{ACCOUNT}/renewed", {**form, "check_connection": "0"})
    assert (answer.status, answer.message) == (200, "")
    assert shown(splunkd, ACCOUNT, "renewed")["certificate_fingerprint"] != before
    assert ANOTHER_PASSWORD in stored_secret(splunkd, "renewed")
    assert PASSWORD not in stored_secret(splunkd, "renewed")


def test_account_cannot_be_renamed_or_created_twice_or_edited_before_it_is_there(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("twice"))
    secret = stored_secret(splunkd, "twice")
    again = splunkd.request("POST", ACCOUNT, account("twice", pkcs12=pkcs12(variant="renewed")))
    assert (again.status, again.message) == (409, "name: there is an account 'twice' already.")
    assert stored_secret(splunkd, "twice") == secret
    renamed = splunkd.request("POST", f"{ACCOUNT}/twice", {"name": "other", "check_connection": "0"})
    assert (renamed.status, renamed.message) == (
        400,
        "name: an account cannot be renamed. Clone it under the new name, choose the clone in the inputs that use this "
        "one, and delete this one.",
    )
    assert "other" not in splunkd.stanzas(CONF)
    assert splunkd.request("POST", f"{ACCOUNT}/twice", {"name": "twice", "check_connection": "0"}).status == 200
    missing = splunkd.request("POST", f"{ACCOUNT}/missing", {"host": "fmc.example.com"})
    assert (missing.status, missing.message) == (404, "The account 'missing' was not found.")


def test_of_two_that_create_an_account_at_once_one_is_told_so_and_the_other_is_whole(
    splunkd: Splunkd, server: FmcServer
) -> None:
    # Both have looked for the name before either is through with its check, which takes a second.
    forms = [reachable("rivals", server), reachable("rivals", server, pkcs12=other_file(server))]
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda form: splunkd.request("POST", ACCOUNT, form), forms))
    assert sorted(answer.status for answer in answers) == [201, 409]
    winner, loser = sorted(range(2), key=lambda number: answers[number].status)
    assert answers[loser].message == "name: there is an account 'rivals' already."
    assert forms[winner]["pkcs12"] in stored_secret(splunkd, "rivals")
    assert forms[loser]["pkcs12"] not in stored_secret(splunkd, "rivals")
    found = checked(splunkd, "rivals")
    assert (found["ok"], found["problem"]) == ("1", "")


def other_file(server: FmcServer) -> str:
    """Another file for the same client: nothing in it is encrypted twice alike."""
    return base64.b64encode(server.pkcs12(password=PASSWORD)).decode()


def test_account_that_cannot_be_stored_leaves_nothing(splunkd: Splunkd) -> None:
    # The generated model has rules of its own, which the library applies when it stores.
    answer = splunkd.request("POST", ACCOUNT, account("half_made", host="_fmc.example.com"))
    assert (answer.status, WRAPPER in answer.message) == (400, False)
    assert "half_made" not in splunkd.stanzas(CONF)
    assert stored_secret(splunkd, "half_made") == ""


def add_role(splunkd: Splunkd, role: str, *capabilities: str) -> None:
    """Add a role that has the add-on's capability and may use its settings, and these of Splunk's own capabilities."""
    given = dict.fromkeys(("edit_secure_firewall_estreamer", *capabilities), "enabled")
    splunkd.set_conf("authorize", f"role_{role}", given)
    folder = splunkd.home.apps / APP / "metadata"
    roles = f"[ admin, sc_admin, {role} ]"
    stanzas = ("inputs", "passwords", CONF, "ta_secure_firewall_estreamer_settings")
    access = "".join(f"[{stanza}]\naccess = read : {roles}, write : {roles}\n" for stanza in stanzas)
    (folder / "local.meta").write_text(access)


def test_role_that_may_not_read_secrets_is_told_which_right_it_lacks(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("guarded"))
    unchecked = {"check_connection": "0"}
    calls = [("POST", ACCOUNT, account("of_deputy")), ("POST", f"{ACCOUNT}/guarded", unchecked)]
    calls += [("POST", f"{CHECK}/guarded", {}), ("DELETE", f"{ACCOUNT}/guarded", {})]
    for owned in ((), ("list_storage_passwords",)):
        add_role(splunkd, "deputy", *owned)
        key = splunkd.log_in("deputy", "deputy")
        for method, path, form in calls:
            answer = splunkd.request(method, path, form or None, session_key=key)
            assert (answer.status, answer.message) == (
                400,
                "splunkd does not let you do this. Your role needs Splunk's capabilities list_storage_passwords and "
                "edit_storage_passwords, and access to this app's settings (metadata/local.meta). The roles admin and "
                "sc_admin have all of it.",
            ), (method, path)
    add_role(splunkd, "deputy", "list_storage_passwords", "edit_storage_passwords")
    key = splunkd.log_in("deputy", "deputy")
    assert splunkd.request("POST", f"{ACCOUNT}/guarded", unchecked, session_key=key).message == ""


def test_role_that_may_not_use_the_settings_is_told_so(splunkd: Splunkd) -> None:
    given = ("edit_secure_firewall_estreamer", "list_storage_passwords", "edit_storage_passwords")
    splunkd.set_conf("authorize", "role_outsider", dict.fromkeys(given, "enabled"))
    key = splunkd.log_in("outsider", "outsider")
    for path, form in ((ACCOUNT, account("of_outsider")), (INPUT, {"name": "of_outsider", "account": "guarded"})):
        answer = splunkd.request("POST", path, form, session_key=key)
        assert (answer.status, "access to this app's settings (metadata/local.meta)" in answer.message) == (400, True)


@pytest.mark.parametrize("looked_at", [False, True])
def test_account_whose_secrets_are_lost_is_mended_by_a_new_file_or_deleted(splunkd: Splunkd, looked_at: bool) -> None:
    names = [f"lost_{looked_at}", f"mended_{looked_at}"]
    for name in names:
        create(splunkd, ACCOUNT, account(name))
    for stored in splunkd.request("GET", "storage/passwords?count=-1").entries:
        if any(name in stored for name in names):
            splunkd.request("DELETE", f"storage/passwords/{quote(stored.replace('/', '%2F'), safe='')}")
    if looked_at:
        # The library then stores the asterisks as if they were the secrets.
        assert splunkd.request("GET", ACCOUNT).status == 200
    mended = names[1]
    without = splunkd.request("POST", f"{ACCOUNT}/{mended}", {"port": "8303", "check_connection": "0"})
    assert (without.status, "pload the PKCS#12 file" in without.message) == (400, True)
    assert checked(splunkd, mended)["failed_step"] == "credentials"
    unprotected = {"pkcs12": pkcs12(password=""), "check_connection": "0"}
    assert splunkd.request("POST", f"{ACCOUNT}/{mended}", unprotected).message == ""
    assert checked(splunkd, mended)["failed_step"] != "credentials"
    form = {"pkcs12": pkcs12(), "pkcs12_password": PASSWORD, "check_connection": "0"}
    assert splunkd.request("POST", f"{ACCOUNT}/{mended}", form).message == ""
    assert PASSWORD in stored_secret(splunkd, mended)
    for name in names:
        assert splunkd.request("DELETE", f"{ACCOUNT}/{name}").status == 200
        assert stored_secret(splunkd, name) == ""


def test_copy_of_an_account_needs_the_file_again_and_outlives_the_first(splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("first"))
    masked = splunkd.request("POST", ACCOUNT, account("copy", pkcs12="******", pkcs12_password="******"))
    assert (masked.status, "Upload the PKCS#12 file" in masked.message) == (400, True)
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
    before = len(server.goodbyes)
    entry = create(splunkd, ACCOUNT, reachable("checked", server))
    steps = ["credentials", "resolve", "connect", "verify", "accept"]
    assert [step["name"] for step in json_of(entry["connection_check"])] == steps
    assert "connection_check" not in splunkd.stanzas(CONF)["checked"]
    found = checked(splunkd, "checked")
    assert (found["ok"], found["failed_step"], found["problem"]) == ("1", "", "")
    assert [(step["name"], step["ok"]) for step in json_of(found["steps"])] == [(name, True) for name in steps]
    server.wait_for(lambda one: len(one.goodbyes) == before + 2)


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
    assert check.TIMEOUT - 1 < took < check.TIMEOUT + 5


def test_later_check_of_an_account_tells_the_step_that_fails(splunkd: Splunkd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = str(closed.getsockname()[1])
    create(splunkd, ACCOUNT, account("later", port=port))
    found = checked(splunkd, "later")
    assert (found["ok"], found["failed_step"], found["code"]) == ("0", "connect", "tls_refused")
    assert [step["ok"] for step in json_of(found["steps"])] == [True, True, False]
    missing = splunkd.request("POST", f"{CHECK}/missing", {})
    assert (missing.status, missing.message) == (404, "The account 'missing' was not found.")


def json_of(text: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(text)
    return found
