"""Bytes to messages: where a message ends, and which it is. Runs of events are read at one go.

A `Reading` is one pass over a buffer. It knows the layout of messages and asks the table in `states` what each means.
What is kept between two passes (an incomplete message, how much of a bundle is left) `Session` keeps.
"""

from __future__ import annotations

from struct import Struct
from typing import Protocol

from ..errors import Problem
from . import wire
from .family import Family
from .states import TRANSITIONS, Action, Message, State

Event = tuple[int, int, bytes]
"""Archival timestamp (0: none, `UNSTAMPED`: the server sent none), record type, payload. A plain tuple: one is made per
event, millions a minute."""

UNSTAMPED = -1
"""In place of an archival timestamp: the record header was not extended."""

MOST_ERROR_TEXT = 1000
"""Characters that are shown of the text of a server's error, which may have 65,535 bytes."""

_EVENT_HEADERS = Struct(">HHIHHIII")
"""Message header and extended record header at one go: the common case, unpacked by one call."""


class ServerError(Problem):
    """The server ended the session by an error message."""


class ReadingSession(Protocol):
    """What a pass asks of the session whose bytes it reads."""

    family: Family

    def keep_alive(self, now: float) -> None:
        """Note a null message of the server."""

    def bundle_begun(self, sequence: int) -> tuple[int, int] | None:
        """Note a bundle; return (expected, received) when its sequence number is not the expected one."""


