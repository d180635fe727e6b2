"""Statistics: stats, eventstats, streamstats, chart, timechart, top and rare.

Pages: the commands' own, "Aggregate functions", "Event order functions", "Multivalue stats and chart functions" and
"Time functions" of the Search Reference.
"""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from .aggregates import FUNCTIONS
from .data import Knowledge
from .errors import SplError
from .reporting import default_span
from .samples import NOW, event, result, rows, table

NUMBERS = table(*({"n": n, "t": t} for n, t in zip(("2", "4", "4", "4", "5", "5", "7", "9"), "abbbccde")))


def single(function: str, data: Knowledge = NUMBERS) -> Any:
    """Return the value of one function over all rows."""
    (row,) = rows(f"* | stats {function} as result", data)
    return row.get("result")


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("count", 8),
        ("c", 8),
        ("count(n)", 8),
        ("count(absent)", 0),
        ("c(n)", 8),
        ("dc(n)", 5),
        ("distinct_count(t)", 5),
        ("estdc(t)", 5),
        ("sum(n)", 40),
        ("sum(t)", None),
        ("sumsq(n)", 232),
        ("avg(n)", 5),
        ("mean(n)", 5),
        ("min(n)", 2),
        ("max(n)", 9),
        ("min(t)", "a"),
        ("max(t)", "e"),
        ("range(n)", 7),
        ("mode(n)", "4"),
        ("median(n)", 5),
        ("stdevp(n)", 2),
        ("varp(n)", 4),
        ("var(n)", 32 / 7),
        ("stdev(n)", math.sqrt(32 / 7)),
        ("p50(n)", 4),
        ("perc90(n)", 9),
        ("perc25(n)", 4),
        ("exactperc12.5(n)", 2),
        ("first(n)", "2"),
        ("last(n)", "9"),
        ("values(t)", ("a", "b", "c", "d", "e")),
        ("list(t)", tuple("abbbccde")),
        ("count(eval(n>4))", 4),
        ('count(eval(t="b" AND n=4))', 3),
        ('count(eval(match(t, "[ab]")))', 4),
        ("sum(eval(n*2))", 80),
        ("sum(eval(n=4))", 3),
        ("sum(eval(n=99))", None),
        ("dc(eval(if(n>4, t, null())))", 3),
        ("max(absent)", None),
        ("values(absent)", None),
    ],
)
def test_function_of_stats(function: str, value: Any) -> None:
    found = single(function)
    assert math.isclose(found, value) if isinstance(value, float) else found == value


def test_functions_of_time_look_at_the_time_and_not_at_the_order() -> None:
    data = Knowledge([{"_time": 30, "v": "40"}, {"_time": 10, "v": "10"}, {"_time": 20, "v": "99"}])
    expected = {"earliest": "10", "latest": "40", "earliest_time": 10, "latest_time": 30, "rate": 1.5}
    assert {name: single(f"{name}(v)", data) for name in expected} == expected
    with pytest.raises(SplError, match="need rows with _time"):
        rows("* | fields v | fields - _time | stats latest(v)", data)


def test_every_function_is_shown_here() -> None:
    functions = next(mark for mark in test_function_of_stats.pytestmark if mark.name == "parametrize")
    shown = {case[0].partition("(")[0] for case in functions.args[1]}
    assert set(FUNCTIONS) - {"earliest", "latest", "earliest_time", "latest_time", "rate", "count"} <= shown


def test_values_of_a_multivalue_count_one_by_one() -> None:
    data = table({"a": ("x", "y")}, {"a": "x"})
    assert single("count(a)", data) == 3
    assert single("dc(a)", data) == 2
    assert single("values(a)", data) == ("x", "y")
    assert rows("* | stats count by a", data) == [{"a": "x", "count": 2}, {"a": "y", "count": 1}]


def test_values_are_in_lexicographical_order_and_list_stops_at_a_hundred() -> None:
    data = table(*({"n": str(n)} for n in range(120)))
    assert single("values(n)", data)[:4] == ("0", "1", "10", "100")
    assert len(single("list(n)", data)) == 100


def test_numbers_among_texts_are_compared_as_texts() -> None:
    assert single("max(n)", table({"n": "9"}, {"n": "10"})) == 10
    assert single("max(n)", table({"n": "9"}, {"n": "10"}, {"n": "x"})) == "x"
    assert single("min(n)", table({"n": "9"}, {"n": "10"}, {"n": "x"})) == "10"


