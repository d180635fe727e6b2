"""Packets come as a PCAP file to the user who may search them, whole or not at all."""

from __future__ import annotations

import base64
import json
import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from estreamer.packets import download, pcap, search_text
from estreamer.packets.download import Refusal, Search
from estreamer.splunkd import packet_search
from estreamer.splunkd.packet_search import searching

from standins.fmc import packets as made
from standins.places import APP
from standins.search import Indexed, Knowledge, spl
from standins.search.searched import Searched
from tests.clocks import Hand
from tests.package.confs import read_conf
from tests.packets.command import Command
from tests.packets.searchhead import STANZA, Endpoint, SearchHead
from tests.packets.test_pcap import tcpdump
from tests.search.case import arrived

pytestmark = pytest.mark.package

FLOW = "e8566508-eaa9-11e5-860f-de3e305d8269:3:1744752700:17"
ENDS = ("192.0.2.10", "198.51.100.7")
BEGIN, END = "1744752000", "1744753000"
RANGE = {"earliest": BEGIN, "latest": END}


def packet(number: int, content: bytes, connection: int = 17, **fields: Any) -> Indexed:
    event = {
        "EventType": "IntrusionPacket",
        "DeviceUUID": FLOW.partition(":")[0],
        "InstanceID": 3,
        "FirstPacketSecond": 1744752700,
        "ConnectionID": connection,
        "PacketSecond": 1744752700 + number,
        "PacketData": content.hex(),
        **fields,
    }
    return arrived(json.dumps(event), 1744752700 + number, 1744752710 + number)


FRAMES = [made.frame(made.udp(*ENDS, (50000 + n, 53), b"question")) for n in range(3)]
EVENTS = [
    *(packet(n, frame) for n, frame in enumerate(FRAMES)),
    packet(5, made.tcp("203.0.113.9", ENDS[1], (50123, 80), b"GET /"), 18),
    packet(6, b"none", 19, PacketData="no packet at all"),
    packet(7, made.frame(made.udp(*ENDS, (50000, 53), bytes(9000))), 20),
]


@pytest.fixture(scope="module")
def head(addon: Path) -> Iterator[SearchHead]:
    visible = {"analyst-token": ("analyst", EVENTS), "guest-token": ("guest", [])}
    head = SearchHead(Knowledge.read(addon), visible)
    yield head
    head.close()


@pytest.fixture(scope="module")
def endpoint(command: Command, head: SearchHead) -> Iterator[Endpoint]:
    endpoint = Endpoint(command, head)
    yield endpoint
    endpoint.close()


@pytest.fixture(autouse=True)
def whole(head: SearchHead) -> None:
    head.reset()


def content(reply: dict[str, Any]) -> bytes:
    assert reply["status"] == 200, reply
    return base64.b64decode(reply["payload_base64"])


