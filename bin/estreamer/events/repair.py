"""A payload that is not the JSON object that it should be: found, repaired where that takes no guess, marked.

Constraints
-----------
* No cheap check distinguishes JSON from other text: a full look at an event costs half of its other way through
  the input, a parse more than all of it. `Inspector` looks at all bytes for what is cheap to see, and at a share of the
  events in full.
* What is delivered is legal XML and a JSON object in one of three forms: the payload itself; the payload repaired and
  marked; or an object that holds the payload as text, marked.
* Everything here is linear in the length of a payload, whatever it holds.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NoReturn

from ..clock import CLOCK, Clock
from . import facts

PROBLEM_KEY = "estreamer_problem"
"""The key that marks a payload that could not be delivered as it arrived."""

NOT_JSON = "not JSON"
TOO_LONG = "too long"
ILLEGAL_CHARACTERS = "illegal characters"
UNESCAPED_BACKSLASH = "unescaped backslash"
NOT_A_NUMBER = "not a number"
NOT_UNDERSTOOD = "not understood"
"""What can be wrong with a payload, as the mark says it. Of the three before the last the fields are kept; the last is
a fault of the add-on itself."""

_PADDING = b"\0\r\n\t "


def mend(payload: bytes, record_type: int = 0) -> tuple[bytes, tuple[str, ...]]:
    """Return what is to be delivered for a payload, and what is wrong with it (nothing: it is delivered as it is).

    Padding is taken off. A JSON object in another shape than usual goes through untouched. Bytes that are not UTF-8,
    characters that XML forbids, and line ends and tabs in a value become escapes; a backslash before a character that
    makes no escape is doubled; `nan` and its like as a value are put in quotes. What is not a JSON object for another
    reason, or too long, becomes a JSON object that holds the text, and the event type that `record_type` says.
    """
    stripped = payload.strip(_PADDING)
    if len(stripped) > facts.MAX_LENGTH:
        return _wrap(stripped, record_type, TOO_LONG), (TOO_LONG,)
    legal = legal_text(stripped)
    if legal is not None and _is_object(legal):
        return stripped, ()
    text, problems = _repaired(stripped.decode("utf-8", "surrogateescape"))
    if problems:
        marked = _mark(text, ", ".join(problems))
        if marked is not None:
            return marked, problems
    return _wrap(stripped, record_type, NOT_JSON), (NOT_JSON,)


ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def legal_text(payload: bytes) -> str | None:
    """Return the text of a payload, or None when it is not UTF-8 or XML 1.0 forbids one of its characters."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if ILLEGAL_IN_XML.search(text) else text


_PART = re.compile(
    r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|(?<=:)(\s*)([-+]?(?:nan|inf|infinity))(?=\s*[,}\]])', re.DOTALL | re.IGNORECASE
)
"""A string, which may lack its end, or a value that C, Java or JavaScript writes for what is not a number. From one end
of a string to the next, so what stands in a string is not treated as such a value."""

_BACKSLASH = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})?')
_ILLEGAL_IN_STRING = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")


