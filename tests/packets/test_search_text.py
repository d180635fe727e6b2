"""A value in a search is a literal or is refused: by the function that quotes it, and by each argument of a link."""

from __future__ import annotations

import ast
import ipaddress
import random
import string
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from estreamer.packets import download, search_text
from estreamer.packets.download import Row, Search
from estreamer.packets.search_text import Unquotable
from hypothesis import example, given, settings
from hypothesis import strategies as st

from standins.places import ROOT
from tests.packets.spl_text import shape

ISSUE = 'fe80::1%25x" | outputlookup stolen.csv | search z="'
"""The address of the link that ran a search of its own; Splunk Web hands over what %25 stands for."""

FLOW = "e8566508-eaa9-11e5-860f-de3e305d8269:3:1744752700:17"
GOOD = {
    "flow": FLOW,
    "packet": "0123456789abcdef",
    "address": "2001:db8::7",
    "field": "PacketData",
    "encoding": "base64",
    "link": "1",
    "earliest": "-24h@h",
    "latest": "now",
}
SHRAPNEL = (
    *"\"\\|`$*[](){}%,=<>!?#&;:.-_@+~^ '",
    *"\t\n\r\x00\x1b\x7f\x85\u2028\ud800\ufeff\u201c\u0661\uff11\u00e4",
    '\\"',
    '" | delete | search "',
    "| outputlookup x.csv",
    "`sfw_packets`",
    "$env:user$",
    "[search index=*]",
    "```",
    "fe80::1%",
    "192.0.2.1",
    "0x",
    "rt",
    "-24h",
    "now",
    "1744752700",
    "a",
    "F",
    "7",
    *GOOD.values(),
)


PLAIN = shape('search `sfw_packets` field="x" | head 5')
HARMLESS = set(string.ascii_letters + string.digits + "_.:,-")


def corpus(count: int, seed: int = 11) -> Iterator[str]:
    """Texts made of whatever means something to somebody."""
    draw = random.Random(seed)
    for _ in range(count):
        yield "".join(draw.choices(SHRAPNEL, k=draw.choice((1, 1, 2, 2, 3, 5, 9))))


def held(value: str) -> bool:
    """Check that a value is refused, or nothing but the one literal of a search; return whether it was taken."""
    try:
        search = search_text.pipeline(
            search_text.command("search", search_text.macro("sfw_packets"), search_text.term("field", value)),
            search_text.command("head", search_text.number(5)),
        )
    except Unquotable as refused:
        assert str(refused).isprintable()
        assert len(str(refused)) < 500
        return False
    assert shape(search) == replace(PLAIN, literals=(value,))
    return True


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.one_of(st.text(), st.text(st.sampled_from("".join(one for one in SHRAPNEL if len(one) == 1)))))
@example(ISSUE)
def test_any_text_is_refused_or_a_literal(value: str) -> None:
    held(value)


def test_many_texts_of_marks_that_mean_something_are_refused_or_literals() -> None:
    taken = [value for value in corpus(20_000) if held(value)]
    assert 100 < len(taken) < 7_000
    assert set(GOOD.values()) - {"-24h@h"} <= set(taken)


@pytest.mark.parametrize("mark", sorted({*map(chr, range(256)), *SHRAPNEL}), ids=ascii)
def test_every_mark_that_could_mean_something_in_quotes_is_refused(mark: str) -> None:
    for value in (mark, f"a{mark}", f"{mark}a", f"a{mark}b"):
        if HARMLESS.issuperset(mark):
            assert search_text.quoted(value) == f'"{value}"'
        else:
            with pytest.raises(Unquotable):
                search_text.quoted(value)


@pytest.mark.parametrize("value", ["", "a" * 17_001, None, 5, b"a", ["a"]])
def test_what_is_no_text_or_too_long_is_refused(value: Any) -> None:
    with pytest.raises(Unquotable):
        search_text.quoted(value)


@pytest.mark.parametrize(
    "text", ["", "a b", "1a", "a=b", 'a"', "a`", "a|b", "a-b", "a\n", "\u00e4", "a" * 101, None, 7]
)
def test_only_names_are_names(text: Any) -> None:
    for function in (
        search_text.name,
        search_text.macro,
        search_text.command,
        search_text.not_null,
        search_text.absent,
    ):
        with pytest.raises(Unquotable):
            function(text)
    with pytest.raises(Unquotable):
        search_text.term(text, "a")
    with pytest.raises(Unquotable):
        search_text.names(["a", text])


@pytest.mark.parametrize("value", [-1, 1.5, "1", None])
def test_only_whole_numbers_are_numbers(value: Any) -> None:
    with pytest.raises(Unquotable):
        search_text.number(value)


