"""A pair of Management Centers of which both, one or none is up, and whose clocks differ."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from estreamer.bookmark.limits import FAILOVER_MARGIN
from estreamer.input import rotation

from standins.fmc.archive import FailoverPair
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import EventGenerator
from tests.faults.servers import EXACT, STYLES, Tally, come, deliver, quick_retries, serving_all, tally
from tests.input.harness import Input

DUPLICATES_EVERY = 25
OFFSETS = (0, 7, FAILOVER_MARGIN, -7, -FAILOVER_MARGIN)
"""Seconds by which the second clock is ahead: up to the margin that is allowed for."""

_RULE = re.compile(rb'"FirewallRule":"(?:[^"\\]|\\.)*"')


def pair_of(count: int, offset: int) -> FailoverPair:
    return FailoverPair(EventGenerator(duplicates_every=DUPLICATES_EVERY).events(0, count), offset=offset)


def same(payloads: Iterable[bytes]) -> list[bytes]:
    """Return payloads without what the two of a pair tell in other words."""
    return [_RULE.sub(b"", payload) for payload in payloads]


def archived(pair: FailoverPair) -> list[bytes]:
    return same(record.payload for record in pair.first.since(0))


def append(pair: FailoverPair, first: int, count: int) -> None:
    for record in EventGenerator(duplicates_every=DUPLICATES_EVERY).events(first, count):
        pair.append(record)


def serving_pair(folder: Path, pair: FailoverPair, behaviour: Behaviour):
    return serving_all(folder, {"first": pair.first, "second": pair.second}, behaviour, settle=5)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("style", STYLES)
def test_flip_flop_between_two_clocks(tmp_path: Path, style: str, offset: int):
    """Each change follows events, then one follows another without any."""
    pair = pair_of(400, offset)
    with serving_pair(tmp_path, pair, Behaviour(style=style, bundle_size=20)) as under_test:

        def flip_flop(running: Input) -> None:
            count, servers = 400, list(running.servers.values())
            for change in range(6):
                using, other = servers[change % 2], servers[(change + 1) % 2]
                running.reader.wait_for(count)
                using.stop()
                append(pair, count, 80)
                count += 80
                running.reader.wait_for(count)
                using.start()
                if change == 3:
                    # To the one, and back again before anything has happened.
                    before = len(running.log.fields_of("connected"))
                    other.stop()
                    running.wait_for_log("connected", before + 1)
                    other.start()
                    using.stop()
                    running.wait_for_log("connected", before + 2)
                    using.start()
            running.reader.wait_for_silence(0.3)

        assert under_test.run(flip_flop) == 0
        assert tally(archived(pair), same(under_test.reader.payloads())) == EXACT
        assert len(under_test.log.fields_of("connected")) == 9


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("style", STYLES)
def test_the_second_fails_in_the_middle_of_its_replay(tmp_path: Path, style: str, offset: int):
    pair = pair_of(400, offset)
    cut = Fault("rst", "payload", after_events=120, connections=(1, 2))
    with serving_pair(tmp_path, pair, Behaviour(style=style, bundle_size=20)) as under_test:
        under_test.servers["second"].behaviour = Behaviour(style=style, bundle_size=20, faults=(cut,))

        def fail(running: Input) -> None:
            running.reader.wait_for(400)
            running.servers["first"].stop()
            append(pair, 400, 200)
            running.wait_for_log("disconnected", 2)
            running.servers["first"].start()
            come(running, 600)

        assert under_test.run(fail) == 0
        assert tally(archived(pair), same(under_test.reader.payloads())) == EXACT


@pytest.mark.parametrize("style", STYLES)
def test_stops_and_starts_of_the_input_between_changes(tmp_path: Path, style: str):
    pair = pair_of(300, 7)
    with serving_pair(tmp_path, pair, Behaviour(style=style, bundle_size=20)) as under_test:
        arrived = deliver(under_test, 300)
        for change, gone in enumerate(("first", "second", "first")):
            under_test.servers[gone].stop()
            append(pair, 300 + 50 * change, 50)
            arrived += deliver(under_test, 50)
            under_test.servers[gone].start()
        assert tally(archived(pair), same(arrived)) == EXACT


@pytest.mark.parametrize("style", STYLES)
def test_one_alone_is_down_and_up_again_while_the_other_never_answers(tmp_path: Path, style: str):
    pair = pair_of(300, 7)
    with serving_pair(tmp_path, pair, Behaviour(style=style, bundle_size=20)) as under_test:
        under_test.servers["second"].stop()

        def restarts(running: Input) -> None:
            for count in (300, 400, 500):
                running.reader.wait_for(count)
                running.servers["first"].stop()
                append(pair, count, 100)
                running.wait_for_log("connection_failed", len(running.log.fields_of("connection_failed")) + 3)
                running.servers["first"].start()
            come(running, 600)

        assert under_test.run(restarts) == 0
        assert tally(archived(pair), same(under_test.reader.payloads())) == EXACT
        assert {line["account"] for line in under_test.log.fields_of("connected")} == {"first"}


@pytest.mark.parametrize("style", STYLES)
def test_both_are_down_for_long_and_the_waits_grow_to_their_bound_and_no_further(tmp_path: Path, style: str):
    """The bound is 60 s in real life and 0.2 s here; after a wait both are tried, one right after the other."""
    pair = pair_of(300, 7)
    with serving_pair(tmp_path, pair, Behaviour(style=style, bundle_size=20)) as under_test:
        waits: list[float] = []
        really = rotation.Backoff.next

        def watched(backoff: rotation.Backoff) -> float:
            waits.append(really(backoff))
            return waits[-1]

        def outage(running: Input) -> None:
            running.reader.wait_for(300)
            for server in running.servers.values():
                server.stop()
            append(pair, 300, 200)
            running.wait_for_log("connection_failed", 40)
            running.servers["second"].start()
            come(running, 500)

        with quick_retries(0.01, 0.2), pytest.MonkeyPatch.context() as patched:
            patched.setattr(rotation.Backoff, "next", watched)
            begun = time.monotonic()
            assert under_test.run(outage) == 0
        assert tally(archived(pair), same(under_test.reader.payloads())) == EXACT
        grown = waits[6:]
        assert len(grown) >= 10
        assert all(0.1 <= wait <= 0.2 for wait in grown)
        assert len(set(grown)) == len(grown), "without jitter all inputs would come at once"
        assert sum(waits) < time.monotonic() - begun
        tried = [line["retry_account"] for line in under_test.log.fields_of("connection_failed")]
        assert tried[:20].count("first") == tried[:20].count("second") == 10


def test_events_that_cannot_be_recognised_come_twice_and_are_not_lost(tmp_path: Path):
    """Without a connection key two clocks and two wordings make two events of one: the bound is the margin."""
    pair = FailoverPair(offset=7)
    keyless = [
        record._replace(payload=record.payload.replace(b'"ConnectionID"', b'"XonnectionID"'))
        for record in EventGenerator().events(0, 400)
    ]
    for record in keyless[:300]:
        pair.append(record)
    with serving_pair(tmp_path, pair, Behaviour()) as under_test:

        def fail_over(running: Input) -> None:
            running.reader.wait_for(300)
            running.servers["first"].stop()
            for record in keyless[300:]:
                pair.append(record)
            come(running, 400)

        assert under_test.run(fail_over) == 0
        told_otherwise = sum(
            one.payload != other.payload for one, other in zip(pair.first.read(0, 300), pair.second.read(0, 300))
        )
        arrived = same(under_test.reader.payloads())
        assert tally(archived(pair), arrived) == Tally(lost=0, doubled=told_otherwise)
        assert 0 < told_otherwise <= 150