def test_grouping_drops_events_that_lack_the_field() -> None:
    assert rows("* | stats count sum(weight) by colour") == [
        {"colour": "blue", "count": 1, "sum(weight)": 10},
        {"colour": "green", "count": 2, "sum(weight)": 7},
        {"colour": "red", "count": 1, "sum(weight)": 3},
    ]
    assert len(rows("* | stats count by kind, colour")) == 4


def test_groups_are_ordered_by_number_where_there_are_numbers() -> None:
    assert [row["weight"] for row in rows("* | stats count by weight")] == ["2", "3", "5", "7", "10"]


def test_results_are_named_as_written_or_as_told() -> None:
    found = result('* | stats count, Values(kind) AS Kind avg(weight) as "mean weight", dc(kind) count(eval(weight>3))')
    assert found.fields == ["count", "Kind", "mean weight", "dc(kind)", "count(eval(weight>3))"]
    assert rows('* | stats count as "no of" by kind colour | fields "no of"') == [{"no of": 1}] * 4


def test_wildcards_stand_for_all_fields_with_such_names() -> None:
    data = table({"in_a": "1", "in_b": "2", "out": "3"}, {"in_a": "5", "in_b": "6"})
    assert rows("* | stats sum(in_*) as total_*", data) == [{"total_a": 6, "total_b": 8}]
    assert rows("* | stats max(*) by out", data) == [{"out": "3", "max(in_a)": 1, "max(in_b)": 2}]


def test_no_rows_make_one_row_without_groups_and_none_with() -> None:
    assert rows("kind=none | stats count sum(weight) as s dc(kind) as d") == [{"count": 0, "d": 0}]
    assert rows("kind=none | stats count by kind") == []


def test_eventstats_adds_to_each_row() -> None:
    found = rows("kind=p* | eventstats max(weight) as most count by kind | table kind weight most count")
    assert found == [
        {"kind": "pear", "weight": "7", "most": 7, "count": 2},
        {"kind": "plum", "weight": "10", "most": 10, "count": 1},
        {"kind": "pear", "weight": "2", "most": 7, "count": 2},
    ]
    assert all(row["n"] == 5 for row in rows("* | eventstats count as n"))
    assert "most" not in rows("* | eventstats max(weight) as most by colour | head 1")[0]


@pytest.mark.parametrize(
    ("command", "column", "expected"),
    [
        ("streamstats count", "count", [1, 2, 3, 4]),
        ("streamstats count by a", "count", [1, 1, 2, 2]),
        ("streamstats sum(n) as s", "s", [1, 3, 6, 10]),
        ("streamstats current=f last(n) as s", "s", [None, "1", "2", "3"]),
        ("streamstats current=f window=1 last(n) as s", "s", [None, "1", "2", "3"]),
        ("streamstats window=2 sum(n) as s", "s", [1, 3, 5, 7]),
        ("streamstats window=2 global=f sum(n) as s by a", "s", [1, 2, 4, 6]),
        ("streamstats dc(a) as s", "s", [1, 2, 2, 2]),
    ],
)
def test_streamstats_counts_up_to_the_row(command: str, column: str, expected: list[Any]) -> None:
    data = table({"a": "x", "n": "1"}, {"a": "y", "n": "2"}, {"a": "x", "n": "3"}, {"a": "y", "n": "4"})
    assert result(f"* | {command}", data).column(column) == expected


def test_streamstats_starts_again_where_the_group_changes() -> None:
    data = table(*({"shift": shift} for shift in ["DAY", "DAY", "NIGHT", "NIGHT", "NIGHT", "NIGHT", "DAY", "NIGHT"]))
    found = result("* | streamstats count BY shift reset_on_change=true", data)
    assert found.column("count") == [1, 2, 1, 2, 3, 4, 1, 1]


def test_events_made_for_testing_as_the_reference_makes_them() -> None:
    search = """| makeresults count=5 | streamstats count | eval _time=_time-(count*3600)
        | eval age = case(count=1, 25, count=2, 39, count=3, 31, count=4, 27, count=5, null())
        | eval city = case(count=1 OR count=3, "San Francisco", count=2 OR count=4, "Seattle", count=5, "Lisbon")"""
    found = result(search)
    assert found.column("_time") == [NOW - 3600 * count for count in range(1, 6)]
    assert found.column("age") == [25, 39, 31, 27, None]
    assert found.column("city") == ["San Francisco", "Seattle", "San Francisco", "Seattle", "Lisbon"]


