"""Regular expressions as Splunk reads them (PCRE), and LIKE patterns."""

from __future__ import annotations

import functools
import re

from standins.search import pcre

from .values import EvalError


def pattern(source: str) -> pcre.Pattern:
    """Compile a regular expression. Raises EvalError when it is wrong."""
    try:
        return pcre.compile(source)
    except pcre.PatternError as error:
        raise EvalError(f"the regular expression {source!r} is wrong: {error}") from error


def substitute(subject: str, source: str, new: str) -> str:
    r"""Replace all that a regular expression matches; `\1` is a group. Raises EvalError when one of them is wrong."""
    compiled = pattern(source)
    try:
        return compiled.sub(new, subject)
    except pcre.PatternError as error:
        raise EvalError(f"the replacement {new!r} is wrong: {error}") from error


@functools.lru_cache(maxsize=4096)
def like_pattern(source: str) -> re.Pattern[str]:
    """Compile a LIKE pattern: `%` stands for any text, `_` for one character."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in source), re.DOTALL)
