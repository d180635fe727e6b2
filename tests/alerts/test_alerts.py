"""Each alert fires on what it is for, and stays silent on what is just below."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from standins.search import Indexed, Knowledge
from tests.alerts.internal import FORWARDER, Index, InputLog, Stanza, dispatch
from tests.input.harness import Input
from tests.package.confs import read_conf
from tests.search.case import arrived, connection, file, intrusion

PREFIX = "Secure Firewall: "
SUMMARY = "files received, by host"
COPIES = "malware by affected host"
REPORTS = {f"{PREFIX}{name}" for name in ("setup check", SUMMARY, COPIES)}
NOW = 1_744_760_040.0
"""A whole minute: what a scheduler calls at is never later than a second after it."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
SILENT, NOT_CONNECTED = "input is silent though connected", "input is not connected"
URGENT, EARLY = "certificate expires within 7 days", "certificate expires within 30 days"
LAG, FAILOVER = "lag is growing", "failover happened"
INTRUSION, MALWARE = "intrusion of impact 1 was not blocked", "malware was not blocked"
ONE_FILE, BLOCKED = "one file is on many hosts", "host has many blocked connections"
ALL = {SILENT, NOT_CONNECTED, URGENT, EARLY, LAG, FAILOVER, INTRUSION, MALWARE, ONE_FILE, BLOCKED}

FIGURES: Mapping[str, object] = {
    "account": "fmc",
    "state": "connected",
    "connected_since": round(NOW - 20 * HOUR),
    "received": 120,
    "received_bytes": 120_000,
    "written": 100,
    "written_bytes": 150_000,
    "dropped": 0,
    "dropped_bytes": 0,
    "duplicates": 0,
    "malformed": 0,
    "odd_times": 0,
    "event_types_added": 0,
    "bundle_gaps": 0,
    "unknown_messages": 0,
    "reconnects": 0,
    "blocked": 0.0,
    "lag": 2,
    "bookmark": round(NOW - 10),
    "client_certificate_expires": round(NOW + 400 * DAY),
    "server_certificate_expires": round(NOW + 400 * DAY),
}
NO_CONNECTION = {"state": "not connected", "connected_since": None, "received": 0, "written": 0}

Fired = list[dict[str, Any]]
Fire = Callable[..., Fired]


def stanzas(addon: Path) -> dict[str, Stanza]:
    """The alerts by name, without what all names begin with."""
    content = read_conf(addon / "default/savedsearches.conf")
    return {name[len(PREFIX) :]: stanza for name, stanza in content.items() if name not in REPORTS}


def summary(addon: Path) -> Stanza:
    """The search that writes what the alert on one file reads."""
    return search_of(addon, SUMMARY)


def search_of(addon: Path, name: str) -> Stanza:
    """Return a saved search by its name, without what all names begin with."""
    return read_conf(addon / "default/savedsearches.conf")[PREFIX + name]


FIRST_RUN = NOW - NOW % DAY + 11 * MINUTE
"""The first run of the summary on the day of NOW."""

AFTER_THE_DAY = NOW - NOW % DAY + DAY + 41 * MINUTE
"""When the alert on one file runs first after NOW."""


@pytest.fixture
def fire(addon: Path, knowledge: Knowledge) -> Fire:
    """Return what gives an alert's results at the time NOW."""

    def run(name: str, log: InputLog | None = None, events: Iterable[Indexed] = (), now: float = NOW) -> Fired:
        index = Index(knowledge, [*events, *(log.events() if log else ())])
        if name == ONE_FILE:
            for hours in range(-4, 28, 4):
                dispatch(summary(addon), index, FIRST_RUN + hours * HOUR)
            now = AFTER_THE_DAY
        return dispatch(stanzas(addon)[name], index, now).rows

    return run


def tell(log: InputLog, first: float, last: float, **changes: object) -> None:
    """Have a line of figures written each minute, from so many seconds before NOW to so many before it."""
    for ago in range(round(first), round(last) - 1, -60):
        log.say(NOW - ago, "figures", **{**FIGURES, **changes})


