"""Hostile values by REST: each is refused or stored inert; after every test, what came out is searched for secrets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from standins.splunkd import Answer, Splunkd
from tests.rest.forms import (
    ACCOUNT,
    APP,
    CATALOG,
    CHECK,
    INPUT,
    PASSWORD,
    PREVIEW,
    SETTINGS,
    STATE,
    account,
    create,
    pkcs12,
)

pytestmark = pytest.mark.package

SCRIPT = "<script>alert(1)</script>"
MARKED = "hostile-5f1c7a90 "
"""Begins a hostile password, so that it can be told from the same value elsewhere."""

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
    "mojibake": "M\u00c3\u00bcnchen \u00e2\u20ac\u0153",
    "overlong": "\u00c0\u00af..\u00c0\u00af\u00f0\u0082\u0082\u00ac",
    "zone with a line end": "fe80::1%x\n[default]\nhost = y",
    "zone with markup": "fe80::1%<img src=x onerror=alert(1)>",
    "oversized": "A" * 100_000,
}
HALF_CHARACTERS = ("\ud800", "fmc\udcff", "\udfff\ud800", "a\udc80b")
ACCOUNT_FIELDS = [
    *("name", "host", "port", "pkcs12", "pkcs12_password", "fingerprint", "legacy_certificates", "check_connection")
]
INPUT_FIELDS = [
    *("name", "account", "failover_account", "event_types", "connection_fields", "intrusion_fields", "packet_fields"),
    *(
        "file_fields",
        "start_from",
        "drop_rules",
        "request_style",
        "settle",
        "planned_restart",
        "index",
        "interval",
        "disabled",
    ),
]
UNCHECKED_BY_PREVIEW = ("account", "failover_account", "disabled")
CONFS = ("inputs", f"{APP.lower()}_account", f"{APP.lower()}_settings", "passwords")


@pytest.fixture(scope="module")
def attacked(splunkd: Splunkd) -> Splunkd:
    """A splunkd with an account and an input called `one`."""
    create(splunkd, ACCOUNT, account("one"))
    create(splunkd, INPUT, {"name": "one", "account": "one", "disabled": "1"})
    return splunkd


@pytest.fixture(autouse=True)
def nothing_is_stored(attacked: Splunkd, request: pytest.FixtureRequest) -> Iterator[None]:
    """Assert that no conf file has changed in a test, unless it says that it stores something."""
    before = {conf: attacked.stanzas(conf) for conf in CONFS}
    yield
    if "stores" not in request.keywords:
        assert {conf: attacked.stanzas(conf) for conf in CONFS} == before


def value_for(field: str, kind: str) -> str:
    return MARKED + VALUES[kind] if field == "pkcs12_password" else VALUES[kind]


def assert_refused(answer: Answer, where: object) -> None:
    """Assert that an answer is one short sentence, and no more."""
    assert answer.status == 400, where
    assert answer.entries == {}
    assert "Unexpected error" not in answer.message
    assert 10 < len(answer.message) < 1000, where
    assert "\n" not in answer.message.strip(), where


@pytest.mark.parametrize("kind", VALUES)
def test_hostile_value_in_any_field_of_an_account_is_refused(attacked: Splunkd, kind: str) -> None:
    for field in ACCOUNT_FIELDS:
        value = value_for(field, kind)
        assert_refused(attacked.request("POST", ACCOUNT, account("hostile", **{field: value})), field)
        edit = {"check_connection": "0", field: value}
        assert_refused(attacked.request("POST", f"{ACCOUNT}/one", edit), f"edit of {field}")


@pytest.mark.parametrize("kind", VALUES)
def test_hostile_value_in_any_field_of_an_input_is_refused(attacked: Splunkd, kind: str) -> None:
    for field in INPUT_FIELDS:
        form = {"name": "hostile", "account": "one", field: VALUES[kind]}
        assert_refused(attacked.request("POST", INPUT, form), field)
        assert_refused(attacked.request("POST", f"{INPUT}/one", {field: VALUES[kind]}), f"edit of {field}")
        if field not in UNCHECKED_BY_PREVIEW:
            assert_refused(attacked.request("POST", PREVIEW, form), f"preview of {field}")


@pytest.mark.parametrize("kind", VALUES)
def test_hostile_log_level_is_refused(attacked: Splunkd, kind: str) -> None:
    assert_refused(attacked.request("POST", f"{SETTINGS}/logging", {"loglevel": VALUES[kind]}), kind)


@pytest.mark.parametrize("kind", [*(kind for kind in VALUES if kind != "oversized"), "long"])
def test_hostile_name_in_a_path_finds_nothing(attacked: Splunkd, kind: str) -> None:
    name = quote({**VALUES, "long": "A" * 30_000}[kind].replace("/", "%2F"), safe="")
    for path in (ACCOUNT, INPUT, CHECK, STATE, CATALOG, SETTINGS):
        for method, form in (("GET", None), ("POST", {"index": "main"} if path == INPUT else {}), ("DELETE", None)):
            answer = attacked.request(method, f"{path}/{name}", form)
            assert answer.status in (400, 404, 405), (method, path, answer)
            assert len(answer.message) < 1200, (method, path)


def test_argument_that_no_form_has_is_refused_everywhere(attacked: Splunkd) -> None:
    forms = {
        ACCOUNT: account("unknown"),
        f"{ACCOUNT}/one": {"check_connection": "0"},
        INPUT: {"name": "unknown", "account": "one"},
        f"{INPUT}/one": {"settle": "31"},
        PREVIEW: {"name": "unknown"},
        f"{CHECK}/one": {},
        f"{SETTINGS}/logging": {"loglevel": "INFO"},
    }
    for path, form in forms.items():
        for name in ("colour", "eai:acl", "__class__", "--cred--", SCRIPT):
            answer = attacked.request("POST", path, {**form, name: "1"})
            assert (answer.status, answer.message) == (400, f'Argument "{name}" is not supported by this handler.'), (
                path
            )


@pytest.mark.parametrize("value", HALF_CHARACTERS, ids=ascii)
def test_bytes_that_are_no_text_are_refused_by_every_handler(attacked: Splunkd, value: str) -> None:
    fields = {ACCOUNT: ACCOUNT_FIELDS[1:], INPUT: INPUT_FIELDS[1:], PREVIEW: INPUT_FIELDS[1:]}
    forms = {ACCOUNT: account("half"), INPUT: {"account": "one"}, PREVIEW: {}}
    for endpoint, names in fields.items():
        form = {name: given for name, given in forms[endpoint].items() if name != "name"}
        for name in names:
            if endpoint == PREVIEW and name in UNCHECKED_BY_PREVIEW:
                continue
            for action, of in (("create", "half"), ("edit", "one")):
                if endpoint != PREVIEW or action == "create":
                    answer = attacked.hand_over(endpoint, action, of, {**form, name: value})
                    expected = (400, f"{name}: the value has bytes that are not UTF-8 text.")
                    assert (answer.status, answer.message) == expected, (endpoint, action)
    answer = attacked.hand_over(SETTINGS, "edit", "logging", {"loglevel": value})
    assert answer.message == "loglevel: the value has bytes that are not UTF-8 text."
    actions = {ACCOUNT: "create list edit remove", INPUT: "create list edit remove", PREVIEW: "create"}
    for endpoint, words in {**actions, CHECK: "edit", CATALOG: "list", STATE: "list", SETTINGS: "list"}.items():
        for action in words.split():
            answer = attacked.hand_over(endpoint, action, value, {})
            assert_refused(answer, (endpoint, action))


@pytest.mark.parametrize("body", ["name=hostile&host=%ff%fe", "name=%C0%AF&host=a", "name=hostile&host=%ED%A0%80"])
def test_form_that_is_no_utf_8_is_refused(attacked: Splunkd, tmp_path: Path, body: str) -> None:
    header = tmp_path / "header"
    header.write_text(f"Authorization: Splunk {attacked.session_key}\n")
    for path in (ACCOUNT, INPUT, PREVIEW, f"{ACCOUNT}/one", f"{INPUT}/one", f"{CHECK}/one", f"{SETTINGS}/logging"):
        url = f"{attacked.server_uri}/servicesNS/nobody/{APP}/{path}"
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"@{header}", "-d", body, url]
        assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "400"


@pytest.mark.stores
def test_script_in_a_certificate_and_in_rules_is_kept_as_text(attacked: Splunkd) -> None:
    entry = create(attacked, ACCOUNT, account("script", pkcs12=pkcs12(address=SCRIPT)))
    assert entry["certificate_subject"] == SCRIPT
    rules = f"# {SCRIPT}\nFileEvent: FileName=x"
    create(attacked, INPUT, {"name": "script", "account": "script", "drop_rules": rules, "disabled": "1"})
    assert attacked.request("GET", f"{INPUT}/script").entries["script"]["drop_rules"] == rules
    assert attacked.request("DELETE", f"{INPUT}/script").status == 200
    assert attacked.request("DELETE", f"{ACCOUNT}/script").status == 200


@pytest.mark.stores
def test_refusals_and_failures_show_no_secret_anywhere(attacked: Splunkd) -> None:
    create(attacked, ACCOUNT, account("searched"))
    attacked.request("POST", f"{ACCOUNT}/searched", {"pkcs12_password": PASSWORD + "x", "check_connection": "0"})
    attacked.request("POST", ACCOUNT, account("searched"))
    attacked.request("POST", f"{CHECK}/searched", {})
    # Everything below SPLUNK_HOME, and what processes were started with, beyond what is searched after every test.
    for secret in (PASSWORD, pkcs12()[40:100], pkcs12()[-100:-40]):
        assert attacked.places_of(secret) == []
