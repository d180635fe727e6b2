"""Which events a search has to read.

Pages: "Event segmentation and searching", "Use CASE and TERM to match phrases", "Write better searches", "Difference
between NOT and !=" of the Search Manual; "tstats" of the Search Reference.
"""

from __future__ import annotations

from typing import Any

import pytest

from . import Knowledge, Meter, run
from .cim import MODELS
from .samples import NOW
from .words import words

RAW = (
    '{"EventType":"ConnectionEvent", "AC_RuleAction":"Block with reset", "InitiatorIP":"10.1.2.3", "Port":443}',
    '{"EventType":"ConnectionEvent", "AC_RuleAction":"Allow", "InitiatorIP":"10.1.2.4", "URL":"http://a.example/blocked"}',
    '{"EventType":"ConnectionEvent", "AC_RuleAction":"Allow", "InitiatorIP":"10.3.2.1", "Port":8443}',
    '{"EventType":"FileEvent", "FileName":"ConnectionEvent.exe", "InitiatorIP":"10.1.2.3"}',
)
ROWS: list[dict[str, Any]] = [
    {
        "_raw": raw,
        "_time": NOW - number,
        "index": "firewall",
        "sourcetype": "st",
        "action": "blocked" if "Block" in raw else "allowed",
        "eventtype": "sfw_file" if "FileEvent" in raw else "sfw_connection",
        "tag": ("communicate", "network") if "FileEvent" not in raw else "file",
        "EventType": "FileEvent" if "FileEvent" in raw else "ConnectionEvent",
    }
    for number, raw in enumerate(RAW)
]
DATA = Knowledge(ROWS, made=frozenset({"action", "src"}), models=MODELS)


def read(search: str, data: Knowledge = DATA, **times: Any) -> list[int]:
    """Return how many events each search of a search has read, subsearches first."""
    meter = Meter()
    run(search, data, now=NOW + 1, meter=meter, **times)
    return [len(one.rows) for one in meter.reads]


def test_text_is_cut_at_major_and_once_more_at_minor_breakers() -> None:
    assert words("src=10.1.2.3, user_name='Ann-B' a--b c%3Dd*e") == frozenset(
        {
            "src=10.1.2.3",
            "src",
            "10",
            "1",
            "2",
            "3",
            "user_name=",
            "user",
            "name",
            "ann-b",
            "ann",
            "b",
            "a",
            "c",
            "d",
            "e",
        }
    )


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ("index=firewall", 4),
        ("index=other", 0),
        ("index=firewall NOT sourcetype=s*", 0),
        ("index!=firewall", 0),
        # words of the text
        ("block", 1),
        ("block*", 2),
        ("BLOCK*", 2),
        ("*lock", 4),
        ("bl*ck", 2),
        ('"with reset"', 1),
        ('"reset with"', 1),
        ("10.1.2.3", 3),
        ("TERM(10.1.2.3)", 2),
        ("TERM(10.1.2.*)", 3),
        ("10.3.*", 3),
        ("443", 1),
        ("*", 4),
        # fields that are in the text
        ("AC_RuleAction=Block*", 2),
        ("AC_RuleAction=*Block", 4),
        ("InitiatorIP=10.1.2.3", 3),
        ("InitiatorIP=10.1.2.0/24", 4),
        ("InitiatorIP IN (10.1.2.4, 10.3.2.1)", 4),
        ("Port>=443", 4),
        ("Port=*", 4),
        ("EventType=FileEvent", 1),
        ("EventType=ConnectionEvent", 4),
        ("EventType!=ConnectionEvent", 4),
        # fields that are not
        ("action=blocked", 4),
        ("eventtype=sfw_file", 4),
        ("tag=network", 4),
        ("_indextime>5", 4),
        ("block* action=blocked", 2),
        # logic
        ("block* OR FileEvent", 3),
        ("block* OR action=blocked", 4),
        ("(block* FileEvent) OR 8443", 1),
        ("NOT ConnectionEvent", 0),
        ("NOT EventType=ConnectionEvent", 4),
        ("NOT block*", 4),
        ('NOT "with reset"', 4),
        ("NOT TERM(10.1.2.3)", 2),
        ("NOT (ConnectionEvent NOT FileEvent)", 1),
        ("FileEvent OR NOT ConnectionEvent", 1),
    ],
)
def test_the_index_rules_out_by_place_and_words_only(search: str, count: int) -> None:
    assert read(search) == [count]


def test_the_time_range_bounds_what_is_read() -> None:
    assert read("index=firewall", earliest=NOW - 1.5) == [2]
    assert read("index=firewall earliest=-2s latest=now") == [2]


def test_every_search_of_a_search_counts() -> None:
    assert read("FileEvent | append [search block*] | append [| makeresults]") == [1, 2]
    assert read('[search FileEvent | head 1 | eval search="8443" | table search]') == [1, 1]
    assert read("| makeresults") == []


@pytest.mark.parametrize(
    ("search", "arrived", "limit"),
    [
        ("index=firewall | head 2", 4, 2),
        ('index=firewall | where action="blocked" | head 2', 1, 2),
        ("index=firewall | stats count by action | head 1", None, 0),
        ("index=firewall | sort - _time | head 1", None, 0),
        ("index=firewall | head 2 | head 1", 4, 2),
    ],
)
def test_a_head_ends_the_reading_unless_all_events_are_needed_before(
    search: str, arrived: int | None, limit: int
) -> None:
    meter = Meter()
    run(search, DATA, now=NOW, meter=meter)
    (one,) = meter.reads
    assert (None if one.arrived is None else len(one.arrived), one.limit) == (arrived, limit)


def test_a_model_hands_over_what_its_summaries_do_not_hold() -> None:
    search = "| tstats count from datamodel=Network_Traffic"
    accelerated = Knowledge(ROWS, models=MODELS, summaries={"Network_Traffic": (NOW - 1.5, NOW + 1)})
    assert (read(search), read(search, accelerated)) == ([3], [1])
    assert read("| tstats summariesonly=true count from datamodel=Network_Traffic", accelerated) == []
    assert read("| tstats count where index=firewall") == []
