"""Which account is connected to, and after how long: retries, the back-off, failover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from estreamer.errors import Problem
from estreamer.input import rotation
from estreamer.input.rotation import SERVED_AFTER, STEADY_EVENTS, Outcome

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


FAILED = Outcome(Problem("tls_refused", "Nothing listens."))
SERVED = Outcome(Problem("tls_closed", "It closed."), served=True)
STEADY = Outcome(Problem("tls_closed", "It closed."), served=True, steady=True)


@pytest.mark.parametrize(
    ("outcomes", "accounts", "waits"),
    [
        ([FAILED, FAILED, FAILED, FAILED], ["two", "one", "two", "one"], [0, 1, 0, 2]),
        ([SERVED, SERVED, STEADY, SERVED], ["one", "one", "one", "one"], [1, 2, 1, 2]),
        ([FAILED, SERVED, FAILED], ["two", "two", "one"], [0, 1, 0]),
    ],
    ids=["neither works", "one ends again and again", "the other works, then does not"],
)
def test_an_account_is_left_when_it_does_not_work_and_both_are_tried_before_a_wait(
    monkeypatch: pytest.MonkeyPatch, outcomes: list[Outcome], accounts: list[str], waits: list[float]
):
    monkeypatch.undo()
    accounts_in_turn = rotation.Rotation(["one", "two"], None, rotation.Backoff(lambda: 1.0))
    assert accounts_in_turn.account == "one"
    found = [(accounts_in_turn.move_on(outcome), accounts_in_turn.account) for outcome in outcomes]
    assert found == list(zip(waits, accounts))


def test_the_account_in_use_is_the_first_to_be_tried_if_it_is_still_one():
    assert rotation.Rotation(["one", "two"], "two", rotation.Backoff()).account == "two"
    assert rotation.Rotation(["one", "two"], "removed", rotation.Backoff()).account == "one"


@pytest.mark.parametrize(
    ("seconds", "events", "served", "steady"),
    [(1.0, 0, False, False), (1.0, 1, True, False), (1.0, STEADY_EVENTS, True, True), (SERVED_AFTER, 0, True, True)],
)
def test_events_or_time_show_that_a_connection_worked(seconds: float, events: int, served: bool, steady: bool):
    outcome = Outcome.of_connection(FAILED.problem, seconds, events)
    assert (outcome.served, outcome.steady) == (served, steady)


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
