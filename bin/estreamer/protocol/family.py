"""What a family of events promises: how it is asked for, and what its records hold.

A Management Center sends two families over the same messages: fully-qualified events, asked for by one request with a
document, and the classic binary records, asked for in a dialogue. `Session` knows the messages, a `Family` the asking,
and `Records` what lies in a record: see docs/protocol.md. A `Subscription` is what an input needs of a family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, NamedTuple, Protocol

Description = tuple[str, bytes, int]
"""What a record says of itself: its event type, its time in epoch seconds as text, and its shape. The shape 0 is that
of a payload which is delivered as it is; what other numbers mean is the family's own."""

AS_IT_IS = 0


class Text(NamedTuple):
    """What is delivered of a record: the text, what was wrong with the payload, and whether an event type was added."""

    text: bytes
    problems: tuple[str, ...] = ()
    event_type_added: bool = False


class Family(Protocol):
    """How a family of events is asked for."""

    @property
    def steps(self) -> frozenset[int]:
        """The types of messages by which the server takes part in the asking."""

    @property
    def patience(self) -> float | None:
        """Seconds after the request within which the server's next part in the asking is due; None without a limit.

        Keep-alives do not count: a server that only shows that it lives has not understood the request.
        """

    def request(self) -> bytes:
        """Return the bytes that open the conversation."""

    def answer(self, message_type: int, body: bytes) -> bytes:
        """Return what is sent to a message of one of `steps`. Raises Problem where the server offers nothing usable."""


class Records(Protocol):
    """What lies in the records of a family."""

    def describe(self, payloads: Sequence[bytes], record_types: Sequence[int]) -> Sequence[Description]:
        """Return what records say of themselves. The hot path: called for a batch."""

    def identity(self, payload: bytes, event_type: str) -> bytes | None:
        """Return what identifies an event whichever Management Center sent it, None where nothing does."""

    def second(self, payload: bytes, record_type: int) -> int:
        """Return the event's own time in Unix seconds, 0 where it has none; the same whenever it is sent again."""

    def text(self, payload: bytes, record_type: int, shape: int) -> Text:
        """Return what is delivered of a record whose shape is not `AS_IT_IS`."""


@dataclass(frozen=True)
class Subscription:
    """What an input asks for, connection by connection, and what reads the records that it is sent.

    `ask` returns the family for one connection, given the initial timestamp (Unix seconds, `wire.OLDEST` or `wire.NOW`)
    and the style of the request. `styles` are those that there are, of which the first is tried first.
    """

    ask: Callable[[int, str], Family]
    records: Records
    styles: tuple[str, ...]
