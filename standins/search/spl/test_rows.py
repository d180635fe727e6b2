"""Commands that keep, order, name and turn rows and columns. Pages: the commands' own of the Search Reference."""

from __future__ import annotations

from typing import Any

import pytest

from .errors import SplError
from .samples import result, rows, table

ITEMS = table(
    {"name": "b", "n": "10", "ip": "10.0.0.9"},
    {"name": "a", "n": "9", "ip": "10.0.0.10"},
    {"name": "c", "n": "x", "ip": "2001:db8::1"},
    {"name": "a", "ip": "9.9.9.9"},
)


def names(search: str, field: str = "name") -> list[Any]:
    return result(f"* | {search}", ITEMS).column(field)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("head 2", ["b", "a"]),
        ("head", ["b", "a", "c", "a"]),
        ("head limit=1", ["b"]),
        ("head (isnotnull(n))", ["b", "a", "c"]),
        ("head (n>5) null=t", ["b", "a", "c", "a"]),
        ('head (name!="c") keeplast=t', ["b", "a", "c"]),
        ("tail 2", ["a", "c"]),
        ("tail", ["a", "c", "a", "b"]),
        ("reverse", ["a", "c", "a", "b"]),
        ("where n>5", ["b", "a", "c"]),
        ('where like(name, "%") AND isnull(n)', ["a"]),
        ('where name IN ("b", "c")', ["b", "c"]),
        ('regex name="[ab]"', ["b", "a", "a"]),
        ('regex name!="[ab]"', ["c"]),
        ('regex n="^\\d+$"', ["b", "a"]),
        ("dedup name", ["b", "a", "c"]),
        ("dedup 2 name", ["b", "a", "c", "a"]),
        ("dedup n", ["b", "a", "c"]),
        ("dedup n keepempty=t", ["b", "a", "c", "a"]),
        ("dedup name sortby +n", ["a", "b", "c"]),
        ("dedup name keepevents=t", ["b", "a", "c", None]),
        ("dedup name consecutive=t", ["b", "a", "c", "a"]),
    ],
)
def test_rows_that_stay(search: str, expected: list[str]) -> None:
    assert names(search) == expected


@pytest.mark.parametrize(
    ("search", "field", "expected"),
    [
        ("sort name", "name", ["a", "a", "b", "c"]),
        ("sort -name", "name", ["c", "b", "a", "a"]),
        ("sort - name", "name", ["c", "b", "a", "a"]),
        ("sort name desc", "name", ["c", "b", "a", "a"]),
        ("sort 2 name", "name", ["a", "a"]),
        ("sort limit=1 -name", "name", ["c"]),
        ("sort 0 name", "name", ["a", "a", "b", "c"]),
        ("sort n", "n", ["9", "10", "x", None]),
        ("sort -n", "n", ["x", "10", "9", None]),
        ("sort num(n)", "n", ["9", "10", "x", None]),
        ("sort str(n)", "n", ["10", "9", "x", None]),
        ("sort name, -n", "n", ["9", None, "10", "x"]),
        ("sort +name -ip", "ip", ["10.0.0.10", "9.9.9.9", "10.0.0.9", "2001:db8::1"]),
        ("sort ip", "ip", ["9.9.9.9", "10.0.0.9", "10.0.0.10", "2001:db8::1"]),
        ("sort str(ip)", "ip", ["10.0.0.10", "10.0.0.9", "2001:db8::1", "9.9.9.9"]),
        ("sort ip(ip)", "ip", ["9.9.9.9", "10.0.0.9", "10.0.0.10", "2001:db8::1"]),
        ("sort -ip(ip)", "ip", ["2001:db8::1", "10.0.0.10", "10.0.0.9", "9.9.9.9"]),
        ('sort "name"', "name", ["a", "a", "b", "c"]),
    ],
)
def test_sort_orders_by_several_fields_types_and_directions(search: str, field: str, expected: list[Any]) -> None:
    assert names(search, field) == expected


def test_table_chooses_and_orders_columns() -> None:
    assert result("* | table ip, n nothing", ITEMS).fields == ["ip", "n", "nothing"]
    assert result("* | table *", ITEMS).fields == ["name", "n", "ip"]
    assert result("* | table n*", ITEMS).fields == ["name", "n"]
    assert rows('* | table "name" | head 1', ITEMS) == [{"name": "b"}]


