"""The show between two stand-ins: a Management Center that breaks the connection, and a splunkd that counts."""

from __future__ import annotations

import contextlib
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from demo_addon import INDEX, Addon, DemoFailure
from demo_events import described, kind_of
from demo_package import find_or_build
from demo_terminal import INDENT, Terminal, width

from tests.endtoend.addon import doubled, lost
from tests.fmc.archive import Archive
from tests.fmc.behaviour import Behaviour, Fault
from tests.fmc.events import EventGenerator
from tests.fmc.pki import Pki
from tests.fmc.server import FmcServer
from tests.splunkd import Event, Splunkd

FIRST = 3000
"""Events that the Management Center has when the input starts."""

MORE = 1000
"""Events that happen in each of the acts that follow."""

SINGLE = 20
"""Events that come one by one on a quiet link."""

PER_SECOND = 20
"""Events that share an archival second, on average."""

FAULTS = (
    Fault("rst", where="payload", after_events=FIRST + MORE // 5, connections=(1,)),
    # The third connection is sent what was missed, and perhaps the last second before it once more.
    Fault("restart", where="payload", after_events=MORE + MORE // 2, connections=(3,)),
)
"""The first connection is reset, and the third ends with the server, both in the middle of an event."""


def show(terminal: Terminal, folder: Path) -> None:
    """Run the show in that folder. Raises DemoFailure when an event is lost or doubled, or anything else is wrong."""
    with terminal.step("Build the package") as step:
        package = find_or_build()
        step.result = f"{package.name}, {package.stat().st_size / 1e6:.1f} MB"
    events = Happening(EventGenerator(start=int(time.time()) - 3600, per_second=PER_SECOND))
    with contextlib.ExitStack() as stack:
        with terminal.step("Start a stand-in for a Management Center") as step:
            events.happen(FIRST)
            behaviour = Behaviour(style="mixed", bundle_size=50, faults=FAULTS)
            server = stack.enter_context(FmcServer(events.archive, Pki(folder / "fmc"), behaviour))
            step.result = f"{server.address} port {server.port}, has {FIRST:,} events made from real samples"
        splunkd = stack.enter_context(Splunkd(folder / "splunk"))
        _Show(terminal, server, splunkd, events).run(package)


class Happening:
    """What happens on the Management Center."""

    def __init__(self, generator: EventGenerator) -> None:
        self.archive = Archive()
        self._generator = generator

    def happen(self, count: int) -> float:
        """Let that many events happen; return the moment, CLOCK_MONOTONIC in seconds."""
        records = self._generator.events(len(self.archive), count)
        moment = time.monotonic()
        self.archive.extend(records)
        return moment

    def payloads(self) -> list[str]:
        """Return all that happened, in its order."""
        return [record.payload.decode() for record in self.archive.since(0)]


class _Show:
    """The acts, in their order."""

    def __init__(self, terminal: Terminal, server: FmcServer, splunkd: Splunkd, events: Happening) -> None:
        self._terminal = terminal
        self._server = server
        self._splunkd = splunkd
        self._events = events
        self._password = secrets.token_urlsafe(12)

    def run(self, package: Path) -> None:
        self._set_up(package)
        self._stream()
        self._stream_quietly()
        self._cut()
        self._stop_and_start()
        self._restart_server()
        self._stop()
        self._look_for_secrets()
        self._compare()

    def _set_up(self, package: Path) -> None:
        with self._terminal.step("Install the package in a stand-in for Splunk") as step:
            self._addon = Addon(self._splunkd, package)
            step.result = f"Python {self._splunkd.home.python_version}"
        with self._terminal.step("Create the account through the add-on's REST endpoint") as step:
            pkcs12 = self._server.pkcs12(password=self._password)
            self._addon.create_account(self._server.address, self._server.port, pkcs12, self._password)
            step.result = "PKCS#12 file and password are encrypted in storage/passwords"
        with self._terminal.step("Create the input through the add-on's REST endpoint") as step:
            self._addon.create_input(start_from="oldest")
            step.result = "connection, intrusion and file events, from the oldest on"

    def _stream(self) -> None:
        with self._terminal.step("Start the input, which connects by mutual TLS and streams") as step:
            self._splunkd.start()
            came = self._addon.wait_for(FIRST)
            seconds = came[-1].received - came[0].received
            step.result = f"{len(came):,} events, {len(came) / max(seconds, 0.001):,.0f} a second"
        kinds = Counter(kind_of(event) for event in came)
        self._terminal.table(("event type", "events"), sorted(kinds.items()))
        for kind in sorted(kinds):
            first = next(event for event in came if kind_of(event) == kind)
            self._terminal.line()
            for line in described(first, width() - len(INDENT)):
                self._terminal.detail(line)
        self._terminal.line()

    def _stream_quietly(self) -> None:
        with self._terminal.step(f"Let {SINGLE} events happen one by one") as step:
            took = []
            for _ in range(SINGLE):
                moment = self._events.happen(1)
                took.append(self._addon.wait_for(len(self._events.archive))[-1].received - moment)
            step.result = f"in Splunk after {statistics.median(took) * 1e3:.0f} ms, at most {max(took) * 1e3:.0f} ms"

    def _cut(self) -> None:
        with self._terminal.step(f"Reset the connection in the middle of {MORE:,} more events") as step:
            moment = self._events.happen(MORE)
            step.result = self._all_there(moment)
            self._check_fault(1, "fault: rst")

    def _stop_and_start(self) -> None:
        with self._terminal.step(f"Stop the input; {MORE:,} events happen meanwhile") as step:
            self._addon.switch(on=False)
            took = self._splunkd.wait_for_end().stop_took
            self._events.happen(MORE)
            step.result = f"the input left within {took or 0:.2f} s"
        with self._terminal.step("Start it again") as step:
            moment = time.monotonic()
            self._addon.switch(on=True)
            step.result = self._all_there(moment)

    def _restart_server(self) -> None:
        with self._terminal.step(f"Restart the Management Center in the middle of {MORE:,} more events") as step:
            moment = self._events.happen(MORE)
            step.result = self._all_there(moment)
            self._check_fault(3, "server stopped")

    def _stop(self) -> None:
        with self._terminal.step("Stop the input") as step:
            self._secrets = self._splunkd.places_of(self._password)
            self._addon.switch(on=False)
            took = self._splunkd.wait_for_end(2).stop_took
            step.result = f"it left within {took or 0:.2f} s"

    def _look_for_secrets(self) -> None:
        with self._terminal.step("Look for the password in files, logs, process lists and environments") as step:
            found = self._secrets + self._splunkd.places_of(self._password)
            if found:
                raise DemoFailure(f"The password can be read in {', '.join(sorted(set(found)))}.")
            step.result = "nowhere"

    def _all_there(self, moment: float) -> str:
        came = self._addon.wait_for(len(self._events.archive))
        return f"all there after {came[-1].received - moment:.1f} s"

    def _check_fault(self, connection: int, ended: str) -> None:
        """See to it that the fault happened: without it nothing would have been shown."""
        self._server.wait_for(lambda server: server.connections[connection - 1].ended is not None)
        if self._server.connections[connection - 1].ended != ended:
            raise DemoFailure(f"Connection {connection} ended otherwise than planned: {self._server.connections}")

    def _compare(self) -> None:
        with self._terminal.step("Compare what happened with what is in Splunk, byte by byte") as step:
            happened, came = self._events.payloads(), self._splunkd.events()
            arrived = [event.data for event in came]
            losses, doubles = lost(happened, arrived), doubled(happened, arrived)
            step.result = f"{losses} lost, {doubles} doubled, {'in' if happened == arrived else 'NOT in'} order"
        self._terminal.line()
        rows = _rows(happened, came)
        self._terminal.table(("event type", "happened", "in Splunk", "lost", "doubled"), rows)
        self._terminal.line()
        again = self._server.events - len(happened)
        self._terminal.detail(
            f"{len(self._server.connections)} connections; {again} events were sent again after a break, "
            "and recognised; the server found no breach of the protocol"
        )
        self._server.assert_clean()
        _check_metadata(came)
        if happened != arrived:
            raise DemoFailure(f"{losses} events were lost and {doubles} doubled, or the order is not the server's.")


def _rows(happened: Sequence[str], came: Sequence[Event]) -> list[tuple[str | int, ...]]:
    """Return a row for each event type, and one for all."""
    by_kind: dict[str, tuple[list[str], list[str]]] = {}
    kinds = {event.data: kind_of(event) for event in came}
    for payload in happened:
        by_kind.setdefault(kinds.get(payload, "lost"), ([], []))[0].append(payload)
    for event in came:
        by_kind.setdefault(kinds[event.data], ([], []))[1].append(event.data)
    by_kind = {**dict(sorted(by_kind.items())), "all": (list(happened), [event.data for event in came])}
    return [(kind, len(had), len(has), lost(had, has), doubled(had, has)) for kind, (had, has) in by_kind.items()]


def _check_metadata(events: Sequence[Event]) -> None:
    found = {(event.sourcetype, event.source, event.index, event.time is not None) for event in events}
    wanted = {("cisco:sfw:estreamer", "estreamer_fqe://demo", INDEX, True)}
    if found != wanted:
        raise DemoFailure(f"Sourcetype, source, index or time of events are wrong: {sorted(map(str, found - wanted))}")
