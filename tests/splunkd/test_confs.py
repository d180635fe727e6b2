"""Accounts and the log level, read through splunkd's management port."""

from __future__ import annotations

import base64
import socket

import pytest
from estreamer.errors import Problem, SessionRefused
from estreamer.splunkd.confs import Confs

from tests.splunkd.management import ACCOUNT_CONF, SEPARATOR, SESSION_KEY, SETTINGS_CONF, UNREADABLE, Management

PKCS12 = bytes(range(256)) * 8
PASSWORD = ' not "a" r\u00e9al password: '


def confs_at(uri: str, session_key: str = SESSION_KEY) -> Confs:
    return Confs(uri, session_key)


def add_account(management: Management, name: str = "fmc", **settings: str) -> None:
    encoded = base64.b64encode(PKCS12).decode()
    management.add_account(name, {"host": "fmc.example.com", **settings}, pkcs12=encoded, pkcs12_password=PASSWORD)


def problem_with(confs: Confs) -> Problem:
    with pytest.raises(Problem) as caught:
        confs.account("fmc")
    assert PASSWORD not in caught.value.text
    assert SESSION_KEY not in caught.value.text
    # A traceback of it shows nothing of what the libraries raised, which may quote what they read.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def test_an_account_is_read_with_its_secrets(management: Management):
    add_account(management, port="8303", legacy_certificates="1", fingerprint="AB:" * 31 + "AB")
    add_account(management, "other")
    account = confs_at(management.uri).account("fmc")
    assert (account.name, account.host, account.port) == ("fmc", "fmc.example.com", 8303)
    assert (account.pkcs12, account.pkcs12_password) == (PKCS12, PASSWORD)
    assert (account.fingerprint, account.legacy_certificates) == ("ab" * 32, True)


def test_an_account_is_read_anew_each_time(management: Management):
    confs = confs_at(management.uri)
    add_account(management)
    assert confs.account("fmc").host == "fmc.example.com"
    add_account(management, host="192.0.2.7")
    assert confs.account("fmc").host == "192.0.2.7"


def test_an_account_that_is_not_there_is_to_be_created(management: Management):
    problem = problem_with(confs_at(management.uri))
    assert problem.code == "account_missing"
    assert "Create it on the add-on's Configuration page" in problem.text


def test_an_account_is_missing_where_its_conf_file_is(management: Management):
    del management.confs[ACCOUNT_CONF]
    assert problem_with(confs_at(management.uri)).code == "account_missing"


def test_an_account_without_its_secrets_is_to_be_entered_again(management: Management):
    add_account(management)
    management.secrets.clear()
    problem = problem_with(confs_at(management.uri))
    assert problem.code == "account_unreadable"
    assert "its secrets are not in storage/passwords" in problem.text


@pytest.mark.parametrize("secret", ['{"pkcs12": "QUJD"', '{"pkcs12": "QUJD"}', "[]"])
def test_broken_secrets_are_never_quoted(management: Management, secret: str):
    add_account(management)
    management.secrets["fmc"] = secret
    problem = problem_with(confs_at(management.uri))
    assert problem.code == "account_unreadable"
    assert "upload the PKCS#12 file" in problem.text
    assert "QUJD" not in problem.text


def test_an_answer_that_is_not_json_is_a_problem(management: Management):
    add_account(management)
    management.garble = (f"conf-{ACCOUNT_CONF}",)
    assert problem_with(confs_at(management.uri)).code == "splunkd_answer_invalid"


@pytest.mark.parametrize("path", ["/configs/", "/storage/"])
@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (402, "splunkd_license", "because of its license"),
        (403, "account_unreadable", "Disable the input and enable it again"),
        (418, "splunkd_refused", "splunkd refuses"),
        (500, "splunkd_failed", "splunkd.log"),
        (503, "splunkd_unavailable", "Is Splunk starting or stopping?"),
    ],
)
def test_a_refusal_by_splunkd_is_explained_by_its_status(
    management: Management, path: str, status: int, code: str, text: str
):
    add_account(management)
    management.refuse[path] = status
    problem = problem_with(confs_at(management.uri))
    assert problem.code == code
    assert f"HTTP status {status}" in problem.text
    assert text in problem.text
    assert ("starting or stopping" in problem.text) == (status == 503)


def test_a_session_key_that_splunkd_does_not_take_ends_the_input(management: Management):
    confs = confs_at(management.uri, "another-session-key")
    for read in (lambda: confs.account("fmc"), confs.log_level):
        with pytest.raises(SessionRefused) as caught:
            read()
        assert "another-session-key" not in repr(caught.value)


def test_a_splunkd_that_does_not_listen_is_a_problem():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        problem = problem_with(confs_at(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert problem.code == "splunkd_unreachable"
    assert "Is Splunk starting or stopping?" in problem.text


@pytest.mark.parametrize("uri", ["", "127.0.0.1:8089", "https://127.0.0.1", "https://127.0.0.1:port", "https://[::1"])
def test_an_address_of_splunkd_that_is_none_is_refused(uri: str):
    with pytest.raises(Problem, match="its server_uri is not an address") as caught:
        confs_at(uri)
    assert caught.value.code == "stdin_invalid"


@pytest.mark.parametrize("variant", range(len(UNREADABLE)))
@pytest.mark.parametrize("broken", ["old", "fmc"])
def test_a_credential_that_cannot_be_read_harms_no_account_but_its_own(
    management: Management, variant: int, broken: str
):
    add_account(management, "healthy")
    add_account(management, "fmc")
    entry = {**UNREADABLE[variant], "username": UNREADABLE[variant]["username"].replace("old", broken)}
    management.listed.append(entry)
    assert confs_at(management.uri).account("healthy").pkcs12 == PKCS12
    if broken == "fmc" and SEPARATOR in entry["username"]:
        problem = problem_with(confs_at(management.uri))
        assert problem.code == "account_unreadable"
        assert "Splunk cannot decrypt its secrets" in problem.text
        assert "upload the PKCS#12 file" in problem.text
    else:
        assert confs_at(management.uri).account("fmc").pkcs12 == PKCS12


def test_the_log_level_is_the_one_on_the_logging_tab(management: Management):
    management.confs[SETTINGS_CONF]["logging"] = {"loglevel": "DEBUG"}
    assert confs_at(management.uri).log_level() == "DEBUG"


@pytest.mark.parametrize("stanza", [{}, {"loglevel": ""}, {"loglevel": "LOUD"}, {"other": "DEBUG"}])
def test_the_log_level_is_info_where_none_is_set(management: Management, stanza: dict[str, str]):
    management.confs[SETTINGS_CONF]["logging"] = stanza
    assert confs_at(management.uri).log_level() == "INFO"
    del management.confs[SETTINGS_CONF]["logging"]
    assert confs_at(management.uri).log_level() == "INFO"


def test_the_log_level_is_info_where_it_cannot_be_read(management: Management):
    management.refuse["/configs/"] = 503
    assert confs_at(management.uri).log_level() == "INFO"
