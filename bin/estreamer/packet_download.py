"""Packets as a PCAP file, for the REST endpoint that a dashboard links to: what may be asked for, and the answer.

The packets come from a search that runs with the session of the user who asks, so that nobody gets a packet that they
could not have searched for. What is asked for becomes part of that search only after it was found to be an id, a
number, an address or a plain name. A file is whole or is not given at all.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from . import packet_rows, packets

MOST_PACKETS = 10_000
MOST_BYTES = 16 * 1024 * 1024
"""How much a file may hold: it is in memory several times on its way to the browser."""

MOST_SECONDS = 120.0
"""How long the search may take."""

MEDIA_TYPE = "application/vnd.tcpdump.pcap"

_FLOW = re.compile(r"[0-9A-Za-z-]{1,64}(?::\d{1,20}){3}\Z")
_TIME = re.compile(r"[0-9A-Za-z@:+.-]{1,40}\Z")
_LINK = re.compile(r"\d{1,5}\Z")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}\Z")
_ADDRESSES = ("packet_src_ip", "packet_dest_ip", "src", "dest")
_ARGUMENTS = ("flow", "packet", "address", "field", "encoding", "link", "earliest", "latest")


class Refusal(Exception):
    """The file is not given: an HTTP status, and a sentence for the person who asked."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Search:
    """A search and its time range, as Splunk writes times."""

    query: str
    earliest: str
    latest: str


Run = Callable[[Search], Iterable[bytes]]
"""Runs a search as the user who asks; yields the lines of its results as splunkd exports them. Raises Refusal."""


def answer(request: Mapping[str, Any], run: Run, clock: Callable[[], float] = time.monotonic) -> dict[str, Any]:
    """Return the reply to a request as splunkd's persistent handlers give it: a PCAP file, or a sentence."""
    try:
        if request.get("method") != "GET":
            raise Refusal(405, "Ask by GET.")
        asked = _arguments(request.get("query") or [])
        link, captured = collect(run(search_for(asked)), clock() + MOST_SECONDS, clock)
    except Refusal as refused:
        return refusal(refused.status, refused.text)
    content = packets.pcap_file(captured, link)
    ids = packet_rows.parse_ids(asked.get("packet", ""))
    name = f"packet-{min(ids)}.pcap" if len(ids) == 1 else "packets.pcap"
    reply = _reply(200, MEDIA_TYPE, {"payload_base64": base64.b64encode(content).decode("ascii")})
    reply["headers"]["Content-Disposition"] = f'attachment; filename="{name}"'
    return reply


def refusal(status: int, text: str) -> dict[str, Any]:
    """Return the reply that has a sentence in place of a file."""
    return _reply(status, "text/plain; charset=utf-8", {"payload": text + "\n"})


def _reply(status: int, media_type: str, payload: Mapping[str, str]) -> dict[str, Any]:
    headers = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return {"status": status, "headers": headers, **payload}


def _arguments(query: Sequence[Sequence[str]]) -> dict[str, str]:
    asked: dict[str, str] = {}
    for name, value in query:
        if name == "output_mode":
            continue
        if name not in _ARGUMENTS:
            raise Refusal(400, f"{name[:40]} is not known. Give some of {', '.join(_ARGUMENTS)}.")
        if name in asked:
            raise Refusal(400, f"{name} is given twice.")
        # A dashboard sends * for what was not chosen.
        asked[name] = "" if value == packet_rows.ALL else value
    return {name: value for name, value in asked.items() if value}