def test_each_alert_is_tested_here(addon: Path) -> None:
    assert set(stanzas(addon)) == ALL


def test_the_figures_of_these_tests_are_those_of_an_input(tmp_path: Path) -> None:
    with FmcServer(Archive.generated(1)) as server:
        under_test = Input(tmp_path, {"fmc": server})
        under_test.run_for(1)
    said = under_test.log.fields_of("figures")[-1]
    assert set(said) == set(FIGURES)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_healthy_input_and_harmless_events_set_off_nothing(fire: Fire, log: InputLog, name: str) -> None:
    log.say(NOW - 20 * HOUR, "connected", account="fmc")
    tell(log, 20 * HOUR, 30)
    events = [
        arrived(connection(), NOW - 400, NOW - 399),
        arrived(intrusion(Impact=2), NOW - 400, NOW - 399),
        arrived(file(SHA_Disposition="Unknown"), NOW - 400, NOW - 399),
    ]
    assert fire(name, log, events) == []


@pytest.mark.parametrize("which", ["client", "server"])
@pytest.mark.parametrize(
    ("left", "early", "urgent"),
    [
        (31 * DAY, None, None),
        (31 * DAY - 1, 30, None),
        (8 * DAY, 8, None),
        (8 * DAY - 1, None, 7),
        (DAY, None, 1),
        (-1, None, -1),
    ],
)
def test_a_certificate_that_ends_soon_sets_off_one_of_two_alerts(
    fire: Fire, log: InputLog, which: str, left: float, early: int | None, urgent: int | None
) -> None:
    tell(log, 10 * MINUTE, 30, **{f"{which}_certificate_expires": round(NOW + left)})
    for name, days in ((EARLY, early), (URGENT, urgent)):
        found = [(row["account"], row["certificate"], int(row["days_left"])) for row in fire(name, log)]
        assert found == ([] if days is None else [("fmc", which, days)])


def test_the_certificates_of_each_account_of_a_pair_are_told_of(fire: Fire, log: InputLog) -> None:
    tell(log, 60 * MINUTE, 30 * MINUTE, client_certificate_expires=round(NOW + 2.5 * DAY))
    tell(log, 29 * MINUTE, 30, account="other", server_certificate_expires=round(NOW + 3.5 * DAY))
    found = {(row["account"], row["certificate"], row["expires"]) for row in fire(URGENT, log)}
    assert {(account, which) for account, which, _ in found} == {("fmc", "client"), ("other", "server")}
    assert all(re.fullmatch(r"2025-04-1\d \d\d:34:00", when) for _, _, when in found)


def test_a_renewed_certificate_sets_off_nothing(fire: Fire, log: InputLog) -> None:
    tell(log, 60 * MINUTE, 30 * MINUTE, client_certificate_expires=round(NOW + DAY))
    tell(log, 29 * MINUTE, 30)
    assert fire(URGENT, log) == []


@pytest.mark.parametrize(("minutes", "fires"), [(59, False), (60, True), (1200, True)])
def test_an_input_is_silent_an_hour_after_the_last_event(fire: Fire, log: InputLog, minutes: int, fires: bool) -> None:
    log.say(NOW - minutes * MINUTE, "figures", **FIGURES)
    tell(log, (minutes - 1) * MINUTE, 60, received=0, written=0)
    found = [(row["input"], row["host"], row["account"], int(row["minutes"])) for row in fire(SILENT, log)]
    assert found == ([("main", FORWARDER, "fmc", minutes)] if fires else [])


@pytest.mark.parametrize(("minutes", "fires"), [(59, False), (60, True)])
def test_an_input_without_any_event_is_silent_an_hour_after_it_connected(
    fire: Fire, log: InputLog, minutes: int, fires: bool
) -> None:
    tell(log, 10 * HOUR, 30, received=0, connected_since=round(NOW - minutes * MINUTE))
    assert bool(fire(SILENT, log)) is fires


