"""The lane on a real Splunk, against the stand-in for splunkd: each step's success and failure, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from environment import StepFailure
from real_lane import lane as order
from real_lane import official, streaming
from real_lane.lane import Lane, LaneStep, run
from real_lane.report import Outcome, status
from real_lane.searches import Searches
from real_lane.settings import Address, Settings

from standins.places import APP, ROOT
from standins.search import Indexed
from standins.splunkd import Splunkd
from standins.splunkd.rest import Request, Trouble
from standins.splunkd.search_jobs import Asked, Found
from standins.splunkd.searching import Searching
from standins.splunkd.tls import Tls, make

pytestmark = pytest.mark.package

PASSWORD = 'the l4ne\'s "s3cret"'
EVENTS = 60
STEPS = {step.name: step for step in order.STEPS}


@pytest.fixture
def splunkd(tmp_path: Path) -> Iterator[Splunkd]:
    """A Splunk without the add-on, whose management port speaks TLS."""
    certificate, ca = make(tmp_path / "tls")
    with Splunkd(tmp_path / "home", tls=Tls(certificate, ca)) as running:
        running.let_log_in("admin", PASSWORD, "admin")
        running.start()
        running.answer_searches(Searching(running, APP))
        yield running


@pytest.fixture
def settings(splunkd: Splunkd, built_package: Path, tmp_path: Path) -> Settings:
    return Settings(
        address=Address("https", "127.0.0.1", int(splunkd.server_uri.rpartition(":")[2])),
        server_name="127.0.0.1",
        ca=tmp_path / "tls" / "ca_certificate.pem",
        user="admin",
        password=PASSWORD,
        package_there=str(built_package),
        events=EVENTS,
        restart_seconds=60,
        stream_seconds=60,
        pause=0.05,
    )


class Said(list[str]):
    """What a lane has said."""

    def __contains__(self, text: object) -> bool:
        return any(str(text) in line for line in self)


@pytest.fixture
def said() -> Said:
    return Said()


def results(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {one.step: one.result for one in outcomes}


def text_of(outcomes: Sequence[Outcome], step: str) -> str:
    return next(one.text for one in outcomes if one.step == step)


def upto(last: str) -> list[LaneStep]:
    names = list(STEPS)
    return [STEPS[name] for name in names[: names.index(last) + 1]]


def left_behind(splunkd: Splunkd) -> list[str]:
    """What is still there of the lane: accounts, inputs, indexes, and searches."""
    found = [
        name
        for path in (f"{APP}_account", f"{APP}_estreamer_fqe", "data/indexes")
        for name in splunkd.request("GET", f"{path}?count=0", app=APP).entries
        if "lane" in name
    ]
    return [*found, *splunkd.searches()]


def failing(method: str, part: str, trouble: Trouble) -> Callable[[Request], Trouble | None]:
    """A fault of requests with this method whose path has this part."""

    def fault(request: Request) -> Trouble | None:
        return trouble if request.method == method and part in "/".join(request.segments) else None

    return fault


def test_all_steps_pass_and_nothing_is_left(settings: Settings, splunkd: Splunkd, said: Said, tmp_path: Path) -> None:
    lane = Lane(settings, said.append)
    outcomes = run(lane)
    assert results(outcomes) == {
        **dict.fromkeys([*STEPS, "clean up"], "passed"),
        # It needs the HTTP Event Collector, which the stand-in does not play.
        "official tests": "skipped",
    }
    assert status(outcomes) == 0
    assert f"{EVENTS} events sent, {EVENTS} found: 0 lost, 0 doubled or changed" in said
    assert len(lane.ran) > 100
    assert {one.dashboard for one in lane.ran} >= {"overview", "packets", "setup_check"}
    assert [one for one in lane.ran if one.waits or one.done.problem] == []
    assert left_behind(splunkd) == []
    assert splunkd.request("GET", "apps/local", app="system").entries[APP]["version"]
    for secret in lane.secrets:
        assert splunkd.places_of(secret) == []
        assert secret not in said
        assert json.dumps(secret)[1:-1] not in said
    assert lane.fmc.violations == []


def test_a_wrong_password_changes_nothing(settings: Settings, splunkd: Splunkd, said: Said) -> None:
    outcomes = run(Lane(replace(settings, password="another"), said.append))
    assert results(outcomes)["connect"] == "failed"
    assert "the user or the password is wrong" in text_of(outcomes, "connect")
    assert {results(outcomes)[name] for name in list(STEPS)[1:]} == {"not run"}
    assert status(outcomes) == 1
    assert splunkd.exchanges() == []
    assert "another" not in said


def test_a_token_needs_no_login(settings: Settings, splunkd: Splunkd, said: Said) -> None:
    token = splunkd.token(splunkd.session_key)
    outcomes = run(Lane(replace(settings, password="", token=token), said.append), upto("connect"))
    assert results(outcomes)["connect"] == "passed"
    refused = run(Lane(replace(settings, password="", token="wrong"), said.append), upto("connect"))
    assert "401" in text_of(refused, "connect")


def test_whoever_is_not_verified_is_told_no_password(
    settings: Settings, splunkd: Splunkd, said: Said, tmp_path: Path
) -> None:
    _, foreign = make(tmp_path / "foreign", ca="foreign")
    for wrong in ({"ca": foreign}, {"ca": None}, {"server_name": "splunk.example.com"}):
        outcomes = run(Lane(replace(settings, **wrong), said.append), upto("connect"))
        assert "is not accepted" in text_of(outcomes, "connect")
    assert splunkd.exchanges() == []


def test_a_certificate_may_name_splunk_by_its_subject_alone(settings: Settings, said: Said) -> None:
    # As Splunk's own does, which names no address.
    outcomes = run(Lane(replace(settings, server_name="server"), said.append), upto("connect"))
    assert results(outcomes)["connect"] == "passed"


def test_a_file_that_holds_no_ca_is_named(settings: Settings, said: Said, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(StepFailure, match=r"empty\.pem cannot be read"):
        Lane(replace(settings, ca=tmp_path / "empty.pem"), said.append)


def test_a_splunk_that_is_not_there_is_named(settings: Settings, splunkd: Splunkd, said: Said) -> None:
    splunkd.kill()
    outcomes = run(Lane(settings, said.append), upto("connect"))
    assert f"https://127.0.0.1:{settings.address.port} does not answer" in text_of(outcomes, "connect")


def test_a_package_that_splunkd_does_not_find_is_not_installed(settings: Settings, said: Said) -> None:
    outcomes = run(Lane(replace(settings, package_there="/no/such/package.spl"), said.append))
    assert results(outcomes)["install"] == "failed"
    assert "--package-there" in text_of(outcomes, "install")
    assert (results(outcomes)["restart"], results(outcomes)["clean up"]) == ("not run", "passed")


def test_a_restart_that_does_not_come_back_is_given_up(settings: Settings, splunkd: Splunkd, said: Said) -> None:
    splunkd.restart_without_return()
    outcomes = run(Lane(replace(settings, restart_seconds=1), said.append), upto("account"))
    assert results(outcomes)["restart"] == "failed"
    assert "has not come back" in text_of(outcomes, "restart")
    assert results(outcomes)["account"] == "not run"


# From here on, the add-on is installed.


@pytest.fixture
def installed(splunkd: Splunkd, settings: Settings) -> Settings:
    splunkd.install(Path(settings.package_there))
    return settings


def without(*names: str, last: str) -> list[LaneStep]:
    return [step for step in upto(last) if step.name not in ("install", "restart", *names)]


def test_an_account_that_is_refused_leaves_nothing(installed: Settings, splunkd: Splunkd, said: Said) -> None:
    splunkd.fail(failing("POST", f"{APP}_account", Trouble(400)))
    outcomes = run(Lane(installed, said.append), without(last="input"))
    assert results(outcomes)["account"] == "failed"
    assert (results(outcomes)["input"], results(outcomes)["clean up"]) == ("not run", "passed")


def test_an_account_whose_answer_is_lost_is_removed(installed: Settings, splunkd: Splunkd, said: Said) -> None:
    splunkd.fail(failing("POST", f"{APP}_account", Trouble(done=True)))
    outcomes = run(Lane(installed, said.append), without(last="account"))
    assert (results(outcomes)["account"], results(outcomes)["clean up"]) == ("failed", "passed")
    assert left_behind(splunkd) == []


def test_an_address_of_another_machine_is_named(installed: Settings, said: Said) -> None:
    outcomes = run(Lane(replace(installed, fmc_address="192.0.2.1"), said.append), without(last="account"))
    assert "192.0.2.1 is not an address of this machine" in text_of(outcomes, "account")


def test_an_index_that_is_named_has_to_be_there_and_stays(installed: Settings, splunkd: Splunkd, said: Said) -> None:
    missing = run(Lane(replace(installed, index="none"), said.append), without("account", last="index"))
    assert "There is no index none" in text_of(missing, "index")
    there = run(Lane(replace(installed, index="main"), said.append), without("account", last="index"))
    assert results(there)["index"] == "passed"
    assert [one.path for one in splunkd.exchanges() if one.method == "DELETE"] == []


def test_an_index_that_is_made_is_kept_on_demand(installed: Settings, splunkd: Splunkd, said: Said) -> None:
    for keep in (False, True):
        outcomes = run(Lane(replace(installed, keep_index=keep), said.append), without("account", last="index"))
        assert results(outcomes)["index"] == "passed"
        assert len(left_behind(splunkd)) == int(keep)


def test_an_event_that_is_lost_or_doubled_is_counted(installed: Settings, splunkd: Splunkd, said: Said) -> None:
    def tamper(change: Callable[[list[Indexed]], list[Indexed]]) -> Lane:
        splunkd.answer_searches(Searching(splunkd, APP, change))
        return lane

    lane = Lane(installed, said.append)
    cases: list[tuple[Callable[[list[Indexed]], list[Indexed]], str]] = [
        (lambda events: [*events, *events[:1]], "0 lost, 1 doubled or changed"),
        (lambda events: [*events[1:], *events[1:2]], "1 lost, 1 doubled or changed"),
        (lambda events: [replace(events[0], raw="{}"), *events[1:]], "1 lost, 1 doubled or changed"),
        (lambda events: events[1:], f"{EVENTS - 1} of {EVENTS} events were found"),
    ]
    steps = [
        LaneStep(str(number), lambda _, change=change: order.stream(tamper(change)), essential=False)  # type: ignore[misc]
        for number, (change, _) in enumerate(cases)
    ]
    outcomes = run(lane, [*without(last="stream"), *steps[:3], impatient(lane, steps[3])])
    assert results(outcomes)["stream"] == "passed"
    for number, (_, told) in enumerate(cases):
        assert results(outcomes)[str(number)] == "failed"
        assert told in text_of(outcomes, str(number))
    assert results(outcomes)["clean up"] == "passed"
    assert left_behind(splunkd) == []


def impatient(lane: Lane, step: LaneStep) -> LaneStep:
    """The step, without waiting for events that will not come."""

    def take(same: Lane) -> str:
        lane.settings = replace(lane.settings, stream_seconds=0.1)
        return step.take(same)

    return replace(step, take=take)


def test_an_input_that_breaks_the_protocol_is_no_success(said: Said) -> None:
    fmc = streaming.make_fmc("127.0.0.1", 2)
    assert streaming.check(fmc, streaming.sent(fmc)) == "2 events sent, 2 found: 0 lost, 0 doubled or changed"
    fmc.violations.append("it did this")
    with pytest.raises(StepFailure, match="broke the protocol: it did this"):
        streaming.check(fmc, streaming.sent(fmc))


def answering(splunkd: Splunkd, found: Callable[[Asked], Found]) -> None:
    splunkd.answer_searches(found)


def test_a_search_of_a_dashboard_that_fails_is_named_and_the_others_are_run(
    installed: Settings, splunkd: Splunkd, said: Said
) -> None:
    def found(asked: Asked) -> Found:
        if "sfw_overview_others" in asked.text and "by impact" not in asked.text and "head 10" not in asked.text:
            return Found(messages=[("INFO", "slow"), ("ERROR", "no such lookup")])
        return Found(["ask", "source"], [{"ask": "events", "source": "events"}])

    answering(splunkd, found)
    outcomes = run(Lane(installed, said.append), [STEPS["connect"], STEPS["dashboards"]])
    assert results(outcomes)["dashboards"] == "failed"
    assert "no such lookup" in text_of(outcomes, "dashboards")
    assert "overview: Other events of both periods: no such lookup" in said
    assert "connections: Totals: 1 rows" in said
    assert splunkd.searches() == []


def test_a_search_that_waits_for_a_token_is_told_and_no_failure(
    installed: Settings, splunkd: Splunkd, said: Said
) -> None:
    answering(splunkd, lambda asked: Found(["n"], []))
    lane = Lane(installed, said.append)
    outcomes = run(lane, [STEPS["connect"], STEPS["dashboards"]])
    assert results(outcomes)["dashboards"] == "passed"
    assert "connections: Source: not run, since it waits for Models:result.ask" in said
    assert {one.name for one in lane.ran if one.waits} >= {"Source"}


def test_a_search_that_splunkd_refuses_or_that_does_not_end_has_failed(
    installed: Settings, splunkd: Splunkd, said: Said
) -> None:
    answering(splunkd, lambda asked: Found(["n"], []))
    lane = Lane(installed, said.append)
    lane.management.log_in()
    splunkd.fail(failing("POST", "search/v2/jobs", Trouble(400)))
    assert "HTTP status 400" in lane.searches.run("| makeresults").problem
    splunkd.fail(failing("GET", "/results", Trouble(500)))
    assert "HTTP status 500" in lane.searches.run("| makeresults").problem
    splunkd.fail(None)
    hasty = Searches(lane.management, -1.0, 0.0)
    assert "was canceled" in hasty.run("| makeresults").problem
    assert splunkd.searches() == []


def test_what_the_setup_check_finds_wrong_fails(installed: Settings, splunkd: Splunkd, said: Said) -> None:
    def found(asked: Asked) -> Found:
        if 'kind="type"' in asked.text:
            return Found(["type", "result"], [{"type": "ConnectionEvent", "result": "look below"}])
        if 'kind="missing"' in asked.text:
            return Found(["type", "field"], [{"type": "ConnectionEvent", "field": "src"}])
        return Found(["n"], [])

    answering(splunkd, found)
    outcomes = run(Lane(installed, said.append), [STEPS["connect"], STEPS["setup check"]])
    assert results(outcomes)["setup check"] == "failed"
    assert "Events of each type: type=ConnectionEvent, result=look below" in said
    assert "Missing key fields: type=ConnectionEvent, field=src" in said
    assert "Events of each type: no IntrusionEvent was found" in said


def test_what_cannot_be_removed_is_named_and_the_rest_is_removed(
    installed: Settings, splunkd: Splunkd, said: Said
) -> None:
    lane = Lane(installed, said.append)
    refuse = LaneStep("refuse", lambda _: splunkd.fail(failing("DELETE", f"{APP}_account", Trouble(500))) or "")
    outcomes = run(lane, [*without(last="input"), refuse])
    assert results(outcomes)["clean up"] == "failed"
    assert f"Remove the account {lane.names.name} of the add-on by hand" in text_of(outcomes, "clean up")
    assert status(outcomes) == 1
    splunkd.fail(None)
    assert left_behind(splunkd) == [lane.names.name]


def broken(_: Lane) -> str:
    raise ZeroDivisionError(f"with {PASSWORD}")


def interrupted(_: Lane) -> str:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("action", "result"), [(broken, "failed"), (interrupted, "stopped")])
def test_all_is_removed_whatever_ends_the_lane(
    installed: Settings, splunkd: Splunkd, said: Said, action: Callable[[Lane], str], result: str
) -> None:
    ending = LaneStep("ending", action)
    outcomes = run(Lane(installed, said.append), [*without(last="input"), ending, STEPS["stream"]])
    assert (results(outcomes)["ending"], results(outcomes)["stream"]) == (result, "not run")
    assert results(outcomes)["clean up"] == "passed"
    assert status(outcomes) == 1
    assert left_behind(splunkd) == []
    assert PASSWORD not in text_of(outcomes, "ending")


def test_a_signal_has_the_lane_clean_up_and_no_argument_shows_a_secret(
    installed: Settings, splunkd: Splunkd, tmp_path: Path
) -> None:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "bin"), str(ROOT / "tools")])
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": paths,
        "PYTHONDONTWRITEBYTECODE": "1",
        "ESTREAMER_SPL": installed.package_there,
        "ESTREAMER_SPLUNK": str(installed.address),
    }
    reading, writing = os.pipe()
    os.write(writing, PASSWORD.encode() + b"\n")
    os.close(writing)
    report = tmp_path / "report.json"
    arguments = ["--ca", str(installed.ca), "--password-fd", str(reading), "--events", "50", "--json", str(report)]
    # No event is found, so that the lane waits for them.
    splunkd.answer_searches(lambda asked: Found(["count"], [{"count": "0"}]))
    with subprocess.Popen(
        [sys.executable, "-m", "real_lane", *arguments],
        env=environment,
        pass_fds=[reading],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        os.close(reading)
        assert running.stderr is not None
        assert running.stdout is not None
        said = Said()
        for line in running.stderr:
            said.append(line)
            if "stream …" in line:
                break
        shown = Path(f"/proc/{running.pid}/cmdline").read_bytes() + Path(f"/proc/{running.pid}/environ").read_bytes()
        running.send_signal(signal.SIGTERM)
        said.extend(running.stderr)
        table = running.stdout.read()
    assert running.returncode == 1
    assert b"s3cret" not in shown
    assert "stream         | stopped |" in table
    assert "clean up       | passed  |" in table
    assert left_behind(splunkd) == []
    for text in (table, report.read_text(encoding="utf-8"), *said):
        assert "s3cret" not in text
    assert json.loads(report.read_text(encoding="utf-8"))["splunk"]["version"]


def test_the_script_prepares_the_lane_and_ends_with_its_status(built_package: Path, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if "SPLUNK" not in name}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    given = {"ESTREAMER_SPLUNK": address, "ESTREAMER_SPLUNK_PASSWORD": PASSWORD, "ESTREAMER_SPL": str(built_package)}
    done = subprocess.run(
        [str(ROOT / "tools" / "real_splunk"), "--no-prompt"],
        env={**kept, **given},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert "connect        | failed  |" in done.stdout
    assert f"{address} does not answer" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr


# Splunk's own tests


@pytest.fixture
def collector() -> Iterator[int]:
    """A port that something listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def script(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def official_settings(port: int, **changes: Any) -> Settings:
    given = {"password": PASSWORD, "hec_token": "collector's", "hec_port": port, **changes}
    return Settings(Address("https", "127.0.0.1", 8089), "", None, "admin", **given)


def how(tmp_path: Path, text: str) -> official.Official:
    written = tmp_path / "official"
    written.mkdir()
    return official.Official([script(tmp_path / "tests", text)], 1.0, tmp_path / "log" / "official.log", written)


def test_splunks_own_tests_are_told_where_splunk_is_and_no_argument_has_a_secret(
    tmp_path: Path, collector: int
) -> None:
    text = f"import os, sys; print(sys.argv[1:], os.environ['ESTREAMER_SPLUNK_PASSWORD'] == {PASSWORD!r})"
    one = how(tmp_path, text)
    assert "passed" in official.run(official_settings(collector), "package.spl", one)
    assert one.log.read_text() == "['package.spl', '--splunk-type=external'] True\n"


def test_splunks_own_tests_fail_by_their_status(tmp_path: Path, collector: int) -> None:
    with pytest.raises(StepFailure, match="They failed"):
        official.run(official_settings(collector), "package.spl", how(tmp_path, "raise SystemExit(1)"))


def test_what_shows_a_secret_is_removed_and_has_failed(tmp_path: Path, collector: int) -> None:
    one = how(tmp_path, f"open({str(tmp_path / 'official' / 'a.log')!r}, 'w').write({PASSWORD!r})")
    with pytest.raises(StepFailure, match=r"A secret stood in a\.log"):
        official.run(official_settings(collector), "package.spl", one)
    assert list(one.written.iterdir()) == []


def test_splunks_own_tests_do_not_wait_for_a_collector_that_is_not_there(tmp_path: Path, collector: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    with pytest.raises(StepFailure, match="Nothing answers at the HTTP Event Collector"):
        official.run(official_settings(port), "package.spl", how(tmp_path, "pass"))
    assert threading.active_count() < 50