def search_for(asked: Mapping[str, str]) -> Search:
    """Return the search for the packets that are asked for. Raises Refusal for what is malformed."""
    terms = ["`sfw_packets`"]
    if "flow" in asked:
        flow = _matching(asked, "flow", _FLOW, "a connection key as in the field flow_id")
        terms.append(f'flow_id="{flow}"')
    steps = [f"search {' '.join(terms)}", " ".join(["sfwpackets", *_options(asked)])]
    if "address" in asked:
        where = " OR ".join(f'{name}="{_address(asked)}"' for name in _ADDRESSES)
        steps.append(f"search {where}")
    steps.append("where isnotnull(packet_hex)")
    if "link" in asked:
        number = _matching(asked, "link", _LINK, "a link type as in the field packet_link_type, 1 for Ethernet")
        steps.append(f"where packet_link_type={number}")
    steps.append(f"head {MOST_PACKETS + 1}")
    steps.append("table packet_time, packet_link_type, packet_wire_length, packet_hex")
    earliest, latest = (
        _matching({name: asked.get(name, usual)}, name, _TIME, "a time as in -24h@h, now or seconds since 1970")
        for name, usual in (("earliest", "-24h"), ("latest", "now"))
    )
    return Search(" | ".join(steps), earliest, latest)


def _options(asked: Mapping[str, str]) -> list[str]:
    given = {name: asked[name] for name in ("packet", "field", "encoding") if name in asked}
    if "field" in given:
        _matching(given, "field", _FIELD, "the name of a field")
    try:
        packet_rows.parse(given)
    except ValueError as error:
        raise Refusal(400, str(error)) from None
    return [f'{name}="{value}"' for name, value in given.items()]


def _matching(asked: Mapping[str, str], name: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.match(asked[name]):
        raise Refusal(400, f"{name}: give {what}.")
    return asked[name]


def _address(asked: Mapping[str, str]) -> str:
    try:
        return str(ipaddress.ip_address(asked["address"]))
    except ValueError:
        raise Refusal(400, "address: give an IPv4 or IPv6 address.") from None


def collect(
    lines: Iterable[bytes], deadline: float, clock: Callable[[], float] = time.monotonic
) -> tuple[int, list[packets.Captured]]:
    """Return the link type and the packets of a search's results, in the order of time.

    `deadline` is a time of `clock`. Raises Refusal when there is no packet, when there is too much for a file, or when
    the search was not whole.
    """
    found: list[tuple[int, packets.Captured]] = []
    size = 0
    for line in lines:
        if clock() > deadline:
            raise Refusal(504, f"The search takes more than {MOST_SECONDS:.0f} seconds. Choose a shorter time range.")
        row = _row(line)
        if row is None:
            continue
        packet = _captured(row)
        found.append((int(row["packet_link_type"]), packet))
        size += len(packet.content)
        if len(found) > MOST_PACKETS or size > MOST_BYTES:
            raise Refusal(
                413,
                f"These are more than {MOST_PACKETS} packets or {MOST_BYTES >> 20} MiB. Choose a shorter time range, "
                "or fewer packets.",
            )
    links = sorted({link for link, _ in found})
    if not found:
        raise Refusal(404, "No such packet was found in this time range, among the events that you may search.")
    if len(links) > 1:
        names = ", ".join(f"{link} ({packets.LINK_NAMES.get(link, 'unknown')})" for link in links)
        raise Refusal(
            409,
            f"A PCAP file holds packets of one link type, and these have several: {names}. Add link= and one of these "
            "numbers to the address.",
        )
    return links[0], sorted((one for _, one in found), key=lambda one: (one.second, one.microsecond))


def _row(line: bytes) -> dict[str, str] | None:
    """Return the row in a line of an export, None for a line without one. Raises Refusal for a search that failed."""
    if not line.strip():
        return None
    try:
        document = json.loads(line)
        messages = document.get("messages") or []
        bad = [str(one.get("text")) for one in messages if one.get("type") in ("ERROR", "FATAL")]
        row = document.get("result")
    except (ValueError, AttributeError):
        raise Refusal(502, "Splunk's answer to the search is not understood.") from None
    if bad:
        raise Refusal(502, f"Splunk could not run the search: {' '.join(bad)}")
    return row if isinstance(row, dict) else None


def _captured(row: Mapping[str, str]) -> packets.Captured:
    second, _, microsecond = row["packet_time"].partition(".")
    content = bytes.fromhex(row["packet_hex"])
    return packets.Captured(int(second), int(microsecond), int(row["packet_wire_length"]), content)
