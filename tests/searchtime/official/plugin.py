"""Skips generated tests that no event of this add-on can pass, and says why."""

from __future__ import annotations

import pytest

SKIPPED = {
    'test_cim_required_fields[eventtype="sfw_intrusion"::Application_IDS_Attacks]': "ids_type is always network",
    'test_cim_required_fields[eventtype="sfw_intrusion"::Host_IDS_Attacks]': "ids_type is always network",
    'test_cim_required_fields[eventtype="sfw_malware"::Quarantined Malware]': "nothing is quarantined by a firewall",
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
