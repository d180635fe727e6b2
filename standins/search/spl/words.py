"""The words of an event's text in the index, and the words that a search may look up there.

Sources: "Event segmentation and searching" and "Use CASE and TERM to match phrases" of the Search Manual,
segmenters.conf.spec for the breakers. A text is cut at the major breakers, and each segment once more at the minor
ones: the index holds the segments and their pieces, in lower case. A search is cut in the same way, and looks for the
pieces only, unless TERM() asks for a complete segment. A wildcard helps at the end of a word; the characters after a
wildcard in the same word are not looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_CODES = "21 26 2526 3B 7C 20 2B 3D 2520 5D 5B 3A 0A 2C 28 29"
"""The characters, in hexadecimal, that break a text also when they are percent-encoded."""

_MAJOR = "|".join([r"""[\s\[\]<>(){}|!;,'"&?+]""", "--", *(f"%{code}" for code in _CODES.split())])
_MAJOR_IN_TEXT = re.compile(rf"{_MAJOR}|\*", re.IGNORECASE)
_MAJOR_IN_SEARCH = re.compile(_MAJOR, re.IGNORECASE)
_MINOR = re.compile(r"[/:=@.\-$#%\\_]")


class Wanted(NamedTuple):
    """A word that an event must have: the word itself, or any word that begins with it."""

    word: str
    is_prefix: bool


@lru_cache(maxsize=100_000)
def words(text: str) -> frozenset[str]:
    """Return all words under which the index has an event with this text."""
    found = set()
    for segment in _MAJOR_IN_TEXT.split(text.lower()):
        found.add(segment)
        found.update(_MINOR.split(segment))
    found.discard("")
    return frozenset(found)


def wanted(phrase: str, whole_term: bool = False) -> list[Wanted]:
    """Return the words that an event must have to contain a phrase; an empty list if the index cannot help."""
    return list(_wanted(phrase.lower(), whole_term))


def _wanted(phrase: str, whole_term: bool) -> Iterator[Wanted]:
    for segment in [phrase] if whole_term else _MAJOR_IN_SEARCH.split(phrase):
        for piece in [segment] if whole_term else _MINOR.split(segment):
            begin, star, _ = piece.partition("*")
            if begin:
                yield Wanted(begin, bool(star))


def has(text: str, sought: list[Wanted]) -> bool:
    """Return whether the index has an event under all of these words."""
    known = words(text)
    return all(
        one.word in known if not one.is_prefix else any(word.startswith(one.word) for word in known) for one in sought
    )
