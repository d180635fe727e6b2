"""Wakes a thread that waits for sockets."""

from __future__ import annotations

import contextlib
import socket


class Waker:
    """Wakes a thread that waits for sockets."""

    def __init__(self) -> None:
        self.end, self._start = socket.socketpair()
        self.end.setblocking(False)
        self._start.setblocking(False)

    def wake(self) -> None:
        with contextlib.suppress(OSError):
            self._start.send(b"!")

    def woken(self) -> None:
        with contextlib.suppress(OSError):
            self.end.recv(65536)

    def close(self) -> None:
        self.end.close()
        self._start.close()
