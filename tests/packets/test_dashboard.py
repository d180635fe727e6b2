"""The dashboard Packets: what its tables show of a packet is what is in it, and its links lead to that file."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from estreamer.packets import download
from estreamer.packets.download import Row, Search

from standins.dashboards import View, read_views, resolve
from standins.places import APP, ROOT
from standins.search import Knowledge, spl
from standins.search.searched import Searched
from tests.dashboards.answers import SearchHead, asked
from tests.dashboards.pages import HEADING
from tests.packets.test_download import ENDS, EVENTS, FLOW, FRAMES, packet
from tests.packets.test_pcap import tcpdump

pytestmark = pytest.mark.package

TIMES = {"time.earliest": "1744752000", "time.latest": "1744753000"}


@pytest.fixture(scope="module")
def view() -> View:
    return read_views()["packets"]


@pytest.fixture(scope="module")
def head(addon: Path) -> SearchHead:
    return SearchHead(Searched(Knowledge.read(addon), EVENTS), 1744760000.0)


def rows(head: SearchHead, view: View, source: str, **tokens: str) -> list[dict[str, Any]]:
    return asked(head, view, source, {**view.defaults(), **TIMES, **tokens}).rows


def chosen(head: SearchHead, view: View, number: int) -> str:
    (row,) = [row for row in rows(head, view, "packets") if row.get("source port") == str(50000 + number)][-1:]
    return str(row["packet"])


def test_chosen_packet_is_shown_byte_by_byte_and_header_by_header(head: SearchHead, view: View) -> None:
    packet = chosen(head, view, 1)
    dump = rows(head, view, "dump", packet=packet)
    assert bytes.fromhex("".join(row["hex"] for row in dump)) == FRAMES[1]
    layers = rows(head, view, "layers", packet=packet)
    assert [(row["bytes"], row["value"]) for row in layers if row["field"] in ("source port", "text")] == [
        ("34-41", "50001"),
        ("42-49", "question"),
    ]


def test_what_is_not_decoded_is_shown_as_it_came(head: SearchHead, view: View) -> None:
    (row,) = rows(head, view, "unread")
    assert row["why"].startswith("No packet was recognized in any field of the event.")
    assert "no packet at all" in row["what"]


def test_filters_leave_what_they_say(head: SearchHead, view: View) -> None:
    assert len(rows(head, view, "packets")) == 5
    assert len(rows(head, view, "packets", connection=FLOW)) == 3
    assert [row["source"] for row in rows(head, view, "packets", address="203.0.113.9")] == ["203.0.113.9"]


def narrow(view: View, events: int) -> View:
    """Return the dashboard as it would be if it looked at so many events and showed two packets."""
    text = json.dumps(view.definition)
    assert text.count("head 2000") == text.count("sort 500") == 1
    text = text.replace("head 2000", f"head {events}").replace("sort 500", "sort 2")
    return replace(view, definition=json.loads(text))


def test_an_address_is_found_however_many_later_packets_are_of_others(addon: Path, view: View) -> None:
    own = packet(1, FRAMES[0], InitiatorIP=ENDS[0], ResponderIP=ENDS[1])
    others = [packet(10 + n, FRAMES[1], InitiatorIP="203.0.113.9", ResponderIP=ENDS[1]) for n in range(3)]
    head = SearchHead(Searched(Knowledge.read(addon), [own, *others]), 1744760000.0)
    found = rows(head, narrow(view, 2), "packets", address=ENDS[0])
    assert [row["source port"] for row in found] == ["50000"]


@pytest.mark.parametrize(("when", "shown"), [(1, (0, 2)), (3, (1, 1))])
def test_what_is_not_decoded_is_as_late_as_its_event(
    addon: Path,
    view: View,
    when: int,
    shown: tuple[int, int],
) -> None:
    others = [packet(number, FRAMES[0]) for number in (1, 2, 3) if number != when]
    events = [packet(when, b"", PacketData="no packet at all"), *others]
    head = SearchHead(Searched(Knowledge.read(addon), events), 1744760000.0)
    page = narrow(view, 3)
    assert (len(rows(head, page, "unread")), len(rows(head, page, "packets"))) == shown


@pytest.mark.parametrize("tokens", [{}, {"connection": FLOW}, {"address": "203.0.113.9"}])
def test_the_numbers_lead_to_a_search_for_what_they_count(
    head: SearchHead, view: View, tokens: Mapping[str, str]
) -> None:
    (panel,) = [one for one in view.visualizations if one.name == "viz_packets_count"]
    values = {**view.defaults(), **TIMES, **tokens}
    asked = dict(parse_qsl(urlsplit(resolve(panel.handlers[0]["options"]["url"], values)).query))
    (total,) = rows(head, view, "totals", **tokens)
    assert len(spl.run(asked["q"], head.data, now=head.now).rows) == int(total["packets"]) > 0


def links(head: SearchHead, view: View, **tokens: str) -> Iterator[tuple[dict[str, Any], list[tuple[str, str]]]]:
    """Each row of the table of downloads, and the query that a click on it sends."""
    (panel,) = [one for one in view.visualizations if one.name == "viz_files"]
    (handler,) = panel.handlers
    for row in rows(head, view, "files", **tokens):
        clicked = {f"row.{name}.value": str(value) for name, value in row.items()}
        url = urlsplit(resolve(handler["options"]["url"], {**view.defaults(), **TIMES, **tokens, **clicked}))
        assert url.path == f"/splunkd/__raw/servicesNS/-/{APP}/{APP}_packets"
        yield row, parse_qsl(url.query, strict_parsing=True)


@pytest.mark.parametrize(
    ("tokens", "counts"),
    [
        ({}, {("the packet below", "Ethernet"): 1, ("the packets of its connection", "Ethernet"): 1}),
        ({"connection": FLOW}, {("the packet below", "Ethernet"): 1, ("the packets of its connection", "Ethernet"): 3}),
        ({"address": "203.0.113.9"}, {("the packet below", "raw IP"): 1}),
    ],
)
def test_each_link_gives_the_packets_that_its_row_tells(
    head: SearchHead, view: View, tokens: Mapping[str, str], counts: Mapping[tuple[str, str], int], tmp_path: Path
) -> None:
    def run(search: Search, deadline: float) -> Generator[Row, None, None]:
        times: dict[str, Any] = {"earliest": float(search.earliest), "latest": float(search.latest)}
        yield from spl.run(search.query, head.data, now=head.now, **times).rows

    seen: dict[tuple[str, str], int] = {}
    for row, query in links(head, view, **tokens):
        reply = download.answer({"method": "GET", "query": query}, run)
        assert reply["status"] == 200, reply
        count = len(tcpdump(tmp_path, base64.b64decode(reply["payload_base64"])))
        assert count == int(row["packets"])
        seen[(row["file"], row["link type"])] = count
    assert counts.items() <= seen.items()
    assert any(file == "all that the filters find" for file, _ in seen)


def test_every_search_of_the_page_runs(head: SearchHead) -> None:
    page = (ROOT / "docs" / "packets.md").read_text(encoding="utf-8").partition(HEADING)[0]
    searches = re.findall(r"^(`sfw_packets` \|.*)$", page, re.MULTILINE)
    found = {search: spl.run(search, head.data, now=head.now).rows for search in searches if "CONNECTION" not in search}
    empty = [search for search, rows in found.items() if not rows]
    assert empty == ['`sfw_packets` | sfwpackets | where packet_protocol="tcp" AND like(packet_tcp_flags,"%RST%")']
    assert len(found) == 6
