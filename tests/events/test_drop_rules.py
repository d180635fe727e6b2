"""Drop rules: what they mean, and what a wrong one is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from estreamer.errors import Problem
from estreamer.events.drop_rules import MAX_LENGTH, MAX_RULES, Condition, DropRules, Rule, Value
from estreamer.protocol.fully_qualified import EVENT_TYPES
from hypothesis import given
from hypothesis import strategies as st

PAGE = Path(__file__).parents[2] / "docs" / "drop_rules.md"


def drops(rule: str, **fields: object) -> bool:
    return DropRules.parse(rule).drops("ConnectionEvent", json.dumps(fields).encode()) is not None


def test_an_event_that_meets_all_conditions_of_one_rule_is_dropped():
    rules = DropRules.parse("ConnectionEvent: A=1, B=2\nConnectionEvent: C=3\nFileEvent: A=1")
    assert rules.drops("ConnectionEvent", b'{"A":1, "B":2}') == 0
    assert rules.drops("ConnectionEvent", b'{"A":1, "B":3}') is None
    assert rules.drops("ConnectionEvent", b'{"A":1, "B":3, "C":"3"}') == 1
    assert rules.drops("FileEvent", b'{"A":"1"}') == 2
    assert rules.drops("IntrusionEvent", b'{"A":1}') is None
    assert rules.event_types() == {"ConnectionEvent", "FileEvent"}
    assert len(rules) == 3


@pytest.mark.parametrize(
    ("condition", "value", "met"),
    [
        ("F=Allow", "allow", True),
        ("F=Allow", "Allowed", False),
        ("F=Allow|Trust", "trust", True),
        ("F=Allow | Trust", "Block", False),
        ("F=Backup*", "Backup to tape", True),
        ("F=*tape", "backup to TAPE", True),
        ("F=B*to*e", "Backup to tape", True),
        ("F=a*a", "a", False),
        ("F=*", "", True),
        ("F=a*b*c", "acb", False),
        ('F="Back*"', "Backup", False),
        ('F="Back*"', "back*", True),
        ('F="a, b; c | d"', "a, b; c | d", True),
        (r'F="say \"x\" \\"', 'say "x" \\', True),
        ('F=""', "", True),
        ("F=Rule #5", "rule #5", True),
        ("F=443", 443, True),
        ("F=443", "443", True),
        ("F=44*", 443, True),
        ("F=true", True, True),
        ("F=10.0.0.0/8", "10.1.2.3", True),
        ("F=10.0.0.0/8", "11.1.2.3", False),
        ("F=10.0.0.1/8", "10.9.9.9", True),
        ("F=2001:db8::/32", "2001:DB8:1::5", True),
        ("F=2001:db8::/32", "10.1.2.3", False),
        ("F=10.0.0.0/8", "not an address", False),
        ("F=a/b", "A/B", True),
        ("F!=Allow", "Block", True),
        ("F!=Allow|Block", "Block", False),
        ("F!=10.0.0.0/8", "11.0.0.1", True),
        ("F<10", 9, True),
        ("F<10", "9", True),
        ("F<10", 10, False),
        ("F<=10", 10, True),
        ("F>-5", -4, True),
        ("F>=18446744073709551", 18446744073709551, True),
        ("F>1", "many", False),
        ("F>1", [5], False),
    ],
)
def test_operators(condition: str, value: object, met: bool):
    assert drops(f"ConnectionEvent: {condition}", F=value) is met


@pytest.mark.parametrize("condition", ["F=x", "F!=x", "F<5", "F=*"])
def test_a_field_that_is_missing_meets_no_condition(condition: str):
    assert not drops(f"ConnectionEvent: {condition}", G="y")
    assert not drops(f"ConnectionEvent: {condition}", F=None)


def test_a_rule_without_conditions_drops_its_type_without_parsing():
    rules = DropRules.parse("FileEvent:")
    assert rules.drops("FileEvent", b"not JSON") == 0
    assert rules.drops("ConnectionEvent", b"{}") is None


def test_a_wrapped_event_is_looked_into():
    rules = DropRules.parse("ConnectionEvent: A=1")
    assert rules.drops("ConnectionEvent", b'{"ConnectionEvent": {"A":1}}') == 0


@pytest.mark.parametrize("payload", [b"", b"x", b"[1]", b"\xff", b"[" * 50_000, b'{"A":'])
def test_what_is_no_object_is_not_dropped(payload: bytes):
    assert DropRules.parse("ConnectionEvent: A!=1").drops("ConnectionEvent", payload) is None


def test_comments_blank_lines_and_semicolons():
    rules = DropRules.parse("# first\n\n ConnectionEvent: A=1 ;FileEvent: B=2;; \r\n  # last")
    assert str(rules) == "ConnectionEvent: A=1\nFileEvent: B=2"


def test_no_text_means_no_rules():
    assert DropRules.parse("") == DropRules(())
    assert DropRules.parse("").event_types() == frozenset()


def test_equal_rules_are_equal():
    assert DropRules.parse("FileEvent: A = 1") == DropRules.parse("FileEvent:A=1")
    assert hash(DropRules.parse("FileEvent: A=1")) == hash(DropRules.parse("FileEvent:A=1"))
    assert DropRules.parse("FileEvent: A=1") != DropRules.parse("FileEvent: A=2")


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("Nonsense", 1, 1, "an event type"),
        ("ConnectionEvents: A=1", 1, 1, "an event type"),
        ("FileEvent A=1", 1, 11, "a colon"),
        ("\nFileEvent: =1", 2, 12, "the name of a field"),
        ("FileEvent: A", 1, 13, "one of ="),
        ("FileEvent: A~1", 1, 13, "one of ="),
        ("FileEvent: A=", 1, 14, "a value"),
        ("FileEvent: A=1|", 1, 16, "a value"),
        ("FileEvent: A=1,", 1, 16, "the name of a field"),
        ('FileEvent: A="x" B=2', 1, 18, "a comma"),
        ('FileEvent: A="x', 1, 14, "a value"),
        ("FileEvent: A<x", 1, 14, "one whole number"),
        ("FileEvent: A<1|2", 1, 14, "one whole number"),
        ("FileEvent: A=1\nFileEvent: B=1\n  FileEvent: C", 3, 15, "one of ="),
    ],
)
def test_a_wrong_rule_is_told_with_its_place_and_what_was_expected(text: str, line: int, column: int, expected: str):
    with pytest.raises(Problem) as caught:
        DropRules.parse(text)
    assert caught.value.code == "drop_rules_invalid"
    assert caught.value.text.startswith(f"drop_rules, line {line}, column {column}: expected {expected}")


@pytest.mark.parametrize("text", ["FileEvent: A=" + "x" * MAX_LENGTH, "FileEvent:\n" * (MAX_RULES + 1)])
def test_there_are_limits(text: str):
    with pytest.raises(Problem) as caught:
        DropRules.parse(text)
    assert "at most" in caught.value.text


def test_hostile_patterns_take_no_time():
    assert not drops("ConnectionEvent: F=" + "*a" * 200 + "*b", F="a" * 100_000)


def test_the_examples_of_the_page_are_rules():
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(DropRules.parse(blocks[0])) == 5


words = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,10}", fullmatch=True)
quoted = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12).map(
    lambda text: Value(text, quoted=True)
)
bare = st.from_regex(r"[A-Za-z0-9*./:-]([A-Za-z0-9*./: #=-]{0,8}[A-Za-z0-9*])?", fullmatch=True).map(Value)
texts = st.tuples(words, st.sampled_from(["=", "!="]), st.lists(st.one_of(quoted, bare), min_size=1, max_size=3))
numbers = st.tuples(
    words, st.sampled_from(["<", "<=", ">", ">="]), st.integers().map(lambda n: [Value(str(n % 10**9))])
)
conditions = st.one_of(texts, numbers).map(lambda parts: Condition(parts[0], parts[1], tuple(parts[2])))
rules_strategy = st.builds(Rule, st.sampled_from(EVENT_TYPES), st.lists(conditions, max_size=3).map(tuple))


@given(st.lists(rules_strategy, max_size=4))
def test_rules_written_and_read_again_are_the_same(rules: list[Rule]):
    assert DropRules.parse(str(DropRules(rules))) == DropRules(rules)


@given(st.one_of(st.text(max_size=80), st.text('FileEvent:A="|,;<>=!*#\n\\ 1', max_size=40).map("FileEvent: ".__add__)))
def test_no_text_whatever_raises_anything_but_a_problem_with_its_place(text: str):
    try:
        assert DropRules.parse(text).event_types() <= set(EVENT_TYPES)
    except Problem as problem:
        assert re.match(r"drop_rules, line \d+, column \d+: expected ", problem.text)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
            lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.just("F"), inner, max_size=1)),
            max_leaves=5,
        ).map(lambda value: json.dumps({"F": value}).encode()),
    )
)
def test_no_payload_whatever_raises(payload: bytes):
    rules = DropRules.parse('ConnectionEvent: F=10.0.0.0/8|a*b|"x", F!=y, F<5\nConnectionEvent: F!=zz')
    assert rules.drops("ConnectionEvent", payload) in (None, 0, 1)
