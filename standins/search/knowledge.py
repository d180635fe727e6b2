"""The knowledge objects in the conf files of apps, and their effect on an event.

The order of operations in a search is that of Splunk's Knowledge Manager Manual, "The sequence of search-time
operations": EXTRACT, REPORT, automatic extraction, FIELDALIAS, EVAL, LOOKUP, event types, tags; each kind in ASCII
order of its classes. All EVAL settings see the fields as they are before any of them. Splunk does not support automatic
lookups that build on one another ("Make your lookup automatic"): they are refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from standins.search.apps import Apps, Stanzas
from standins.search.automatic import Limits, extract_json
from standins.search.conf import Line
from standins.search.errors import KnowledgeError
from standins.search.eventtypes import beginnings, event_types, tags, tags_of
from standins.search.extraction import Extract, Report
from standins.search.indexing import Indexed, Indexing
from standins.search.lookups import Lookup, is_lookup, lookup
from standins.search.operations import Operations, Plan
from standins.search.rows import Row, Value
from standins.search.settings import PROPS_INERT
from standins.search.stanzas import Properties

_INERT = {
    "props": PROPS_INERT | {"priority"},
    "eventtypes": frozenset(["disabled", "priority", "description", "color"]),
    "macros": frozenset(["definition", "args", "iseval", "validation", "errormsg", "description"]),
}


@dataclass(frozen=True)
class Event:
    """An event as a search finds it. `fields` also has the event's own: _raw, _time, host and so on, as text.

    `tags` has the tags of all fields; `tags_of` has them by field and value.
    """

    fields: Mapping[str, Value]
    eventtypes: tuple[str, ...]
    tags: tuple[str, ...]
    tags_of: Mapping[tuple[str, str], tuple[str, ...]]


class Knowledge:
    """The knowledge objects in the conf files of one or more apps.

    `lines` is everything in the files that can take effect, `used` the part that has had an effect in `index` and
    `event`.
    """

    def __init__(self, apps: Apps, limits: Limits) -> None:
        self._apps = apps
        self._limits = limits
        self._props = Properties(apps.for_search("props"))
        self._props_of_indexing = Properties(apps.for_indexing("props"))
        transforms = apps.for_search("transforms")
        self.macros: Stanzas = apps.for_search("macros")
        self.lookups: Mapping[str, Lookup] = {
            name: lookup(name, settings, apps) for name, settings in transforms.items() if is_lookup(settings)
        }
        self._operations = Operations.read(apps.for_search("props"), transforms, self.lookups)
        self._event_types = event_types(apps.for_search("eventtypes"), self.macros)
        self._tags = tags(apps.for_search("tags"))
        self._plans: dict[tuple[str, str, str], Plan] = {}
        self.used: set[Line] = set()
        self.lines: frozenset[Line] = frozenset(self._all_lines())
        for settings in apps.for_indexing("props").values():
            if "SHOULD_LINEMERGE" in settings:
                Indexing(settings)

    @property
    def calculated(self) -> frozenset[str]:
        """Return the fields that expressions and tables make, of any source type."""
        return self._operations.calculated

    @classmethod
    def read(cls, *apps: Path, current: str | None = None, limits: Limits | None = None) -> Knowledge:
        """Read these apps, given by the folders that hold their default/.

        `current` is the app that searches run in, by default one that is not among these. Raises KnowledgeError for
        anything that is not understood.
        """
        return cls(Apps.read(apps, current), limits or Limits())

    @property
    def unused(self) -> tuple[Line, ...]:
        """Return the lines without an effect so far, sorted."""
        return tuple(sorted(self.lines - self.used))

    def index(
        self,
        data: bytes,
        *,
        sourcetype: str | None,
        source: str,
        host: str,
        index: str = "main",
        now: float,
        input_time: float | None = None,
    ) -> list[Indexed]:
        """Split data into events. Times are in seconds since 1970, `input_time` is `now` by default.

        `input_time` is the time that the input reports: the time of a file's last change, or a modular input's <time>.
        `sourcetype` is None if the input sets none. Raises KnowledgeError if no setting for the source sets one either.
        """
        if sourcetype is None:
            sourcetype = self._sourcetype_of(source)
        settings = self._props_of_indexing.of(source=source, host=host, sourcetype=sourcetype)
        indexing = Indexing(settings)
        told = now if input_time is None else input_time
        events = [
            Indexed(raw, time, now, sourcetype, source, host, index)
            for raw, time in indexing.events(data, now=now, input_time=told)
        ]
        self.used |= indexing.used
        return events

    def event(
        self,
        raw: str,
        *,
        sourcetype: str,
        source: str,
        host: str,
        index: str = "main",
        time: float,
        now: float | None = None,
    ) -> Event:
        """Return an event as a search finds it. `now` is what EVAL- settings see as now(), by default the event's time.

        Raises KnowledgeError where Splunk's documents leave the result open.
        """
        row = Row(
            {
                "_raw": raw,
                "_time": f"{time:.6f}".rstrip("0").rstrip("."),
                "host": host,
                "source": source,
                "sourcetype": sourcetype,
                "index": index,
                "linecount": str(raw.count("\n") + 1),
            }
        )
        self._rename(row)
        plan = self._plan(source, host, str(row.fields["sourcetype"]))
        self._derive(row, plan, raw, time if now is None else now)
        found = self._typed(row)
        self.used |= row.used
        return found

    def _rename(self, row: Row) -> None:
        """Give an event the sourcetype that its own is renamed to; only the search-time settings of that sourcetype
        apply."""
        sourcetype = row.fields["sourcetype"]
        rename = self._props.stanza(str(sourcetype)).get("rename")
        if rename is not None:
            row.fields.update(_sourcetype=sourcetype, sourcetype=rename.value)
            row.used.add(rename.line)

    def _derive(self, row: Row, plan: Plan, raw: str, now: float) -> None:
        """Add to an event the fields of all operations before event types."""
        extractions: tuple[Extract | Report, ...] = (*plan.extracts, *plan.reports)
        for extraction in extractions:
            extraction.apply(row)
        if plan.kv_mode.value == "none" or extract_json(row, raw, self._limits):
            row.used.add(plan.kv_mode.line)
        for alias in plan.aliases:
            alias.apply(row)
        calculated = [(one.field, one.values(row, now)) for one in plan.calculations]
        for field, found in calculated:
            row.put(field, found)
        for one in plan.lookups:
            one.apply(row)

    def _typed(self, row: Row) -> Event:
        """Return an event with its event types and tags."""
        seen = beginnings(row, self._limits.event_type_characters)
        types = [name for name in (one.of(row, seen) for one in self._event_types) if name is not None]
        row.put("eventtype", types)
        by_value = tags_of(row, self._tags)
        all_tags = sorted({tag for found in by_value.values() for tag in found})
        row.put("tag", all_tags)
        for field in sorted({field for field, _ in by_value}):
            own = sorted({tag for (name, _), found in by_value.items() if name == field for tag in found})
            row.put(f"tag::{field}", own)
        return Event(MappingProxyType(row.fields), tuple(types), tuple(all_tags), MappingProxyType(by_value))

    def _sourcetype_of(self, source: str) -> str:
        found = self._props_of_indexing.sourcetype_of(source)
        if found is None:
            raise KnowledgeError(f"{source} has no sourcetype: recognising one is not played")
        self.used.add(found.line)
        return found.value

    def _plan(self, source: str, host: str, sourcetype: str) -> Plan:
        key = (source, host, sourcetype)
        if key not in self._plans:
            settings = self._props.of(source=source, host=host, sourcetype=sourcetype)
            self._plans[key] = self._operations.plan(settings)
        return self._plans[key]

    def _all_lines(self) -> Iterator[Line]:
        for app in self._apps.apps:
            for line in app.lines():
                if line.key not in _INERT.get(line.conf, frozenset()):
                    yield line
        for one in self.lookups.values():
            for row in one.rows:
                yield row.line