def test_fields_keeps_or_drops() -> None:
    assert rows("* | fields name | head 1", ITEMS) == [{"name": "b"}]
    assert result("* | fields name", ITEMS).fields == ["_time", "_raw", "name"]
    assert rows("* | fields + name, n | head 1", ITEMS) == [{"name": "b", "n": "10"}]
    assert rows("* | fields - n*, ip | head 1", ITEMS) == [{}]
    assert rows("* | fields -ip | head 1", ITEMS) == [{"name": "b", "n": "10"}]
    assert result("* | fields name | fields - _*", ITEMS).fields == ["name"]
    assert result("* | stats count by n name | fields name count", ITEMS).fields == ["name", "count"]


def test_rename_also_by_wildcard() -> None:
    data = table({"in_a": "1", "in_b": "2", "x.y.z": "3"})
    assert rows("* | rename in_* as out_*, x.y.z as z", data) == [{"out_a": "1", "out_b": "2", "z": "3"}]
    assert rows("* | rename x.* AS *", data) == [{"in_a": "1", "in_b": "2", "y.z": "3"}]
    assert rows('* | rename in_a as "Out A" | table "Out A"', data) == [{"Out A": "1"}]
    assert rows("* | rename in_a as in_b", data) == [{"in_b": "1", "x.y.z": "3"}]
    assert result("* | table in_a in_b | rename in_a as first", data).fields == ["first", "in_b"]
    with pytest.raises(SplError, match="different numbers of wildcards"):
        rows("* | rename in_* as out", data)


def test_fillnull_and_filldown() -> None:
    data = table({"a": "1", "b": "x"}, {"a": ""}, {"b": "y"})
    assert rows("* | fillnull", data) == [{"a": "1", "b": "x"}, {"a": "", "b": "0"}, {"a": "0", "b": "y"}]
    assert rows("* | fillnull value=none b", data)[1] == {"a": "", "b": "none"}
    assert rows('* | fillnull value="unknown" c | head 1', data) == [{"a": "1", "b": "x", "c": "unknown"}]
    assert [row.get("b") for row in rows("* | filldown b", data)] == ["x", "x", "y"]


def test_fillnull_does_not_see_a_field_without_any_value() -> None:
    search = '| makeresults | eval test="123123", test2=null() | table test test2 | fillnull value=NULL'
    assert rows(search) == [{"test": "123123"}]
    search = """| makeresults | eval test1=split("123,456", ",") | mvexpand test1
        | eval test2=if(test1="123", null(), "abc") | fillnull value=NULL | table test1 test2"""
    assert rows(search) == [{"test1": "123", "test2": "NULL"}, {"test1": "456", "test2": "abc"}]


def test_addtotals_by_row_and_by_column() -> None:
    data = table({"a": "1", "b": "2", "t": "x"}, {"a": "3"})
    assert [row["Total"] for row in rows("* | table a b t | addtotals", data)] == [3, 3]
    found = rows("* | table a b t | addtotals col=t labelfield=t label=sum fieldname=all a b", data)
    assert found[2] == {"a": 4, "b": 2, "all": 6, "t": "sum"}
    found = rows("* | table a b t | addcoltotals labelfield=t label=sum a", data)
    assert found[2] == {"a": 4, "t": "sum"}


def test_transpose_turns_rows_into_columns() -> None:
    found = result("* | stats count by kind | transpose")
    assert found.fields == ["column", "row 1", "row 2", "row 3"]
    assert found.rows[0] == {"column": "kind", "row 1": "apple", "row 2": "pear", "row 3": "plum"}
    found = result("* | stats count by kind | transpose header_field=kind column_name=what")
    assert found.rows == [{"what": "count", "apple": 2, "pear": 2, "plum": 1}]
    assert result("* | stats count by kind | transpose 1").fields == ["column", "row 1"]


def test_xyseries_and_untable_are_each_others_reverse() -> None:
    found = result("* | stats count by kind colour | xyseries kind colour count")
    assert found.fields == ["kind", "blue", "green", "red"]
    assert found.rows[0] == {"kind": "apple", "green": 1, "red": 1}
    back = rows("* | stats count by kind colour | xyseries kind colour count | untable kind colour count")
    assert back == rows("* | stats count by kind colour")
    several = result('* | stats count dc(kind) as d by kind colour | xyseries kind colour count d sep="/"')
    assert "count/green" in several.fields


def test_replace_and_nomv() -> None:
    assert names('replace a with z, "b" with y in name') == ["y", "z", "c", "z"]
    with pytest.raises(SplError, match="wildcards"):
        names("replace a* with z in name")
    data = table({"a": ("x", "y")})
    assert rows("* | nomv a", data) == [{"a": "x\ny"}]
