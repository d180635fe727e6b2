"""Commands that add rows from elsewhere. Pages: the commands' own of the Search Reference."""

from __future__ import annotations

from typing import Any

import pytest

from .data import CIDR, WILDCARD, Knowledge, Lookup
from .errors import SplError
from .samples import NOW, fruit, result, rows, table

KINDS = Lookup(
    ("kind", "family", "taste"),
    [
        {"kind": "apple", "family": "rose", "taste": "sour"},
        {"kind": "apple", "family": "rose", "taste": "sweet"},
        {"kind": "plum", "family": "prunus", "taste": ""},
    ],
)
LOOKUPS = {
    "kinds": KINDS,
    "networks": Lookup(
        ("net", "place"),
        [
            {"net": "10.1.0.0/16", "place": "lab"},
            {"net": "10.0.0.0/8", "place": "office"},
            {"net": "::/0", "place": "six"},
        ],
        {"net": CIDR},
        max_matches=1,
        min_matches=1,
        default_match="elsewhere",
    ),
    "names": Lookup(("pattern", "group"), [{"pattern": "*.EXAMPLE.*", "group": "g"}], {"pattern": WILDCARD}, False),
}


def looked_up(search: str, *items: dict[str, Any]) -> list[dict[str, Any]]:
    return rows(search, Knowledge(table(*items).rows if items else fruit().rows, lookups=LOOKUPS))


def test_append_puts_rows_under_the_others() -> None:
    assert rows("kind=plum | stats count by kind | append [search kind=pear | stats count]") == [
        {"kind": "plum", "count": 1},
        {"count": 2},
    ]
    assert rows('* | stats count by kind | append maxtime=60 [| makeresults | eval kind="x"] | stats count') == [
        {"count": 4}
    ]


def test_appendpipe_works_on_the_rows_so_far() -> None:
    found = rows('* | stats count by kind | appendpipe [stats sum(count) as count | eval kind="all"]')
    assert found[3:] == [{"kind": "all", "count": 5}]


def test_appendcols_puts_columns_beside_the_others() -> None:
    search = "kind=p* | stats count by kind | appendcols {} [search kind=apple | stats count dc(colour) as colours]"
    assert rows(search.format("")) == [
        {"kind": "pear", "count": 2, "colours": 2},
        {"kind": "plum", "count": 1},
    ]
    assert rows(search.format("override=t"))[0] == {"kind": "pear", "count": 2, "colours": 2}
    assert rows("kind=none | appendcols [search kind=plum | table kind]") == [{"kind": "plum"}]


def test_union_and_multisearch_put_results_together() -> None:
    assert rows("| union [search kind=plum | stats count] [search kind=pear | stats count]") == [
        {"count": 1},
        {"count": 2},
    ]
    assert rows("kind=plum | stats count | union [search kind=pear | stats count]") == [{"count": 1}, {"count": 2}]
    assert len(rows("| multisearch [search kind=plum] [search kind=apple]")) == 3


LEFT = [{"id": "1", "a": "x"}, {"id": "2", "a": "y"}, {"a": "z"}]
RIGHT = [{"id": "1", "b": "p", "a": "new"}, {"id": "1", "b": "q"}, {"id": "3", "b": "r"}]


def joining(options: str, after: str = "") -> list[dict[str, Any]]:
    data = table(*({**row, "side": "left"} for row in LEFT), *({**row, "side": "right"} for row in RIGHT))
    return rows(f"side=left | table id a | join {options} [search side=right | table id a b]{after}", data)


def test_join_keeps_what_both_sides_have() -> None:
    assert joining("id") == [{"id": "1", "a": "new", "b": "p"}]
    assert joining("type=inner overwrite=f id") == [{"id": "1", "a": "x", "b": "p"}]
    assert joining("type=left id")[1:] == [{"id": "2", "a": "y"}, {"a": "z"}]
    assert joining("type=outer id") == joining("type=left id")
    assert [row["b"] for row in joining("max=0 id")] == ["p", "q"]
    assert joining("") == []
    with pytest.raises(SplError, match="usetime"):
        joining("usetime=t id")


def test_makeresults_makes_rows() -> None:
    assert result("| makeresults count=2").rows == [{"_time": NOW}, {"_time": NOW}]


