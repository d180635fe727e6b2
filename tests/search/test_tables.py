"""Tables as their users see them: what they hold, and how rows of one's own take the place of ours."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

from standins.fmc import variety
from standins.search import Knowledge
from tests.search.case import connection, file, found, intrusion

OVERRIDES = {
    "sfw_direction": (
        "ingress_zone,egress_zone,direction\ndmz-*,*,inbound\ninside*,*,outbound\n*,*,inbound\n",
        connection(IngressZone="inside-7", EgressZone="wan"),
        {"direction": "outbound"},
    ),
    "sfw_action": (
        "EventType,verdict,reason,action,known\nFileEvent,Cloud Lookup Timeout,*,deferred,yes\n",
        file(FileAction="Cloud Lookup Timeout"),
        {"action": "deferred"},
    ),
    "sfw_severity": (
        "impact,priority,severity,known\n*,*,low,yes\n",
        intrusion(Impact=1, PriorityID=1),
        {"severity": "low"},
    ),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_table_of_ones_own_takes_the_place_of_ours(addon: Path, tmp_path: Path, name: str) -> None:
    table, raw, wanted = OVERRIDES[name]
    app = tmp_path / addon.name
    for folder in ("default", "lookups", "metadata"):
        shutil.copytree(addon / folder, app / folder)
    (app / "local").mkdir()
    (app / "local/transforms.conf").write_text(f"[{name}]\nfilename = my_table.csv\n", encoding="utf-8")
    (app / "lookups/my_table.csv").write_text(table, encoding="utf-8")
    fields = found(Knowledge.read(app), raw).fields
    assert {field: fields.get(field) for field in wanted} == wanted


@pytest.mark.parametrize("table", ["sfw_action", "sfw_disposition", "sfw_impact", "sfw_severity"])
def test_a_table_of_values_ends_with_those_that_nobody_has_seen(addon: Path, table: str) -> None:
    rows = read_table(addon, table)
    assert rows[-1]["known"] == "no"
    assert {row["known"] for row in rows} == {"yes", "no"}


@pytest.mark.parametrize(
    ("kind", "values"),
    [("ConnectionEvent", variety.AC_RULE_ACTIONS), ("FileEvent", variety.FILE_ACTIONS)],
)
def test_every_action_that_is_documented_has_a_row(addon: Path, kind: str, values: tuple[str, ...]) -> None:
    known = [
        row["verdict"] for row in read_table(addon, "sfw_action") if (row["EventType"], row["known"]) == (kind, "yes")
    ]
    patterns = [re.compile(re.escape(verdict).replace(r"\*", ".*")) for verdict in known]
    assert [value for value in values if not any(pattern.fullmatch(value) for pattern in patterns)] == []


def test_there_is_one_list_of_fillers(addon: Path) -> None:
    props = (addon / "default/props.conf").read_text(encoding="utf-8")
    lists = re.findall(
        r'"\(\?i\)\^\((\|-\|n/a\|[^|"]*(?:\|(?:null|none|unknown|invalid id|not [^|)]*|no [^|)]*))*)', props
    )
    assert len(lists) > 20
    assert len(set(lists)) == 1


def read_table(addon: Path, name: str) -> list[dict[str, str]]:
    with (addon / f"lookups/{name}.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))
