"""Packets as a PCAP file, for the REST endpoint that a dashboard links to: what may be asked for, and the answer.

The packets come from a search that runs with the session of the user who asks, so that nobody gets a packet that they
could not have searched for. What is asked for becomes part of that search only after it was found to be an id, a
number, an address or a plain name, and only through `search_text`. A file holds all packets that a PCAP file can hold;
what it leaves out is counted in its name and in a header. A search that was cut, or takes too long, gives no file.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Callable

from ..clock import CLOCK, Clock
from . import layers, pcap, search_text
from . import rows as packet_rows
from .find import whole_number

MOST_PACKETS = 10_000
MOST_BYTES = 16 * 1024 * 1024
"""How much a file may hold: it is in memory several times on its way to the browser."""

SEARCH_SECONDS = 20.0
"""How long the search and the reading of its rows may take.

Then the search is canceled and the file made, so that the answer is there within 25 seconds: Splunk Web waits for
splunkd for 30 (splunkdConnectionTimeout in web.conf).
"""

MEDIA_TYPE = "application/vnd.tcpdump.pcap"

LEFT_OUT = "X-Packets-Left-Out"
"""The header of a file that says how many packets it could not hold."""

_FLOW = re.compile(r"[0-9A-Za-z-]{1,64}:[0-9]{1,20}:[0-9]{1,20}:[0-9]{1,20}\Z")
_TIME = re.compile(r"(?!rt)[0-9A-Za-z@:+.-]{1,40}\Z", re.IGNORECASE)
"""Splunk's times but those of a real-time search (`rt`), which has no end."""

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}\Z")
_ADDRESSES = ("packet_src_ip", "packet_dest_ip", "src", "dest")
_ARGUMENTS = ("flow", "packet", "address", "field", "encoding", "link", "earliest", "latest")
_COLUMNS = ("packet_time", "packet_link_type", "packet_wire_length", "packet_hex")


class Refusal(Exception):
    """The file is not given: an HTTP status, and a sentence for the person who asked."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Search:
    """A search and its time range, as Splunk writes times."""

    query: search_text.Piece
    earliest: str
    latest: str


Row = Mapping[str, object]
"""A row of a search's results."""

Run = Callable[[Search, float], Generator[Row, None, None]]
"""Runs a search as the user who asks, until a monotonic time; yields its rows. Raises Refusal.

The search ends, on splunkd too, when the generator is closed."""


def answer(request: Mapping[str, Any], run: Run, clock: Clock = CLOCK) -> dict[str, Any]:
    """Return the reply to a request as splunkd's persistent handlers give it: a PCAP file, or a sentence."""
    try:
        if request.get("method") != "GET":
            raise Refusal(405, "Ask by GET.")
        asked = _arguments(request.get("query"))
        with closing(run(search_for(asked), clock.monotonic() + SEARCH_SECONDS)) as rows:
            found = collect(rows)
    except search_text.Unquotable as refused:
        return refusal(400, str(refused))
    except Refusal as refused:
        return refusal(refused.status, refused.text)
    content = pcap.pcap_file(found.packets, found.link)
    reply = _reply(200, MEDIA_TYPE, {"payload_base64": base64.b64encode(content).decode("ascii")})
    reply["headers"]["Content-Disposition"] = f'attachment; filename="{_file_name(asked, found.left_out)}"'
    if found.left_out:
        reply["headers"][LEFT_OUT] = str(found.left_out)
    return reply


def _file_name(asked: Mapping[str, str], left_out: int) -> str:
    """Return a name of ASCII letters, digits, hyphens and a dot: a browser shows nothing else of what is missing."""
    ids = packet_rows.parse_ids(asked.get("packet", ""))
    name = f"packet-{min(ids)}" if len(ids) == 1 else "packets"
    return f"{name}-{left_out}-left-out.pcap" if left_out else f"{name}.pcap"


def refusal(status: int, text: str) -> dict[str, Any]:
    """Return the reply that has a sentence in place of a file."""
    return _reply(status, "text/plain; charset=utf-8", {"payload": text + "\n"})


def _reply(status: int, media_type: str, payload: Mapping[str, str]) -> dict[str, Any]:
    headers = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return {"status": status, "headers": headers, **payload}


def _arguments(query: object) -> dict[str, str]:
    asked: dict[str, str] = {}
    for name, value in _pairs(query):
        if name == "output_mode":
            continue
        if name not in _ARGUMENTS:
            raise Refusal(400, f"{packet_rows.shown(name)} is not known. Give some of {', '.join(_ARGUMENTS)}.")
        if name in asked:
            raise Refusal(400, f"{name} is given twice.")
        # A dashboard sends * for what was not chosen.
        asked[name] = "" if value == packet_rows.ALL else value
    return {name: value for name, value in asked.items() if value}


def _pairs(query: object) -> list[tuple[str, str]]:
    """Return the arguments of a request: pairs of texts, as splunkd hands them over. Raises Refusal."""
    found: list[tuple[str, str]] = []
    for pair in query if isinstance(query, list) else [] if query is None else [query]:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
            raise Refusal(400, "The arguments of the request cannot be read: give each as name=value.")
        found.append((pair[0], pair[1]))
    return found


