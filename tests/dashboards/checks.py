"""What a definition can have wrong that Splunk's validator does not see. Each check returns a sentence a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product
from typing import Any, Optional
from urllib.parse import parse_qsl, urlsplit

from standins.dashboards import Part, View, resolve, results, texts, tokens
from standins.places import APP
from standins.search.spl.errors import SplError
from standins.search.spl.macros import expand

from .examples import RESULTS

HOST_HANDLERS = {"drilldown.linkToDashboard", "drilldown.linkToSearch", "drilldown.linkToReport"}
"""Handlers that Splunk Web adds to those of its packages."""

PACKAGE_HANDLERS = {
    "drilldown.customUrl",
    "drilldown.resetTokens",
    "drilldown.setTimeRange",
    "drilldown.setToken",
    "drilldown.switchToTab",
    "drilldown.unsetTokens",
}

CLICKED = re.compile(r"(name|value|row\..+\.value|trellis\.(name|value))$")
"""Tokens that a click brings, as Splunk's page on setting tokens on a click names them."""

HANDLED = {
    "drilldown.customUrl": {"url", "newTab", "events", "fields"},
    "drilldown.setToken": {"tokens", "tokenNamespace", "events", "fields"},
}
"""The options of the handlers that are in use here, as Splunk's packages read them."""

TRANSFORMING = {"stats", "chart", "timechart", "top", "rare", "tstats", "table", "mstats"}
SPLUNK_VIEWS = {"search"}
"""Views of Splunk's own that a link may name."""

_CONTEXT = re.compile(r"\b(?:rangeValue|matchValue|gradient|formatByType|pick|prepend|multiFormat)\((\w+)\)")
_INDEX = re.compile(r"\s*(?:\|\s*)?(?:search\s+)?\(?\s*index\s*(=|IN\b)")
_NO_EVENTS = re.compile(r"\|\s*(rest|makeresults)\b[^\[]*\Z")
_GENERATED = re.compile(r"\|\s*tstats\b.*\bwhere\b.*\bindex\s*(=|IN\b)", re.DOTALL)

