"""A payload: its event type, its time, its identity, and whether it begins and ends as it should.

Works on bytes and looks only for what is needed: a full JSON parse costs more than everything else that happens to an
event. What looks for a member cannot be fooled by text inside a JSON string: a name follows a brace or a comma, and a
quote that follows one of these inside a string is escaped. `repair` has what is done to a payload that is not sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

CONNECTION = "ConnectionEvent"
INTRUSION = "IntrusionEvent"
PACKET = "IntrusionPacket"
FILE = "FileEvent"
UNKNOWN = ""
"""The event type of an event that says nothing about itself."""

EVENT_TYPE_OF_RECORD_TYPE = {71: CONNECTION, 400: INTRUSION, 2: PACKET, 500: FILE, 502: FILE}
"""Used where a payload has no EventType, as two early answers of a real server had none [W]. 71 and 502 were seen [W],
the others are the classic protocol's."""

MAX_LENGTH = 512 * 1024
"""Bytes of a payload that are delivered; a longer one is cut and marked. A packet of 64 KiB in hex has 128 KiB.
`TRUNCATE` in props.conf is larger, with space for the escapes of a marked event."""

LATEST_SECOND = 0xFFFFFFFF
"""The largest second that the protocol knows: its time stamps have 32 bits."""

DAY = 86400

STORED_AND_FORWARDED = 30 * DAY
"""Seconds by which an event may be older than its archival time. A device keeps its events while it does not reach its
Management Center, for days at most; and where a connection has only its first packet, it may have lasted for days. A
device whose clock was never set is off by years."""

CLOCK_APART = 3600
"""Seconds by which an event may be younger than its archival time. Nothing is archived before it happens, so this is
how far the clock of a device may be ahead. The alerts look as far into the future."""

CLOCK_AHEAD = DAY
"""Seconds by which a time may be ahead of this machine's clock and still be believed."""

OLDEST = 3653 * DAY
"""Seconds before this machine's clock from which on a time is believed: ten years, longer than Management Centers have
sent fully-qualified events."""

_BEGINS = re.compile(rb'\{\s*"EventType"\s*:\s*"(\w{1,64})"')
_WRAPPER = re.compile(rb'\s*\{\s*"(\w{1,64})"\s*:\s*\{')


class _Member:
    """A member of an event: its name, and the form of its value."""

    def __init__(self, name: str, value: bytes) -> None:
        self.name = name
        self._quoted = b'"' + name.encode() + b'"'
        self._usual = re.compile(rb", " + self._quoted + rb"\s*:\s*" + value)
        self._after = re.compile(rb"\s*:\s*" + value)

    def value(self, payload: bytes) -> bytes | None:
        """Return the first value that has the form, None if none has it.

        Searches for the name first, which is ten times as fast as searching for a pattern that begins with a choice.
        """
        found = payload.find(self._quoted)
        if found >= len(b", "):
            usual = self._usual.match(payload, found - len(b", "))
            if usual is not None:
                return usual[1]
        while found >= 0:
            begin = found
            found += len(self._quoted)
            if payload[max(begin - _BLANKS, 0) : begin].rstrip(b" \t\r\n")[-1:] in _BEFORE_A_NAME:
                match = self._after.match(payload, found)
                if match is not None:
                    return match[1]
            found = payload.find(self._quoted, found)
        return None


_BLANKS = 64
"""Blanks that may stand before the name of a member."""

_BEFORE_A_NAME = (b"{", b",")
_SECOND = rb'"?(\d{1,10})(?:\.\d{0,20})?(?![\d.eE])'
"""Seconds, with or without quotes. A fraction is left out; a number with an exponent or a sign is not a time."""

_EVENT_TYPE = _Member("EventType", rb'"(\w{1,64})"')
_ANY_EVENT_TYPE = _Member("EventType", rb"()")
_LAST_PACKET = _Member("LastPacketSecond", rb'"?0*(?=[1-9])' + _SECOND[2:])
"""0 stands for a connection that has not ended."""

