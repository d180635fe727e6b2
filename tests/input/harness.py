"""A stream in this process, between a stand-in Management Center and a reader of its pipe.

The stream runs in the main thread, as in a real input, since it installs signal handlers; a thread reads the pipe, and
another asks it to stop, by SIGTERM, when what the test waits for has come true.
"""

from __future__ import annotations

import os
import re
import select
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from defusedxml.ElementTree import fromstring
from estreamer.errors import Problem
from estreamer.events.drop_rules import DropRules
from estreamer.input import loop, subscriptions
from estreamer.input.surroundings import Surroundings
from estreamer.outputs.splunkd_pipe import Splunkd
from estreamer.protocol import fully_qualified
from estreamer.settings import Account, InputSettings

from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer

STANZA = "estreamer_fqe://main"
DEADLINE = 60.0

Make = Callable[..., "Input"]
"""What the fixture `make` returns."""


class MemoryLog:
    """A log that keeps its lines, each as its event and fields."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []
        self.ingested = 0
        self.changed = threading.Condition()

    def _add(self, level: str, event: str, fields: dict[str, object]) -> None:
        with self.changed:
            self.lines.append((level, event, fields))
            self.changed.notify_all()

    def passed_on(self) -> MemoryLog:
        return self

    def debug(self, event: str, **fields: object) -> None:
        self._add("DEBUG", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._add("INFO", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._add("WARNING", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._add("ERROR", event, fields)

    def events_ingested(self, count: int, size: int) -> None:
        self.ingested += count

    def fields_of(self, event: str) -> list[dict[str, object]]:
        return [fields for _, name, fields in self.lines if name == event]

    def codes(self) -> list[object]:
        return [fields["code"] for _, _, fields in self.lines if "code" in fields]

    def total(self, figure: str) -> int:
        """The sum of a figure over all lines of figures."""
        return sum(int(str(fields[figure])) for fields in self.fields_of("figures"))


class Reader:
    """The other end of the stream's pipe: everything that was written, and the events in it."""

    def __init__(self) -> None:
        self.descriptor, self.writer = os.pipe()
        self.data = bytearray()
        self.changed = threading.Condition()
        self.may_read = threading.Event()
        self.may_read.set()
        self.hung_up = threading.Event()
        self.reads_on = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while not self.hung_up.is_set():
            self.may_read.wait()
            if self.hung_up.is_set():
                break
            if not select.select([self.descriptor], [], [], 0.05)[0]:
                continue
            data = os.read(self.descriptor, 65536)
            if not data:
                break
            with self.changed:
                self.data += data
                self.changed.notify_all()
        os.close(self.descriptor)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Close the stream's end, as the end of its process does; a stalled pipe is read on only if that is wanted."""
        with suppress(OSError):
            os.close(self.writer)
        if not self.may_read.is_set() and not self.reads_on:
            self.hung_up.set()
        self.may_read.set()
        self._thread.join(DEADLINE)

    def hang_up(self) -> None:
        """Close this end; whoever writes on finds it closed."""
        self.hung_up.set()
        self.may_read.set()
        self._thread.join(DEADLINE)

    def count(self) -> int:
        return self.data.count(b"</event>")

    def wait_for(self, count: int) -> None:
        """Wait until so many events have come."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.count() >= count, DEADLINE):
                raise AssertionError(f"{self.count()} of {count} events came")

    def wait_for_silence(self, seconds: float) -> None:
        """Wait until nothing has come for so long."""
        with self.changed:
            before = -1
            while before != len(self.data):
                before = len(self.data)
                self.changed.wait(seconds)

    def events(self) -> list[dict[str, str]]:
        whole = bytes(self.data[: self.data.rfind(b"</event>") + 8]) + b"</stream>" if self.data else b"<stream/>"
        return [{child.tag: child.text or "" for child in event} for event in fromstring(whole)]

    def payloads(self) -> list[bytes]:
        return [event["data"].encode() for event in self.events()]


def stop_reading(reader: Reader, server: FmcServer) -> None:
    """Stall, and wait until the back-pressure has reached the server."""
    reader.may_read.clear()
    server.wait_for_standstill()


class Input:
    """An input as its stanza says, to be run again and again with the same bookmark."""

    def __init__(
        self,
        folder: Path,
        servers: Mapping[str, FmcServer],
        *,
        surroundings: Surroundings | None = None,
        subscribe: loop.Subscribe = subscriptions.of_input,
        **settings: object,
    ) -> None:
        names = list(servers)
        self.folder = folder
        self.surroundings = surroundings
        self.subscribe = subscribe
        self.servers = dict(servers)
        self.settings = input_settings(
            account=names[0], failover_account=names[1] if len(names) > 1 else None, **settings
        )
        self.log = MemoryLog()
        self.reader = Reader()
        self.account_reads = 0

    def account(self, name: str) -> Account:
        self.account_reads += 1
        server = self.servers[name]
        return Account(
            name=name,
            host=server.address,
            port=server.port,
            pkcs12=server.pkcs12(password="pass"),
            pkcs12_password="pass",
            fingerprint=None,
            legacy_certificates=False,
        )

    def destination(self) -> Splunkd:
        """Return the pipe of the present reader, as a destination."""
        return Splunkd(self.reader.writer, STANZA, self.settings.index, self.settings.settle)

    def run(self, until: Callable[[Input], object]) -> int:
        """Run the stream until `until` returns, then stop it by SIGTERM; return its exit code."""
        self.reader = Reader()
        self.reader.start()
        failures: list[BaseException] = []
        ended = threading.Event()

        def watch() -> None:
            try:
                until(self)
            except BaseException as failure:
                failures.append(failure)
            if not ended.is_set():
                os.kill(os.getpid(), signal.SIGTERM)

        watcher = threading.Thread(target=watch, daemon=True)
        with _signals_left_alone():
            watcher.start()
            try:
                code = loop.run(
                    self.settings,
                    self.account,
                    self.log,
                    str(self.folder),
                    STANZA,
                    self.destination(),
                    self.surroundings,
                    self.subscribe,
                )
            finally:
                ended.set()
                self.reader.finish()
            watcher.join(DEADLINE)
        if failures:
            raise AssertionError(f"{failures[0]}; the log: {self.log.lines}") from failures[0]
        return code

    def run_for(self, count: int) -> list[bytes]:
        """Run until so many events have come and a moment longer, and return their payloads."""

        def come(running: Input) -> None:
            running.reader.wait_for(count)
            running.reader.wait_for_silence(0.3)

        assert self.run(come) == 0
        return self.reader.payloads()

    def wait_for_log(self, event: str, count: int = 1) -> None:
        """Wait until the log has so many lines of this event."""
        with self.log.changed:
            if not self.log.changed.wait_for(lambda: len(self.log.fields_of(event)) >= count, DEADLINE):
                raise AssertionError(f"no {event} in {self.log.lines}")


@contextmanager
def _signals_left_alone():
    """A SIGTERM that comes after the stream has restored the handlers must not end the test run."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def input_settings(**changes: object) -> InputSettings:
    settings: dict[str, object] = {
        "name": "main",
        "account": "fmc",
        "failover_account": None,
        "event_types": fully_qualified.DEFAULT_EVENT_TYPES,
        "fields": {name: fully_qualified.DEFAULT_FIELDS[name] for name in fully_qualified.DEFAULT_EVENT_TYPES},
        "start_from": 0,
        "drop_rules": DropRules(()),
        "request_style": "auto",
        "settle": 1,
        "trusts_planned_restart": False,
        "index": "netfw",
        **changes,
    }
    return InputSettings(**settings)  # type: ignore[arg-type]


def archive_of(count: int, **options: int) -> Archive:
    return Archive.generated(count, EventGenerator(**options))


def payloads_of(archive: Archive) -> list[bytes]:
    return [record.payload for record in archive.since(0)]


def kinds(payloads: list[bytes]) -> set[str]:
    return {
        found[1] for found in (re.search(r'"EventType":"(\w+)"', payload.decode()) for payload in payloads) if found
    }


__all__ = [
    "STANZA",
    "Input",
    "Make",
    "MemoryLog",
    "Problem",
    "Reader",
    "archive_of",
    "input_settings",
    "kinds",
    "payloads_of",
    "stop_reading",
]