class Reading:
    """One pass over a buffer. Offsets are the buffer's; `bundle_end` is -1 outside a bundle.

    `needed` is how many bytes from `position` on the next message has at least.
    """

    def __init__(self, session: ReadingSession, buffer: bytes, state: State, bundle_left: int, now: float) -> None:
        self.state = state
        self.position = 0
        self.needed = wire.HEADER.size
        self.bundle_end = bundle_left
        self.events: list[Event] = []
        self.acknowledgements = 0
        self.problem: Problem | None = None
        self.gaps: list[tuple[int, int]] = []
        self.skipped: list[int] = []
        self.answers: list[bytes] = []
        self.unstamped = False
        self.answered = False
        """Whether a complete message was read."""
        self._session = session
        self._buffer = buffer
        self._now = now

    def run(self) -> None:
        """Read until the buffer holds no complete message any more, or the session ends."""
        while self.state is not State.ENDED:
            self._read_events()
            if self.position == self.bundle_end:
                self._act(Message.BUNDLE_END, 0, b"")
            elif not self._read_other():
                return

    def _read_events(self) -> None:
        """Read event data messages with extended record header until something else, or the end, is met.

        The hot path: everything that is not the common case is left to `_read_other`, which reads it again with care.
        """
        buffer, position, bundle_end = self._buffer, self.position, self.bundle_end
        last = len(buffer) - _EVENT_HEADERS.size
        end = len(buffer) if bundle_end < 0 else min(len(buffer), bundle_end)
        unpack, append = _EVENT_HEADERS.unpack_from, self.events.append
        event_data_types = wire.EVENT_DATA_TYPES
        count = len(self.events)
        while position <= last:
            version, message_type, length, _, record_type, record_length, archival, _ = unpack(buffer, position)
            after = position + 8 + length
            if message_type not in event_data_types or after > end or length != record_length + 16 or version > 1:
                break
            append((archival, record_type, buffer[position + 24 : after]))
            position = after
        if len(self.events) > count:
            # An event says the same in every state in which it is read (see the table), so one look is enough.
            self.state = TRANSITIONS[self.state, Message.EVENT].state
            self.answered = True
            if bundle_end < 0:
                self.acknowledgements += len(self.events) - count
        self.position = position

    def _read_other(self) -> bool:
        """Read one message of any type; return whether reading goes on."""
        available = len(self._buffer) - self.position
        if available < wire.HEADER.size:
            self.needed = wire.HEADER.size
            return False
        version, message_type, length = wire.HEADER.unpack_from(self._buffer, self.position)
        if version not in wire.VERSIONS or length > wire.MAX_MESSAGE_LENGTH:
            return self._broken(f"a message header of version {version}, type {message_type} and length {length}")
        if self.bundle_end >= 0 and self.position + 8 + length > self.bundle_end:
            return self._broken("a message that reaches beyond the end of its bundle")
        wanted = wire.HEADER.size + (wire.BUNDLE_HEADER.size if message_type == wire.BUNDLE else length)
        if available < wanted:
            self.needed = wanted
            return False
        body = self.position + wire.HEADER.size
        self.answered = True
        return self._act(self._message(message_type), message_type, self._buffer[body : self.position + wanted], length)

    def _message(self, message_type: int) -> Message:
        if message_type in wire.EVENT_DATA_TYPES:
            return Message.EVENT
        if message_type in self._session.family.steps:
            return Message.STEP
        return {wire.BUNDLE: Message.BUNDLE, wire.NULL: Message.NULL, wire.ERROR: Message.ERROR}.get(
            message_type, Message.OTHER
        )

    def _act(self, message: Message, message_type: int, body: bytes, length: int = 0) -> bool:
        """Do what the table says of a message in the present state; return whether reading goes on."""
        transition = TRANSITIONS[self.state, message]
        begun, self.position = self.position, self.position + (wire.HEADER.size + len(body) if message.has_bytes else 0)
        self.state = transition.state
        action = transition.action
        if action is Action.DELIVER:
            return self._read_event(body)
        if action is Action.OPEN_BUNDLE:
            return self._open_bundle(begun + wire.HEADER.size, body, length)
        if action is Action.CLOSE_BUNDLE:
            self.bundle_end = -1
            self.acknowledgements += 1
        elif action is Action.ANSWER:
            self._answer(message_type, body)
        elif action is Action.NOTE_KEEP_ALIVE:
            self._session.keep_alive(self._now)
        elif action is Action.END:
            self._server_error(wire.decode_error(body))
        elif action is Action.BREAK_OFF:
            return self._broken("a bundle inside a bundle")
        else:
            self.skipped.append(message_type)
        return self.problem is None

    def _open_bundle(self, begin: int, body: bytes, length: int) -> bool:
        if length < wire.BUNDLE_HEADER.size:
            return self._broken(f"a bundle of {length} bytes")
        _, sequence = wire.BUNDLE_HEADER.unpack(body)
        gap = self._session.bundle_begun(sequence)
        if gap is not None:
            self.gaps.append(gap)
        self.bundle_end = begin + length
        return True

    def _read_event(self, body: bytes) -> bool:
        """Whether the record header is extended is decided by arithmetic: servers were seen to do both [W]."""
        if len(body) < wire.RECORD_HEADER.size:
            return self._broken(f"an event data message of {len(body)} bytes")
        _, record_type, record_length = wire.RECORD_HEADER.unpack_from(body)
        if len(body) == wire.EXTENDED_RECORD_HEADER.size + record_length:
            archival: int = wire.EXTENDED_RECORD_HEADER.unpack_from(body)[3]
            self.events.append((archival, record_type, body[16:]))
        elif len(body) == wire.RECORD_HEADER.size + record_length:
            self.events.append((UNSTAMPED, record_type, body[8:]))
            self.unstamped = True
        else:
            return self._broken(f"a record of {record_length} bytes in a message of {len(body)}")
        if self.bundle_end < 0:
            self.acknowledgements += 1
        return True

    def _answer(self, message_type: int, body: bytes) -> None:
        try:
            self.answers.append(self._session.family.answer(message_type, body))
        except Problem as problem:
            self._end(problem)

    def _server_error(self, error: wire.ErrorMessage) -> None:
        text = error.text if len(error.text) <= MOST_ERROR_TEXT else f"{error.text[:MOST_ERROR_TEXT]}…"
        self._end(
            ServerError("server_error", f"The server ended the session with error {error.code}: {text or '(no text)'}")
        )

    def _broken(self, what: str) -> bool:
        self._end(
            Problem(
                "peer_broke_protocol",
                f"The server sent {what}, which is not an eStreamer message. The connection is made again.",
            )
        )
        return False

    def _end(self, problem: Problem) -> None:
        self.state = State.ENDED
        self.problem = problem
