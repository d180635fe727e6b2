"""The time of an input from exec to its first byte to the server, and to its first event.

    tools/run.sh bench.start [--rounds N] [--python PATH ...]

splunkd runs every kind of input with `--scheme` at each of its own starts. A run reads its document, gets the account
from splunkd, connects and streams. The libraries are compiled beforehand, as they are after a first start in Splunk.
"""

from __future__ import annotations

import subprocess
import time
from typing import Callable

from bench.link import Link
from bench.rig import AddOn, installed, parser, pythons, quantile, short_version, table
from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer

HEADS = ("Python", "from exec to", "median (ms)", "max (ms)")
MOMENTS = ("end of --scheme", "first byte to the server", "request at the server", "first event out")
PATIENCE = 30.0


def main() -> None:
    """Measure and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=20, help="starts of each kind")
    arguments.add_argument("--python", nargs="+", default=pythons(), help="the Pythons that run the input")
    options = arguments.parse_args()
    rows = [row for python in options.python for row in measure(python, options.rounds)]
    print(table(HEADS, rows))


def measure(python: str, rounds: int) -> list[list[object]]:
    """Return the rows of one Python."""
    with installed(python) as add_on, FmcServer(Archive.generated(20)) as server, Link(server.port) as link:
        add_on.account("fmc", link.port, server.pkcs12())
        streams = [stream_once(add_on, server, link, number) for number in range(rounds + 1)]
        schemes = [(scheme_once(add_on),) for _ in range(rounds + 1)]
    # The first run of each kind compiles modules that were never imported before.
    seconds = [[*scheme, *stream] for scheme, stream in zip(schemes[1:], streams[1:])]
    version = short_version(python)
    return [row(version, moment, list(column)) for moment, column in zip(MOMENTS, zip(*seconds))]


def row(version: str, moment: str, seconds: list[float]) -> list[object]:
    """Return the row of one moment."""
    ordered = sorted(seconds)
    return [version, moment, f"{quantile(ordered, 0.5) * 1000:.0f}", f"{ordered[-1] * 1000:.0f}"]


def scheme_once(add_on: AddOn) -> float:
    """Return the seconds that `--scheme` takes."""
    begun = time.monotonic()
    command = [add_on.python, add_on.script, "--scheme"]
    done = subprocess.run(command, env=add_on.environment, check=True, capture_output=True)
    assert done.stdout.startswith(b"<scheme>")
    return time.monotonic() - begun


def stream_once(add_on: AddOn, server: FmcServer, link: Link, number: int) -> list[float]:
    """Return the seconds to the first byte at the server, to its request, and to the first event out."""
    link.first_byte = None
    known = len(server.connections)
    with add_on.input("fmc", f"run_{number}") as running:
        asked = moment_of(server, lambda: any(one.document for one in server.connections[known:]))
        while not running.count:
            running.read(PATIENCE)
        came = time.monotonic()
        assert link.first_byte is not None
        return [moment - running.begun for moment in (link.first_byte, asked, came)]


def moment_of(server: FmcServer, holds: Callable[[], bool]) -> float:
    """Wait until a condition on the server is true, and return that moment in monotonic seconds."""
    server.wait_for(lambda _: holds(), PATIENCE)
    return time.monotonic()


if __name__ == "__main__":
    main()
