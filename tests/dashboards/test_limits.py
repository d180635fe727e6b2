"""However many values there are, a dashboard's base search keeps few of each kind: those that its panels are about."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from standins.dashboards import read_views
from standins.search import Knowledge, spl
from standins.search.searched import Searched
from tests.search.case import arrived, connection

from . import population
from .answers import SearchHead
from .opened import Opened, Replaced

VIEWS = read_views()
KEPT = 3


def narrow(data: spl.Data) -> Replaced:
    """Return data of which dashboards keep so few values that these events have more."""
    return Replaced(data, {"sfw_rows": str(KEPT)})


@pytest.mark.parametrize(
    ("view", "tokens"),
    [
        ("connections", {}),
        ("connections", {"source": "model"}),
        ("intrusions", {}),
        ("intrusions", {"source": "model"}),
        ("files_and_malware", {}),
        ("host_profile", {}),
    ],
)
def test_rows_of_each_kind_are_few_but_for_steps_of_time(head: SearchHead, view: str, tokens: dict[str, str]) -> None:
    whole = Opened(VIEWS[view], head.data, **tokens).rows("base")
    kept = Opened(VIEWS[view], narrow(head.data), **tokens).rows("base")
    before, after = (Counter(row["kind"] for row in rows) for rows in (whole, kept))
    assert before["time"] == after["time"] > KEPT
    assert max(count for kind, count in after.items() if kind != "time") <= 2 * KEPT
    assert sum(after.values()) < sum(before.values())
    assert set(before) == set(after)


@pytest.mark.parametrize("source", ["events", "model"])
@pytest.mark.parametrize(("kind", "side"), [("source", "Initiator"), ("target", "Responder")])
def test_the_most_frequent_stay_and_those_with_the_most_bytes(addon: Path, source: str, kind: str, side: str) -> None:
    when = population.NOW - 600
    often = [f"192.0.2.{number}" for number in range(KEPT + 1) for _ in range(2)]
    large = [f"198.51.100.{number}" for number in range(KEPT + 1)]
    raws = [
        connection(**{f"{side}IP": host, f"{side}Bytes": 10**6 * (host in large), "FirstPacketSecond": when})
        for host in (*often, *large)
    ]
    data = Searched(Knowledge.read(addon), [arrived(raw, when, when + 1) for raw in raws])
    rows = Opened(VIEWS["connections"], narrow(data), source=source).rows("base")
    kept = [row["value"] for row in rows if row["kind"] == kind]
    assert (len(set(often) & set(kept)), len(set(large) & set(kept))) == (KEPT, KEPT)


def test_nothing_is_lost_from_the_sums(head: SearchHead) -> None:
    whole, kept = (Opened(VIEWS["connections"], data).rows("totals") for data in (head.data, narrow(head.data)))
    assert whole == kept


@pytest.mark.parametrize("source", ["events", "model"])
def test_the_overview_compares_the_greatest_of_each_period(head: SearchHead, source: str) -> None:
    view, narrowed = VIEWS["overview"], Replaced(head.data, {"sfw_overview_rows": str(KEPT)})
    whole, kept = (Opened(view, data, source=source) for data in (head.data, narrowed))
    kinds = Counter((row["period"], row["key"].partition("/")[0]) for row in kept.rows("ds_connections"))
    assert kinds["current", "talker"] == kinds["previous", "talker"] == KEPT
    assert kinds["current", "rule"] <= KEPT
    first, found = kept.rows("ds_talkers")[0], whole.rows("ds_talkers")[0]
    assert (first["address"], first["bytes"]) == (found["address"], found["bytes"])
    assert kept.rows("ds_connections_time") == whole.rows("ds_connections_time")
