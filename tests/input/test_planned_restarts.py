"""What a restart of splunkd delivers again: nothing if planned and splunkd kept up, else what had not settled."""

from __future__ import annotations

import itertools
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from estreamer.clock import Clock
from estreamer.input.surroundings import Surroundings
from estreamer.input.writing import DRAIN_POLL
from estreamer.outputs import pace as pace_of_reader
from estreamer.outputs import splunkd_pipe
from estreamer.outputs.pace import BEHIND_AFTER, UNSEEN_AFTER, Pace
from estreamer.outputs.xml_stream import XmlStream

from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator, Record
from standins.fmc.server import FmcServer
from tests.input.harness import Input, Make, stop_reading

COUNT = 100


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return what makes an input whose events never settle by time."""
    servers: list[FmcServer] = []

    def start(**settings: Any) -> Input:
        server = FmcServer(Archive.generated(COUNT, EventGenerator()))
        server.start()
        servers.append(server)
        return Input(tmp_path, {"fmc": server}, **{"settle": 600, "trusts_planned_restart": True, **settings})

    yield start
    for server in servers:
        server.stop()
        server.assert_clean()


@pytest.fixture
def splunkd(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what puts another splunkd in the place of the present one."""
    numbers = itertools.count(1)

    def restart() -> None:
        name = f"splunkd-{next(numbers)}"
        monkeypatch.setattr(splunkd_pipe, "reader_identity", lambda: name)

    restart()
    return restart


def again(under_test: Input) -> list[object]:
    return [line["events"] for line in under_test.log.fields_of("delivered_again")]


def hang_up_after(count: int) -> Callable[[Input], None]:
    """Return what closes the pipe after so many events, as a splunkd that dies does."""

    def hang_up(running: Input) -> None:
        running.reader.wait_for(count)
        running.reader.hung_up.set()
        running.wait_for_log("reader_gone")

    return hang_up


def one_more(under_test: Input) -> None:
    archive = under_test.servers["fmc"].archive
    archive.append(Record.of(b'{"EventType":"FileEvent"}', archive.newest()))


def test_after_a_planned_restart_of_a_splunkd_that_kept_up_nothing_is_delivered_again(
    make: Make, splunkd: Callable[[], None]
):
    under_test = make()
    assert len(under_test.run_for(COUNT)) == COUNT
    assert under_test.log.fields_of("planned_stop") == [{"trusted": 1}]
    splunkd()
    one_more(under_test)
    assert under_test.run_for(1) == [b'{"EventType":"FileEvent"}']
    assert again(under_test) == []


def test_with_the_setting_resend_what_had_not_settled_is_delivered_again(make: Make, splunkd: Callable[[], None]):
    under_test = make(trusts_planned_restart=False)
    under_test.run_for(COUNT)
    splunkd()
    assert len(under_test.run_for(COUNT)) == COUNT
    assert again(under_test) == [COUNT]


def test_after_back_pressure_within_settle_what_had_not_settled_is_delivered_again(
    make: Make, splunkd: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pace_of_reader, "BEHIND_AFTER", 0.01)
    under_test = make()

    def stall(running: Input) -> None:
        running.reader.wait_for(COUNT)
        stop_reading_with_something_to_read(running)
        running.reader.may_read.set()
        running.reader.wait_for(len(running.servers["fmc"].archive))

    assert under_test.run(stall) == 0
    assert under_test.log.fields_of("planned_stop") == [{"trusted": 0}]
    splunkd()
    count = len(under_test.servers["fmc"].archive)
    assert len(under_test.run_for(count)) == count
    assert again(under_test) == [count]


def stop_reading_with_something_to_read(running: Input) -> None:
    server = running.servers["fmc"]
    running.reader.may_read.clear()
    server.archive.extend(EventGenerator(seed=9, start=server.archive.newest()).events(COUNT, 2000))
    stop_reading(running.reader, server)


def test_an_input_that_was_edited_before_a_planned_restart_delivers_nothing_again(
    make: Make, splunkd: Callable[[], None]
):
    """The process before the edit left word that the same splunkd kept up."""
    under_test = make()
    under_test.run_for(COUNT)
    one_more(under_test)
    under_test.run_for(1)
    assert under_test.log.fields_of("planned_stop") == [{"trusted": 1}, {"trusted": 1}]
    splunkd()
    one_more(under_test)
    assert under_test.run_for(1) == [b'{"EventType":"FileEvent"}']
    assert again(under_test) == []


def test_what_the_same_splunkd_has_read_before_an_edit_still_has_to_settle(make: Make, splunkd: Callable[[], None]):
    """It goes on, and may die: only its own planned end makes what it has read count."""
    under_test = make()
    under_test.run_for(COUNT)
    one_more(under_test)
    under_test.run(hang_up_after(1))
    splunkd()
    assert len(under_test.run_for(COUNT + 1)) == COUNT + 1


