"""Commands that compute or take apart fields. Pages: the commands' own of the Search Reference."""

from __future__ import annotations

from typing import Any

import pytest

from .data import Knowledge
from .errors import SplError
from .samples import NOW, result, rows, table

JSON = '{"a":{"b":[{"c":1},{"c":2}]},"d":"x","e":null,"f":true}'


def one(search: str, **fields: Any) -> dict[str, Any]:
    """Run commands over one row; return it."""
    (row,) = rows(f"* | {search}", table(fields))
    return row


def test_eval_assigns_from_left_to_right() -> None:
    assert one('eval a=1+1, b=a*2, c=if(b>3, "big", "small")') == {"a": 2, "b": 4, "c": "big"}
    assert one("eval \"a b\"=1, 'c.d'='a b'+1") == {"a b": 1, "c.d": 2}
    assert one("eval {name}=5, x_{name}=6", name="k") == {"name": "k", "k": 5, "x_k": 6}


def test_eval_of_null_removes_the_field() -> None:
    assert one('eval a=null(), b=absent."x"', a="1", b="2") == {}


def test_eval_sees_the_now_of_the_run() -> None:
    assert one('eval a=now(), b=relative_time(now(), "@d")') == {"a": NOW, "b": NOW - NOW % 86400}


def test_fieldformat_leaves_the_values() -> None:
    assert one('| fieldformat n=tostring(n, "commas")'.lstrip("| "), n="1000") == {"n": "1000"}
    with pytest.raises(SplError, match=r"fieldformat: n: unknown function frob\(\)"):
        rows("* | fieldformat n=frob(n)")


@pytest.mark.parametrize(
    ("search", "when", "expected"),
    [
        ("bin _time span=5m", 1_700_000_123, 1_700_000_100),
        ("bin span=1h _time", 1_700_000_123, 1_699_999_200),
        ("bin _time span=1d", 1_700_000_123, 1_699_920_000),
        ("bucket _time span=30s", 1_700_000_123.5, 1_700_000_100),
        ("bin _time span=2d", 86400 * 3, 86400 * 2),
        ("bin _time span=1mon", 1_700_000_123, 1_698_796_800),
        ("bin _time span=3mon", 1_700_000_123, 1_696_118_400),
        ("bin _time span=1w", 1_700_000_123, 1_699_747_200),
    ],
)
def test_bin_snaps_times_to_spans(search: str, when: float, expected: int) -> None:
    (row,) = result(f"* | {search}", Knowledge([{"_time": when, "_raw": ""}])).rows
    assert row["_time"] == expected


def test_bin_makes_ranges_of_numbers() -> None:
    assert one("bin n span=10", n="15") == {"n": "10-20"}
    assert one("bin n span=10 as range", n="20") == {"n": "20", "range": "20-30"}
    assert one("bin n span=0.5", n="1.2") == {"n": "1-1.5"}
    assert one("bin n span=10", n="word") == {"n": "word"}
    for search, message in (
        ("bin n", "without a span"),
        ("bin n span=0", "the span '0' of n"),
        ("bin n span=2log10", "not a span"),
        ("bin n bins=10", "unknown option bins"),
        ("bin n span=10 start=0", "unknown option start"),
        ("bin n minspan=1h", "unknown option minspan"),
        ("bin n span=1h aligntime=@d", "unknown option aligntime"),
        ("bin _time span=5q5", "not a span"),
        ("bin _time span=2w", "several weeks"),
    ):
        with pytest.raises(SplError, match=message):
            one(search, n="1")


@pytest.mark.parametrize(
    ("search", "value", "expected"),
    [
        ("bin first span=5m", "1700000123", 1_700_000_100),
        ("bin first span=1h", 1_700_000_123.75, 1_699_999_200),
        ("bin first span=1d", 1_700_000_123, 1_699_920_000),
        ("bin first span=1mon", 1_700_000_123, 1_698_796_800),
        ("bucket span=30s first", 1_700_000_123, 1_700_000_100),
        ("bin first span=5m", "no time", "no time"),
    ],
)
def test_bin_of_any_field_by_a_span_with_a_time_scale_is_a_time_range(search: str, value: Any, expected: Any) -> None:
    assert one(search, first=value) == {"first": expected}
    assert one(f"{search} as begin", first=value).get("begin", value) == expected