def search_for(asked: Mapping[str, str]) -> Search:
    """Return the search for the packets that are asked for. Raises Refusal or search_text.Unquotable for others."""
    terms = [search_text.macro("sfw_packets")]
    address = _address(asked["address"]) if "address" in asked else ""
    if "flow" in asked:
        flow = _matching(asked, "flow", _FLOW, "a connection key as in the field flow_id")
        # Its parts are words of the event, which the index finds; the field is an expression over the event.
        terms += [*map(search_text.quoted, flow.split(":")), search_text.term("flow_id", flow)]
    if address:
        terms.append(_of_address(address))
    steps = [search_text.command("search", *terms), search_text.command("sfwpackets", *_options(asked))]
    if address:
        where = search_text.any_of(search_text.term(name, address) for name in _ADDRESSES)
        steps.append(search_text.command("search", where))
    steps.append(search_text.command("where", search_text.not_null("packet_hex")))
    if "link" in asked:
        number = whole_number(asked["link"], pcap.LAST_LINK)
        if number is None:
            raise Refusal(400, "link: give a link type as in the field packet_link_type, 1 for Ethernet.")
        steps.append(search_text.command("search", search_text.term("packet_link_type", str(number))))
    steps.append(search_text.command("head", search_text.number(MOST_PACKETS + 1)))
    steps.append(search_text.command("table", search_text.names(_COLUMNS)))
    earliest, latest = (
        _matching({name: asked.get(name, usual)}, name, _TIME, "a time as in -24h@h, now or seconds since 1970")
        for name, usual in (("earliest", "-24h"), ("latest", "now"))
    )
    return Search(search_text.pipeline(*steps), earliest, latest)


def _of_address(address: str) -> search_text.Piece:
    """Return the condition on events by which the dashboard Packets narrows its search, with the address as a word.

    An event that names both of its ends is of the address or is not; of one that does not, only the packet shows it.
    """
    ends = ("src", "dest")
    named = search_text.any_of(search_text.term(name, address) for name in ends)
    return search_text.any_of(
        [
            search_text.all_of([search_text.quoted(address), named]),
            *map(search_text.absent, ends),
        ]
    )


def _options(asked: Mapping[str, str]) -> list[search_text.Piece]:
    given = {name: asked[name] for name in ("packet", "field", "encoding") if name in asked}
    if "field" in given:
        _matching(given, "field", _FIELD, "the name of a field")
    try:
        wanted = packet_rows.parse(given).wanted
    except ValueError as error:
        raise Refusal(400, str(error)) from None
    if "packet" in given:
        if not wanted:
            raise Refusal(400, "packet: give ids of packets as in the field packet_id, separated by commas.")
        given["packet"] = ",".join(sorted(wanted))
    return [search_text.term(name, value) for name, value in given.items()]


def _matching(asked: Mapping[str, str], name: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.match(asked[name]):
        raise Refusal(400, f"{name}: give {what}.")
    return asked[name]


def _address(text: str) -> str:
    """Return an address as Python writes it. Its zone is refused: that may be any text, and no event has one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Refusal(400, "address: give an IPv4 or IPv6 address.") from None
    if "%" in text:
        raise Refusal(400, "address: give an IPv4 or IPv6 address without a zone, which is the part after %.")
    return str(address)


@dataclass(frozen=True)
class Found:
    """The packets for a file, in the order of time, all of one link type; and how many others a file cannot hold."""

    link: int
    packets: list[pcap.Captured]
    left_out: int


def collect(rows: Iterable[Row]) -> Found:
    """Return the packets of a search's results.

    A row that is not a packet, or whose numbers a PCAP file cannot hold, is left out and counted. Raises Refusal when
    no packet is left, or when there is too much for a file.
    """
    found: list[tuple[int, pcap.Captured]] = []
    size = left_out = 0
    for row in rows:
        one = _captured(row)
        if one is None:
            left_out += 1
        else:
            found.append(one)
            size += len(one[1].content)
        if len(found) + left_out > MOST_PACKETS or size > MOST_BYTES:
            raise Refusal(
                413,
                f"These are more than {MOST_PACKETS} packets or {MOST_BYTES >> 20} MiB. Choose a shorter time range, "
                "or fewer packets.",
            )
    link = _only_link({link for link, _ in found}, left_out)
    return Found(link, sorted((one for _, one in found), key=lambda one: (one.second, one.microsecond)), left_out)


def _only_link(links: set[int], left_out: int) -> int:
    """Return the link type that all packets have. Raises Refusal."""
    if not links and left_out:
        raise Refusal(
            404,
            f"No packet is left for a file: {left_out} were found, and a PCAP file cannot hold their time, length or "
            "link type. The dashboard Packets shows them.",
        )
    if not links:
        raise Refusal(404, "No such packet was found in this time range, among the events that you may search.")
    if len(links) > 1:
        names = ", ".join(f"{link} ({layers.LINK_NAMES.get(link, 'unknown')})" for link in sorted(links))
        raise Refusal(
            409,
            f"A PCAP file holds packets of one link type, and these have several: {names}. Add link= and one of these "
            "numbers to the address.",
        )
    return next(iter(links))


def _captured(row: Row) -> tuple[int, pcap.Captured] | None:
    """Return the link type and the packet of a row, None for a row that a PCAP file cannot hold."""
    second, microsecond = _moment(_text(row, "packet_time"))
    link = whole_number(_text(row, "packet_link_type"), pcap.LAST_LINK)
    length = whole_number(_text(row, "packet_wire_length"), pcap.MOST_LENGTH)
    digits = _text(row, "packet_hex")
    if second is None or microsecond is None or link is None or length is None:
        return None
    if not 0 < len(digits) <= 2 * layers.LONGEST:
        return None
    try:
        return link, pcap.Captured(second, microsecond, length, bytes.fromhex(digits))
    except ValueError:
        return None


def _moment(text: str) -> tuple[int | None, int | None]:
    """Return seconds and microseconds of a time with up to six decimals, None for those that a file cannot hold."""
    second, _, decimals = text.partition(".")
    return whole_number(second, pcap.LAST_SECOND), whole_number(decimals.ljust(6, "0"), 999_999)


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
