"""The packet that an event holds: in which field, in which encoding, of which link type, and of when.

No packet event is public, so nothing is assumed: each text of the event is tried as hexadecimal and as
base64, and what the event says besides (a length, a link type, the field's own name) and the bytes themselves speak
for or against it. What nothing speaks for is not shown as a packet.

An event is whatever somebody sent. So no number of it is longer than a packet's own, and no text of it is read by a
pattern that could begin again at each of its characters: the cost of an event grows as its length does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from . import layers, parts, pcap

AUTO = "auto"
HEX = "hex"
BASE64 = "base64"
ENCODINGS = (AUTO, HEX, BASE64)

SHORTEST = 14
"""Bytes of a packet that is found without being named: an Ethernet header. Shorter texts are words."""

Value = object
Event = Mapping[str, Value]

_HEX_PREFIXES = ("\\x", "0x", "0X")
_HEX_SEPARATORS = str.maketrans(":.-", "   ")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")

_NO_PACKET = re.compile(r"sha\d|md5|hash|digest|fingerprint|uuid|serial|certificate|token", re.IGNORECASE)
_PACKET_NAME = re.compile(r"packet_?(data|bytes|content|payload|raw|hex|base64)?\Z|raw_?packet\Z", re.IGNORECASE)
_LIKELY_NAME = re.compile(r"packet|pcap|frame|payload|raw|bytes|data\Z", re.IGNORECASE)
_LENGTH_NAME = re.compile(r"(?:packet|capture|captured|original|data|frame)?_?(?:length|len|size)\Z", re.IGNORECASE)
_LINK_NAME = re.compile(r"(?:packet)?_?(?:link|data_?link)_?(?:type|layer)\Z|dlt\Z", re.IGNORECASE)
_LINKS_BY_NAME = {"ethernet": layers.ETHERNET, "en10mb": layers.ETHERNET, "raw": layers.RAW_IP}

_TIMES = (("PacketSecond", "PacketMicrosecond"), ("EventSecond", "EventMicrosecond"))

_MOST_DIGITS = 20
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class Options:
    """What a user says of packets where it is not to be found out: "" and `auto` leave it to be found out.

    `link` is a link type as PCAP files number them, None for what the event or the bytes say.
    """

    field: str = ""
    encoding: str = AUTO
    link: int | None = None


@dataclass(frozen=True)
class Found:
    """The packet of an event.

    `length` is how many bytes it had on the wire, at least as many as `content` holds; `second` is Unix time. `notes`
    are sentences on what is uncertain or missing.
    """

    field: str
    encoding: str
    link: int
    content: bytes
    length: int
    second: int
    microsecond: int
    notes: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Return 16 hexadecimal digits by which the packet can be asked for: of its bytes and its time."""
        stamp = f"{self.second}.{self.microsecond:06d} {self.link} ".encode("ascii")
        return hashlib.sha256(stamp + self.content).hexdigest()[:16]


class NoPacket(Exception):
    """No packet was found in an event; the text is a sentence that says why."""


def whole_number(value: Value, most: int) -> int | None:
    """Return a number from 0 to `most` that is given as such or in ASCII digits; None for anything else."""
    if isinstance(value, str):
        # Python reads other digits too, and takes quadratic time for as many as there are.
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


_JSON = json.JSONDecoder(
    parse_int=lambda text: int(text) if len(text) <= _MOST_DIGITS else None,
    parse_float=lambda text: float(text) if len(text) <= 2 * _MOST_DIGITS else None,
    strict=False,
)


def members(raw: str) -> tuple[dict[str, Value], bool]:
    """Return the members of an event's JSON text, and whether it is complete; of a broken one the readable ones."""
    try:
        document = _JSON.decode(raw)
    except (ValueError, RecursionError):
        return parts.members(raw[: 4 * layers.LONGEST], _JSON), False
    if not isinstance(document, dict):
        return {}, True
    inner = list(document.values())
    # An event may be wrapped in an object of its type.
    return (inner[0] if len(inner) == 1 and isinstance(inner[0], dict) else document), True


def find(event: Event, options: Options, time: float = 0.0, complete: bool = True) -> Found:
    """Return the packet of an event. `time` (Unix seconds) stands in where the event has none.

    `complete` is false for an event of which only a part arrived. Raises NoPacket.
    """
    lengths = _lengths(event)
    candidates = list(_candidates(event, options))
    best = max(candidates, key=lambda one: _weight(one, lengths), default=None)
    if best is None or not (options.field or any(_weight(best, lengths)[:3])):
        raise NoPacket(_why_none(event, options))
    if len(best.content) > layers.LONGEST:
        raise NoPacket(f"The field {best.field} holds more than {layers.LONGEST} bytes, too many for a packet.")
    link, notes = _link(event, best.content, options)
    if not complete:
        notes = (*notes, "The event was cut, and perhaps the packet with it.")
    second, microsecond, odd_times = _moment(event, time)
    length = max(len(best.content), *lengths, 0)
    return Found(best.field, best.encoding, link, best.content, length, second, microsecond, (*notes, *odd_times))


