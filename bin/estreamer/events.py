"""A payload: its kind, its time, its identity, and its shape when it is not what it should be.

Works on bytes and looks only for what is needed: a full JSON parse costs more than everything else that happens to an
event. The patterns below cannot be fooled by text inside a JSON string: they start at a brace or a comma, and a quote
that follows one of these inside a string is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

CONNECTION = "ConnectionEvent"
INTRUSION = "IntrusionEvent"
PACKET = "IntrusionPacket"
FILE = "FileEvent"
UNKNOWN = ""
"""The kind of an event that says nothing about itself."""

KIND_OF_RECORD_TYPE = {71: CONNECTION, 400: INTRUSION, 2: PACKET, 500: FILE, 502: FILE}
"""Used where a payload has no EventType, as two early answers of a real server had none [W]. 71 and 502 were seen [W],
the others are the classic protocol's."""

MAX_LENGTH = 512 * 1024
"""Bytes of a payload that are delivered; a longer one is cut and marked. A packet of 64 KiB in hex has 128 KiB.
`TRUNCATE` in props.conf is larger, with room for the escapes of a marked event."""

PROBLEM_KEY = "estreamer_problem"
"""The key that marks a payload that could not be delivered as it came."""

_PADDING = b"\0\r\n\t "
_BEGINS = re.compile(rb'\{\s*"EventType"\s*:\s*"(\w{1,64})"')
_EVENT_TYPE = re.compile(rb'[{,]\s*"EventType"\s*:\s*"(\w{1,64})"')
_WRAPPER = re.compile(rb'\s*\{\s*"(\w{1,64})"\s*:\s*\{')
_SECONDS = {
    name: re.compile(rb'[{,]\s*"' + name.encode() + rb'"\s*:\s*"?(\d{1,10})(?!\d)')
    for name in ("FirstPacketSecond", "EventSecond", "PacketSecond")
}
_MICROSECONDS = {
    name: re.compile(rb'[{,]\s*"' + name.encode() + rb'"\s*:\s*"?(\d{1,6})(?!\d)')
    for name in ("EventMicrosecond", "PacketMicrosecond")
}
_TIME_FIELDS: dict[str, tuple[tuple[str, str | None], ...]] = {
    CONNECTION: (("FirstPacketSecond", None),),
    INTRUSION: (("EventSecond", "EventMicrosecond"),),
    FILE: (("EventSecond", None),),
    PACKET: (("PacketSecond", "PacketMicrosecond"), ("EventSecond", "EventMicrosecond")),
}
"""Which fields hold the time of an event, by kind; the same table as the one of props.conf."""


Description = tuple[str, bytes, bool]
"""What an event says of itself: its kind (`UNKNOWN` if it does not say), its time in epoch seconds as text (empty if it
has none), and whether it is sound: whether it looks like the JSON object that it should be, by a look at its ends only.
Whether the text between them is JSON is Splunk's to find out: parsing costs more than the rest of an event's way. A
plain tuple, since one is made per event."""

_USUAL_CONNECTION = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":'
_USUAL_SECOND = slice(len(_USUAL_CONNECTION), len(_USUAL_CONNECTION) + 10)
_USUAL_BEGINNING = _USUAL_SECOND.stop + 1
"""How the connection events of a real server begin [W], where their time is, and the length of all that. They are
nearly all that comes, so this shape is read without a pattern; every other one takes the general way and comes to the
same."""

_BEGINNINGS_KEPT = 1024


class Describer:
    """Describes events, and remembers how connection events begin: those of one second begin alike."""

    def __init__(self) -> None:
        self._known: dict[bytes, Description] = {}

    def describe(self, payloads: Sequence[bytes], record_types: Sequence[int]) -> list[Description]:
        """Return what events say of themselves, as `describe` does for each. The hot path."""
        known, length = self._known.get, _USUAL_BEGINNING
        if payloads and max(map(len, payloads)) > MAX_LENGTH:
            return list(map(describe, payloads, record_types))
        return [
            (payload.endswith(b"}") and known(payload[:length])) or self._learn(payload, record_type)
            for payload, record_type in zip(payloads, record_types)
        ]

    def _learn(self, payload: bytes, record_type: int) -> Description:
        description = describe(payload, record_type)
        beginning = payload[:_USUAL_BEGINNING]
        if description[2] and _is_usual(beginning):
            if len(self._known) >= _BEGINNINGS_KEPT:
                self._known.clear()
            self._known[beginning] = description
        return description


def describe(payload: bytes, record_type: int) -> Description:
    """Return what an event says of itself, from its payload and, failing that, its record type."""
    if _is_usual(payload[:_USUAL_BEGINNING]):
        return CONNECTION, payload[_USUAL_SECOND], payload[-1:] == b"}" and len(payload) <= MAX_LENGTH
    return _describe_any(payload, record_type)


def _is_usual(beginning: bytes) -> bool:
    return beginning.startswith(_USUAL_CONNECTION) and beginning[_USUAL_SECOND].isdigit() and beginning[-1:] == b","


def _describe_any(payload: bytes, record_type: int) -> Description:
    begins = _BEGINS.match(payload)
    if begins is not None:
        kind = begins[1].decode("ascii", "replace")
        return kind, _time(payload, kind), payload[-1:] == b"}" and len(payload) <= MAX_LENGTH
    named = _EVENT_TYPE.search(payload) or _WRAPPER.match(payload)
    kind = named[1].decode("ascii", "replace") if named else KIND_OF_RECORD_TYPE.get(record_type, UNKNOWN)
    return kind, _time(payload, kind), False


