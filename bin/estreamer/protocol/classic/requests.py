"""Asks for the classic stream: the flags, the list of versions, and the dialogue of an extended request.

The dialogue: the client requests with bit 30 set, the server answers with streaming information (2051), the client
sends a streaming request (2049) and one null message, and bundles follow. A plain request leaves bit 30 out, for
servers that know no extended requests: what can be had is in the flags alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from ...errors import Problem
from .. import wire
from . import versions

STREAMING_INFORMATION = 2051
STREAMING_REQUEST = 2049
SERVICE = 6667
"""The service that is eStreamer, among those that a server offers."""

ENTRY_SIZE = 16
MOST_ENTRIES = 256
"""Entries of the streaming information that are looked at; servers were seen to send three [W]."""

PATIENCE = 60.0
"""Seconds within which a server has to answer an extended request with streaming information."""

_ENTRY = struct.Struct(">IIII")
"""Service id, length of the entry, flags, initial timestamp."""
_PAIR = struct.Struct(">HH")
_SERVICE = struct.Struct(">I")


class Classic:
    """The family of classic records, for one connection.

    `event_types` are those that are wanted, of `versions.EVENT_TYPES`; `timestamp` is the initial timestamp (Unix
    seconds, `wire.OLDEST` or `wire.NOW`); `style` is one of `versions.STYLES`, or a list of versions as a user gives
    it. Raises Problem `event_types_empty`, `event_type_unknown` or `request_versions_invalid`.

    `offered` says whether the server named the service in its streaming information, None before that. It is asked for
    events in any case, since the layout of this message is known from one server only.
    """

    def __init__(self, event_types: Iterable[str], timestamp: int, style: str = versions.NEWEST) -> None:
        wanted = tuple(event_types)
        self._timestamp = timestamp
        self._plain = style == versions.PLAIN
        self._versions = wanted_versions(wanted, style)
        self.flags = flags_of(wanted, style)
        self.offered: bool | None = None

    @property
    def steps(self) -> frozenset[int]:
        """The one message by which a server takes part in an extended request; none for a plain request."""
        return frozenset() if self._plain else frozenset((STREAMING_INFORMATION,))

    @property
    def patience(self) -> float | None:
        """Seconds within which the streaming information is due; None once it is there, or where none is."""
        return None if self._plain or self.offered is not None else PATIENCE

    def request(self) -> bytes:
        """Return the request that opens the conversation."""
        return wire.encode_event_stream_request(self._timestamp, self.flags)

    def answer(self, message_type: int, body: bytes) -> bytes:
        """Return the streaming request and a null message to the first streaming information, nothing to another."""
        if self._plain or self.offered is not None:
            return b""
        self.offered = offers_service(body)
        return self._streaming_request() + wire.NULL_MESSAGE

    def _streaming_request(self) -> bytes:
        # The length counts the complete entry, as a real server took it [W]: a guide counts otherwise.
        pairs = b"".join(_PAIR.pack(version, code) for code, version in self._versions) + _PAIR.pack(0, 0)
        entry = _ENTRY.pack(SERVICE, _ENTRY.size + len(pairs), self.flags, self._timestamp) + pairs
        return wire.HEADER.pack(1, STREAMING_REQUEST, len(entry)) + entry


def offers_service(body: bytes) -> bool:
    """Return whether streaming information names the service at a multiple of 16 bytes, at `MOST_ENTRIES` of them.

    The lengths of its entries are not used: a real server says 8 where 16 bytes are [W].
    """
    last = min(len(body), MOST_ENTRIES * ENTRY_SIZE) - _SERVICE.size
    return any(_SERVICE.unpack_from(body, at)[0] == SERVICE for at in range(0, last + 1, ENTRY_SIZE))


def flags_of(event_types: Iterable[str], style: str = versions.NEWEST) -> int:
    """Return the flags of a request for these event types. Raises Problem as `Classic` does."""
    always = versions.METADATA_4.bits | versions.ARCHIVAL_TIMES.bits
    plain = style == versions.PLAIN
    flags = always if plain else always | versions.EXTENDED_REQUEST.bits
    for event_type in _checked(event_types):
        its = versions.EVENT_TYPES[event_type]
        flags |= its.plain_flags if plain else its.flags
    return flags


def wanted_versions(event_types: Iterable[str], style: str = versions.NEWEST) -> tuple[tuple[int, int], ...]:
    """Return the event codes of a streaming request with their versions, by code; none for a plain request.

    Metadata are always asked for, and so is each code in a user's list that is not known. Raises Problem as `Classic`.
    """
    codes = {code for event_type in _checked(event_types) for code in versions.EVENT_TYPES[event_type].codes}
    given = versions.versions_of(style)
    if style == versions.PLAIN:
        return ()
    known = {kind.code for kind in versions.KINDS}
    codes |= {versions.METADATA} | (set(given) - known)
    return tuple((code, given[code]) for code in sorted(codes))


def not_to_be_had(event_types: Iterable[str], style: str) -> tuple[str, ...]:
    """Return which event types a request in this style cannot ask for. Raises Problem as `Classic` does."""
    wanted = tuple(_checked(event_types))
    if style != versions.PLAIN:
        return ()
    return tuple(one for one in wanted if not versions.EVENT_TYPES[one].plain_flags)


def _checked(event_types: Iterable[str]) -> Iterator[str]:
    wanted = tuple(event_types)
    if not wanted:
        raise Problem("event_types_empty", "No event type is chosen: choose at least one.")
    for event_type in wanted:
        if event_type not in versions.EVENT_TYPES:
            raise Problem(
                "event_type_unknown",
                f"{event_type!r} cannot be had as classic event. Choose among {', '.join(versions.EVENT_TYPES)}.",
            )
        yield event_type
