"""Regular expressions of conf files."""

from __future__ import annotations

from tests import pcre
from tests.searchtime.conf import Line
from tests.searchtime.errors import KnowledgeError


def compile_pcre(text: str, line: Line, *, prefix: str = "") -> pcre.Pattern:
    """Return a regular expression of a conf file. Raises KnowledgeError for one that is none."""
    try:
        return pcre.compile(prefix + text)
    except pcre.PatternError as problem:
        raise KnowledgeError(f"{line}: not a regular expression: {problem}") from None
