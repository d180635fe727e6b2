"""The dashboard Health, over the log of an input that ran, and over lines made for it: its numbers are the input's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from estreamer.events.drop_rules import DropRules
from estreamer.input import delivery, rotation
from estreamer.splunkd.log_file import SplunkLog
from lxml import etree

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import EventGenerator, Record
from standins.fmc.server import FmcServer
from standins.search import Indexed, Knowledge, spl
from tests.alerts.internal import FORWARDER, Index, InputLog, line_of
from tests.alerts.samples import log_events
from tests.alerts.test_alerts import DAY, HOUR, MINUTE, NO_CONNECTION, NOW, PROBLEM, tell
from tests.input.harness import Input, MemoryLog
from tests.logs import close_logs

Rows = list[dict[str, Any]]
Panel = Callable[..., Rows]
MALFORMED = b"this is \xff not JSON"
DROPPED = b'"EventType":"FileEvent"'


def definition(addon: Path) -> dict[str, Any]:
    view = etree.parse(str(addon / "default/data/ui/views/health.xml")).getroot()
    assert (view.tag, view.get("version")) == ("dashboard", "2")
    found: dict[str, Any] = json.loads(view.findtext("definition") or "")
    return found


def query(sources: dict[str, Any], name: str) -> str:
    """The whole search of a data source: that of its base, and its own."""
    options = sources[name]["options"]
    if sources[name]["type"] == "ds.search":
        return str(options["query"])
    return f"{query(sources, options['extend'])} {options['query']}"


def ask(addon: Path, index: Index, name: str, now: float, chosen: str = "*", **span: Any) -> Rows:
    """The rows of a data source at a time, with an input chosen."""
    search = query(definition(addon)["dataSources"], name).replace("$input|s$", json.dumps(chosen))
    return spl.run(search, index, now=now, **{"earliest": now - DAY, "latest": now, **span}).rows


class BothLogs(MemoryLog):
    """A log that keeps its lines, and has the real one write them."""

    def __init__(self, log: SplunkLog) -> None:
        super().__init__()
        self._file = log

    def _add(self, level: str, event: str, fields: dict[str, object]) -> None:
        getattr(self._file, level.lower())(event, **fields)
        super()._add(level, event, fields)

    def events_ingested(self, count: int, size: int) -> None:
        self._file.events_ingested(count, size)
        super().events_ingested(count, size)


@dataclass(frozen=True)
class Ran:
    """An input that ran: its log in memory, the lines of its log file, and how many events its reader was given."""

    log: MemoryLog
    lines: list[Indexed]
    delivered: int
    ended: float


def time_of(line: str) -> float:
    """The time at the head of a line, which is local."""
    return time.mktime(time.strptime(line[:19], "%Y-%m-%d %H:%M:%S")) + int(line[20:23]) / 1000


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """An input of a pair that meets all that Health tells of: rules, a gap, a malformed event, loss, and failover."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "var" / "log" / "splunk"
    folder.mkdir(parents=True)
    archive = Archive.generated(400, EventGenerator())
    archive.append(Record.of(MALFORMED, archive.since(0)[-1].archival))
    gap = Fault("gap", after_events=100, connections=(1,))
    cut = Fault("rst", where="payload", after_events=300, connections=(1,))
    payloads = [record.payload for record in archive.since(0)]
    wanted = sum(DROPPED not in payload for payload in payloads)

    def until(running: Input) -> None:
        running.reader.wait_for(wanted)
        running.wait_for_log("figures", 2)
        running.servers["one"].stop()
        running.wait_for_log("failover")
        running.wait_for_log("figures", 4)

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SPLUNK_HOME", str(home))
        patched.setattr(delivery, "FIGURES_INTERVAL", 0.3)
        patched.setattr(rotation, "BACKOFF_FIRST", 0.05)
        one = FmcServer(archive, behaviour=Behaviour(style="bundles", bundle_size=20, faults=(gap, cut)))
        with one, FmcServer(archive) as two:
            rules = DropRules.parse("FileEvent:")
            under_test = Input(tmp_path_factory.mktemp("input"), {"one": one, "two": two}, drop_rules=rules)
            under_test.log = BothLogs(SplunkLog("estreamer_fqe://main"))
            assert under_test.run(until) == 0
        path = folder / "ta_secure_firewall_estreamer_estreamer_fqe_main.log"
        lines = path.read_text(encoding="utf-8").splitlines()
        close_logs(folder)
    events = [line_of(path, line, time_of(line)) for line in lines]
    return Ran(under_test.log, events, under_test.reader.count(), time.time() + 1)


