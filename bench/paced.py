"""An event server that sends at a steady rate and puts the time of sending into each event.

    tools/run.sh bench.paced --directory DIR --rate N [--style bundles|bare] [--size N] [--window N]

Its standard input and output are those of `standins.fmc`: one line of JSON when it is ready, and it stops when its
input ends. Events happen at a steady rate from the first request on. Each one's last field, `SentAt`, is
CLOCK_MONOTONIC in nanoseconds, taken when the event is passed on to be framed, encrypted and written: the time for that
counts for the client.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Callable

from bench.rig import parser
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator, Record
from standins.fmc.pki import Pki
from standins.fmc.server import FmcServer

POOL = 2000
"""Events made beforehand, which repeat: making events would cost more than sending them."""

TICK = 0.001
"""Seconds between two looks at the clock: the longest wait for the next event."""


class PacedSource:
    """An archive that begins with the first request and grows by `rate` events a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._pool = EventGenerator().events(0, POOL)
        self._begun: float | None = None
        self._listeners: list[Callable[[], None]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __len__(self) -> int:
        return self._due()

    def position_since(self, timestamp: int) -> int:
        """Return position 0, or the present position for a client that resumes."""
        if self._begun is None:
            self._begun = time.monotonic()
        return self._due() if timestamp else 0

    def read(self, position: int, count: int) -> list[Record]:
        """Return up to `count` events that have happened so far."""
        return [self._stamped(place) for place in range(position, min(self._due(), position + count))]

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` while time passes."""
        self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call `listener` no more."""
        self._listeners.remove(listener)

    def start(self) -> None:
        """Let time pass."""
        self._thread.start()

    def stop(self) -> None:
        """Let nothing more happen."""
        self._stopping.set()
        self._thread.join()

    def _due(self) -> int:
        return 0 if self._begun is None else int((time.monotonic() - self._begun) * self._rate)

    def _stamped(self, place: int) -> Record:
        record = self._pool[place % POOL]
        payload = b'%b, "SentAt":%d}' % (record.payload[:-1], time.monotonic_ns())
        return record._replace(archival=int(time.time()), payload=payload)

    def _tick(self) -> None:
        while not self._stopping.wait(max(TICK, min(0.05, 1 / self._rate))):
            for listener in list(self._listeners):
                listener()


def main() -> None:
    """Serve until the standard input ends."""
    arguments = parser(__doc__)
    arguments.add_argument("--directory", type=Path, required=True, help="where certificates are made")
    arguments.add_argument("--rate", type=float, required=True, help="events a second")
    arguments.add_argument("--style", default="bundles", choices=("bundles", "bare"))
    arguments.add_argument("--size", type=int, default=100, help="most events in a bundle")
    arguments.add_argument("--window", type=int, default=1_000_000, help="bundles without an acknowledgement")
    options = arguments.parse_args()
    pki = Pki(options.directory)
    pkcs12 = options.directory / "client.pkcs12"
    pkcs12.write_bytes(pki.pkcs12("127.0.0.1"))
    source = PacedSource(options.rate)
    behaviour = Behaviour(style=options.style, bundle_size=options.size, window=options.window)
    with FmcServer(source, pki, behaviour) as server:
        source.start()
        print(json.dumps({"port": server.port, "pkcs12": str(pkcs12)}), flush=True)
        sys.stdin.read()
        source.stop()
        server.stop()
    print(json.dumps({"violations": server.violations}), flush=True)


if __name__ == "__main__":
    main()
