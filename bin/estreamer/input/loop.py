"""The loop of one input: connect, feed the session, deliver, acknowledge, fail over, back off, stop."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from ..bookmark.bookmark import Bookmark
from ..bookmark.duplicates import DuplicateFilter
from ..bookmark.journal import Moment
from ..bookmark.lock import patiently
from ..clock import Clock
from ..connection import pkcs12, tls
from ..connection.waiting import Waiting
from ..errors import Problem, Stop
from ..events.records import FullyQualifiedRecords
from ..outputs.output import Destination, ReceiverGone
from ..protocol import fully_qualified, wire
from ..protocol.fully_qualified import FullyQualified
from ..protocol.session import OTHER_TYPES, Event, Session
from ..settings import Account, InputSettings
from .delivery import Delivery
from .logs import CalmLog, Log, SharedLog
from .recording import what_was_before
from .status import Reporter
from .surroundings import Surroundings

RECEIVE_SIZE = 256 * 1024
"""Bytes taken at once from a busy link: about 150 events, which share the cost of a write and a bookmark record."""

CONNECT_TIMEOUT = 30.0
"""Seconds for name resolution, connection and TLS handshake together."""

READS_ON_THEIR_WAY = 256
"""Reads whose bytes may have waited in the buffers of both systems: 64 MiB, more than systems grant by default."""

MOST_UNSENT = 64 * 1024
"""Bytes that may wait to be sent. A server that does not read its acknowledgements is owed them: they are counted, and
do not pile up."""

NO_EVENT_HINT_AFTER = 600.0
"""Seconds of a connection without any event after which the log asks whether the type is ticked."""

SERVED_AFTER = 60.0
"""Seconds after which a connection counts as one that worked, even if no event came."""

STEADY_EVENTS = 100
"""So many events, or `SERVED_AFTER`, make a connection one after which the next attempt may be made at once: a server
that ends each connection after an event is not asked every second for ever."""

BACKOFF_FIRST, BACKOFF_LAST = 1.0, 60.0
"""Seconds before the first retry, and the most before any."""

LOCK_PATIENCE = 5.0
"""Seconds to wait for the previous process of the same input to end, before giving up."""


class Backoff:
    """How long to wait before the next attempt: doubling from 1 to 60 seconds, jittered down to half of that."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after one more failure."""
        longest: float = min(BACKOFF_LAST, BACKOFF_FIRST * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return longest * (0.5 + self._jitter() / 2)

    def reset(self) -> None:
        """Begin again at the shortest wait."""
        self._failures = 0


def run(
    settings: InputSettings,
    accounts: Callable[[str], Account],
    log: SharedLog,
    checkpoint_dir: str,
    stanza: str,
    destination: Destination,
    surroundings: Surroundings | None = None,
) -> int:
    """Run an input until it is told to stop; return the exit code of the process.

    `accounts` reads an account by name and is called for every attempt to connect, so that a renewed certificate needs
    no restart. `stanza` is `estreamer_fqe://<name>`. What lies outside is the real world unless it is given.
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
            reporter = Reporter(calm, checkpoint_dir, stanza, around.clock, around.files)
            output = destination.open(what_was_before(bookmark), around.clock.monotonic())
            delivery = Delivery(settings, reporter, bookmark, output, waiting, FullyQualifiedRecords(), around.clock)
            return Stream(settings, accounts, reporter, bookmark, stanza, delivery, waiting, destination, around).run()
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


class Stream:
    """One run of an input. Times are monotonic seconds, but for those of events and bookmark."""

    def __init__(
        self,
        settings: InputSettings,
        accounts: Callable[[str], Account],
        log: Log,
        bookmark: Bookmark,
        stanza: str,
        delivery: Delivery,
        waiting: Waiting,
        destination: Destination,
        around: Surroundings,
    ) -> None:
        self._around = around
        self._clock = around.clock
        self._settings = settings
        self._destination = destination
        self._accounts = accounts
        self._log = log
        self._bookmark = bookmark
        self._stanza = stanza
        self._delivery = delivery
        self._waiting = waiting
        self._document = fully_qualified.document(settings.fields)
        self._backoff = Backoff(around.jitter)
        self._styles: dict[str, str] = {}

    def run(self) -> int:
        """Run until told to stop; return the exit code."""
        self._report_start()
        planned = False
        try:
            self._connect_forever()
        except Stop as stop:
            self._log.info("stopped", reason=str(stop))
            planned = not (self._waiting.parent_is_gone or self._delivery.receiver_is_gone())
            if not planned:
                self._delivery.forget_receiver()
        except ReceiverGone as gone:
            who = self._delivery.receiver
            self._log.warning("reader_gone", problem=f"{gone}. What {who} had not settled is delivered again.")
            self._delivery.forget_receiver()
        except Problem as problem:
            self._log.error("input_cannot_run", code=problem.code, problem=problem.text)
            return 1
        finally:
            self._delivery.close(planned=planned)
        return 0

    def _connect_forever(self) -> None:
        """Serve one account: stay with it as long as it works, change to the other when it does not."""
        names = [name for name in (self._settings.account, self._settings.failover_account) if name]
        state = self._bookmark.state
        current = names.index(state.account) if state is not None and state.account in names else 0
        failures = 0
        while True:
            served, steady, problem = self._attempt(names[current])
            if steady:
                self._backoff.reset()
            if served:
                failures = 0
            else:
                failures += 1
                current = (current + 1) % len(names)
            self._delivery.figures.count_reconnect()
            # After a failure the other account is tried at once; after both have failed it is time to wait.
            wait = 0.0 if failures % len(names) else self._backoff.next()
            self._log.warning(
                "disconnected" if served else "connection_failed",
                code=problem.code,
                problem=problem.text,
                retry_in=round(wait, 1),
                retry_account=names[current],
            )
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

    def _attempt(self, name: str) -> tuple[bool, bool, Problem]:
        """Connect to an account and serve it to the end; return whether that worked, and well, and what ended it."""
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
            return False, False, problem
        self._delivery.standing.use_server_certificate(connection.peer.end.not_after)
        try:
            session, end = self._serve(account, credentials, connection)
        except Problem as problem:
            # The disk takes no bookmark for this account: without one there is nothing to be asked for.
            return False, False, problem
        finally:
            self._delivery.standing.disconnected()
            connection.close()
        lasted = self._clock.monotonic() - begun >= SERVED_AFTER
        return session.data_received or lasted, lasted or session.counts.events >= STEADY_EVENTS, end

    def _connect(self, account: Account, credentials: pkcs12.Credentials) -> tls.Connection:
        self._log.info("connecting", account=account.name, host=account.host, port=account.port)
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
        style = self._style(account.name)
        before = self._bookmark.state
        session, duplicates = self._open_session(account.name, style)
        self._delivery.use_host(account.host)
        self._delivery.standing.connected(self._clock.wall())
        self._report_connected(account, connection, style)
        if before is not None:
            self._report_failover(before.account, account)
        conversation = _Conversation(
            self._delivery, session, connection, duplicates, self._waiting, self._log, self._clock
        )
        try:
            problem = conversation.run(lambda: self._bookmark.remember_style(account.name, style))
        except (Stop, ReceiverGone) as end:
            _say_goodbye(connection, session, str(end))
            raise
        if problem.code == "tls_closed" and not session.answered:
            problem = tls.closed_before_any_message(credentials, connection)
        elif problem.code != "server_error":
            _say_goodbye(connection, session, problem.text)
        self._choose_style(account.name, style, session, problem)
        return session, problem

    def _open_session(self, name: str, style: str) -> tuple[Session, DuplicateFilter | None]:
        """Make the session that resumes from the bookmark, and the bookmark if there is none."""
        resume = self._bookmark.resume(name)
        if resume is not None:
            timestamp = begin = resume.timestamp
        else:
            timestamp = begin = self._settings.start_from
            if timestamp == wire.NOW:
                # From here on it is a time: what happens before the next connection must not be lost.
                begin = max(0, int(self._clock.wall()) - self._settings.settle)
        self._bookmark.begin(name, begin, self._destination.receiver(), self._stanza)
        if resume is not None and resume.ahead is not None:
            self._report_clock(name, resume.ahead, timestamp)
        session = Session(FullyQualified(self._document, timestamp, style), self._clock.monotonic())
        return session, None if resume is None else resume.duplicates

    def _style(self, name: str) -> str:
        if self._settings.request_style != "auto":
            return self._settings.request_style
        return self._styles.get(name) or self._bookmark.style(name) or "single"

    def _choose_style(self, name: str, style: str, session: Session, problem: Problem) -> None:
        """With style `auto`, try the other style after a request that brought an error, or no answer at all."""
        if self._settings.request_style != "auto" or session.data_received:
            return
        if problem.code == "server_error" or (not session.answered and problem.code != "tls_lost"):
            self._styles[name] = "two-step" if style == "single" else "single"

    def _report_start(self) -> None:
        recovery = self._bookmark.recovery
        for name in recovery.put_aside:
            self._log.error(
                "bookmark_put_aside",
                file=name,
                problem="It cannot be read. The previous one is used, so events may double.",
            )
        for name in recovery.cut:
            self._log.warning("bookmark_cut", file=name, problem="A crash tore off its end. The rest of it is used.")
        if recovery.key_lost is not None:
            self._log.error("bookmark_key_lost", code=recovery.key_lost.code, problem=recovery.key_lost.text)
        if recovery.unsettled:
            self._log.warning(
                "delivered_again",
                events=recovery.unsettled,
                problem="splunkd was restarted. What it may not have settled is delivered again.",
            )
        self._log.info("started", bookmark=self._bookmark.position, event_types=",".join(self._settings.fields))

    def _report_clock(self, name: str, ahead: tuple[int, int], timestamp: int) -> None:
        archival, own = ahead
        self._log.warning(
            "clock_ahead",
            account=name,
            archival_time=archival,
            own_time=own,
            asked_from=timestamp,
            problem=f"The last event before this connection has an archival time {archival - own} seconds ahead of "
            "this machine's clock at that moment. The request goes back to this machine's own time, so that no event "
            "is skipped if the other clock has been corrected. Set both clocks by NTP.",
        )

    def _report_connected(self, account: Account, connection: tls.Connection, style: str) -> None:
        peer = connection.peer
        self._log.info(
            "connected",
            account=account.name,
            host=account.host,
            address=peer.address,
            port=peer.port,
            tls=peer.tls_version,
            cipher=peer.cipher,
            server_fingerprint=peer.fingerprint,
            server_expires=peer.end.not_after,
            request_style=style,
            bookmark=self._bookmark.position,
        )
        if account.legacy_certificates:
            self._log.warning(
                "legacy_certificates",
                account=account.name,
                problem="Weak signatures and key sizes are accepted. Renew the certificates and switch this off.",
            )

    def _report_failover(self, previous: str, account: Account) -> None:
        """Log that the other Management Center of a pair serves; an account that was merely replaced is none of it."""
        if previous != account.name and previous in (self._settings.account, self._settings.failover_account):
            self._log.warning(
                "failover",
                account=account.name,
                host=account.host,
                previous_account=previous,
                problem=f"The Management Center of the account {previous!r} no longer serves: events come from that of "
                f"{account.name!r}. Find out why in the lines before.",
            )


class _Sent:
    """When the bytes that are received can have been sent at the earliest, by this machine's clocks.

    They may have waited in the buffers of both systems for as long as this input did not read. Once nothing waits there
    any more, what follows is sent later.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reads: deque[tuple[float, float]] = deque(maxlen=READS_ON_THEIR_WAY)
        self.nothing_waits()

    def nothing_waits(self) -> None:
        """Note that all bytes were read."""
        self._reads.clear()
        self._reads.append((self._clock.wall(), self._clock.monotonic()))

    def read(self) -> tuple[float, float]:
        """Note that bytes were read; return before when they cannot have been sent (Unix and monotonic seconds)."""
        earliest = self._reads[0]
        self._reads.append((self._clock.wall(), self._clock.monotonic()))
        return earliest


class _Conversation:
    """One session on one connection, until either end ends it."""

    def __init__(
        self,
        delivery: Delivery,
        session: Session,
        connection: tls.Connection,
        duplicates: DuplicateFilter | None,
        waiting: Waiting,
        log: Log,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._delivery = delivery
        self._session = session
        self._connection = connection
        self._duplicates = duplicates
        self._waiting = waiting
        self._log = log
        self._hint_at: float | None = self._clock.monotonic() + NO_EVENT_HINT_AFTER
        self._owed = 0
        self._sent = _Sent(clock)

    def run(self, on_first_event: Callable[[], None]) -> Problem:
        """Converse until the connection ends, and return what ended it. Raises Stop or ReceiverGone."""
        try:
            self._converse(on_first_event)
        except Problem as problem:
            return problem

    def _converse(self, on_first_event: Callable[[], None]) -> NoReturn:
        self._connection.send(self._session.request)
        more = True
        while True:
            self._waiting.check()
            self._keep_house(self._clock.monotonic())
            if not more:
                self._wait()
            data = self._connection.receive(RECEIVE_SIZE)
            more = data is not None
            if data is None:
                self._sent.nothing_waits()
            else:
                first = not self._session.data_received
                self._take(data)
                if first and self._session.data_received:
                    on_first_event()

    def _wait(self) -> None:
        """Wait for the peer, for room to send, or for the next thing that is due."""
        connection = self._connection
        due = min(self._session.deadline, self._delivery.next_due)
        own = connection.fileno()
        sending = (own,) if connection.unsent() else ()
        timeout = max(0.0, due - self._clock.monotonic())
        output = self._delivery.interest()
        _, writable = self._waiting.until((own, *output.readable), (*sending, *output.writable), timeout)
        if own in writable:
            connection.flush()
            self._acknowledge()

    def _take(self, data: bytes) -> None:
        if not data:
            raise tls.closed_later(self._connection)
        wall, monotonic = self._sent.read()
        received = self._session.receive(data, self._clock.monotonic())
        self._delivery.figures.count_received(len(received.events), len(data))
        if received.answers:
            self._connection.send(received.answers)
        if received.events:
            events = self._delivery.stamp(received.events) if received.unstamped else received.events
            self._deliver(events, Moment.of(wall, monotonic))
        if received.acknowledgements:
            self._owed += received.acknowledgements
            self._acknowledge()
        self._delivery.figures.count_oddities(received.gaps, received.unknown)
        if received.gap is not None:
            self._report_gap(received.gap, received.gaps)
        if received.unknown_types:
            self._report_unknown(len(received.unknown_types))
        if received.problem is not None:
            raise received.problem

    def _acknowledge(self) -> None:
        """Send the acknowledgements that are due, as far as the server takes them."""
        while self._owed and self._connection.unsent() < MOST_UNSENT:
            due = min(self._owed, MOST_UNSENT // len(wire.NULL_MESSAGE))
            self._connection.send(self._session.acknowledge(due))
            self._owed -= due

    def _deliver(self, received: list[Event], moment: Moment) -> None:
        self._hint_at = None
        self._delivery.deliver(received, self._duplicates, moment)
        # splunkd may have kept the pipe full for minutes: the peer's silence counts from here.
        self._session.resume_listening(self._clock.monotonic())
        known = self._duplicates
        # While stamps of what is known are ahead of this machine's clock, the server's may be set back: then what is
        # sent again may follow on what is not.
        if known is not None and received[0][0] > known.last_horizon and known.last_horizon < moment.clock:
            self._duplicates = None

    def _report_unknown(self, count: int) -> None:
        types = self._session.counts.unknown_messages
        self._log.warning(
            "unknown_message_type",
            type=",".join("others" if kind == OTHER_TYPES else str(kind) for kind in types),
            times=count,
            problem="Messages of these types are skipped.",
        )

    def _report_gap(self, gap: tuple[int, int], count: int) -> None:
        self._log.warning(
            "bundle_gap",
            expected=gap[0],
            received=gap[1],
            times=count,
            problem="The server left bundles out, or began their numbers again. Compare the event counts of that time.",
        )

    def _keep_house(self, now: float) -> None:
        self._delivery.keep_house(now)
        dead = self._session.check_alive(now)
        if dead is not None:
            raise dead
        if self._hint_at is not None and now >= self._hint_at:
            self._hint_at = None
            self._log.warning(
                "no_event_yet",
                minutes=round(NO_EVENT_HINT_AFTER / 60),
                problem="Connected, but no event was received. Check that these event types are ticked on the FMC "
                "(Integration > eStreamer), and that devices send events.",
            )


def _say_goodbye(connection: tls.Connection, session: Session, reason: str) -> None:
    """Tell the server why, where it can still be told."""
    try:
        connection.send(session.goodbye(reason))
    except Problem:
        return
