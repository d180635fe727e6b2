"""The search command: terms, fields, wildcards, logic, times and subsearches.

Pages: "search", "Boolean expressions with logical operators", "Difference between NOT and !=", "Use CASE and TERM to
match phrases", "Time modifiers", "About subsearches", "format", "return".
"""

from __future__ import annotations

from typing import Any

import pytest

from standins.search.evals.values import number

from . import Knowledge, SplError
from .samples import NOW, event, result, rows, table

FIELDS: list[dict[str, Any]] = [
    {"user": "ann_b", "code": "404", "n": 7, "ip": "10.10.10.12"},
    {"user": "Bob", "code": "200", "tag": ("a", "b"), "ip": "10.10.10.23"},
    {"code": "50", "path": "C:\\temp\\x", "eventtype": "web", "ip": "2001:db8::1"},
    {"user": "", "index": "Main", "q": 'say "hi"', "path": "a/b"},
]
RAW = ("Failed login from 10.0.0.1, user=ann_b", "accepted LOGIN from 10.0.0.12", "url=/login?x=1 error", "nothing")
EVENTS = Knowledge(
    [{"_time": NOW - 5 + age, "_raw": raw, **fields} for age, (raw, fields) in enumerate(zip(RAW, FIELDS))]
)
ANN, BOB, URL, NOTHING = 5, 4, 3, 2


def found(search: str) -> list[int]:
    """Return the ages of the events that a search finds."""
    return [NOW - number(row["_time"]) for row in result(search, EVENTS).rows]


@pytest.mark.parametrize(
    ("search", "ages"),
    [
        # words and phrases in the raw event
        ("login", [URL, BOB, ANN]),
        ("fail", []),
        ("fail*", [ANN]),
        ("*iled", [ANN]),
        ("ann", [ANN]),
        ("ann_b", [ANN]),
        ('"login from"', [BOB, ANN]),
        ('"from login"', []),
        ("10.0.0.1", [ANN]),
        ("10.0.0.1*", [BOB, ANN]),
        ("TERM(10.0.0.1)", [ANN]),
        ("TERM(10.0.0)", []),
        ("TERM(user=ann_b)", [ANN]),
        ("CASE(LOGIN)", [BOB]),
        ("CASE(login)", [URL, ANN]),
        ("*", [NOTHING, URL, BOB, ANN]),
        # fields
        ("user=ann_b", [ANN]),
        ("user=ANN_B", [ANN]),
        ("user=bob", [BOB]),
        ("user=b*", [BOB]),
        ("user=*", [NOTHING, BOB, ANN]),
        ('user=""', [NOTHING]),
        ('user = "bob"', [BOB]),
        ("user!=bob", [NOTHING, ANN]),
        ("NOT user=bob", [NOTHING, URL, ANN]),
        ("NOT user=*", [URL]),
        ("user IN (bob, ann*)", [BOB, ANN]),
        ('NOT user IN ("bob", "x")', [NOTHING, URL, ANN]),
        ("index=main", [NOTHING]),
        ("tag=b", [BOB]),
        ("tag=a tag=b", [BOB]),
        ("eventtype=web", [URL]),
        ('path="C:\\\\temp\\\\x"', [URL]),
        ('q="say \\"hi\\""', [NOTHING]),
        # numbers
        ("code>100", [BOB, ANN]),
        ("code>=200 code<404", [BOB]),
        ("code<=50", [URL]),
        ("code=404.0", []),
        ("code=404", [ANN]),
        # networks
        ("ip=10.10.10.0/24", [BOB, ANN]),
        ('ip="2001:db8::/32"', [URL]),
        ("ip!=10.10.10.0/24", [URL]),
        ("ip IN (10.10.10.12/32, 2001:db8::/32)", [URL, ANN]),
        ("path=a/b", [NOTHING]),
        ("n=7", [ANN]),
        ("n!=7", []),
        # logic: OR before AND, NOT for one term
        ("code=404 AND user=bob OR user=ann_b", [ANN]),
        ("(code=404 AND user=bob) OR user=ann_b", [ANN]),
        ("code=200 OR code=50 login", [URL, BOB]),
        ("NOT code=404 login", [URL, BOB]),
        ("NOT (code=404 OR code=200)", [NOTHING, URL]),
        ("NOT ()", []),
        ("code=* AND NOT user=*", [URL]),
    ],
)
def test_search_finds(search: str, ages: list[int]) -> None:
    assert found(search) == ages


def test_inequality_of_a_multivalue_holds_as_soon_as_one_value_differs() -> None:
    assert found("tag!=a") == [BOB]
    assert found("NOT tag=a") == [NOTHING, URL, ANN]


