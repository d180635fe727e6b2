"""Resolves names and makes TCP connections without ever blocking: what takes time goes through the caller's `wait`."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any, Callable, Optional

from ..clock import CLOCK, Clock
from . import problems

Wait = Callable[[int, bool, Optional[float]], bool]
"""wait(descriptor, for_write, seconds) → whether it is ready. Raises errors.Stop when the process is to stop."""

_CONNECT_CHECK_INTERVAL = 0.5
"""Seconds between looks at a connection under way: waiting for writability does not report a refusal on Windows."""

_KEEP_ALIVE = (
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPALIVE", 60),
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
    ("TCP_USER_TIMEOUT", 120_000),
)
"""Seconds of silence before the first probe (two names for it), between probes, and how many may go unanswered. No
probe is sent while data are on their way: the last is how many milliseconds these may go unanswered. Without it, which
only Linux has, an acknowledgement to a vanished peer is repeated for a quarter of an hour."""


class Deadline:
    """The end of the time that an attempt may take, and the one way to wait until then."""

    def __init__(self, seconds: float, wait: Wait, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds
        self._wait = wait

    @property
    def left(self) -> float:
        """Seconds until the end, never negative."""
        return max(0.0, self._end - self._clock.monotonic())

    def part(self, share: int) -> Deadline:
        """Return a deadline after an equal share of the time that is left."""
        return Deadline(self.left / share, self._wait, self._clock)

    def within(self, seconds: float) -> Deadline:
        """Return a deadline after so many seconds, or this one if that is earlier."""
        return Deadline(min(self.left, seconds), self._wait, self._clock)

    def wait(self, descriptor: int, for_write: bool, at_most: float | None = None) -> bool:
        """Wait until the descriptor is ready or the time is over, and return whether it is ready."""
        left = self.left
        return self._wait(descriptor, for_write, left if at_most is None else min(left, at_most))

    def until_ready(self, descriptor: int, for_write: bool) -> bool:
        """Wait as `wait` does, also when the caller's own wait returns early."""
        while not self.wait(descriptor, for_write):
            if not self.left:
                return False
        return True


Address = tuple[int, int, int, str, tuple[Any, ...]]
"""What `socket.getaddrinfo` returns for one address."""


class _Lookup:
    """A name being resolved in a thread, because `getaddrinfo` blocks and cannot be interrupted."""

    def __init__(self, host: str, port: int) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._found: list[Address] = []
        self._error: Exception | None = None
        thread = threading.Thread(target=self._run, args=(host, port), name="resolve", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._ours.close()
            self._theirs.close()
            raise

    def _run(self, host: str, port: int) -> None:
        try:
            self._found = _addresses(host, port, 0)
        except (OSError, ValueError) as error:
            self._error = error
        finally:
            # Closing makes the other end readable; when nobody waits any more, nobody has to know.
            self._theirs.close()

    def __enter__(self) -> _Lookup:
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.close()

    def fileno(self) -> int:
        return self._ours.fileno()

    def result(self) -> list[Address]:
        if self._error is not None:
            raise self._error
        return self._found


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags))


def resolve(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Return the addresses of a name, or of an IPv4 or IPv6 address, the latter also in brackets.

    Raises Problem `tls_name_not_resolved` or `no_resources`, and what `wait` raises.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return _addresses(bare, port, socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return _look_up(bare, port, deadline)


def _look_up(host: str, port: int, deadline: Deadline) -> list[Address]:
    try:
        begun = _Lookup(host, port)
    except (OSError, RuntimeError) as error:  # no more descriptors, no more threads
        raise problems.no_resources(error) from None
    with begun as lookup:
        if not deadline.until_ready(lookup.fileno(), for_write=False):
            raise problems.not_resolved(host, None)
        try:
            return lookup.result()
        except (OSError, ValueError) as error:
            raise problems.not_resolved(host, error) from None


def connect(host: str, addresses: list[Address], deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each has an equal share of the time that the others left.

    Raises Problem `tls_refused`, `tls_timeout` or `tls_unreachable`, and what `wait` raises.
    """
    failures: list[tuple[str, OSError]] = []
    for index, address in enumerate(addresses):
        share = deadline.part(len(addresses) - index)
        connected = _connect_to(address, share, failures)
        if connected is not None:
            return connected
    raise problems.not_connected(host, failures)


def _connect_to(address: Address, deadline: Deadline, failures: list[tuple[str, OSError]]) -> socket.socket | None:
    """Connect to one address, or note why it failed."""
    try:
        return _try_to_connect(address, deadline)
    except OSError as error:
        failures.append((show(address[4]), error))
        return None


def _try_to_connect(address: Address, deadline: Deadline) -> socket.socket:
    family, kind, protocol, _, where = address
    connecting = socket.socket(family, kind, protocol)
    try:
        connecting.setblocking(False)
        _tune(connecting)
        with contextlib.suppress(BlockingIOError):
            connecting.connect(where)
        while not deadline.wait(connecting.fileno(), True, _CONNECT_CHECK_INTERVAL):
            _raise_failure(connecting)
            if not deadline.left:
                raise TimeoutError
        _raise_failure(connecting)
        return connecting
    except BaseException:
        connecting.close()
        raise


def _raise_failure(connecting: socket.socket) -> None:
    number = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def _tune(connecting: socket.socket) -> None:
    """Notice a vanished peer within two minutes, and send acknowledgements at once."""
    connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connecting.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):  # old Windows knows the name and not the option
                connecting.setsockopt(socket.IPPROTO_TCP, option, value)


def show(address: tuple[Any, ...]) -> str:
    """Return address and port as they are written, an IPv6 address in brackets."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
