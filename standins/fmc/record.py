"""The server's record of its connections: how much was sent, how each ended, and what its client did wrong."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from standins.fmc.strict import Goodbye


@dataclass
class Connection:
    """The figures of one connection; numbers of connections start at 1. The record's lock guards them."""

    number: int
    peer: str
    tls: str | None = None
    client: str | None = None
    timestamp: int | None = None
    flags: int | None = None
    document: bytes = b""
    steps: int = 0
    acknowledgements: int = 0
    expected: int = 0
    """Bundles and bare events that were sent completely: as many acknowledgments are expected."""
    events: int = 0
    bytes_sent: int = 0
    keep_alives: int = 0
    """Null messages that were sent because no other message was due."""
    goodbye: Goodbye | None = None
    ended: str | None = None
    """How the connection ended, None while it lasts: `client closed`, `client vanished`, `client reset`, `server
    stopped`, `handshake failed: …`, `refused: …`, or `fault: ` and its action."""


class Record:
    """The connections and the breaches of the protocol. `changed` is the lock, and is notified of every change."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.violations: list[str] = []
        self.changed = threading.Condition()

    def opened(self, peer: str) -> Connection:
        """Add a connection and return its figures."""
        with self.changing():
            connection = Connection(len(self.connections) + 1, peer)
            self.connections.append(connection)
            return connection

    def breached(self, number: int, sentences: Sequence[str]) -> None:
        """Add a sentence about a breach by the client of a connection."""
        with self.changing():
            self.violations += [f"connection {number}: client {sentence}" for sentence in sentences]

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock for a change, and wake the threads that wait for a change."""
        with self.changed:
            yield
            self.changed.notify_all()