def test_an_input_that_is_not_connected_or_does_not_run_is_not_called_silent(fire: Fire, log: InputLog) -> None:
    tell(log, 3 * HOUR, 30, **NO_CONNECTION)
    assert fire(SILENT, log) == []
    other = InputLog(log.path.parent, "other")
    tell(other, 3 * HOUR, 6 * MINUTE, received=0)
    assert fire(SILENT, other) == []


PROBLEM = 'It says "no" (C:\\temp). Look there.'


@pytest.mark.parametrize(("ago", "fires"), [(15 * MINUTE - 1, False), (15 * MINUTE, True), (20 * HOUR, True)])
def test_an_input_is_not_connected_for_fifteen_minutes(fire: Fire, log: InputLog, ago: float, fires: bool) -> None:
    log.say(NOW - 23 * HOUR, "started")
    log.say(NOW - ago, "figures", **FIGURES)
    log.say(NOW - ago + 10, "disconnected", code="tls_lost", problem="gone", retry_in=0.8, retry_account="fmc")
    tell(log, ago - 60, 60, **NO_CONNECTION)
    log.say(NOW - 30, "connecting", account="fmc", host="fmc.example.com", port=8302)
    log.say(NOW - 20, "connection_failed", code="tls_refused", problem=PROBLEM, retry_in=60, retry_account="fmc")
    found = [(row["input"], int(row["minutes"]), row["code"], row["problem"]) for row in fire(NOT_CONNECTED, log)]
    assert found == ([("main", int(ago / 60), "tls_refused", PROBLEM)] if fires else [])


def test_an_input_that_cannot_run_at_all_is_not_connected(fire: Fire, log: InputLog) -> None:
    for ago in range(20, 0, -1):
        problem = "The account 'fmc' was not found."
        log.say(NOW - ago * MINUTE, "input_cannot_run", code="account_missing", problem=problem)
    assert [row["code"] for row in fire(NOT_CONNECTED, log)] == ["account_missing"]


def test_an_input_that_ended_without_a_word_is_not_connected(fire: Fire, log: InputLog) -> None:
    tell(log, 2 * HOUR, 30 * MINUTE)
    assert [int(row["minutes"]) for row in fire(NOT_CONNECTED, log)] == [30]


def test_an_input_that_was_disabled_is_not_missed(fire: Fire, log: InputLog) -> None:
    tell(log, 2 * HOUR, 31 * MINUTE)
    log.say(NOW - 30 * MINUTE, "stopped", reason="SIGTERM")
    log.say(NOW - 30 * MINUTE + 0.1, "figures", **{**FIGURES, **NO_CONNECTION})
    assert fire(NOT_CONNECTED, log) == []
    log.say(NOW - 29 * MINUTE, "started")
    assert len(fire(NOT_CONNECTED, log)) == 1


@pytest.mark.parametrize(
    ("earlier", "recent", "fires"),
    [(100, 301, True), (100, 300, False), (600, 500, False), (500, 500, False), (600, 700, True)],
)
def test_lag_that_is_large_and_grows_sets_off_an_alert(
    fire: Fire, log: InputLog, earlier: int, recent: int, fires: bool
) -> None:
    tell(log, 29 * MINUTE, 16 * MINUTE, lag=earlier)
    tell(log, 14 * MINUTE, 30, lag=recent, blocked=3.5)
    found = [(row["input"], int(row["earlier_lag"]), int(row["recent_lag"])) for row in fire(LAG, log)]
    assert found == ([("main", earlier, recent)] if fires else [])


def test_lag_of_a_link_without_events_is_none(fire: Fire, log: InputLog) -> None:
    for ago in range(29, 0, -1):
        log.say(NOW - ago * MINUTE, "figures", **{**FIGURES, "received": 0, "lag": 10_000 - ago})
    assert fire(LAG, log) == []


def test_a_failover_is_told_of_once(fire: Fire, log: InputLog) -> None:
    log.say(NOW - 10 * MINUTE, "failover", account="two", host="b", previous_account="one", problem=PROBLEM)
    found = [(row["input"], row["previous_account"], row["account"]) for row in fire(FAILOVER, log)]
    assert found == [("main", "one", "two")]
    assert fire(FAILOVER, log, now=NOW + 15 * MINUTE) == []