@pytest.fixture
def panel(addon: Path, knowledge: Knowledge, ran: Ran) -> Panel:
    """Return what gives the rows of a data source over the log of the input that ran."""
    return lambda name, **options: ask(addon, Index(knowledge, ran.lines), name, ran.ended, **options)


def number(row: dict[str, Any], name: str) -> float:
    return float(str(row[name]))


def test_the_run_has_met_all_that_health_tells_of(ran: Ran) -> None:
    total = ran.log.total
    assert min(total("dropped"), total("duplicates"), total("malformed"), total("bundle_gaps"), total("reconnects")) > 0
    assert ran.log.fields_of("failover")
    assert total("written") == ran.delivered
    assert total("received") == total("written") + total("dropped") + total("duplicates")


def test_every_search_has_rows(panel: Panel, addon: Path) -> None:
    rows = {name: len(panel(name)) for name in definition(addon)["dataSources"]}
    assert {name for name, count in rows.items() if count == 0} == set()


def test_sums_are_those_of_the_input(panel: Panel, ran: Ran) -> None:
    (row,) = panel("ds_totals")
    counted = (
        "received",
        "written",
        "dropped",
        "dropped_bytes",
        "duplicates",
        "malformed",
        "bundle_gaps",
        "reconnects",
    )
    assert {name: number(row, name) for name in counted} == {name: ran.log.total(name) for name in counted}
    assert number(row, "saved") == round(ran.log.total("dropped_bytes") / 1048576, 1)


def test_sums_of_each_input_are_those_of_the_input(panel: Panel, ran: Ran) -> None:
    (row,) = panel("ds_sums")
    shown = {
        "Received": "received",
        "Delivered": "written",
        "Duplicates removed": "duplicates",
        "Dropped by rule": "dropped",
        "Malformed": "malformed",
        "Bundle gaps": "bundle_gaps",
        "Reconnects": "reconnects",
    }
    assert {title: number(row, title) for title in shown} == {title: ran.log.total(shown[title]) for title in shown}
    assert (row["Input"], row["Splunk server"]) == ("main", FORWARDER)


def test_rates_add_up_to_the_events_that_were_delivered(panel: Panel, ran: Ran) -> None:
    rates = [number(row, "main") for row in panel("ds_rate") if "main" in row]
    assert round(sum(rates) * 300) == ran.delivered


def test_reasons_are_those_of_the_log_in_words(panel: Panel, ran: Ran) -> None:
    said = [*ran.log.fields_of("disconnected"), *ran.log.fields_of("connection_failed")]
    found = {(row["Code"], row["Reason"]): int(row["Times"]) for row in panel("ds_reasons")}
    assert sum(found.values()) == len(said)
    assert set(found) == {(line["code"], line["problem"]) for line in said}


def test_rules_have_their_events_and_bytes(panel: Panel, ran: Ran) -> None:
    (row,) = panel("ds_rules")
    assert (row["Input"], row["Rule"], int(row["Events"])) == ("main", "1", ran.log.total("dropped"))


def test_certificates_are_those_of_both_accounts(panel: Panel, ran: Ran) -> None:
    found = {(row["Account"], row["Certificate"]): int(row["Days left"]) for row in panel("ds_certificates")}
    assert set(found) == {(account, which) for account in ("one", "two") for which in ("client", "server")}
    last = ran.log.fields_of("figures")[-1]
    assert found["two", "client"] == (int(str(last["client_certificate_expires"])) - ran.ended) // DAY


def test_what_else_was_logged_is_listed(panel: Panel) -> None:
    assert {row["Action"] for row in panel("ds_notices")} >= {"bundle_gap", "failover"}


def test_the_state_is_that_of_the_last_line(panel: Panel) -> None:
    (row,) = panel("ds_state")
    assert (row["Input"], row["Account"], row["State"]) == ("main", "two", "not connected")
    assert number(row, "Events late by (s)") > 0


@pytest.fixture
def made(addon: Path, knowledge: Knowledge, log: InputLog) -> Panel:
    """Return what gives the rows of a data source at NOW over the log `log`, and more logs."""

    def rows(name: str, *more: InputLog, **options: Any) -> Rows:
        lines = [line for one in (log, *more) for line in one.events()]
        return ask(addon, Index(knowledge, lines), name, NOW, **options)

    return rows


