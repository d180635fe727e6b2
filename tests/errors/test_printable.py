"""Text from outside is shown printable, in one line and bounded, whatever characters it has."""

from __future__ import annotations

import re
import sys

import pytest
from estreamer import printable
from estreamer.errors import Problem
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

HOSTILE = {
    "C0": "".join(map(chr, range(32))),
    "C1": "".join(map(chr, range(0x7F, 0xA0))),
    "line ends": "a\nb\rc\r\nd\x0be\x0cf\x85g\u2028h\u2029i",
    "bidi overrides": "\u202a\u202b\u202c\u202d\u202e",
    "bidi isolates": "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "invisible": "\u00ad\u200b\u200c\u200d\u2060\ufeff\u180e\U000e0041",
    "lone surrogates": "\ud800\udbff\udc00\udfff a \udcff",
    "noncharacters": "\ufffe\uffff\ufdd0\U0001fffe\U0010ffff",
    "private use": "\ue000\U000f0000",
    "spaces that are none": "\u00a0\u2003\u3000",
    "NUL": "\0",
    "terminal": "\x1b[31m\x1b]0;title\x07\x9b2J",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_kind_of_character_becomes_a_printable_escape_that_tells_which_it_was(kind: str) -> None:
    shown = printable.line(HOSTILE[kind], 10_000)
    assert shown.isprintable()
    assert shown.isascii() or kind == "line ends"
    assert shown.encode("ascii").decode("unicode_escape") == HOSTILE[kind]


@pytest.mark.parametrize("text", ["", "plain", "Zürich 世界 \U0001f525", 'quotes " and \\ stay', "a" * 2000])
def test_what_is_printable_stays_as_it_is(text: str) -> None:
    assert printable.line(text) == text


def test_middle_of_a_long_text_is_left_out_and_escapes_count() -> None:
    assert printable.line("a" * 500 + "b" * 500, 25) == "a" * 10 + " ... " + "b" * 10
    assert printable.shortened("a" * 500 + "b" * 500, 25) == "a" * 10 + " ... " + "b" * 10
    for limit in (10, 11, 100, 2000):
        assert len(printable.line("\U000e0001" * 100_000, limit)) == limit
        assert len(printable.line("\0" * limit, limit)) == limit


def test_values_of_other_kinds_are_shown_as_text() -> None:
    assert [printable.line(value) for value in (None, 5, b"\xff", ValueError("a\nb"))] == [
        "None",
        "5",
        "b'\\xff'",
        "a\\nb",
    ]


@given(st.text(st.characters()), st.integers(10, 200))
def test_any_text_is_one_line_that_xml_and_utf_8_can_hold_and_stays_when_shown_again(text: str, limit: int) -> None:
    shown = printable.line(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    etree.Element("a", b=shown).text = shown
    shown.encode("utf-8")
    assert printable.line(shown, limit) == shown
    several = printable.lines(text, limit)
    assert all(line.isprintable() for line in re.split("[\t\n]", several))
    assert printable.lines(several, limit) == several


def test_lines_and_tabs_stay_where_users_write_them() -> None:
    assert printable.lines("a\n\tb\r\n\0", 100) == "a\n\tb\\r\n\\x00"


def test_every_character_there_is_comes_out_printable() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert printable.escaped(everything).isprintable()


@pytest.mark.parametrize("kind", HOSTILE)
def test_problem_holds_no_text_from_outside_that_cannot_be_shown(kind: str) -> None:
    problem = Problem("server_error", f"The server says: {HOSTILE[kind]}" + "x" * 100_000)
    assert problem.text == str(problem)
    assert problem.text.isprintable()
    assert len(problem.text) <= printable.LONGEST
