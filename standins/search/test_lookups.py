"""LOOKUP- settings and tables: props.conf.spec and transforms.conf.spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import Knowledge, KnowledgeError
from standins.search.made import SOURCETYPE, app, event, fields, knowledge

TABLE = (
    "act,code,result,text\nBlock,1,blocked,first\nAllow,1,allowed,\nBlock,2,blocked,second\n*Monitor*,3,allowed,third\n"
)


def known(tmp_path: Path, lookup: str, transform: str = "", table: str = TABLE, more: str = "") -> Knowledge:
    files = {"default/transforms.conf": f"[acts]\nfilename = acts.csv\n{transform}\n", "lookups/acts.csv": table}
    return knowledge(tmp_path, f"LOOKUP-x = acts {lookup}\n{more}", files)


def test_output_gives_the_cells_of_the_row_that_matches(tmp_path: Path) -> None:
    lookup = "act AS a, code AS c OUTPUT result AS action, text"
    assert fields(known(tmp_path, lookup), '{"a":"Block","c":2}') == {
        "a": "Block",
        "c": "2",
        "action": "blocked",
        "text": "second",
    }


def test_without_as_columns_and_fields_have_one_name(tmp_path: Path) -> None:
    assert fields(known(tmp_path, "act code OUTPUT result"), '{"act":"Allow","code":1}')["result"] == "allowed"


def test_without_output_all_other_columns_are_given(tmp_path: Path) -> None:
    assert fields(known(tmp_path, "act AS a code AS c"), '{"a":"Block","c":1}') == {
        "a": "Block",
        "c": "1",
        "result": "blocked",
        "text": "first",
    }


def test_several_matches_give_several_values_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert fields(known(tmp_path, "act OUTPUT text"), '{"act":"Block"}')["text"] == ("first", "second")


def test_max_matches_takes_the_first_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = fields(known(tmp_path, "act OUTPUT text", "max_matches = 1"), '{"act":"Block"}')
    assert found["text"] == "first"


def test_output_replaces_and_an_event_without_a_match_loses_the_fields(tmp_path: Path) -> None:
    one = known(tmp_path, "act code OUTPUT result")
    assert fields(one, '{"act":"Allow","code":1,"result":"x"}')["result"] == "allowed"
    assert "result" not in fields(one, '{"act":"Nothing","code":1,"result":"x"}')


def test_an_event_that_lacks_a_match_field_is_left_alone(tmp_path: Path) -> None:
    one = known(tmp_path, "act code OUTPUT result", "min_matches = 1\ndefault_match = none")
    assert fields(one, '{"act":"Allow","result":"x"}')["result"] == "x"


def test_outputnew_writes_only_fields_that_are_not_there(tmp_path: Path) -> None:
    one = known(tmp_path, "act code OUTPUTNEW result text")
    assert fields(one, '{"act":"Block","code":1,"result":"x"}') == {
        "act": "Block",
        "code": "1",
        "result": "x",
        "text": "first",
    }
    assert fields(one, '{"act":"Nothing","code":1,"result":"x"}')["result"] == "x"


def test_default_match_stands_for_matches_that_min_matches_asks_for(tmp_path: Path) -> None:
    one = known(tmp_path, "act OUTPUT result", "min_matches = 1\ndefault_match = unknown to us")
    assert fields(one, '{"act":"Nothing"}')["result"] == "unknown to us"
    assert fields(one, '{"act":"Allow"}')["result"] == "allowed"


def test_default_match_comes_as_often_as_matches_are_missing(tmp_path: Path) -> None:
    one = known(tmp_path, "act OUTPUT result", "min_matches = 2\ndefault_match = d")
    assert fields(one, '{"act":"Allow"}')["result"] == ("allowed", "d")


def test_an_empty_cell_gives_no_value(tmp_path: Path) -> None:
    assert "text" not in fields(known(tmp_path, "act OUTPUT text"), '{"act":"Allow","text":"x"}')


def test_matching_regards_case_unless_told_otherwise(tmp_path: Path) -> None:
    assert "result" not in fields(known(tmp_path, "act code OUTPUT result"), '{"act":"block","code":1}')
    one = known(tmp_path, "act code OUTPUT result", "case_sensitive_match = false")
    assert fields(one, '{"act":"block","code":1}')["result"] == "blocked"


def test_exact_matching_takes_a_star_for_itself(tmp_path: Path) -> None:
    assert "text" not in fields(known(tmp_path, "act OUTPUT text"), '{"act":"a Monitor"}')
    assert fields(known(tmp_path, "act OUTPUT text"), '{"act":"*Monitor*"}')["text"] == "third"


@pytest.mark.parametrize(("act", "expected"), [("Monitor", True), ("a Monitor.", True), ("monitor", False)])
def test_wildcard_matching_takes_a_star_for_anything(tmp_path: Path, act: str, expected: bool) -> None:
    one = known(tmp_path, "act OUTPUT text", "match_type = WILDCARD(act)")
    assert ("text" in fields(one, f'{{"act":"{act}"}}')) is expected


def test_wildcard_matching_can_disregard_case(tmp_path: Path) -> None:
    one = known(tmp_path, "act OUTPUT text", "match_type = WILDCARD(act)\ncase_sensitive_match = false")
    assert fields(one, '{"act":"MONITOR"}')["text"] == "third"


@pytest.mark.parametrize(
    ("address", "zone"),
    [("10.1.2.3", "inside"), ("11.1.2.3", None), ("2001:db8::1", "six"), ("text", None), ("10.0.0.0/8", None)],
)
def test_cidr_matching_takes_addresses_of_the_network(tmp_path: Path, address: str, zone: str | None) -> None:
    table = "net,zone\n10.0.0.0/8,inside\n2001:db8::/32,six\n"
    one = known(tmp_path, "net AS ip OUTPUT zone", "match_type = CIDR(net)", table)
    assert fields(one, f'{{"ip":"{address}"}}').get("zone") == zone


def test_of_several_values_each_is_looked_up(tmp_path: Path) -> None:
    one = known(tmp_path, "act AS a{} OUTPUT text", "max_matches = 1")
    assert fields(one, '{"a":["*Monitor*","Block"]}')["text"] == ("third", "first")


def test_several_fields_of_several_values_are_refused(tmp_path: Path) -> None:
    one = known(tmp_path, "act AS a{} code AS c{} OUTPUT text")
    with pytest.raises(KnowledgeError, match="several"):
        fields(one, '{"a":["*","Block"],"c":[1,2]}')


def test_a_lookup_sees_calculations_and_calculations_see_no_lookup(tmp_path: Path) -> None:
    more = 'EVAL-act = "Allow"\nEVAL-seen = coalesce(result, "no")'
    found = fields(known(tmp_path, "act OUTPUT result", more=more), "{}")
    assert (found["result"], found["seen"]) == ("allowed", "no")


def test_an_automatic_lookup_that_builds_on_another_is_refused(tmp_path: Path) -> None:
    more = "LOOKUP-y = acts code OUTPUT act AS a"
    with pytest.raises(KnowledgeError, match="build on"):
        fields(known(tmp_path, "act AS a OUTPUT text", more=more), "{}")


def test_of_two_lookups_that_give_one_field_the_later_in_ascii_order_has_the_last_word(tmp_path: Path) -> None:
    more = "LOOKUP-w = acts act OUTPUT result AS out"
    assert fields(known(tmp_path, "act OUTPUT text AS out", more=more), '{"act":"Block"}')["out"] == ("first", "second")


@pytest.mark.parametrize("key", ["LOOKUP-x", "lookup_x", "LookupX"])
def test_the_prefix_counts_in_any_case_and_with_any_joint(tmp_path: Path, key: str) -> None:
    files = {"default/transforms.conf": "[acts]\nfilename = acts.csv\n", "lookups/acts.csv": TABLE}
    assert (
        fields(knowledge(tmp_path, f"{key} = acts act OUTPUT result", files), '{"act":"Allow"}')["result"] == "allowed"
    )


@pytest.mark.parametrize(
    "lookup",
    [
        "",
        "OUTPUT result",
        "act OUTPUT",
        "act OUTPUT nowhere",
        "nowhere OUTPUT result",
        "act AS",
        "act OUTPUT text OUTPUT text",
    ],
)
def test_a_lookup_that_cannot_work_is_refused(tmp_path: Path, lookup: str) -> None:
    with pytest.raises(KnowledgeError):
        known(tmp_path, lookup)


@pytest.mark.parametrize(
    "transform",
    [
        "max_matches = 0",
        "max_matches = 1001",
        "match_type = WILDCARD(nowhere)",
        "match_type = REGEX(act)",
        "case_sensitive_match = maybe",
        "REGEX = (.)",
        "time_field = t",
        "external_cmd = x.py",
    ],
)
def test_a_table_that_is_not_understood_is_refused(tmp_path: Path, transform: str) -> None:
    with pytest.raises(KnowledgeError):
        known(tmp_path, "act OUTPUT text", transform)


@pytest.mark.parametrize(
    "table", ["a,a\n1,2\n", "act,text\n1\n", "act, text\n1,2\n", "\ufeffact,text\n1,2\n", 'act,text\n"1,2\n']
)
def test_a_file_that_is_no_clean_table_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(KnowledgeError):
        known(tmp_path, "act", table=table)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"acts\.csv"):
        knowledge(tmp_path, "", {"default/transforms.conf": "[acts]\nfilename = acts.csv\n"})


def test_a_file_of_two_apps_is_that_of_the_stronger_one_and_not_layered(tmp_path: Path) -> None:
    props = f"[{SOURCETYPE}]\nKV_MODE = json\nLOOKUP-x = acts act OUTPUT result\n"
    transforms = "[acts]\nfilename = acts.csv\n"
    files = {
        "default/props.conf": props,
        "default/transforms.conf": transforms,
        "lookups/acts.csv": "act,result\nx,A\ny,A\n",
    }
    apps = [app(tmp_path, files, "A"), app(tmp_path, {"lookups/acts.csv": "act,result\nx,B\n"}, "B")]
    together = Knowledge.read(*apps)
    assert event(together, '{"act":"x"}').fields["result"] == "B"
    assert "result" not in event(together, '{"act":"y"}').fields
    assert event(Knowledge.read(*apps, current="A"), '{"act":"x"}').fields["result"] == "A"


def test_a_file_that_another_app_keeps_to_itself_is_not_seen(tmp_path: Path) -> None:
    files = {"default/transforms.conf": "[acts]\nfilename = acts.csv\n", "lookups/acts.csv": TABLE}
    hidden = app(tmp_path, files, meta="[]\nexport = system\n[lookups/acts.csv]\nexport = none\n")
    with pytest.raises(KnowledgeError, match=r"acts\.csv"):
        Knowledge.read(hidden)
