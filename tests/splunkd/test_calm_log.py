"""What a server can have logged again and again is logged once a minute, with a count in which nothing is missing."""

from __future__ import annotations

from collections import Counter

from estreamer.input import logs
from estreamer.input.logs import CalmLog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clocks import Hand
from tests.input.harness import MemoryLog


def made() -> tuple[MemoryLog, CalmLog, Hand]:
    memory, hand = MemoryLog(), Hand()
    return memory, CalmLog(memory, hand.clock), hand


def test_a_line_that_comes_once_is_logged_as_it_is():
    memory, calm, _ = made()
    calm.warning("bundle_gap", expected=1, received=3)
    calm.info("connected", account="fmc")
    calm.flush()
    assert memory.lines == [
        ("WARNING", "bundle_gap", {"expected": 1, "received": 3}),
        ("INFO", "connected", {"account": "fmc"}),
    ]


def test_a_flood_of_one_kind_is_one_line_a_minute_with_the_count_and_the_last_fields():
    memory, calm, clock = made()
    for second in range(10 * 60):
        for number in range(10):
            calm.warning("bundle_gap", expected=10 * second + number)
        clock.now += 1
    calm.flush()
    told = memory.fields_of("bundle_gap")
    assert len(told) == 11
    assert sum(int(str(line.get("times", 1))) for line in told) == 6000
    assert told[-1] == {"expected": 5999, "times": int(str(told[-1]["times"]))}


def test_what_is_held_back_is_told_by_the_next_line_of_any_kind_after_a_minute():
    memory, calm, clock = made()
    for _ in range(5):
        calm.warning("bundle_gap")
    clock.now += logs.INTERVAL - 1
    calm.info("figures")
    assert len(memory.fields_of("bundle_gap")) == 1
    clock.now += 1
    calm.info("figures")
    assert memory.fields_of("bundle_gap")[1:] == [{"times": 4}]


def test_lines_of_a_reconnection_are_logged_as_they_come_and_those_of_a_hundred_are_not():
    memory, calm, _ = made()
    for _ in range(100):
        calm.info("connecting")
        calm.warning("disconnected", code="tls_closed")
    assert len(memory.fields_of("connecting")) == len(memory.fields_of("disconnected")) == logs.MOST_AT_FIRST
    calm.flush()
    assert memory.fields_of("disconnected")[-1] == {"code": "tls_closed", "times": 100 - logs.MOST_AT_FIRST}


def test_figures_and_what_no_server_causes_are_never_held_back():
    memory, calm, _ = made()
    for event in logs.NEVER_HELD:
        for _ in range(50):
            calm.info(event)
    calm.flush()
    assert Counter(event for _, event, _ in memory.lines) == dict.fromkeys(logs.NEVER_HELD, 50)


KINDS = st.sampled_from(["bundle_gap", "unknown_message_type", "connected", "disconnected", "some_new_warning"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.floats(0, 90), KINDS, st.none() | st.integers(1, 1000)), max_size=200))
def test_whatever_happens_when_nothing_is_lost_from_the_counts_and_each_minute_has_few_lines(steps):
    memory, calm, clock = made()
    wanted: Counter[str] = Counter()
    when: list[tuple[str, float]] = []
    for pause, event, times in steps:
        clock.now += pause
        before = len(memory.lines)
        calm.warning(event, **({} if times is None else {"times": times}))
        wanted[event] += 1 if times is None else times
        when += [(logged, clock.now) for _, logged, _ in memory.lines[before:]]
    calm.flush()
    told: Counter[str] = Counter()
    for _, event, fields in memory.lines:
        told[event] += int(str(fields.get("times", 1)))
    assert told == wanted
    for event, moment in when:
        most = 1 if event in logs.ONE_AT_FIRST else logs.MOST_AT_FIRST
        near = [at for other, at in when if other == event and moment <= at < moment + logs.INTERVAL]
        assert len(near) <= most + 1