def _time(payload: bytes, kind: str) -> bytes:
    for second_field, microsecond_field in _TIME_FIELDS.get(kind, ()):
        second = _SECONDS[second_field].search(payload)
        if second is None:
            continue
        if microsecond_field is not None:
            microsecond = _MICROSECONDS[microsecond_field].search(payload)
            if microsecond is not None:
                return second[1] + b"." + microsecond[1].rjust(6, b"0")
        return second[1]
    return b""


def mend(payload: bytes) -> tuple[bytes, str | None]:
    """Return what is to be delivered for a payload that is not sound, and what is wrong with it (None: nothing).

    Padding is taken off. A JSON object in another shape than usual goes through untouched. What is not UTF-8 or holds
    characters that XML forbids keeps its fields, with these characters written as escapes, and is marked; what is no
    JSON object, or too long, becomes a JSON object that holds the text, and is marked.
    """
    stripped = payload.strip(_PADDING)
    if len(stripped) > MAX_LENGTH:
        return _wrap(stripped, "too long"), "too long"
    legal = legal_text(stripped)
    if legal is None:
        escaped = _escape_illegal(stripped)
        return (_mark(escaped, "illegal characters") or _wrap(stripped, "not JSON")), "illegal characters"
    if _is_object(legal):
        return stripped, None
    return _wrap(stripped, "not JSON"), "not JSON"


ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def legal_text(payload: bytes) -> str | None:
    """Return the text of a payload, or None when it is not UTF-8 or XML 1.0 forbids one of its characters."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if ILLEGAL_IN_XML.search(text) else text


def _escape_illegal(payload: bytes) -> str:
    """Return the text with JSON escapes for what XML forbids, and for bytes that are no UTF-8 an escaped `\\xNN`."""
    text = payload.decode("utf-8", "surrogateescape")
    return ILLEGAL_IN_XML.sub(_escape_character, text)


def _escape_character(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except RecursionError:
        # Nested beyond what Python parses: Splunk stops extracting long before, and the text is harmless as it is.
        return text.startswith("{") and text.endswith("}")
    except ValueError:
        return False


def _mark(text: str, problem: str) -> bytes | None:
    """Return the JSON object in `text` with a mark as its last key, or None when it is none or is too long."""
    if len(text) > MAX_LENGTH or not _is_object(text):
        return None
    body = text[:-1].rstrip()
    comma = "" if body.endswith("{") else ", "
    return f'{body}{comma}"{PROBLEM_KEY}":"{problem}"}}'.encode()


def _wrap(payload: bytes, problem: str) -> bytes:
    """Return a JSON object that holds a payload as text, cut to the limit, with its kind and time where they show."""
    kind, time, _ = describe(payload[:MAX_LENGTH], 0)
    wrapped: dict[str, Any] = {"EventType": kind} if kind else {}
    if time:
        # Searches find the time under the key that the kind of event has it under.
        wrapped[_TIME_FIELDS[kind][0][0]] = int(time.split(b".")[0])
    wrapped[PROBLEM_KEY] = problem
    wrapped["estreamer_length"] = len(payload)
    wrapped["estreamer_payload"] = _cut(payload)
    return json.dumps(wrapped).encode("ascii")


def _cut(payload: bytes) -> str:
    """Return the text of a payload, cut so that its JSON form fits the limit."""
    text = payload[:MAX_LENGTH].decode("utf-8", "backslashreplace")
    excess = len(json.dumps(text)) - MAX_LENGTH
    while excess > 0:
        # An escape takes up to twelve bytes for a character, so cutting the excess divided by twelve never overshoots.
        text = text[: -max(1, excess // 12)]
        excess = len(json.dumps(text)) - MAX_LENGTH
    return text


_IDENTITY_FIELDS: dict[str, tuple[str, ...]] = {
    CONNECTION: ("LastPacketSecond", "InitiatorPackets", "ResponderPackets", "InitiatorBytes", "ResponderBytes"),
    INTRUSION: ("EventSecond", "EventMicrosecond", "GeneratorID", "SignatureID", "EventID"),
    FILE: ("EventSecond", "FileSHA256", "FileName"),
    PACKET: ("EventSecond", "PacketSecond", "PacketMicrosecond", "EventID"),
}
"""What tells events of one connection apart, beside the connection key. The counters of a connection event tell its
start from its end, which share the key."""

_CONNECTION_KEY = ("DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID")
_ANY_IDENTITY_FIELD = re.compile(
    rb'[{,]\s*"('
    + "|".join(sorted({*_CONNECTION_KEY, *(name for names in _IDENTITY_FIELDS.values() for name in names)})).encode()
    + rb')"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)'
)


def identity(payload: bytes, kind: str) -> bytes | None:
    """Return what identifies an event whichever Management Center rendered it, or None without a connection key.

    Only fields count that the sensor set: names differ between two Management Centers (one may not resolve what the
    other does), and so may the order of fields.
    """
    found = dict(_ANY_IDENTITY_FIELD.findall(payload))
    if not all(name.encode() in found for name in _CONNECTION_KEY):
        return None
    names = (*_CONNECTION_KEY, *_IDENTITY_FIELDS.get(kind, ()))
    return b"\0".join([kind.encode(), *(found.get(name.encode(), b"") for name in names)])