def test_states_are_told_apart(made: Panel, log: InputLog) -> None:
    tell(log, HOUR, 30, bookmark=round(NOW - 2 * HOUR - 60))
    failing, dead = InputLog(log.path.parent, "failing"), InputLog(log.path.parent, "dead")
    tell(failing, HOUR, 30, **NO_CONNECTION, lag=None)
    tell(dead, HOUR, 181)
    found = {row["Input"]: (row["State"], row["Connected since"] != "") for row in made("ds_state", failing, dead)}
    assert found == {"main": ("connected", True), "failing": ("not connected", False), "dead": ("not running", False)}
    (row,) = made("ds_state", failing, dead, chosen="main")
    assert (row["Bookmark age"], row["Events late by (s)"], row["Account"]) == ("02:00:00", "2", "fmc")


def test_lag_is_that_of_events_and_not_of_a_quiet_link(made: Panel, log: InputLog) -> None:
    tell(log, 30 * MINUTE, 20 * MINUTE, lag=77)
    tell(log, 19 * MINUTE, 30, received=0, lag=9000)
    assert {number(row, "main") for row in made("ds_lag") if "main" in row} == {77}
    assert [row["Events late by (s)"] for row in made("ds_state")] == ["77"]


def test_back_pressure_is_in_seconds_of_five_minutes(made: Panel, log: InputLog) -> None:
    tell(log, 30 * MINUTE, 30, blocked=12.5)
    assert max(number(row, "main") for row in made("ds_blocked") if "main" in row) == 62.5


def test_a_line_of_ten_minutes_ago_is_not_running_and_the_other_input_does_not_hide_it(
    made: Panel, log: InputLog
) -> None:
    tell(log, HOUR, 10 * MINUTE)
    other = InputLog(log.path.parent, "other")
    tell(other, HOUR, 30)
    assert [row["State"] for row in made("ds_state", other, chosen="main")] == ["not running"]
    assert {row["input"] for row in made("ds_inputs", other)} == {"main", "other"}


def test_a_problem_is_shown_as_it_was_said(made: Panel, log: InputLog) -> None:
    log.say(NOW - 60, "connection_failed", code="tls_refused", problem=PROBLEM, retry_in=1.0, retry_account="fmc")
    log.say(NOW - 50, "unexpected_error", error="KeyError", traceback="...")
    assert [(row["Reason"], row["Code"]) for row in made("ds_reasons")] == [(PROBLEM, "tls_refused")]
    assert [(row["Action"], row["Problem"]) for row in made("ds_notices")] == [
        ("unexpected_error", "See the input's log.")
    ]


def test_a_text_in_a_line_forges_no_field(made: Panel, log: InputLog) -> None:
    forged = 'x" input=estreamer_fqe://forged code=forged action=figures | action=figures rule=7 events=5 bytes=5'
    log.say(NOW - 60, "disconnected", code="server_error", problem=forged, retry_in=1.0, retry_account="fmc")
    tell(log, 5 * MINUTE, 30)
    assert [(row["Input"], row["Code"], row["Reason"]) for row in made("ds_reasons")] == [
        ("main", "server_error", forged)
    ]
    assert made("ds_rules") == []
    assert [row["Input"] for row in made("ds_state")] == ["main"]
    (line,) = made("ds_changes")
    assert set(line) == {"_time", "host", "input", "action", "code", "problem"}
    assert line["action"] == "disconnected"


def test_only_what_the_input_chosen_has_logged_is_shown(made: Panel, log: InputLog, addon: Path) -> None:
    tell(log, HOUR, 30)
    for name, source in definition(addon)["dataSources"].items():
        if source["type"] == "ds.chain" and name != "ds_inputs":
            assert made(name, chosen="another") in ([], [{}]) or name == "ds_totals", name


def test_the_definition_refers_to_nothing_that_it_does_not_have(addon: Path) -> None:
    found = definition(addon)
    sources, visualizations = found["dataSources"], found["visualizations"]
    shown = {one for part in visualizations.values() for one in part["dataSources"].values()}
    shown |= {one for part in found["inputs"].values() for one in part.get("dataSources", {}).values()}
    bases = {source["options"]["extend"] for source in sources.values() if source["type"] == "ds.chain"}
    assert shown | bases == set(sources)
    assert {sources[base]["type"] for base in bases} == {"ds.search"}
    assert {block["item"] for block in found["layout"]["structure"]} == set(visualizations)
    assert all(part["eventHandlers"] and part["title"] and part["description"] for part in visualizations.values())


def test_the_samples_fill_every_panel(addon: Path, knowledge: Knowledge) -> None:
    index = Index(knowledge, log_events(NOW))
    rows = {name: ask(addon, index, name, NOW) for name in definition(addon)["dataSources"]}
    assert {name for name, found in rows.items() if not found} == set()
    assert {row["State"] for row in rows["ds_state"]} == {"connected", "not connected"}