def test_makeresults_makes_rows_of_given_data() -> None:
    search = '| makeresults format=json data="[{\\"name\\":\\"John\\", \\"age\\":35}, {\\"name\\":\\"Sarah\\"}]"'
    assert rows(search) == [{"name": "John", "age": 35}, {"name": "Sarah"}]
    assert rows('| makeresults format=csv data="name,age\nJohn,35\nSarah,39"') == [
        {"name": "John", "age": "35"},
        {"name": "Sarah", "age": "39"},
    ]
    for search, message in (("format=csv", "belong together"), ('format=json data="{}"', "no list of JSON objects")):
        with pytest.raises(SplError, match=message):
            rows(f"| makeresults {search}")


def test_addinfo_tells_the_time_range() -> None:
    (row,) = rows("| makeresults | addinfo", earliest=NOW - 60, latest=NOW)
    assert row == {"info_min_time": NOW - 60, "info_max_time": NOW, "info_search_time": NOW}
    assert rows("| makeresults | addinfo")[0]["info_max_time"] == "+Infinity"


def test_lookup_brings_fields() -> None:
    found = looked_up("kind=p* | lookup kinds kind OUTPUT family as f | table kind f")
    assert found == [{"kind": "pear"}, {"kind": "plum", "f": "prunus"}, {"kind": "pear"}]
    (row,) = looked_up("* | lookup local=t kinds kind as k OUTPUT family, taste AS how", {"k": "apple"})
    assert row == {"k": "apple", "family": ("rose", "rose"), "how": ("sour", "sweet")}
    (row,) = looked_up("* | lookup kinds kind", {"kind": "plum"})
    assert row == {"kind": "plum", "family": "prunus"}
    (row,) = looked_up("* | lookup kinds kind taste OUTPUT family", {"kind": "apple", "taste": "sweet"})
    assert row["family"] == "rose"


def test_lookup_overwrites_unless_told_to_bring_only_what_is_not_there() -> None:
    known, fresh = {"kind": "plum", "family": "mine"}, {"kind": "plum"}
    assert looked_up("* | lookup kinds kind OUTPUT family", known)[0]["family"] == "prunus"
    assert looked_up("* | lookup kinds kind OUTPUTNEW family", known)[0]["family"] == "mine"
    assert looked_up("* | lookup kinds kind OUTPUTNEW family", fresh)[0]["family"] == "prunus"


def test_lookup_matches_by_network_and_by_wildcard() -> None:
    search = "* | lookup networks net as ip OUTPUT place | table place"
    addresses = ("10.1.2.3", "10.2.2.3", "192.0.2.1", "2001:db8::1", "no address")
    assert [row["place"] for row in looked_up(search, *({"ip": ip} for ip in addresses))] == [
        "lab",
        "office",
        "elsewhere",
        "six",
        "elsewhere",
    ]
    assert looked_up("* | lookup names pattern as n OUTPUT group | table group", {"n": "a.example.org"}) == [
        {"group": "g"}
    ]


def test_inputlookup_reads_the_table() -> None:
    assert looked_up("| inputlookup kinds | stats count") == [{"count": 3}]
    assert looked_up("| inputlookup kinds where taste=s* kind=apple | stats count") == [{"count": 2}]
    assert looked_up("| inputlookup max=1 start=1 kinds | table taste") == [{"taste": "sweet"}]
    assert looked_up("kind=plum | table kind | inputlookup append=t kinds | stats count") == [{"count": 4}]
    assert looked_up("kind=a* [| inputlookup kinds | table kind] | stats count") == [{"count": 2}]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("* | lookup nothing kind", "lookup: unknown lookup nothing"),
        ("| inputlookup nothing", "inputlookup: unknown lookup nothing"),
        ("* | inputlookup kinds", "append=true"),
        ("* | lookup kinds", "needs fields to match"),
        ("* | lookup kinds kind OUTPUT", "needs fields to match"),
        ("* | lookup kinds sort as kind", "has no field sort"),
        ("* | lookup kinds kind OUTPUT price", "has no field price"),
    ],
)
def test_wrong_lookup_is_refused(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        looked_up(search)


def test_subsearch_stands_for_a_value_in_an_expression() -> None:
    search = f"* | eval late=if(_time>[| makeresults | eval at={NOW - 700} | return $at], 1, 0) | stats count by late"
    assert rows(search) == [{"late": 0, "count": 2}, {"late": 1, "count": 3}]
    assert rows("* | where weight>[| makeresults | eval least=6 | return $least] | stats count") == [{"count": 2}]


def test_times_of_a_search_come_from_a_subsearch() -> None:
    times = f"| makeresults | eval earliest={NOW - 800}, latest={NOW - 700} | return earliest latest"
    assert rows(f"* [{times}] | stats count", earliest=NOW - 10, latest=NOW) == [{"count": 2}]
