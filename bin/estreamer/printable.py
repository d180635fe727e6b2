"""Text from outside in a form that can be shown anywhere: in an answer, a log line, a state file, an exception.

Whoever runs a server, issues a certificate or writes a conf file chooses texts. Such a text must not forge a line or a
field of a log, must not hide or reorder what stands next to it, and must not hold what XML or a library cannot write:
one NUL in a value costs the complete answer of a REST endpoint. So every character that is not printable becomes an
escape such as `\\n`, `\\x00` or `\\u202e`: control characters (C0, C1), separators of lines and paragraphs, marks of
direction and other invisible characters, lone surrogates, and what is not a character at all. The result is never
longer than a limit, in characters.
"""

from __future__ import annotations

LONGEST = 2000
"""Characters of a sentence for a user. The longest of our own have some 600."""

LONGEST_NAME = 300
"""Characters of a name in a certificate."""

GAP = " ... "
"""Stands where the middle of a text is left out."""

_SHORTEST = 2 * len(GAP)


def line(value: object, limit: int = LONGEST) -> str:
    """Return a value as printable text in one line; of a longer text than `limit` (at least 10) the middle is left out.

    A printable text is returned as it is, so that a text may pass here more than once.
    """
    return _bounded(value, limit, "")


def lines(value: object, limit: int) -> str:
    """Return a value as `line` does, with its tabs and line feeds: for settings that users write in several lines."""
    return _bounded(value, limit, "\t\n")


def shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters (at least 10): of a longer one the middle is left out."""
    if len(text) <= limit:
        return text
    rest = max(limit, _SHORTEST) - len(GAP)
    return text[: rest - rest // 2] + GAP + text[len(text) - rest // 2 :]


def escaped(text: str, kept: str = "") -> str:
    """Return a text with escapes for what is not printable, apart from the characters in `kept`.

    The result has up to ten times as many characters; a caller that bounds it must not cut an escape in two where that
    changes what stands behind it.
    """
    if text.isprintable():
        return text
    return "".join([one if one.isprintable() or one in kept else _escape(one) for one in text])


def as_xml(value: object, limit: int = LONGEST) -> str:
    """Return a value as `line` does, as the text of an XML element.

    The standard library's own way imports a complete web client.
    """
    return line(value, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _bounded(value: object, limit: int, kept: str) -> str:
    text = value if isinstance(value, str) else str(value)
    return shortened(escaped(shortened(text, limit), kept), limit)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
