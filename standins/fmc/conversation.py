"""The dialog of a client and the server on one connection, without a socket and without waiting.

Everything that differs between families of events is here: which messages a client may send (`strict`), the answer to
each, which records follow and their bytes (`delivery`), and which of them the client must acknowledge. The socket and
TLS (`channel`), the pace (`outgoing`), the faults (`misbehaviour`) and the loop (`session`) know no messages.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Callable

from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.delivery import KEEPALIVE, Chunk, Delivery, Source, error_message
from standins.fmc.outgoing import Completed, Leaving, Outgoing
from standins.fmc.record import Connection, Record
from standins.fmc.strict import (
    Acknowledgement,
    Goodbye,
    Inspector,
    Message,
    Nonsense,
    Request,
    asks_for_json,
    requested,
)


class Window:
    """The messages that were sent completely and are not acknowledged yet, and how many more may be sent until then."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._are_bundles: deque[bool] = deque()

    def add(self, completed: Completed) -> None:
        """Add messages that were sent: bare events, and bundles after them."""
        self._are_bundles.extend([False] * completed.bare + [True] * completed.bundles)

    def acknowledge(self) -> bool:
        """Remove the oldest message; return whether there was one."""
        if not self._are_bundles:
            return False
        self._are_bundles.popleft()
        return True

    @property
    def bundle_allowed(self) -> bool:
        """Whether another bundle may be sent."""
        return self._bundles < self._behaviour.window

    @property
    def bare_room(self) -> int | None:
        """How many more bare events may be sent; None for any number."""
        room = self._behaviour.bare_window
        return None if room is None else max(0, room - (len(self._are_bundles) - self._bundles))

    @property
    def _bundles(self) -> int:
        return sum(self._are_bundles) if self._behaviour.style != "bare" else 0


class Conversation:
    """The server's side of the conversation: it reads bytes of the client and returns chunks to send.

    `on_request` is called when a request was understood, before the first event. `connection` holds the figures of the
    connection, and `record` the breaches of the protocol.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        faults: Sequence[Fault],
        archive: Source,
        outgoing: Outgoing,
        connection: Connection,
        record: Record,
        on_request: Callable[[], None],
    ) -> None:
        self._behaviour = behaviour
        self._faults = faults
        self._archive = archive
        self._outgoing = outgoing
        self._connection = connection
        self._record = record
        self._on_request = on_request
        self._inspector = Inspector()
        self._reported = 0
        self._delivery: Delivery | None = None
        self._window = Window(behaviour)
        self._acknowledgements = 0

    # Messages of the client

    def hear(self, data: bytes) -> None:
        """Read bytes of the client, and carry out its requests. Raises Leaving when the server is to end the
        connection."""
        messages = self._inspector.receive(data)
        self._report()
        for message in messages:
            self._understand(message)
        self._count_acknowledgements()

    def overhear(self, data: bytes) -> None:
        """Read bytes that the client sent after the server's last message: only entries of the record follow from
        them."""
        for message in self._inspector.receive(data):
            if isinstance(message, (Acknowledgement, Goodbye)):
                self._understand(message)
        self._count_acknowledgements()
        self._report()

    def end(self, *, orderly: bool) -> None:
        """Check the bytes that are left when the client is gone."""
        self._inspector.end(orderly=orderly)
        self._report()

    def _understand(self, message: Message) -> None:
        if isinstance(message, Acknowledgement):
            self._acknowledged()
        elif isinstance(message, Request):
            self._requested(message)
        elif isinstance(message, Goodbye):
            with self._record.changing():
                self._connection.goodbye = message
        elif isinstance(message, Nonsense):
            raise Leaving("fin", "refused: bytes that are no message")

    def _acknowledged(self) -> None:
        self._acknowledgements += 1
        if self._window.acknowledge():
            return
        self._inspector.violations.append(
            f"sent acknowledgement {self._acknowledgements}, but only "
            f"{self._connection.expected} bundles and bare events were sent completely"
        )
        self._report()

    def _count_acknowledgements(self) -> None:
        with self._record.changing():
            self._connection.acknowledgements = self._acknowledgements

    def _report(self) -> None:
        found = self._inspector.violations[self._reported :]
        if found:
            self._reported += len(found)
            self._record.breached(self._connection.number, found)

    # Answers to a request

    def _requested(self, request: Request) -> None:
        with self._record.changing():
            connection = self._connection
            connection.steps += 1
            connection.timestamp, connection.flags = request.timestamp, request.flags
            connection.document = request.document
        if self._delivery is not None:
            return
        styles = {"single": connection.steps == 1, "two-step": connection.steps == 2}
        if request.document and not styles.get(self._behaviour.requests, True):
            self._refuse("A request for events must follow an event stream request")
        elif not request.document and self._behaviour.requests == "single":
            self._refuse("The request has no configuration block")
        elif request.document:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        wanted = requested(request.document)
        known = self._behaviour.known_fields
        for event_type, names in wanted.items():
            unknown = [name for name in names if known is not None and name not in known]
            if unknown:
                self._say_and_end(2, f"{event_type}: unknown field {unknown[0]}")
                return
        if not asks_for_json(request.document):
            self._say_and_end(3, "This stand-in writes JSON only")
            return
        moment = int(time.time())
        self._delivery = Delivery(self._behaviour, self._faults, self._archive, request.timestamp, wanted, moment)
        self._outgoing.begin()
        self._on_request()

    def _refuse(self, text: str) -> None:
        refusal = self._behaviour.refusal
        if refusal == "error":
            self._say_and_end(1, text)
        elif refusal == "close":
            raise Leaving("close", f"refused: {text}")
        else:
            self._outgoing.mute()

    def _say_and_end(self, code: int, text: str) -> None:
        self._outgoing.say_and_end(error_message(code, text), f"refused: {text}")

    # Delivery

    @property
    def quiet(self) -> float:
        """Seconds without anything else to send after which a keep-alive is due; 0 for never."""
        return 0.0 if self._delivery is None else self._behaviour.keepalive

    @property
    def at_stop(self) -> bool:
        """Whether a fault has its place at this offset of the stream."""
        if self._delivery is None or self._outgoing.replaced:
            return False
        return self._delivery.stops.reached(self._outgoing.sent)

    def take_fault(self) -> Fault | None:
        """Return the fault that has its place at this offset of the stream, each once."""
        return self._delivery.stops.take() if self._delivery is not None and self.at_stop else None

    @property
    def to_stop(self) -> int | None:
        """The number of bytes before the next fault; None for no limit."""
        return None if self._delivery is None else self._delivery.stops.distance(self._outgoing.sent)

    def following(self) -> Chunk | None:
        """Return the next bytes to send, None without any, or while they have to wait for an
        acknowledgment."""
        if self._delivery is None:
            return None
        window = self._window
        chunk = self._delivery.next(bundle_allowed=window.bundle_allowed, bare_room=window.bare_room)
        if chunk is None and self._outgoing.timeout(self.quiet) == 0.0:
            chunk = self._delivery.other(KEEPALIVE)
            with self._record.changing():
                self._connection.keep_alives += 1
        return chunk

    def sent(self, completed: Completed) -> None:
        """Add what was sent completely to the figures."""
        self._window.add(completed)
        with self._record.changing():
            self._connection.bytes_sent = self._outgoing.sent
            self._connection.events += completed.events
            self._connection.expected += completed.bare + completed.bundles
