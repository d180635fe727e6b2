"""The soak loses nothing, doubles no more than is promised, and would tell if it were otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak import BEHIND, FAULTS, KEPT_UP, Happening, blame, promise, was_behind
from bench.tally import tally
from tests.bench.commands import bench, number, tables


@pytest.mark.package
def test_a_short_soak_keeps_every_promise(built_package: Path):
    arguments = ["--minutes", "0.31", "--every", "2", "--rate", "500", "--settle", "2"]
    told = bench("soak", *arguments, package=built_package)
    faults, spans = tables(told)
    assert "**0 lost**" in told
    assert {KEPT_UP if row[0] == BEHIND else row[0] for row in faults} == set(FAULTS)
    assert all(number(row[2]) <= number(row[3]) and row[4] == "yes" for row in faults)
    assert len(spans) == 10
    assert sum(number(row[1]) for row in spans) > 5000


def test_what_never_came_is_lost():
    found = tally([1, 2, 3, 3, 64 + 3], [10.0, 11.0, 12.0], [1, 3, 67])
    assert (found.lost, found.extra, found.unknown) == (2, [], 0)


def test_what_came_more_often_than_it_happened_is_told_by_its_moments():
    found = tally([1, 2, 2], [9.0, 11.0, 10.0, 13.0, 14.0], [2, 1, 2, 2, 1])
    assert (found.lost, found.extra, found.unknown) == (0, [(9.0, 13.0), (11.0, 14.0)], 0)


def test_each_of_two_equal_events_that_come_again_is_paired_with_itself():
    found = tally([7, 7], [10.0, 11.0, 12.0, 13.0], [7, 7, 7, 7])
    assert found.extra == [(10.0, 12.0), (11.0, 13.0)]


def test_what_never_happened_is_not_taken_for_something_that_did():
    found = tally([1], [10.0, 11.0], [1, 5])
    assert (found.lost, found.extra, found.unknown) == (0, [], 1)


def test_what_comes_again_counts_for_the_splunkd_that_had_just_read_it():
    happenings = [Happening("splunkd killed", 100.0, 100.5), Happening("connection cut", 110.0, 100.5)]
    promise(happenings, [60.0, 80.0, 90.0, 99.0, 101.0], 30, 0)
    blame(happenings, [(80.0, 112.0), (99.0, 105.0)])
    assert [(one.promised, one.doubled, one.kept) for one in happenings] == [(3, 2, True), (0, 0, True)]


def test_the_last_second_of_a_killed_input_may_come_again_after_the_end_of_splunkd():
    happenings = [Happening("input killed", 60.0), Happening("splunkd killed", 100.0, 100.5)]
    promise(happenings, [50.0, 59.5, 65.0], 30, 0)
    blame(happenings, [(59.5, 105.0)])
    assert [(one.promised, one.doubled, one.kept) for one in happenings] == [(0, 0, True), (1, 1, True)]


def test_the_write_that_had_settled_in_part_may_come_again_as_a_whole():
    happenings = [Happening("splunkd killed", 100.0, 100.5)]
    promise(happenings, [60.0, 61.0, 62.0, 80.0], 30, 2)
    blame(happenings, [(60.0, 105.0), (61.0, 105.0), (62.0, 105.0), (80.0, 105.0)])
    assert [(one.promised, one.doubled, one.beyond) for one in happenings] == [(3, 4, 1)]


def test_a_write_that_comes_again_after_other_faults_counts_for_the_kill_before_them():
    happenings = [Happening("input killed", 60.0), Happening("reader stalled", 80.0)]
    promise(happenings, [50.0, 59.5, 65.0], 30, 1)
    blame(happenings, [(59.5, 85.0), (59.5, 86.0)])
    assert [(one.doubled, one.kept) for one in happenings] == [(1, True), (1, False)]


@pytest.mark.parametrize(
    ("before", "moment", "guilty"),
    [(63.0, 105.0, "splunkd killed"), (105.0, 112.0, "connection cut"), (50.0, 55.0, "input killed")],
)
def test_what_no_promise_covers_is_counted_against_it(before: float, moment: float, guilty: str):
    happenings = [
        Happening("input killed", 52.0),
        Happening("splunkd killed", 100.0, 100.5),
        Happening("connection cut", 110.0, 100.5),
    ]
    promise(happenings, [60.0, 80.0], 30, 0)
    blame(happenings, [(before, moment)])
    assert [one.name for one in happenings if not one.kept] == [guilty]


@pytest.mark.parametrize(
    ("since", "behind"),
    [
        ([("input stopped and started", 40.0)], True),
        ([("input stopped and started", 60.0)], False),
        ([("splunkd killed", 20.0)], False),
        ([("splunkd restarted", 20.0), ("input stopped and started", 40.0)], False),
        ([("disk full", 20.0)], True),
    ],
    ids=["stopped soon after", "stopped later", "another splunkd", "another splunkd, then stopped", "the same splunkd"],
)
def test_who_stalled_counts_as_behind_for_the_next_process_and_not_for_the_next_splunkd(
    since: list[tuple[str, float]], behind: bool
):
    happenings = [Happening("reader stalled", 10.0, ended=15.0), *(Happening(name, at, ended=at) for name, at in since)]
    assert was_behind(happenings, happenings[-1].ended + 5.0, settle=30) is behind


def test_a_planned_restart_may_double_only_after_a_fault_that_splunkd_fell_behind_by():
    stalled = Happening("reader stalled", begun=10.0, ended=15.0)
    assert was_behind([stalled], 46.0, settle=30)
    assert not was_behind([stalled], 48.0, settle=30)
    assert not was_behind([Happening("connection cut", begun=10.0, ended=10.0)], 20.0, settle=30)
    kept_up = Happening(KEPT_UP, begun=60.0, ended=62.0, splunkd_ended=61.0)
    promise([stalled, kept_up], [59.0, 60.5], settle=30, most_in_a_write=10)
    blame([stalled, kept_up], [(59.0, 63.0)])
    assert (kept_up.promised, kept_up.doubled, kept_up.kept) == (0, 1, False)
