"""The strict reader of an input's stdout."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standins.splunkd import Event, StreamError, StreamParser

WHOLE = (
    b"<stream>\n<event><time>1700000000.5</time><source>s</source><sourcetype>t</sourcetype>"
    b'<host>h</host><index>i</index><data>{"a": "&lt;b&gt; &amp; \xc3\xa4"}</data></event>\n'
    b'<event stanza="x://a"><data>two</data><time>2</time></event></stream>\n'
)
WHOLE_EVENTS = [
    Event('{"a": "<b> & ä"}', Decimal("1700000000.5"), "s", "t", "h", "i"),
    Event("two", Decimal(2), None, None, None, None),
]


def read(*pieces: bytes) -> tuple[list[Event], StreamParser]:
    events: list[Event] = []
    parser = StreamParser(events.append, "x://a")
    for piece in pieces:
        parser.feed(piece)
    parser.end()
    return events, parser


def event(inner: bytes) -> bytes:
    return b"<stream><event><time>1</time><data>" + inner + b"</data></event></stream>"


def test_whole_stream_gives_its_events_in_order() -> None:
    events, parser = read(WHOLE)
    assert events == WHOLE_EVENTS
    assert parser.whole
    assert not parser.cut


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    events, parser = read(*(WHOLE[a:b] for a, b in zip(places, places[1:])))
    assert events == WHOLE_EVENTS
    assert parser.whole


def test_event_is_handed_on_with_its_last_byte() -> None:
    events: list[Event] = []
    parser = StreamParser(events.append)
    for byte in b"<stream><event><time>1</time><data>a</data></event":
        parser.feed(bytes([byte]))
    assert events == []
    parser.feed(b">")
    assert [e.data for e in events] == ["a"]


FORBIDDEN = [c for c in range(0x20) if c not in (0x09, 0x0A, 0x0D)] + [0xFFFE, 0xFFFF]


@pytest.mark.parametrize("code", FORBIDDEN, ids=hex)
def test_character_that_xml_forbids_is_refused_raw_and_as_reference(code: int) -> None:
    for inner in (chr(code).encode("utf-8"), b"&#%d;" % code, b"&#x%x;" % code):
        with pytest.raises(StreamError):
            read(event(inner))


@pytest.mark.parametrize("code", [0x09, 0x0A, 0x20, 0x7F, 0x85, 0xFFFD, 0x10000, 0x10FFFF], ids=hex)
def test_character_that_xml_allows_is_kept(code: int) -> None:
    events, _ = read(event(chr(code).encode("utf-8")), b"")
    assert [e.data for e in events] == [chr(code)]


@pytest.mark.parametrize(
    "inner",
    [b"\x80", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf5\x80\x80\x80", b"\xc3(", b"&#xD800;"],
    ids=repr,
)
def test_bytes_that_are_not_utf8_are_refused(inner: bytes) -> None:
    with pytest.raises(StreamError, match="not well-formed"):
        read(event(inner))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<stream></stream><stream></stream>", "junk after document"),
        (b"<stream><stream></stream></stream>", "<stream>"),
        (b"<event><time>1</time><data>a</data></event>", "<event>"),
        (b"<stream a='1'></stream>", "attributes"),
        (b"<stream><event><time>1</time><data>a</data><raw>x</raw></event></stream>", "<raw>"),
        (b"<stream><event><time>1</time><data>a<b/></data></event></stream>", "<b>"),
        (b"<stream><event a='1'><time>1</time><data>a</data></event></stream>", "unknown attributes"),
        (b"<stream><event unbroken='yes'><time>1</time><data>a</data></event></stream>", "unbroken"),
        (b"<stream><event stanza='x://b'><time>1</time><data>a</data></event></stream>", "x://b"),
        (b"<stream><event><time a='1'>1</time><data>a</data></event></stream>", "<time>"),
        (b"<stream><event><data>a</data></event></stream>", "without <time>"),
        (b"<stream><event><time>1</time></event></stream>", "without <data>"),
        (b"<stream><event><time>1</time><time>2</time><data>a</data></event></stream>", "two <time>"),
        (b"<stream><event><time>1</time><data>a</data><data>b</data></event></stream>", "two <data>"),
        (b"<stream><event><time>1</time><data>a</data><index></index></event></stream>", "empty <index>"),
        (b"<stream><event><time>1</time><data>a</data><done/></event></stream>", "not unbroken"),
        (b"<stream><event unbroken='1'><data>a</data><done>x</done></event></stream>", "with content"),
        (b"<stream>x<event><time>1</time><data>a</data></event></stream>", "text outside"),
        (b"<stream><event>x<time>1</time><data>a</data></event></stream>", "text outside"),
        (b"<stream><!-- --></stream>", "a comment"),
        (b"<stream><?a b?></stream>", "a processing instruction"),
        (b"<stream><event><time>1</time><data><![CDATA[a]]></data></event></stream>", "CDATA"),
        (b"<!DOCTYPE stream><stream></stream>", "document type"),
        (b"<!DOCTYPE s [<!ENTITY a 'b'>]><stream><event><time>1</time><data>&a;</data></event>", "document type"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><stream></stream>", "declared"),
        (b"\xef\xbb\xbf<stream></stream>", "byte order mark"),
        (b"hello\n<stream></stream>", "not well-formed"),
        (b"<stream><event><time>1</time><data>]]></data></event></stream>", "not well-formed"),
        (b"<stream><event><time>1</time><data>a & b</data></event></stream>", "not well-formed"),
        (b"<stream></stream>\n\xc3", "after the stream|not well-formed"),
    ],
)
def test_malformed_stream_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(StreamError, match=reason):
        read(document)


@pytest.mark.parametrize("time", ["", "now", "-1", "+1", "1e9", "1.", ".5", " 1", "1,5", "nan", "0x10", "٣"])
def test_time_that_is_not_a_plain_number_is_refused(time: str) -> None:
    with pytest.raises(StreamError, match="plain number"):
        read(f"<stream><event><time>{time}</time><data>a</data></event></stream>".encode())


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_cut_event_is_dropped_and_noted_wherever_the_pipe_ends(length: int) -> None:
    events, parser = read(WHOLE[:length])
    assert events == WHOLE_EVENTS[: len(events)]
    ends = [WHOLE.index(b"</event>") + 8, WHOLE.rindex(b"</event>") + 8]
    assert len(events) == sum(length >= end for end in ends)
    assert parser.whole == (length >= WHOLE.index(b"</stream>") + 9)
    between_events = WHOLE[:length].rstrip().endswith((b"<stream>", b"</event>", b"</stream>")) or not length
    assert parser.cut == (not between_events)


def test_unbroken_pieces_are_one_stream_broken_into_lines() -> None:
    events, _ = read(
        b'<stream><event unbroken="1"><source>s</source><data>one\ntw</data></event>'
        b'<event unbroken="1"><source>s</source><data>o\r\nthree</data><done/></event></stream>'
    )
    assert [(e.data, e.source, e.time) for e in events] == [
        ("one", "s", None),
        ("two", "s", None),
        ("three", "s", None),
    ]