_TOKENS = re.compile(r"\$[\w.:-]+(?:\|[a-z])*\$")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_QUOTED_OR_MACRO = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`')
_INNERMOST = re.compile(r"\[[^\[\]]*\]")

Macro = Callable[[str, int], Any]


def dangling(view: View) -> list[str]:
    """Return names that something refers to and that are not there."""
    sources, inputs = _names(view.data_sources), _names(view.inputs)
    faults = [
        f"{one.name}: there is no data source {source}"
        for one in (*view.visualizations, *view.inputs)
        for source in one.sources.values()
        if source not in sources
    ]
    faults += [
        f"{one.name}: there is no data source {one.options.get('extend')}"
        for one in view.data_sources
        if one.kind == "ds.chain" and one.options.get("extend") not in sources
    ]
    there = _names(view.visualizations) | inputs
    faults += [f"the layout places {name}, which is not there" for name in placed(view) if name not in there]
    return faults


def unused(view: View) -> list[str]:
    """Return what is defined and not used."""
    used = {source for one in (*view.visualizations, *view.inputs) for source in one.sources.values()}
    used |= {str(one.options.get("extend")) for one in view.data_sources if one.kind == "ds.chain"}
    used |= {view.results[name].name for name, _ in results(view.definition).values() if name in view.results}
    placings = set(placed(view))
    stanzas = ((view.data_sources, used), (view.visualizations, placings), (view.inputs, placings))
    return [f"{one.name} is not used" for parts, users in stanzas for one in parts if one.name not in users]


def placed(view: View) -> list[str]:
    """Return the names of what the layout places, in all tabs."""
    layout = view.definition["layout"]
    layouts = layout.get("layoutDefinitions", {"only": layout}).values()
    return [*layout.get("globalInputs", []), *(block["item"] for one in layouts for block in one["structure"])]


Known = Mapping[str, Optional[Mapping[str, Collection[str]]]]


def misspelt(view: View, known: Known) -> list[str]:
    """Return kinds and options that Splunk's packages do not know.

    `known` names the options by kind, and for each what it may hold: nothing named where that is anything, and a star
    where names of fields come before what is named.
    """
    faults = []
    for one in (*view.visualizations, *view.inputs, *view.data_sources):
        options = known.get(one.kind)
        if one.kind not in known:
            faults.append(f"{one.name}: there is no {one.kind}")
        elif options is not None:
            chain = {"extend"} if one.kind == "ds.chain" else set()
            wrong = set(one.options) - set(options) - chain - {"enableSmartSources"}
            faults += [f"{one.name}: {one.kind} has no option {name}" for name in sorted(wrong)]
            for name, value in one.options.items():
                allowed = set(options.get(name, ()))
                held = _keys(list(value.values())) if "*" in allowed and isinstance(value, Mapping) else _keys(value)
                inner = set(held) - allowed if allowed - {"*"} else set()
                faults += [f"{one.name}: {name} holds no {key}" for key in sorted(inner)]
        context = one.content.get("context", {})
        dynamic = [text for text in texts([one.options, context]) if text.startswith(">")]
        wanted = {name for text in dynamic for name in _CONTEXT.findall(text)}
        named = {word for text in dynamic for word in re.findall(r"\w+", text)}
        faults += [f"{one.name}: its context has no {name}" for name in sorted(wanted - set(context))]
        faults += [f"{one.name}: its context {name} is not used" for name in sorted(set(context) - named)]
        for handler in one.handlers:
            if handler["type"] not in HOST_HANDLERS | PACKAGE_HANDLERS:
                faults.append(f"{one.name}: there is no {handler['type']}")
            else:
                faults += _mishandled(one, handler)
    return faults


def _mishandled(part: Part, handler: Mapping[str, Any]) -> list[str]:
    """Return members and options of a handler that do nothing."""
    options = set(handler.get("options", {}))
    wrong = (set(handler) - {"type", "options"}) | (options - HANDLED.get(handler["type"], options))
    faults = [f"{part.name}: {handler['type']} has no option {name}" for name in sorted(wrong)]
    if handler["type"] == "drilldown.setToken":
        inner = {key for one in handler["options"].get("tokens", []) for key in one}
        faults += [f"{part.name}: tokens holds no {key}" for key in sorted(inner - {"token", "key", "value"})]
    return faults


def _keys(value: Any) -> list[str]:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else []
    return [*(value if isinstance(value, Mapping) else []), *(key for one in inner for key in _keys(one))]


def unresolved(view: View, awaited: Collection[str] = ()) -> list[str]:
    """Return tokens that nothing sets. What a search uses has to have a value from the start, unless it is awaited."""
    defaults = set(view.defaults()) | set(awaited)
    known = defaults | view.settable() | _set_by_clicks(view)
    faults = []
    for one in (*view.visualizations, *view.inputs):
        shown = {key: value for key, value in one.content.items() if key != "eventHandlers"}
        faults += [f"{one.name}: nothing sets {name}" for name in sorted(_own(shown) - known)]
        for handler in one.handlers:
            wanted = {name for name in _own(handler.get("options", {})) if not CLICKED.match(name)}
            faults += [f"{one.name}: nothing sets {name}" for name in sorted(wanted - known)]
    stated = view.definition.get("defaults", {}).get("dataSources", {})
    for name, content in (*((one.name, one.content) for one in view.data_sources), ("defaults", stated)):
        faults += [f"{name}: {token} has no value from the start" for token in sorted(_own(content) - defaults)]
    found = results(view.definition)
    faults += [
        f"no search whose results set tokens is named {name}" for name, _ in found.values() if name not in view.results
    ]
    return faults


def _own(value: Any) -> set[str]:
    return {name for name in tokens(value) if ":" not in name}


def _set_by_clicks(view: View) -> set[str]:
    handlers = [handler for one in view.visualizations for handler in one.handlers]
    return {
        one["token"]
        for handler in handlers
        if handler["type"] == "drilldown.setToken"
        for one in handler["options"]["tokens"]
    }


def broken_links(view: View, views: Mapping[str, View], others: Collection[str] = ()) -> list[str]:
    """Return links to views that are not there, and tokens that their targets do not take."""
    faults = []
    for part, name, given in links(view):
        if name in views:
            wrong = given - views[name].settable()
            faults += [f"{part.name}: {name} takes no token {token}" for token in sorted(wrong)]
        elif name not in SPLUNK_VIEWS and name not in others:
            faults.append(f"{part.name}: there is no view {name}")
    return faults


def links(view: View) -> Iterator[tuple[Part, str, set[str]]]:
    """Yield each link to a view: the panel, the view, and the tokens that it is given."""
    for one in view.visualizations:
        for handler in one.handlers:
            options = handler.get("options", {})
            if handler["type"] == "drilldown.linkToDashboard":
                yield one, options["dashboard"], {token["token"] for token in options.get("tokens", [])}
            elif handler["type"] == "drilldown.customUrl" and not re.match(r"\w+:", options["url"]):
                address = urlsplit(options["url"])
                folder, _, name = address.path.rpartition("/")
                if folder == f"/app/{APP}":
                    names = [key for key, _ in parse_qsl(address.query, keep_blank_values=True)]
                    yield one, name, {key[5:] for key in names if key.startswith("form.")}


def lost_clicks(view: View) -> list[str]:
    """Return addresses that are not followed, being neither absolute nor rooted, or with a blank; and values that are
    not encoded for an address.
    """
    faults = []
    for one in view.visualizations:
        for handler in one.handlers:
            if handler["type"] != "drilldown.customUrl":
                continue
            url = handler["options"]["url"]
            if not re.match(r"https?:|/(?!/)", url) or re.search(r"\s", url):
                faults.append(f"{one.name}: {url} is not followed")
            raw = [token for token in re.findall(r"\$[^$]+\$", url) if not token.endswith("|u$")]
            faults += [f"{one.name}: {token} lacks |u, which encodes it for an address" for token in raw]
    return faults


def unescaped(view: View) -> list[str]:
    """Return where a value that a link can bring would be read as a part of a search, and not as a text in it.

    In a search a token needs `|s`, which puts it into quotes and escapes those inside, or `|u`, which leaves nothing
    but letters, digits and a few harmless marks. In quotes that the search has itself, and among the arguments of a
    macro, which loses its quotes, no filter helps.
    """
    faults = []
    for one in view.data_sources:
        faults += [f"{one.name}: {fault}" for fault in _unescaped(one.options.get("query", ""))]
    for part in view.visualizations:
        for handler in part.handlers:
            address = urlsplit(handler.get("options", {}).get("url", ""))
            if handler["type"] == "drilldown.customUrl" and address.path.rpartition("/")[2] in SPLUNK_VIEWS:
                asked = dict(parse_qsl(address.query, keep_blank_values=True)).get("q", "")
                faults += [f"{part.name}: {fault}" for fault in _unescaped(asked, in_link=True)]
    return faults


def _unescaped(search: str, in_link: bool = False) -> list[str]:
    raw = [found for found in _TOKENS.findall(search) if "|s" not in found and (in_link or "|u" not in found)]
    faults = [f"{token} lacks |s, which puts it into quotes" for token in raw]
    for piece in _QUOTED_OR_MACRO.findall(search):
        quoted = piece.startswith('"')
        inside = _TOKENS.findall(piece if quoted else piece.partition("(")[2])
        where = "quotes" if quoted else "the arguments of a macro"
        faults += [f"{token} stands in {where}" for token in inside]
    return faults


def commands_of(search: str) -> set[str]:
    """Return the names of the commands of a search, those of its subsearches left out."""
    bare = _STRING.sub('""', search)
    while (shorter := _INNERMOST.sub(" ", bare)) != bare:
        bare = shorter
    return set(re.findall(r"\|\s*(\w+)", bare))


def clicked_fields(part: Part) -> set[str]:
    """Return the fields of a row that a panel's clicks use."""
    used = {name for handler in part.handlers for name in tokens(handler.get("options", {}))}
    used |= {
        one.get("key", "") or one.get("value", "")
        for handler in part.handlers
        for one in handler.get("options", {}).get("tokens", [])
    }
    return {found.group(1) for name in used if (found := re.match(r"row\.(.+)\.value$", name))}


def without_clicks(view: View) -> list[str]:
    """Return panels that show data and lead nowhere when they are clicked."""
    return [one.name for one in view.visualizations if one.sources and not one.handlers]


def wrong_heads(view: View, macro: Macro) -> list[str]:
    """Return searches that do not begin with an index macro, and chains that cannot follow their base.

    `macro` finds a macro by its name and number of arguments. Tokens are tried with every choice of their inputs.
    """
    faults = []
    extended = {one.options.get("extend") for one in view.data_sources if one.kind == "ds.chain"}
    for one in view.data_sources:
        for query in queries(view, one):
            try:
                whole = expand(query, macro)
            except SplError as error:
                faults.append(f"{one.name}: {error}")
                continue
            if _NO_EVENTS.match(whole.lstrip()):
                continue
            if one.kind == "ds.chain":
                if not query.lstrip().startswith("|"):
                    faults.append(f"{one.name}: a chain begins with a pipe")
                continue
            macro_first = query.lstrip().startswith("`") or _GENERATED.match(query.lstrip()) or "`" in query
            if not (macro_first and (_INDEX.match(whole) or _GENERATED.match(whole))):
                faults.append(f"{one.name}: does not begin with an index macro")
            if one.name in extended and not commands_of(whole) & TRANSFORMING:
                faults.append(f"{one.name}: is a base and has no transforming command")
    return faults


def queries(view: View, source: Part) -> list[str]:
    """Return a data source's query with every choice of the inputs that choose by items; none for a saved search."""
    query = source.options.get("query")
    if query is None:
        return []
    choices = {
        one.options["token"]: [item["value"] for item in one.options.get("items", [])]
        for one in view.inputs
        if one.kind == "input.dropdown" and isinstance(one.options.get("items"), list)
    }
    choices.update({name: list(values) for name, values in RESULTS.items()})
    used = [name for name in sorted(tokens(query)) if choices.get(name)]
    return [
        resolve(query, {**view.defaults(), **dict(zip(used, values))})
        for values in product(*(choices[name] for name in used))
    ]


def overlapping(view: View) -> list[str]:
    """Return blocks that lie over one another or beyond the width of their layout."""
    layout = view.definition["layout"]
    faults = []
    for one in layout.get("layoutDefinitions", {"only": layout}).values():
        width = one.get("options", {}).get("width", 1200)
        blocks = [(block["item"], block["position"]) for block in one["structure"] if "x" in block["position"]]
        for number, (name, place) in enumerate(blocks):
            if place["x"] < 0 or place["x"] + place["w"] > width:
                faults.append(f"{name} is wider than the page")
            faults += [f"{name} lies over {other}" for other, there in blocks[number + 1 :] if _meet(place, there)]
    return faults


def _meet(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


def unpretty(text: str) -> list[str]:
    """Return what is wrong with the form of a definition in its file: JSON with two spaces a level."""
    definition = text.partition("<![CDATA[")[2].partition("]]>")[0].strip("\n ")
    wanted = json.dumps(json.loads(definition), indent=2, ensure_ascii=False)
    return [] if definition == wanted else ["the definition is not JSON with two spaces a level"]


def _names(parts: list[Part]) -> set[str]:
    return {one.name for one in parts}
