"""The loop against a stand-in Management Center: what arrives, in which order, and what is told."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from estreamer.bookmark.bookmark import Bookmark
from estreamer.bookmark.folder import folder_of, remove
from estreamer.connection import pkcs12
from estreamer.errors import Problem
from estreamer.events.drop_rules import DropRules
from estreamer.input import delivery, loop, recording
from estreamer.outputs.output import Interest
from estreamer.outputs.settling import Settling
from estreamer.outputs.splunkd_pipe import SplunkdPipe, reader_identity
from estreamer.outputs.xml_stream import Chunk, XmlStream
from estreamer.protocol import session

from standins.fmc.archive import Archive, FailoverPair
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import EventGenerator, Record
from standins.fmc.server import FmcServer
from tests.input.harness import DEADLINE, STANZA, Input, kinds, stop_reading

Make = Callable[..., Input]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the shape of the back-off and shorten it."""
    monkeypatch.setattr(loop, "BACKOFF_FIRST", 0.05)
    monkeypatch.setattr(loop, "BACKOFF_LAST", 0.2)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return what makes an input and its server of an archive and a behaviour; the client must have behaved."""
    servers: list[FmcServer] = []

    def start(archive: Archive, behaviour: Behaviour | None = None, **settings: Any) -> Input:
        server = FmcServer(archive, behaviour=behaviour or Behaviour())
        server.start()
        servers.append(server)
        return Input(tmp_path, {"fmc": server}, **settings)

    yield start
    for server in servers:
        server.stop()
        server.assert_clean()


def archive_of(count: int, **options: int) -> Archive:
    return Archive.generated(count, EventGenerator(**options))


def payloads_of(archive: Archive) -> list[bytes]:
    return [record.payload for record in archive.since(0)]


@pytest.mark.parametrize("style", ["bare", "bundles", "mixed"])
def test_every_event_arrives_once_and_in_order(make: Make, style: str):
    archive = archive_of(2000, duplicates_every=50)
    under_test = make(archive, Behaviour(style=style))
    assert under_test.run_for(2000) == payloads_of(archive)
    assert under_test.log.total("written") == under_test.log.total("received") == 2000
    assert under_test.log.ingested == 2000
    server = under_test.servers["fmc"]
    assert server.connections[0].acknowledgements == server.connections[0].expected


def test_events_carry_their_time_and_the_names_of_the_input(make: Make):
    archive = archive_of(200)
    under_test = make(archive)
    under_test.run_for(200)
    first = under_test.reader.events()[0]
    assert first["source"] == STANZA
    assert first["sourcetype"] == "cisco:sfw:estreamer"
    assert first["host"] == "127.0.0.1"
    assert first["index"] == "netfw"
    assert kinds(under_test.reader.payloads()) == {"ConnectionEvent", "IntrusionEvent", "FileEvent"}
    for event in under_test.reader.events():
        assert 1_743_400_000 < float(event["time"]) < 1_743_700_000


@pytest.mark.parametrize("style", ["bare", "bundles", "mixed"])
def test_a_stop_and_a_start_lose_and_double_nothing(make: Make, style: str):
    archive = archive_of(6000, duplicates_every=20)
    under_test = make(archive, Behaviour(style=style, bundle_size=7))
    arrived = []
    for wanted in (100, 100, 1):
        assert under_test.run(lambda running: running.reader.wait_for(wanted)) == 0  # noqa: B023 - it is called here
        arrived += under_test.reader.payloads()
    arrived += under_test.run_for(6000 - len(arrived))
    assert arrived == payloads_of(archive)


PLACES = [
    (style, where)
    for style in ("bare", "bundles", "mixed")
    for where in ("between", "bundle header", "header", "record header", "payload")
    if (style, where) != ("bare", "bundle header")
]


@pytest.mark.parametrize(("style", "where"), PLACES)
@pytest.mark.parametrize("action", ["fin", "rst", "close"])
def test_connections_cut_anywhere_lose_and_double_nothing(make: Make, style: str, where: str, action: str):
    archive = archive_of(600, duplicates_every=30)
    fault = Fault(action, where=where, after_events=150, connections=(1, 2, 3))
    under_test = make(archive, Behaviour(style=style, bundle_size=40, faults=(fault,)))
    assert under_test.run_for(600) == payloads_of(archive)
    assert len(under_test.servers["fmc"].connections) >= 4
    assert under_test.log.total("duplicates") > 0


@pytest.mark.parametrize("action", ["garbage", "overlong", "error", "tls-garbage"])
def test_a_broken_peer_costs_a_reconnection_and_nothing_else(make: Make, action: str):
    archive = archive_of(400)
    under_test = make(archive, Behaviour(faults=(Fault(action, after_events=100, connections=(1,)),)))
    assert under_test.run_for(400) == payloads_of(archive)
    expected = {"error": "server_error", "tls-garbage": "tls_broken"}.get(action, "peer_broke_protocol")
    assert expected in under_test.log.codes()


def test_a_dribble_of_single_bytes_arrives_whole(make: Make):
    archive = archive_of(15)
    under_test = make(archive, Behaviour(style="mixed", bundle_size=3, faults=(Fault("dribble", where="request"),)))
    assert under_test.run_for(15) == payloads_of(archive)


READINGS: dict[str, dict[str, Any]] = {
    "type 3 and version 0 outside, 1 inside bundles": {
        "event_data_types": (3,),
        "bare_version": 0,
        "bundled_version": 1,
    },
    "types 3 and 4 in turn": {"event_data_types": (3, 4)},
    "padding after the JSON text": {"trailing": ("", "\0", "\r\n", " ", "\n")},
    "unknown messages between": {"unknown_every": 10},
    "records of the server's own": {"server_made_every": 50},
    "a repetition at resume": {"repeat_seconds": 5},
    "file events of type 500": {"record_types": {"FileEvent": 500}},
    "a server that waits for bare acknowledgements": {"bare_window": 1},
    "TLS 1.2 alone": {"tls": ("1.2",)},
    "TLS 1.3 alone": {"tls": ("1.3",)},
}


@pytest.mark.parametrize("reading", READINGS)
def test_every_reading_of_the_protocol_is_understood(make: Make, reading: str):
    archive = archive_of(300)
    behaviour = Behaviour(style="mixed", bundle_size=20, **READINGS[reading])
    under_test = make(archive, behaviour)
    server_made = 300 // 50 if "server_made_every" in READINGS[reading] else 0
    arrived = under_test.run_for(300 + server_made)
    expected = Counter(payloads_of(archive))
    assert not expected - Counter(arrived)
    assert len(arrived) == 300 + server_made


@pytest.mark.parametrize("style", ["bare", "bundles"])
def test_without_archival_timestamps_nothing_is_lost_and_nothing_doubled(make: Make, style: str):
    archive = archive_of(600, duplicates_every=30)
    cut = Fault("rst", where="payload", after_events=200, connections=(1, 2))
    under_test = make(archive, Behaviour(style=style, bundle_size=20, extended="never", faults=(cut,)))
    assert under_test.run_for(600) == payloads_of(archive)
    assert under_test.run_for(0) == []


def test_events_that_have_an_archival_timestamp_in_one_session_only_are_not_lost(make: Make):
    archive = archive_of(600)
    cut = Fault("rst", where="payload", after_events=200, connections=(1, 2))
    under_test = make(archive, Behaviour(style="mixed", bundle_size=20, extended="alternate", faults=(cut,)))
    # Some come twice: with another timestamp they are not known again.
    assert set(under_test.run_for(600)) == set(payloads_of(archive))


def test_wrapped_events_are_delivered_as_they_are_and_untyped_ones_with_their_type(make: Make):
    archive = archive_of(300)
    under_test = make(archive, Behaviour(wrap_every=10, untyped_every=15))
    arrived = under_test.run_for(300)
    assert len(arrived) == 300
    assert sum(payload.startswith((b'{"ConnectionEvent": {', b'{"ConnectionEvent":{')) for payload in arrived) > 10
    assert under_test.log.total("event_types_added") == 10
    assert all(b'"EventType":' in payload or b'Event": {' in payload for payload in arrived)
    assert under_test.log.total("malformed") == 0


def test_a_gap_in_the_sequence_is_counted_and_logged(make: Make):
    archive = archive_of(300)
    fault = Fault("gap", after_events=100)
    under_test = make(archive, Behaviour(style="bundles", bundle_size=20, faults=(fault,)))
    assert under_test.run_for(300) == payloads_of(archive)
    assert under_test.log.total("bundle_gaps") == 1
    assert len(under_test.log.fields_of("bundle_gap")) == 1


def test_a_server_restart_is_survived(make: Make):
    archive = archive_of(3000)
    under_test = make(archive, Behaviour(style="bundles", bundle_size=10))

    def restarts(running: Input) -> None:
        for count in (300, 1200, 2000):
            running.reader.wait_for(count)
            running.servers["fmc"].restart()
        running.reader.wait_for(3000)

    assert under_test.run(restarts) == 0
    assert under_test.reader.payloads() == payloads_of(archive)


@pytest.mark.parametrize("refusal", ["error", "close"])
def test_auto_finds_the_request_style_that_works_and_remembers_it(make: Make, refusal: str):
    archive = archive_of(50)
    under_test = make(archive, Behaviour(requests="two-step", refusal=refusal))
    assert under_test.run_for(50) == payloads_of(archive)
    assert [line["request_style"] for line in under_test.log.fields_of("connected")] == ["single", "two-step"]
    under_test.run(lambda running: running.wait_for_log("connected", 3))
    assert under_test.log.fields_of("connected")[-1]["request_style"] == "two-step"


@pytest.mark.parametrize("style", ["single", "two-step"])
def test_a_request_style_that_is_set_is_kept(make: Make, style: str):
    other = "two-step" if style == "single" else "single"
    under_test = make(archive_of(5), Behaviour(requests=other), request_style=style)
    under_test.run(lambda running: running.wait_for_log("connected", 3))
    assert {line["request_style"] for line in under_test.log.fields_of("connected")} == {style}


def test_the_text_and_code_of_a_server_error_are_shown(make: Make):
    fields = frozenset({"HeaderFieldSet", "ConnectionKeySet"})
    under_test = make(archive_of(5), Behaviour(known_fields=fields))
    under_test.run(lambda running: running.wait_for_log("connection_failed", 1))
    shown = under_test.log.fields_of("connection_failed")[0]
    assert shown["code"] == "server_error"
    assert "DetailFieldSet" in str(shown["problem"])


def test_a_client_that_the_fmc_does_not_know_is_told_about_cn_nat_and_dns(make: Make):
    under_test = make(archive_of(5), Behaviour(faults=(Fault("fin", where="handshake"),)))
    under_test.run(lambda running: running.wait_for_log("connection_failed", 2))
    shown = under_test.log.fields_of("connection_failed")[0]
    assert shown["code"] == "tls_closed_after_handshake"
    for word in ("127.0.0.1", "NAT", "DNS"):
        assert word in str(shown["problem"])


def test_the_server_is_told_why_before_the_connection_is_closed(make: Make):
    under_test = make(archive_of(10))
    under_test.run_for(10)
    server = under_test.servers["fmc"]
    server.wait_for(lambda told: bool(told.goodbyes))
    assert "SIGTERM" in server.goodbyes[0].text


def test_now_becomes_a_bookmark_at_the_first_connection(make: Make):
    now = int(time.time())
    archive = Archive([Record.of(b'{"EventType":"FileEvent", "n":0}', now - 1000)])
    under_test = make(archive, start_from=0xFFFFFFFF)
    assert under_test.run(lambda running: running.wait_for_log("connected")) == 0
    archive.append(Record.of(b'{"EventType":"FileEvent", "EventSecond":5, "n":1}', now))
    assert under_test.run_for(1) == [b'{"EventType":"FileEvent", "EventSecond":5, "n":1}']
    asked = [connection.timestamp for connection in under_test.servers["fmc"].connections]
    assert asked[0] == 0xFFFFFFFF
    assert now - 5 <= (asked[1] or 0) <= now + 60


def test_a_changed_start_does_not_move_the_bookmark_but_removing_it_does(make: Make):
    archive = archive_of(50)
    under_test = make(archive)
    under_test.run_for(50)
    again = Input(under_test.folder, under_test.servers, start_from=0)
    assert again.run_for(0) == []
    remove(str(under_test.folder), STANZA)
    third = Input(under_test.folder, under_test.servers, start_from=0)
    assert third.run_for(50) == payloads_of(archive)


def test_a_start_from_a_time_asks_for_that_time(make: Make):
    archive = archive_of(200, per_second=5)
    middle = archive.since(0)[100].archival
    under_test = make(archive, start_from=middle)
    expected = [record.payload for record in archive.since(middle)]
    assert under_test.run_for(len(expected)) == expected


def test_drop_rules_keep_events_out_and_are_counted(make: Make):
    archive = archive_of(400)
    rules = DropRules.parse("ConnectionEvent: Protocol=tcp\nFileEvent:")
    under_test = make(archive, drop_rules=rules)
    kept = [
        payload
        for payload in payloads_of(archive)
        if b'"FileEvent"' not in payload and not (b'"ConnectionEvent"' in payload and b'"Protocol":"tcp"' in payload)
    ]
    assert under_test.run_for(len(kept)) == kept
    assert under_test.log.total("dropped") == 400 - len(kept) > 0
    sizes = [
        sum(
            len(payload)
            for payload in payloads_of(archive)
            if payload not in kept and (b'"FileEvent"' in payload) is is_file
        )
        for is_file in (False, True)
    ]
    by_rule = Counter[object]()
    for line in under_test.log.fields_of("dropped_by_rule"):
        by_rule[line["rule"]] += int(str(line["bytes"]))
    assert by_rule == {1: sizes[0], 2: sizes[1]}
    assert under_test.log.total("dropped_bytes") == sum(sizes)


def test_when_all_is_dropped_the_bookmark_still_moves(make: Make):
    archive = archive_of(100)
    rules = DropRules.parse("ConnectionEvent:\nFileEvent:\nIntrusionEvent:")
    under_test = make(archive, drop_rules=rules)

    def all_acknowledged(running: Input) -> None:
        running.servers["fmc"].wait_for(lambda server: any(c.acknowledgements == 100 for c in server.connections))

    assert under_test.run(all_acknowledged) == 0
    assert under_test.reader.payloads() == []
    assert under_test.log.fields_of("figures")[-1]["bookmark"] == archive.since(0)[-1].archival


HOSTILE = [
    b'{"EventType":"FileEvent", "n":"]]></data></event></stream>"}',
    b'{"EventType":"FileEvent", "n":"' + bytes(range(256)).replace(b'"', b"").replace(b"\\", b"") + b'"}',
    b'{"EventType":"FileEvent", "n":"\xed\xa0\x80"}',
    b'{"EventType":"FileEvent", "n":"' + b"x" * 5_000_000 + b'"}',
    b'{"EventType":"FileEvent", "n":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    b"not JSON at all",
    b"",
    b"\0\r\n",
]


@pytest.mark.parametrize("style", ["bare", "bundles"])
def test_hostile_payloads_leave_the_stream_whole_and_the_next_event_arrives(make: Make, style: str):
    archive = Archive()
    for second, payload in enumerate(HOSTILE):
        archive.append(Record.of(payload, 1000 + second, 502))
        archive.append(Record.of(b'{"EventType":"FileEvent", "EventSecond":7, "next":%d}' % second, 1000 + second))
    under_test = make(archive, Behaviour(style=style))
    arrived = under_test.run_for(2 * len(HOSTILE))
    assert [payload for payload in arrived if b'"next"' in payload] == payloads_of(archive)[1::2]
    assert len(arrived) == 2 * len(HOSTILE)
    assert under_test.log.total("malformed") >= 6
    assert under_test.run_for(0) == []


def test_a_full_pipe_stops_reading_and_a_stop_within_two_seconds_is_exact(make: Make):
    archive = archive_of(3000)
    under_test = make(archive, Behaviour(style="bundles"))
    asked: list[float] = []

    def stall(running: Input) -> None:
        running.reader.wait_for(100)
        stop_reading(running.reader, running.servers["fmc"])
        asked.append(time.monotonic())

    assert under_test.run(stall) == 0
    assert time.monotonic() - asked[0] < 2.0
    arrived = under_test.reader.payloads()
    assert len(arrived) < 1000
    assert under_test.servers["fmc"].connections[0].acknowledgements * 100 <= len(arrived)
    assert arrived + under_test.run_for(3000 - len(arrived)) == payloads_of(archive)
    assert int(str(under_test.log.fields_of("not_read")[0]["events"])) > 0


def test_a_pipe_that_is_read_on_after_a_stop_doubles_at_most_what_it_held(make: Make):
    archive = archive_of(2000)
    under_test = make(archive, Behaviour(style="bundles"))

    def stall(running: Input) -> None:
        running.reader.wait_for(100)
        running.reader.reads_on = True
        stop_reading(running.reader, running.servers["fmc"])

    assert under_test.run(stall) == 0
    arrived = under_test.reader.payloads()
    rest = under_test.run_for(2000 - len(arrived))
    doubled = Counter(arrived + rest) - Counter(payloads_of(archive))
    assert not Counter(payloads_of(archive)) - Counter(arrived + rest)
    assert 0 < sum(map(len, doubled.elements())) <= 64 * 1024


def test_a_stop_right_after_splunkd_closed_the_pipe_hides_nothing(make: Make, monkeypatch: pytest.MonkeyPatch):
    """The stop is noticed first, and splunkd may have dropped what the process before had left in its pipe."""
    archive = archive_of(100)
    under_test = make(archive, settle=600)
    monkeypatch.setattr(delivery.Delivery, "keep_house", lambda *_: None)

    def close(running: Input) -> None:
        running.reader.wait_for(100)
        running.reader.hang_up()

    assert under_test.run(close) == 0
    assert under_test.log.fields_of("stopped")
    assert under_test.log.fields_of("planned_stop") == []
    archive.append(Record.of(b'{"EventType":"FileEvent"}', archive.newest()))
    monkeypatch.undo()
    assert under_test.run_for(101) == payloads_of(archive)


def test_when_splunkd_closes_the_pipe_the_input_ends_and_the_unsettled_comes_again(make: Make):
    archive = archive_of(100)
    under_test = make(archive, settle=600)

    def close(running: Input) -> None:
        running.reader.wait_for(100)
        running.reader.hung_up.set()
        running.wait_for_log("reader_gone")

    assert under_test.run(close) == 0
    archive.append(Record.of(b'{"EventType":"FileEvent"}', archive.newest()))
    assert under_test.run_for(101) == payloads_of(archive)
    assert under_test.log.fields_of("delivered_again")[0]["events"] == 100


def test_what_splunkd_had_read_before_a_stop_settles_no_later_for_that(make: Make):
    under_test = make(archive_of(100), settle=600)
    under_test.run_for(100)
    stopped = time.monotonic()
    bookmark = Bookmark.open(str(under_test.folder), STANZA, reader=reader_identity(), settle=600)
    settling = Settling(600)
    settling.resume(bookmark.seen, time.monotonic())
    assert settling.read(0, stopped) is None
    assert settling.read(0, stopped + 600) == 100
    bookmark.close()


def test_an_event_on_a_quiet_link_is_out_within_a_tenth_of_a_second(make: Make):
    archive = Archive()
    under_test = make(archive, Behaviour(style="bundles"))
    delays = []

    def one_by_one(running: Input) -> None:
        running.wait_for_log("connected")
        for number in range(1, 11):
            # The link is quiet once the event before is acknowledged.
            running.servers["fmc"].wait_for_all_acknowledged(number - 1)
            begun = time.monotonic()
            archive.append(Record.of(b'{"EventType":"FileEvent", "n":%d}' % number, 5000))
            running.reader.wait_for(number)
            delays.append(time.monotonic() - begun)

    assert under_test.run(one_by_one) == 0
    assert sorted(delays)[len(delays) // 2] < 0.1


def test_a_busy_link_is_written_in_large_pieces(make: Make, monkeypatch: pytest.MonkeyPatch):
    archive = archive_of(4000)
    under_test = make(archive, Behaviour(style="bare"))
    sizes: list[int] = []
    really = XmlStream.push

    def push(self: XmlStream, chunk: Chunk) -> int:
        sizes.append(len(chunk.data))
        return really(self, chunk)

    monkeypatch.setattr(XmlStream, "push", push)
    assert under_test.run_for(4000) == payloads_of(archive)
    assert sum(sizes) / len(sizes) > 16 * 1024


def test_accounts_are_read_for_every_attempt(make: Make):
    archive = archive_of(300)
    under_test = make(archive, Behaviour(faults=(Fault("rst", after_events=100, connections=(1, 2)),)))
    under_test.run_for(300)
    assert under_test.account_reads == len(under_test.servers["fmc"].connections)


def test_an_account_that_cannot_be_read_is_tried_again(make: Make):
    archive = archive_of(10)
    under_test = make(archive)
    really, failures = under_test.account, [Problem("account_missing", "The account 'fmc' was not found.")]

    def account(name: str):
        if failures:
            raise failures.pop()
        return really(name)

    under_test.account = account  # type: ignore[method-assign]
    assert under_test.run_for(10) == payloads_of(archive)
    assert under_test.log.fields_of("connection_failed")[0]["code"] == "account_missing"


def test_a_disk_that_refuses_the_bookmark_holds_acknowledgements_back_until_it_takes_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recording, "BOOKMARK_RETRY", 0.05)
    archive = archive_of(100)
    under_test = make(archive, Behaviour(style="bundles", bundle_size=100))
    refusals, really = [28, 28, 28], Bookmark.delivered

    def delivered(self: Bookmark, *arguments: object) -> None:
        if refusals:
            refusals.pop()
            assert under_test.servers["fmc"].connections[0].acknowledgements == 0
            raise Problem("bookmark_write_failed", "No space left on device")
        really(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Bookmark, "delivered", delivered)
    assert under_test.run_for(100) == payloads_of(archive)
    assert len(under_test.log.fields_of("bookmark_write_failed")) == 1
    assert under_test.servers["fmc"].connections[0].acknowledgements == 1


def test_a_second_copy_of_an_input_gives_up_and_says_so(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "LOCK_PATIENCE", 0.3)
    under_test = make(archive_of(5))
    holder = Bookmark.open(str(under_test.folder), STANZA, reader="other", settle=1)
    assert under_test.run(lambda running: running.wait_for_log("input_cannot_run")) == 1
    assert under_test.log.fields_of("input_cannot_run")[0]["code"] == "bookmark_locked"
    holder.close()


def test_a_bookmark_that_cannot_be_read_stops_the_input_with_its_sentence(make: Make):
    under_test = make(archive_of(5))
    under_test.run_for(5)
    for journal in Path(folder_of(str(under_test.folder), STANZA)).glob("*.journal"):
        journal.write_bytes(b"zeroed")
    assert under_test.run(lambda running: running.wait_for_log("input_cannot_run")) == 1
    assert under_test.log.fields_of("input_cannot_run")[0]["code"] == "bookmark_unreadable"


def test_a_connection_without_any_event_is_hinted_at_once(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "NO_EVENT_HINT_AFTER", 0.2)
    under_test = make(Archive())
    assert under_test.run(lambda running: running.wait_for_log("no_event_yet")) == 0
    assert "ticked" in str(under_test.log.fields_of("no_event_yet")[0]["problem"])


def test_a_silent_peer_is_given_up_and_connected_anew(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "SILENCE_LIMIT", 0.5)
    archive = archive_of(100)
    under_test = make(archive, Behaviour(faults=(Fault("silence", after_events=50, connections=(1,)),)))
    assert under_test.run_for(100) == payloads_of(archive)
    assert "peer_dead" in under_test.log.codes()


def test_keep_alives_keep_a_quiet_connection(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "SILENCE_LIMIT", 1.0)
    under_test = make(archive_of(10), Behaviour(keepalive=0.2))

    def for_twice_the_limit(running: Input) -> None:
        running.reader.wait_for(10)
        running.servers["fmc"].wait_for(lambda server: server.connections[0].keep_alives >= 10)

    assert under_test.run(for_twice_the_limit) == 0
    assert len(under_test.servers["fmc"].connections) == 1


def test_figures_are_logged_at_their_interval_and_at_the_end(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(delivery, "FIGURES_INTERVAL", 0.3)
    under_test = make(archive_of(50))

    def figures(running: Input) -> None:
        running.reader.wait_for(50)
        running.wait_for_log("figures", 6)

    under_test.run(figures)
    lines = under_test.log.fields_of("figures")
    assert sum(int(str(line["written"])) for line in lines) == 50
    assert lines[1]["state"] == "connected"
    assert lines[-1]["state"] == "not connected"
    assert int(str(lines[-1]["lag"])) > 0
    assert len({line["lag"] for line in lines if line["lag"] is not None}) == 1, "it is of the last event, not of today"
    assert sum(int(str(line["written_bytes"])) for line in lines) >= len(under_test.reader.data) - 20
    assert {line["blocked"] for line in lines} == {0}


def test_figures_tell_when_the_certificates_expire(make: Make):
    under_test = make(archive_of(5))
    under_test.run_for(5)
    account = under_test.account("fmc")
    client = pkcs12.read(account.pkcs12, account.pkcs12_password, datetime.now(timezone.utc), False).end.not_after
    (server,) = [line["server_expires"] for line in under_test.log.fields_of("connected")]
    line = under_test.log.fields_of("figures")[-1]
    assert isinstance(server, datetime)
    assert line["client_certificate_expires"] == client.timestamp()
    assert line["server_certificate_expires"] == server.timestamp()


def test_figures_tell_for_how_long_splunkd_took_nothing(make: Make):
    under_test = make(archive_of(3000), Behaviour(style="bundles"))

    def stall(running: Input) -> None:
        running.reader.wait_for(100)
        stop_reading(running.reader, running.servers["fmc"])
        stalled.append(time.monotonic())
        time.sleep(1.0)
        stalled.append(time.monotonic())
        running.reader.may_read.set()
        running.reader.wait_for(3000)

    stalled: list[float] = []
    begun = time.monotonic()
    assert under_test.run(stall) == 0
    blocked = sum(float(str(line["blocked"])) for line in under_test.log.fields_of("figures"))
    assert stalled[1] - stalled[0] - 0.1 <= blocked <= time.monotonic() - begun


def test_nothing_secret_is_logged(make: Make):
    under_test = make(archive_of(5))
    under_test.run_for(5)
    assert "pass" not in [value for _, _, fields in under_test.log.lines for value in fields.values()]
    assert "PRIVATE" not in str(under_test.log.lines)


def test_the_back_off_doubles_from_one_to_sixty_seconds_and_is_jittered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    slow, quick = loop.Backoff(lambda: 1.0), loop.Backoff(lambda: 0.0)
    assert [slow.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [quick.next() for _ in range(3)] == [0.5, 1, 2]
    slow.reset()
    assert slow.next() == 1


class TestFailover:
    """Two Management Centers with clocks of their own, and events that both have."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Iterator[tuple[FailoverPair, Input]]:
        archives = FailoverPair(EventGenerator().events(0, 300), offset=7)
        with FmcServer(archives.first) as first, FmcServer(archives.second) as second:
            yield archives, Input(tmp_path, {"first": first, "second": second})
            first.assert_clean()
            second.assert_clean()

    def test_the_second_takes_over_without_loss_and_without_doubling(self, pair: tuple[FailoverPair, Input]):
        archives, under_test = pair

        def fail_over(running: Input) -> None:
            running.reader.wait_for(300)
            running.servers["first"].stop()
            for record in EventGenerator().events(300, 50):
                archives.append(record)
            running.reader.wait_for(350)
            running.reader.wait_for_silence(0.3)

        assert under_test.run(fail_over) == 0
        arrived = under_test.reader.payloads()
        assert arrived[:300] == payloads_of(archives.first)[:300]
        assert arrived[300:] == payloads_of(archives.second)[300:]

    def test_it_goes_back_only_when_the_second_fails(self, pair: tuple[FailoverPair, Input]):
        archives, under_test = pair

        def to_and_fro(running: Input) -> None:
            first, second = running.servers["first"], running.servers["second"]
            running.reader.wait_for(300)
            first.stop()
            running.wait_for_log("connected", 2)
            first.start()
            archives.append(EventGenerator().event(300))
            running.reader.wait_for(301)
            assert len(first.connections) == 1
            second.stop()
            archives.append(EventGenerator().event(301))
            running.reader.wait_for(302)
            running.reader.wait_for_silence(0.3)

        assert under_test.run(to_and_fro) == 0
        assert len(under_test.reader.payloads()) == 302
        names = [line["account"] for line in under_test.log.fields_of("connected")]
        assert names == ["first", "second", "first"]
        told = [(line["previous_account"], line["account"]) for line in under_test.log.fields_of("failover")]
        assert told == [("first", "second"), ("second", "first")]

    def test_a_restart_stays_with_the_one_in_use(self, pair: tuple[FailoverPair, Input]):
        archives, under_test = pair

        def fail_over(running: Input) -> None:
            running.reader.wait_for(300)
            running.servers["first"].stop()
            running.wait_for_log("connected", 2)

        under_test.run(fail_over)
        under_test.servers["first"].start()
        archives.append(EventGenerator().event(300))
        assert len(under_test.run_for(1)) == 1
        assert under_test.log.fields_of("connected")[-1]["account"] == "second"
        assert len(under_test.log.fields_of("failover")) == 1

    def test_with_neither_up_it_waits_and_takes_the_first_that_comes(self, pair: tuple[FailoverPair, Input]):
        _, under_test = pair
        for server in under_test.servers.values():
            server.stop()

        def start_late(running: Input) -> None:
            running.wait_for_log("connection_failed", 4)
            running.servers["second"].start()
            running.reader.wait_for(300)

        assert under_test.run(start_late) == 0
        assert under_test.log.fields_of("failover") == []
        assert {line["code"] for line in under_test.log.fields_of("connection_failed")} == {"tls_refused"}


def test_an_output_with_something_to_read_is_served_while_no_event_arrives(make: Make, monkeypatch: pytest.MonkeyPatch):
    """Nothing else is due: the answer of a receiver wakes the input."""
    for name in ("LOOK_INTERVAL", "FIGURES_INTERVAL"):
        monkeypatch.setattr(delivery, name, 1e6)
    answers, receiver = os.pipe()
    waits, served = threading.Event(), threading.Event()
    really = SplunkdPipe.serve

    def serve(self: SplunkdPipe, now: float) -> None:
        really(self, now)
        if waits.is_set() and select.select([answers], [], [], 0)[0]:
            os.read(answers, 1)
            served.set()

    monkeypatch.setattr(SplunkdPipe, "serve", serve)
    monkeypatch.setattr(SplunkdPipe, "interest", lambda _: Interest(readable=(answers,)))

    def answer(running: Input) -> None:
        running.reader.wait_for(10)
        running.reader.wait_for_silence(0.3)
        waits.set()
        os.write(receiver, b"!")
        assert served.wait(DEADLINE)

    assert make(archive_of(10)).run(answer) == 0
    for descriptor in (answers, receiver):
        os.close(descriptor)
