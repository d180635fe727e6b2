"""Automatic extraction from JSON: props.conf.spec (KV_MODE), limits.conf.spec ([kv], and [spath] extraction_cutoff)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from standins.search import Knowledge, KnowledgeError, Limits
from standins.search.made import SOURCETYPE, app, event, fields, knowledge


@pytest.fixture
def known(tmp_path: Path) -> Knowledge:
    return knowledge(tmp_path, "")


def test_values_are_the_text_that_stands_in_the_event(known: Knowledge) -> None:
    raw = '{"a":1, "b" : 1.50,"c":true,"d":null,"e":"x","f":-2e3,"g":12345678901234567890}'
    expected = {"a": "1", "b": "1.50", "c": "true", "d": "null", "e": "x", "f": "-2e3", "g": "12345678901234567890"}
    assert fields(known, raw) == expected


def test_escapes_in_strings_and_names_are_resolved(known: Knowledge) -> None:
    raw = '{"a\\u00e4":"\\"x\\"\\n\\\\\\ud83d\\ude00", "b":"\\ud800"}'
    assert fields(known, raw) == {"aä": '"x"\n\\😀', "b": "\ufffd"}


def test_names_of_nested_objects_are_joined_and_arrays_marked(known: Knowledge) -> None:
    raw = '{"a":{"b":{"c":1}}, "d":[1,"2"], "e":[{"f":1},{"f":2,"g":3}], "h":[[1],[2]]}'
    expected = {"a.b.c": "1", "d{}": ("1", "2"), "e{}.f": ("1", "2"), "e{}.g": "3", "h{}{}": ("1", "2")}
    assert fields(known, raw) == expected


def test_an_array_on_top_is_taken_apart(known: Knowledge) -> None:
    assert fields(known, '[{"a":1},{"a":2}]') == {"{}.a": ("1", "2")}


def test_a_name_that_comes_twice_has_both_values(known: Knowledge) -> None:
    assert fields(known, '{"a":1,"a":"x"}') == {"a": ("1", "x")}


def test_pairs_without_a_value_are_ignored(known: Knowledge) -> None:
    assert fields(known, '{"a":"","b":[],"c":{},"d":["","x"]}') == {"d{}": "x"}


@pytest.mark.parametrize(
    "raw", ["", "text", '{"a":1', '{"a":1} x', 'x {"a":1}', '{"a":01}', "{'a':1}", '{"a":1,}', '"a"']
)
def test_nothing_is_extracted_from_what_is_no_json(known: Knowledge, raw: str) -> None:
    assert fields(known, raw) == {}


def test_at_most_100_fields_are_made_in_the_order_of_the_event(known: Knowledge) -> None:
    found = fields(known, json.dumps({f"f{number}": number for number in range(120)}))
    assert list(found) == [f"f{number}" for number in range(100)]


def test_a_field_of_many_values_counts_once(known: Knowledge) -> None:
    found = fields(known, json.dumps({"many": list(range(300)), **{f"f{number}": number for number in range(120)}}))
    assert len(found) == 100
    assert len(found["many{}"]) == 300  # type: ignore[arg-type]


def filled(size: int, filler: str) -> str:
    """Return an event of two members and so many bytes."""
    head, tail = '{"a":"', '","b":1234}'
    room = size - len(head) - len(tail)
    width = len(filler.encode())
    return head + filler * (room // width) + "x" * (room % width) + tail


@pytest.mark.parametrize("filler", ["x", "ä", "木", "𝄞"])
def test_nothing_is_found_in_an_event_of_more_than_5000_bytes(known: Knowledge, filler: str) -> None:
    assert set(fields(known, filled(5000, filler))) == {"a", "b"}
    assert fields(known, filled(5001, filler)) == {}


@pytest.mark.parametrize("filler", ["x", "ä", "木", "𝄞"])
def test_where_cut_events_are_read_a_value_that_does_not_end_before_the_cut_is_lost(
    tmp_path: Path, filler: str
) -> None:
    known = knowledge(tmp_path, "", limits=Limits(reads_cut_events=True))
    assert set(fields(known, filled(5000, filler))) == {"a", "b"}
    assert set(fields(known, filled(5001, filler))) == {"a"}
    assert set(fields(known, filled(5010, filler))) == {"a"}
    assert set(fields(known, filled(5011, filler))) == set()


def test_of_an_event_that_another_cutoff_leaves_the_first_10240_characters_count(tmp_path: Path) -> None:
    known = knowledge(tmp_path, "", limits=Limits(bytes=0, reads_cut_events=True))
    head, tail = '{"a":"', '","b":1234}'
    fits = head + "ä" * (10240 - len(head) - len(tail)) + tail
    longer = head + "ä" * (10240 - len(head) - len(tail) + 2) + tail
    assert set(fields(known, fits)) == {"a", "b"}
    assert set(fields(known, longer)) == {"a"}


def test_the_limits_can_be_those_of_another_limits_conf(tmp_path: Path) -> None:
    known = knowledge(tmp_path, "", limits=Limits(bytes=0, characters=0, fields=0))
    assert len(fields(known, json.dumps({f"f{number}": "x" * 100 for number in range(200)}))) == 200


def test_what_the_specs_leave_open_can_be_had_otherwise(tmp_path: Path) -> None:
    limits = Limits(bytes=20, keeps_empty_values=True, reads_cut_events=True)
    known = knowledge(tmp_path, "", limits=limits)
    assert fields(known, '{"a":"","b":["",1]}') == {"a": "", "b{}": ("", "1")}
    assert fields(known, '{"a":1,"b":2,"c":3,"d":4}') == {"a": "1", "b": "2", "c": "3"}


def test_fields_of_the_index_stay_as_they_are(known: Knowledge) -> None:
    found = event(known, '{"host":"x","source":"y","sourcetype":"z","index":"i","_time":"1","_raw":"r"}').fields
    assert (found["host"], found["source"], found["sourcetype"]) == ("there", "made.log", SOURCETYPE)
    assert found["_time"] == "1743500734.5"


def test_an_extraction_of_the_same_name_is_overridden(tmp_path: Path) -> None:
    assert fields(knowledge(tmp_path, r"EXTRACT-a = (?<a>\d)"), '{"a":12}') == {"a": "12"}


def test_without_kv_mode_the_default_is_refused_as_it_is_not_played(tmp_path: Path) -> None:
    known = Knowledge.read(app(tmp_path, {"default/props.conf": f"[{SOURCETYPE}]\ncategory = x\n"}))
    with pytest.raises(KnowledgeError, match="KV_MODE"):
        event(known, "{}")


def test_kv_mode_none_extracts_nothing(tmp_path: Path) -> None:
    assert fields(knowledge(tmp_path, "KV_MODE = none"), '{"a":1}') == {}
