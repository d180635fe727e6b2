"""FIELDALIAS- and EVAL- settings: props.conf.spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.search import KnowledgeError
from standins.search.made import fields, knowledge


def found(tmp_path: Path, settings: str, raw: str) -> dict[str, object]:
    return fields(knowledge(tmp_path, settings), raw)


def test_an_alias_leaves_its_original(tmp_path: Path) -> None:
    assert found(tmp_path, "FIELDALIAS-x = a AS b", '{"a":1}') == {"a": "1", "b": "1"}


def test_as_replaces_a_field_that_is_there(tmp_path: Path) -> None:
    assert found(tmp_path, "FIELDALIAS-x = a AS b", '{"a":1,"b":2}') == {"a": "1", "b": "1"}


def test_as_removes_the_field_when_the_original_is_missing(tmp_path: Path) -> None:
    assert found(tmp_path, "FIELDALIAS-x = a AS b", '{"b":2}') == {}


def test_asnew_leaves_a_field_that_is_there(tmp_path: Path) -> None:
    assert found(tmp_path, "FIELDALIAS-x = a ASNEW b", '{"a":1,"b":2}') == {"a": "1", "b": "2"}
    assert found(tmp_path, "FIELDALIAS-x = a ASNEW b", '{"b":2}') == {"b": "2"}
    assert found(tmp_path, "FIELDALIAS-x = a ASNEW b", '{"a":1}') == {"a": "1", "b": "1"}


def test_one_setting_has_several_aliases(tmp_path: Path) -> None:
    settings = 'FIELDALIAS-x = a AS b, "c d" as e \\\n  a AS "f g"'
    assert found(tmp_path, settings, '{"a":1,"c d":2}') == {"a": "1", "b": "1", "c d": "2", "e": "2", "f g": "1"}


def test_an_alias_has_all_values_of_its_original(tmp_path: Path) -> None:
    assert found(tmp_path, "FIELDALIAS-x = a{} AS b", '{"a":[1,2]}')["b"] == ("1", "2")


def test_of_aliases_of_one_name_in_two_classes_the_later_in_ascii_order_has_the_last_word(tmp_path: Path) -> None:
    settings = "FIELDALIAS-b = b AS c\nFIELDALIAS-a = a AS c"
    assert found(tmp_path, settings, '{"a":1,"b":2}')["c"] == "2"


@pytest.mark.parametrize("value", ["a b", "a AS", "a AS b c", "a TO b", "", "userID AS user loginID AS user"])
def test_an_alias_that_cannot_work_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(KnowledgeError):
        knowledge(tmp_path, f"FIELDALIAS-x = {value}")


def test_calculations_are_parallel(tmp_path: Path) -> None:
    assert found(tmp_path, "EVAL-x = y*2\nEVAL-y = 100", '{"y":3}') == {"x": "6", "y": "100"}


def test_a_calculation_sees_aliases(tmp_path: Path) -> None:
    assert found(tmp_path, "FIELDALIAS-x = a AS b\nEVAL-c = b+1", '{"a":1}')["c"] == "2"


def test_an_alias_does_not_see_calculations(tmp_path: Path) -> None:
    assert found(tmp_path, "EVAL-a = 1\nFIELDALIAS-x = a AS b", "{}") == {"a": "1"}


def test_a_calculation_replaces_a_field_and_null_takes_it_away(tmp_path: Path) -> None:
    assert found(tmp_path, "EVAL-a = if(a=1, null(), a)", '{"a":1}') == {}
    assert found(tmp_path, 'EVAL-a = if(a=1, null(), a."x")', '{"a":2}') == {"a": "2x"}


def test_a_calculation_can_have_several_values(tmp_path: Path) -> None:
    assert found(tmp_path, 'EVAL-b = split(a, ",")', '{"a":"1,2"}')["b"] == ("1", "2")


def test_eval_counts_in_any_case_its_field_does_not(tmp_path: Path) -> None:
    assert found(tmp_path, "eVaL-a = B", '{"b":1,"B":2}')["a"] == "2"


def test_two_calculations_of_one_field_in_different_cases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError):
        found(tmp_path, "EVAL-a = 1\neval-a = 2", "{}")


@pytest.mark.parametrize("expression", ["nosuch(a)", "a=1", "if(a", ""])
def test_an_expression_that_cannot_be_a_fields_value_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(KnowledgeError, match="EVAL-x"):
        knowledge(tmp_path, f"EVAL-x = {expression}")
