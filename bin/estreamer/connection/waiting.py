"""Waiting for descriptors, in a way that a request to stop, or splunkd's death, ends at once.

A signal handler that only sets a flag does not end a wait (PEP 475 restarts the call), so the signal's number is also
written to a socket that every wait includes.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from types import FrameType, TracebackType
from typing import Callable, Protocol, TypeVar

from ..clock import CLOCK, Clock
from ..errors import Problem, Stop

PARENT_CHECK_INTERVAL = 1.0
"""Seconds between looks at the parent process: a child is not notified that splunkd has died."""

Result = TypeVar("Result")

_SIGNALS = ("SIGTERM", "SIGINT", "SIGBREAK")
_PIPE_POLL_INTERVAL = 0.01
"""Windows can only wait for sockets: a full pipe is tried again after so many seconds."""


class Parent(Protocol):
    """The process that started this one."""

    def has_ended(self) -> bool:
        """Return whether it has ended."""


class _PosixParent:
    """A process that ends leaves its children to another one."""

    def __init__(self) -> None:
        self._number = os.getppid()

    def has_ended(self) -> bool:
        return os.getppid() != self._number


def _parent() -> Parent:
    if sys.platform == "win32":
        # There a child keeps the number of its parent for ever.
        from ..windows import Process  # noqa: PLC0415 - calls what only Windows has

        return Process(os.getppid())
    return _PosixParent()


class Waiting:
    """A context in which the process can be asked to stop; used by the main thread only."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._parent = _parent()
        self._next_look = self._clock.monotonic()
        """When the parent is to be looked at again."""
        self._reason: str | None = None
        self._previous: dict[int, object] = {}
        self._wakeup, self._wakeup_writer = socket.socketpair()
        self._wakeup.setblocking(False)
        self._wakeup_writer.setblocking(False)
        self._previous_wakeup = -1

    def __enter__(self) -> Waiting:
        """Install the signal handlers."""
        self._previous_wakeup = signal.set_wakeup_fd(self._wakeup_writer.fileno(), warn_on_full_buffer=False)
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore what was there before."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._previous_wakeup)
        self._wakeup.close()
        self._wakeup_writer.close()

    @property
    def parent_is_gone(self) -> bool:
        """Whether the process that started this one has ended."""
        return self._parent.has_ended()

    def check(self) -> None:
        """Raise Stop when the process was asked to stop, or its parent had ended at the last look at it."""
        now = self._clock.monotonic()
        if self._reason is None and now >= self._next_look:
            self._next_look = now + PARENT_CHECK_INTERVAL
            if self.parent_is_gone:
                self._reason = "splunkd has ended"
        if self._reason is not None:
            raise Stop(self._reason)

    def stop(self, reason: str) -> None:
        """Ask to stop, as a signal does."""
        if self._reason is None:
            self._reason = reason
        try:
            self._wakeup_writer.send(b"\0")
        except BlockingIOError:
            return

    def until(
        self, readable: Iterable[int], writable: Iterable[int], timeout: float | None
    ) -> tuple[list[int], list[int]]:
        """Wait until a descriptor is ready, at most `timeout` seconds; return those that are. Raises Stop."""
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        while True:
            self.check()
            left = None if deadline is None else deadline - self._clock.monotonic()
            ready = self._select([*readable, self._wakeup.fileno()], list(writable), left)
            if self._wakeup.fileno() in ready[0]:
                self._drain()
                self.check()
                ready[0].remove(self._wakeup.fileno())
            if ready[0] or ready[1] or (left is not None and left <= PARENT_CHECK_INTERVAL):
                return ready

    def wait(self, descriptor: int, for_write: bool, timeout: float | None) -> bool:
        """Wait for one descriptor; return whether it is ready. Raises Stop."""
        readable, writable = self.until(() if for_write else (descriptor,), (descriptor,) if for_write else (), timeout)
        return bool(readable or writable)

    def pause(self, seconds: float) -> None:
        """Wait for nothing but the time. Raises Stop."""
        self.until((), (), seconds)

    def call(self, function: Callable[[], Result]) -> Result:
        """Run what may block in a thread and return what it returns, or raise what it raises. Raises Stop.

        Raises Problem `no_resources` when descriptors or threads for that are used up. A thread that is left behind by
        a request to stop ends with the process.
        """
        try:
            finished, finish = socket.socketpair()
        except OSError as error:
            raise _no_resources(error) from None
        outcome: list[Result] = []
        failure: list[BaseException] = []

        def work() -> None:
            try:
                outcome.append(function())
            except BaseException as error:
                failure.append(error)
            finish.close()

        with finished:
            try:
                threading.Thread(target=work, daemon=True).start()
            except RuntimeError as error:
                finish.close()
                raise _no_resources(error) from None
            self.until((finished.fileno(),), (), None)
        if failure:
            raise failure[0]
        return outcome[0]

    def writable(
        self, descriptors: Sequence[int], timeout: float, ignore_stop: bool = False, readable: Sequence[int] = ()
    ) -> None:
        """Wait until one of the descriptors may take bytes, or one of `readable` has some; without any, for the time.

        Waits at most `timeout` seconds. Raises Stop, unless that is to be ignored.
        """
        if sys.platform == "win32":
            self._clock.sleep(min(timeout, _PIPE_POLL_INTERVAL))
            if not ignore_stop:
                self.check()
        elif ignore_stop:
            select.select(readable, descriptors, [], timeout)
        else:
            self.until(readable, descriptors, timeout)

    def _select(self, readable: list[int], writable: list[int], left: float | None) -> tuple[list[int], list[int]]:
        timeout = PARENT_CHECK_INTERVAL if left is None else min(max(left, 0.0), PARENT_CHECK_INTERVAL)
        ready_to_read, ready_to_write, _ = select.select(readable, writable, [], timeout)
        return ready_to_read, ready_to_write

    def _drain(self) -> None:
        try:
            while self._wakeup.recv(4096):
                pass
        except BlockingIOError:
            return

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._reason is None:
            self._reason = f"received {signal.Signals(number).name}"


def _no_resources(error: Exception) -> Problem:
    return Problem(
        "no_resources",
        f"This machine has no descriptor or thread left for the input ({error}). End processes that use too many, or "
        "raise the limits of the user that runs Splunk (ulimit -n, ulimit -u).",
    )
