"""Every endpoint of the built add-on is for users with its capability, on every way to it."""

from __future__ import annotations

import re

import pytest

from standins.splunkd import Splunkd
from tests.rest.forms import ACCOUNT, INPUT, PASSWORD, account, create

pytestmark = pytest.mark.package

CAPABILITY = "edit_secure_firewall_estreamer"
METHODS = {"list": "GET", "create": "POST", "edit": "POST", "remove": "DELETE"}


def calls(splunkd: Splunkd) -> list[tuple[str, str]]:
    """Every method and path that the built restmap.conf offers."""
    found = []
    for stanza, settings in splunkd.stanzas("restmap").items():
        kind, _, endpoint = stanza.partition(":")
        if kind == "admin_external":
            for action in re.split(r",\s*", settings["handleractions"]):
                name = {"settings": "logging", "catalog": "FileEvent"}.get(endpoint.rpartition("_")[2], "one")
                path = endpoint if action == "create" else f"{endpoint}/{name}"
                found.append((METHODS[action], path))
                if action == "list":
                    found.append(("GET", endpoint))
    return found


PACKETS = "TA_secure_firewall_estreamer_packets"
EXCEPTIONS = {PACKETS: "search"}
"""Endpoints that ask for another capability, and which.

Packets are events, not settings: whoever may search has them, and the search for them runs in the name of the user who
asks (docs/decisions/0010-packets-as-a-command-and-an-endpoint.md).
"""


@pytest.fixture(scope="module")
def filled(splunkd: Splunkd) -> Splunkd:
    """A splunkd with an account and an input called `one`."""
    create(splunkd, ACCOUNT, account("one"))
    create(splunkd, INPUT, {"name": "one", "account": "one", "disabled": "1"})
    return splunkd


def test_every_endpoint_of_restmap_asks_for_the_capability_by_every_method(filled: Splunkd) -> None:
    stanzas = filled.stanzas("restmap")
    exposed = {name: one for name, one in stanzas.items() if name.startswith("admin:")}
    members = {member for one in exposed.values() for member in re.split(r",\s*", one["members"])}
    assert members == {name.partition(":")[2] for name in stanzas if name.startswith("admin_external:")}
    for one in exposed.values():
        assert [one[f"capability.{method}"] for method in ("get", "post", "put", "delete")] == [CAPABILITY] * 4
    assert len(members) == 7


def test_there_is_no_endpoint_beside_those_but_the_explained_exceptions(filled: Splunkd) -> None:
    stanzas = filled.stanzas("restmap")
    kinds = {name.partition(":")[0] for name in stanzas}
    assert kinds == {"admin", "admin_external", "script"}
    scripts = {name.partition(":")[2]: one for name, one in stanzas.items() if name.startswith("script:")}
    assert {name: one["capability"] for name, one in scripts.items()} == EXCEPTIONS
    for name, one in scripts.items():
        assert (one["match"], one["requireAuthentication"], one["passSystemAuth"]) == (f"/{name}", "true", "false")


def test_packets_are_refused_to_who_may_not_search(filled: Splunkd) -> None:
    answer = filled.request("GET", PACKETS, session_key=filled.log_in("mallory", "nobody"))
    assert (answer.status, "requires capability: search" in answer.message) == (403, True)
    # What it answers to others is proven beside the packets: here nobody runs it.
    assert filled.request("GET", PACKETS, session_key=filled.log_in("alice", "user")).status == 501


def test_user_without_the_capability_is_refused_everywhere_and_changes_nothing(filled: Splunkd) -> None:
    key = filled.log_in("mallory", "power", "user")
    before = {conf: filled.stanzas(conf) for conf in ("inputs", "ta_secure_firewall_estreamer_account", "passwords")}
    for method, path in calls(filled):
        form = {"name": "two"} if method == "POST" else None
        answer = filled.request(method, path, form, session_key=key)
        assert (answer.status, answer.entries) == (403, {}), (method, path)
        assert PASSWORD not in answer.message
    assert {conf: filled.stanzas(conf) for conf in before} == before


def test_handlers_ask_for_the_capability_where_restmap_does_not(filled: Splunkd) -> None:
    key = filled.log_in("mallory", "user")
    for method, path in calls(filled):
        form = {"name": "two"} if method == "POST" else None
        answer = filled.request(method, f"admin/{path}", form, session_key=key)
        assert (answer.status, CAPABILITY in answer.message) == (403, True), (method, path)


def test_settings_cannot_be_reached_beside_the_endpoints(filled: Splunkd) -> None:
    key = filled.log_in("mallory", "user")
    for path in ("configs/conf-ta_secure_firewall_estreamer_account", "data/inputs/estreamer_fqe", "storage/passwords"):
        assert filled.request("GET", path, session_key=key).status == 403
        assert filled.request("POST", f"{path}/one", {"host": "evil"}, session_key=key).status == 403


@pytest.mark.parametrize("role", ["admin", "sc_admin"])
def test_administrators_of_splunk_enterprise_and_of_splunk_cloud_have_the_capability(
    filled: Splunkd, role: str
) -> None:
    key = filled.log_in("alice", role)
    assert (
        CAPABILITY
        in filled.request("GET", "authentication/current-context", session_key=key).entries["context"]["capabilities"]
    )
    for method, path in calls(filled):
        # splunktaucclib lists no settings; the pages ask for those of one name.
        if method == "GET" and not path.endswith("_settings"):
            assert filled.request("GET", path, session_key=key).status == 200, path
    form = account(f"by_{role}")
    assert filled.request("POST", ACCOUNT, form, session_key=key).status == 201


def test_log_level_is_checked_and_changed(filled: Splunkd) -> None:
    path = "TA_secure_firewall_estreamer_settings/logging"
    assert filled.request("POST", path, {"loglevel": "DEBUG"}).status == 200
    assert filled.request("GET", path).entries["logging"]["loglevel"] == "DEBUG"
    wrong = filled.request("POST", path, {"loglevel": "XINFO<script>"})
    assert (wrong.status, wrong.message) == (400, "loglevel: choose among DEBUG, INFO, WARNING, ERROR, CRITICAL.")
