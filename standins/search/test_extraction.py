"""EXTRACT- and REPORT- settings: props.conf.spec and transforms.conf.spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import KnowledgeError
from standins.search.made import fields, knowledge


def extracted(tmp_path: Path, settings: str, raw: str, transforms: str = "") -> dict[str, object]:
    known = knowledge(tmp_path, "KV_MODE = none\n" + settings, {"default/transforms.conf": transforms})
    return fields(known, raw)


def reported(tmp_path: Path, transform: str, raw: str) -> dict[str, object]:
    return extracted(tmp_path, "REPORT-x = t", raw, "[t]\n" + transform)


def test_extract_takes_the_named_groups_of_the_first_match(tmp_path: Path) -> None:
    assert extracted(tmp_path, r"EXTRACT-a = (?<a>\d)(?<b>x)?(?P<c>\d)", "12 34") == {"a": "1", "c": "2"}


def test_extract_looks_over_lines_and_at_their_ends(tmp_path: Path) -> None:
    assert extracted(tmp_path, r"EXTRACT-a = ^(?<a>b.*)$", "a\nb\nc") == {"a": "b\nc"}


def test_groups_can_be_named_in_each_way_of_pcre(tmp_path: Path) -> None:
    assert extracted(tmp_path, r"EXTRACT-a = (?<a>\d)(?P<b>\d)(?'c'\d)", "123") == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize("word", ["in", "IN", "In"])
def test_the_word_before_the_field_counts_in_any_case(tmp_path: Path, word: str) -> None:
    settings = f"EXTRACT-b = (?<second>.)$ {word} first\nEXTRACT-a = (?<first>..)"
    assert extracted(tmp_path, settings, "xyz") == {"first": "xy", "second": "y"}


def test_a_regular_expression_can_hold_the_word_before_something_that_is_no_field(tmp_path: Path) -> None:
    assert extracted(tmp_path, r"EXTRACT-a = in path=(?<a>\w+)", "in path=x") == {"a": "x"}


def test_extract_can_look_into_a_field_of_an_earlier_class(tmp_path: Path) -> None:
    settings = "EXTRACT-b = (?<second>.)$ in first\nEXTRACT-a = (?<first>..)"
    assert extracted(tmp_path, settings, "xyz") == {"first": "xy", "second": "y"}


def test_extract_finds_nothing_in_a_field_of_a_later_class(tmp_path: Path) -> None:
    assert extracted(tmp_path, "EXTRACT-a = (?<second>.)$ in first\nEXTRACT-b = (?<first>..)", "xyz") == {"first": "xy"}


def test_extract_classes_are_in_ascii_order_capitals_first(tmp_path: Path) -> None:
    settings = "EXTRACT-aaa = (?<second>.)$ in first\nEXTRACT-ZZZ = (?<first>..)"
    assert extracted(tmp_path, settings, "xyz") == {"first": "xy", "second": "y"}


def test_extract_leaves_a_field_that_is_there(tmp_path: Path) -> None:
    assert extracted(tmp_path, "EXTRACT-a = (?<a>.)\nEXTRACT-b = (?<a>.)$", "xyz") == {"a": "x"}


def test_extract_cannot_look_into_a_field_of_automatic_extraction(tmp_path: Path) -> None:
    assert fields(knowledge(tmp_path, "EXTRACT-b = (?<b>.) in a"), '{"a":"xy"}') == {"a": "xy"}


def test_an_extract_without_a_named_group_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="named group"):
        knowledge(tmp_path, "EXTRACT-a = (.)")


@pytest.mark.parametrize(
    "regex", ["(?<a>", "(?<a>x)(?<a>y)", "(?<a>x{2,1})", f"(?<{'a' * 33}>x)"], ids=["open", "twice", "range", "name"]
)
def test_what_pcre_does_not_compile_is_refused(tmp_path: Path, regex: str) -> None:
    with pytest.raises(KnowledgeError):
        knowledge(tmp_path, f"EXTRACT-a = {regex}")


def test_letters_of_a_regular_expression_are_those_of_ascii(tmp_path: Path) -> None:
    assert extracted(tmp_path, r"EXTRACT-a = (?<a>\w+)", "äb") == {"a": "b"}


def test_a_transforms_named_groups_are_fields(tmp_path: Path) -> None:
    assert reported(tmp_path, r"REGEX = (?<a>\d)(?<b>\d)", "12 34") == {"a": "1", "b": "2"}


def test_a_transforms_format_names_the_fields(tmp_path: Path) -> None:
    assert reported(tmp_path, "REGEX = (.)(.)\nFORMAT = a::$1 b::$2 c::other", "12") == {
        "a": "1",
        "b": "2",
        "c": "other",
    }


def test_names_and_values_of_a_format_can_stand_in_quotes(tmp_path: Path) -> None:
    assert reported(tmp_path, 'REGEX = (.)(.)\nFORMAT = "a"::"$1" b::"o t"', "12") == {"a": "1", "b": "o t"}


def test_a_transform_with_a_varying_name_takes_all_matches(tmp_path: Path) -> None:
    assert reported(tmp_path, r"REGEX = (\w+)=(\w+)\nFORMAT = $1::$2".replace(r"\n", "\n"), "a=1 b=2") == {
        "a": "1",
        "b": "2",
    }


def test_key_and_val_groups_are_names_and_values(tmp_path: Path) -> None:
    assert reported(tmp_path, r"REGEX = (?<_KEY_1>\w+)=(?<_VAL_1>\w+)", "a=1 b=2") == {"a": "1", "b": "2"}


def test_transforms_of_a_report_come_in_the_order_of_the_list(tmp_path: Path) -> None:
    transforms = "[one]\nREGEX = (?<a>.)\n[two]\nREGEX = (?<a>.)$\n"
    assert extracted(tmp_path, "REPORT-x = two, one", "12", transforms) == {"a": "2"}


def test_reports_come_after_extracts(tmp_path: Path) -> None:
    settings = "EXTRACT-z = (?<a>.)$\nREPORT-a = t"
    assert extracted(tmp_path, settings, "12", "[t]\nREGEX = (?<a>.)") == {"a": "2"}


def test_source_key_is_the_field_to_look_into(tmp_path: Path) -> None:
    settings = "EXTRACT-z = (?<a>..)$\nREPORT-a = t"
    transforms = "[t]\nSOURCE_KEY = a\nREGEX = (?<b>.)"
    assert extracted(tmp_path, settings, "1234", transforms) == {"a": "34", "b": "3"}


def test_mv_add_appends_to_a_field_that_is_there(tmp_path: Path) -> None:
    assert reported(tmp_path, r"REGEX = (?<a>\d)" + "\nMV_ADD = true", "1 2 3") == {"a": ("1", "2", "3")}


def test_clean_keys_makes_names_of_letters_digits_and_underscores(tmp_path: Path) -> None:
    transform = "REGEX = (\\S+)=(\\S+)\nFORMAT = $1::$2"
    assert reported(tmp_path, transform, "_1a.b-c=1") == {"a_b_c": "1"}
    assert reported(tmp_path, transform + "\nCLEAN_KEYS = false", "_1a.b-c=1") == {"_1a.b-c": "1"}


def test_keep_empty_vals_keeps_fields_without_a_value(tmp_path: Path) -> None:
    assert reported(tmp_path, "REGEX = (?<a>x*)", "y") == {}
    assert reported(tmp_path, "REGEX = (?<a>x*)\nKEEP_EMPTY_VALS = true", "y") == {"a": ""}


def test_two_sets_of_delimiters_make_names_and_values(tmp_path: Path) -> None:
    assert reported(tmp_path, 'DELIMS = "|", "="', 'a=1||b="x|y"|c') == {"a": "1", "b": "x|y"}


def test_one_set_of_delimiters_with_fields_makes_values(tmp_path: Path) -> None:
    transform = 'DELIMS = ","\nFIELDS = a, "b", c'
    assert reported(tmp_path, transform, "1,,3,4") == {"a": "1", "c": "3"}


def test_one_set_of_delimiters_without_fields_makes_pairs(tmp_path: Path) -> None:
    assert reported(tmp_path, 'DELIMS = " "', "a 1  b 2") == {"a": "1", "b": "2"}


def test_delimiters_can_be_written_as_escapes(tmp_path: Path) -> None:
    assert reported(tmp_path, 'DELIMS = "\\t"\nFIELDS = a,b', "1\t2") == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "transform",
    [
        "FORMAT = a::$1",
        'REGEX = (.)\nDELIMS = ","',
        "REGEX = .",
        "REGEX = (.)",
        "REGEX = (.)\nFORMAT = a::$2",
        "REGEX = (.)\nFORMAT = a::x$1",
        "REGEX = (.)\nFORMAT = a",
        "REGEX = (?<a>.)\nFIELDS = a",
        "DELIMS = ,",
        "REGEX = (?<a>.)\nSOURCE_KEY = field:b",
        "REGEX = (?<a>.)\nfilename = x.csv",
    ],
)
def test_a_transform_that_cannot_work_is_refused(tmp_path: Path, transform: str) -> None:
    with pytest.raises(KnowledgeError):
        reported(tmp_path, transform, "x")


def test_a_report_of_an_unknown_transform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="nowhere"):
        knowledge(tmp_path, "REPORT-a = nowhere")