def test_chart_splits_by_one_or_two_fields() -> None:
    assert rows("* | chart count over kind") == rows("* | chart count by kind")
    found = result("* | chart count over kind by colour")
    assert found.fields == ["kind", "blue", "green", "red", "NULL"]
    assert found.rows == [
        {"kind": "apple", "blue": 0, "green": 1, "red": 1, "NULL": 0},
        {"kind": "pear", "blue": 0, "green": 1, "red": 0, "NULL": 1},
        {"kind": "plum", "blue": 1, "green": 0, "red": 0, "NULL": 0},
    ]
    assert result("* | chart count by kind colour").rows == found.rows
    assert result("* | chart usenull=f count by kind, colour").fields == ["kind", "blue", "green", "red"]
    assert result("* | chart nullstr=none count by kind, colour").fields[-1] == "none"


def test_chart_of_sales_by_product_and_quarter() -> None:
    sales = {"QTR1": (1200, 1400, 1650), "QTR2": (1425, 1175, 1550)}
    data = table(
        *(
            {"products": f"Product{name}", "quarter": quarter, "sales": str(amount)}
            for quarter, amounts in sales.items()
            for name, amount in zip("ABC", amounts)
        )
    )
    found = result("* | chart sum(sales) BY products quarter", data)
    assert found.fields == ["products", "QTR1", "QTR2"]
    assert [tuple(row.values()) for row in found.rows] == [
        ("ProductA", 1200, 1425),
        ("ProductB", 1400, 1175),
        ("ProductC", 1650, 1550),
    ]
    with pytest.raises(SplError, match="sales is both"):
        rows("* | chart sum(sales) by sales", data)


def test_chart_of_several_functions_names_function_and_value() -> None:
    found = result("colour=* | chart count sum(weight) as sum over kind by colour")
    assert found.fields[1:] == ["count: blue", "count: green", "count: red", "sum: blue", "sum: green", "sum: red"]
    assert found.rows[2] == {"kind": "plum", "count: blue": 1, "count: green": 0, "count: red": 0, "sum: blue": 10}


def test_chart_keeps_the_largest_series_and_sums_the_others_up() -> None:
    data = table(*({"x": "1", "y": y} for y in "aaabbcd"))
    assert rows("* | chart limit=2 count over x by y", data) == [{"x": "1", "a": 3, "b": 2, "OTHER": 2}]
    assert rows("* | chart limit=2 useother=f count over x by y", data) == [{"x": "1", "a": 3, "b": 2}]
    assert rows("* | chart limit=top1 otherstr=rest count over x by y", data) == [{"x": "1", "a": 3, "rest": 4}]
    assert rows("* | chart limit=bottom1 useother=f count over x by y", data) == [{"x": "1", "c": 1}]
    assert len(result("* | chart limit=0 count over x by y", data).fields) == 5


def test_chart_bins_the_field_that_it_is_over() -> None:
    found = rows("* | chart count over weight span=5")
    assert found == [{"weight": "0-5", "count": 2}, {"weight": "5-10", "count": 2}, {"weight": "10-15", "count": 1}]


HITS = Knowledge([event(after, kind=kind) for after, kind in ((0, "a"), (30, "b"), (70, "a"), (250, "a"))])
FIRST = NOW - 800


def test_timechart_has_a_row_for_each_span_without_gaps() -> None:
    found = result("* | timechart span=1m count", HITS)
    assert found.fields == ["_time", "count"]
    assert found.column("_time") == [FIRST + 60 * n for n in range(5)]
    assert found.column("count") == [2, 1, 0, 0, 1]
    assert len(result("* | timechart span=1m cont=f count", HITS).rows) == 3


def test_timechart_covers_the_time_range_of_the_search() -> None:
    found = result("* | timechart span=1m count", HITS, earliest=FIRST - 120, latest=FIRST + 360)
    assert found.column("count") == [0, 0, 2, 1, 0, 0, 1, 0]


def test_timechart_splits_by_a_field() -> None:
    found = result("* | timechart span=2m count by kind", HITS)
    assert found.fields == ["_time", "a", "b"]
    assert [(row["a"], row["b"]) for row in found.rows] == [(2, 1), (0, 0), (1, 0)]
    assert result("* | timechart span=2m limit=1 count by kind", HITS).fields == ["_time", "a", "OTHER"]
    assert result("* | timechart span=2m limit=1 useother=f count by kind", HITS).fields == ["_time", "a"]


def test_timechart_of_rates() -> None:
    data = Knowledge([event(after, n="30") for after in (0, 30, 60)])
    found = result("* | timechart span=1m per_second(n) as s per_minute(n) per_hour(n) as h per_day(n) as d", data)
    assert found.rows[0] == {"_time": FIRST - FIRST % 60, "s": 1, "per_minute(n)": 60, "h": 3600, "d": 86400}
    with pytest.raises(SplError, match=r"unknown function per_second\(\)"):
        result("* | stats per_second(n)", data)


