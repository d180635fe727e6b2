"""The input is told to stop (SIGTERM), or loses its parent, whatever it is doing.

Told to stop it ends within two seconds, with exit code 0. Nothing is lost by that and nothing comes twice. Orphaned it
ends by itself, lets go of the bookmark, and another splunkd is given again only what had not settled.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from estreamer.bookmark import journal, limits

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from tests.connection.servers import serving
from tests.endtoend.load import Tap
from tests.faults.ledger import balance
from tests.faults.process import Place, Process
from tests.input.harness import Input, stop_reading
from tests.splunkd.management import ACCOUNT_CONF, SETTINGS_CONF, Management

FIRST = 60
"""Events before it all: they are delivered before the run in which something happens."""

STOP_LIMIT = 2.0
"""Seconds that splunkd gives an input."""

ORPHAN_LIMIT = 5.0
"""Seconds in which an orphan is to notice: it looks at its parent every second."""


class Holding(Management):
    """A management port that takes requests for some conf and does not answer them, once it is told to.

    `reached` is set when the input waits for an answer that does not come, from here or from another server.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: str | None = None
        self.reached = threading.Event()
        self.released = threading.Event()

    def answer(self, path: str, query: dict[str, str]) -> bytes:  # type: ignore[override]
        if self.held is not None and self.held in path:
            self.reached.set()
            self.released.wait(60)
        return super().answer(path, query)


@pytest.fixture
def management() -> Iterator[Holding]:
    one = Holding()
    with one:
        yield one
        one.released.set()


@pytest.fixture
def place(tmp_path: Path, management: Holding) -> Iterator[Place]:
    archive = Archive.generated(FIRST, EventGenerator(per_second=20))
    with FmcServer(archive, behaviour=Behaviour(style="mixed", bundle_size=20)) as server:
        yield Place(tmp_path, management, server)
        server.assert_clean()


Trouble = Callable[[Place], "AbstractContextManager[None]"]
"""What stands in the way of an input while it is used as a context."""

Doing = Callable[[Place, Process, ExitStack], None]
"""Brings an input to where something is to happen to it; what it needs until then goes on the stack."""


def nothing(place: Place, process: Process, stack: ExitStack) -> None:
    place.wait_for_line("action=connected", 2)
    process.reader.wait_for_silence(0.5)


def much(place: Place, process: Process, stack: ExitStack) -> None:
    stack.enter_context(Tap(place.server.archive, 2000))
    process.reader.wait_for(1000)


def writing_to_a_full_pipe(place: Place, process: Process, stack: ExitStack) -> None:
    place.server.archive.extend(EventGenerator(seed=2, start=place.server.archive.newest()).events(0, 2000))
    process.reader.wait_for(100)
    stop_reading(process.reader, place.server)


def connecting(place: Place, process: Process, stack: ExitStack) -> None:
    place.wait_for_line("action=connecting", 2)
    # Nobody is told that a connection is being tried, least of all where nothing answers.
    time.sleep(0.3)


def backing_off(place: Place, process: Process, stack: ExitStack) -> None:
    place.wait_for_line("action=connection_failed", 3)


def waiting_for_an_answer(place: Place, process: Process, stack: ExitStack) -> None:
    """Whoever is to answer has been asked, and says nothing, or stops in the middle of what it says."""
    assert isinstance(place.management, Holding)
    assert place.management.reached.wait(30)


@contextmanager
def good_server(place: Place) -> Iterator[None]:
    yield


@contextmanager
def closed_port(place: Place) -> Iterator[None]:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        place.connect_to(taken.getsockname()[1])
        yield


