"""Every message in every state, and the page that shows what it means."""

from __future__ import annotations

import importlib
import struct
import sys
from collections.abc import Iterator
from itertools import product
from types import ModuleType

import pytest
from estreamer.protocol.session import Misuse, Received, Session
from estreamer.protocol.states import TRANSITIONS, Action, Message, State

from standins.fmc.raw_messages import error, event, message
from standins.places import ROOT

STEP = 2051
NEVER = {(State.ASKING, Message.BUNDLE_END), (State.STREAMING, Message.BUNDLE_END)}


class Asking:
    """A family with a step in its asking."""

    steps = frozenset((STEP,))
    patience = None

    def request(self) -> bytes:
        return b"request"

    def answer(self, kind: int, body: bytes) -> bytes:
        return b"answer to " + body


BUNDLE_HEAD = struct.pack(">HHIII", 1, 4002, 8 + 1000, 5, 7)
INTO = {State.ASKING: b"", State.STREAMING: event(b"{}"), State.IN_BUNDLE: BUNDLE_HEAD}
"""What brings a session into a state."""

BYTES = {
    Message.EVENT: event(b"{}", version=0),
    Message.BUNDLE: struct.pack(">HHIII", 0, 4002, 8 + 10, 5, 8),
    Message.BUNDLE_END: event(bytes(1000 - 24), version=0),
    Message.STEP: message(STEP, b"services", version=0),
    Message.NULL: message(0, version=0),
    Message.ERROR: error(3, b"no"),
    Message.OTHER: message(77, b"?", version=0),
}


def brought(state: State) -> Session:
    session = Session(Asking(), 0.0)
    session.receive(INTO[state], 1.0)
    assert session._state is state
    return session


def done(received: Received, session: Session, before: int) -> set[Action]:
    """What was done, as far as it shows from outside."""
    shows = {
        Action.DELIVER: bool(received.events),
        Action.ANSWER: received.answers == b"answer to services",
        Action.SKIP: received.unknown == 1,
        Action.END: received.problem is not None and received.problem.code == "server_error",
        Action.BREAK_OFF: received.problem is not None and received.problem.code == "peer_broke_protocol",
        Action.NOTE_KEEP_ALIVE: session._last_keep_alive == 2.0,
        Action.OPEN_BUNDLE: session._bundle_left >= 0 and before < 0,
        Action.CLOSE_BUNDLE: session._bundle_left < 0 <= before,
    }
    return {action for action, seen in shows.items() if seen}


def test_the_table_has_every_pair():
    assert set(TRANSITIONS) == set(product(State, Message)) - NEVER


@pytest.mark.parametrize(("state", "read"), sorted(set(product(INTO, Message)) - NEVER, key=str), ids=str)
def test_a_message_means_in_a_state_what_the_table_says(state: State, read: Message):
    session = brought(state)
    left = session._bundle_left
    received = session.receive(BYTES[read], 2.0)
    action, after = TRANSITIONS[state, read]
    assert session._state is after
    wanted = {action} | ({Action.DELIVER} if read is Message.BUNDLE_END else set())
    # A bundle that breaks off is not closed.
    assert done(received, session, left) - ({Action.CLOSE_BUNDLE} if after is State.ENDED else set()) == wanted


@pytest.mark.parametrize("read", [one for one in Message if one is not Message.BUNDLE_END], ids=str)
def test_nothing_is_read_after_the_end(read: Message):
    session = brought(State.STREAMING)
    session.goodbye("The input stops.")
    assert TRANSITIONS[State.ENDED, read] == (Action.REFUSE, State.ENDED)
    with pytest.raises(Misuse):
        session.receive(BYTES[read], 2.0)


def test_each_state_message_and_action_has_a_sentence_of_its_own():
    for kind in (State, Message, Action):
        assert len({member.value for member in kind}) == len(kind)
    assert len(TRANSITIONS) == len(State) * len(Message) - len(NEVER)
    assert {transition.action for transition in TRANSITIONS.values()} == set(Action)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    yield importlib.import_module("protocol_table")
    sys.modules.pop("protocol_table", None)


def test_the_page_shows_the_table(tool: ModuleType):
    page = tool.PAGE.read_text(encoding="utf-8")
    assert tool.written(page) == page, "run: tools/python.sh tools/protocol_table.py"
