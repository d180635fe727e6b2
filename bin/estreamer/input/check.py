"""The connection check: what an input does to connect, once, aloud.

    $SPLUNK_HOME/bin/splunk cmd python3.9 bin/estreamer_check.py --host fmc.example.com --pkcs12 client.pkcs12

asks for the password of the file, prints each step and ends with 0 when all of them succeeded, else with 1.
"""

from __future__ import annotations

import argparse
import getpass
import os
import selectors
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

from .. import printable, settings
from ..connection import pkcs12, tcp, tls
from ..errors import Problem
from ..protocol import wire
from ..protocol.fully_qualified import FullyQualified
from ..protocol.session import Session

STEPS = ("credentials", "resolve", "connect", "verify", "accept", "request")
"""The names of the steps, in their order; the last one only when there is a request to send."""

TIMEOUT = 15.0
"""Seconds that a check may take, from the file to the goodbye."""

WATCH_TIME = 1.0
"""Seconds in which a server that does not know this client, or cannot do with a request, has closed the connection."""

GOODBYE = "The connection check is complete."


@dataclass(frozen=True)
class Step:
    """How one step of the check went; `problem` is there when it failed, and `text` is for the user either way."""

    name: str
    ok: bool
    text: str
    problem: Problem | None = None


Say = Callable[[Step], None]


def run(
    account: settings.Account,
    *,
    timeout: float = TIMEOUT,
    credentials: pkcs12.Credentials | None = None,
    document: bytes | None = None,
    wait: tcp.Wait | None = None,
    say: Say | None = None,
) -> tuple[Step, ...]:
    """Check an account and return the steps, of which only the last can have failed; `say` is told each as it ends.

    Reads the PKCS#12 file, unless its `credentials` are given, resolves the name, connects, verifies the server,
    watches whether it keeps the connection, and says goodbye by an error message, as the guide asks a client to. With a
    request `document`, sends it (from now on, one message) and watches for the server's error. Takes at most `timeout`
    seconds. Raises what `wait` raises.
    """
    report = _Report(say)
    try:
        _check(account, tcp.Deadline(timeout, wait or _wait), credentials, document, wait or _wait, report)
    except Problem as problem:
        report.failed(problem)
    return tuple(report.steps)


class _Report:
    """The steps so far."""

    def __init__(self, say: Say | None) -> None:
        self.steps: list[Step] = []
        self._say = say

    def done(self, name: str, text: str) -> None:
        self._add(Step(name, True, text))

    def failed(self, problem: Problem) -> None:
        self._add(Step(STEPS[len(self.steps)], False, problem.text, problem))

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        if self._say is not None:
            self._say(step)


def _check(
    account: settings.Account,
    deadline: tcp.Deadline,
    credentials: pkcs12.Credentials | None,
    document: bytes | None,
    wait: tcp.Wait,
    report: _Report,
) -> None:
    now = datetime.now(timezone.utc)
    if credentials is None:
        credentials = pkcs12.read(account.pkcs12, account.pkcs12_password, now, account.legacy_certificates)
    report.done("credentials", _describe(credentials, now))
    connection = tls.connect(
        account.host,
        account.port,
        credentials,
        fingerprint=account.fingerprint,
        legacy=account.legacy_certificates,
        timeout=max(0.0, deadline.left - WATCH_TIME * (1 if document is None else 2)),
        wait=wait,
        progress=report.done,
    )
    try:
        _converse(_Conversation(connection, credentials, document), deadline, report)
    finally:
        connection.close()


def _describe(credentials: pkcs12.Credentials, now: datetime) -> str:
    facts, end = credentials.facts, credentials.end
    text = f"client certificate {facts.common_name!r} of {facts.issuer}, {end.days_left(now)} days left"
    if end.not_after < facts.not_after:
        text += f", since the {end.first} ends before it"
    return "; ".join((text, *credentials.weaknesses, *credentials.notes))


