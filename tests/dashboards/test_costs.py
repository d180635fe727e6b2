"""The page on scaling says what the searches of this version read, and a search reads no more than its words need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from standins.places import ROOT
from standins.search import Knowledge, spl
from tests.alerts.internal import Index, dispatch
from tests.alerts.test_alerts import BLOCKED, NOW, late, stanzas
from tests.search.case import connection

from . import costs


@pytest.fixture(scope="module")
def counted() -> costs.Costs:
    return costs.counted(ROOT)


def test_the_page_has_the_tables_of_this_version(counted: costs.Costs) -> None:
    written = costs.PAGE.read_text(encoding="utf-8")
    before = json.loads(costs.BEFORE.read_text(encoding="utf-8"))
    tables = costs.told(counted, before, costs.schedules(ROOT))
    assert costs.HEADING + written.partition(costs.HEADING)[2] == tables


def test_no_page_reads_more_than_it_did(counted: costs.Costs) -> None:
    before = json.loads(costs.BEFORE.read_text(encoding="utf-8"))
    assert {title for title, numbers in before.items() if counted[title][-1] > numbers[-1] * 1.001} == set()


def test_what_opens_by_itself_reads_connections_of_two_hours_at_most(counted: costs.Costs) -> None:
    assert {one.title for one in costs.PAGES if counted[one.title][0] > 2.1 * 3600 * costs.RATES[0]} == set()


def test_setup_check_reads_as_much_at_any_rate(counted: costs.Costs) -> None:
    assert len(set(counted["Setup check"])) == 1


def test_a_head_bounds_what_is_read_by_what_arrives_there() -> None:
    rows = [{"_weight": 2.0}] * 100
    read = spl.Read(rows, spl.Part(None), rows[:50], 10)
    assert [costs.read_at(read, rate) for rate in (0, 0.05, 1)] == [0, 10, 20]
    assert costs.read_at(spl.Read([{"_lines": 3}], spl.Part(None)), 50) == 3


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (7, "7"),
        (99.6, "100"),
        (123, "120"),
        (4350, "4.3 k"),
        (35280000, "35 M"),
        (176635200, "180 M"),
        (1.7e10, "17 G"),
    ],
)
def test_numbers_are_shown_with_two_digits(number: float, text: str) -> None:
    assert costs.shown(number) == text


def test_what_was_read_before_can_be_counted_from_conf_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "BEFORE", tmp_path / "before.json")
    monkeypatch.setattr(costs, "PAGES", costs.PAGES[-1:])
    assert costs.main([str(ROOT)]) == 0
    assert "Health" in json.loads((tmp_path / "before.json").read_text(encoding="utf-8"))


def test_the_search_of_the_page_finds_what_the_alert_finds(addon: Path, knowledge: Knowledge) -> None:
    search = costs.PAGE.read_text(encoding="utf-8").partition("```\n")[2].partition("```")[0].strip()
    blocked = [late(connection(AC_RuleAction="Block", ResponderPort=80 + number % 3)) for number in range(200)]
    data = Index(knowledge, blocked)
    (row,) = spl.run(search, data, earliest=NOW - 900, latest=NOW, now=NOW).rows
    (fired,) = dispatch(stanzas(addon)[BLOCKED], Index(knowledge, blocked), NOW).rows
    assert {name: row[name] for name in ("src", "blocked", "targets", "ports")} == {
        name: fired[name] for name in ("src", "blocked", "targets", "ports")
    }
