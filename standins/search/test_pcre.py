"""PCRE2 as Splunk uses it: pcre2pattern and pcre2api, and the limits of limits.conf.spec ([rex])."""

from __future__ import annotations

import threading

import pytest

from standins.search import pcre


def all_of(source: str, text: str) -> list[str | None]:
    return [found.group() for found in pcre.compile(source).finditer(text)]


def test_a_match_has_its_groups_by_number_and_by_name() -> None:
    pattern = pcre.compile(r"(?<b>x)?(\d)(?P<a>ä+)(?'c')")
    found = pattern.search("_1äää")
    assert found is not None
    assert found.groups() == (None, "1", "äää", "")
    assert found.groupdict() == {"b": None, "a": "äää", "c": ""}
    assert list(pattern.groupindex.items()) == [("b", 1), ("a", 3), ("c", 4)]


def test_places_are_counted_in_characters() -> None:
    found = pcre.compile("(木+)x").search("ä𝄞木木x")
    assert found is not None
    assert (found.span(), found.span(1), found.start(), found.end()) == ((2, 5), (2, 4), 2, 5)


def test_what_is_not_found_is_none() -> None:
    assert pcre.compile("b").search("a") is None


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("a", "aXa", ["a", "a"]),
        ("a*", "aaXa", ["aa", "", "a", ""]),
        ("", "ä木", ["", "", ""]),
        (r"\b|x", "x", ["", "x", ""]),
        ("(?<=a)b", "abb", ["b"]),
    ],
)
def test_all_matches_are_found_one_behind_the_other(source: str, text: str, found: list[str]) -> None:
    assert all_of(source, text) == found


@pytest.mark.parametrize(
    ("source", "new", "text", "result"),
    [
        (r"(\w)(\d)?", r"<\1\2>", "aä1", "<a>ä<1>"),
        ("x", r"\\n$1", "äxä", r"ä\\n$1ä"),
        ("(x)", r"\10", "x", "x0"),
        (r"\Z", "!", "ä", "ä!"),
    ],
)
def test_a_replacement_takes_groups_and_nothing_else(source: str, new: str, text: str, result: str) -> None:
    assert pcre.compile(source).sub(new, text) == result


def test_a_group_that_is_not_there_cannot_replace() -> None:
    with pytest.raises(pcre.PatternError, match="no group 2"):
        pcre.compile("(x)").sub(r"\2", "x")


@pytest.mark.parametrize("source", ["(", "(?<a>x)(?<a>y)", f"(?<{'a' * 33}>x)"])
def test_what_is_no_regular_expression_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(pcre.PatternError, match="at byte"):
        pcre.compile(source)


def test_classes_are_those_of_ascii() -> None:
    assert all_of(r"\w+|\d", "ä1٣a") == ["1", "a"]


def test_bytes_can_be_counted_instead_of_characters() -> None:
    assert pcre.compile(".{4}", utf=False).search("ää") is not None
    assert pcre.compile(".{4}").search("ää") is None


STARRED = r'"(?:[^"\\]|\\.)*"'
POSSESSIVE = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'


def test_an_alternation_under_a_star_reaches_the_depth_limit() -> None:
    assert pcre.compile(STARRED).search(f'"{"x" * 400}"') is not None
    with pytest.raises(pcre.LimitReached, match="depth limit of 1000"):
        pcre.compile(STARRED).search(f'"{"x" * 1000}"')
    for text in ("x" * 8000, '\\"' * 4000):
        assert pcre.compile(POSSESSIVE).search(f'"{text}"') is not None


def test_a_lazy_dot_reaches_the_match_limit() -> None:
    assert pcre.compile("^.*?y").search("x" * 90_000 + "y") is not None
    with pytest.raises(pcre.LimitReached, match="match limit of 100000"):
        pcre.compile("^.*?y").search("x" * 110_000 + "y")


def test_searches_in_several_threads_do_not_disturb_each_other() -> None:
    pattern = pcre.compile("(x+)")
    wrong: list[str] = []

    def search(text: str) -> None:
        for _ in range(500):
            found = pattern.search(text)
            if found is None or found.group(1) != text:
                wrong.append(text)

    threads = [threading.Thread(target=search, args=("x" * length,)) for length in (1, 50, 700, 9000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
