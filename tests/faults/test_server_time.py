"""The server's clock jumps, stands still, or does not count; archival timestamps come out of order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from standins.fmc.archive import Archive
from standins.fmc.behaviour import RESENDS, Behaviour, Fault
from standins.fmc.events import Record
from standins.fmc.server import FmcServer
from tests.faults.servers import EXACT, STYLES, come, deliver, event, payloads_of, serving, tally
from tests.input.harness import Input

START = 1_743_500_000
SETTLE = 30
HOUR = 3600
BETWEEN = 100
"""Events between two jumps, two a second."""

JUMPS = {
    "forward by an hour": [HOUR],
    "back by an hour": [-HOUR],
    "back within settle": [-(SETTLE - 5)],
    "back by settle": [-SETTLE],
    "back by a second more than settle": [-(SETTLE + 1)],
    "forward by an hour and back": [HOUR, -HOUR],
    "back by an hour and forward": [-HOUR, HOUR],
    "back within settle twice": [-(SETTLE - 5), -(SETTLE - 5)],
    "back by an hour twice": [-HOUR, -HOUR],
}


def clocked(jumps: list[int]) -> list[Record]:
    """Return events by a clock that is set by so many seconds after each `BETWEEN` of them."""
    clock = START
    records: list[Record] = []
    for jump in [*jumps, 0]:
        for _ in range(BETWEEN):
            records.append(event(len(records), clock))
            clock += len(records) % 2
        clock += jump
    return records


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("resends", RESENDS)
@pytest.mark.parametrize("style", STYLES)
def test_clock_of_the_server_jumps_while_the_input_is_connected(tmp_path: Path, style: str, resends: str, jump: str):
    records = clocked(JUMPS[jump])
    archive = Archive(steady=False)
    behaviour = Behaviour(style=style, bundle_size=10, resends=resends)
    with serving(tmp_path, archive, behaviour, settle=SETTLE) as under_test:

        def jumping(running: Input) -> None:
            done = 0
            for segment in range(0, len(records), BETWEEN):
                # A connection lives through each jump; one ends right after it, another in the middle.
                for until in (segment + 4, segment + BETWEEN // 2):
                    archive.extend(records[done:until])
                    running.reader.wait_for(until)
                    done = until
                    restart_and_resume(running.servers["fmc"])
            archive.extend(records[done:])
            come(running, len(records))

        assert under_test.run(jumping) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        assert under_test.log.total("duplicates") > 0


def restart_and_resume(server: FmcServer) -> None:
    """Restart the server and wait until it has begun to resend."""
    before = len(server.connections)
    server.restart()
    server.wait_for(lambda restarted: any(connection.events for connection in restarted.connections[before:]))


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("style", STYLES)
def test_clock_of_the_server_jumps_while_the_input_is_away(tmp_path: Path, style: str, jump: str):
    """What a server takes out by time, of events that it stamped earlier than the last, cannot be asked for."""
    records = clocked(JUMPS[jump])
    archive = Archive(steady=False)
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=10), settle=SETTLE) as under_test:
        arrived: list[bytes] = []
        for segment in range(0, len(records), BETWEEN):
            archive.extend(records[segment : segment + BETWEEN])
            arrived += deliver(under_test, BETWEEN)
        assert tally(payloads_of(archive), arrived) == EXACT
        assert arrived == payloads_of(archive)


@pytest.mark.parametrize("style", STYLES)
def test_thousands_of_events_of_one_second_over_many_connections(tmp_path: Path, style: str):
    # Each fourth payload occurs four times.
    records = [event(number // 4 if number % 4 == 0 else number, START) for number in range(4000)]
    records += [event(number, START) for number in range(0, 1000, 4)]
    archive = Archive(records)
    cuts = tuple(
        Fault(("rst", "fin", "close")[number % 3], where, after_events=450 * number, connections=(number,))
        for number, where in enumerate(("payload", "header", "between", "record header") * 2, start=1)
    )
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=70, faults=cuts)) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, len(archive))) == EXACT
        assert len(under_test.servers["fmc"].connections) == 9
        # A stop and a start, and more of the same second after it.
        archive.extend(records[:50])
        assert tally([record.payload for record in records[:50]], deliver(under_test, 50)) == EXACT


@pytest.mark.parametrize("resends", RESENDS)
@pytest.mark.parametrize("style", STYLES)
def test_events_out_of_archival_order_by_up_to_settle_over_many_connections(tmp_path: Path, style: str, resends: str):
    chance = random.Random(23)
    # No event is more than `settle` earlier than the latest before it: the bound is reached.
    records = [
        event(number, START + number // 5 - chance.choice((0, 0, 0, 1, SETTLE // 2, SETTLE))) for number in range(1500)
    ]
    archive = Archive(records, steady=False)
    cuts = tuple(
        Fault("rst", "payload", after_events=170 + 40 * number, connections=(number,)) for number in range(1, 9)
    )
    behaviour = Behaviour(style=style, bundle_size=30, resends=resends, faults=cuts)
    with serving(tmp_path, archive, behaviour, settle=SETTLE) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 1500)) == EXACT
        assert len(under_test.servers["fmc"].connections) >= 6
        late = [event(number, START + 299 - SETTLE) for number in range(1500, 1520)]
        archive.extend(late)
        assert tally([record.payload for record in late], deliver(under_test, 20)) == EXACT


@pytest.mark.xfail(
    strict=True, reason="What has archival timestamp 0 is not in the bookmark, so it is not known again."
)
@pytest.mark.parametrize("style", STYLES)
def test_records_without_a_time_of_archiving_between_others_over_many_connections(tmp_path: Path, style: str):
    archive = Archive()
    for number in range(600):
        archive.append(event(number, START + number // 6))
        if number % 10 == 3:
            archive.append(Record.of(b'{"EventType":"ServerNotice", "n":%d}' % number, 0, 0))
    cuts = tuple(Fault("rst", "payload", after_events=100 * number, connections=(number,)) for number in range(1, 6))
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=30, faults=cuts)) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, len(archive))) == EXACT


@pytest.mark.parametrize("style", STYLES)
def test_records_without_a_time_of_archiving_alone_do_not_move_the_bookmark(tmp_path: Path, style: str):
    archive = Archive([event(number, START + number) for number in range(20)])
    with serving(tmp_path, archive, Behaviour(style=style)) as under_test:
        deliver(under_test, 20)
        position = under_test.log.fields_of("figures")[-1]["bookmark"]
        archive.extend(Record.of(b'{"EventType":"ServerNotice", "n":%d}' % number, 0, 0) for number in range(20))
        deliver(under_test, 20)
        assert under_test.log.fields_of("figures")[-1]["bookmark"] == position == START + 19
