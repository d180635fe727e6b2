"""Which stanzas of props.conf apply to an event, and which of them wins.

After props.conf.spec: [source::…] over [host::…] over a sourcetype's stanza over [default]. Within one of these kinds
the stanza of the higher `priority` wins, 100 for a literal name and 0 for a pattern unless it is set; of equal ones the
first in ASCII order. Sources and sourcetypes are case-sensitive, hosts are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from standins.search.apps import Stanzas
from standins.search.conf import DEFAULT, Setting, integer
from standins.search.errors import KnowledgeError
from standins.search.settings import PROPS_INPUT

LITERAL_PRIORITY = 100
PATTERN_PRIORITY = 0

_WILDCARD = re.compile(r"\.\.\.|\*")
_TRANSLATED = re.compile(r"\.\.\.|\*|\.|\\\\")
_AS_REGEX = {"...": ".*", "*": "[^/]*", ".": r"\.", "\\\\": r"\\"}


@dataclass(frozen=True)
class Matcher:
    """A stanza of props.conf and what it is for: a kind (source, host or sourcetype) and a name or pattern."""

    stanza: str
    kind: str
    name: str
    pattern: re.Pattern[str] | None
    priority: int

    def matches(self, source: str, host: str, sourcetype: str) -> bool:
        """Return whether the stanza applies to an event of these."""
        value = {"source": source, "host": host, "sourcetype": sourcetype}[self.kind]
        if self.pattern is not None:
            return self.pattern.fullmatch(value) is not None
        return value.lower() == self.name.lower() if self.kind == "host" else value == self.name


def matcher(stanza: str, settings: Mapping[str, Setting]) -> Matcher:
    """Read the header of a stanza. Raises KnowledgeError for a pattern that is not a regular expression."""
    kind, separator, name = stanza.partition("::")
    if not separator:
        kind, name = "sourcetype", stanza
    if kind not in ("source", "host", "sourcetype"):
        raise KnowledgeError(f"[{stanza}]: not a sourcetype, a source or a host")
    pattern = _pattern(stanza, kind, name) if kind != "sourcetype" and _WILDCARD.search(name) else None
    own = settings.get("priority")
    usual = LITERAL_PRIORITY if pattern is None else PATTERN_PRIORITY
    return Matcher(stanza, kind, name, pattern, usual if own is None else integer(own, 0, 2**31 - 1))


class Properties:
    """The stanzas of props.conf, to look up the settings of an event."""

    def __init__(self, stanzas: Stanzas) -> None:
        self._stanzas = stanzas
        matchers = [matcher(stanza, settings) for stanza, settings in stanzas.items() if stanza != DEFAULT]
        rank = ("sourcetype", "host", "source")
        by_name = sorted(matchers, key=lambda one: one.stanza, reverse=True)
        self._matchers = sorted(by_name, key=lambda one: (rank.index(one.kind), one.priority))

    def stanza(self, sourcetype: str) -> Mapping[str, Setting]:
        """Return the settings of a sourcetype's own stanza."""
        return self._stanzas.get(sourcetype, {})

    def sourcetype_of(self, source: str) -> Setting | None:
        """Return the setting that gives a source its sourcetype if the input that reads it gives none."""
        found: Setting | None = None
        for one in self._matchers:
            if one.kind == "source" and one.matches(source, "", ""):
                found = self._stanzas[one.stanza].get("sourcetype", found)
        return found

    def of(self, *, source: str, host: str, sourcetype: str) -> dict[str, Setting]:
        """Return the settings for an event, by name, from the stanzas that apply to it."""
        settings = dict(self._stanzas.get(DEFAULT, {}))
        for one in self._matchers:
            if one.matches(source, host, sourcetype):
                settings.update(self._stanzas[one.stanza])
        for key in ("priority", *PROPS_INPUT):
            settings.pop(key, None)
        return settings


def _pattern(stanza: str, kind: str, name: str) -> re.Pattern[str]:
    """Return a name with "..." and "*" as a regular expression.

    The segments before the first one with a wildcard are literal; from there on, other constructs of regular
    expressions apply as well, except for ".", which is a dot.
    """
    first = _WILDCARD.search(name)
    start = name.rfind("/", 0, first.start() if first else 0) + 1
    literal, rest = name[:start], name[start:]
    text = re.escape(literal) + _TRANSLATED.sub(lambda found: _AS_REGEX[found.group()], rest)
    try:
        return re.compile(text, re.DOTALL | (re.IGNORECASE if kind == "host" else 0))
    except re.error as problem:
        raise KnowledgeError(f"[{stanza}]: not a pattern: {problem}") from None
