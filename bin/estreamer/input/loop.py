"""The loop of one input: connect to an account, converse until the connection ends, wait, connect again, stop."""

from __future__ import annotations

from typing import Callable

from ..bookmark.bookmark import Bookmark
from ..bookmark.lock import patiently
from ..connection import pkcs12, tls
from ..connection.problems import PeerClosed
from ..connection.waiting import Waiting
from ..errors import Problem, Stop
from ..outputs.output import Destination, ReceiverGone
from ..protocol.family import Subscription
from ..protocol.session import ServerError, Session
from ..settings import Account, InputSettings
from . import subscriptions
from .conversation import Conversation
from .delivery import Delivery
from .logs import CalmLog, Log, SharedLog
from .reception import Reception
from .recording import what_was_before
from .reports import Reports
from .request_styles import RequestStyles
from .resuming import Resuming
from .rotation import Backoff, Outcome, Rotation
from .status import StatusFile
from .surroundings import Surroundings

CONNECT_TIMEOUT = 30.0
"""Seconds for name resolution, connection and TLS handshake together."""

LOCK_PATIENCE = 5.0
"""Seconds to wait for the previous process of the same input to end, before giving up."""

Accounts = Callable[[str], Account]
"""Reads an account by its name. Raises Problem."""

Subscribe = Callable[[str, InputSettings], Subscription]
"""Says what an input subscribes to, by its stanza and its settings. Raises Problem."""


def run(
    settings: InputSettings,
    accounts: Accounts,
    log: SharedLog,
    checkpoint_dir: str,
    stanza: str,
    destination: Destination,
    surroundings: Surroundings | None = None,
    subscribe: Subscribe = subscriptions.of_input,
) -> int:
    """Run an input until a request to stop; return the exit code of the process.

    `accounts` is called for every attempt to connect, so that a renewed certificate needs no restart. `stanza` is
    `<scheme>://<name>`, and `subscribe` says which events that means. What lies outside is the real world unless it is
    given.
    """
    around = surroundings or Surroundings()
    calm = CalmLog(log, around.clock)
    with around.waiting(around.clock) as waiting:
        try:
            bookmark = _open_bookmark(waiting, checkpoint_dir, stanza, settings.settle, destination, around)
        except Stop as stop:
            log.info("stopped", reason=str(stop))
            return 0
        except Problem as problem:
            log.error("input_cannot_run", code=problem.code, problem=problem.text)
            return 1
        try:
            stream = _stream(
                settings, accounts, calm, checkpoint_dir, stanza, destination, subscribe, bookmark, waiting, around
            )
            return stream.run()
        except Problem as problem:
            log.error("input_cannot_run", code=problem.code, problem=problem.text)
            return 1
        finally:
            bookmark.close()
            calm.flush()


def _open_bookmark(
    waiting: Waiting, checkpoint_dir: str, stanza: str, settle: int, destination: Destination, around: Surroundings
) -> Bookmark:
    """Open the bookmark; the previous process of the same input may still be ending. Raises Problem and Stop."""

    def attempt() -> Bookmark:
        reader = destination.receiver()
        return Bookmark.open(
            checkpoint_dir, stanza, reader=reader, settle=settle, clock=around.clock, files=around.files
        )

    return patiently(attempt, LOCK_PATIENCE, waiting.pause, around.clock)


def _stream(
    settings: InputSettings,
    accounts: Accounts,
    log: Log,
    checkpoint_dir: str,
    stanza: str,
    destination: Destination,
    subscribe: Subscribe,
    bookmark: Bookmark,
    waiting: Waiting,
    around: Surroundings,
) -> Stream:
    """Put the parts of an input together. Raises Problem where its settings or its output cannot be used."""
    clock = around.clock
    subscription = subscribe(stanza, settings)
    status = StatusFile(checkpoint_dir, stanza, clock, around.files)
    output = destination.open(what_was_before(bookmark), clock.monotonic())
    delivery = Delivery(settings, log, status, bookmark, output, waiting, subscription.records, clock)
    resuming = Resuming(settings, bookmark, destination, stanza, clock)
    return Stream(settings, accounts, subscription, bookmark, resuming, delivery, log, status, waiting, around)