@pytest.mark.parametrize(
    ("search", "ages"),
    [
        (f"earliest={NOW - 3}", [NOTHING, URL]),
        (f"latest={NOW - 3}", [BOB, ANN]),
        ("earliest=-4s latest=-3s", [BOB]),
        ("earliest=-4s latest=now", [NOTHING, URL, BOB]),
        ("earliest=-4s latest=now() user=bob", [BOB]),
        ('earliest="11/14/2023:22:13:17"', [NOTHING, URL]),
        ("earliest=@d", [NOTHING, URL, BOB, ANN]),
        ("earliest=-1d@d latest=@d", []),
        ("starthoursago=1", [NOTHING, URL, BOB, ANN]),
    ],
)
def test_time_modifiers_bound_the_search(search: str, ages: list[int]) -> None:
    assert found(search) == ages


def test_time_range_of_the_run_holds_unless_the_search_names_one() -> None:
    assert len(result("*", EVENTS, earliest=NOW - 3, latest=NOW - 2).rows) == 1
    assert len(result("earliest=-1h", EVENTS, earliest=NOW - 3).rows) == 4


def test_search_in_the_middle_filters_results() -> None:
    assert rows("* | stats count by kind | search count>1 kind=p*") == [{"kind": "pear", "count": 2}]
    with pytest.raises(SplError, match="no _raw in which 'pear'"):
        rows("* | stats count by kind | search pear")
    with pytest.raises(SplError, match="begin of a search"):
        rows("* | search earliest=-1d")


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("a=", "too early"),
        ("(a=1", "too early"),
        ("a=1)", r"'\)' is not understood"),
        ("a IN 1", "list in parentheses"),
        ("a IN (1 2)", "stands in a list"),
        ("OR a=1", "OR has nothing before it"),
        ("a=1 OR", "too early"),
        ("NEAR(x)", r"unknown directive NEAR\(\)"),
        ("earliest>5", "takes '='"),
        ("earliest=-5parsecs", "not a unit"),
        ("earliest=someday", "not a time"),
        ("_index_earliest=-1d", "_index_earliest is not supported"),
        ("splunk_server=x", "splunk_server is not supported"),
        ("country=IN", "'IN' stands where a value should"),
        ("= 1", "'=' is not expected"),
    ],
)
def test_wrong_search_is_refused(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        found(search)


LIST = table({"kind": "pear", "x": "1"}, {"kind": "plum", "x": "2"}, {"kind": "plum", "x": "3"}, {"kind": "fig"})


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ("[search x=1 | fields kind | fields - _time _raw] | stats count", 1),
        ("[search x=2 OR x=1 | table kind] | stats count", 3),
        ("[search x=9 | table kind] | stats count", 0),
        ("NOT [search x>1 | table kind] | stats count", 2),
        ("[search x=2 | return kind] | stats count", 2),
        ("[search kind=plum | return 2 x] | stats count", 2),
        ("[search x=2 | return kind=kind] | stats count", 2),
        ('[search x=2 | eval search="kind=pear OR kind=fig" | table search] | stats count', 2),
        ('[search x=2 | eval query="kind=fig" | fields query | fields - _*] | stats count', 1),
        ('x=* [| makeresults | eval kind="pear" | fields kind | fields - _time] | stats count', 1),
    ],
)
def test_subsearch_becomes_terms_of_the_search(search: str, count: int) -> None:
    assert rows(search, LIST) == [{"count": count}]


@pytest.mark.parametrize(
    ("search", "written"),
    [
        ("| format", '( ( kind="pear" AND x="1" ) OR ( kind="plum" AND x="2" ) OR ( kind="fig" ) )'),
        ("| head 1 | format", '( ( kind="pear" AND x="1" ) )'),
        ("| where x>5 | format", "NOT ( )"),
        ('| where x>5 | format emptystr="none"', "none"),
        ("| format maxresults=1", '( ( kind="pear" AND x="1" ) )'),
        ('| head 1 | format "[" "[" "&&" "]" "||" "]"', '[ [ kind="pear" && x="1" ] ]'),
        ('| head 1 | eval x=split("a,b", ",") | format', '( ( kind="pear" AND ( x="a" OR x="b" ) ) )'),
        ('| head 1 | eval x="a\\"b" | format', '( ( kind="pear" AND x="a\\"b" ) )'),
        ("| return kind", 'kind="pear"'),
        ("| return $kind", "pear"),
        ("| return 2 $kind", "(pear) OR (plum)"),
        ("| return 2 k=kind x", '(k="pear" x="1") OR (k="plum" x="2")'),
        ("| return nothing", "NOT ( )"),
    ],
)
def test_format_and_return_write_a_search(search: str, written: str) -> None:
    data: Any = table({"kind": "pear", "x": "1"}, {"kind": "plum", "x": "2"}, {"kind": "fig"})
    assert rows(f"* | table kind x {search}", data) == [{"search": written}]


def test_events_come_latest_first() -> None:
    data = Knowledge([event(0, n="old"), event(60, n="new"), event(30, n="middle")])
    assert [row["n"] for row in rows("*", data)] == ["new", "middle", "old"]
