"""How an expression is read: order of evaluation, literals, names, and which errors name what is refused and its
position."""

from __future__ import annotations

from typing import Any

import pytest

from standins.search.evals import EvalError, parse, parse_condition, parse_value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("7 % 4 * 2", 6),
        ("-2 + 5", 3),
        ("2 - -1", 3),
        ("+4 - +1", 3),
        ('"a" . 1 + 2', "a12"),
        ("1.5 + .5", 2),
        ("1e3 + 0", 1000),
    ],
)
def test_arithmetic_is_evaluated_in_the_usual_order(expression: str, value: Any) -> None:
    assert parse(expression).evaluate({}) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # Search Manual, "Boolean expressions with logical operators": NOT, AND, OR, XOR for eval and where.
        ("true() OR true() AND false()", True),
        ("(true() OR true()) AND false()", False),
        ("NOT false() AND false()", False),
        ("NOT (false() AND false())", True),
        ("true() XOR true() OR false()", False),
        ("true() xor false()", True),
        ("not true() or true()", True),
        ("NOT 1=2", True),
    ],
)
def test_logical_operators_bind_as_in_eval_and_where(expression: str, value: bool) -> None:
    assert parse(expression).evaluate({}) is value


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r'"surname"', "surname"),
        (r'"C:\\windows\\temp"', r"C:\windows\temp"),
        (r'"a\tb"', "a\tb"),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"\d+\.\w"', r"\d+\.\w"),
        ('"it\'s"', "it's"),
        ('"two\nlines"', "two\nlines"),
        ('""', ""),
    ],
)
def test_strings_know_few_escapes_and_keep_every_other_backslash(literal: str, value: str) -> None:
    assert parse(literal).evaluate({}) == value


def test_names_without_quotes_end_at_a_dot_which_joins_texts() -> None:
    row = {"a": "1", "b": "2", "a.b": "3", "it's": "4"}
    assert parse("a.b").evaluate(row) == "12"
    assert parse("'a.b'").evaluate(row) == "3"
    assert parse(r"'it\'s'").evaluate(row) == "4"
    assert parse("'a:b-c d'").fields == {"a:b-c d"}


def test_fields_are_all_that_the_expression_reads() -> None:
    expression = parse("if(match(a, \"x\"), coalesce('b c', d), mvfilter(e>1)) . strftime(now(), f)")
    assert expression.fields == {"a", "b c", "d", "e", "f"}


def test_words_that_are_operators_can_be_functions_and_parts_of_names() -> None:
    row = {"order": "x", "inside": "y", "notice": "z"}
    assert parse('like(order, "x") AND in(inside, "y") AND notice="z"').evaluate(row) is True
    assert parse('order LIKE "x%" and inside IN ("q", "y")').evaluate(row) is True


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "empty"),
        ("1 +", r"ends too early.*position 3"),
        ("a b", r"'b' is not expected.*position 2"),
        ("a = 1 = 2", r"'= 2' is not expected.*position 6"),
        ('"open', "is not expected.*position 0"),
        ("frobnicate(1)", r"unknown function frobnicate\(\) \(position 0\)"),
        ("1 + nope()", r"unknown function nope\(\) \(position 4\)"),
        ("replace(a)", r"replace\(\) takes 3 arguments, not 1 \(position 0\)"),
        ("round(1, 2, 3)", r"round\(\) takes 1 to 2 arguments, not 3"),
        ("coalesce()", r"coalesce\(\) takes at least 1 arguments, not 0"),
        ('case(a=1, "x", b=1)', r"case\(\) takes pairs"),
        ("true", "true without parentheses"),
        ("if(a, 1, 2)", r"if\(\) needs a condition"),
        ("a AND b=1", "AND needs a condition"),
        ("lower(a=1)", r"lower\(\) needs a value"),
        ("(a=1) . b", "needs a value"),
        ('"x" - 1', "operator '-'"),
        ('+"x"', r"operator '\+'"),
        ('-"x"', "operator '-'"),
        ('1 + "x"', r"operator '\+'"),
        ("(a=1) = 2", "truth value"),
        ("random()", r"random\(\) is not supported"),
        ("searchmatch(a)", r"searchmatch\(\) takes a search in quotes"),
        ('searchmatch("a=1 | head 1")', r"searchmatch\(\): terms are needed"),
    ],
)
def test_what_is_wrong_or_unknown_is_named_with_its_position(expression: str, message: str) -> None:
    with pytest.raises(EvalError, match=message):
        parse(expression)


def test_a_condition_cannot_be_assigned_and_a_value_is_no_condition() -> None:
    with pytest.raises(EvalError, match="cannot hold the truth value"):
        parse_value("a=1")
    with pytest.raises(EvalError, match="cannot hold the truth value"):
        parse_value("if(a=1, true(), false())")
    with pytest.raises(EvalError, match="where a condition is needed"):
        parse_condition("a")
    with pytest.raises(EvalError, match="cannot hold the truth value"):
        parse("if(a=1, true(), 2)").evaluate({"a": "1"})
    assert parse_value("tostring(a=1)").evaluate({"a": "1"}) == "True"
