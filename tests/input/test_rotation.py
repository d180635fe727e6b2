"""Which account is connected to, and after how long: retries, the back-off, failover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.errors import Problem
from estreamer.input import rotation

from standins.fmc.archive import FailoverPair
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from tests.input.harness import Input, Make, archive_of, payloads_of

pytestmark = pytest.mark.usefixtures("quick_retries")


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


def test_the_back_off_doubles_from_one_to_sixty_seconds_and_is_jittered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    slow, quick = rotation.Backoff(lambda: 1.0), rotation.Backoff(lambda: 0.0)
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
