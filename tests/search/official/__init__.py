"""Splunk's own tests of an add-on, pytest-splunk-addon, with the simulator in the place of Splunk."""
