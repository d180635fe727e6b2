"""No line of the confs and no row of the tables that the rows of the mapping tables do not exercise."""

from __future__ import annotations

from pathlib import Path

from standins.search import Knowledge
from tests.search import rows, test_log
from tests.search.case import HOST, SOURCE, SOURCETYPE, connection, found

SWITCHED_OFF = ["[eventtype=sfw_malware_download] attack", "[eventtype=sfw_malware_download] malware"]
"""Tags that ship disabled."""


def test_every_line_is_exercised(addon: Path) -> None:
    knowledge = Knowledge.read(addon)
    for one in rows.CASES:
        found(knowledge, one.raw, one.source)
    knowledge.index(connection().encode(), sourcetype=SOURCETYPE, source=SOURCE, host=HOST, now=1743500734)
    for line in test_log.indexed(knowledge, [f"{test_log.HEAD} | action=started"]):
        test_log.searched(knowledge, line)
    assert [str(line).rpartition(": ")[2] for line in knowledge.unused] == SWITCHED_OFF


def test_every_row_says_something() -> None:
    silent = [one.name for one in rows.CASES if not one.fields and one.tags is None and one.eventtypes is None]
    assert silent == []


def test_rows_have_names_of_their_own() -> None:
    names = [(module, one.name) for module, cases in rows.BY_MODULE.items() for one in cases]
    assert len(set(names)) == len(names)
