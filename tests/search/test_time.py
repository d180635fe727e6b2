"""When an event happened, and where it ends, for our own input and for the same JSON brought by a file or by HTTP.

For the latter, the settings are those that the documentation has for users to copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from standins.search import Knowledge
from standins.search.snippets import app_with_snippet
from tests.search.case import ABSENT, HOST, OTHER_SOURCE, SOURCE, SOURCETYPE, connection, file, intrusion, packet, text

NOW = 1800000000.25
TOLD = 1744752707.709756


@dataclass(frozen=True)
class Timed:
    """An event and the time that it gets when others bring it."""

    name: str
    raw: str
    time: float

    def __str__(self) -> str:
        return self.name


TIMED = [
    Timed("a connection by its first packet", connection(), 1743500734),
    Timed("at its end by its last", connection(LastPacketSecond=1743500800, EventSecond=1743500900), 1743500800),
    Timed("that lasted for days", connection(LastPacketSecond=1743800000), 1743800000),
    Timed("that has not ended", connection(LastPacketSecond=0), 1743500734),
    Timed(
        "with the last packet before the first",
        text({}, {"LastPacketSecond": 1743500800, "EventType": "ConnectionEvent", "FirstPacketSecond": 1743500734}),
        1743500800,
    ),
    Timed(
        "with the last packet far inside",
        text({}, {"EventType": "ConnectionEvent", "FirstPacketSecond": 1743500734, "URL": "x" * 12000})[:-1]
        + ', "LastPacketSecond":1743500800, "A":1}',
        1743500800,
    ),
    Timed("not by a text that looks like a last packet", connection(URL='"LastPacketSecond":1743100000'), 1743500734),
    Timed("by a second in quotes", connection(LastPacketSecond="1743500800"), 1743500800),
    Timed("an intrusion not by the last packet", intrusion(LastPacketSecond=1744752800), 1744752707),
    Timed("an intrusion by its own second", intrusion(FirstPacketSecond=1744752000), 1744752707),
    Timed("a file by its own second", file(), 1741199882),
    Timed("a packet by its own second", packet(PacketSecond=1744752710), 1744752710),
    Timed("without one by its event's", packet(), 1744752707),
    Timed("an intrusion without its second by its first packet", intrusion(EventSecond=ABSENT), 1744752707),
    Timed("another type by its second", text({}, {"EventType": "X", "EventSecond": 1744752711}), 1744752711),
    Timed(
        "another type by its first packet", text({}, {"EventType": "X", "FirstPacketSecond": 1744752712}), 1744752712
    ),
    Timed("with spaces around the colon", '{ "EventType" : "FileEvent", "EventSecond" : 1741199882 }', 1741199882),
    Timed("not by a text that looks like one", file(FileName='"EventSecond":1741100000'), 1741199882),
    Timed("long ago", connection(FirstPacketSecond=1000000000), 1000000000),
]


@pytest.fixture(scope="module")
def with_snippet(addon: Path, tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    """What Splunk knows where a user has copied the settings for events that others bring."""
    return Knowledge.read(addon, app_with_snippet(tmp_path_factory.mktemp("apps")))


@pytest.mark.parametrize("one", TIMED, ids=str)
def test_time_of_an_event_that_others_bring(with_snippet: Knowledge, one: Timed) -> None:
    data = f"{one.raw}\n".encode()
    (event,) = with_snippet.index(data, sourcetype=SOURCETYPE, source=OTHER_SOURCE, host=HOST, now=NOW)
    assert event.time == one.time
    assert event.raw == one.raw


@pytest.mark.parametrize("raw", [connection(), intrusion(), file(), packet()], ids=lambda raw: raw[14:26])
def test_the_time_that_our_input_tells_is_kept(knowledge: Knowledge, with_snippet: Knowledge, raw: str) -> None:
    told = {"sourcetype": SOURCETYPE, "source": SOURCE, "host": HOST}
    for known in (knowledge, with_snippet):
        (event,) = known.index(raw.encode(), **told, now=NOW, input_time=TOLD)
        assert event.time == TOLD


@pytest.mark.parametrize("source", [SOURCE, OTHER_SOURCE])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n\n"])
def test_every_line_is_an_event_of_its_own(with_snippet: Knowledge, source: str, end: bytes) -> None:
    raws = [connection(URL="https://bücher.example/"), intrusion(), file(), packet()]
    data = b"".join(raw.encode() + end for raw in raws)
    events = with_snippet.index(data, sourcetype=SOURCETYPE, source=source, host=HOST, now=NOW)
    assert [event.raw for event in events] == raws


@pytest.mark.parametrize("source", [SOURCE, OTHER_SOURCE])
def test_an_event_of_half_a_mebibyte_is_whole(with_snippet: Knowledge, source: str) -> None:
    raw = packet(Bytes="ff" * 262000)
    (event,) = with_snippet.index(raw.encode(), sourcetype=SOURCETYPE, source=source, host=HOST, now=NOW)
    assert event.raw == raw
