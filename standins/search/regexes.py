"""Regular expressions of conf files."""

from __future__ import annotations

from standins.search import pcre
from standins.search.conf import Line
from standins.search.errors import KnowledgeError


def compile_pcre(text: str, line: Line, *, prefix: str = "") -> pcre.Pattern:
    """Return a regular expression of a conf file. Raises KnowledgeError if the text is not a regular expression."""
    try:
        return pcre.compile(prefix + text)
    except pcre.PatternError as problem:
        raise KnowledgeError(f"{line}: not a regular expression: {problem}") from None
