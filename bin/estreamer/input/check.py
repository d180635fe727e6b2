"""The connection check: what an input does to connect, once, with a sentence for each step."""

from __future__ import annotations

import selectors
from dataclasses import dataclass
from datetime import datetime
from typing import Callable

from .. import settings
from ..bookmark.journal import Moment
from ..clock import CLOCK, Clock
from ..connection import pkcs12, tcp, tls
from ..connection.problems import PeerClosed, PeerReset
from ..errors import Problem
from ..protocol.family import Family
from ..protocol.session import Received, Session
from .conversation import Conversation

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
    family: Family | None = None,
    wait: tcp.Wait | None = None,
    say: Say | None = None,
    clock: Clock = CLOCK,
) -> tuple[Step, ...]:
    """Check an account and return the steps, of which only the last can have failed; `say` gets each as it ends.

    Reads the PKCS#12 file, unless its `credentials` are given, resolves the name, connects, verifies the server,
    listens whether it keeps the connection, and says goodbye by an error message, as the guide asks a client to. With a
    `family` of events, asks for them and listens for the server's error. Takes at most `timeout` seconds. Raises what
    `wait` raises.
    """
    report = _Report(say)
    try:
        deadline = tcp.Deadline(timeout, wait or _wait, clock)
        _check(account, deadline, credentials, family, wait or _wait, report, clock)
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
    family: Family | None,
    wait: tcp.Wait,
    report: _Report,
    clock: Clock,
) -> None:
    now = clock.now()
    if credentials is None:
        credentials = pkcs12.read(account.pkcs12, account.pkcs12_password, now, account.legacy_certificates)
    report.done("credentials", _describe(credentials, now))
    connection = tls.connect(
        account.host,
        account.port,
        credentials,
        fingerprint=account.fingerprint,
        legacy=account.legacy_certificates,
        timeout=max(0.0, deadline.left - WATCH_TIME * (1 if family is None else 2)),
        wait=wait,
        progress=report.done,
        clock=clock,
    )
    try:
        _converse(connection, credentials, family, deadline, report, clock)
    finally:
        connection.close()


def _describe(credentials: pkcs12.Credentials, now: datetime) -> str:
    facts, end = credentials.facts, credentials.end
    text = f"client certificate {facts.common_name!r} of {facts.issuer}, {end.days_left(now)} days left"
    if end.not_after < facts.not_after:
        text += f", since the {end.first} ends before it"
    return "; ".join((text, *credentials.weaknesses, *credentials.notes))


class _NothingAsked:
    """The family of who asks for no events."""

    steps: frozenset[int] = frozenset()
    patience: float | None = None

    def request(self) -> bytes:
        return b""

    def answer(self, message_type: int, body: bytes) -> bytes:
        return b""


class _Watch:
    """The check as the listener of a conversation: events are not its question, so none of them is acknowledged."""

    def __init__(self, deadline: tcp.Deadline) -> None:
        self._whole = deadline
        self._present = deadline

    def begin(self) -> None:
        """Watch from here on, for as long as an answer takes."""
        self._present = self._whole.within(WATCH_TIME)

    def is_over(self) -> bool:
        """Return whether a server that objects would have said so: the stopping point."""
        return not self._present.left

    def keep_house(self) -> None:
        """Do nothing: nothing is due."""

    def wait(self, descriptor: int, to_send: bool, deadline: float) -> bool:
        """Wait for the server, until the watch is over: what is sent is so little that it was taken at once."""
        self._present.until_ready(descriptor, for_write=False)
        return False

    def deliver(self, received: Received, size: int, earliest: Moment) -> bool:
        """Deliver nothing, so that nothing is safe."""
        return False

    def note(self, received: Received) -> None:
        """Do nothing: what would matter is raised by the conversation."""


def _converse(
    connection: tls.Connection,
    credentials: pkcs12.Credentials,
    family: Family | None,
    deadline: tcp.Deadline,
    report: _Report,
    clock: Clock,
) -> None:
    watch = _Watch(deadline)
    session = Session(_NothingAsked() if family is None else family, clock.monotonic())
    conversation = Conversation(session, connection, watch, clock)
    _listen(conversation, watch, lambda: tls.closed_before_any_message(credentials, connection))
    report.done("accept", "the server keeps the connection open: it knows this client")
    if family is not None:
        conversation.ask()
        _listen(conversation, watch, _request_refused)
        report.done("request", "the server did not object to the request")
    conversation.say_goodbye(GOODBYE)


def _listen(conversation: Conversation, watch: _Watch, closed: Callable[[], Problem]) -> None:
    """Listen until the watch is over. Raises Problem when the server ends the conversation: `closed`, if by a close."""
    watch.begin()
    try:
        conversation.listen(watch.is_over)
    except PeerReset:
        raise
    except PeerClosed:
        raise closed() from None


def _request_refused() -> Problem:
    return Problem(
        "request_refused",
        "The server closed the connection when it had the request, without saying why. Choose other field sets "
        'and fields, or another request style ("auto" tries both).',
    )


def _wait(descriptor: int, for_write: bool, seconds: float | None) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_WRITE if for_write else selectors.EVENT_READ)
        return bool(selector.select(seconds))
