"""The tests that pytest-splunk-addon makes for the add-on, against a real Splunk: nothing of the tool is replaced."""

from __future__ import annotations

from pytest_splunk_addon.standard_lib.addon_basic import Basic


class TestAddon(Basic):
    """All tests of the tool, those of splunkd's own errors too."""
