"""An input in this process with its stand-in Management Centers, quick to retry, and the count of what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from estreamer.input import logs, rotation

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator, Record
from standins.fmc.server import FmcServer
from tests.input.harness import Input

STYLES = ("bundles", "bare")


class Tally(NamedTuple):
    """How many events never came, and how many came too often."""

    lost: int
    doubled: int


EXACT = Tally(lost=0, doubled=0)


def tally(wanted: Iterable[bytes], arrived: Iterable[bytes]) -> Tally:
    """Count what differs between the payloads that were archived and those that arrived."""
    archived, came = Counter(wanted), Counter(arrived)
    return Tally(sum((archived - came).values()), sum((came - archived).values()))


def payloads_of(archive: Archive) -> list[bytes]:
    return [record.payload for record in archive.since(0)]


def archive_of(count: int, **options: int) -> Archive:
    return Archive.generated(count, EventGenerator(**options))


def event(number: int, archival: int, size: int = 0) -> Record:
    """Return a record of a small event, padded to `size` bytes."""
    payload = b'{"EventType":"FileEvent", "EventSecond":%d, "n":%d' % (archival, number)
    padding = b', "p":"%s"' % (b"x" * max(0, size - len(payload) - 9)) if size else b""
    return Record.of(payload + padding + b"}", archival)


def come(running: Input, count: int) -> None:
    """Wait until so many events have come and all that was sent has been acknowledged, so that nothing more will."""
    running.reader.wait_for(count)
    for server in running.servers.values():
        server.wait_for(lambda served: all(c.ended or c.acknowledgements == c.expected for c in served.connections))


def deliver(under_test: Input, count: int) -> list[bytes]:
    """Run the input until so many events have come, and return the payloads of all that came."""
    assert under_test.run(lambda running: come(running, count)) == 0
    return under_test.reader.payloads()


@contextmanager
def quick_retries(first: float = 0.02, last: float = 0.1) -> Iterator[None]:
    """Keep the shape of the back-off (1 to 60 s in real life) and shorten it.

    Attempts that take an hour in real life take a minute here, so none of their lines is held back for their number.
    """
    with (
        patch.object(rotation, "BACKOFF_FIRST", first),
        patch.object(rotation, "BACKOFF_LAST", last),
        patch.object(logs, "MOST_AT_FIRST", 10_000),
    ):
        yield


@contextmanager
def serving(folder: Path, archive: Archive, behaviour: Behaviour | None = None, **settings: object) -> Iterator[Input]:
    """Start a server and give its input, which is to be run; in the end the client must have kept the protocol."""
    with serving_all(folder, {"fmc": archive}, behaviour, **settings) as under_test:
        yield under_test


@contextmanager
def serving_all(
    folder: Path, archives: dict[str, Archive], behaviour: Behaviour | None = None, **settings: Any
) -> Iterator[Input]:
    """The same with a server for each archive: the first account, and the one to fail over to."""
    with ExitStack() as stack:
        stack.enter_context(quick_retries())
        servers = {
            name: stack.enter_context(FmcServer(archive, behaviour=behaviour)) for name, archive in archives.items()
        }
        yield Input(folder, servers, **settings)
        for server in servers.values():
            server.stop()
            server.assert_clean()