@contextmanager
def dead_address(place: Place) -> Iterator[None]:
    """A port whose queue is full, so that nothing ever answers."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(closing(socket.socket()))
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(listener.getsockname())
        place.connect_to(listener.getsockname()[1])
        yield


def handshake_cut_after(count: int) -> Trouble:
    """A server of whose part in the handshake so many bytes come, and then nothing."""

    def cut(place: Place, accepted: socket.socket) -> None:
        hello = accepted.recv(65536)
        with closing(socket.create_connection((place.server.address, place.server.port))) as real:
            real.sendall(hello)
            left = count
            while left:
                piece = real.recv(left)
                accepted.sendall(piece)
                left -= len(piece)
            assert isinstance(place.management, Holding)
            place.management.reached.set()
            accepted.settimeout(60)
            while accepted.recv(65536):
                pass

    @contextmanager
    def server(place: Place) -> Iterator[None]:
        with serving(lambda accepted: cut(place, accepted)) as port:
            place.connect_to(port)
            yield

    return server


def silent_management_port(conf: str) -> Trouble:
    @contextmanager
    def silent(place: Place) -> Iterator[None]:
        assert isinstance(place.management, Holding)
        place.management.held = conf
        yield
        place.management.held = None

    return silent


SITUATIONS: dict[str, tuple[Trouble, Doing]] = {
    "idle": (good_server, nothing),
    "busy": (good_server, much),
    "on a full pipe": (good_server, writing_to_a_full_pipe),
    "in a handshake that nobody answers": (handshake_cut_after(0), waiting_for_an_answer),
    "in a handshake that stops in its first record": (handshake_cut_after(3), waiting_for_an_answer),
    "in a handshake that stops in the middle": (handshake_cut_after(300), waiting_for_an_answer),
    "while it connects to a dead address": (dead_address, connecting),
    "in back-off": (closed_port, backing_off),
    "while splunkd does not tell the log level": (silent_management_port(SETTINGS_CONF), waiting_for_an_answer),
    "while splunkd does not tell the account": (silent_management_port(ACCOUNT_CONF), waiting_for_an_answer),
}


def deliver(place: Place, count: int) -> None:
    """Run the input until so many more events have come and no more do, and stop it."""
    with Process(place) as process:
        if count:
            process.reader.wait_for(count)
        process.reader.wait_for_silence(0.5)
        took, code = process.stop()
        assert code == 0
        assert took < STOP_LIMIT


def wanted(place: Place) -> list[bytes]:
    return [record.payload for record in place.server.archive.since(0)]


def happen(place: Place, count: int = FIRST) -> None:
    """Let some more events happen."""
    place.server.archive.extend(EventGenerator(seed=3, start=place.server.archive.newest()).events(0, count))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_told_to_stop_it_ends_within_two_seconds_and_loses_and_doubles_nothing(place: Place, situation: str):
    trouble, doing = SITUATIONS[situation]
    deliver(place, FIRST)
    with ExitStack() as stack:
        stack.enter_context(trouble(place))
        with Process(place) as process:
            doing(place, process, stack)
            took, code = process.stop()
    happen(place)
    place.connect_to(place.server.port)
    deliver(place, len(wanted(place)) - len(place.arrived))
    weighed = balance(wanted(place), place.arrived)
    assert (weighed.lost, weighed.doubled) == (0, 0)
    assert took < STOP_LIMIT
    assert code == 0


WRITES: dict[str, Callable[[bytes], bool]] = {
    "of delivered events": lambda content: content[8:9] == b"\6",
    "of what has settled": lambda content: content[8:9] == b"\4",
    "of a state": lambda content: content[8:9] == b"\1",
    "of a generation": lambda content: content.startswith(b"SFE-BOOKMARK"),
}


@pytest.mark.parametrize("write", WRITES)
def test_told_to_stop_in_the_middle_of_a_bookmark_write_it_ends_and_loses_and_doubles_nothing(
    tmp_path: Path, write: str, monkeypatch: pytest.MonkeyPatch
):
    """The signal comes when half of a record is written, and half a second goes by before the rest."""
    monkeypatch.setattr(limits, "GENERATION_SIZE", 400)
    really, told = journal.write_all, threading.Event()
    asked: list[float] = []

    def write_slowly(file: int, content: bytes) -> None:
        if told.is_set() or not WRITES[write](content):
            really(file, content)
            return
        really(file, content[: len(content) // 2])
        told.set()
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)
        # A disk that is slow.
        time.sleep(0.5)
        really(file, content[len(content) // 2 :])

    archive = Archive.generated(200, EventGenerator(per_second=20))
    with FmcServer(archive, behaviour=Behaviour(style="mixed", bundle_size=20)) as server:
        under_test = Input(tmp_path, {"fmc": server})
        monkeypatch.setattr(journal, "write_all", write_slowly)
        assert under_test.run(lambda running: told.wait(30)) == 0
        took = time.monotonic() - asked[0]
        arrived = under_test.reader.payloads()
        archive.extend(EventGenerator(seed=3, start=archive.newest()).events(0, FIRST))
        arrived += under_test.run_for(len(archive) - len(arrived))
        weighed = balance([record.payload for record in archive.since(0)], arrived)
        assert (weighed.lost, weighed.doubled) == (0, 0)
        assert took < STOP_LIMIT
        server.assert_clean()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_orphaned_it_ends_by_itself_and_another_splunkd_gets_no_more_again_than_had_not_settled(
    place: Place, situation: str
):
    """The parent is killed; somebody else holds the pipe's other end, so that it does not tell."""
    trouble, doing = SITUATIONS[situation]
    deliver(place, FIRST)
    with ExitStack() as stack:
        stack.enter_context(trouble(place))
        with Process(place, with_parent=True) as process:
            doing(place, process, stack)
            process.kill_parent()
            assert process.ends_within(ORPHAN_LIMIT)
    happen(place)
    place.connect_to(place.server.port)
    deliver(place, FIRST)
    told = [int(events) for events in re.findall(r"action=delivered_again \S+ events=(\d+)", place.log_text())]
    weighed = balance(wanted(place), place.arrived)
    assert weighed.lost == 0
    assert weighed.doubled <= sum(told)
    assert "code=bookmark_locked" not in place.log_text()


def test_orphaned_when_everything_has_settled_nothing_comes_twice(place: Place):
    with Process(place, with_parent=True) as process:
        process.reader.wait_for(FIRST)
        # An idle input looks once a second whether events were read, and once a second whether they have settled.
        time.sleep(1.0 + 2.0 + 0.5)
        process.kill_parent()
        assert process.ends_within(ORPHAN_LIMIT)
    happen(place)
    deliver(place, FIRST)
    weighed = balance(wanted(place), place.arrived)
    assert (weighed.lost, weighed.doubled) == (0, 0)
