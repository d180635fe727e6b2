"""Reads the arguments of a command: options, lists of fields, names, renames and subsearches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .errors import SplError
from .tokens import MARK, NAME, STRING, SUBSEARCH, WORD, Command, Token

_BOOLEANS = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}


def boolean(text: str) -> bool:
    """Read true or false as the options of commands write them."""
    if text.lower() not in _BOOLEANS:
        raise ValueError("is neither true nor false")
    return _BOOLEANS[text.lower()]


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a reader of one of these words."""

    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"is none of {', '.join(allowed)}")
        return text.lower()

    return read


def wildcard(pattern: str) -> re.Pattern[str]:
    """Compile the name of a field with `*` in it; each `*` is a group."""
    return re.compile("(.*)".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def substituted(name: str, matched: re.Match[str]) -> str:
    """Replace the wildcards of this name by the texts that the wildcards of another name stood for."""
    for part in matched.groups():
        name = name.replace("*", part, 1)
    return name


def expand(patterns: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Replace each name with `*` by the fields that it stands for; fields that begin with `_` need to be named so."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if "*" not in pattern:
            found[pattern] = None
            continue
        compiled = wildcard(pattern)
        for field in fields:
            if compiled.fullmatch(field) and field.startswith("_") <= pattern.startswith("_"):
                found[field] = None
    return list(found)


Options = dict[str, Callable[[str], Any]]


class Arguments:
    """The arguments of one command, read from left to right. `finish` refuses everything that was not read."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.tokens = list(command.tokens)

    def fail(self, message: str) -> SplError:
        """Make an error that names the command."""
        return SplError(f"{self.command.name}: {message}")

    def __bool__(self) -> bool:
        return bool(self.tokens)

    def peek(self) -> Token | None:
        """Return the next token without taking it."""
        return self.tokens[0] if self.tokens else None

    def take(self) -> Token:
        """Return the next token."""
        if not self.tokens:
            raise self.fail("something is missing at the end")
        return self.tokens.pop(0)

    def mark(self, *marks: str) -> bool:
        """Take the next token if it is one of these marks."""
        if self.tokens and self.tokens[0].is_mark(*marks):
            self.tokens.pop(0)
            return True
        return False

    def word(self, *words: str) -> str | None:
        """Take the next token if it is one of these words; return it in lower case."""
        if self.tokens and self.tokens[0].is_word(*words):
            return self.tokens.pop(0).text.lower()
        return None

    def name(self) -> str:
        """Take the name of a field."""
        token = self.take()
        if token.kind not in (WORD, STRING, NAME):
            raise self.fail(f"{token.text!r} stands where a name should")
        return token.unescaped

    def count(self, default: int) -> int:
        """Take a whole number if one is next."""
        if self.tokens and self.tokens[0].kind == WORD and self.tokens[0].text.isdigit():
            return int(self.take().text)
        return default

    def names(self, *stop: str) -> list[str]:
        """Take names, separated by commas or blanks, up to one of these words, a mark or the end."""
        found = []
        while self.tokens and not self.tokens[0].is_word(*stop):
            if self.mark(","):
                continue
            if self.tokens[0].kind not in (WORD, STRING, NAME):
                break
            found.append(self.name())
        return found

    def renamed(self, default: str) -> str:
        """Take `as name` if it is next."""
        return self.name() if self.word("as") else default

    def subsearch(self) -> str:
        """Take a subsearch; return its text."""
        token = self.take()
        if token.kind != SUBSEARCH:
            raise self.fail(f"{token.text!r} stands where a subsearch in square brackets should")
        return token.text

    def options(self, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
        """Take every `name=value` outside parentheses. Raises SplError for a name or a value that is not known."""
        found: dict[str, Any] = {}
        rest: list[Token] = []
        depth = 0
        while self.tokens:
            token = self.tokens.pop(0)
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == MARK else 0
            if depth == 0 and token.kind == WORD and self.mark("="):
                found[token.text.lower()] = self._option(token.text, known)
            else:
                rest.append(token)
        self.tokens = rest
        return found

    def _option(self, name: str, known: Mapping[str, Callable[[str], Any]]) -> Any:
        if name.lower() not in known:
            raise self.fail(f"unknown option {name}")
        value = self.name()
        try:
            return known[name.lower()](value)
        except ValueError as error:
            raise self.fail(f"the value {value!r} of the option {name} is not understood: {error}") from error

    def call(self) -> tuple[str, list[Token], str]:
        """Take `function(...)`: its name, the tokens in the parentheses, and the text in them."""
        name = self.take()
        if name.kind != WORD:
            raise self.fail(f"{name.text!r} stands where a function should")
        opening = self.peek()
        if opening is None or not opening.is_mark("(") or opening.start != name.end:
            return name.text, [], ""
        inner, end = self.parenthesised()
        text = self.command.text[opening.end - self.command.offset : end - self.command.offset]
        return name.text, inner, text

    def parenthesised(self) -> tuple[list[Token], int]:
        """Take the tokens in parentheses; return them, and the position of the closing one."""
        self.take()
        depth = 1
        inner: list[Token] = []
        while self.tokens:
            token = self.tokens.pop(0)
            if token.kind == MARK:
                depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                return inner, token.start
            inner.append(token)
        raise self.fail("a parenthesis is not closed")

    def rest(self) -> str:
        """Take the rest, as text."""
        if not self.tokens:
            return ""
        start = self.tokens[0].start - self.command.offset
        end = self.tokens[-1].end - self.command.offset
        self.tokens = []
        return self.command.text[start:end]

    def split_at(self, *words: str) -> list[Token] | None:
        """Cut off the tokens that follow one of these words outside parentheses; None without such a word."""
        depth = 0
        for index, token in enumerate(self.tokens):
            if token.kind == MARK:
                depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0 and token.is_word(*words):
                following = self.tokens[index + 1 :]
                self.tokens = self.tokens[:index]
                return following
        return None

    def finish(self) -> None:
        """Raise SplError for the first thing that was not read."""
        if self.tokens:
            raise self.fail(f"{self.tokens[0].text!r} is not understood")


def by_commas(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Split tokens at the commas that stand outside parentheses."""
    piece: list[Token] = []
    depth = 0
    for token in tokens:
        if token.kind == MARK:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.is_mark(","):
            yield piece
            piece = []
        else:
            piece.append(token)
    yield piece
