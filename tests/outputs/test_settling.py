"""Which delivered events splunkd has had for long enough."""

from __future__ import annotations

from estreamer.outputs.settling import Settling


def test_events_settle_only_after_splunkd_has_read_them_and_has_had_its_time():
    settling = Settling(30)
    settling.delivered(10, 1000)
    settling.delivered(20, 2000)
    assert settling.read(1500, 100.0) is None
    assert settling.read(1500, 129.9) is None
    assert settling.read(2000, 131.0) == 10
    assert settling.read(2000, 160.0) is None
    assert settling.read(2000, 162.0) == 20


def test_a_settling_that_could_not_be_recorded_is_told_again():
    settling = Settling(10)
    settling.delivered(1, 100)
    assert settling.read(100, now=0.0) is None
    settling.delivered(2, 200)
    assert settling.read(200, now=0.5) is None
    assert settling.read(200, now=10.0) == 1
    settling.put_off(1, now=10.0)
    assert settling.read(200, now=10.5) is None
    assert settling.read(200, now=11.0) == 2
    assert settling.read(200, now=99.0) is None


def test_without_settle_time_events_settle_when_read():
    settling = Settling(0)
    settling.delivered(1, 10)
    assert settling.read(9, 5.0) is None
    assert settling.read(10, 5.0) == 1
