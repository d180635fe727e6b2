"""collect and rest. Pages of these names in the Search Reference."""

from __future__ import annotations

import pytest

from . import Knowledge, SplError
from .cim import MODELS
from .samples import NOW, fruit, result, rows

COLLECT = '| collect index=summary source="kinds"'


def test_collect_writes_events_that_a_search_finds() -> None:
    data = fruit()
    result(f"colour=* | stats count, max(_time) as _time by kind {COLLECT}", data)
    found = result('index=summary source="kinds" sourcetype=stash kind=apple', data).rows
    assert [(row["kind"], row["count"]) for row in found] == [("apple", "2")]
    assert str(found[0]["_raw"]).endswith('kind="apple", count="2"')
    assert len(rows("index=main", data)) == 5


@pytest.mark.parametrize(
    ("search", "wrong"),
    [
        ("| makeresults | collect index=summary", "needs an index and a source"),
        ("| makeresults | collect index=summary source=a marker=x", "unknown option marker"),
        (f"| makeresults | fields - _time {COLLECT}", "without _time"),
        (f'| makeresults | eval a="x\\"y" {COLLECT}', "a has several values, a quote"),
        (f'| makeresults | eval a=mvappend("x","y") {COLLECT}', "a has several values"),
    ],
)
def test_collect_refuses_what_the_references_leave_open(search: str, wrong: str) -> None:
    with pytest.raises(SplError, match=wrong):
        result(search, fruit())


def test_rest_lists_the_data_models() -> None:
    search = "| rest splunk_server=local count=0 /services/datamodel/model"
    assert {row["title"] for row in rows(search, Knowledge(models=MODELS))} == set(MODELS)
    assert rows(search, Knowledge()) == []


@pytest.mark.parametrize(
    "search",
    [
        "| rest splunk_server=local count=0 /services/server/info",
        "| rest count=0 /services/datamodel/model",
        "| rest splunk_server=local /services/datamodel/model",
        "| makeresults | rest splunk_server=local count=0 /services/datamodel/model",
    ],
)
def test_rest_refuses_what_is_not_played(search: str) -> None:
    with pytest.raises(SplError):
        result(search, Knowledge(models=MODELS, summaries={"Network_Traffic": (0, NOW)}))
