"""One row of a mapping table: an event, and what a search has to find of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from standins.fmc.events import sample
from standins.search import Indexed, Knowledge
from standins.search.knowledge import Event

SOURCETYPE = "cisco:sfw:estreamer"
SOURCE = "estreamer_fqe://fmc"
OTHER_SOURCE = "/var/log/fmc/events.json"
"""Where the same events may come from that our input does not bring."""

HOST = "fmc.example.com"

ABSENT = None
"""In an event: the field is left out. In what is expected: a search must not find the field."""

Expected = Mapping[str, Optional[str]]


@dataclass(frozen=True)
class Case:
    """An event and what is to be found of it: fields by name, and its event types and tags unless they are None."""

    name: str
    raw: str
    fields: Expected
    eventtypes: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    source: str = SOURCE

    def __str__(self) -> str:
        return self.name


def connection(**changes: Any) -> str:
    """Return the real connection event as text, with these fields changed, added or left out."""
    return text(sample("connection_event"), changes)


def intrusion(**changes: Any) -> str:
    """Return the real intrusion event as text, with these fields changed, added or left out."""
    return text(sample("intrusion_event"), changes)


def file(**changes: Any) -> str:
    """Return the real file event as text, with these fields changed, added or left out."""
    return text(sample("file_event"), changes)


def packet(**changes: Any) -> str:
    """Return a packet as text: the key fields that all events share, since no more of a real one is known."""
    key = ("EventSecond", "DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID")
    event = sample("intrusion_event")
    return text({"EventType": "IntrusionPacket", **{name: event[name] for name in key}}, changes)


def text(event: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    """Return an event in the spacing of the wire."""
    changed = {name: value for name, value in {**event, **changes}.items() if value is not ABSENT}
    return json.dumps(changed, separators=(", ", ":"), ensure_ascii=False)


def case(name: str, raw: str, **fields: str | None) -> Case:
    """Return a case of fields only."""
    return Case(name, raw, fields)


def found(knowledge: Knowledge, raw: str, source: str = SOURCE) -> Event:
    """Return an event as a search finds it."""
    return knowledge.event(raw, sourcetype=SOURCETYPE, source=source, host=HOST, time=1743500734)


def arrived(raw: str, time: float, indexed: float) -> Indexed:
    """Return an event of our input in the index, with its time and that of its arrival (seconds since 1970)."""
    return Indexed(raw, time, indexed, SOURCETYPE, SOURCE, HOST, "main")


def differences(knowledge: Knowledge, one: Case) -> list[str]:
    """Return what a search finds otherwise than the case says, a sentence each."""
    event = found(knowledge, one.raw, one.source)
    wrong = [
        f"{name} is {event.fields.get(name)!r}, not {wanted!r}"
        for name, wanted in one.fields.items()
        if event.fields.get(name) != wanted
    ]
    for what, wanted, have in (("event types", one.eventtypes, event.eventtypes), ("tags", one.tags, event.tags)):
        if wanted is not None and sorted(wanted) != sorted(have):
            wrong.append(f"{what} are {have}, not {wanted}")
    return wrong
