"""Regular expressions as Splunk writes them (PCRE), compiled with Python's.

What Python cannot express is refused by name, unless the module `regex` is installed, which can express more of it.
`\\d`, `\\w` and their kind mean ASCII, as in PCRE by default.
"""

from __future__ import annotations

import functools
import re
from typing import Any

try:
    import regex
except ImportError:
    regex = None  # type: ignore[assignment]

from .values import EvalError

_RECURSION_OR_ATOMIC = re.compile(r"\(\?(?:>|\d+\))")
_NOT_IN_PYTHON = re.compile(r"(?<!\\)(?:\\\\)*(\\[KRGXCQEhHvVpP]|\(\?[>|&R+]|\(\*|\[\[:|(?<=[*+?}])\+)")
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")


@functools.lru_cache(maxsize=4096)
def pattern(source: str) -> re.Pattern[str]:
    """Compile a regular expression. Raises EvalError when it is wrong or cannot be expressed."""
    if regex is not None and _RECURSION_OR_ATOMIC.search(source):
        return _by_regex(source)
    unsupported = _NOT_IN_PYTHON.search(source)
    if unsupported:
        raise EvalError(f"cannot express {unsupported.group(1)!r} of the regular expression {source!r}")
    try:
        return re.compile(_NAMED_GROUP.sub("(?P<", source), re.ASCII)
    except re.error as error:
        raise EvalError(f"the regular expression {source!r} is wrong: {error}") from error


def _by_regex(source: str) -> Any:
    try:
        return regex.compile(source, regex.ASCII)
    except regex.error as error:
        raise EvalError(f"the regular expression {source!r} is wrong: {error}") from error


@functools.lru_cache(maxsize=4096)
def replacement(source: str) -> str:
    """Turn a replacement text with `\\1` into Python's, where no other escape means anything."""
    return re.sub(r"\\(?!\d)", r"\\\\", re.sub(r"\\(\d)(?=\d)", r"\\g<\1>", source))


@functools.lru_cache(maxsize=4096)
def like_pattern(source: str) -> re.Pattern[str]:
    """Compile a LIKE pattern: `%` stands for any text, `_` for one character."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in source), re.DOTALL)
