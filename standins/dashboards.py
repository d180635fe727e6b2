"""The dashboards as they lie in the sources, and what a definition of Dashboard Studio holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lxml import etree

from standins.places import ROOT

VIEWS = ROOT / "default" / "data" / "ui" / "views"
THEMES = ("light", "dark")

_TOKEN = re.compile(r"\$((?:[\w .-]+:)?[\w.-]+)((?:\|[a-z])*)\$")
_RESULT = re.compile(r"([\w .-]+):result\.([\w.-]+)")

_FILTERS: Mapping[str, Callable[[str], str]] = {
    "s": lambda value: json.dumps(value, ensure_ascii=False),
    "u": lambda value: quote(value, safe="!'()*-._~"),
}
"""The filters of tokens: JSON.stringify, which puts a text into quotes, and encodeURIComponent."""

Definition = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A visualization, an input or a data source of a definition, by its name there."""

    name: str
    kind: str
    content: Mapping[str, Any]

    @property
    def options(self) -> Mapping[str, Any]:
        """The options, none if it states none."""
        return self.content.get("options", {})

    @property
    def sources(self) -> Mapping[str, str]:
        """The data sources by the role that they play for it."""
        return self.content.get("dataSources", {})

    @property
    def handlers(self) -> list[Mapping[str, Any]]:
        """What happens at a click."""
        return list(self.content.get("eventHandlers", []))


@dataclass(frozen=True)
class View:
    """A dashboard of Dashboard Studio: its file's name without .xml, its label, and its definition."""

    name: str
    label: str
    description: str
    theme: str | None
    definition: Definition

    def __str__(self) -> str:
        return self.name

    def parts(self, stanza: str) -> list[Part]:
        """Return all visualizations, inputs or dataSources."""
        found = self.definition.get(stanza, {})
        return [Part(name, content["type"], content) for name, content in found.items()]

    @property
    def visualizations(self) -> list[Part]:
        """The panels."""
        return self.parts("visualizations")

    @property
    def inputs(self) -> list[Part]:
        """The inputs."""
        return self.parts("inputs")

    @property
    def data_sources(self) -> list[Part]:
        """The searches."""
        return self.parts("dataSources")

    @property
    def results(self) -> dict[str, Part]:
        """The searches whose first row sets tokens, by the names that people see."""
        return {one.content["name"]: one for one in self.data_sources if one.options.get("enableSmartSources")}

    def data_source(self, name: str) -> Part:
        """Return a search by its name there."""
        content = self.definition["dataSources"][name]
        return Part(name, content["type"], content)

    def defaults(self) -> dict[str, str]:
        """Return the tokens that are there when the dashboard opens, by name: those of inputs and the stated ones."""
        stated = self.definition.get("defaults", {}).get("tokens", {}).get("default", {})
        found = {name: str(one["value"]) for name, one in stated.items()}
        for one in self.inputs:
            value = one.options.get("defaultValue")
            if value is not None:
                found.update(_input_tokens(one, value))
        return found

    def settable(self) -> set[str]:
        """Return the tokens that a link to this dashboard can set: those of its inputs."""
        found: set[str] = set()
        for one in self.inputs:
            if "token" in one.options:
                found.update(_input_tokens(one, "," if one.kind == "input.timerange" else ""))
        return found


def _input_tokens(one: Part, value: Any) -> dict[str, str]:
    token = one.options["token"]
    if one.kind == "input.timerange":
        earliest, _, latest = str(value).partition(",")
        return {f"{token}.earliest": earliest, f"{token}.latest": latest}
    return {token: ",".join(map(str, value)) if isinstance(value, list) else str(value)}


def read_view(path: Path) -> View | None:
    """Read a view's file; None for one that is not made with Dashboard Studio."""
    root = etree.parse(str(path)).getroot()
    if root.tag != "dashboard" or root.get("version") != "2":
        return None
    definition = json.loads(root.findtext("definition") or "")
    return View(
        path.stem, root.findtext("label") or "", root.findtext("description") or "", root.get("theme"), definition
    )


def read_views(folder: Path = VIEWS) -> dict[str, View]:
    """Read all dashboards of Dashboard Studio in a folder, by name."""
    found = (read_view(path) for path in sorted(folder.glob("*.xml")))
    return {view.name: view for view in found if view is not None}


def texts(value: Any) -> Iterator[str]:
    """Yield every text inside a value of JSON, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def tokens(value: Any) -> set[str]:
    """Return the names of all tokens that a value of JSON uses."""
    return {name for text in texts(value) for name, _ in _TOKEN.findall(text)}


def results(value: Any) -> dict[str, tuple[str, str]]:
    """Return the tokens that search results set, by name: the name of a data source, as people see it, and a field."""
    found = {name: _RESULT.fullmatch(name) for name in tokens(value)}
    return {name: (one.group(1), one.group(2)) for name, one in found.items() if one}


def resolve(text: str, values: Mapping[str, str]) -> str:
    """Return the text with tokens replaced as Splunk's packages do it; those without a value stay."""

    def value(found: re.Match[str]) -> str:
        name, filters = found.groups()
        if name not in values:
            return found.group(0)
        result = values[name]
        for one in filters.split("|")[1:]:
            result = _FILTERS[one](result)
        return result

    return _TOKEN.sub(value, text)
