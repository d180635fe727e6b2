"""Every search that the package or its page holds runs, and the setup check finds what is wrong and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from standins.fmc.variety import varied_events
from standins.places import ROOT
from standins.search import Indexed, Knowledge, conf, spl
from standins.search.searched import Searched
from tests.dashboards.opened import Replaced
from tests.package.confs import read_conf
from tests.search.case import ABSENT, SOURCETYPE, arrived, connection, file, intrusion, packet

PAGE = ROOT / "docs" / "search.md"
HEAD = '`sfw_index` sourcetype="cisco:sfw:estreamer"'
REPORT = "Secure Firewall: setup check"
NOW = 1744760000.0
KINDS = {
    "sfw_connections": "ConnectionEvent",
    "sfw_intrusions": "IntrusionEvent",
    "sfw_files": "FileEvent",
    "sfw_packets": "IntrusionPacket",
}
CHECKS = ("missing_fields", "untagged", "unknown_values", "other_time", "from_the_future", "cut", "repaired")

SOUND = [
    arrived(connection(), 1743500734, 1743500736),
    arrived(intrusion(), 1744752707.709756, 1744752709),
    arrived(file(FileDirection="Upload"), 1741199882, 1741199883),
    arrived(packet(), 1744752707, 1744752709),
]
FAULTY = {
    "missing_fields": arrived(connection(DeviceUUID=ABSENT), 1743500734, 1743500736),
    "missing_fields of a connection": arrived(connection(InitiatorIP=ABSENT), 1743500734, 1743500736),
    "missing_fields of an intrusion": arrived(intrusion(Classification=ABSENT), 1744752707, 1744752709),
    "missing_fields of malware": arrived(
        file(ThreatName=ABSENT, SHA_Disposition="Custom Detection", FileDirection="Upload", DeviceUUID=ABSENT),
        1741199882,
        1741199883,
    ),
    "unknown_values": arrived(connection(AC_RuleAction="Some Value Of Tomorrow"), 1743500734, 1743500736),
    "unknown_values of a record": arrived(
        connection(DNS_Query="a.example", DNS_RecordDescription="Some Value"), 1743500734, 1743500736
    ),
    "unknown_values of an answer": arrived(
        connection(DNS_Query="a.example", DNS_ResponseType="Some Value"), 1743500734, 1743500736
    ),
    "unknown_values of an impact": arrived(intrusion(Impact=9), 1744752707, 1744752709),
    "unknown_values of a priority": arrived(intrusion(PriorityID=9), 1744752707, 1744752709),
    "unknown_values of a disposition": arrived(file(SHA_Disposition="Some Value"), 1741199882, 1741199883),
    "other_time": arrived(connection(), 1743500730, 1743500736),
    "other_time of an end": arrived(connection(LastPacketSecond=1743500750), 1743500734, 1743500752),
    "other_time of a file": arrived(file(), 1741199881, 1741199883),
    "from_the_future": arrived(connection(), 1743500734, 1743500600),
    "cut": arrived(connection()[:-1], 1743500734, 1743500736),
    "repaired": arrived(connection(estreamer_problem="illegal characters"), 1743500734, 1743500736),
}


def run(search: str, knowledge: Knowledge, events: list[Indexed]) -> spl.Result:
    return spl.run(search, Searched(knowledge, events), now=NOW)


def saved_searches(addon: Path) -> dict[str, dict[str, str]]:
    """The reports. Alerts have tests of their own."""
    stanzas = conf.parse((addon / "default/savedsearches.conf").read_text(encoding="utf-8"), "app", "savedsearches")
    found = {name: {key: setting.value for key, setting in one.items()} for name, one in stanzas.stanzas.items()}
    return {name: stanza for name, stanza in found.items() if "cron_schedule" not in stanza}


def dashboard(addon: Path) -> dict[str, Any]:
    view = etree.parse(str(addon / "default/data/ui/views/setup_check.xml")).getroot()
    assert (view.tag, view.get("version")) == ("dashboard", "2")
    definition: dict[str, Any] = json.loads(view.findtext("definition") or "")
    return definition


def panels(addon: Path, data: spl.Data) -> dict[str, spl.Result]:
    """What each search of the dashboard finds, those that go on from its base among them."""
    sources = dashboard(addon)["dataSources"]
    base = spl.run(sources["base"]["options"]["query"], data, now=NOW)
    chained = {name: one["options"] for name, one in sources.items() if one["type"] == "ds.chain"}
    assert {options["extend"] for options in chained.values()} == {"base"}
    return {name: spl.run(options["query"], data, now=NOW, base=base) for name, options in chained.items()}


@pytest.fixture(scope="module")
def varied(knowledge: Knowledge) -> Searched:
    records = varied_events(11, 1000)
    copy = Indexed("{}", NOW, NOW, SOURCETYPE, "sfw_malware_affected", "search-head", "summary")
    found = [arrived(one.payload.decode(), one.archival, one.archival + 1) for one in records]
    return Searched(knowledge, [*found, copy])


def test_every_search_runs_over_events_of_all_kinds(addon: Path, varied: Searched) -> None:
    event_types = [stanza["search"] for stanza in read_conf(addon / "default/eventtypes.conf").values()]
    reports = [stanza["search"] for stanza in saved_searches(addon).values()]
    found = {search: len(spl.run(search, varied, now=NOW).rows) for search in (*event_types, *reports)}
    found |= {name: len(result.rows) for name, result in panels(addon, varied).items()}
    assert len(found) >= 12
    assert {search: count for search, count in found.items() if count == 0} == {}


@pytest.mark.parametrize("macro", ["sfw_index", "sfw_events", *KINDS])
def test_every_macro_finds_events(knowledge: Knowledge, macro: str) -> None:
    kinds = {row["EventType"] for row in run(f"`{macro}`", knowledge, SOUND).rows}
    assert kinds == ({KINDS[macro]} if macro in KINDS else set(KINDS.values()))


def test_every_macro_is_the_add_ons_own_and_none_of_the_published_detections(knowledge: Knowledge) -> None:
    assert [name for name in knowledge.macros if not name.startswith("sfw_")] == []


def test_every_search_of_the_page_runs(knowledge: Knowledge) -> None:
    block = PAGE.read_text(encoding="utf-8").partition("```\n")[2].partition("```")[0]
    searches = block.strip().splitlines()
    assert len(searches) == 5
    events = [*SOUND, arrived(intrusion(Impact=1), 1744752707, 1744752709)]
    assert [search for search in searches if not run(search, knowledge, events).rows] == []


@pytest.mark.parametrize(
    ("model", "dataset", "wanted"),
    [
        ("Network_Traffic", "All_Traffic", 1),
        ("Intrusion_Detection", "IDS_Attacks", 1),
        ("Malware", "Malware_Attacks", 1),
    ],
)
def test_data_models_have_the_events_that_are_theirs(
    knowledge: Knowledge, model: str, dataset: str, wanted: int
) -> None:
    result = run(f"| tstats count from datamodel={model}.{dataset}", knowledge, SOUND)
    assert [int(str(count)) for count in result.column("count")] == [wanted]


def test_sound_events_pass_the_setup_check(addon: Path, knowledge: Knowledge) -> None:
    rows = run(saved_searches(addon)[REPORT]["search"], knowledge, SOUND).rows
    assert [row["EventType"] for row in rows] == ["ConnectionEvent", "FileEvent", "IntrusionEvent", "IntrusionPacket"]
    assert {row["result"] for row in rows} == {"ok"}


def test_events_in_which_each_member_stands_twice_pass_the_setup_check(addon: Path, knowledge: Knowledge) -> None:
    twice = [arrived(f"{one.raw[:-1]}, {one.raw[1:]}", one.time, one.indexed) for one in SOUND]
    rows = run(saved_searches(addon)[REPORT]["search"], knowledge, twice).rows
    assert {row["EventType"]: row["result"] for row in rows} == dict.fromkeys(KINDS.values(), "ok")


def test_an_event_without_its_type_is_told_from_one_that_is_no_json(addon: Path, knowledge: Knowledge) -> None:
    untyped = connection().replace('"EventType":"ConnectionEvent", ', "")
    events = [arrived(raw, 1743500734, 1743500736) for raw in (untyped, "no JSON at all")]
    rows = run(saved_searches(addon)[REPORT]["search"], knowledge, events).rows
    assert {row["EventType"] for row in rows} == {"(no EventType)", "(no JSON)"}


def test_the_panels_pass_sound_events(addon: Path, knowledge: Knowledge) -> None:
    results = {name: result.rows for name, result in panels(addon, Searched(knowledge, SOUND)).items()}
    verdicts = {row["result"] for rows in results.values() for row in rows if "result" in row}
    assert verdicts == {"ok"}
    assert results["ds_missing"] == results["ds_unknown"] == []
    assert {row["model"] for row in results["ds_tags"]} == {"Network_Traffic", "Intrusion_Detection", "Malware"}


@pytest.mark.parametrize("fault", FAULTY)
def test_the_setup_check_finds_a_fault_and_takes_it_for_no_other(addon: Path, knowledge: Knowledge, fault: str) -> None:
    (row,) = run(saved_searches(addon)[REPORT]["search"], knowledge, [FAULTY[fault]]).rows
    assert {check: int(str(row[check])) for check in CHECKS if row[check]} == {fault.split()[0]: 1}
    assert row["result"] != "ok"


@pytest.mark.parametrize("fault", FAULTY)
def test_the_panels_show_a_fault(addon: Path, knowledge: Knowledge, fault: str) -> None:
    data = Searched(knowledge, [FAULTY[fault]])
    results = {name: result.rows for name, result in panels(addon, data).items()}
    assert results["ds_types"][0]["result"] != "ok"
    shown = [row for name in ("ds_missing", "ds_unknown") for row in results[name]]
    shown += [row for name in ("ds_tags", "ds_time", "ds_length") for row in results[name] if row["result"] != "ok"]
    assert len(shown) == 1
    assert len(spl.run(f"{HEAD} | `sfw_setup_check` | `sfw_setup_faulty`", data, now=NOW).rows) == 1


def test_no_sound_event_is_among_those_that_something_is_wrong_with(knowledge: Knowledge) -> None:
    assert run(f"{HEAD} | `sfw_setup_check` | `sfw_setup_faulty`", knowledge, SOUND).rows == []


def test_the_setup_check_finds_events_without_their_tags(addon: Path, tmp_path: Path) -> None:
    app = tmp_path / addon.name
    for folder in ("default", "lookups", "metadata"):
        shutil.copytree(addon / folder, app / folder)
    (app / "default/tags.conf").unlink()
    rows = run(saved_searches(addon)[REPORT]["search"], Knowledge.read(app), SOUND).rows
    assert {row["EventType"]: int(str(row["untagged"])) for row in rows} == {
        "ConnectionEvent": 1,
        "FileEvent": 1,
        "IntrusionEvent": 1,
        "IntrusionPacket": 0,
    }


def test_an_index_macro_is_at_the_head_of_every_search(addon: Path, knowledge: Knowledge) -> None:
    base = dashboard(addon)["dataSources"]["base"]["options"]["query"]
    searches = [base, *(stanza["search"] for stanza in saved_searches(addon).values())]
    macro = Replaced(Searched(knowledge, []), {"sfw_index": "index=ours"}).macro
    whole = [spl.macros.expand(search, macro) for search in searches]
    assert [search for search in whole if not search.startswith('index=ours sourcetype="cisco:sfw:estreamer"')] == []


def test_reports_are_not_scheduled_and_have_their_times(addon: Path) -> None:
    for name, stanza in saved_searches(addon).items():
        assert stanza["enableSched"] == "0", name
        assert {"dispatch.earliest_time", "dispatch.latest_time", "description"} <= set(stanza), name
        assert "rt" not in stanza["dispatch.earliest_time"], name


def test_the_setup_check_looks_at_the_newest_of_each_kind_and_reads_no_more(addon: Path, knowledge: Knowledge) -> None:
    old = [arrived(connection(DeviceUUID=ABSENT), 1743500734, 1743500736)] * 5
    odd = [arrived("no JSON at all", 1743500734, 1743500736)] * 4
    new = [arrived(connection(), 1743500734 + number, 1743500736 + number) for number in (1, 2, 3)]
    events = [arrived(one.raw, NOW - 10, NOW - 9) for one in SOUND[1:]]
    data = Replaced(Searched(knowledge, [*old, *odd, *new, *events]), {"sfw_setup_events": "3"})
    meter = spl.Meter()
    rows = spl.run(saved_searches(addon)[REPORT]["search"], data, now=NOW, meter=meter).rows
    counted = {row["EventType"]: (int(str(row["events"])), int(str(row["missing_fields"]))) for row in rows}
    assert counted == {
        "ConnectionEvent": (3, 0),
        "IntrusionEvent": (1, 0),
        "FileEvent": (1, 0),
        "IntrusionPacket": (1, 0),
        "(no JSON)": (3, 0),
    }
    assert [(len(one.rows), one.limit) for one in meter.reads] == [(8, 3), (1, 3), (1, 3), (1, 3), (4, 3)]
