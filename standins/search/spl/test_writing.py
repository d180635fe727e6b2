"""collect and outputlookup, by the sentences of their pages in the Search Reference."""

from __future__ import annotations

import pytest

from .data import Knowledge, Lookup, Row
from .errors import SplError
from .samples import NOW, result, rows, table

WHEN = "11/14/2023 22:13:20 +0000"


def collected(search: str, data: Knowledge, **times: float) -> list[Row]:
    """Run a search and return what it has written into an index."""
    result(f"* | {search}", data, **times)
    return data.collected


def test_collect_passes_the_results_on() -> None:
    data = table({"a": "1"}, {"a": "2"})
    assert rows("* | collect index=summary | eval b=a+1", data) == [{"a": "1", "b": 2}, {"a": "2", "b": 3}]


def test_collect_saves_the_raw_text_of_events_that_have_one() -> None:
    data = Knowledge([{"_time": NOW - 5, "_raw": '{"a":1}', "sourcetype": "x", "a": "1"}])
    (event,) = collected("collect index=summary source=mine", data)
    assert event == {
        "_raw": '{"a":1}',
        "_time": NOW - 5,
        "index": "summary",
        "source": "mine",
        "sourcetype": "stash",
    }


def test_collect_makes_a_text_of_all_fields_where_there_is_none() -> None:
    data = table({"version": "2.0", "application": "buttercupgames.com", "count": "7"})
    search = "table version application count | collect index=summary source=devtest"
    (event,) = collected(search, data)
    info = f"info_search_time={NOW}.000"
    assert event["_raw"] == f'{WHEN}, {info}, version="2.0", application="buttercupgames.com", count=7'
    assert (event["source"], event["version"]) == ("devtest", "2.0")


def test_collect_tells_the_time_range_of_the_search() -> None:
    (event,) = collected("stats count | collect index=summary", table({"a": "1"}), earliest=NOW - 60, latest=NOW + 60)
    info = f"info_min_time={NOW - 60}.000, info_max_time={NOW + 60}.000, info_search_time={NOW}.000"
    assert event["_raw"] == f"11/14/2023 22:12:20 +0000, {info}, count=1"
    (event,) = collected("stats count | collect index=summary addinfo=false", table({"a": "1"}))
    assert event["_raw"] == f"{WHEN}, count=1"


@pytest.mark.parametrize(
    ("search", "times", "when"),
    [
        ("table _time a", {}, NOW),
        ("eval info_min_time=5 | table _time info_min_time a", {}, 5),
        ("table a", {"earliest": float(NOW - 60)}, NOW - 60),
        ("table a", {}, NOW),
    ],
)
def test_collect_takes_the_first_time_there_is(search: str, times: dict[str, float], when: float) -> None:
    (event,) = collected(f"{search} | collect index=summary", table({"a": "1"}), **times)
    assert event["_time"] == when


def test_collect_appends_the_marker_to_each_event() -> None:
    (event,) = collected('stats count | collect index=summary addinfo=f marker="k=v"', table({"a": "1"}))
    assert event["_raw"] == f"{WHEN}, count=1, k=v"


def test_collect_keeps_several_values_as_lines_of_one() -> None:
    data = table({"a": "1"}, {"a": "2"})
    (event,) = collected("stats values(a) as a | collect index=summary addinfo=f", data)
    assert event["_raw"] == f'{WHEN}, a="1\n2"'


def test_collect_in_test_mode_shows_the_events_and_writes_none() -> None:
    data = table({"a": "1"})
    found = result("* | stats count | collect index=summary addinfo=f testmode=true", data).rows
    assert [row["_raw"] for row in found] == [f"{WHEN}, count=1"]
    assert data.collected == []


def test_collect_gives_the_sourcetype_and_the_host_that_it_is_told() -> None:
    (event,) = collected("collect index=summary sourcetype=mine host=there", table({"a": "1"}))
    assert (event["sourcetype"], event["host"]) == ("mine", "there")