def test_an_edit_of_an_input_whose_splunkd_was_behind_hides_nothing(
    make: Make, splunkd: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    under_test = make()
    with monkeypatch.context() as slow:
        slow.setattr(Pace, "kept_up", lambda *_: False)
        under_test.run_for(COUNT)
    one_more(under_test)
    under_test.run_for(1)
    assert under_test.log.fields_of("planned_stop") == [{"trusted": 0}, {"trusted": 0}]
    splunkd()
    assert len(under_test.run_for(COUNT + 1)) == COUNT + 1


def test_where_the_system_cannot_tell_what_was_read_nothing_is_trusted(
    make: Make, splunkd: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(XmlStream, "knows_unread", lambda _: False)
    under_test = make()
    under_test.run_for(COUNT)
    splunkd()
    assert len(under_test.run_for(COUNT)) == COUNT


@pytest.mark.parametrize(
    ("looks", "kept_up"),
    [
        ([(0, 0, 0.0), (100, 0, 1.0)], True),
        ([(0, 100, 0.0), (50, 50, 1.0)], True),
        ([(0, 100, 0.0), (0, 100, BEHIND_AFTER)], False),
        ([(50, 50, 0.0), (50, 900, BEHIND_AFTER / 2), (50, 900, BEHIND_AFTER)], False),
    ],
    ids=["read at once", "read slowly", "not read", "not read although more came"],
)
def test_a_reader_is_behind_when_something_waits_and_nothing_is_read(
    looks: list[tuple[int, int, float]], kept_up: bool
):
    pace = Pace(0.0, None)
    for read, unread, now in looks:
        pace.look(read, unread, now)
    assert pace.kept_up(30, 11.0) is kept_up
    assert pace.kept_up(30, 41.0)


def test_a_reader_is_behind_when_a_write_has_to_wait_for_it():
    pace = Pace(0.0, None)
    pace.waited(BEHIND_AFTER / 2, 1.0)
    assert pace.kept_up(30, 2.0)
    pace.waited(BEHIND_AFTER, 3.0)
    assert not pace.kept_up(30, 32.9)
    assert pace.kept_up(30, 33.0)


def test_what_cannot_be_known_of_the_time_before_counts_as_behind():
    pace = Pace(5.0, 5.0)
    assert not pace.kept_up(30, 34.9)
    assert pace.kept_up(30, 35.0)


def test_a_splunkd_that_closed_the_pipe_of_the_process_before_may_have_been_behind(
    make: Make, splunkd: Callable[[], None]
):
    under_test = make()
    under_test.run(hang_up_after(COUNT))
    assert len(under_test.run_for(COUNT)) == COUNT
    assert under_test.log.fields_of("planned_stop") == [{"trusted": 0}]


def test_a_planned_restart_soon_after_a_crash_of_the_splunkd_before_delivers_nothing_again(
    make: Make, splunkd: Callable[[], None]
):
    """The crash cost what had not settled, once: the splunkd after it is another one, and all of it was seen."""
    under_test = make()
    under_test.run(hang_up_after(COUNT))
    splunkd()
    assert len(under_test.run_for(COUNT)) == COUNT
    assert under_test.log.fields_of("planned_stop") == [{"trusted": 1}]
    splunkd()
    one_more(under_test)
    assert under_test.run_for(1) == [b'{"EventType":"FileEvent"}']
    assert again(under_test) == [COUNT]


def test_a_reader_that_nobody_looked_at_while_something_waited_counts_as_behind():
    pace = Pace(0.0, None)
    pace.look(100, 50, 1.0)
    pace.look(150, 0, 1.0 + UNSEEN_AFTER)
    assert not pace.kept_up(30, 4.0)
    pace.look(150, 0, 100.0)
    assert pace.kept_up(30, 100.0)


def test_a_reader_that_is_behind_at_the_stop_itself_is_not_trusted(
    make: Make, splunkd: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    """It reads on in the grace of the stop, after what lies in the pipe has waited for longer than is allowed."""
    monkeypatch.setattr(pace_of_reader, "BEHIND_AFTER", 0.02)
    polls = itertools.count(1)

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        # Events gather in the same sleep while the input runs.
        if seconds == DRAIN_POLL and next(polls) == 5:
            under_test.reader.may_read.set()

    under_test = make(surroundings=Surroundings(clock=Clock(sleep=sleep)))

    def stall(running: Input) -> None:
        running.reader.wait_for(COUNT)
        running.reader.may_read.clear()
        while not select.select([running.reader.descriptor], [], [], 0.1)[0]:
            one_more(running)

    assert under_test.run(stall) == 0
    assert next(polls) > 5
    assert under_test.log.fields_of("planned_stop") == [{"trusted": 0}]