def test_series_of_several_functions_are_chosen_by_frequency() -> None:
    data = Knowledge([event(0, k=k, n=n) for k, n in (("a", "1"), ("a", "1"), ("b", "100"))])
    assert result("* | chart limit=1 useother=f sum(n) max(n) over host by k", data).fields[1:] == [
        "sum(n): a",
        "max(n): a",
    ]
    assert result("* | chart limit=1 useother=f sum(n) over host by k", data).fields[1:] == ["b"]


def test_ties_of_series_are_broken_by_name() -> None:
    data = table(*({"x": "1", "y": y} for y in ("host", "amount", "AMOUNT")))
    assert result("* | chart limit=1 useother=f count over x by y", data).fields == ["x", "AMOUNT"]


@pytest.mark.parametrize(
    ("length", "span"),
    [
        # "timechart" of the Search Reference: the spans of the usual time ranges
        (15 * 60, "10s"),
        (60 * 60, "1m"),
        (4 * 3600, "5m"),
        (24 * 3600, "30m"),
        (7 * 86400, "1d"),
        (30 * 86400, "1d"),
    ],
)
def test_timechart_without_a_span_takes_one_that_suits_the_time_range(length: int, span: str) -> None:
    assert default_span(0, length, 100) == span


def test_timechart_of_calendar_spans() -> None:
    data = Knowledge([{"_time": t, "_raw": ""} for t in (1704067200, 1709251200)])  # 2024-01-01 and 2024-03-01
    assert result("* | timechart span=1mon count", data).column("count") == [1, 0, 1]
    assert result("* | timechart span=1w count", data).column("_time")[0] == 1703980800  # Sunday 2023-12-31
    assert rows("kind=none | timechart span=1m count", HITS) == []


def test_top_counts_and_tells_the_share() -> None:
    found = result("* | top kind")
    assert found.fields == ["kind", "count", "percent"]
    assert found.rows == [
        {"kind": "pear", "count": 2, "percent": 40.0},
        {"kind": "apple", "count": 2, "percent": 40.0},
        {"kind": "plum", "count": 1, "percent": 20.0},
    ]
    assert (
        rows("* | top limit=1 showperc=f kind") == rows("* | top 1 kind showperc=f") == [{"kind": "pear", "count": 2}]
    )
    assert rows("* | top 1 kind countfield=n percentfield=p") == [{"kind": "pear", "n": 2, "p": 40.0}]


def test_top_by_a_field_ranks_within_each_group() -> None:
    found = result("* | top 1 colour by kind")
    assert found.fields == ["kind", "colour", "count", "percent"]
    assert [(row["kind"], row["colour"], row["percent"]) for row in found.rows] == [
        ("apple", "red", 50.0),
        ("pear", "green", 100.0),
        ("plum", "blue", 100.0),
    ]


def test_top_takes_the_last_of_equal_values() -> None:
    search = """| makeresults | eval location="Orlando Dallas Atlanta" | makemv location | mvexpand location
        | eval user="Alex Kai" | makemv user | mvexpand user | top limit=1 location by user"""
    assert rows(search) == [
        {"user": "Alex", "location": "Orlando", "count": 1, "percent": 33.333333},
        {"user": "Kai", "location": "Orlando", "count": 1, "percent": 33.333333},
    ]


def test_the_same_function_of_the_same_field_cannot_have_two_names() -> None:
    with pytest.raises(SplError, match=r"first\(kind\) has two names"):
        rows("* | stats first(kind) AS site, first(kind) AS report")


def test_rare_ranks_the_other_way() -> None:
    assert rows("* | rare limit=1 kind") == [{"kind": "plum", "count": 1, "percent": 20.0}]


def test_ten_thousand_events_take_about_a_second() -> None:
    data = Knowledge(
        [
            event(n % 3600, kind=f"k{n % 50}", colour=f"c{n % 7}", weight=str(n), note="some words of text")
            for n in range(10_000)
        ]
    )
    begin = time.process_time()
    found = rows(
        'kind=k* colour IN ("c1", "c2*", "c3") | eval heavy=if(weight>5000, "yes", "no") . ":" . upper(colour)'
        " | bin _time span=5m | stats count min(_time) as first max(weight) as most values(note) dc(kind) by heavy kind"
        " | where count>1",
        data,
    )
    assert len(found) == 300
    assert time.process_time() - begin < 2
