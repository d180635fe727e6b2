"""The text of a search for Splunk: each piece is made here, and a value gets in only as a literal in quotes.

What a value may hold is decided by what the add-on asks for: keys of connections, ids of packets, addresses, names of
fields and words. All of them consist of ASCII letters, digits and the marks `_ . : , -`. None of these means anything
inside the quotes of a search. Everything else is refused and not escaped: quotes and backslashes would end the literal,
`*` is a wildcard in it, backticks call a macro, `$name$` is a token of a dashboard or a saved search, brackets are a
subsearch, and line ends and control characters are read differently by different commands.

A `Piece` comes from a function of this module only, so the type checker finds a text that did not pass here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NewType

Piece = NewType("Piece", str)
"""A part of a search, or all of it."""

LONGEST_LITERAL = 17_000
"""Characters of a value: a thousand packet ids, each with a comma."""

_LITERAL = re.compile(r"[0-9A-Za-z_.:,-]{1,17000}\Z")
_NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_.]{0,99}\Z")
_SHOWN = 40


class Unquotable(ValueError):
    """A text that cannot be a literal or a name in a search; the exception's text is a sentence that quotes it."""


def quoted(value: str) -> Piece:
    """Return a value as a literal in quotes: at most `LONGEST_LITERAL` characters. Raises Unquotable."""
    if not isinstance(value, str) or not _LITERAL.match(value):
        raise Unquotable(
            f"{str(value)[:_SHOWN]!r} cannot stand in a search: letters, digits and the marks _ . : , - are accepted, "
            f"at most {LONGEST_LITERAL} characters."
        )
    return Piece(f'"{value}"')


def name(text: str) -> Piece:
    """Return the name of a field, an option, a command or a macro: at most 100 characters. Raises Unquotable."""
    if not isinstance(text, str) or not _NAME.match(text):
        raise Unquotable(
            f"{str(text)[:_SHOWN]!r} is not a name: begin with a letter or an underscore, followed by letters, digits, "
            "underscores or dots, at most 100 characters."
        )
    return Piece(text)


def term(field: str, value: str) -> Piece:
    """Return `field="value"`: a condition of the command search, or an option of any command. Raises Unquotable."""
    return Piece(f"{name(field)}={quoted(value)}")


def any_of(terms: Iterable[Piece]) -> Piece:
    """Return the condition that one of these holds."""
    return Piece(f"({' OR '.join(terms)})")


def all_of(terms: Iterable[Piece]) -> Piece:
    """Return the condition that all of these hold."""
    return Piece(f"({' '.join(terms)})")


def absent(field: str) -> Piece:
    """Return the condition of the command search that a field has no value. Raises Unquotable."""
    return Piece(f"NOT {name(field)}=*")


def not_null(field: str) -> Piece:
    """Return the condition of the command where that a field has a value. Raises Unquotable."""
    return Piece(f"isnotnull({name(field)})")


def names(fields: Iterable[str]) -> Piece:
    """Return names of fields, separated by commas. Raises Unquotable."""
    return Piece(", ".join(map(name, fields)))


def number(value: int) -> Piece:
    """Return a whole number, 0 or more. Raises Unquotable."""
    if not isinstance(value, int) or value < 0:
        raise Unquotable(f"{str(value)[:_SHOWN]!r} is not a whole number of 0 or more.")
    return Piece(str(int(value)))


def macro(called: str) -> Piece:
    """Return the call of a macro without arguments. Raises Unquotable."""
    return Piece(f"`{name(called)}`")


def command(called: str, *arguments: Piece) -> Piece:
    """Return a command with its arguments. Raises Unquotable."""
    return Piece(" ".join([name(called), *arguments]))


def pipeline(*commands: Piece) -> Piece:
    """Return a search: commands, each of which takes what the one before it yields."""
    return Piece(" | ".join(commands))