_FIRST_PACKET = _Member("FirstPacketSecond", _SECOND)
_EVENT_SECOND = _Member("EventSecond", _SECOND)
_PACKET_SECOND = _Member("PacketSecond", _SECOND)
_EVENT_MICROSECOND = _Member("EventMicrosecond", rb'"?(\d{1,6})(?!\d)')
_PACKET_MICROSECOND = _Member("PacketMicrosecond", rb'"?(\d{1,6})(?!\d)')
_TIME_FIELDS: dict[str, tuple[tuple[_Member, _Member | None], ...]] = {
    CONNECTION: ((_LAST_PACKET, None), (_FIRST_PACKET, None)),
    INTRUSION: ((_EVENT_SECOND, _EVENT_MICROSECOND),),
    FILE: ((_EVENT_SECOND, None),),
    PACKET: ((_PACKET_SECOND, _PACKET_MICROSECOND), (_EVENT_SECOND, _EVENT_MICROSECOND)),
}
"""Which fields hold the time of an event, by its type; the same table as the one of props.conf. A connection is filed
under its end, when there is one: docs/decisions/0012-time-of-connection-events.md."""

SOUND, UNNAMED, UNSOUND = 0, 1, 2
"""What a look at the ends of a payload shows: the JSON object that it should be; the same without an `EventType`, which
its record type says; something else. Whether the text between the ends is JSON is for `repair` to find out."""

Description = tuple[str, bytes, int]
"""What an event says of itself: its type (`UNKNOWN` if neither it nor its record type says), its time in epoch seconds
as text (empty if it has none), and `SOUND`, `UNNAMED` or `UNSOUND`. A plain tuple, since one is made per event."""

_LAST_NAME = b'"LastPacketSecond"'
_USUAL_LAST = re.compile(rb', ?"LastPacketSecond": ?[1-9]\d{9}[,}]')


class _Usual:
    """How the connection events of a server begin that writes these commas and colons, and where their times are."""

    def __init__(self, comma: bytes, colon: bytes) -> None:
        self.begin = b'{"EventType"' + colon + b'"ConnectionEvent"' + comma + b'"FirstPacketSecond"' + colon
        self._second = slice(len(self.begin), len(self.begin) + 10)
        self.length = self._second.stop + 1
        """Bytes up to the comma behind the time of the first packet."""
        self.before = len(comma)
        self.after = len(_LAST_NAME + colon + b"1743500734,")
        """Bytes before and from the name of the time of a connection that has ended, with the time and a comma."""

    def first(self, payload: bytes) -> bytes | None:
        """Return the time of the first packet as an event that begins like this has it, None where it is unusual."""
        second = payload[self._second]
        return second if second.isdigit() and payload[self.length - 1 : self.length] == b"," else None

    def written(self, payload: bytes) -> bytes | None:
        """Return the bytes that alone say the time of an event that begins like this, None where they are unusual."""
        place = payload.find(_LAST_NAME)
        if place < 0:
            return None if self.first(payload) is None else payload[: self.length]
        written = payload[place - self.before : place + self.after]
        return written if _USUAL_LAST.fullmatch(written) else None


_USUAL = tuple(_Usual(comma, colon) for comma in (b", ", b",") for colon in (b":", b": "))
"""How connection events begin, a real server's [W] first. They are nearly all events, so these shapes are read without
a pattern; every other one takes the general way and has the same."""


_USUAL_BEGINNINGS = tuple(usual.begin for usual in _USUAL)

_USUAL_OTHER = re.compile(
    rb'\{"EventType": ?"(?:FileEvent", ?"EventSecond": ?(\d{10})'
    rb'|IntrusionEvent", ?"EventSecond": ?(\d{10}), ?"EventMicrosecond": ?(\d{1,6}))[,}]'
)
"""How file and intrusion events begin, a tenth of all: one pattern takes a third of the time of the general way."""


def _usual_of(payload: bytes) -> _Usual | None:
    if not payload.startswith(_USUAL_BEGINNINGS):
        return None
    return next(usual for usual in _USUAL if payload.startswith(usual.begin))


