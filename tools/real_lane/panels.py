"""The searches of the dashboards, run as the dashboards run them when they are opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from standins.dashboards import Part, View, read_views, resolve, results, tokens

from .searches import Done, Searches

SETUP_CHECK = "setup_check"

EMPTY = ("Missing key fields", "Values that no table knows")
"""Searches of the setup check that find nothing where nothing is wrong. Elsewhere the field `result` says so."""

TYPES = "Events of each type"
"""The search of the setup check that has a row for each event type."""


@dataclass(frozen=True)
class Ran:
    """A data source of a dashboard, and its outcome. `waits` names the tokens that it waits for, "" for none."""

    dashboard: str
    name: str
    done: Done
    waits: str = ""

    def told(self) -> str:
        """Return a line about it."""
        what = f"{self.dashboard}: {self.name}"
        if self.waits:
            return f"{what}: not run, since it waits for {self.waits}"
        if self.done.problem:
            return f"{what}: {self.done.problem}"
        return f"{what}: {len(self.done.rows)} rows in {self.done.seconds:.1f} s"

    def as_json(self) -> dict[str, Any]:
        """Return what the report says about it."""
        return {
            "dashboard": self.dashboard,
            "search": self.name,
            "seconds": round(self.done.seconds, 3),
            "rows": len(self.done.rows),
            "problem": self.done.problem,
            "waits_for": self.waits,
        }


class Opened:
    """A dashboard as it opens, with `values` for tokens that it waits for: each search is run once."""

    def __init__(self, view: View, searches: Searches, values: Mapping[str, str]) -> None:
        self._view = view
        self._searches = searches
        self._tokens = {**values, **view.defaults()}
        self._ran: dict[str, Ran] = {}

    def run(self) -> Iterator[Ran]:
        """Run every search, and yield the outcome of each."""
        for part in self._view.data_sources:
            yield self._run(part)

    def _run(self, part: Part) -> Ran:
        if part.name not in self._ran:
            name = str(part.content["name"])
            base, text = self._whole(part)
            values = {**self._tokens, **self._told_by_results(text)}
            times = {key: resolve(value, values) for key, value in self._times(base).items()}
            waiting = sorted(tokens([text, *times.values()]) - set(values))
            if waiting:
                self._ran[part.name] = Ran(self._view.name, name, Done(0.0), ", ".join(waiting))
            else:
                done = self._searches.run(resolve(text, values), times.get("earliest", "0"), times.get("latest", ""))
                self._ran[part.name] = Ran(self._view.name, name, done)
        return self._ran[part.name]

    def _whole(self, part: Part) -> tuple[Part, str]:
        """Return the search that a data source begins with, and its text with those that follow from it."""
        following: list[str] = []
        while part.kind == "ds.chain":
            following.insert(0, str(part.options["query"]))
            part = self._view.data_source(part.options["extend"])
        return part, " ".join([str(part.options["query"]), *following])

    def _times(self, base: Part) -> dict[str, str]:
        """Return the time range of a search, as the definition has it: its own, or that of its kind, or of all."""
        stated = self._view.definition.get("defaults", {}).get("dataSources", {})
        found: dict[str, str] = {}
        for kind in ("global", base.kind):
            found.update(stated.get(kind, {}).get("options", {}).get("queryParameters", {}))
        found.update(base.options.get("queryParameters", {}))
        return found

    def _told_by_results(self, text: str) -> dict[str, str]:
        """Return the tokens of a text that the first row of another search sets, as far as it has one."""
        found = {}
        for name, (source, field) in results(text).items():
            rows = self._run(self._view.results[source]).done.rows
            if rows and field in rows[0]:
                found[name] = str(rows[0][field])
        return found


def open_all(searches: Searches, values: Mapping[str, str]) -> Iterator[Ran]:
    """Run the searches of all dashboards, and yield the outcome of each."""
    for view in read_views().values():
        yield from Opened(view, searches, values).run()


def setup_check(searches: Searches, types: set[str]) -> tuple[list[Ran], list[str]]:
    """Run the dashboard Setup check; return its searches, and a sentence for each thing that it finds wrong.

    `types` are the event types that were streamed: each has to be there.
    """
    ran = list(Opened(read_views()[SETUP_CHECK], searches, {}).run())
    wrong = [one.told() for one in ran if one.done.problem or one.waits]
    for one in ran:
        rows = one.done.rows if one.name in EMPTY else [row for row in one.done.rows if row.get("result", "ok") != "ok"]
        wrong += [f"{one.name}: {_shown(row)}" for row in rows]
    missing = types - {str(row.get("type")) for one in ran if one.name == TYPES for row in one.done.rows}
    return ran, wrong + [f"{TYPES}: no {name} was found" for name in sorted(missing)]


def _shown(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())
