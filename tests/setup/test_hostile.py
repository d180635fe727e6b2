"""Hostile values by REST: each is refused or stored inert, and no secret is in a reply, a conf file or a log."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.setup.forms import ACCOUNT, APP, CHECK, INPUT, PASSWORD, PREVIEW, STATE, account, create, pkcs12
from tests.splunkd import Splunkd

pytestmark = pytest.mark.package

SCRIPT = "<script>alert(1)</script>"
VALUES = {
    "script": SCRIPT,
    "quotes": "\"'`$(id);|&",
    "path": "../../../../etc/passwd",
    "encoded path": "..%2f..%2fetc",
    "stanza": "x]\n[default",
    "line ends": "a\r\nb: c",
    "NUL": "a\0b",
    "backslash": "a\\",
    "wide": "\u202eabc\ufeff\U0001f525",
    "oversized": "A" * 100_000,
}
ACCOUNT_FIELDS = ["name", "host", "port", "pkcs12", "pkcs12_password", "fingerprint", "legacy_certificates"]
INPUT_FIELDS = [
    *("name", "account", "failover_account", "event_types", "connection_fields", "intrusion_fields", "packet_fields"),
    *("file_fields", "start_from", "drop_rules", "request_style", "settle", "index", "interval", "disabled"),
]


@pytest.fixture(scope="module")
def attacked(splunkd: Splunkd) -> Iterator[Splunkd]:
    """A splunkd with the account `one`."""
    create(splunkd, ACCOUNT, account("one"))
    return splunkd


def secrets() -> list[str]:
    """What must be nowhere: the password, and pieces of the file."""
    return [PASSWORD, pkcs12()[40:100], pkcs12()[-100:-40]]


def assert_nothing_leaked(splunkd: Splunkd, reply: object) -> None:
    for secret in secrets():
        assert secret not in str(reply)
        assert splunkd.places_of(secret) == []


@pytest.mark.parametrize("kind", VALUES)
def test_hostile_value_in_any_field_of_an_account_is_refused(attacked: Splunkd, kind: str) -> None:
    for field in ACCOUNT_FIELDS:
        answer = attacked.request("POST", ACCOUNT, account("hostile", **{field: VALUES[kind]}))
        assert answer.status == 400, field
        assert "Unexpected error" not in answer.message
        assert len(answer.message) < 1000
        assert_nothing_leaked(attacked, answer)
    assert list(attacked.stanzas(f"{APP.lower()}_account")) == ["one"]


@pytest.mark.parametrize("kind", VALUES)
def test_hostile_value_in_any_field_of_an_input_is_refused(attacked: Splunkd, kind: str) -> None:
    for field in INPUT_FIELDS:
        form = {"name": "hostile", "account": "one", field: VALUES[kind]}
        for path in (INPUT, PREVIEW):
            if path == PREVIEW and field in ("account", "failover_account", "disabled"):
                continue
            answer = attacked.request("POST", path, form)
            assert answer.status == 400, (path, field)
            assert len(answer.message) < 1000
    assert [name for name in attacked.stanzas("inputs") if "://" in name] == []


@pytest.mark.parametrize("kind", ["script", "path", "stanza", "backslash", "wide"])
def test_hostile_name_in_a_path_finds_nothing(attacked: Splunkd, kind: str) -> None:
    name = quote(VALUES[kind].replace("/", "%2F"), safe="")
    for path in (ACCOUNT, INPUT, CHECK, STATE):
        for method, form in (("GET", None), ("POST", {"index": "main"} if path == INPUT else {}), ("DELETE", None)):
            answer = attacked.request(method, f"{path}/{name}", form)
            assert answer.status in (400, 404, 405), (method, path, answer)
            assert_nothing_leaked(attacked, answer)


def test_script_in_a_certificate_and_in_rules_is_kept_as_text(attacked: Splunkd) -> None:
    entry = create(attacked, ACCOUNT, account("script", pkcs12=pkcs12(address=SCRIPT)))
    assert entry["certificate_subject"] == SCRIPT
    rules = f"# {SCRIPT}\nFileEvent: FileName=x"
    create(attacked, INPUT, {"name": "script", "account": "script", "drop_rules": rules, "disabled": "1"})
    assert attacked.request("GET", f"{INPUT}/script").entries["script"]["drop_rules"] == rules
    assert attacked.request("DELETE", f"{INPUT}/script").status == 200
    assert attacked.request("DELETE", f"{ACCOUNT}/script").status == 200


@pytest.mark.parametrize("body", ["name=hostile&host=%ff%fe", "name=%C0%AF&host=a", "name=hostile&host=%ED%A0%80"])
def test_form_that_is_no_utf_8_is_refused(attacked: Splunkd, tmp_path: Path, body: str) -> None:
    header = tmp_path / "header"
    header.write_text(f"Authorization: Splunk {attacked.session_key}\n")
    url = f"{attacked.server_uri}/servicesNS/nobody/{APP}/{ACCOUNT}"
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"@{header}", "-d", body, url]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "400"


def test_everything_that_handlers_and_splunkd_wrote_is_free_of_secrets(attacked: Splunkd) -> None:
    create(attacked, ACCOUNT, account("searched"))
    attacked.request("POST", f"{ACCOUNT}/searched", {"pkcs12_password": PASSWORD + "x", "check_connection": "0"})
    attacked.request("POST", ACCOUNT, account("searched"))
    attacked.request("GET", f"{CHECK}/searched")
    for secret in secrets():
        assert [call for call in attacked.handler_calls() if secret in call.stderr] == []
        assert attacked.places_of(secret) == []
