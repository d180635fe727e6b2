"""Event types and tags, after eventtypes.conf.spec and tags.conf.spec."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from standins.search.apps import Stanzas
from standins.search.conf import DEFAULT, Line, Setting, boolean, integer
from standins.search.errors import KnowledgeError
from standins.search.rows import Row, Value
from standins.search.spl import SplError
from standins.search.spl.predicates import Predicate
from standins.search.spl.terms import terms

_FIELD_IN_NAME = re.compile(r"%([^%]+)%")
_MACRO = re.compile(r"`([^`]*)`")
_LAST_PRIORITY = 10


@dataclass(frozen=True)
class EventType:
    """An event type: a name, in which %field% stands for a field's value, and the test that an event must pass."""

    name: str
    lines: tuple[Line, ...]
    test: Predicate
    priority: int

    def of(self, row: Row, seen: Mapping[str, Value]) -> str | None:
        """Return the name for an event, None when it is not of this type. `seen` is what `beginnings` returns."""
        if not self.test(seen):
            return None
        row.used.update(self.lines)
        return _FIELD_IN_NAME.sub(lambda found: ",".join(row.values(found.group(1))) or found.group(), self.name)


def beginnings(row: Row, characters: int) -> Mapping[str, Value]:
    """Return an event's fields as event types see them: only their first characters (limits.conf, [typer] maxlen)."""
    if not characters:
        return row.fields
    return {
        field: value[:characters] if isinstance(value, str) else tuple(text[:characters] for text in value)
        for field, value in row.fields.items()
    }


def event_types(stanzas: Stanzas, macros: Stanzas) -> tuple[EventType, ...]:
    """Return the event types that are not switched off, by priority and name. Raises KnowledgeError."""
    usual = stanzas.get(DEFAULT, {})
    made = [
        _event_type(name, {**usual, **settings}, macros)
        for name, settings in stanzas.items()
        if name != DEFAULT and not _is_off({**usual, **settings})
    ]
    return tuple(sorted(made, key=lambda one: (one.priority, one.name)))


@dataclass(frozen=True)
class Tag:
    """A tag of a field's value."""

    field: str
    value: str
    tag: str
    line: Line


def tags(stanzas: Stanzas) -> tuple[Tag, ...]:
    """Return the tags that are switched on. The value in a header may be written as in a URL. Raises KnowledgeError."""
    made: list[Tag] = []
    for stanza, settings in stanzas.items():
        field, _, value = stanza.partition("=")
        made.extend(
            Tag(field.strip(), unquote(value.strip()), tag, setting.line)
            for tag, setting in settings.items()
            if _is_on(setting)
        )
    return tuple(made)


def tags_of(row: Row, known: Iterable[Tag]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return an event's tags by field and value, and note their lines as used."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in known:
        if one.value in row.values(one.field):
            row.used.add(one.line)
            found[one.field, one.value] = (*found.get((one.field, one.value), ()), one.tag)
    return found


def _event_type(name: str, settings: Mapping[str, Setting], macros: Stanzas) -> EventType:
    if "search" not in settings:
        raise KnowledgeError(f"eventtypes.conf: [{name}] has no search")
    search = settings["search"]
    text = _expanded(search, macros)
    test = _test(search, text)
    priority = integer(settings["priority"], 1, _LAST_PRIORITY) if "priority" in settings else _LAST_PRIORITY
    return EventType(name, (search.line,), test, priority)


def _test(search: Setting, text: str) -> Predicate:
    """Return the test of an event that the terms of a search make. Raises KnowledgeError for other than terms."""
    try:
        test, fields = terms(text)
    except SplError as problem:
        raise KnowledgeError(f"{search.line}: {problem}") from None
    if any(field in ("eventtype", "tag") or field.startswith("tag::") for field in fields):
        raise KnowledgeError(f"{search.line}: event types come before tags, and in no order among each other: {text}")
    return test


def _expanded(search: Setting, macros: Stanzas) -> str:
    def definition(found: re.Match[str]) -> str:
        settings = macros.get(found.group(1).strip(), {})
        if "definition" not in settings or "(" in found.group(1):
            raise KnowledgeError(
                f"{search.line}: macros.conf has no [{found.group(1)}], or one that is not played here"
            )
        return f"({settings['definition'].value})"

    return _MACRO.sub(definition, search.value)


def _is_off(settings: Mapping[str, Setting]) -> bool:
    return "disabled" in settings and boolean(settings["disabled"])


def _is_on(setting: Setting) -> bool:
    if setting.value not in ("enabled", "disabled"):
        raise KnowledgeError(f"{setting.line}: neither enabled nor disabled: {setting.value}")
    return setting.value == "enabled"