def test_a_connection_to_the_same_account_is_no_failover(fire: Fire, log: InputLog) -> None:
    log.say(NOW - 10 * MINUTE, "connected", account="one", host="a")
    assert fire(FAILOVER, log) == []


def late(raw: str, ago: float = 400.0, delay: float = 1.0) -> Indexed:
    """An event that came to the index so many seconds before NOW, and so long after it happened."""
    return arrived(raw, NOW - ago - delay, NOW - ago)


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"Impact": 1, "InlineResult": None}, True),
        ({"Impact": 1, "InlineResult": "Would block"}, True),
        ({"Impact": 1, "InlineResult": "Block"}, False),
        ({"Impact": 1, "InlineResult": "Dropped"}, False),
        ({"Impact": 2, "InlineResult": None}, False),
        ({"Impact": 0, "InlineResult": None}, False),
        ({"Impact": None, "InlineResult": None}, False),
    ],
)
def test_an_intrusion_of_impact_1_that_was_let_through_sets_off_an_alert(
    fire: Fire, changes: dict[str, Any], fires: bool
) -> None:
    found = fire(INTRUSION, events=[late(intrusion(**changes))] * 2)
    assert [int(row["count"]) for row in found] == ([2] if fires else [])


def test_an_intrusion_that_lacks_a_name_sets_off_the_alert_all_the_same(fire: Fire) -> None:
    bare = intrusion(Impact=1, InlineResult=None, InitiatorIP=None, IntrusionRuleMessage=None, FirewallRule=None)
    assert [(row["src"], row["signature"]) for row in fire(INTRUSION, events=[late(bare)])] == [("(none)", "(none)")]


@pytest.mark.parametrize("name", [INTRUSION, MALWARE])
def test_an_event_that_comes_late_sets_off_its_alert_once(fire: Fire, name: str) -> None:
    raw = intrusion(Impact=1, InlineResult=None) if name == INTRUSION else MALICIOUS
    for event in (late(raw, delay=20 * HOUR), late(raw, delay=-30 * MINUTE), late(raw, ago=15 * MINUTE)):
        assert [len(fire(name, events=[event], now=NOW + shift * MINUTE)) for shift in (-15, 0, 15)] == [0, 1, 0]


MALICIOUS = file(SHA_Disposition="Malware", FileAction="Malware Cloud Lookup")


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"SHA_Disposition": "Malware", "FileAction": "Malware Cloud Lookup"}, True),
        ({"SHA_Disposition": "Custom Detection", "FileAction": "Detect"}, True),
        ({"SHA_Disposition": "Malware", "FileAction": "Malware Block"}, False),
        ({"SHA_Disposition": "Custom Detection", "FileAction": "Custom Detection Block"}, False),
        ({"SHA_Disposition": "Unknown", "FileAction": "Malware Cloud Lookup"}, False),
        ({"SHA_Disposition": "Clean", "FileAction": "Detect"}, False),
    ],
)
def test_malware_that_was_let_through_sets_off_an_alert(fire: Fire, changes: dict[str, Any], fires: bool) -> None:
    found = fire(MALWARE, events=[late(file(**changes))])
    assert [row["vendor_action"] for row in found] == ([changes["FileAction"]] if fires else [])


def downloads(hosts: int, **changes: Any) -> list[Indexed]:
    fields = {"FileDirection": "Download", "SHA_Disposition": "Unknown", **changes}
    sides = ("InitiatorIP", "ResponderIP") if fields["FileDirection"] == "Download" else ("ResponderIP", "InitiatorIP")
    return [
        late(file(**{**fields, sides[0]: f"192.0.2.{number}", sides[1]: "198.51.100.1"}), ago=number * HOUR)
        for number in range(1, hosts + 1)
    ]


