"""The loop against a stand-in Management Center: what arrives, in which order, and what is told."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from estreamer.bookmark.bookmark import Bookmark
from estreamer.bookmark.folder import folder_of
from estreamer.errors import Problem
from estreamer.events.drop_rules import DropRules
from estreamer.input import delivery, loop, recording
from estreamer.outputs.settling import Settling
from estreamer.outputs.splunkd_pipe import reader_identity

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import Record
from tests.input.harness import STANZA, Input, Make, archive_of, kinds, payloads_of, stop_reading

pytestmark = pytest.mark.usefixtures("quick_retries")


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
