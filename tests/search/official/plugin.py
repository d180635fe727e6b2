"""Skips generated tests that no event of this add-on can pass, and says why; those of declared gaps have to fail."""

from __future__ import annotations

import pytest

_ALERTS = (
    "certificate expires within 30 days",
    "certificate expires within 7 days",
    "failover happened",
    "host has many blocked connections",
    "input is not connected",
    "input is silent though connected",
    "lag is growing",
    "one file is on many hosts",
)
_SILENT = "an alert that is silent on these events, as it is to be; tests/alerts make it fire"

_NOT_LOGGED = "no log of a firewall has it"
GAPS = {
    **{
        f'test_cim_required_fields[eventtype="sfw_dns"::DNS::{field}]': _NOT_LOGGED
        for field in ("answer", "answer_count", "query_type", "response_time", "transaction_id")
    },
    **{
        f'test_cim_required_fields[eventtype="sfw_dns"::DNS::{field}]': "absent without an answer, and 0 is not allowed"
        for field in ("reply_code", "reply_code_id")
    },
    'test_cim_required_fields[eventtype="sfw_web"::Web::http_method]': _NOT_LOGGED,
    **{
        f'test_cim_required_fields[eventtype="sfw_web"::Web::{field}]': "absent where only the answer was seen"
        for field in ("http_user_agent", "http_user_agent_length")
    },
    'test_cim_required_fields[eventtype="sfw_web"::Web::status]': "absent without an answer",
    'test_cim_required_fields[eventtype="sfw_web"::Web::category]': "absent without URL filtering",
    "test_eventtype_mapped_multiple_cim_datamodel[mapped_datamodel_tests]": (
        "a connection that asked for a name, or carried HTTP, is network traffic as well"
    ),
}
"""Generated tests that have to fail, by their names: what the data models require and the events do not have."""

NOT_HERE = {
    'eventtype="sfw_malware_download"::Malware': "its tags ship disabled; tests/search switch them on",
    'eventtype="sfw_malware_download"::Allowed': "its tags ship disabled; tests/search switch them on",
    'eventtype="sfw_malware_download"::Blocked': "its tags ship disabled; tests/search switch them on",
    'eventtype="sfw_malware_download"::Quarantined': "its tags ship disabled; tests/search switch them on",
    'eventtype="sfw_malware_affected"::': "copies that a search makes; tests/alerts/test_malware_copies.py has it run",
    "eventtype::sfw_malware_affected": "copies that a search makes; tests/alerts/test_malware_copies.py has it run",
}
"""Generated tests that do not apply, by a part of their names, and why."""

SKIPPED = {
    'test_cim_required_fields[eventtype="sfw_intrusion"::Application_IDS_Attacks]': "ids_type is always network",
    'test_cim_required_fields[eventtype="sfw_intrusion"::Host_IDS_Attacks]': "ids_type is always network",
    'test_cim_required_fields[eventtype="sfw_malware_upload"::Quarantined Malware]': "no firewall puts in quarantine",
    **{f"test_savedsearches[Secure Firewall: {name}]": _SILENT for name in _ALERTS},
}
"""Generated tests that do not apply, by their names, and why."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is skipped and what has to fail. Fails when a test of these is not there any more."""
    by_name = {item.name: item for item in items}
    gone = (SKIPPED.keys() | GAPS.keys()) - by_name.keys()
    gone |= {part for part in NOT_HERE if not any(part in name for name in by_name)}
    if gone:
        raise pytest.UsageError(f"tests that are to be skipped or to fail are not there: {sorted(gone)}")
    for name, item in by_name.items():
        reasons = [SKIPPED[name]] if name in SKIPPED else [why for part, why in NOT_HERE.items() if part in name]
        if reasons:
            item.add_marker(pytest.mark.skip(reason=reasons[0]))
        elif name in GAPS:
            item.add_marker(pytest.mark.xfail(strict=True, reason=GAPS[name]))
