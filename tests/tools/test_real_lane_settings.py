"""The lane on a real Splunk: what it is asked to do, what it says of it, and that a secret is in none of it."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_lane import install, official, panels, report, streaming
from real_lane.client import Unreachable
from real_lane.report import Outcome
from real_lane.searches import Done, command, problem_of
from real_lane.settings import Settings, Skip, address_of, read

from standins.places import ROOT
from tests.search.official import external
from tests.tools.test_steps import load, python

PASSWORD = 'a "word" of the test'
HERE = {"ESTREAMER_SPLUNK": "https://127.0.0.1:8089", "ESTREAMER_SPLUNK_PASSWORD": PASSWORD}


def no_person(prompt: str) -> str:
    pytest.fail(f"somebody was asked: {prompt}")


def run_script(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if "SPLUNK" not in name}
    command = [str(ROOT / "tools" / "real_splunk"), *arguments]
    return subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_without_a_splunk_the_lane_says_so_and_is_skipped() -> None:
    done = run_script()
    assert (done.returncode, done.stdout) == (77, "")
    assert "No Splunk is named" in done.stderr


def test_a_splunk_without_credentials_is_skipped_where_nobody_is_to_be_asked() -> None:
    done = run_script("--no-prompt", ESTREAMER_SPLUNK="https://127.0.0.1:1")
    assert done.returncode == 77
    assert "ESTREAMER_SPLUNK_PASSWORD" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--password", PASSWORD], HERE, "change that password"),
        (["--management", "127.0.0.1:8089"], {}, "https://host:port"),
        (["--management", "https://127.0.0.1:port"], {}, "https://host:port"),
        (["--management", "https://admin:word@127.0.0.1:8089"], {}, "no name and no password"),
        (["--management", "http://192.0.2.1:8089"], HERE, "in clear"),
        (["--events", "0"], HERE, "from 1 to 20000"),
        (["--ca", "/no/such/file"], HERE, "is not there"),
        (["--splunk-home", "/no/such/folder"], HERE, "not a SPLUNK_HOME"),
        (["--password-fd", "x"], HERE, "--password-fd"),
        ([], {"ESTREAMER_SPLUNK": "splunk.example.com"}, "ESTREAMER_SPLUNK"),
    ],
)
def test_wrong_usage_ends_with_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], environment: dict[str, str], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(arguments, environment, no_person)
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert PASSWORD not in shown


def test_a_password_is_asked_for_where_there_is_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--management", "http://127.0.0.1:1", "--user", "lane"]
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(SystemExit):
        read(given, {}, no_person)
    assert "nobody to ask" in capsys.readouterr().err
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    assert read(given, {}, lambda prompt: f"answer to {prompt}").password == "answer to Password of lane: "
    with pytest.raises(SystemExit):
        read(given, {}, lambda prompt: "")
    assert "empty" in capsys.readouterr().err


def test_a_password_is_read_from_the_environment_or_a_descriptor() -> None:
    assert read([], HERE, no_person).password == PASSWORD
    reading, writing = os.pipe()
    os.write(writing, b"another word\nmore\n")
    os.close(writing)
    assert read(["--password-fd", str(reading)], HERE, no_person).password == "another word"


def test_a_token_takes_the_place_of_a_password() -> None:
    settings = read([], {**HERE, "ESTREAMER_SPLUNK_TOKEN": "token"}, no_person)
    assert (settings.token, settings.password, settings.secrets) == ("token", "", ("token",))


def test_secrets_are_in_no_text_of_the_settings() -> None:
    shown = repr(read([], {**HERE, "ESTREAMER_SPLUNK_HEC_TOKEN": "collector"}, no_person))
    assert PASSWORD not in shown
    assert "collector" not in shown


def test_nothing_secret_is_asked_for_before_the_lane_is_prepared() -> None:
    assert read([], {"ESTREAMER_SPLUNK": "https://127.0.0.1:8089"}, no_person, secrets=False).password == ""


def test_a_splunk_home_is_verified_by_its_own_ca_and_the_name_in_its_own_certificate(tmp_path: Path) -> None:
    ca = tmp_path / "etc" / "auth" / "cacert.pem"
    ca.parent.mkdir(parents=True)
    ca.write_text("")
    at_home = read(["--splunk-home", str(tmp_path)], HERE, no_person)
    assert (at_home.ca, at_home.server_name) == (ca, "SplunkServerDefaultCert")
    named = read([], {**HERE, "SPLUNK_HOME": str(tmp_path)}, no_person)
    assert named.ca == ca
    own = read(["--splunk-home", str(tmp_path), "--ca", str(ca)], HERE, no_person)
    assert own.server_name == "127.0.0.1"
    alone = read(["--management", "https://splunk.example.com:8089"], HERE, no_person)
    assert (alone.ca, alone.server_name) == (None, "splunk.example.com")


@pytest.mark.parametrize(
    ("uri", "local"),
    [
        ("https://127.0.0.1:8089", True),
        ("https://[::1]:8089", True),
        ("https://localhost:8089", True),
        ("https://192.0.2.1:8089", False),
        ("https://splunk.example.com:8089", False),
    ],
)
def test_an_address_says_whether_it_is_on_this_machine(uri: str, local: bool) -> None:
    assert address_of(uri).local == local
    assert str(address_of(uri)) == uri


def test_an_address_with_a_path_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        address_of("https://127.0.0.1:8089/services")


# What it says


def outcomes(*results: str) -> list[Outcome]:
    return [Outcome(f"step{number}", result, 1.4, "said") for number, result in enumerate(results)]


@pytest.mark.parametrize(
    ("results", "status"),
    [
        (["passed", "passed"], 0),
        (["passed", "skipped"], 0),
        (["passed", "failed"], 1),
        (["passed", "stopped"], 1),
        (["passed", "not run"], 1),
        (["skipped"], 1),
        ([], 1),
    ],
)
def test_the_status_is_0_only_when_nothing_failed_and_something_passed(results: list[str], status: int) -> None:
    assert report.status(outcomes(*results)) == status


def test_the_report_has_the_steps_and_searches_and_no_secret(tmp_path: Path) -> None:
    ran = [
        panels.Ran("overview", "Totals", Done(0.25, [{"n": "1"}])),
        panels.Ran("health", "Sums", Done(0, [], PASSWORD)),
    ]
    told = [Outcome("connect", "failed", 1.0, f"it said {PASSWORD}")]
    report.write_json(tmp_path / "report.json", {"version": "9.4.1"}, told, ran, [PASSWORD])
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["steps"] == [{"step": "connect", "result": "failed", "seconds": 1.0, "text": "it said ***"}]
    assert found["searches"][0] == {
        "dashboard": "overview",
        "search": "Totals",
        "seconds": 0.25,
        "rows": 1,
        "problem": "",
        "waits_for": "",
    }
    assert "word" not in text
    assert report.as_table(outcomes("passed", "failed")).splitlines()[2].split() == ["step0", "|", "passed", "|", "1"]


# Events and searches


def test_events_are_compared_by_what_they_say_and_how_often() -> None:
    assert streaming.compare(["a", "b", "b"], ["b", "a", "b"]) == (0, 0)
    assert streaming.compare(["a", "b", "b"], ["b", "a"]) == (1, 0)
    assert streaming.compare(["a", "b"], ["b", "a", "a"]) == (0, 1)
    assert streaming.compare(["a", "b"], ["a", "B"]) == (1, 1)


def test_the_stand_in_has_packets_and_equal_events_and_all_of_them_are_of_the_last_day() -> None:
    texts = streaming.sent(streaming.make_fmc("127.0.0.1", 1000))
    assert len(texts) == 1000
    assert len(set(texts)) < 1000
    kinds = [json.loads(one)["EventType"] for one in texts]
    assert kinds.count("IntrusionPacket") == 50
    assert {"ConnectionEvent", "FileEvent", "IntrusionEvent"} < set(kinds)


@pytest.mark.parametrize(
    ("text", "sent"),
    [("`sfw_events`", "search `sfw_events`"), (" | makeresults", "| makeresults"), ("search a", "search a")],
)
def test_a_search_begins_with_a_command(text: str, sent: str) -> None:
    assert command(text) == sent


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"dispatchState": "DONE", "messages": []}, ""),
        ({"dispatchState": "DONE", "messages": [{"type": "INFO", "text": "fine"}]}, ""),
        ({"dispatchState": "DONE", "messages": [{"type": "ERROR", "text": "no such lookup"}]}, "no such lookup"),
        ({"dispatchState": "FAILED", "messages": [{"type": "FATAL", "text": "no"}]}, "no"),
        ({"dispatchState": "FAILED"}, "it failed, and splunkd does not say why"),
        ({"isFailed": True}, "it failed, and splunkd does not say why"),
    ],
)
def test_a_search_with_an_error_is_not_good(content: dict[str, object], problem: str) -> None:
    assert problem_of(content) == problem


# Splunk's own tests


def settings(**changes: object) -> Settings:
    given = {"password": PASSWORD, "hec_token": "collector", **changes}
    return Settings(address_of(str(given.pop("uri", "https://127.0.0.1:8089"))), "", None, "admin", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hec_token": ""}, "ESTREAMER_SPLUNK_HEC_TOKEN is not set"),
        ({"password": "", "token": "token"}, "a token was given"),
        ({"uri": "https://192.0.2.1:8089"}, "do not verify"),
        ({"uri": "http://127.0.0.1:8089"}, "speak TLS"),
    ],
)
def test_splunks_own_tests_are_skipped_where_they_cannot_run_or_would_give_the_password_away(
    changes: dict[str, object], why: str
) -> None:
    with pytest.raises(Skip, match=why):
        official.refuse_what_is_unsafe(settings(**changes))
    official.refuse_what_is_unsafe(settings())


def test_splunks_own_tests_get_the_real_splunk_from_the_environment() -> None:
    variables = {name: f"value of {name}" for name in external.OPTIONS}
    assert "--splunk-password=value of ESTREAMER_SPLUNK_PASSWORD" in external.options(variables)
    with pytest.raises(SystemExit, match="ESTREAMER_SPLUNK_USER"):
        external.options({name: value for name, value in variables.items() if not name.endswith("USER")})


def test_what_splunks_own_tests_log_shows_no_secret() -> None:
    # In a process of its own: what makes the records of all loggers is replaced.
    code = f"""