_BEGINNINGS_KEPT = 1024


class Describer:
    """Describes events, and remembers how the times of connection events are written: many share one."""

    def __init__(self) -> None:
        self._usual = _USUAL[0]
        """How the connection events of this server begin: all of them alike."""
        self._known: dict[bytes, Description] = {}

    def describe(self, payloads: Sequence[bytes], record_types: Sequence[int]) -> list[Description]:
        """Return what events say of themselves, as `describe` does for each. The hot path.

        What decides is how a connection begins or, where there is a last packet, how that is written: both are looked
        up as bytes. They differ in how they begin, so one dictionary has both.
        """
        known, usual = self._known.get, self._usual
        begin, length, before, after = usual.begin, usual.length, usual.before, usual.after
        if payloads and max(map(len, payloads)) > MAX_LENGTH:
            return list(map(describe, payloads, record_types))
        return [
            (
                payload.startswith(begin)
                and payload.endswith(b"}")
                and known(
                    payload[:length]
                    if (place := payload.find(_LAST_NAME, length)) < 0
                    else payload[place - before : place + after]
                )
            )
            or self._learn(payload, record_type)
            for payload, record_type in zip(payloads, record_types)
        ]

    def _learn(self, payload: bytes, record_type: int) -> Description:
        usual = _usual_of(payload)
        if usual is None:
            return _describe_other(payload, record_type)
        self._usual = usual
        description = describe(payload, record_type)
        written = usual.written(payload) if description[2] == SOUND else None
        if written is not None:
            if len(self._known) >= _BEGINNINGS_KEPT:
                self._known.clear()
            self._known[written] = description
        return description


def describe(payload: bytes, record_type: int) -> Description:
    """Return what an event says of itself, from its payload and, failing that, its record type."""
    usual = _usual_of(payload)
    first = None if usual is None else usual.first(payload)
    if first is None:
        return _describe_other(payload, record_type)
    time = _LAST_PACKET.value(payload) or first
    return CONNECTION, time, SOUND if payload[-1:] == b"}" and len(payload) <= MAX_LENGTH else UNSOUND


def _describe_other(payload: bytes, record_type: int) -> Description:
    found = _USUAL_OTHER.match(payload)
    if found is None or payload[-1:] != b"}" or len(payload) > MAX_LENGTH:
        return _describe_any(payload, record_type)
    file, intrusion, microsecond = found.groups()
    return (FILE, file, SOUND) if file else (INTRUSION, intrusion + b"." + microsecond.rjust(6, b"0"), SOUND)


def _describe_any(payload: bytes, record_type: int) -> Description:
    ends = payload[-1:] == b"}" and len(payload) <= MAX_LENGTH
    begins = _BEGINS.match(payload)
    if begins is not None:
        event_type = begins[1].decode("ascii", "replace")
        return event_type, _time(payload, event_type), SOUND if ends else UNSOUND
    named = _EVENT_TYPE.value(payload)
    if named is None:
        wrapper = _WRAPPER.match(payload)
        named = wrapper[1] if wrapper else None
    if named is not None:
        event_type = named.decode("ascii", "replace")
        return event_type, _time(payload, event_type), UNSOUND
    event_type = EVENT_TYPE_OF_RECORD_TYPE.get(record_type, UNKNOWN)
    unnamed = ends and event_type and payload[:1] == b"{" and _ANY_EVENT_TYPE.value(payload) is None
    return event_type, _time(payload, event_type), UNNAMED if unnamed else UNSOUND


def with_event_type(payload: bytes, event_type: str) -> bytes:
    """Return an `UNNAMED` payload with its event type as its first member; nothing else changes."""
    rest = payload[1:]
    comma = b"" if rest.strip() == b"}" else b", "
    return b'{"EventType":"' + event_type.encode() + b'"' + comma + rest


def _time(payload: bytes, event_type: str) -> bytes:
    found = _time_field(payload, event_type)
    return b"" if found is None else found[1]


def time_field(payload: bytes, event_type: str) -> str | None:
    """Return the name of the field that holds the time of an event of this type, None if it has none."""
    found = _time_field(payload, event_type)
    return None if found is None else found[0]