def test_a_later_search_finds_what_was_collected() -> None:
    data = table({"a": "1"})
    collected("stats count | collect index=summary source=mine addinfo=f", data)
    assert [row["count"] for row in rows("search index=summary source=mine", data)] == [1]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("collect", "without an index"),
        ("collect index=s addtime=false", "addtime=false"),
        ("collect index=s file=x.stash", "unknown option file"),
        ("collect index=s output_format=hec", "unknown option output_format"),
        ("collect index=s spool=false", "unknown option spool"),
        ("collect index=s uselb=false", "unknown option uselb"),
        ("collect index=s timeformat=%s", "unknown option timeformat"),
        ("collect index=s frob=1", "unknown option frob"),
        ("collect index=s testmode=maybe", "neither true nor false"),
        ("collect index=s more", "'more' is not understood"),
        ('collect index=s marker="k=v"', "a marker of an event with _raw is left open"),
        (r'eval a="x\"y" | table a | collect index=s', "a value with a quote is written is left open"),
    ],
)
def test_what_the_page_of_collect_leaves_open_is_refused(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        result(f"* | {search}", table({"a": "1"}))


def written(search: str, lookup: Lookup | None = None, name: str = "users.csv") -> Lookup | None:
    """Run a search over two rows and return the table that it leaves."""
    data = Knowledge(table({"A": "1", "C": "2", "J": "3"}, {"A": "4"}).rows, lookups={name: lookup} if lookup else {})
    result(f"* | {search}", data)
    return data.lookup(name)


EXISTING = Lookup(("A", "D", "J"), [{"A": "a", "D": "d", "J": "j"}])


def test_outputlookup_passes_the_results_on() -> None:
    data = table({"a": "1"})
    assert rows("* | table a | outputlookup x.csv | eval b=a+1", data) == [{"a": "1", "b": 2}]


def test_outputlookup_writes_the_results_and_removes_fields_that_are_not_in_them() -> None:
    expected = Lookup(("A", "C", "J"), [{"A": "1", "C": "2", "J": "3"}, {"A": "4", "C": "", "J": ""}])
    assert written("table A C J | outputlookup users.csv") == expected
    assert written("table A C J | outputlookup users.csv append=false", EXISTING) == expected


def test_outputlookup_appends_the_fields_that_the_file_has() -> None:
    found = written("table A C J | outputlookup append=true users.csv", EXISTING)
    assert found == Lookup(
        ("A", "D", "J"),
        [{"A": "a", "D": "d", "J": "j"}, {"A": "1", "D": "", "J": "3"}, {"A": "4", "D": "", "J": ""}],
    )


def test_outputlookup_that_appends_to_nothing_makes_the_file() -> None:
    assert written("table A | outputlookup append=true users.csv") == Lookup(("A",), [{"A": "1"}, {"A": "4"}])


def test_a_field_is_added_to_a_file_by_a_bare_null() -> None:
    data = Knowledge(lookups={"users": EXISTING})
    result("| inputlookup users | eval c=null | outputlookup users append=false", data)
    assert data.lookup("users") == Lookup(("A", "D", "J", "c"), [{"A": "a", "D": "d", "J": "j", "c": ""}])


def test_outputlookup_writes_at_most_max_rows() -> None:
    assert written("table A | outputlookup max=1 users.csv") == Lookup(("A",), [{"A": "1"}])


def test_outputlookup_merges_several_values_into_one_with_spaces() -> None:
    assert written("stats values(A) as A | outputlookup users.csv") == Lookup(("A",), [{"A": "1 4"}])


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ("", None),
        ("create_empty=false", None),
        ("override_if_empty=true", None),
        ("override_if_empty=false", EXISTING),
        ("override_if_empty=false create_empty=true", EXISTING),
        ("create_empty=true", Lookup((), [])),
    ],
)
def test_outputlookup_without_results(options: str, left: Lookup | None) -> None:
    assert written(f"where A=9 | outputlookup {options} users.csv", EXISTING) == left


def test_outputlookup_without_results_makes_no_file_unless_it_is_told_to() -> None:
    assert written("where A=9 | outputlookup override_if_empty=false users.csv") is None
    assert written("where A=9 | outputlookup create_empty=true users.csv") == Lookup((), [])


def test_a_table_is_written_by_the_name_of_its_definition() -> None:
    found = written("table A | outputlookup users", Lookup(("A",), []), "users")
    assert found == Lookup(("A",), [{"A": "1"}, {"A": "4"}])


@pytest.mark.parametrize("options", ["createinapp=true", "create_context=user", "output_format=splunk_sv_csv"])
def test_where_a_file_lies_and_its_usual_form_change_nothing_here(options: str) -> None:
    assert written(f"table A | outputlookup {options} users.csv") == Lookup(("A",), [{"A": "1"}, {"A": "4"}])


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("outputlookup", "something is missing"),
        ("outputlookup nosuch", "unknown lookup nosuch"),
        ("outputlookup x.csv.gz", "compressed"),
        ("outputlookup key_field=a x.csv", "unknown option key_field"),
        ("outputlookup allow_updates=t x.csv", "unknown option allow_updates"),
        ("outputlookup output_format=splunk_mv_csv x.csv", "output_format is not understood"),
        ("outputlookup create_context=nowhere x.csv", "create_context is not understood"),
        ("outputlookup max=many x.csv", "max is not understood"),
        ("outputlookup frob=1 x.csv", "unknown option frob"),
        ("outputlookup x.csv y.csv", "'y.csv' is not understood"),
        ("where a=9 | outputlookup append=true x.csv", "without results is left open"),
        ("fields _raw | outputlookup x.csv", "without a field"),
    ],
)
def test_what_the_page_of_outputlookup_leaves_open_is_refused(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        result(f"* | {search}", Knowledge([{"_raw": "x", "a": "1"}]))
