"""What single dashboards need besides the common events: tokens that a link gives them, and events of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from standins.search import Indexed
from tests.alerts.samples import log_events

from . import population

DAY = {"time.earliest": "-24h@h", "time.latest": "now"}
"""The time range in which these events have every kind and value."""

TOKENS: Mapping[str, Mapping[str, str]] = {
    "overview": DAY,
    "connections": {**DAY, "span": "30m"},
    "files_and_malware": DAY,
    "host_profile": {"address": "172.16.3.101"},
    "investigate": {**DAY, "connection": "2a0c71d2-0b1f-11f0-9d3e-c1f05a7be4d1:2:1768464216:40"},
}
"""Tokens by the dashboard's name, for those that show nothing until they are told what to look at, or too little of
these events when they open.
"""

RESULTS: Mapping[str, Sequence[str]] = {
    "Models:result.ask": ("events", "model", "summaries"),
    "Source:result.source": ("events", "model"),
}
"""What the tokens can be that search results set in searches."""

EVENTS: Sequence[Callable[[], list[Indexed]]] = (lambda: log_events(population.NOW),)
"""Functions that return further events, such as those of the input's log."""
