"""How a search is read: pipes, quotes, comments, macros, subsearches, and which errors name what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import COMMAND_NAMES, Knowledge, Macro, SplError, run
from .samples import NOW, fruit, result, rows

MACROS = {
    ("kinds", 0): Macro("kind=pear"),
    ("of", 1): Macro("kind=$kind$", ("kind",)),
    ("either", 2): Macro('(kind="$one$" OR kind="$other$")', ("one", "other")),
    ("outer", 1): Macro("`of($x$)` weight>4", ("x",)),
    ("loop", 0): Macro("`loop`"),
    ("checked", 1): Macro("head $n$", ("n",), validation="isint($n$)", error_message="not a whole number"),
    ("told", 1): Macro("head $n$", ("n",), validation='if($n$ > 3, "too many", null())'),
    ("built", 1): Macro('"head " . ($n$ + 1)', ("n",), is_eval=True),
    ("show", 1): Macro('eval shown="$text$"', ("text",)),
}


def with_macros(search: str) -> list[dict[str, object]]:
    return rows(search, Knowledge(fruit().rows, MACROS))


def test_pipes_brackets_and_commas_in_quotes_are_text() -> None:
    found = rows('kind=plum | eval a="x | y [z", b="(", c="\\"q\\"" | table a b c')
    assert found == [{"a": "x | y [z", "b": "(", "c": '"q"'}]


def test_comments_are_left_out_wherever_they_stand() -> None:
    assert rows("kind=plum ```the ripe ones``` | ```now count``` stats count ```done```") == [{"count": 1}]
    assert rows('kind=plum | eval a="```kept```" | table a') == [{"a": "```kept```"}]


def test_search_may_begin_with_the_command_or_without() -> None:
    assert rows("kind=plum | table kind") == rows("search kind=plum | table kind") == [{"kind": "plum"}]
    assert rows("| search kind=plum | table kind") == [{"kind": "plum"}]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("`kinds` | stats count", 2),
        ("`of(apple)` | stats count", 2),
        ("`either(apple, plum)` | stats count", 3),
        ('`either("apple", "no, thing")` | stats count', 2),
        ("`outer(apple)` | stats count", 1),
        ("* | `checked(2)` | stats count", 2),
        ("* | `told(3)` | stats count", 3),
        ("* | `built(1)` | stats count", 2),
        ("* | append [search `kinds`] | stats count", 7),
    ],
)
def test_macros_are_expanded_with_their_arguments(search: str, expected: int) -> None:
    assert with_macros(search) == [{"count": expected}]


def test_macros_in_quotes_are_text() -> None:
    assert with_macros('kind=plum | eval a="`kinds`" | table a') == [{"a": "`kinds`"}]
    assert with_macros('kind=plum | `show("a (b), c")` | table shown') == [{"shown": "a (b), c"}]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("`nothing`", "unknown macro nothing"),
        ("`of(a, b)`", r"unknown macro of\(2\)"),
        ("`loop`", "without end"),
        ("* | `checked(x)`", "the macro checked: not a whole number"),
        ("* | `told(4)`", "the macro told: too many"),
        ("* | `two words here`", "not a macro"),
    ],
)
def test_macro_that_cannot_be_expanded_is_named(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        with_macros(search)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("", "empty"),
        ("* |", "nothing between two pipes"),
        ("* | | stats count", "nothing between two pipes"),
        ("* | frobnicate x", "unknown command frobnicate"),
        ("* | geostats count", "unknown command geostats"),
        ("* | eventcount", "unknown command eventcount"),
        ('* | eval a="open', "quote at position"),
        ("* | append [search *", "bracket at position"),
        ("* ] | stats count", "closes nothing"),
        ("* | stats count by kind | makeresults", "makeresults: must be the first command"),
        ('* | "stats" count', "not the name of a command"),
    ],
)
def test_broken_search_is_refused_with_what_is_wrong(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        result(search)


@pytest.mark.parametrize(
    "search",
    [
        "* | append maxfoo=1 [search *]",
        "* | bin foo=1 weight",
        "* | chart foo=1 count by kind",
        "* | convert foo=1 ctime(_time)",
        "* | dedup foo=1 kind",
        "* | eventstats foo=1 count",
        "* | fillnull foo=1",
        "* | foreach foo=1 a* [eval x=1]",
        "* | format foo=1",
        "* | head foo=1",
        "| inputlookup foo=1 x",
        "* | join foo=1 kind [search *]",
        "* | lookup foo=1 x kind",
        "* | makemv foo=1 kind",
        "| makeresults foo=1",
        "* | mvcombine foo=1 kind",
        "* | mvexpand foo=1 kind",
        '* | rex foo=1 "(?<a>.)"',
        "* | sort foo=1 kind",
        "* | spath foo=1",
        "* | stats foo=1 count",
        "* | streamstats foo=1 count",
        "* | timechart foo=1 count",
        "* | top foo=1 kind",
        "* | rare foo=1 kind",
        "* | transpose foo=1",
        "| tstats foo=1 count",
        "* | xyseries foo=1 a b c",
        "| datamodel foo=1 a b search",
        "* | addtotals foo=1",
        "* | addcoltotals foo=1",
        "* | appendcols foo=1 [search *]",
        "* | appendpipe foo=1 [stats count]",
    ],
)
def test_unknown_option_is_named(search: str) -> None:
    with pytest.raises(SplError, match=r"unknown option (foo|maxfoo)"):
        result(search)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("* | top limit=many kind", "'many' of the option limit"),
        ("* | dedup kind keepempty=perhaps", "neither true nor false"),
        ("* | join type=cross kind [search *]", "none of inner, outer, left"),
        ("* | stats count by kind extra(", "not understood"),
        ("* | head 5 6", "not understood"),
        ("* | reverse now", "'now' is not understood"),
        ("* | rename kind", "'as' is missing"),
        ("* | stats frob(kind)", r"stats: unknown function frob\(\)"),
        ("* | stats sum", r"sum\(\) needs a field"),
        ("* | stats count(eval(frob(kind)))", r"stats: unknown function frob\(\)"),
        ("* | eval a=frob(kind)", r"eval: a: unknown function frob\(\)"),
        ("* | eval a", "an assignment is"),
        ("* | eval a=(kind=1)", "cannot hold the truth value"),
        ("* | where kind", "where: .* where a condition is needed"),
        ("* | convert frob(kind)", r"convert: unknown function frob\(\)"),
        ("* | timechart frob(kind)", r"unknown function frob\(\)"),
        ("* | tstats count", "must be the first command"),
    ],
)
def test_unknown_function_or_misplaced_argument_is_named(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        result(search)


def test_saved_search_runs_by_its_name() -> None:
    data = Knowledge(fruit().rows, searches={"my pears": "kind=pear | stats count", "made": "| makeresults count=3"})
    assert rows('| savedsearch "my pears"', data) == [{"count": 2}]
    assert len(run("| savedsearch made", data, now=NOW).rows) == 3
    with pytest.raises(SplError, match="unknown saved search nobody"):
        rows("| savedsearch nobody", data)


def test_columns_come_in_the_order_of_the_commands() -> None:
    found = result("* | stats count dc(colour) as colours by kind | eval x=1 | rename kind as fruit")
    assert found.fields == ["fruit", "count", "colours", "x"]
    assert found.column("colours") == [2, 1, 1]


def test_every_command_is_shown_by_a_test_of_this_folder() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    missing = {name for name in COMMAND_NAMES if not re.search(rf"""[|"'] ?{name}[ "']""", text)}
    assert missing == set()
