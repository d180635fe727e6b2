"""A second reader of a server's bytes: slow, plain, and written from the protocol's description only.

It reads and copies one message after the other, without the session's optimizations. Its outcome for a stream must
equal that of a session, in whatever pieces the session gets the stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LARGEST = 16 * 1024 * 1024
UNSTAMPED = -1


@dataclass
class Outcome:
    """The content of a stream. `rest` is the number of bytes at its end that belong to an incomplete message."""

    events: list[tuple[int, int, bytes]] = field(default_factory=list)
    acknowledgements: int = 0
    gaps: int = 0
    unknown: list[int] = field(default_factory=list)
    problem: str | None = None
    rest: int = 0


class _Incomplete(Exception):
    """The stream ends before the end of a message."""


class _Broken(Exception):
    """The stream has bytes that no server sends; the code names the kind of problem."""


def read(stream: bytes) -> Outcome:
    """Return the content of a stream."""
    outcome = Outcome()
    position = 0
    expected: list[int] = []
    try:
        while True:
            position = _message(stream, position, outcome, expected)
    except _Incomplete as incomplete:
        outcome.rest = len(stream) - int(str(incomplete))
    except _Broken as broken:
        outcome.problem = str(broken)
    return outcome


def _number(stream: bytes, position: int, size: int) -> int:
    return int.from_bytes(stream[position : position + size], "big")


def _header(stream: bytes, position: int) -> tuple[int, int]:
    """Return type and length of the message at that position."""
    if len(stream) < position + 8:
        raise _Incomplete(position)
    version, kind, length = (
        _number(stream, position, 2),
        _number(stream, position + 2, 2),
        _number(stream, position + 4, 4),
    )
    if version not in (0, 1) or length > LARGEST:
        raise _Broken("peer_broke_protocol")
    return kind, length


def _message(stream: bytes, position: int, outcome: Outcome, expected: list[int]) -> int:
    """Read the message at that position, and return where the next one begins."""
    kind, length = _header(stream, position)
    if kind == 4002:
        return _bundle(stream, position, length, outcome, expected)
    after = _simple(stream, position, kind, length, outcome)
    if kind in (3, 4):
        outcome.acknowledgements += 1
    return after


def _bundle(stream: bytes, position: int, length: int, outcome: Outcome, expected: list[int]) -> int:
    if len(stream) < position + 16:
        raise _Incomplete(position)
    if length < 8:
        raise _Broken("peer_broke_protocol")
    sequence = _number(stream, position + 12, 4)
    if expected and expected[-1] != sequence:
        outcome.gaps += 1
    expected[:] = [(sequence + 1) % 2**32]
    end = position + 8 + length
    position += 16
    while position < end:
        kind, inner_length = _header(stream, position)
        if position + 8 + inner_length > end or kind == 4002:
            # A bundle in a bundle is an error only when its own header is complete.
            if position + 8 + inner_length <= end and len(stream) < position + 16:
                raise _Incomplete(position)
            raise _Broken("peer_broke_protocol")
        position = _simple(stream, position, kind, inner_length, outcome)
    outcome.acknowledgements += 1
    return end


def _simple(stream: bytes, position: int, kind: int, length: int, outcome: Outcome) -> int:
    """Read a message that is not a bundle."""
    after = position + 8 + length
    if len(stream) < after:
        raise _Incomplete(position)
    body = stream[position + 8 : after]
    if kind in (3, 4):
        outcome.events.append(_event(body))
    elif kind == 1:
        raise _Broken("server_error")
    elif kind:
        outcome.unknown.append(kind)
    return after


def _event(body: bytes) -> tuple[int, int, bytes]:
    record_type, record_length = _number(body, 2, 2), _number(body, 4, 4)
    if len(body) >= 16 and len(body) - 16 == record_length:
        return _number(body, 8, 4), record_type, body[16:]
    if len(body) >= 8 and len(body) - 8 == record_length:
        return UNSTAMPED, record_type, body[8:]
    raise _Broken("peer_broke_protocol")
