"""Events in an index and the knowledge objects of apps, as data for searches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from standins.search import conf, spl
from standins.search.conf import Setting, boolean
from standins.search.errors import KnowledgeError
from standins.search.indexing import Indexed
from standins.search.knowledge import Knowledge
from standins.search.spl import Lookup, Macro


class Searched:
    """The data for `standins.search.spl.run`: events, and the macros, tables and saved searches of apps.

    `places` is the database of iplocation, the fields of places by network.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        events: Iterable[Indexed],
        searches: Mapping[str, str] | None = None,
        places: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.collected: list[spl.Row] = []
        self._knowledge = knowledge
        self._searches = searches or {}
        self._places = places
        self._written: dict[str, Lookup | None] = {}
        self._rows: list[spl.Row] = []
        self.summaries: dict[str, tuple[float, float]] = {}
        self.add(events)

    def add(self, events: Iterable[Indexed]) -> None:
        """Take further events into the index."""
        for one in events:
            found = self._knowledge.event(
                one.raw,
                sourcetype=one.sourcetype,
                source=one.source,
                host=one.host,
                index=one.index,
                time=one.time,
            )
            self._rows.append({**found.fields, "_time": one.time, "_indextime": one.indexed})

    def events(self) -> Iterator[spl.Row]:
        """Yield all events, each a row of its own."""
        for row in self._rows:
            yield dict(row)

    def macro(self, name: str, arity: int) -> Macro | None:
        """Return the macro of that name with that number of arguments."""
        settings = self._knowledge.macros.get(f"{name}({arity})" if arity else name)
        return macro(settings, arity) if settings else None

    def lookup(self, name: str) -> Lookup | None:
        """Return a lookup by the name of its definition."""
        if name in self._written:
            return self._written[name]
        found = self._knowledge.lookups.get(name)
        if found is None:
            return None
        return Lookup(
            fields=found.columns,
            rows=[row.cells for row in found.rows],
            match_types=found.match_types,
            case_sensitive=found.case_sensitive,
            min_matches=found.min_matches,
            max_matches=found.max_matches,
            default_match=found.default_match,
        )

    def savedsearch(self, name: str) -> str | None:
        """Return the text of a saved search."""
        return self._searches.get(name)

    def data_model(self, name: str) -> spl.DataModel | None:
        """Return a data model of CIM."""
        return spl.MODELS.get(name)

    def places(self) -> Mapping[str, Mapping[str, str]] | None:
        """Return the database of iplocation."""
        return self._places

    def collect(self, events: Sequence[spl.Row]) -> None:
        """Take events that collect writes: later searches find them, with their own time as the time of indexing."""
        self.collected.extend(events)
        self._rows.extend({"_indextime": one["_time"], **one} for one in events)

    def put_lookup(self, name: str, lookup: Lookup | None) -> None:
        """Take a table that outputlookup writes, None for one that it deletes; it replaces the table of the apps."""
        self._written[name] = lookup

    def data_models(self) -> Iterable[str]:
        """Return the names of the data models of CIM."""
        return spl.MODELS

    def summarized(self, model: str) -> tuple[float, float] | None:
        """Return the span of time (seconds since 1970) that `summaries` has for a data model."""
        return self.summaries.get(model)

    def calculated(self, field: str) -> bool:
        """Return whether a setting of the apps makes this field by an expression or a table."""
        return field in self._knowledge.calculated


def macro(settings: Mapping[str, Setting], arity: int) -> Macro:
    """Return a macro of macros.conf. Raises KnowledgeError if the number of its arguments is not the one in its
    name."""
    if "definition" not in settings:
        raise KnowledgeError(f"a macro of macros.conf has no definition: {sorted(settings)}")
    names = tuple(name.strip() for name in settings["args"].value.split(",")) if "args" in settings else ()
    if len(names) != arity:
        raise KnowledgeError(f"{settings['definition'].line}: {len(names)} names for {arity} arguments")
    return Macro(
        settings["definition"].value,
        names,
        settings["validation"].value if "validation" in settings else None,
        settings["errormsg"].value if "errormsg" in settings else "",
        "iseval" in settings and boolean(settings["iseval"]),
    )


def saved_searches(app: Path) -> dict[str, str]:
    """Return the saved searches that an app ships, by name."""
    content = conf.read(app / "default" / "savedsearches.conf", app.name, "default/savedsearches.conf")
    return {name: settings["search"].value for name, settings in content.stanzas.items() if "search" in settings}
