"""The show with a real Management Center: its events, as they come, until Ctrl-C."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from demo_addon import NAME, Addon, DemoFailure
from demo_events import described, kind_of, one_line
from demo_options import MOST_EVENTS
from demo_package import find_or_build
from demo_terminal import INDENT, Terminal, width
from estreamer import check, pkcs12, settings

from tests.splunkd import Event, Splunkd

POLL_SECONDS = 0.2
HINT_AFTER = 30
"""Seconds without an event after which the demo says why that may be."""

_QUIET = {"figures", "events_ingested"}
"""What the input logs about itself once a minute: the demo has its own figures."""


def show(options: argparse.Namespace, terminal: Terminal, folder: Path) -> None:
    """Check the connection, then stream in that folder until Ctrl-C.

    Raises Problem or DemoFailure, with what to do, when something is wrong.
    """
    start_from, events = options.start_from or "now", options.events or ""
    settings.parse_start(start_from)
    types = settings.parse_event_types(events)
    account = _account(options)
    _check(account, terminal)
    with terminal.step("Build the package") as step:
        package = find_or_build()
        step.result = f"{package.name}, {package.stat().st_size / 1e6:.1f} MB"
    with Splunkd(folder / "splunk") as splunkd:
        with terminal.step("Install the package in a stand-in for Splunk"):
            addon = Addon(splunkd, package)
        with terminal.step("Create the account through the add-on's REST endpoint") as step:
            addon.create_account(
                account.host, account.port, account.pkcs12, account.pkcs12_password, account.legacy_certificates
            )
            step.result = "PKCS#12 file and password are encrypted in storage/passwords"
        with terminal.step("Create the input through the add-on's REST endpoint") as step:
            addon.create_input(start_from=start_from, event_types=events)
            step.result = f"{', '.join(types)}, start from {start_from}"
        _Show(terminal, splunkd, addon, options.limit or MOST_EVENTS).run()


def _account(options: argparse.Namespace) -> settings.Account:
    """Return the account. Raises Problem or DemoFailure for a host or a file that cannot be one."""
    host = settings.parse_host(options.fmc)
    try:
        with options.pkcs12.open("rb") as file:
            data = file.read(pkcs12.MAX_SIZE + 1)
    except OSError as error:
        raise DemoFailure(f"The file {options.pkcs12} cannot be read: {error.strerror}.") from None
    return settings.Account(
        name=NAME,
        host=host,
        port=options.port or settings.DEFAULT_PORT,
        pkcs12=data,
        pkcs12_password=_password(options.pkcs12, options.password_env),
        fingerprint=None,
        legacy_certificates=options.legacy,
    )


def _password(file: Path, variable: str | None) -> str:
    if variable is not None:
        # Taken out of the environment, so that no process that is started from here inherits it.
        password = os.environ.pop(variable, None)
        if password is None:
            raise DemoFailure(f"The environment variable {variable} is not set: it holds the password of {file}.")
        return password
    try:
        return getpass.getpass(f"Password of {file} (empty: none): ")
    except EOFError:
        raise DemoFailure("No password was given. Without a terminal, name its variable by --password-env.") from None


def _check(account: settings.Account, terminal: Terminal) -> None:
    """Take each step of a connection once, aloud. Raises the Problem of the first that fails."""

    def say(taken: check.Step) -> None:
        if taken.problem is not None:
            raise taken.problem
        with terminal.step(f"Check: {taken.name}") as step:
            step.result = taken.text

    check.run(account, say=say)


class _Show:
    """Events and changes of the connection, one line each, and the sum of them."""

    def __init__(self, terminal: Terminal, splunkd: Splunkd, addon: Addon, limit: int) -> None:
        self._terminal = terminal
        self._splunkd = splunkd
        self._addon = addon
        self._limit = limit
        self._shown = 0
        self._kinds: Counter[str] = Counter()
        self._stop = threading.Event()

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: self._stop.set())
        with self._terminal.step("Start the input") as step:
            self._splunkd.start()
            step.result = f"events follow until Ctrl-C, {self._limit:,} at most"
        begun = time.monotonic()
        self._follow(begun + HINT_AFTER)
        took = time.monotonic() - begun
        self._terminal.line()
        with self._terminal.step("Stop the input") as step:
            self._splunkd.stop()
            step.result = f"it left within {self._splunkd.runs()[-1].stop_took or 0:.2f} s"
        self._show_new()
        self._sum_up(took)

    def _follow(self, hint_at: float) -> None:
        while not self._stop.wait(POLL_SECONDS) and self._shown < self._limit:
            self._splunkd.check()
            self._show_new()
            if not self._shown and time.monotonic() >= hint_at:
                hint_at = float("inf")
                self._terminal.detail(
                    f"No event in {HINT_AFTER} s. Are these event types ticked on the FMC (System > Integration > "
                    "eStreamer), and do devices send any? --start-from oldest shows what it has."
                )

    def _show_new(self) -> None:
        for fields in self._addon.new_log_lines():
            if fields.get("action") not in _QUIET:
                self._terminal.line(f"{INDENT}* {state(fields)}")
        events = self._splunkd.events()
        for event in events[self._shown :]:
            self._show(event)
        self._shown = len(events)

    def _show(self, event: Event) -> None:
        kind = kind_of(event)
        if not self._kinds[kind]:
            self._terminal.detail(f"The first event of its type: {kind}")
            for line in described(event, width() - len(INDENT) - 2):
                self._terminal.detail(f"  {line}")
        self._kinds[kind] += 1
        self._terminal.detail(one_line(event))

    def _sum_up(self, took: float) -> None:
        self._terminal.line()
        rows = [*sorted(self._kinds.items()), ("all", self._shown)]
        self._terminal.table(("event type", "events", "a second"), [(*row, f"{row[1] / took:.1f}") for row in rows])
        self._terminal.line()
        self._terminal.detail(f"{self._shown:,} events in {took:.0f} s. Nothing was changed on the Management Center.")


def state(fields: Mapping[str, str]) -> str:
    """Return a line of the input's log, without what only a log needs: a change of state, or a problem."""
    action = fields.get("action", "").replace("_", " ")
    if action == "connected":
        return (
            f"connected to {fields['host']} ({fields['address']} port {fields['port']}), {fields['tls']}, "
            f"server certificate valid until {fields['server_expires']}, request style {fields['request_style']}"
        )
    if "problem" in fields:
        again = f" Trying again in {fields['retry_in']} s." if "retry_in" in fields else ""
        code = f" [{fields['code']}]" if "code" in fields else ""
        return f"{action}{code}: {fields['problem']}{again}"
    left_out = {"action", "input", "account"}
    return " ".join([action, *(f"{name}={value}" for name, value in fields.items() if name not in left_out)])