@pytest.mark.parametrize("direction", ["Download", "Upload"])
@pytest.mark.parametrize(("hosts", "fires"), [(9, False), (10, True), (22, True)])
def test_one_file_on_ten_hosts_sets_off_an_alert(fire: Fire, direction: str, hosts: int, fires: bool) -> None:
    events = downloads(hosts, FileDirection=direction)
    found = fire(ONE_FILE, events=[*events, *events])
    assert [(int(row["hosts"]), len(row["receivers"])) for row in found] == ([(hosts, min(hosts, 20))] if fires else [])


def test_the_summary_counts_a_file_once_that_comes_up_to_four_hours_late(addon: Path, knowledge: Knowledge) -> None:
    events = [late(file(), ago=ago, delay=delay) for ago in (HOUR, 5 * HOUR) for delay in (1.0, 4 * HOUR - 1)]
    index = Index(knowledge, events)
    runs = [dispatch(summary(addon), index, FIRST_RUN + hours * HOUR).rows for hours in range(0, 28, 4)]
    assert [len(rows) for rows in runs] == [0, 0, 0, 0, 0, 1, 1]
    assert (
        sum(len(dispatch(summary(addon), Index(knowledge, [one]), FIRST_RUN + 24 * HOUR).rows) for one in events) == 2
    )


def test_a_file_name_with_marks_is_written_without_them(addon: Path, knowledge: Knowledge) -> None:
    events = downloads(10, FileName='x" file_hash="forged\\')
    index = Index(knowledge, events)
    for hours in range(-4, 28, 4):
        dispatch(summary(addon), index, FIRST_RUN + hours * HOUR)
    (row,) = dispatch(stanzas(addon)[ONE_FILE], index, AFTER_THE_DAY).rows
    assert row["file_name"] == "x_ file_hash=_forged_"


def test_the_summary_ships_disabled_and_its_runs_leave_nothing_out(addon: Path) -> None:
    stanza = summary(addon)
    assert (stanza["disabled"], stanza["enableSched"], stanza["realtime_schedule"]) == ("1", "1", "0")
    assert stanza["cron_schedule"] == "11 */4 * * *"
    assert (stanza["dispatch.index_earliest"], stanza["dispatch.index_latest"]) == ("-4h@h", "@h")
    assert stanzas(addon)[ONE_FILE]["cron_schedule"] == "41 */4 * * *", "it runs after the summary"


def test_a_clean_file_and_files_without_a_hash_are_on_as_many_hosts_as_they_like(fire: Fire) -> None:
    assert fire(ONE_FILE, events=downloads(20, SHA_Disposition="Clean")) == []
    assert fire(ONE_FILE, events=downloads(20, FileSHA256=None)) == []


def test_different_files_on_ten_hosts_are_not_one(fire: Fire) -> None:
    events = [*downloads(5), *downloads(9, FileSHA256="ab" * 32)]
    assert fire(ONE_FILE, events=events) == []


@pytest.mark.parametrize(("count", "fires"), [(199, False), (200, True)])
def test_two_hundred_blocked_connections_of_a_host_set_off_an_alert(fire: Fire, count: int, fires: bool) -> None:
    blocked = [
        late(connection(AC_RuleAction="Block", ResponderIP=f"198.51.100.{number % 7}", ResponderPort=number % 11))
        for number in range(count)
    ]
    others = [
        *(late(connection(AC_RuleAction="Allow")) for _ in range(50)),
        *(late(connection(AC_RuleAction="Block", InitiatorIP="192.0.2.77")) for _ in range(50)),
        *(late(connection(AC_RuleAction="Block"), ago=16 * MINUTE) for _ in range(50)),
    ]
    found = [
        (int(row["blocked"]), int(row["targets"]), int(row["ports"])) for row in fire(BLOCKED, None, blocked + others)
    ]
    assert found == ([(count, 7, 11)] if fires else [])


def test_alerts_ship_disabled_with_a_schedule_and_their_times(addon: Path) -> None:
    minutes: list[str] = []
    for name, stanza in stanzas(addon).items():
        assert (stanza["disabled"], stanza["enableSched"]) == ("1", "1"), name
        assert (stanza["counttype"], stanza["relation"], stanza["quantity"]) == (
            "number of events",
            "greater than",
            "0",
        )
        fields = stanza["cron_schedule"].split()
        assert len(fields) == 5, name
        assert stanza["cron_schedule"].count("*") < 5, name
        minutes += fields[0].split(",")
        assert not any(value.startswith("rt") for key, value in stanza.items() if key.startswith("dispatch.")), name
        assert stanza["description"].endswith("."), name
        assert stanza["request.ui_dispatch_app"] == addon.name
    assert len(minutes) == len(set(minutes)), "no two alerts start in the same minute of an hour"


