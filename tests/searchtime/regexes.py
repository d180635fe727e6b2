"""Splunk's regular expressions (PCRE) by Python's: what reads the same in both, and nothing else.

PCRE's limits on work (MATCH_LIMIT, DEPTH_LIMIT) are not played: an expression that comes near them may match here and
not in Splunk.
"""

from __future__ import annotations

import re
import warnings

from tests.searchtime.conf import Line
from tests.searchtime.errors import KnowledgeError

_NAMED = re.compile(r"\\.|\(\?(?:<(?P<angled>[A-Za-z_]\w*)>|'(?P<quoted>[A-Za-z_]\w*)')", re.DOTALL)
_DIFFERENT = re.compile(
    r"\\[^KRXGQEzZhHvVNpPCgkoc]|(?P<different>\\.|\(\?(?:[R&0-9+|]|P>)|\(\*|\[\[:)",
    re.DOTALL,
)


def _as_python_names(found: re.Match[str]) -> str:
    name = found.group("angled") or found.group("quoted")
    return f"(?P<{name}>" if name else found.group()


def compile_pcre(text: str, line: Line, *, prefix: str = "") -> re.Pattern[str]:
    r"""Return a regular expression of a conf file. Raises KnowledgeError for one that is none, or reads otherwise here.

    Character classes as \w are those of ASCII, as in PCRE without its Unicode option.
    """
    for found in _DIFFERENT.finditer(text):
        if found.group("different"):
            raise KnowledgeError(f"{line}: {found.group()} in a regular expression is not played")
    named = _NAMED.sub(_as_python_names, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(prefix + named, re.ASCII)
    except (re.error, Warning) as problem:
        raise KnowledgeError(f"{line}: not a regular expression: {problem}") from None