@pytest.mark.parametrize(
    ("conversion", "value", "expected"),
    [
        ("ctime(x)", "1700000000", "11/14/2023 22:13:20"),
        ('timeformat="%Y-%m-%dT%H:%M:%S" ctime(x)', 1700000000, "2023-11-14T22:13:20"),
        ('timeformat="%F %T" mktime(x)', "2023-11-14 22:13:20", 1700000000),
        ("auto(x)", "5", 5),
        ("auto(x)", "five", "five"),
        ("num(x)", "5.5", 5.5),
        ("num(x)", "five", None),
        ("none(x)", "5", "5"),
        ("dur2sec(x)", "1+01:00:05", 90005),
        ("dur2sec(x)", "00:10:15", 615),
        ("memk(x)", "2m", 2048),
        ("memk(x)", "3", 3),
        ("mstime(x)", "2:03.5", 123.5),
        ("rmcomma(x)", "1,000,000.00", "1000000.00"),
        ("rmunit(x)", "212 sec", "212"),
        ("ctime(*)", "0", "01/01/1970 00:00:00"),
    ],
)
def test_convert_changes_a_value_as_the_named_function_says(conversion: str, value: Any, expected: Any) -> None:
    assert one(f"convert {conversion}", x=value).get("x") == expected


def test_convert_to_another_field_and_of_several() -> None:
    assert one("convert num(x) as y rmunit(z)", x="5", z="6kg") == {"x": "5", "y": 5, "z": "6"}


def test_convert_of_all_fields_but_some() -> None:
    data = table({"a": "1", "b": "2", "c": "3"}, {"a": "4", "b": "x"})
    assert rows("* | table a b c | convert auto(*) none(c)", data) == [{"a": 1, "b": "2", "c": "3"}, {"a": 4, "b": "x"}]
    assert rows("* | table a b | convert num(*)", data) == [{"a": 1, "b": 2}, {"a": 4}]


