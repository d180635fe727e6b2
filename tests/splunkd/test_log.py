"""Lines in the log file of an input: what a search finds in them, and what they never hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from estreamer.input.logs import CalmLog, Log
from estreamer.splunkd.log_file import LONGEST_VALUE, SplunkLog
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

STANZA = "estreamer_fqe://main"
LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} log_level=(?P<level>[A-Z]+) pid=\d+ tid=\S+ file=(?P<file>\S+) \| "
    r"(?P<message>.*)"
)
ESCAPE = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)")
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)(?: |\Z)')


def lines_of(folder: Path, name: str = "main") -> list[str]:
    path = folder / f"ta_secure_firewall_estreamer_estreamer_fqe_{name}.log"
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def fields_of(line: str) -> dict[str, str]:
    """Return the fields of a line, which must be made of nothing else."""
    match = LINE.fullmatch(line)
    assert match is not None, line
    message = match["message"]
    found = FIELD.findall(message)
    assert "".join(f"{name}={value} " for name, value in found) == message + " "
    return {name: value[1:-1] if value.startswith('"') else value for name, value in found}


def unescape(text: str) -> str:
    return ESCAPE.sub(lambda match: match[0].encode("ascii").decode("unicode_escape"), text)


def test_a_line_has_action_input_and_the_fields(log_folder: Path):
    log: Log = SplunkLog(STANZA)
    log.info("connected", account="fmc", port=8302, cipher=None, problem='It says "no". Do it = try.', empty="")
    (line,) = lines_of(log_folder)
    assert line.endswith(
        "action=connected input=estreamer_fqe://main account=fmc port=8302 "
        'problem="It says \\"no\\". Do it = try." empty=""'
    )
    assert list(fields_of(line)) == ["action", "input", "account", "port", "problem", "empty"]


def test_a_line_has_its_level_and_the_place_that_logged_it(log_folder: Path):
    log = SplunkLog(STANZA)
    log.set_level("DEBUG")
    log.debug("one")
    log.info("two")
    log.warning("three")
    log.error("four")
    found = [LINE.fullmatch(line) for line in lines_of(log_folder)]
    assert [match["level"] for match in found if match] == ["DEBUG", "INFO", "WARNING", "ERROR"]
    assert all(match["file"].startswith("test_log.py:test_a_line_has_its_level") for match in found if match)


def test_a_line_that_another_log_passes_on_has_the_place_that_logged_it(log_folder: Path):
    log = CalmLog(SplunkLog(STANZA))
    log.info("one")
    log.warning("two")
    log.error("three")
    places = [match["file"].rpartition(":")[0] for match in map(LINE.fullmatch, lines_of(log_folder)) if match]
    assert places == ["test_log.py:test_a_line_that_another_log_passes_on_has_the_place_that_logged_it"] * 3


def test_levels_below_the_one_that_is_set_are_left_out(log_folder: Path):
    log = SplunkLog(STANZA)
    log.debug("hidden")
    log.set_level("ERROR")
    log.warning("hidden")
    log.error("shown")
    assert [fields_of(line)["action"] for line in lines_of(log_folder)] == ["shown"]


@pytest.mark.parametrize(
    "value",
    [
        "one\ntwo",
        "one\r\n2026-11-20 10:00:00,000 log_level=ERROR | action=forged",
        'x" action=forged y="',
        "\\",
        '\\" action=forged ',
        "\0\x1b[31m\x7f\x85\u2028\u2029\u202e\ufeff",
        "\ud800",
        "\u00e9\u4e16\U0001f525",
        b"bytes\xff",
        Path("/a b"),
        ["a", "b c"],
    ],
)
def test_no_value_forges_a_line_or_a_field(log_folder: Path, value: object):
    SplunkLog(STANZA).warning("tried", value=value, after="same")
    (line,) = lines_of(log_folder)
    assert line.isprintable()
    fields = fields_of(line)
    assert list(fields) == ["action", "input", "value", "after"]
    assert (fields["action"], fields["after"]) == ("tried", "same")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.text(alphabet=st.characters()))
@example(value='\\\n"')
def test_any_text_stays_one_value_in_one_line(log_folder: Path, value: str):
    log = SplunkLog(STANZA)
    before = len(lines_of(log_folder)) if list(log_folder.iterdir()) else 0
    log.info("tried", value=value, after="same")
    lines = lines_of(log_folder)
    assert len(lines) == before + 1
    fields = fields_of(lines[-1])
    assert list(fields) == ["action", "input", "value", "after"]
    assert unescape(fields["value"]) == value


def test_text_that_is_not_ascii_can_be_read_in_the_file(log_folder: Path):
    SplunkLog(STANZA).info("tried", value="Z\u00fcrich \u4e16\u754c")
    assert fields_of(lines_of(log_folder)[0])["value"] == "Z\u00fcrich \u4e16\u754c"


def test_a_long_value_keeps_its_beginning_and_its_end(log_folder: Path):
    SplunkLog(STANZA).info("tried", value="a" * 100_000 + "b" * 100_000)
    value = fields_of(lines_of(log_folder)[0])["value"]
    assert value == "a" * (LONGEST_VALUE // 2) + " ... " + "b" * (LONGEST_VALUE // 2)


@pytest.mark.parametrize(
    ("name", "file_name"),
    [("main", "main"), ("my input", "my%20input"), ("../../etc/x", "..%2F..%2Fetc%2Fx"), ("a*\u00e9", "a%2A%C3%A9")],
)
def test_each_input_has_a_file_of_its_own_in_the_folder_of_logs(log_folder: Path, name: str, file_name: str):
    SplunkLog(f"estreamer_fqe://{name}").info("started")
    assert len(lines_of(log_folder, file_name)) == 1
    assert len(list(log_folder.iterdir())) == 1


def test_ingested_events_are_logged_as_the_dashboard_reads_them(log_folder: Path):
    log = SplunkLog(STANZA)
    log.events_ingested(2, 200)
    log.describe("netfw")
    log.info("connected", account="fmc", host="192.0.2.1")
    log.info("connecting", account="other", host="192.0.2.2")
    log.events_ingested(3, 300)
    first, _, _, second = (fields_of(line) for line in lines_of(log_folder))
    common = {
        "action": "events_ingested",
        "modular_input_name": STANZA,
        "sourcetype_ingested": "cisco:sfw:estreamer",
        "event_input": "main",
    }
    assert first == {**common, "n_events": "2", "event_index": "default"}
    assert second == {
        **common,
        "n_events": "3",
        "event_index": "netfw",
        "event_account": "fmc",
        "event_host": "192.0.2.1",
    }


def test_the_name_of_an_account_forges_nothing_in_the_line_of_ingested_events(log_folder: Path):
    log = SplunkLog(STANZA)
    log.info("connected", account="fmc\naction=forged", host="h n_events=9")
    log.events_ingested(1, 1)
    fields = fields_of(lines_of(log_folder)[1])
    assert (fields["event_account"], fields["event_host"], fields["n_events"]) == (
        "fmc\\naction=forged",
        "h n_events=9",
        "1",
    )


def test_without_a_folder_for_logs_lines_go_to_stderr_as_splunkd_takes_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("SPLUNK_HOME", raising=False)
    log = SplunkLog("estreamer_fqe://nowhere")
    log.warning("tried", value="a\nb")
    log.error("failed")
    complaint, *lines = capsys.readouterr().err.splitlines()
    assert complaint.startswith("ERROR The log file ")
    assert lines == [
        'WARN action=tried input=estreamer_fqe://nowhere value="a\\nb"',
        "ERROR action=failed input=estreamer_fqe://nowhere",
    ]


def test_a_folder_for_logs_that_is_none_is_complained_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path / "nothing here"))
    SplunkLog("estreamer_fqe://homeless").info("started")
    complaint, line = capsys.readouterr().err.splitlines()
    assert "FileNotFoundError" in complaint
    assert line == "INFO action=started input=estreamer_fqe://homeless"