def _repaired(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text with what can be repaired without a guess, and what that was."""
    problems: dict[str, None] = {}

    def double(match: re.Match[str]) -> str:
        if len(match[0]) > 1:
            return match[0]
        problems[UNESCAPED_BACKSLASH] = None
        return "\\\\"

    def escape(match: re.Match[str]) -> str:
        problems[ILLEGAL_CHARACTERS] = None
        return _escape_character(match[0])

    def repair(match: re.Match[str]) -> str:
        if match[2] is not None:
            problems[NOT_A_NUMBER] = None
            return f'{match[1]}"{match[2]}"'
        return _ILLEGAL_IN_STRING.sub(escape, _BACKSLASH.sub(double, match[0]))

    return _PART.sub(repair, text), tuple(problems)


def _escape_character(character: str) -> str:
    """Return the JSON escape of a character, and of a byte that is not UTF-8 the text `\\xNN`."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)
"""Numbers stay text: Python refuses to make a number of more than 4,300 digits, and nobody asks for one here."""


def _is_object(text: str) -> bool:
    try:
        return isinstance(_DECODER.decode(text), dict)
    except RecursionError:
        # Nested beyond what Python parses: Splunk stops extracting long before, and the text is harmless as it is.
        return text.startswith("{") and text.endswith("}")
    except ValueError:
        return False


def _mark(text: str, problem: str) -> bytes | None:
    """Return the JSON object in `text` with a mark as its last key, or None when it is another text or too long."""
    if len(text) > facts.MAX_LENGTH or ILLEGAL_IN_XML.search(text) or not _is_object(text):
        return None
    body = text[:-1].rstrip()
    comma = "" if body.endswith("{") else ", "
    return f'{body}{comma}"{PROBLEM_KEY}":"{problem}"}}'.encode()


def _wrap(payload: bytes, record_type: int, problem: str) -> bytes:
    """Return a JSON object that holds a payload as text, cut to the limit, with its type and time where they show."""
    beginning = payload[: facts.MAX_LENGTH]
    event_type, time, _ = facts.describe(beginning, record_type)
    wrapped: dict[str, Any] = {"EventType": event_type} if event_type else {}
    field = facts.time_field(beginning, event_type)
    if field is not None:
        # Searches find the time under the key that this type of event has it under.
        wrapped[field] = int(time.partition(b".")[0])
    wrapped[PROBLEM_KEY] = problem
    wrapped["estreamer_length"] = len(payload)
    wrapped["estreamer_payload"] = _cut(payload)
    return json.dumps(wrapped).encode("ascii")


def as_text(payload: bytes) -> bytes:
    """Return a JSON object that holds a payload as text, cut to the limit, whatever it is."""
    length, text = len(payload), _cut(payload)
    wrapped = {PROBLEM_KEY: NOT_UNDERSTOOD, "estreamer_length": length, "estreamer_payload": text}
    return json.dumps(wrapped).encode("ascii")


def _cut(payload: bytes) -> str:
    """Return the text of a payload, cut so that its JSON form fits the limit."""
    text = payload[: facts.MAX_LENGTH].decode("utf-8", "backslashreplace")
    excess = len(json.dumps(text)) - facts.MAX_LENGTH
    while excess > 0:
        # An escape takes up to twelve bytes for a character, so cutting the excess divided by twelve never overshoots.
        text = text[: -max(1, excess // 12)]
        excess = len(json.dumps(text)) - facts.MAX_LENGTH
    return text


_FORBIDDEN_BEYOND_ASCII = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")

_FLAT = re.compile(
    rb'\{"[^"]*": ?(?:"[^"]*"|-?(?:[1-9]\d*|0))(?:, ?"[^"]*": ?(?:"[^"]*"|-?(?:[1-9]\d*|0)))*\}'
    if sys.version_info < (3, 11)
    else rb'\{"[^"]*+": ?+(?:"[^"]*+"|-?(?:[1-9]\d*+|0))(?:, ?+"[^"]*+": ?+(?:"[^"]*+"|-?(?:[1-9]\d*+|0)))*+\}'
)
"""An event as a real server writes it [W], of strings and integers, with and without a space after a comma and a colon:
it is this or it is parsed. Possessive, where Python knows that, it takes a third less time."""

_JSON_ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')

_ESCAPE = re.compile(rb'\\(?:[\\/bfnrt]|u[0-9a-fA-F]{4}|"(?!\s*[,:}]))')
"""An escape that raises no suspicion. A quote that is escaped where a value seems to end may be one whose backslash was
meant as text."""

EACH_SECOND = 20_000
"""Events that are looked at in full in a second: all of them on a link that carries fewer. At most 8 to 12 % of a core,
at the highest rates; 1 % at 2,000 a second."""

FIRST = 256
"""Events after a connection was made that are looked at in full: a server that was updated writes in another way from
then on."""

AFTER_A_FIND = 10_000
"""Events that are looked at in full after one that was not JSON: faults of a kind arrive together."""

SHARE = 128
"""Of so many events beyond these one is looked at in full, and of every batch one: a read costs far more than that."""


class Inspector:
    """Finds the payloads that are to be repaired, at a cost that only suspicious ones pay.

    Finds at once, wherever it stands: a character that XML or JSON forbids, bytes that are not UTF-8, a backslash that
    makes no escape or may have been meant as text at the end of a value, a second object in a payload. Of anything else
    that is not JSON (a quote that is not escaped, `nan`) only a full look can find: `EACH_SECOND`, `FIRST`,
    `AFTER_A_FIND` and `SHARE` say which events get one.
    """

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._allowed_at = clock.monotonic()
        self._closely: float = FIRST
        """How many events are still to be looked at in full, each of them."""
        self._turn = 0

    def begin(self) -> None:
        """Look at the next events in full: they are of another connection."""
        self._closely = max(self._closely, FIRST)

    def unsound(self, payloads: Sequence[bytes]) -> list[int]:
        """Return the places of the payloads that are to be repaired, as far as they are found. The hot path."""
        if not payloads:
            return []
        joined = b" ".join(payloads)
        illegal = _with_illegal_characters(payloads, joined)
        suspicious = set(self._in_turn(len(payloads)))
        if any(map(bytes.rfind, payloads, repeat(b"{"))):
            suspicious.update(place for place, payload in enumerate(payloads) if payload.rfind(b"{"))
        if b"\\" in joined and not _escapes_are_sound(joined, len(payloads)):
            suspicious.update(place for place, payload in enumerate(payloads) if not _escapes_are_sound(payload))
        broken = {place for place in suspicious - illegal if not _is_sound(payloads[place])}
        if broken:
            self._closely = AFTER_A_FIND
            others = set(range(len(payloads))) - suspicious - illegal
            broken.update(place for place in others if not _is_sound(payloads[place]))
        return sorted(illegal | broken)

    def _in_turn(self, count: int) -> Iterable[int]:
        """Return the places of the payloads that are looked at in full, of so many."""
        if self._closely <= 0:
            now = self._clock.monotonic()
            self._closely = min(EACH_SECOND, self._closely + (now - self._allowed_at) * EACH_SECOND)
            self._allowed_at = now
        if self._closely > 0:
            self._closely -= count
            return range(count)
        stride = min(SHARE, count)
        self._turn += 1
        return range(self._turn % stride, count, stride)


def _with_illegal_characters(payloads: Sequence[bytes], joined: bytes) -> set[int]:
    """Return the places of payloads with control characters, forbidden ones, or bytes that are not UTF-8.

    A search for one character runs at memory speed: together those for all take a twelfth of a pattern's time, and half
    of what deleting them by `bytes.translate` takes.
    """
    found: set[int] = set()
    for code in range(32):
        if code in joined:
            character = bytes((code,))
            found.update(place for place, payload in enumerate(payloads) if payload.find(character) >= 0)
    if not joined.isascii():
        others = [place for place, payload in enumerate(payloads) if not payload.isascii()]
        if not _is_utf8(b" ".join([payloads[place] for place in others])):
            found.update(place for place in others if not _is_utf8(payloads[place]))
    return found


def _is_utf8(text: bytes) -> bool:
    """Return whether text is UTF-8 without the two characters beyond ASCII that XML forbids."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # Looking for one byte first is far faster, and it is rare.
    return _FORBIDDEN_BEYOND_ASCII[0][0] not in text or not any(found in text for found in _FORBIDDEN_BEYOND_ASCII)


_ESCAPES_LOOKED_AT = 16
"""Escapes of a payload that are looked at one by one. One that has more is parsed, which is faster then."""


def _escapes_are_sound(text: bytes, most: int = _ESCAPES_LOOKED_AT) -> bool:
    """Return whether there are at most so many escapes in a text, and none of them raises suspicion."""
    place = text.find(b"\\")
    while place >= 0:
        match = _ESCAPE.match(text, place)
        if match is None or not most:
            return False
        most -= 1
        place = text.find(b"\\", match.end())
    return True


def _is_sound(payload: bytes) -> bool:
    """Return whether a payload, which is UTF-8, is a JSON object."""
    # A letter may stand wherever an escape may, and nowhere else: without escapes the pattern needs no case for them.
    text = _JSON_ESCAPE.sub(b"x", payload) if payload.find(b"\\") >= 0 else payload
    if text.find(b"\\") < 0 and _FLAT.fullmatch(text):
        return True
    return _is_object(payload.decode("utf-8", "replace"))
