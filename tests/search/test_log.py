"""The input's own log in Splunk: its sourcetype, its events, their times and fields, from lines that the log wrote."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from estreamer.splunkd import names
from estreamer.splunkd.log_file import LONGEST_VALUE, SplunkLog

from standins.search import Indexed, Knowledge, KnowledgeError
from standins.search.knowledge import Event
from tests.logs import close_logs
from tests.package.confs import read_conf

SOURCETYPE = "cisco:sfw:estreamer:log"
HEAD = "2025-04-15 21:31:47,709 log_level=INFO pid=1 tid=MainThread file=stream.py:run:12"
NOW = 1744753000.0
FORWARDER = "hf1"
FOLDERS = ("/opt/splunk/var/log/splunk/", "C:\\Program Files\\Splunk\\var\\log\\splunk\\")
NAME = "ta_secure_firewall_estreamer_estreamer_fqe_main.log"


def indexed(
    knowledge: Knowledge, lines: Sequence[str], file: str = FOLDERS[0] + NAME, now: float = NOW
) -> list[Indexed]:
    """Return what becomes of lines of a log file that splunkd watches without being told a sourcetype."""
    data = "".join(f"{line}\n" for line in lines).encode()
    told: dict[str, Any] = {"sourcetype": None, "source": file, "host": FORWARDER, "index": "_internal"}
    return knowledge.index(data, **told, now=now, input_time=now)


def searched(knowledge: Knowledge, line: Indexed) -> Event:
    """Return a line as a search finds it."""
    told: dict[str, Any] = {
        "sourcetype": line.sourcetype,
        "source": line.source,
        "host": line.host,
        "index": line.index,
    }
    return knowledge.event(line.raw, **told, time=line.time)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SplunkLog, Path]]:
    """The log of the input `main`, and its file."""
    folder = tmp_path / "var" / "log" / "splunk"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path))
    yield SplunkLog("estreamer_fqe://main"), folder / NAME
    close_logs(folder)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("rest", [NAME, f"{NAME}.1", f"{NAME}.5", "ta_secure_firewall_estreamer_rest.log"])
def test_every_log_of_the_addon_has_its_sourcetype_however_short_it_is(
    knowledge: Knowledge, folder: str, rest: str
) -> None:
    (line,) = indexed(knowledge, [f"{HEAD} | action=started"], folder + rest)
    assert line.sourcetype == SOURCETYPE


@pytest.mark.parametrize("file", ["splunkd.log", "ta_another_addon.log", "ta_secure_firewall_estreamer.txt"])
def test_the_log_of_nobody_else_has_it(knowledge: Knowledge, file: str) -> None:
    with pytest.raises(KnowledgeError, match="has no sourcetype"):
        indexed(knowledge, [f"{HEAD} | action=started"], FOLDERS[0] + file)


def test_names_of_the_files_are_those_that_the_monitoring_panels_look_for(log: tuple[SplunkLog, Path]) -> None:
    """The generator's panels search `source=*<add-on in small letters>*` for action=events_ingested."""
    said, file = log
    said.info("started")
    assert file.is_file()
    assert file.name == f"{names.APP.lower()}_{names.SCHEME}_main.log"


def test_time_of_a_line_is_its_own_to_the_millisecond(knowledge: Knowledge) -> None:
    (line,) = indexed(knowledge, [f"{HEAD} | action=started"])
    assert line.time == pytest.approx(1744752707.709)