class Stream:
    """One run of an input: one connection after the other. Times are monotonic seconds."""

    def __init__(
        self,
        settings: InputSettings,
        accounts: Accounts,
        subscription: Subscription,
        bookmark: Bookmark,
        resuming: Resuming,
        delivery: Delivery,
        log: Log,
        status: StatusFile,
        waiting: Waiting,
        around: Surroundings,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._subscription = subscription
        self._bookmark = bookmark
        self._resuming = resuming
        self._delivery = delivery
        self._reports = Reports(log, settings, bookmark)
        self._status = status
        self._waiting = waiting
        self._around = around
        self._clock = around.clock
        self._styles = RequestStyles(settings.request_style, subscription.styles, bookmark)

    def run(self) -> int:
        """Run until a request to stop; return the exit code."""
        self._reports.started()
        self._status.started()
        planned = False
        try:
            self._connect_forever()
        except Stop as stop:
            self._reports.stopped(str(stop))
            self._status.stopped()
            planned = not (self._waiting.parent_is_gone or self._delivery.receiver_is_gone())
            if not planned:
                self._delivery.forget_receiver()
        except ReceiverGone as gone:
            why = f"{gone}. What {self._delivery.receiver} had not settled is delivered again."
            self._reports.reader_gone(why)
            self._status.stopped(why)
            self._delivery.forget_receiver()
        except Problem as problem:
            self._reports.cannot_run(problem)
            self._status.failed(problem)
            return 1
        finally:
            self._delivery.close(planned=planned)
        return 0

    def _connect_forever(self) -> None:
        """Serve one account: stay with it as long as it works, change to the other when it does not."""
        names = [name for name in (self._settings.account, self._settings.failover_account) if name]
        state = self._bookmark.state
        rotation = Rotation(names, None if state is None else state.account, Backoff(self._around.jitter))
        while True:
            outcome = self._attempt(rotation.account)
            self._delivery.figures.count_reconnect()
            wait = rotation.move_on(outcome)
            retry_in = round(wait, 1)
            self._reports.ended(outcome, retry_in, rotation.account)
            self._status.waiting(outcome.problem, retry_in)
            self._rest(wait)

    def _rest(self, seconds: float) -> None:
        """Wait before the next attempt; what splunkd has goes on settling meanwhile."""
        end = self._clock.monotonic() + seconds
        while True:
            now = self._clock.monotonic()
            self._delivery.keep_house(now)
            if now >= end:
                return
            self._waiting.pause(min(1.0, end - now))

    def _attempt(self, name: str) -> Outcome:
        """Connect to an account and serve it to the end."""
        self._delivery.standing.use_account(name)
        begun = self._clock.monotonic()
        try:
            # splunkd may be slow to answer, or not answer at all while it stops.
            account = self._waiting.call(lambda: self._accounts(name))
            credentials = self._around.credentials(
                account.pkcs12, account.pkcs12_password, self._clock.now(), account.legacy_certificates
            )
            self._delivery.standing.use_client_certificate(credentials.end.not_after)
            connection = self._connect(account, credentials)
        except Problem as problem:
            return Outcome(problem)
        self._delivery.standing.use_server_certificate(connection.peer.end.not_after)
        try:
            session, end = self._serve(account, credentials, connection)
        except Problem as problem:
            # The disk takes no bookmark for this account: without one there is nothing to be asked for.
            return Outcome(problem)
        finally:
            self._delivery.standing.disconnected()
            connection.close()
        return Outcome.of_connection(end, self._clock.monotonic() - begun, session.counts.events)

    def _connect(self, account: Account, credentials: pkcs12.Credentials) -> tls.Connection:
        self._reports.connecting(account)
        self._status.connecting(account.name, account.host)
        return self._around.connect(
            account.host,
            account.port,
            credentials,
            fingerprint=account.fingerprint,
            legacy=account.legacy_certificates,
            timeout=CONNECT_TIMEOUT,
            wait=self._waiting.wait,
            clock=self._clock,
        )

    def _serve(
        self, account: Account, credentials: pkcs12.Credentials, connection: tls.Connection
    ) -> tuple[Session, Problem]:
        """Converse until the connection ends; return the session and what ended it."""
        style = self._styles.of(account.name)
        session, conversation = self._begin(account, connection, style)
        try:
            problem = conversation.run()
        except (Stop, ReceiverGone) as end:
            conversation.say_goodbye(str(end))
            raise
        if isinstance(problem, PeerClosed) and not session.answered:
            problem = tls.closed_before_any_message(credentials, connection)
        elif not isinstance(problem, ServerError):
            conversation.say_goodbye(problem.text)
        self._styles.ended(account.name, style, session, problem)
        return session, problem

    def _begin(self, account: Account, connection: tls.Connection, style: str) -> tuple[Session, Conversation]:
        """Return the conversation that resumes from the bookmark, and report it. Raises Problem of the bookmark."""
        before = self._bookmark.state
        start = self._resuming.start(account.name)
        if start.ahead is not None:
            self._reports.clock_ahead(account.name, start.ahead, start.timestamp)
        session = Session(self._subscription.ask(start.timestamp, style), self._clock.monotonic())
        self._delivery.use_host(account.host)
        self._delivery.standing.connected(self._clock.wall())
        self._reports.connected(account, connection.peer, style)
        self._status.connected(account.name, account.host)
        self._reports.failover(None if before is None else before.account, account)
        reception = Reception(
            self._delivery,
            start.duplicates,
            lambda: self._styles.worked(account.name, style),
            self._reports,
            self._waiting,
            self._clock,
        )
        return session, Conversation(session, connection, reception, self._clock)