@dataclass(frozen=True)
class _Candidate:
    field: str
    encoding: str
    content: bytes


def _candidates(event: Event, options: Options) -> Iterator[_Candidate]:
    if options.field:
        texts = {options.field: event.get(options.field)}
        shortest = 1
    else:
        texts = {name: text for name, text in event.items() if not _NO_PACKET.search(name)}
        shortest = SHORTEST
    for name, text in texts.items():
        if not isinstance(text, str):
            continue
        for encoding, decoder in _DECODERS.items():
            content = decoder(text) if options.encoding in (AUTO, encoding) else None
            if content is not None and len(content) >= shortest:
                yield _Candidate(name, encoding, content)


def from_hex(text: str) -> bytes | None:
    """Return the bytes of a hexadecimal text, None for another text; prefixes of bytes and separators do not count."""
    text = text.strip()
    for prefix in _HEX_PREFIXES:
        text = text.replace(prefix, " ")
    try:
        # This takes blanks between bytes, and nothing else.
        return bytes.fromhex(text.translate(_HEX_SEPARATORS)) or None
    except ValueError:
        return None


def from_base64(text: str) -> bytes | None:
    """Return the bytes of a base64 text of either alphabet, padded or not; None for another text."""
    text = "".join(text.split())
    if not _BASE64.match(text) or len(text.rstrip("=")) % 4 == 1:
        return None
    bare = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


_DECODERS = {HEX: from_hex, BASE64: from_base64}


def _weight(one: _Candidate, lengths: tuple[int, ...]) -> tuple[bool, int, bool, bool, int]:
    """Return what speaks for a candidate, the strongest first; a text that could be both is rather hexadecimal."""
    named = 2 if _PACKET_NAME.match(one.field) else 1 if _LIKELY_NAME.search(one.field) else 0
    likely = layers.looks_like_packet(one.content)
    return (len(one.content) in lengths, named, likely, one.encoding == HEX, len(one.content))


def _lengths(event: Event) -> tuple[int, ...]:
    found = (whole_number(value, layers.LONGEST) for name, value in event.items() if _LENGTH_NAME.match(name))
    return tuple(one for one in found if one)


def _why_none(event: Event, options: Options) -> str:
    if not options.field:
        return "No packet was recognized in any field of the event. Name the field by field=NAME."
    if options.field not in event:
        return f"The event has no field {options.field}."
    wanted = "hexadecimal or base64" if options.encoding == AUTO else options.encoding
    return f"The field {options.field} is not {wanted}."


def _link(event: Event, content: bytes, options: Options) -> tuple[int, tuple[str, ...]]:
    if options.link is not None:
        return options.link, ()
    for name, value in event.items():
        if _LINK_NAME.match(name):
            number = whole_number(value, pcap.LAST_LINK)
            if number is None and isinstance(value, str):
                number = _LINKS_BY_NAME.get(value.lower())
            if number is not None:
                return number, ()
            return layers.link_type(content), (f"The link type {_shown(value)} is not known.",)
    return layers.link_type(content), ()


def _shown(value: Value) -> str:
    """Return a value of an event as a sentence can hold it: one that is nested may be of any depth."""
    if isinstance(value, str):
        return repr(value[:_LONGEST_SHOWN])
    return str(value) if isinstance(value, (int, float)) else "(a list or an object)"


def _moment(event: Event, time: float) -> tuple[int, int, tuple[str, ...]]:
    """Return seconds, microseconds and notes; a time that no PCAP file can hold is not the packet's."""
    notes: tuple[str, ...] = ()
    for second_name, microsecond_name in _TIMES:
        second = whole_number(event.get(second_name), pcap.LAST_SECOND)
        if second is not None:
            return second, whole_number(event.get(microsecond_name), 999_999) or 0, notes
        if event.get(second_name) is not None:
            notes = (*notes, f"{second_name} {_shown(event[second_name])} is not a time between 1970 and 2106.")
    second, microsecond = divmod(round(time * 1_000_000), 1_000_000)
    return min(second, pcap.LAST_SECOND), microsecond, notes
