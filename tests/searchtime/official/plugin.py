"""Skips generated tests that no event of this add-on can pass, and says why."""

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

SKIPPED = {
    'test_cim_required_fields[eventtype="sfw_intrusion"::Application_IDS_Attacks]': "ids_type is always network",
    'test_cim_required_fields[eventtype="sfw_intrusion"::Host_IDS_Attacks]': "ids_type is always network",
    'test_cim_required_fields[eventtype="sfw_malware"::Quarantined Malware]': "nothing is quarantined by a firewall",
    **{f"test_savedsearches[Secure Firewall: {name}]": _SILENT for name in _ALERTS},
}
"""Generated tests that do not apply, by their names, and why."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is skipped. Fails when a test that is to be skipped is not there any more."""
    by_name = {item.name: item for item in items}
    gone = SKIPPED.keys() - by_name.keys()
    if gone:
        raise pytest.UsageError(f"tests that are to be skipped are not there: {sorted(gone)}")
    for name, reason in SKIPPED.items():
        by_name[name].add_marker(pytest.mark.skip(reason=reason))