@pytest.mark.parametrize(
    ("command", "fields", "expected"),
    [
        (r'rex "user=(?<user>\w+)"', {"_raw": "x user=ann y"}, {"user": "ann"}),
        (
            r'rex field=u "(?<scheme>\w+)://(?<host>[^/:]+)"',
            {"u": "http://h.example/p"},
            {"scheme": "http", "host": "h.example"},
        ),
        (r'rex field=u "(?P<a>x)?(?<b>y)"', {"u": "y"}, {"b": "y"}),
        (r'rex field=u "(?<a>\d)"', {"u": "none", "a": "kept"}, {"a": "kept"}),
        (r'rex field=u max_match=0 "(?<a>\d)"', {"u": "1 2 3"}, {"a": ("1", "2", "3")}),
        (r'rex field=u max_match=2 "(?<a>\d)"', {"u": "1 2 3"}, {"a": ("1", "2")}),
        (
            r'rex field=u mode=sed "s/(\d{4}-){3}/XXXX-XXXX-XXXX-/g"',
            {"u": "1234-5678-9012-3456"},
            {"u": "XXXX-XXXX-XXXX-3456"},
        ),
        (
            r'rex field=t max_match=0 "((?<k>[^$]*)\$(?<v>[^,]*),?)"',
            {"t": "a$1,b$2"},
            {"k": ("a", "b"), "v": ("1", "2")},
        ),
        (
            r'rex mode=sed field=s "s/\s\"(\d+\.\d+\.\d+\.\d+)\"\s/\1/g"',
            {"s": 'ip=TERM( "10.8.2.33" ) OR ip=TERM( "172.17.154.197" )'},
            {"s": "ip=TERM(10.8.2.33) OR ip=TERM(172.17.154.197)"},
        ),
        (
            r'rex field=s "(?<user>\w+);(?<app>\w+);(?<name>\w+)"',
            {"s": "bob;search;mine"},
            {"user": "bob", "app": "search", "name": "mine"},
        ),
        (r'rex field=u mode=sed "s/a/b/2"', {"u": "aaa"}, {"u": "aba"}),
        (r'rex field=u mode=sed "s/a/b/9"', {"u": "aaa"}, {"u": "aaa"}),
        (r'rex field=u mode=sed "s/a/b/"', {"u": "aa"}, {"u": "ba"}),
        (r'rex field=u mode=sed "s/\//|/g"', {"u": "a/b/c"}, {"u": "a|b|c"}),
        (r'rex field=u mode=sed "y/abc/xyz/"', {"u": "cab"}, {"u": "zxy"}),
        (r'rex field=u mode=sed "s/(a)(b)/\2\1/"', {"u": "ab"}, {"u": "ba"}),
    ],
)
def test_rex_extracts_named_groups_or_replaces_by_sed(
    command: str, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    row = one(command, **fields)
    assert {name: row.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ('rex "no group"', "names no group"),
        ('rex "(?<a>"', "regular expression"),
        ('rex mode=sed "q/a/b/"', "not understood as sed"),
        ('rex mode=sed "s/a/b/x"', "unknown sed flags"),
        ('rex mode=perl "(?<a>.)"', "none of sed"),
    ],
)
def test_rex_refuses_what_it_does_not_know(command: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        one(command)


def test_spath_extracts_all_or_a_path() -> None:
    assert one("spath", _raw=JSON) == {"a.b{}.c": ("1", "2"), "d": "x", "f": "true"}
    assert one("spath input=j path=a.b{1}.c output=c", j=JSON)["c"] == "2"
    assert one("spath input=j a.b{}.c", j=JSON)["a.b{}.c"] == ("1", "2")
    assert one("spath input=j path=a.b{0}", j=JSON)["a.b{0}"] == '{"c":1}'
    assert one("spath input=j path=z", j=JSON) == {"j": JSON}
    assert one("spath input=j", j="no json") == {"j": "no json"}
    with pytest.raises(SplError, match="XML"):
        one("spath input=j", j="<a/>")
    for command in ("spath input=j", "spath input=j path=a"):
        assert one(command, j='{"a":"' + "ä" * 2496 + '"}')["a"] == "ä" * 2496
        with pytest.raises(SplError, match="first 5000 bytes"):
            one(command, j='{"a":"' + "ä" * 2497 + '"}')


def test_makemv_mvexpand_and_mvcombine() -> None:
    assert one('makemv delim="," a', a="x,,y") == {"a": ("x", "y")}
    assert one('makemv delim="," allowempty=t a', a="x,,y") == {"a": ("x", "", "y")}
    assert one('makemv tokenizer="(\\w)\\d" a', a="x1y2") == {"a": ("x", "y")}
    data = table({"a": ("x", "y"), "b": "1"}, {"b": "2"})
    assert rows("* | mvexpand a", data) == [{"a": "x", "b": "1"}, {"a": "y", "b": "1"}, {"b": "2"}]
    assert len(rows("* | mvexpand a limit=1", data)) == 2
    assert rows("* | table a b | mvexpand a | mvcombine a", data) == [{"a": ("x", "y"), "b": "1"}, {"b": "2"}]


def test_foreach_runs_its_template_for_each_field() -> None:
    assert one("foreach in_* out [eval <<FIELD>>='<<FIELD>>'*2]", in_a="1", in_b="2", out="3") == {
        "in_a": 2,
        "in_b": 4,
        "out": 6,
    }
    found = one("foreach in_* [eval sum_<<MATCHSTR>>=<<FIELD>>+1]", in_a="1")
    assert found == {"in_a": "1", "sum_a": 2}
    assert one("foreach fieldstr=F a [eval F=F+1]", a="1") == {"a": 2}
