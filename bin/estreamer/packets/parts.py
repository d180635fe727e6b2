"""The members of an event whose JSON text is cut or broken, as far as they can be read.

The text is read once from left to right, whatever it holds: a member is a name in quotes, a colon and a value. A text
in quotes ends at the first quote that no backslash escapes. Behind a value that cannot be read, reading goes on at the
next comma.
"""

from __future__ import annotations

import json

_BLANKS = " \t\r\n"
_MOST_TROUBLE = 128
_TROUBLE_OF_NESTED = 16
"""How much trouble with values that are not texts is taken until no more of them are read. The decoder looks for lines
in all the text before each that it cannot read, and may look for the end of a list or object in all the rest."""


def members(raw: str, decoder: json.JSONDecoder) -> dict[str, object]:
    """Return the members of the outermost object, or of the object that is its first value, in the order in `raw`.

    `decoder` reads values that are not texts. Of a text that is cut, the part that is there is a member too. Takes time
    and memory in proportion to the length of `raw`. Never raises.
    """
    return _Reader(raw, decoder).members()


class _Reader:
    """The way through a text: the position of the next character."""

    def __init__(self, raw: str, decoder: json.JSONDecoder) -> None:
        self._raw = raw
        self._decoder = decoder
        self._position = 0
        self._trouble = 0

    def members(self) -> dict[str, object]:
        found: dict[str, object] = {}
        self._take("{")
        while self._position < len(self._raw):
            if self._take('"'):
                name = self._text()
                if self._take(":") and self._value(name, found):
                    continue
            self._skip()
        return found

    def _value(self, name: str, found: dict[str, object]) -> bool:
        """Note the value of a member, and go behind it; return whether it is an object whose members follow."""
        if self._take('"'):
            found[name] = self._text()
        elif not found and self._take("{"):
            return True
        else:
            self._other_value(name, found)
        return False

    def _take(self, character: str) -> bool:
        """Go over blanks, and over the character if it is next; return whether it was."""
        while self._raw[self._position : self._position + 1] in _BLANKS and self._position < len(self._raw):
            self._position += 1
        there = self._raw.startswith(character, self._position)
        self._position += there
        return there

    def _skip(self) -> None:
        """Go to behind the next comma, or to the end."""
        found = self._raw.find(",", self._position)
        self._position = found + 1 if found >= 0 else len(self._raw)

    def _text(self) -> str:
        """Return what the quotes hold behind the position, the rest of the text where none closes; go behind it."""
        begin = self._position
        end = search = begin
        while True:
            end = self._raw.find('"', search)
            if end < 0:
                end = len(self._raw)
                break
            before = self._raw[search:end]
            if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
                break
            search = end + 1
        self._position = end + 1
        return _unescaped(self._raw[begin:end])

    def _other_value(self, name: str, found: dict[str, object]) -> None:
        """Note a value that is not a text, and go behind it. A number at the end of the text may have been cut."""
        if self._trouble >= _MOST_TROUBLE:
            return
        try:
            value, end = self._decoder.raw_decode(self._raw, self._position)
        except (ValueError, RecursionError):
            nested = self._raw.startswith(("{", "["), self._position)
            self._trouble += _TROUBLE_OF_NESTED if nested else 1
            return
        self._position = end
        if end < len(self._raw):
            found[name] = value


def _unescaped(text: str) -> str:
    """Return a text without its escapes; one that has others than JSON knows stays as it is."""
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text
