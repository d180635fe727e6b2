"""The dashboard Investigate shows all events of one connection, in order, and none of another."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from standins.dashboards import read_views
from standins.search import Knowledge, spl
from standins.search.searched import Searched
from tests.search.case import arrived, connection, file, intrusion, packet

from . import population
from .answers import SearchHead
from .counted import key_of, raw_events
from .opened import Opened, Replaced

VIEW = read_views()["investigate"]
BEGIN = population.NOW - 3600
KEY: dict[str, Any] = {
    "DeviceUUID": "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63",
    "InstanceID": 2,
    "FirstPacketSecond": BEGIN,
    "ConnectionID": 4711,
}
CONNECTION = key_of(KEY)
OTHERS: tuple[dict[str, Any], ...] = (
    {"DeviceUUID": "2a0c71d2-0b1f-11f0-9d3e-c1f05a7be4d1"},
    {"InstanceID": 3},
    {"FirstPacketSecond": BEGIN - 1},
    {"ConnectionID": 47110},
)
"""What differs in other connections."""


def made(key: dict[str, Any]) -> list[tuple[str, float]]:
    """Return events of one connection as text, and their times, in an order that is not theirs."""
    return [
        (packet(**key, PacketSecond=BEGIN + 20, EventID=195), BEGIN + 20),
        (connection(**key, LastPacketSecond=BEGIN + 60, ConnectionDuration=60), BEGIN + 60),
        (file(**key, EventSecond=BEGIN + 30), BEGIN + 30),
        (intrusion(**key, EventSecond=BEGIN + 20, EventMicrosecond=0, EventID=195), BEGIN + 20),
        (connection(**key), key["FirstPacketSecond"]),
        (intrusion(**key, EventSecond=BEGIN + 40, EventMicrosecond=500000, EventID=196), BEGIN + 40.5),
    ]


@pytest.fixture(scope="module")
def data(addon: Path) -> Searched:
    events = [one for other in OTHERS for one in made({**KEY, **other})[:3]]
    return Searched(Knowledge.read(addon), [arrived(raw, time, time + 1) for raw, time in (*events, *made(KEY))])


def test_all_events_of_the_connection_are_there_in_order_and_none_of_another(data: Searched) -> None:
    page = Opened(VIEW, data, connection=CONNECTION)
    assert [(row["number"], row["step"], float(row["_time"])) for row in page.rows("base")] == [
        ("1", "connection begins", BEGIN),
        ("2", "intrusion", BEGIN + 20),
        ("3", "packet", BEGIN + 20),
        ("4", "file", BEGIN + 30),
        ("5", "intrusion", BEGIN + 40.5),
        ("6", "connection ends", BEGIN + 60),
    ]
    shown = [json.loads(row["raw"]) for row in page.rows("raw")]
    assert [key_of(event) for event in shown] == [CONNECTION] * 6


def test_the_panels_tell_of_each_kind(data: Searched) -> None:
    page = Opened(VIEW, data, connection=CONNECTION)
    assert page.rows("totals") == [{"events": "6", "intrusions": "2", "files": "1", "packets": "1", "blocked": "2"}]
    assert [row["what"] for row in page.rows("order")] == [
        "Block by rule NasBlock, https://www.google.com",
        "FILE-EXECUTABLE download of executable content (unknown impact)",
        "of intrusion event 195",
        "csm-eicar.gif (Malware), download",
        "FILE-EXECUTABLE download of executable content (unknown impact)",
        "Block by rule NasBlock, https://www.google.com",
    ]
    assert [row["id"] for row in page.rows("intrusion_list")] == ["11192", "11192"]
    assert [row["name"] for row in page.rows("file_list")] == ["csm-eicar.gif"]
    facts = {row["field"]: row["value"] for row in page.rows("connection")}
    assert (facts["flow_id"], facts["rule"], facts["duration"]) == (CONNECTION, "NasBlock", "60")


@pytest.mark.parametrize("other", OTHERS)
def test_another_connection_is_found_by_its_own_key(data: Searched, other: dict[str, Any]) -> None:
    key = {**KEY, **other}
    page = Opened(VIEW, data, connection=key_of(key))
    assert sorted(row["step"] for row in page.rows("base")) == ["connection ends", "file", "packet"]
    assert {key_of(json.loads(row["raw"])) for row in page.rows("raw")} == {key_of(key)}


def test_an_unknown_connection_has_no_events(data: Searched) -> None:
    assert Opened(VIEW, data, connection=key_of({**KEY, "ConnectionID": 1})).rows("base") == []


def test_the_list_has_the_connections_with_more_than_the_connection(data: Searched) -> None:
    rows = Opened(VIEW, data).rows("notable")
    assert rows[0]["connection"] == CONNECTION
    assert {row["connection"] for row in rows} == {CONNECTION, *(key_of({**KEY, **other}) for other in OTHERS)}
    assert (rows[0]["kinds"], rows[0]["events"], rows[0]["file"]) == ("3", "4", "csm-eicar.gif")


def test_without_a_choice_the_first_of_the_list_is_shown(head: SearchHead) -> None:
    page = Opened(VIEW, head.data, connection="*")
    assert {row["flow_id"] for row in page.rows("base")} == {page.rows("notable")[0]["connection"]}


def test_every_connection_of_the_population_is_shown_whole(head: SearchHead) -> None:
    page = Opened(VIEW, head.data)
    events = raw_events(population.events(), None, page.earliest, population.NOW)
    for row in page.rows("notable")[:10]:
        own = Opened(VIEW, head.data, connection=row["connection"])
        wanted = [event for event in events if key_of(event) == row["connection"]]
        shown = [key_of(json.loads(one["raw"])) for one in own.rows("raw")]
        assert shown == [row["connection"]] * len(wanted)
        assert wanted != []


@pytest.mark.parametrize(("key", "reads"), [(CONNECTION, False), ("*", True)])
def test_other_connections_are_read_only_while_none_is_chosen(data: Searched, key: str, reads: bool) -> None:
    found = re.match(r"`sfw_events` \[(.*`sfw_connection_terms`)\]", Opened(VIEW, data, connection=key).query("base"))
    assert found is not None
    counted = {"sfw_notable_first": "stats count as read", "sfw_connection_terms": "stats max(read) as read"}
    (row,) = spl.run(found[1], Replaced(data, counted), now=population.NOW).rows
    assert (int(str(row["read"])) > 0) is reads
