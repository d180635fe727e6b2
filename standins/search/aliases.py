"""FIELDALIAS- settings, after props.conf.spec.

Aliases are separated by blanks or commas. "a AS b" gives b the value of a, whatever b was; without a value of a, b is
removed. "a ASNEW b" changes nothing in an event that has b.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from standins.search.conf import Line, Setting
from standins.search.errors import KnowledgeError
from standins.search.extraction import unquoted
from standins.search.rows import Row

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s",]+|,')


@dataclass(frozen=True)
class Alias:
    """One alias of a setting."""

    original: str
    alias: str
    keeps: bool


@dataclass(frozen=True)
class Aliases:
    """A FIELDALIAS- setting: aliases in the order in which they are written."""

    line: Line
    aliases: tuple[Alias, ...]

    def apply(self, row: Row) -> None:
        """Give an event the aliases, and remove those whose original the event does not have."""
        for one in self.aliases:
            value = row.fields.get(one.original)
            if one.keeps and (one.alias in row.fields or value is None):
                continue
            if value is not None:
                row.fields[one.alias] = value
                row.used.add(self.line)
            else:
                row.fields.pop(one.alias, None)


def aliases(setting: Setting) -> Aliases:
    """Read a FIELDALIAS- setting. Raises KnowledgeError, also if two aliases have the same name."""
    words = [word for word in _WORD.findall(setting.value) if word != ","]
    if not words or len(words) % 3 or any(word.upper() not in ("AS", "ASNEW") for word in words[1::3]):
        raise KnowledgeError(f"{setting.line}: not <field> AS|ASNEW <field>: {setting.value}")
    made = tuple(
        Alias(unquoted(original), unquoted(alias), how.upper() == "ASNEW")
        for original, how, alias in zip(words[::3], words[1::3], words[2::3])
    )
    if len({one.alias for one in made}) < len(made):
        raise KnowledgeError(f"{setting.line}: of two aliases of one name only one takes effect")
    return Aliases(setting.line, made)