import json, logging, sys
from tests.search.official import external
external.hide(external.secrets({{"ESTREAMER_SPLUNK_PASSWORD": {PASSWORD!r}}}))
logging.basicConfig(stream=sys.stdout)
logging.getLogger("tool").warning("connecting with %s", json.dumps({{"password": {PASSWORD!r}}}))
logging.getLogger("tool").warning("%s is in a line, %d%%", {PASSWORD!r}, 50)
"""
    done = subprocess.run(python(code), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        'WARNING:tool:connecting with {"password": "***"}',
        "WARNING:tool:*** is in a line, 50%",
    ]


# The night


def test_a_night_passes_with_a_step_that_had_nothing_to_run_with_and_shows_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nightly, steps = load("nightly", monkeypatch), load("steps", monkeypatch)
    monkeypatch.setattr(nightly, "FOLDER", tmp_path / "nightly")
    skipping = steps.Step("other", "", python("print('no Splunk'); raise SystemExit(77)"), 1, may_skip=True)
    passing = steps.Step("one", "", python("pass"), 1)
    assert nightly.run([passing, skipping], "package.spl") == 0
    shown = capsys.readouterr()
    assert "other | skipped |" in shown.out
    assert "no Splunk" in shown.err
    # Nothing but skipped steps is no proof, and what may not skip has failed.
    assert nightly.run([skipping], "package.spl") == 1
    assert nightly.run([passing, steps.Step("third", "", skipping.command, 1)], "package.spl") == 1


def test_the_night_asks_nobody_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    nightly = load("nightly", monkeypatch)
    (step,) = [one for one in nightly.STEPS if one.name == "real-splunk"]
    assert (list(step.command), step.may_skip) == (["tools/real_splunk", "--no-prompt"], True)


# A restart


class Restarting:
    """A management port whose answers come one after the other; "gone" is none."""

    def __init__(self, *answers: object) -> None:
        self._answers = iter(answers)

    def _next(self) -> object:
        answer = next(self._answers)
        if answer == "gone":
            raise Unreachable("it is gone")
        return answer

    def log_in(self) -> None:
        return

    def ask(self, method: str, path: str, form: dict[str, str]) -> object:
        assert (method, path) == ("POST", "/server/control/restart")
        return self._next()

    def content(self, path: str) -> dict[str, object]:
        return {"startup_time": self._next()}


@pytest.mark.parametrize(
    "answers",
    [
        (1, "asked", 1, "gone", 2),
        # It can be gone before it has answered.
        (1, "gone", "gone", 2),
        # It need not say when it was started.
        (None, "asked", None, "gone", None),
    ],
)
def test_a_restart_is_over_when_splunkd_answers_that_was_started_since(answers: tuple[object, ...]) -> None:
    management = Restarting(*answers)
    install.restart(management, 60, 0.0)  # type: ignore[arg-type]
    assert list(management._answers) == []
