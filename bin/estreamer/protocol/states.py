"""The states of a conversation, and what each message means in each of them: the one table that decides.

docs/protocol.md shows the table; `tools/protocol_table.py` writes it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class State(Enum):
    """Where a conversation stands."""

    ASKING = "The request was made. The server has sent no event yet."
    STREAMING = "The server sends events. No bundle is open."
    IN_BUNDLE = "The server sends the events of a bundle, whose end has not been read yet."
    ENDED = "Nothing more is read: the server reported an error or broke the protocol, or the client said goodbye."


class Message(Enum):
    """What can be read. `has_bytes` says whether it is a message of its own, and not a place between two."""

    EVENT = "event data"
    BUNDLE = "the head of a bundle"
    BUNDLE_END = "the end of the open bundle"
    STEP = "a message of the family's asking"
    NULL = "a null message"
    ERROR = "an error message"
    OTHER = "a message of any other type"

    @property
    def has_bytes(self) -> bool:
        """Whether bytes were read for it."""
        return self is not Message.BUNDLE_END


class Action(Enum):
    """What is done with a message."""

    DELIVER = "hand the event on; outside of a bundle, owe an acknowledgement"
    OPEN_BUNDLE = "check the sequence number; read the events up to the end of the bundle"
    CLOSE_BUNDLE = "owe an acknowledgement"
    ANSWER = "send what the family answers"
    NOTE_KEEP_ALIVE = "learn how often the server shows that it lives"
    SKIP = "count it and go on"
    END = "report the server's error"
    BREAK_OFF = "report that the server broke the protocol"
    REFUSE = "a mistake of the caller: raise Misuse"


class Transition(NamedTuple):
    """What is done with a message, and the state that follows."""

    action: Action
    state: State


def _reading(state: State, streaming: State) -> dict[tuple[State, Message], Transition]:
    """Return what holds in each state in which messages are read; `streaming` follows an event."""
    return {
        (state, Message.EVENT): Transition(Action.DELIVER, streaming),
        (state, Message.BUNDLE): Transition(Action.OPEN_BUNDLE, State.IN_BUNDLE),
        (state, Message.STEP): Transition(Action.SKIP, state),
        (state, Message.NULL): Transition(Action.NOTE_KEEP_ALIVE, state),
        (state, Message.ERROR): Transition(Action.END, State.ENDED),
        (state, Message.OTHER): Transition(Action.SKIP, state),
    }


TRANSITIONS: Mapping[tuple[State, Message], Transition] = {
    **_reading(State.ASKING, State.STREAMING),
    (State.ASKING, Message.STEP): Transition(Action.ANSWER, State.ASKING),
    **_reading(State.STREAMING, State.STREAMING),
    **_reading(State.IN_BUNDLE, State.IN_BUNDLE),
    (State.IN_BUNDLE, Message.BUNDLE): Transition(Action.BREAK_OFF, State.ENDED),
    (State.IN_BUNDLE, Message.BUNDLE_END): Transition(Action.CLOSE_BUNDLE, State.STREAMING),
    **{(State.ENDED, message): Transition(Action.REFUSE, State.ENDED) for message in Message},
}
"""Every pair of state and message but two: the end of a bundle is met only where one is open."""
