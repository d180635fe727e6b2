"""Takes the text of a search apart: words, quoted texts, quoted names, marks and subsearches in square brackets.

The search language has no published grammar. This tokenizer serves all commands; each command gives the tokens a
meaning and reads them with `Arguments`. Expressions of eval and where are read from the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import SplError

WORD = "word"
STRING = "string"
NAME = "name"
MARK = "mark"
SUBSEARCH = "subsearch"

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+)
    | (?P<string>"(?:\\.|[^"\\])*")
    | (?P<name>'(?:\\.|[^'\\])*')
    | (?P<mark><=|>=|!=|==|[|\[\](),=<>])
    | (?P<word>(?:[^\s"|\[\](),=<>!]|!(?!=))+)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED_QUOTE = re.compile(r'\\(["\\])')


@dataclass(frozen=True)
class Token:
    """A piece of a search. `text` of a quoted text is the part between the quotes, as written."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def unescaped(self) -> str:
        """The text, without the backslashes that escape quotes and backslashes."""
        return _ESCAPED_QUOTE.sub(r"\1", self.text) if self.kind == STRING else self.text

    def is_mark(self, *marks: str) -> bool:
        """Return whether this is one of these marks."""
        return self.kind == MARK and self.text in marks

    def is_word(self, *words: str) -> bool:
        """Return whether this is one of these words, in upper or lower case."""
        return self.kind == WORD and self.text.lower() in words


@dataclass(frozen=True)
class Command:
    """A command of a search: its name and its arguments, as tokens and as text."""

    name: str
    tokens: tuple[Token, ...]
    text: str
    offset: int


def tokenize(source: str) -> list[Token]:
    """Take a text apart. Raises SplError with the position of a quote or bracket that is not closed."""
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if not found:
            raise SplError(f"the quote at position {position} is not closed: {source[position : position + 40]!r}")
        kind, text = str(found.lastgroup), found.group()
        if text == "[":
            end = _closing(source, position)
            tokens.append(Token(SUBSEARCH, source[position + 1 : end - 1], position, end))
            position = end
            continue
        if text == "]":
            raise SplError(f"the bracket at position {position} closes nothing")
        if kind in (STRING, NAME):
            text = text[1:-1]
        if kind != "blank":
            tokens.append(Token(kind, text, position, found.end()))
        position = found.end()
    return tokens


def _closing(source: str, opening: int) -> int:
    depth, position = 0, opening
    while position < len(source):
        found = _TOKEN.match(source, position)
        if not found:
            break
        depth += {"[": 1, "]": -1}.get(found.group(), 0)
        position = found.end()
        if depth == 0:
            return position
    raise SplError(f"the bracket at position {opening} is not closed: {source[opening : opening + 40]!r}")


def commands(source: str, implied_search: bool) -> list[Command]:
    """Split a search into its commands. At the beginning of a complete search the command search may be left out."""
    pieces: list[list[Token]] = [[]]
    for token in tokenize(source):
        if token.is_mark("|"):
            pieces.append([])
        else:
            pieces[-1].append(token)
    first, *others = pieces
    if not first:
        if not others:
            raise SplError("the search is empty")
        return [_command(source, piece) for piece in others]
    if implied_search and first[0].text != "search":
        return [_named("search", source, first, first[0].start), *(_command(source, piece) for piece in others)]
    return [_command(source, piece) for piece in pieces]


def _command(source: str, piece: Sequence[Token]) -> Command:
    if not piece:
        raise SplError("there is nothing between two pipes, or after the last one")
    name = piece[0]
    if name.kind != WORD:
        raise SplError(f"{name.text!r} is not the name of a command")
    return _named(name.text, source, piece[1:], name.end)


def _named(name: str, source: str, tokens: Sequence[Token], start: int) -> Command:
    end = tokens[-1].end if tokens else start
    return Command(name, tuple(tokens), source[start:end], start)