def refusal(reply: dict[str, Any]) -> tuple[int, str]:
    assert reply["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert "payload_base64" not in reply
    return reply["status"], reply["payload"].rstrip("\n")


def test_packets_of_a_connection_come_as_a_file_in_the_order_of_time(endpoint: Endpoint, tmp_path: Path) -> None:
    reply = endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token")
    assert reply["headers"] == {
        "Content-Type": "application/vnd.tcpdump.pcap",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="packets.pcap"',
    }
    lines = tcpdump(tmp_path, content(reply))
    assert [line.split()[0] for line in lines] == [f"{1744752700 + n}.000000" for n in range(3)]
    assert [line.split()[2] for line in lines] == [f"192.0.2.10.{50000 + n}" for n in range(3)]


def test_one_packet_is_asked_for_by_its_id(endpoint: Endpoint, head: SearchHead, tmp_path: Path) -> None:
    whole = content(endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token"))
    found = endpoint.ask({"packet": identity(head, 1), **RANGE}, "analyst-token")
    assert found["headers"]["Content-Disposition"] == f'attachment; filename="packet-{identity(head, 1)}.pcap"'
    begin = 24 + 16 + len(FRAMES[0])
    assert content(found) == whole[:24] + whole[begin : begin + 16 + len(FRAMES[1])]


def identity(head: SearchHead, number: int) -> str:
    """The id that the search shows for one of the frames."""
    run = searching({"session": {"user": "analyst", "authtoken": "analyst-token"}, "server": {"rest_uri": head.uri}})
    query = search_text.Piece("search `sfw_packets` | sfwpackets | sort 0 packet_time | table packet_id")
    rows = list(run(Search(query, BEGIN, END), time.monotonic() + 60))
    return str(rows[number]["packet_id"])


def test_packets_of_an_address_and_of_a_link_type(endpoint: Endpoint, tmp_path: Path) -> None:
    (line,) = tcpdump(tmp_path, content(endpoint.ask({"address": "203.0.113.9", **RANGE}, "analyst-token")))
    assert "203.0.113.9.50123 > 198.51.100.7.80: Flags [P.]" in line
    status, text = refusal(endpoint.ask(RANGE, "analyst-token"))
    assert status == 409
    assert "these have several: 1 (Ethernet), 101 (raw IP). Add link= and one of these numbers" in text
    assert len(tcpdump(tmp_path, content(endpoint.ask({"link": "101", **RANGE}, "analyst-token")))) == 1
    assert len(tcpdump(tmp_path, content(endpoint.ask({"link": "1", **RANGE}, "analyst-token")))) == 4


def test_a_dashboard_sends_a_star_for_what_was_not_chosen(endpoint: Endpoint, head: SearchHead, tmp_path: Path) -> None:
    query = {"flow": FLOW, "packet": "*", "address": "*", "link": "1", **RANGE}
    assert len(tcpdump(tmp_path, content(endpoint.ask(query, "analyst-token")))) == 3
    assert "*" not in head.searches[0][1]


def test_event_beyond_the_limits_of_extraction_comes_whole(endpoint: Endpoint, tmp_path: Path) -> None:
    reply = endpoint.ask({"flow": FLOW[:-2] + "20", **RANGE}, "analyst-token")
    (line,) = tcpdump(tmp_path, content(reply), "-e")
    assert "length 9042:" in line


def test_nobody_gets_what_they_may_not_search(endpoint: Endpoint, head: SearchHead) -> None:
    status, text = refusal(endpoint.ask({"flow": FLOW, **RANGE}, "guest-token"))
    assert (status, text) == (
        404,
        "No such packet was found in this time range, among the events that you may search.",
    )
    assert [user for user, _ in head.searches] == ["guest"]


@pytest.mark.parametrize("session", [{}, {"user": "analyst"}, {"user": "analyst", "authtoken": "stale"}])
def test_without_a_session_nothing_is_searched(endpoint: Endpoint, head: SearchHead, session: dict[str, str]) -> None:
    assert refusal(endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token", session=session))[0] == 401
    assert head.searches == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"flow": '" OR index=*'}, "flow: give a connection key as in the field flow_id."),
        ({"flow": FLOW + '"'}, "flow: give a connection key as in the field flow_id."),
        ({"flow": FLOW + "\n"}, "flow: give a connection key as in the field flow_id."),
        (
            {"packet": "x | delete"},
            "packet=x | delete is not a packet id. A packet id has 16 digits of 0-9 and a-f, as in the ",
        ),
        ({"address": "192.0.2.1 OR index=*"}, "address: give an IPv4 or IPv6 address."),
        ({"address": "fe80::1%eth0"}, "address: give an IPv4 or IPv6 address without a zone, which is the part after"),
        ({"packet": ","}, "packet: give ids of packets as in the field packet_id, separated by commas."),
        ({"earliest": "rt-1m"}, "earliest: give a time as in -24h@h, now or seconds since 1970."),
        ({"\x1b[31m": "x"}, "'\\x1b[31m' is not known. Give some of flow, packet, address"),
        ({"field": 'a" | delete'}, "field: give the name of a field."),
        ({"encoding": "rot13"}, "encoding=rot13 is not known. Choose among auto, hex, base64."),
        ({"link": "1 | delete"}, "link: give a link type as in the field packet_link_type, 1 for Ethernet."),
        ({"earliest": "-1h | x"}, "earliest: give a time as in -24h@h, now or seconds since 1970."),
        ({"latest": '"'}, "latest: give a time as in -24h@h, now or seconds since 1970."),
        ({"search": "index=*"}, "search is not known. Give some of flow, packet, address, field, encoding, link, "),
        ([("flow", FLOW), ("flow", FLOW)], "flow is given twice."),
    ],
)
def test_nothing_but_plain_values_comes_into_the_search(
    endpoint: Endpoint, head: SearchHead, query: Any, sentence: str
) -> None:
    status, text = refusal(endpoint.ask(query, "analyst-token"))
    assert (status, text[: len(sentence)]) == (400, sentence)
    assert head.searches == []