class _Conversation:
    """What is said on a verified connection: at most a request, and a goodbye."""

    def __init__(self, connection: tls.Connection, credentials: pkcs12.Credentials, document: bytes | None) -> None:
        self.has_request = document is not None
        self._connection = connection
        self._credentials = credentials
        self._session = Session(FullyQualified(document or b"", wire.NOW), time.monotonic())
        self._requested = False

    def request(self) -> None:
        self._requested = True
        self._connection.send(self._session.request)

    def say_goodbye(self) -> None:
        self._connection.send(self._session.goodbye(GOODBYE))

    def watch(self, deadline: tcp.Deadline) -> None:
        """Take what the server says until the deadline; raise Problem when it ends the conversation."""
        while deadline.left:
            data = self._connection.receive(tls.BUFFER_SIZE)
            if data is None:
                deadline.until_ready(self._connection.fileno(), for_write=False)
            elif data:
                self._take(data)
            else:
                raise self._closed()

    def _take(self, data: bytes) -> None:
        received = self._session.receive(data, time.monotonic())
        if received.answers:
            self._connection.send(received.answers)
        if received.problem is not None:
            raise received.problem

    def _closed(self) -> Problem:
        if self._requested:
            return Problem(
                "request_refused",
                "The server closed the connection when it had the request, without saying why. Choose other field sets "
                'and fields, or another request style ("auto" tries both).',
            )
        return tls.closed_before_any_message(self._credentials, self._connection)


def _converse(conversation: _Conversation, deadline: tcp.Deadline, report: _Report) -> None:
    conversation.watch(deadline.within(WATCH_TIME))
    report.done("accept", "the server keeps the connection open: it knows this client")
    if conversation.has_request:
        conversation.request()
        conversation.watch(deadline.within(WATCH_TIME))
        report.done("request", "the server did not object to the request")
    conversation.say_goodbye()


def _wait(descriptor: int, for_write: bool, seconds: float | None) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_WRITE if for_write else selectors.EVENT_READ)
        return bool(selector.select(seconds))


def main(arguments: Sequence[str]) -> int:
    """Run the check as the command line asks; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        account = _account(options)
    except Problem as problem:
        _print(f"FAILED: {problem.text} [{problem.code}]")
        return 1
    steps = run(account, timeout=options.timeout, say=_print_step)
    return 0 if steps[-1].ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="estreamer_check.py", description="Check an eStreamer connection.")
    parser.add_argument("--host", required=True, help="name or address of the Management Center")
    parser.add_argument(
        "--port", type=_port, default=settings.DEFAULT_PORT, help="port of its eStreamer service (%(default)s)"
    )
    parser.add_argument("--pkcs12", required=True, metavar="FILE", help="the file that it made for this client")
    parser.add_argument("--password-env", metavar="NAME", help="environment variable that holds the file's password")
    parser.add_argument("--fingerprint", default="", help="SHA-256 of the only server certificate to accept")
    parser.add_argument("--legacy-certificates", action="store_true", help="accept old signatures and key sizes")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds that the check may take (%(default)s)")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError
    return port


def _account(options: argparse.Namespace) -> settings.Account:
    """Return the account that the options describe; the password comes from the environment or a prompt only."""
    data = _read_file(options.pkcs12)
    return settings.Account(
        name="check",
        host=settings.parse_host(options.host),
        port=options.port,
        pkcs12=data,
        pkcs12_password=_password(options.pkcs12, options.password_env),
        fingerprint=settings.parse_fingerprint(options.fingerprint),
        legacy_certificates=options.legacy_certificates,
    )


def _password(path: str, variable: str | None) -> str:
    if variable is None:
        return getpass.getpass(f"Password of {path} (empty: none): ")
    if variable not in os.environ:
        raise Problem("password_not_set", f"The environment variable {variable} is not set: it holds the password.")
    return os.environ[variable]


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(pkcs12.MAX_SIZE + 1)
    except OSError as error:
        raise Problem("pkcs12_not_readable", f"The file {path} cannot be read: {error.strerror}.") from None


def _print_step(step: Step) -> None:
    if step.problem is None:
        _print(f"ok: {step.name}: {step.text}")
    else:
        _print(f"FAILED: {step.name}: {step.text} [{step.problem.code}]")


def _print(line: str) -> None:
    sys.stdout.write(printable.line(line) + "\n")
    sys.stdout.flush()
