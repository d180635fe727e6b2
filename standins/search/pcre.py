"""Regular expressions by the library that Splunk uses, PCRE2, with Splunk's limits on the work of a match.

limits.conf.spec, [rex]: `match_limit` is 100,000 and `depth_limit` 1,000; props.conf.spec has the same for extractions
(MATCH_LIMIT, DEPTH_LIMIT). If a match reaches a limit, Splunk continues as if nothing matched and only writes a message
into a log. Here that raises LimitReached, so that a test fails. Patterns are interpreted, not compiled to machine code
(JIT), which would count fewer steps.

Texts are UTF-8 and read as characters; classes such as `\\w` are those of ASCII, as in PCRE without its Unicode option.
Splunk's documents do not say whether it reads bytes or characters: a pattern can be tried with either.
"""

from __future__ import annotations

import ctypes
import functools
import re
import threading
from collections.abc import Iterator, Mapping
from ctypes.util import find_library
from dataclasses import dataclass
from typing import Any

MATCH_LIMIT = 100_000
DEPTH_LIMIT = 1_000

_ZERO_TERMINATED_NAME = 2
"""Bytes of the number before a group's name in the table of names."""

_UTF = 0x00080000
_NOTEMPTY_AND_ANCHORED = 0x00000008 | 0x80000000
_INFO_CAPTURE_COUNT, _INFO_NAME_COUNT, _INFO_NAME_ENTRY_SIZE, _INFO_NAME_TABLE = 4, 17, 18, 19
_NO_MATCH = -1
_LIMITS = {-47: f"the match limit of {MATCH_LIMIT}", -53: f"the depth limit of {DEPTH_LIMIT}", -63: "the heap limit"}
"""Errors of pcre2.h for a match that reached a limit, and Splunk's names for the limits."""

_REFERENCE = re.compile(r"\\(\d)")


class PatternError(ValueError):
    """A text is not a regular expression, or names a group that does not exist."""


class LimitReached(Exception):
    """A match needs more steps than Splunk allows: Splunk finds nothing then, whatever the text is."""


def _library() -> ctypes.PyDLL:
    try:
        found = ctypes.PyDLL("libpcre2-8.so.0")
    except OSError:
        name = find_library("pcre2-8")
        if name is None:
            raise ImportError("the system library libpcre2-8 is missing (Debian: apt install libpcre2-8-0)") from None
        found = ctypes.PyDLL(name)
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
    signatures: Mapping[str, tuple[Any, tuple[Any, ...]]] = {
        "compile": (pointer, (ctypes.c_char_p, size, number, pointer, pointer, pointer)),
        "get_error_message": (ctypes.c_int, (ctypes.c_int, pointer, size)),
        "get_ovector_pointer": (pointer, (pointer,)),
        "match": (ctypes.c_int, (pointer, ctypes.c_char_p, size, size, number, pointer, pointer)),
        "match_context_create": (pointer, (pointer,)),
        "match_data_create_from_pattern": (pointer, (pointer, pointer)),
        "pattern_info": (ctypes.c_int, (pointer, number, pointer)),
        "set_depth_limit": (ctypes.c_int, (pointer, number)),
        "set_match_limit": (ctypes.c_int, (pointer, number)),
    }
    for name, (result, arguments) in signatures.items():
        function = found[f"pcre2_{name}_8"]
        function.restype, function.argtypes = result, arguments
        setattr(found, name, function)
    return found


_PCRE = _library()
_LOCK = threading.Lock()
"""A pattern stores its result in one place, and searches run in several threads."""


@functools.lru_cache(maxsize=1)
def _limits() -> ctypes.c_void_p:
    context = _PCRE.match_context_create(None)
    _PCRE.set_match_limit(context, MATCH_LIMIT)
    _PCRE.set_depth_limit(context, DEPTH_LIMIT)
    return ctypes.c_void_p(context)


@functools.cache
def compile(source: str, *, utf: bool = True) -> Pattern:  # noqa: A001 - as in re
    """Return a regular expression, which lives as long as the process; without `utf` it reads bytes.

    Raises PatternError.
    """
    return Pattern(source, utf=utf)


