"""The error that the evaluator raises."""

from __future__ import annotations


class SplError(Exception):
    """A search that Splunk would refuse, or a part of one that is not known here. The text names it."""
