"""Settings: what Splunk stores, checked and typed, or refused with a sentence that names the parameter."""

from __future__ import annotations

import base64

import pytest
from estreamer import settings
from estreamer.errors import Problem
from estreamer.protocol import fully_qualified, wire
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

FILE = base64.b64encode(b"the file").decode()
ACCOUNT = {"host": "fmc.example.com", "pkcs12": FILE}
INPUT = {"account": "fmc"}


def refused(code: str, function, *arguments) -> str:
    with pytest.raises(Problem) as caught:
        function(*arguments)
    assert caught.value.code == code
    return caught.value.text


def test_an_account_with_defaults():
    account = settings.parse_account("fmc", ACCOUNT)
    assert account == settings.Account("fmc", "fmc.example.com", 8302, b"the file", "", None, False)


def test_a_full_account():
    account = settings.parse_account(
        "fmc",
        {
            "host": "[2001:db8::1]",
            "port": "18302",
            "pkcs12": FILE[:4] + "\n" + FILE[4:],
            "pkcs12_password": " kept as it is ",
            "fingerprint": ":".join(["AB"] * 32),
            "legacy_certificates": "1",
        },
    )
    assert account == settings.Account("fmc", "2001:db8::1", 18302, b"the file", " kept as it is ", "ab" * 32, True)


def test_the_secrets_of_an_account_are_not_in_its_representation():
    account = settings.parse_account("fmc", {**ACCOUNT, "pkcs12_password": "s3cret"})
    assert "s3cret" not in repr(account)
    assert "the file" not in repr(account)


@pytest.mark.parametrize(
    "host",
    [
        *("fmc", "fmc.example.com.", "10.0.0.1", "2001:db8::10", "fe80::1", "a-b_c.example"),
        *("fe80::1%eth0", "fe80::1%bond0.100", "fe80::1%12", "fe80::1%" + "x" * 15),
    ],
)
def test_names_and_addresses_are_hosts(host: str):
    assert settings.parse_host(host) == host


@pytest.mark.parametrize(
    "host",
    [
        *("", "https://fmc", "fmc:8302", "10.0.0.256", "1.2.3", "[fmc]", "-a", "a..b", "a b", "../x", "é", "a" * 64),
        *("x\0", "fe80::1%", "fe80::1%x\n[default]\nhost = y", "fe80::1%x\\", 'fe80::1%"', "fe80::1%x y", "10.0.0.1%x"),
        *("fe80::1%<img src=x onerror=alert(1)>", "[fe80::1%x]\n", "fe80::1%" + "x" * 16, "fe80::1%é", "fe80::1%a%b"),
    ],
)
def test_anything_else_is_no_host(host: str):
    assert "host:" in refused("host_invalid", settings.parse_host, host)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "1e3", "８302", "99999999999"])
def test_a_wrong_port_is_refused_with_the_range(port: str):
    text = refused("port_invalid", settings.parse_account, "fmc", {**ACCOUNT, "port": port})
    assert "from 1 to 65535" in text


@pytest.mark.parametrize("fingerprint", ["SHA256=" + "ab" * 32, "AB " * 32, "ab-" * 31 + "ab"])
def test_fingerprints_are_taken_in_every_usual_form(fingerprint: str):
    assert settings.parse_fingerprint(fingerprint) == "ab" * 32


@pytest.mark.parametrize("fingerprint", ["ab" * 20, "zz" * 32, "ab" * 33, "SHA1"])
def test_a_wrong_fingerprint_is_refused(fingerprint: str):
    refused("fingerprint_invalid", settings.parse_fingerprint, fingerprint)


@pytest.mark.parametrize(
    ("stored", "code"), [("", "pkcs12_missing"), ("!!!", "pkcs12_not_base64"), ("abc", "pkcs12_not_base64")]
)
def test_a_stored_file_that_cannot_be_read_is_refused(stored: str, code: str):
    refused(code, settings.parse_account, "fmc", {**ACCOUNT, "pkcs12": stored})


def test_a_switch_that_is_neither_on_nor_off_is_refused():
    refused("legacy_certificates_invalid", settings.parse_account, "fmc", {**ACCOUNT, "legacy_certificates": "perhaps"})