class Pattern:
    """A compiled regular expression; `groups` is the number of its groups, `groupindex` has the numbers by name."""

    def __init__(self, source: str, *, utf: bool) -> None:
        self.pattern = source
        text = source.encode("utf-8")
        problem, place = ctypes.c_int(), ctypes.c_size_t()
        self._code = _PCRE.compile(
            text, len(text), _UTF if utf else 0, ctypes.byref(problem), ctypes.byref(place), None
        )
        if not self._code:
            raise PatternError(f"{_message(problem.value)} at byte {place.value}")
        self.groups = self._number(_INFO_CAPTURE_COUNT)
        self.groupindex: Mapping[str, int] = dict(self._names())
        self._data = _PCRE.match_data_create_from_pattern(self._code, None)
        vector = ctypes.c_size_t * (2 * (self.groups + 1))
        self._places = vector.from_address(_PCRE.get_ovector_pointer(self._data))

    def search(self, text: str) -> Match | None:
        """Return the first match. Raises LimitReached."""
        return self._match(text, text.encode("utf-8"), 0, 0)

    def finditer(self, text: str) -> Iterator[Match]:
        """Yield all matches, one after the other as Perl has them. Raises LimitReached."""
        subject = text.encode("utf-8")
        place, options = 0, 0
        while place <= len(subject):
            found = self._match(text, subject, place, options)
            if found is not None:
                yield found
                place, options = found.places[1], _NOTEMPTY_AND_ANCHORED if found.is_empty else 0
            elif options:
                # Nothing else begins where an empty match was: continue after the next character.
                place, options = _behind(subject, place), 0
            else:
                return

    def sub(self, new: str, text: str) -> str:
        r"""Replace all matches; `\1` in `new` is a group, other escapes stay as they are. Raises LimitReached."""
        return self.replaced(new, text, self.finditer(text))

    def replaced(self, new: str, text: str, matches: Iterator[Match]) -> str:
        """Replace the given matches; `sub` replaces all."""
        highest = max((int(one) for one in _REFERENCE.findall(new)), default=0)
        if highest > self.groups:
            raise PatternError(f"{self.pattern!r} has no group {highest}")
        pieces, end = [], 0
        for found in matches:
            start, following = found.span()
            pieces += [text[end:start], _REFERENCE.sub(lambda one: found.group(int(one[1])) or "", new)]  # noqa: B023
            end = following
        return "".join([*pieces, text[end:]])

    def _match(self, text: str, subject: bytes, place: int, options: int) -> Match | None:
        with _LOCK:
            result = _PCRE.match(self._code, subject, len(subject), place, options, self._data, _limits())
            places = self._places[:] if result > 0 else ()
        if result == _NO_MATCH:
            return None
        if result in _LIMITS:
            shown = text if len(text) < 200 else f"{text[:150]}… ({len(text)} characters)"
            raise LimitReached(f"{self.pattern!r} reaches {_LIMITS[result]} on {shown!r}")
        if result <= 0:
            raise PatternError(f"{self.pattern!r}: {_message(result)}")
        return Match(self, text, subject, tuple(places))

    def _number(self, what: int) -> int:
        value = ctypes.c_uint32()
        _PCRE.pattern_info(self._code, what, ctypes.byref(value))
        return value.value

    def _names(self) -> Iterator[tuple[str, int]]:
        """Yield the names of groups with their numbers, in the order of the numbers."""
        count, size = self._number(_INFO_NAME_COUNT), self._number(_INFO_NAME_ENTRY_SIZE)
        table = ctypes.c_void_p()
        _PCRE.pattern_info(self._code, _INFO_NAME_TABLE, ctypes.byref(table))
        entries = ctypes.string_at(table, count * size) if count else b""
        found = []
        for entry in (entries[start : start + size] for start in range(0, len(entries), max(size, 1))):
            name = entry[_ZERO_TERMINATED_NAME:].partition(b"\0")[0].decode("ascii")
            found.append((int.from_bytes(entry[:_ZERO_TERMINATED_NAME], "big"), name))
        yield from ((name, number) for number, name in sorted(found))


@dataclass(frozen=True)
class Match:
    """A match; `places` are the beginning and the end, in bytes, of the match and of each group."""

    pattern: Pattern
    text: str
    subject: bytes
    places: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the match is empty."""
        return self.places[0] == self.places[1]

    def group(self, number: int = 0) -> str | None:
        """Return the text that a group matched, None if it took no part; 0 is the complete match."""
        start, end = self.places[2 * number : 2 * number + 2]
        return None if start > len(self.subject) else self.subject[start:end].decode("utf-8", "replace")

    def groups(self) -> tuple[str | None, ...]:
        """Return the text that each group matched."""
        return tuple(self.group(number) for number in range(1, self.pattern.groups + 1))

    def groupdict(self) -> dict[str, str | None]:
        """Return the text that each group with a name matched, in the order of the pattern."""
        return {name: self.group(number) for name, number in self.pattern.groupindex.items()}

    def span(self, number: int = 0) -> tuple[int, int]:
        """Return the beginning and the end of a group that took part, in characters."""
        start, end = self.places[2 * number : 2 * number + 2]
        if len(self.subject) == len(self.text):
            return start, end
        return len(self.subject[:start].decode("utf-8")), len(self.subject[:end].decode("utf-8"))

    def start(self) -> int:
        """Return the beginning, in characters."""
        return self.span()[0]

    def end(self) -> int:
        """Return the end, in characters."""
        return self.span()[1]


def _behind(subject: bytes, place: int) -> int:
    """Return the place after the character that begins at a place."""
    place += 1
    while place < len(subject) and subject[place] & 0xC0 == 0x80:
        place += 1
    return place


def _message(code: int) -> str:
    text = ctypes.create_string_buffer(256)
    _PCRE.get_error_message(code, text, len(text))
    return text.value.decode("ascii")
