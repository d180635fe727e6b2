"""From when on events are asked for: the setting at first, the bookmark from then on."""

from __future__ import annotations

import time

import pytest
from estreamer.bookmark.folder import remove

from standins.fmc.archive import Archive
from standins.fmc.events import Record
from tests.input.harness import STANZA, Input, Make, archive_of, payloads_of

pytestmark = pytest.mark.usefixtures("quick_retries")


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
