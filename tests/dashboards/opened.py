"""A dashboard as somebody has opened it: its searches answered with its tokens, without a browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from standins.dashboards import Part, View, resolve, results, tokens
from standins.search import spl
from standins.search.evals.times import relative
from standins.search.evals.values import text, texts

from . import examples
from .population import NOW

Row = dict[str, Any]


class Opened:
    """A dashboard over events, at the time of the population; `tokens` are set, the others are as they begin.

    `meter` counts the events that its searches read.
    """

    def __init__(self, view: View, data: spl.Data, **tokens: str) -> None:
        self.view = view
        self.tokens = {**view.defaults(), **examples.TOKENS.get(view.name, {}), **tokens}
        self._data = data
        self._known: dict[str, spl.Result] = {}
        self.meter = spl.Meter()

    @cached_property
    def earliest(self) -> float:
        """The begin of the time range, in seconds since 1970."""
        return float(relative(NOW, self.tokens["time.earliest"]))

    @property
    def parts(self) -> Mapping[str, Part]:
        """The searches by their names in the definition."""
        return {one.name: one for one in self.view.data_sources}

    def query(self, name: str) -> str:
        """Return the text of a search with the tokens replaced."""
        query = self.parts[name].options["query"]
        found = {name: (self.view.results[source].name, field) for name, (source, field) in results(query).items()}
        told = {name: text(self.result(source).rows[0][field]) for name, (source, field) in found.items()}
        return resolve(query, {**self.tokens, **told})

    def result(self, name: str) -> spl.Result:
        """Return what a search yields, a chained one after the one that it extends."""
        if name not in self._known:
            base = self.parts[name].options.get("extend")
            before = self.result(base) if base else None
            self._known[name] = self.run(self.query(name), before, self.parts[name].options.get("queryParameters"))
        return self._known[name]

    def rows(self, name: str) -> list[Row]:
        """Return the rows of a search as a panel shows them: every value is text, a list where there are several."""
        return [{field: _shown(value) for field, value in row.items()} for row in self.result(name).rows]

    def run(self, search: str, base: spl.Result | None = None, times: Mapping[str, str] | None = None) -> spl.Result:
        """Run a search over the time range of the dashboard, or over one of its own (relative times)."""
        stated = times or {}
        own = {name: relative(NOW, value) for name, value in stated.items() if not value.startswith("$")}
        span = {} if base else {"earliest": self.earliest, "latest": float(NOW), **own}
        return spl.run(search, self._data, now=NOW, base=base, meter=self.meter, **span)


class Replaced:
    """Data with some macros in place of those of the same name."""

    def __init__(self, data: spl.Data, macros: Mapping[str, str]) -> None:
        self._data, self._macros = data, macros

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def macro(self, name: str, arity: int) -> spl.Macro | None:
        """Return a macro of that name."""
        return spl.Macro(self._macros[name]) if name in self._macros else self._data.macro(name, arity)


def _shown(value: Any) -> Any:
    return [text(one) for one in value] if isinstance(value, tuple) else text(value)


def followed(url: str, values: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return where the address of a link leads and its parameters, decoded, with tokens replaced.

    Raises KeyError for a token without a value.
    """
    for name in tokens(url) - set(values):
        raise KeyError(name)
    parts = urlsplit(resolve(url, values))
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))


def clicked(row: Mapping[str, Any], fields: Iterable[str], hit: str | None = None) -> dict[str, str]:
    """Return the tokens of a click on a row: in a table its cells, in a chart the first field's and a series' name.

    `hit` names the series or the column that was hit, else it is the first series.
    """
    cells = {name: texts(row[name])[0] if row.get(name) else "" for name in fields}
    first, *series = cells
    last = {"value": str(cells[first]), "name": hit or (series[0] if series else first)}
    return {**{f"row.{name}.value": str(value) for name, value in cells.items()}, **last}