def test_a_line_of_the_real_log_has_its_time_and_its_fields(knowledge: Knowledge, log: tuple[SplunkLog, Path]) -> None:
    said, file = log
    said.info("connected", account="fmc", host="fmc.example.com", seconds=0.5, rule="", reason=None)
    (line,) = indexed(knowledge, file.read_text(encoding="utf-8").splitlines(), now=time.time() + 100)
    # The log writes the machine's own time, and the machine of a test need not be in UTC.
    assert line.raw.startswith(time.strftime("%Y-%m-%d %H:", time.gmtime(line.time)))
    found = searched(knowledge, line).fields
    wanted = {"action": "connected", "input": "estreamer_fqe://main", "account": "fmc", "seconds": "0.5"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["log_level"] == "INFO"
    assert "rule" not in found
    # The machine that wrote the line stays the event's host.
    assert found["host"] == FORWARDER


def test_fields_are_those_that_the_monitoring_panels_count(knowledge: Knowledge, log: tuple[SplunkLog, Path]) -> None:
    said, file = log
    said.describe("firewall")
    said.info("connected", account="fmc", host="192.0.2.1")
    said.events_ingested(1200, 2_000_000)
    found = searched(knowledge, indexed(knowledge, file.read_text(encoding="utf-8").splitlines())[-1]).fields
    wanted = {
        "action": "events_ingested",
        "modular_input_name": "estreamer_fqe://main",
        "sourcetype_ingested": "cisco:sfw:estreamer",
        "n_events": "1200",
        "event_input": "main",
        "event_index": "firewall",
        "event_account": "fmc",
        "event_host": "192.0.2.1",
    }
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    "text",
    [
        "two words",
        'said "no" twice',
        'a" action=figures state=connected b="',
        "C:\\Program Files\\",
        "ends in a backslash \\",
        '\\\\ \\" \\',
        "line\nbreak action=figures",
        "tab\tand \x1b[31m",
        "größe Ω 日本",
        "=",
        '"',
    ],
)
def test_what_a_value_says_is_one_field_and_makes_no_other(
    knowledge: Knowledge, log: tuple[SplunkLog, Path], text: str
) -> None:
    said, file = log
    said.warning("connection_failed", problem=text, code="tls_refused")
    (line,) = indexed(knowledge, file.read_text(encoding="utf-8").splitlines())
    found = searched(knowledge, line).fields
    assert found["action"] == "connection_failed"
    assert found["code"] == "tls_refused"
    assert "state" not in found
    if text.isprintable():
        assert re.sub(r"\\(.)", r"\1", str(found["problem"])) == text


@pytest.mark.parametrize("piece", ["x", '"', "\\", "é", 'a="b" '])
def test_the_longest_values_are_whole(knowledge: Knowledge, log: tuple[SplunkLog, Path], piece: str) -> None:
    """Two values as long as the log lets them be; of quotes and backslashes, PCRE's limits would be passed first."""
    said, file = log
    long = (piece * LONGEST_VALUE)[:LONGEST_VALUE]
    said.error("unexpected_error", problem=f"{long} ", traceback=f"{long} ", code="last")
    (line,) = indexed(knowledge, file.read_text(encoding="utf-8").splitlines())
    found = searched(knowledge, line).fields
    assert found["code"] == "last"
    assert re.sub(r"\\(.)", r"\1", str(found["problem"])).startswith(long[:3000])


def test_a_traceback_is_part_of_its_line(knowledge: Knowledge) -> None:
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: x"]
    lines = indexed(knowledge, [f"{HEAD} | action=one", *trace, f"{HEAD} | action=two"])
    assert [line.raw.count("\n") for line in lines] == [3, 0]
    assert [searched(knowledge, line).fields["action"] for line in lines] == ["one", "two"]


def test_a_line_that_is_cut_inside_of_quotes_makes_no_field_of_them(knowledge: Knowledge) -> None:
    (line,) = indexed(knowledge, [f'{HEAD} | action=one problem="it says code=other and'])
    found = searched(knowledge, line).fields
    assert found["problem"] == "it says code=other and"
    assert "code" not in found


def test_the_extraction_keeps_what_it_has_matched(addon: Path) -> None:
    """Possessive repetitions, and none with an alternative inside: PCRE then needs no depth for a long value."""
    regex = read_conf(addon / "default/transforms.conf")["sfw_log_fields"]["REGEX"]
    assert re.findall(r"[*+](?![+])", regex.replace("*+", "").replace("++", "")) == []
    assert re.findall(r"\((?:[^()]|\([^()]*\))*\|(?:[^()]|\([^()]*\))*\)[*+{]", regex) == []


def test_the_log_is_no_event_of_a_firewall(knowledge: Knowledge) -> None:
    (line,) = indexed(knowledge, [f'{HEAD} | action=blocked EventType="ConnectionEvent" src=192.0.2.1'])
    found = searched(knowledge, line)
    assert (found.eventtypes, found.tags) == ((), ())


def test_levels_of_the_log_are_those_that_the_monitoring_panels_count(
    knowledge: Knowledge, log: tuple[SplunkLog, Path]
) -> None:
    said, file = log
    said.error("input_cannot_run", code="bookmark_locked")
    (line,) = indexed(knowledge, file.read_text(encoding="utf-8").splitlines())
    assert searched(knowledge, line).fields["log_level"] == logging.getLevelName(logging.ERROR)