def _time_field(payload: bytes, event_type: str) -> tuple[str, bytes] | None:
    for second_field, microsecond_field in _TIME_FIELDS.get(event_type, ()):
        second = second_field.value(payload)
        if second is None:
            continue
        microsecond = None if microsecond_field is None else microsecond_field.value(payload)
        if microsecond is not None:
            second += b"." + microsecond.rjust(6, b"0")
        return second_field.name, second
    return None


def second_of(payload: bytes, record_type: int) -> int:
    """Return the time of an event in full seconds, 0 when it has none or one beyond what the protocol can write.

    It depends on nothing but what the event says, so that it is the same whenever the event is sent again.
    """
    second = int(describe(payload, record_type)[1].partition(b".")[0] or 0)
    return second if second <= LATEST_SECOND else 0


def times_within_reason(times: Sequence[bytes], archivals: Sequence[int], now: float) -> tuple[Sequence[bytes], int]:
    """Return the times that events are to have, and how many of these are not their own although they have one.

    `times` are their own, in epoch seconds as text, empty where an event has none; `archivals` are their archival
    times, 0 where it has none; `now` is this machine's clock. An event's own time counts within reason of its archival
    time, or, where none can be believed, of the clock; else the archival time or the clock is its time.

    The hot path: events share their times, so the earliest and the latest of each type nearly always answer for all.
    """
    distinct = set(times)
    if distinct and b"" not in distinct:
        first, last = min(archivals), max(archivals)
        seconds = [int(time.partition(b".")[0]) for time in distinct]
        believed = now - OLDEST <= first and last <= now + CLOCK_AHEAD
        if believed and last - STORED_AND_FORWARDED <= min(seconds) and max(seconds) <= first + CLOCK_APART:
            return times, 0
    found = [_within_reason(time, archival, now) for time, archival in zip(times, archivals)]
    return found, sum(own != time for own, time in zip(times, found) if own)


def _within_reason(time: bytes, archival: int, now: float) -> bytes:
    oldest, newest, instead = now - OLDEST, now + CLOCK_AHEAD, int(now)
    if archival and oldest <= archival <= newest:
        oldest, newest, instead = archival - STORED_AND_FORWARDED, archival + CLOCK_APART, archival
    if time and oldest <= int(time.partition(b".")[0]) <= newest:
        return time
    return b"%d" % instead


_IDENTITY_FIELDS: dict[str, tuple[str, ...]] = {
    CONNECTION: ("LastPacketSecond", "InitiatorPackets", "ResponderPackets", "InitiatorBytes", "ResponderBytes"),
    INTRUSION: ("EventSecond", "EventMicrosecond", "GeneratorID", "SignatureID", "EventID"),
    FILE: ("EventSecond", "FileSHA256", "FileName"),
    PACKET: ("EventSecond", "PacketSecond", "PacketMicrosecond", "EventID"),
}
"""What distinguishes events of one connection, in addition to the connection key. The counters of a connection event
distinguish its start from its end, which share the key."""

_CONNECTION_KEY = ("DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID")
_ANY_IDENTITY_FIELD = re.compile(
    rb'[{,]\s*"('
    + "|".join(sorted({*_CONNECTION_KEY, *(name for names in _IDENTITY_FIELDS.values() for name in names)})).encode()
    + rb')"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)'
)


def identity(payload: bytes, event_type: str) -> bytes | None:
    """Return what identifies an event whichever Management Center rendered it, or None without a connection key.

    Only fields count that the sensor set: names differ between two Management Centers (one may not resolve what the
    other does), and so may the order of fields.
    """
    found = dict(_ANY_IDENTITY_FIELD.findall(payload))
    if not all(name.encode() in found for name in _CONNECTION_KEY):
        return None
    names = (*_CONNECTION_KEY, *_IDENTITY_FIELDS.get(event_type, ()))
    return b"\0".join([event_type.encode(), *(found.get(name.encode(), b"") for name in names)])