def test_an_input_with_defaults():
    found = settings.parse_input("main", {**INPUT, "disabled": "0", "python.version": "python3", "index": "default"})
    assert found.event_types == ("ConnectionEvent", "IntrusionEvent", "FileEvent")
    assert found.fields == {name: tuple(fully_qualified.DEFAULT_FIELDS[name]) for name in found.event_types}
    assert found.start_from == wire.NOW
    assert (found.request_style, found.settle, found.index, found.failover_account) == ("auto", 30, None, None)
    assert found.trusts_planned_restart
    assert len(found.drop_rules) == 0


def test_a_full_input():
    found = settings.parse_input(
        "main",
        {
            "account": "one",
            "failover_account": "two",
            "event_types": "FileEvent, IntrusionPacket,FileEvent",
            "connection_fields": "URL",
            "packet_fields": "DetailFieldSet",
            "file_fields": "FileName,HeaderFieldSet",
            "start_from": "oldest",
            "drop_rules": "FileEvent: FileType=PDF",
            "request_style": "two-step",
            "settle": "0",
            "planned_restart": "resend",
            "index": "netfw",
        },
    )
    assert found.fields == {"FileEvent": ("FileName", "HeaderFieldSet"), "IntrusionPacket": ("DetailFieldSet",)}
    assert (found.start_from, found.request_style, found.settle) == (wire.OLDEST, "two-step", 0)
    assert not found.trusts_planned_restart
    assert (found.index, found.failover_account) == ("netfw", "two")
    assert found.drop_rules.event_types() == {"FileEvent"}


WRONG = {
    "account_not_set": {"account": " "},
    "failover_account_same": {"failover_account": "fmc"},
    "event_type_unknown": {"event_types": "ConnectionEvent,DnsEvent"},
    "field_name_invalid": {"connection_fields": "URL; rm"},
    "start_from_invalid": {"start_from": "yesterday"},
    "drop_rules_invalid": {"drop_rules": "Nonsense"},
    "request_style_invalid": {"request_style": "triple"},
    "settle_invalid": {"settle": "3601"},
    "planned_restart_invalid": {"planned_restart": "hope"},
    "index_invalid": {"index": "Main Index"},
}


@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_parameter_of_an_input_is_refused(code: str):
    refused(code, settings.parse_input, "main", {**INPUT, **WRONG[code]})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", wire.NOW),
        ("", wire.NOW),
        ("Oldest", wire.OLDEST),
        ("2026-05-31", 1780185600),
        ("2026-05-31T14:00:00Z", 1780236000),
        ("2026-05-31 14:00", 1780236000),
        ("2026-05-31T14:00:00.999z", 1780236000),
        ("2026-05-31T16:00:00+02:00", 1780236000),
        ("2026-05-31T16:00:00+0200", 1780236000),
        ("2026-05-31T09:00:00 -05", 1780236000),
    ],
)
def test_a_start_is_a_word_or_a_time_in_any_usual_form(text: str, seconds: int):
    assert settings.parse_start(text) == seconds


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-05-31T25:00", "1969-12-31", "2107-01-01", "31.05.2026", "0", "1780185600"]
)
def test_what_is_no_time_between_1970_and_2106_is_refused(text: str):
    assert text in refused("start_from_invalid", settings.parse_start, text)


texts = st.one_of(st.text(max_size=40), st.none())

# Where tests run for the first time, the tables of characters are made first.
patient = hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@patient
@given(
    st.dictionaries(st.sampled_from([*ACCOUNT, "port", "pkcs12_password", "fingerprint", "legacy_certificates"]), texts)
)
def test_no_account_whatever_raises_anything_but_a_problem(parameters: dict[str, str | None]):
    try:
        assert settings.parse_account("x", parameters).host
    except Problem as problem:
        assert problem.code
        assert problem.text


names = ["account", "failover_account", "event_types", "file_fields", "start_from", "drop_rules", "settle", "index"]


@patient
@given(st.dictionaries(st.sampled_from(names), texts))
def test_no_input_whatever_raises_anything_but_a_problem(parameters: dict[str, str | None]):
    try:
        assert settings.parse_input("x", parameters).fields
    except Problem as problem:
        assert problem.code
        assert problem.text
