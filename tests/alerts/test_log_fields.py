"""The fields of a log line, however long and however many quotes are escaped in it."""

from __future__ import annotations

import pytest
from estreamer.connection import problems
from estreamer.splunkd.log_file import LONGEST_VALUE

from standins.search import Knowledge, spl
from tests.alerts.internal import Index, InputLog

NOW = 1_764_000_000.0
CLOSED = problems.closed_before_any_message("192.0.2.10:8302", "198.51.100.7", "splunk.example.com", 0.0).text
"""What stands in the log most often: the server does not know the client."""


def escapes(count: int, length: int) -> str:
    """Return a text of that length in which so many characters are escaped in the log."""
    each = length // count
    return (('"' if each % 2 else "\\") + "x" * (each - 1)) * count + "y" * (length - each * count)


TEXTS = {
    "the commonest one": CLOSED,
    "480 characters": "x" * 480,
    "509 characters": "x" * 509,
    "the longest": "x" * LONGEST_VALUE,
    "3,000 escapes": escapes(3000, LONGEST_VALUE),
    "the longest of quotes": '"' * LONGEST_VALUE,
    "the longest beyond ASCII": "ä" * LONGEST_VALUE,
    "what looks like another field": 'a" problem="b' * 600,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_problem_is_there_in_full_and_so_is_what_stands_behind_it(
    knowledge: Knowledge, log: InputLog, text: str
) -> None:
    log.say(NOW - 60, "connection_failed", reason=text, problem=text, rule=text, events=7)
    search = "`sfw_log` | `sfw_log_field(action)` | `sfw_input` | `sfw_problem` | `sfw_log_field(rule)`"
    found = spl.run(f"search {search} | `sfw_log_field(events)`", Index(knowledge, log.events()), now=NOW)
    (row,) = found.rows
    assert (row["action"], row["input"], row["events"]) == ("connection_failed", "main", "7")
    assert row["problem"] == text
    assert str(row["rule"]).replace("\\", "") == text.replace("\\", "")
