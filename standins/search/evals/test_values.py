"""Null, multivalues, and numbers in the form of text."""

from __future__ import annotations

from typing import Any

import pytest

from standins.search.evals import EvalError, parse

NAMES = ("alpha", "beta", "gamma")


@pytest.mark.parametrize("operation", ["+", "-", "*", "/", "%", "."])
def test_null_makes_every_calculation_null(operation: str) -> None:
    assert parse(f"absent {operation} 1").evaluate({}) is None
    assert parse(f"1 {operation} absent").evaluate({}) is None


@pytest.mark.parametrize("operation", ["=", "==", "!=", "<", "<=", ">", ">="])
def test_comparison_with_null_is_neither_true_nor_false(operation: str) -> None:
    assert parse(f"absent {operation} 1").evaluate({}) is None
    assert parse(f"NOT absent {operation} 1").evaluate({}) is None
    assert parse(f"absent {operation} 1").holds({}) is False


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("absent=1 OR true()", True),
        ("absent=1 AND false()", False),
        ("absent=1 AND true()", None),
        ("absent=1 OR false()", None),
        ("absent=1 XOR true()", None),
        ('absent IN ("a")', None),
        ('absent LIKE "%"', None),
        ('match(absent, ".")', None),
    ],
)
def test_null_in_logic_decides_nothing(expression: str, value: Any) -> None:
    assert parse(expression).evaluate({}) is value


def test_null_without_parentheses_is_null_where_no_field_has_its_name() -> None:
    assert parse("null").evaluate({"a": "1"}) is None
    assert parse("if(a=1,null,2)").evaluate({"a": "1"}) is None
    assert parse("isnull(null)").evaluate({}) is True
    assert parse("null").fields == frozenset()
    with pytest.raises(EvalError, match="left open where there is a field null"):
        parse("null").evaluate({"null": "x"})


@pytest.mark.parametrize("name", ["NULL", "Null", "true", "false", "TRUE"])
def test_other_words_without_parentheses_are_left_open(name: str) -> None:
    with pytest.raises(EvalError, match="without parentheses is left open"):
        parse(f"if(a=1,{name},2)")


def test_an_empty_text_is_not_null() -> None:
    assert parse("isnull(a)").evaluate({"a": ""}) is False
    assert parse('a=""').evaluate({"a": ""}) is True


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n + 1", 8),
        ("n * 2", 14),
        ('n . "x"', "007x"),
        ("n", "007"),
        ("n = 7", True),
        ('n = "7"', True),
        ("n < 10", True),
        ("big > n", True),
        ("w + w", "wordword"),
        ('n + " MB"', "007 MB"),
        ("w * 2", None),
        ("w > 5", True),
        ("isnum(n) AND NOT isstr(n)", True),
        ('isstr("7") AND NOT isnum("7")', True),
        ("n / 2", 3.5),
        ("n / 0", None),
        ("n % 4", 3),
        ("big - n", 993),
        ("n / 7", 1),
    ],
)
def test_text_that_reads_as_a_number_counts_as_one_and_keeps_its_look(expression: str, value: Any) -> None:
    assert parse(expression).evaluate({"n": "007", "big": "1000", "w": "word"}) == value


def test_numbers_are_written_as_short_as_they_are() -> None:
    assert parse('1/4 . "|" . 6/3 . "|" . (2+1.5)').evaluate({}) == "0.25|2|3.5"
    assert parse('count . ""').evaluate({"count": 3.0}) == "3"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # "Rounding" on the page of eval
        ("8.250 * 0.2", "2"),
        ("8.250 * 0.20", "1.7"),
        ("8.250 * 0.200", "1.65"),
        ("8.250 * exact(0.2)", "1.650"),
        ("-8.250 * 0.20", "-1.7"),
        ("2 * 1.5", "3.0"),
        ("1234 * 1.0", "1200"),
        ("n / 0.50", "0.50"),
        ("exact(n * 0.1)", 0.025),
        ("8.250 * 0.2 * 10", "20"),
        ("10 / 4", 2.5),
        ("0.0 * 3", 0),
    ],
)
def test_products_are_as_precise_as_the_least_precise_factor(expression: str, value: Any) -> None:
    assert parse(expression).evaluate({"n": "0.25"}) == value


def test_a_large_number_in_text_loses_no_digit() -> None:
    assert parse("a").evaluate({"a": "12345678901234567890"}) == "12345678901234567890"
    assert parse('coalesce(a, "x") . ""').evaluate({"a": "12345678901234567890"}) == "12345678901234567890"


@pytest.mark.parametrize("text", ["1,000", " 5", "0x1F", "1.2.3", "fe80::1", "-", "+", "", "5m", "nan", "inf", "٣"])
def test_what_only_resembles_a_number_is_text(text: str) -> None:
    assert parse("isnum(a)").evaluate({"a": text}) is False
    assert parse("a * 1").evaluate({"a": text}) is None


def test_plus_of_a_number_and_the_text_of_a_number_is_left_open() -> None:
    with pytest.raises(EvalError, match="left open"):
        parse('replace(a, ",", "") + 1').evaluate({"a": "1,000"})


def test_multivalue_compares_as_soon_as_one_value_does_and_calculates_to_null() -> None:
    row = {"a": NAMES, "n": ("1", "20")}
    assert parse('a="beta"').evaluate(row) is True
    assert parse('a="delta"').evaluate(row) is False
    assert parse("n>10").evaluate(row) is True
    assert parse('a IN ("x", "gamma")').evaluate(row) is True
    assert parse('a . "x"').evaluate(row) is None
    assert parse("n + 1").evaluate(row) is None


def test_multivalue_passes_through_and_shrinks_to_a_single_value() -> None:
    assert parse("a").evaluate({"a": NAMES}) == NAMES
    assert parse('mvfilter(a="beta")').evaluate({"a": NAMES}) == "beta"
    assert parse('mvfilter(a="delta")').evaluate({"a": NAMES}) is None


def test_what_no_reference_says_of_a_multivalue_is_an_error() -> None:
    with pytest.raises(EvalError, match=r"len\(\) is not supported on multivalues"):
        parse("len(a)").evaluate({"a": NAMES})
