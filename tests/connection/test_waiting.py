"""Waiting: a request to stop, and the parent's death, end it at once."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from estreamer.clock import Clock
from estreamer.connection.waiting import PARENT_CHECK_INTERVAL, Waiting
from estreamer.errors import Stop


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with Waiting() as made:
        yield made


class Mortal:
    """A parent that counts how often it is looked at."""

    def __init__(self) -> None:
        self.ended = False
        self.looks = 0

    def has_ended(self) -> bool:
        self.looks += 1
        return self.ended


def test_the_parent_is_looked_at_by_time_and_not_at_each_pass():
    now = 100.0
    parent = Mortal()
    with Waiting(Clock(monotonic=lambda: now)) as waiting:
        waiting._parent = parent
        for _ in range(50):
            waiting.check()
        assert parent.looks == 1
        parent.ended = True
        waiting.check()
        now += PARENT_CHECK_INTERVAL
        with pytest.raises(Stop, match="splunkd has ended"):
            waiting.check()


def in_a_moment(action) -> threading.Timer:
    timer = threading.Timer(0.1, action)
    timer.start()
    return timer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_wait_at_once_and_names_itself(waiting: Waiting, number: signal.Signals):
    timer = in_a_moment(lambda: os.kill(os.getpid(), number))
    begun = time.monotonic()
    with pytest.raises(Stop, match=number.name):
        waiting.until((), (), 30)
    assert time.monotonic() - begun < 5
    timer.join()


def test_a_stop_before_the_wait_is_not_forgotten(waiting: Waiting):
    waiting.stop("told to")
    waiting.stop("told again")
    for wait in (waiting.check, lambda: waiting.pause(30), lambda: waiting.wait(0, False, 30)):
        with pytest.raises(Stop, match="told to"):
            wait()


def test_a_stop_from_another_thread_ends_a_wait(waiting: Waiting):
    timer = in_a_moment(lambda: waiting.stop("enough"))
    with pytest.raises(Stop, match="enough"):
        waiting.pause(30)
    timer.join()


def test_many_stops_do_not_block(waiting: Waiting):
    for _ in range(100_000):
        waiting.stop("again")
    with pytest.raises(Stop):
        waiting.check()


def test_a_ready_descriptor_ends_a_wait(waiting: Waiting):
    one, other = socket.socketpair()
    with one, other:
        assert waiting.wait(one.fileno(), False, 0.05) is False
        assert waiting.wait(one.fileno(), True, 5) is True
        other.send(b"x")
        assert waiting.until((one.fileno(),), (one.fileno(),), None) == ([one.fileno()], [one.fileno()])


def test_a_pause_takes_its_time_and_does_not_spin(waiting: Waiting, monkeypatch: pytest.MonkeyPatch):
    calls = []
    really = select.select
    monkeypatch.setattr(select, "select", lambda *arguments: calls.append(arguments) or really(*arguments))
    begun = time.monotonic()
    waiting.pause(0.3)
    assert 0.29 < time.monotonic() - begun < 5
    assert len(calls) <= 3


def test_a_call_returns_what_it_returns(waiting: Waiting):
    assert waiting.call(lambda: 42) == 42


def test_a_call_raises_what_it_raises(waiting: Waiting):
    def fail() -> None:
        raise ValueError("not so")

    with pytest.raises(ValueError, match="not so"):
        waiting.call(fail)


def test_a_call_that_blocks_is_left_behind_by_a_stop(waiting: Waiting):
    release = threading.Event()
    timer = in_a_moment(lambda: waiting.stop("enough"))
    with pytest.raises(Stop):
        waiting.call(lambda: release.wait(30))
    release.set()
    timer.join()


def test_a_full_pipe_is_waited_for_until_a_stop_and_beyond_it_if_that_is_wanted(waiting: Waiting):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        waiting.writable((writer,), 5)
        while True:
            try:
                os.write(writer, bytes(65536))
            except BlockingIOError:
                break
        waiting.stop("enough")
        with pytest.raises(Stop):
            waiting.writable((writer,), 5)
        begun = time.monotonic()
        waiting.writable((writer,), 0.2, ignore_stop=True)
        assert time.monotonic() - begun >= 0.19
    finally:
        os.close(reader)
        os.close(writer)


def test_handlers_are_restored():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with Waiting():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert signal.set_wakeup_fd(-1) == -1


CHILD = """
import os, sys
sys.path[:0] = sys.argv[1:]
from estreamer.errors import Stop
from estreamer.connection.waiting import Waiting
with Waiting() as waiting:
    print(os.getpid(), flush=True)
    try:
        waiting.until((), (), None)
    except Stop as stop:
        print(stop, waiting.parent_is_gone, flush=True)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def test_the_death_of_the_parent_ends_a_wait_that_has_no_timeout():
    command = [sys.executable, "-c", PARENT, CHILD, *sys.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
        assert parent.stdout.readline() == "splunkd has ended True\n"