def test_link_that_carries_a_search_is_refused_and_nothing_is_searched(endpoint: Endpoint, head: SearchHead) -> None:
    """The link runs with the session of whoever follows it. Splunk Web hands over what it means by %25."""
    link = '?address=fe80::1%25x" | outputlookup stolen.csv | search z="'
    (asked,) = parse_qsl(link[1:], strict_parsing=True)
    assert asked == ("address", 'fe80::1%x" | outputlookup stolen.csv | search z="')
    for value in (asked[1], asked[1].replace("%", "%25"), asked[1].replace(" ", "\t")):
        status, text = refusal(endpoint.ask({"address": value, **RANGE}, "analyst-token"))
        assert (status, text.startswith("address: give an IPv4 or IPv6 address")) == (400, True)
    assert head.searches == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_endpoint_only_reads(endpoint: Endpoint, head: SearchHead, method: str) -> None:
    assert refusal(endpoint.ask({"flow": FLOW}, "analyst-token", method=method)) == (405, "Ask by GET.")
    assert head.searches == []


NOT_UNDERSTOOD = "Splunk's answer to the search is not understood."


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (
            {"isFailed": True, "messages": [{"type": "FATAL", "text": "Unknown search command."}]},
            "Splunk could not run the search: Unknown search command.",
        ),
        (
            {"messages": [{"type": "INFO", "text": "x"}, {"type": "ERROR", "text": "Peer a is gone."}]},
            "Splunk could not run the search: Peer a is gone.",
        ),
        ({"isFailed": True}, "Splunk could not run the search: it does not say why."),
        ({"dispatchState": "FAILED"}, "Splunk could not run the search: it does not say why."),
        ({"isZombie": True, "isDone": False}, "Splunk could not run the search: it does not say why."),
        (
            {"isFinalized": True},
            "The search was ended before it was done, so packets may be missing. Ask again.",
        ),
        ({"resultCount": 5}, "Splunk gave 3 of 5 packets. No file was made, since packets would be missing."),
        ({"resultCount": 2}, "Splunk gave 3 of 2 packets. No file was made, since packets would be missing."),
        *(({"resultCount": count}, NOT_UNDERSTOOD) for count in (None, "3", -1, True)),
        *(({"messages": messages}, NOT_UNDERSTOOD) for messages in (7, [7], {"a": 1})),
    ],
)
def test_search_that_failed_or_was_cut_gives_no_file_and_leaves_no_job(
    endpoint: Endpoint, head: SearchHead, state: dict[str, Any], sentence: str
) -> None:
    head.state = state
    assert refusal(endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token")) == (502, sentence)
    assert (head.canceled, head.jobs) == (1, {})


@pytest.mark.parametrize("results", [b"<html>\n<html>\n", b"packet_hex\n", b"", b'packet_hex\n"' + b"a" * 5_000_000])
def test_rows_that_are_not_those_of_the_search_give_no_file(
    endpoint: Endpoint, head: SearchHead, results: bytes
) -> None:
    head.results = results
    status, text = refusal(endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token"))
    assert (status, text.startswith(("Splunk gave ", NOT_UNDERSTOOD))) == (502, True)
    assert (head.canceled, head.jobs) == (1, {})


def test_job_of_a_search_is_canceled_when_its_packets_were_read(endpoint: Endpoint, head: SearchHead) -> None:
    content(endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token"))
    assert (head.canceled, head.jobs, len(head.searches)) == (1, {}, 1)


def test_job_of_a_search_with_too_many_packets_is_canceled(endpoint: Endpoint, head: SearchHead) -> None:
    head.found = [GOOD] * 10_001
    head.state = {"isFinalized": True}
    assert refusal(endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token"))[0] == 413
    assert (head.canceled, head.jobs) == (1, {})


TOO_SLOW = (
    "The search for the packets took more than 20 seconds and was canceled, since Splunk Web waits no longer for an "
    "answer. No file was made. Choose a shorter time range, or name a connection (flow) or a "
    "host (address)."
)


def test_search_that_does_not_end_is_answered_within_25_seconds_and_canceled(
    endpoint: Endpoint, head: SearchHead
) -> None:
    """Splunk Web gives splunkd 30 seconds: this is the real time, in the process that splunkd would run."""
    head.endless = True
    begin = time.monotonic()
    assert refusal(endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token")) == (504, TOO_SLOW)
    assert download.SEARCH_SECONDS <= time.monotonic() - begin < 25
    assert (head.canceled, head.jobs) == (1, {})


def asked_in_time(head: SearchHead, hand: Hand) -> dict[str, Any]:
    """Return the reply to a request, with a time that passes by waiting only."""
    request = {
        "method": "GET",
        "query": [["flow", FLOW], *map(list, RANGE.items())],
        "session": {"user": "analyst", "authtoken": "analyst-token"},
        "server": {"rest_uri": head.uri},
    }
    run = searching(request, hand.clock)
    return download.answer(request, run, hand.clock)


def test_search_that_splunkd_does_not_confirm_to_have_canceled_is_said_to_end_by_itself(
    head: SearchHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_search, "CANCEL_SECONDS", 0.2)
    head.endless = head.deaf = True
    assert refusal(asked_in_time(head, Hand(0.0))) == (
        504,
        TOO_SLOW.replace("was canceled", "ends on splunkd within 30 seconds"),
    )
    head.released.set()


def test_splunkd_is_not_asked_for_a_job_without_a_pause(head: SearchHead) -> None:
    head.endless = True
    hand = Hand(0.0)
    asked_in_time(head, hand)
    passed = hand.waits
    assert 20 <= sum(passed) < 21
    assert 20 < len(passed) < 40
    assert min(passed) == packet_search.FIRST_PAUSE
    assert max(passed) == packet_search.LONGEST_PAUSE < packet_search.IDLE_SECONDS


def test_time_that_ends_while_rows_come_gives_no_file(head: SearchHead) -> None:
    late = Hand(0.0)
    request = {"session": {"user": "analyst", "authtoken": "analyst-token"}, "server": {"rest_uri": head.uri}}
    query = download.search_for({"flow": FLOW, **RANGE})
    rows = searching(request, late.clock)(query, 20.0)
    next(rows)
    late.now = 21.0
    with pytest.raises(Refusal) as refused:
        next(rows)
    assert (refused.value.status, refused.value.text) == (504, TOO_SLOW)
    assert (head.canceled, head.jobs) == (1, {})


def test_rows_that_stop_coming_give_no_file(head: SearchHead, monkeypatch: pytest.MonkeyPatch) -> None:
    head.stalled = True
    nearly = Hand(0.0)
    monkeypatch.setattr(packet_search, "SHORTEST_REQUEST", 0.2)
    monkeypatch.setattr(download, "SEARCH_SECONDS", 0.5)
    status, text = refusal(asked_in_time(head, nearly))
    assert (status, text.startswith("The search did not finish. No answer came from")) == (504, True)
    assert (head.canceled, head.jobs) == (1, {})
    head.released.set()


def test_answer_is_there_before_splunk_web_gives_up() -> None:
    """A request has a connection, a TLS handshake and an answer to wait for, each as long as it may take."""
    steps = 3
    late = download.SEARCH_SECONDS + steps * packet_search.SHORTEST_REQUEST
    assert late + packet_search.CANCEL_SECONDS <= 25
    assert late + steps * packet_search.CANCEL_SECONDS < 30


SECRET = "a-value-that-nobody-is-to-see"
SERVER = {"rest_uri": "http://127.0.0.1:1"}
MALFORMED = {
    "nothing": b"",
    "no JSON": SECRET.encode(),
    "a list": b"[]",
    "null": b"null",
    "no server": json.dumps({"method": "GET", "session": {"authtoken": SECRET}}).encode(),
    "an address that is none": json.dumps({"method": "GET", "server": {"rest_uri": "http://[" + SECRET}}).encode(),
    "a session that is no object": json.dumps({"method": "GET", "server": SERVER, "session": SECRET}).encode(),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_request_is_answered_with_a_sentence_and_its_place_is_logged(endpoint: Endpoint, case: str) -> None:
    reply = endpoint.hand_over(MALFORMED[case])
    status, text = refusal(reply)
    assert status == 500
    assert re.fullmatch(
        r"The add-on failed \(\w+\)\. Where is in ta_secure_firewall_estreamer_rest\.log, in Splunk's log folder\.",
        text,
    )
    log = (endpoint.logs / "ta_secure_firewall_estreamer_rest.log").read_text("utf-8")
    assert re.search(r'action=unexpected_error error=\w+ at="(\w+\.py:\d+ ?)+"$', log.strip())
    assert SECRET not in log + text


@pytest.mark.parametrize("query", [[[SECRET]], [["flow", [SECRET]]], [["flow", None]], [7], SECRET, {"flow": SECRET}])
def test_arguments_that_are_no_pairs_of_texts_are_refused_with_a_sentence(
    endpoint: Endpoint, head: SearchHead, query: Any
) -> None:
    line = json.dumps({"method": "GET", "server": SERVER, "session": {}, "query": query}).encode()
    assert refusal(endpoint.hand_over(line)) == (
        400,
        "The arguments of the request cannot be read: give each as name=value.",
    )
    assert head.searches == []


GOOD = {"packet_time": "1.0", "packet_link_type": "1", "packet_wire_length": "2", "packet_hex": "abcd"}
WRONG: list[dict[str, Any]] = [
    *({name: "x"} for name in GOOD),
    *({name: None} for name in GOOD),
    *({name: ["1", "2"]} for name in GOOD),
    *({name: "-1"} for name in GOOD),
    *({name: ""} for name in GOOD),
    *({name: "9" * 5000} for name in GOOD if name != "packet_hex"),
    {"packet_time": "4294967296.0"},
    {"packet_time": "1.1000000"},
    {"packet_time": "1.-1"},
    {"packet_time": "nan"},
    {"packet_time": "1e3"},
    {"packet_time": "\u0661.0"},
    {"packet_link_type": "65536"},
    {"packet_link_type": "1.0"},
    {"packet_wire_length": "4294967296"},
    {"packet_hex": "abc"},
    {"packet_hex": "00" * 262_145},
]


def test_a_row_whose_values_no_file_can_hold_is_left_out_and_counted_and_fails_no_file(
    endpoint: Endpoint, head: SearchHead, tmp_path: Path
) -> None:
    rows = [{name: one for name, one in {**GOOD, **wrong}.items() if one is not None} for wrong in WRONG]
    head.found = [GOOD, *rows, {**GOOD, "packet_time": "2147483647.999999"}]
    reply = endpoint.ask({"flow": FLOW, **RANGE}, "analyst-token")
    assert [line.split()[0] for line in tcpdump(tmp_path, content(reply))] == ["1.000000", "2147483647.999999"]
    assert reply["headers"]["X-Packets-Left-Out"] == str(len(WRONG))
    name = f'attachment; filename="packets-{len(WRONG)}-left-out.pcap"'
    assert reply["headers"]["Content-Disposition"] == name


def test_the_greatest_numbers_of_a_file_are_in_a_file() -> None:
    most = {"packet_time": "4294967295.999999", "packet_link_type": "65535", "packet_wire_length": "4294967295"}
    found = download.collect([{**GOOD, **most}])
    assert pcap.pcap_file(found.packets, found.link)[20:40] == struct.pack(
        "<IIIII", 65_535, 4_294_967_295, 999_999, 2, 4_294_967_295
    )


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: ascii(wrong)[:60])
def test_without_a_packet_that_a_file_can_hold_there_is_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="No packet is left for a file: 1 were found") as refused:
        download.collect([{**GOOD, **wrong}])
    assert refused.value.status == 404


def test_an_error_of_splunk_is_one_printable_line(head: SearchHead) -> None:
    head.state = {"messages": [{"type": "FATAL", "text": "a\x00b\x1b[31m\r\nc" + "d" * 5000}]}
    status, text = refusal(asked_in_time(head, Hand(0.0)))
    assert status == 502
    assert text.startswith("Splunk could not run the search: a\\x00b\\x1b[31m")
    assert text.isprintable()
    assert len(text) < 1100


def row_of(size: int) -> dict[str, Any]:
    return {**GOOD, "packet_hex": "00" * size}


@pytest.mark.parametrize(("size", "count"), [(1, 10_001), (262_144, 65)])
def test_too_much_gives_no_part_of_it(size: int, count: int) -> None:
    row = row_of(size)
    with pytest.raises(Refusal, match="more than 10000 packets or 16 MiB") as refused:
        download.collect(row for _ in range(count))
    assert refused.value.status == 413
    found = download.collect(row for _ in range(count - 1))
    assert (len(found.packets), found.left_out) == (count - 1, 0)


def test_rows_that_are_left_out_count_for_the_limit() -> None:
    with pytest.raises(Refusal, match="more than 10000 packets"):
        download.collect({**GOOD, "packet_hex": "x"} for _ in range(10_001))


def test_search_is_narrowed_by_words_that_the_index_knows(endpoint: Endpoint, head: SearchHead) -> None:
    endpoint.ask({"flow": FLOW, "address": ENDS[0], **RANGE}, "analyst-token")
    ((_, search),) = head.searches
    device, instance, first, connection = FLOW.split(":")
    assert search.startswith(
        f'search `sfw_packets` "{device}" "{instance}" "{first}" "{connection}" flow_id="{FLOW}" '
        f'(("{ENDS[0]}" (src="{ENDS[0]}" OR dest="{ENDS[0]}")) OR NOT src=* OR NOT dest=*) | sfwpackets | '
    )


def test_packets_of_events_of_other_hosts_are_not_decoded(addon: Path) -> None:
    """As on the dashboard: an event that names both of its ends is of an address by these."""
    events = [
        packet(0, FRAMES[0], InitiatorIP=ENDS[0], ResponderIP=ENDS[1]),
        packet(1, FRAMES[1], InitiatorIP="203.0.113.9", ResponderIP=ENDS[1]),
        packet(2, FRAMES[2], InitiatorIP="203.0.113.9"),
    ]
    search = download.search_for({"address": ENDS[0], **RANGE})
    data = Searched(Knowledge.read(addon), events)
    found = spl.run(search.query, data, now=1744760000.0, earliest=float(BEGIN), latest=float(END))
    assert [row["packet_time"] for row in found.rows] == ["1744752702.000000", "1744752700.000000"]


def test_endpoint_runs_with_the_session_of_the_user_and_splunk_web_passes_it_on_for_reading(addon: Path) -> None:
    settings = read_conf(addon / "default/restmap.conf")[STANZA]
    assert (settings["requireAuthentication"], settings["passSystemAuth"]) == ("true", "false")
    assert (settings["capability"], settings["python.required"]) == ("search", "3.9, 3.13")
    assert settings["match"] == f"/{APP}_packets"
    web = read_conf(addon / "default/web.conf")[f"expose:{APP}_packets"]
    assert web == {"pattern": f"{APP}_packets", "methods": "GET"}
    for script in ("estreamer_packets_rest.py", "estreamer/rest/packets.py", "estreamer/splunkd/packet_search.py"):
        assert not re.search("(?i)system_?auth", (addon / "bin" / script).read_text(encoding="utf-8"))