def ask(query: Any) -> tuple[dict[str, Any], list[Search]]:
    """Return the reply of the endpoint to a query, and the searches that it runs."""
    ran: list[Search] = []

    def run(search: Search, deadline: float) -> Generator[Row, None, None]:
        ran.append(search)
        yield {"packet_time": "1.000000", "packet_link_type": "1", "packet_wire_length": "2", "packet_hex": "abcd"}

    return download.answer({"method": "GET", "query": query}, run), ran


def checked(query: Any) -> bool:
    """Check that a request is refused with a sentence, or runs the search of a request that is good; return which."""
    reply, ran = ask(query)
    assert isinstance(reply["status"], int)
    if not ran:
        assert reply["status"] == 400
        assert reply["payload"].rstrip("\n").isprintable()
        assert len(reply["payload"]) < 500
        return False
    assert reply["status"] == 200
    (search,) = ran
    given = {name: value for name, value in query if name != "output_mode" and value not in ("", "*")}
    (wanted,) = ask([(name, GOOD[name]) for name in given])[1]
    found, expected = shape(search.query), shape(wanted.query)
    assert (found.commands, found.macros) == (expected.commands, expected.macros)
    # What was asked for stands there as it is, or as its kind writes it.
    assert all(value.lower() in _written(given) for value in found.literals)
    assert set(search.earliest + search.latest) <= set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@:+.-"
    )
    return True


def _written(given: dict[str, str]) -> set[str]:
    written = {value.lower() for value in given.values()}
    if "flow" in given:
        written.update(given["flow"].lower().split(":"))
    if "address" in given:
        written.add(str(ipaddress.ip_address(given["address"])))
    if "link" in given:
        written.add(str(int(given["link"])))
    if "packet" in given:
        written.add(",".join(sorted({one.strip() for one in given["packet"].split(",")} - {""})))
    return written


@pytest.mark.parametrize("name", GOOD)
def test_no_value_of_an_argument_is_a_part_of_the_search(name: str) -> None:
    others = [(other, value) for other, value in GOOD.items() if other != name]
    taken = 0
    for value in (GOOD[name], ISSUE, ISSUE.replace("%25", "%"), *corpus(700, seed=len(name))):
        taken += checked([(name, value)])
        taken += checked([*others, (name, value)])
    assert taken >= 2


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=30), st.sampled_from([*GOOD.values(), ISSUE, "*", ""])
)
NAMES = st.one_of(st.sampled_from([*GOOD, "output_mode", "search", "flow "]), VALUES)
PAIRS = st.one_of(st.tuples(NAMES, VALUES), st.lists(VALUES, max_size=3), VALUES, st.dictionaries(st.text(), VALUES))


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.one_of(st.lists(PAIRS, max_size=5), VALUES, st.dictionaries(st.text(), VALUES)))
def test_no_shape_of_a_request_breaks_the_handler_or_the_search(query: Any) -> None:
    if query is not None:
        checked(query)


@pytest.mark.parametrize(
    "query",
    [
        [("address", "fe80::1%x")],
        [("address", "fe80::1%eth0")],
        [("address", "fe80::1%")],
        [("packet", ",")],
        [("earliest", "rt-5m")],
        [("latest", "RT")],
        [("link", "\u0661")],
        [("link", "65536")],
        [("flow", FLOW.replace("17", "\u0661"))],
        [["flow"]],
        [["flow", FLOW, "x"]],
        [[FLOW]],
        [["flow", [FLOW]]],
        [["flow", None]],
        [[None, FLOW]],
        [7],
        "flow",
        {"flow": FLOW},
        7,
    ],
)
def test_malformed_argument_is_refused_with_a_sentence_and_nothing_is_searched(query: Any) -> None:
    reply, ran = ask(query)
    assert (reply["status"], ran) == (400, [])
    assert reply["payload"].endswith(".\n")


def test_every_search_in_the_code_is_made_by_the_one_module() -> None:
    """A Search has a pipeline of that module, no other module makes pieces, and nothing else is posted to run."""
    made, posted = [], []
    for path in sorted((ROOT / "bin" / "estreamer").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                items = [(key, value) for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant)]
                posted += [(path.name, ast.unparse(value)) for key, value in items if key.value == "search"]
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            assert called not in ("Piece", "cast") or path.name == "search_text.py", f"{path.name}:{node.lineno}"
            if called == "Search":
                made.append((path.name, ast.unparse(node.args[0]).partition("(")[0]))
            posted += [(path.name, ast.unparse(one.value)) for one in node.keywords if one.arg == "search"]
    assert made == [("download.py", "search_text.pipeline")]
    # The second filters a listing of storage/passwords by the add-on's own realm: no search is run.
    assert posted == [("packet_search.py", "search.query"), ("stored_secrets.py", "f'realm={self._realm}'")]