def test_index_times_of_consecutive_runs_leave_nothing_out_and_nothing_doubled(addon: Path) -> None:
    for name, stanza in stanzas(addon).items():
        if "dispatch.index_earliest" in stanza:
            assert (stanza["dispatch.index_earliest"], stanza["dispatch.index_latest"]) == ("-15m@m", "@m"), name
            assert stanza["realtime_schedule"] == "0", "a run that was skipped is made up for"
            starts = [int(minute) for minute in stanza["cron_schedule"].split()[0].split(",")]
            assert starts == [starts[0] + step for step in (0, 15, 30, 45)], name


def test_an_alert_is_held_back_by_fields_that_its_results_have(fire: Fire, addon: Path, log: InputLog) -> None:
    soon, later = round(NOW + DAY), round(NOW + 9 * DAY)
    tell(log, HOUR, 30, client_certificate_expires=soon, server_certificate_expires=later)
    results = {EARLY: fire(EARLY, log), URGENT: fire(URGENT, log)}
    silent = InputLog(log.path.parent, "silent")
    tell(silent, 3 * HOUR, 30, received=0, connected_since=round(NOW - 3 * HOUR))
    results[SILENT] = fire(SILENT, silent)
    failing = InputLog(log.path.parent, "failing")
    tell(failing, 3 * HOUR, 30, **NO_CONNECTION)
    failing.say(NOW - 10 * MINUTE, "failover", account="two", host="b", previous_account="one", problem=PROBLEM)
    results[NOT_CONNECTED], results[FAILOVER] = fire(NOT_CONNECTED, failing), fire(FAILOVER, failing)
    lagging = InputLog(log.path.parent, "lagging")
    tell(lagging, 29 * MINUTE, 16 * MINUTE, lag=400)
    tell(lagging, 14 * MINUTE, 30, lag=800)
    results[LAG] = fire(LAG, lagging)
    results[INTRUSION] = fire(INTRUSION, events=[late(intrusion(Impact=1, InlineResult=None))])
    results[MALWARE] = fire(MALWARE, events=[late(MALICIOUS)])
    results[ONE_FILE] = fire(ONE_FILE, events=downloads(10))
    results[BLOCKED] = fire(BLOCKED, events=[late(connection(AC_RuleAction="Block"))] * 200)
    for name, stanza in stanzas(addon).items():
        assert results[name], name
        assert all(set(stanza["alert.suppress.fields"].split(",")) <= set(row) for row in results[name]), name


def test_the_numbers_of_the_alerts_are_macros_that_say_what_they_are(addon: Path, knowledge: Knowledge) -> None:
    searches = [stanza["search"] for stanza in (*stanzas(addon).values(), summary(addon))]
    used = {macro for search in searches for macro in re.findall(r"`(sfw_alert_\w+)`", search)}
    assert used == {name for name in knowledge.macros if name.startswith("sfw_alert_")}
    assert len(used) == 9
    for name in used:
        assert knowledge.macros[name]["description"].value.endswith("."), name
        holders = [one for one in (*stanzas(addon).values(), summary(addon)) if f"`{name}`" in one["search"]]
        assert any(name in one["description"] for one in holders), f"no alert tells of {name}"


def test_every_search_begins_with_a_macro_that_names_the_index(addon: Path) -> None:
    heads = {re.match(r"`(\w+)`", stanza["search"])[1] for stanza in stanzas(addon).values()}  # type: ignore[index]
    assert heads == {
        *("sfw_log", "sfw_figures", "sfw_changes", "sfw_intrusions", "sfw_files", "sfw_connections"),
        "sfw_file_hosts_summary",
    }
