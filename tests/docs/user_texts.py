"""The texts that users read, each with its place: pages, labels and help, dashboards, conf files, messages of the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from standins.places import ROOT

ESTREAMER = ROOT / "bin" / "estreamer"
FOR_DEVELOPERS = {"development.md"}
"""The page for those who change the add-on. The decisions, in a folder of their own, are for them too."""

CODE = re.compile(r"```.*?```|^(?: {4}).*?$|``[^\n]+?``|`[^`\n]*`", re.DOTALL | re.MULTILINE)
IDENTIFIERS = {"field", "_field", "type", "viz", "name", "key", "id"}
LITERAL = re.compile(r"'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\\n]|\\.)*\"")
COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", re.DOTALL)
REGISTERED = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


class Text(NamedTuple):
    place: str
    text: str


def page(path: Path) -> Iterator[Text]:
    """Yield the prose of a page, line by line, without code."""
    prose = CODE.sub(lambda found: re.sub(r"[^\n]+", "`code`", found[0]), path.read_text(encoding="utf-8"))
    for number, line in enumerate(prose.splitlines(), 1):
        yield Text(f"{path.relative_to(ROOT)}:{number}", line)


def pages() -> Iterator[Text]:
    """Yield the prose of the pages that ship, of the README, the changelog, and the page on reporting faults."""
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))):
        if path.name not in FOR_DEVELOPERS:
            yield from page(path)


def strings(value: Any, place: str, key: str = "") -> Iterator[Text]:
    """Yield the texts of a JSON document that are not identifiers, with the path to each."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(inner, f"{place}.{name}", name)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from strings(inner, f"{place}[{position}]", key)
    elif isinstance(value, str) and key not in IDENTIFIERS:
        yield Text(place, value)


def documents() -> Iterator[Text]:
    """Yield labels, help and messages of the pages, and what is known of event types and fields."""
    for path in (ROOT / "globalConfig.json", ESTREAMER / "events" / "catalog.json", ROOT / "app.manifest"):
        yield from strings(json.loads(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)))


def dashboards() -> Iterator[Text]:
    """Yield titles, descriptions, names of searches, and the literals in searches, which become columns and values."""
    for path in sorted((ROOT / "default" / "data" / "ui").rglob("*.xml")):
        place, source = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        for tag in re.findall(r"<(?:label|description)>(.*?)</", source):
            yield Text(place, tag)
        definition = REGISTERED.search(source)
        for found in strings(json.loads(definition[1]), place) if definition else ():
            yield from searched(found) if found.place.endswith(".query") else (found,)


def searched(search: Text) -> Iterator[Text]:
    """Yield the literals of a search."""
    for literal in re.findall(r'"((?:[^"\\]|\\.)*)"', search.text):
        yield Text(search.place, literal)


def conf_files() -> Iterator[Text]:
    """Yield comments, labels and descriptions of conf files, the literals of searches, and the complete spec files."""
    for path in sorted((ROOT / "README").glob("*.spec")):
        yield from (Text(f"{path.relative_to(ROOT)}:{n}", line) for n, line in enumerate(path.open(encoding="utf-8"), 1))
    for path in sorted([*(ROOT / "default").glob("*.conf"), *(ROOT / "additions").rglob("*.conf")]):
        for number, line in enumerate(path.open(encoding="utf-8"), 1):
            name, _, value = line.partition("=")
            found = Text(f"{path.relative_to(ROOT)}:{number}", value or line)
            if line.startswith(("#", " ")) or re.match(r"(?:description|shortdesc|label|comment\d*)\s*$", name):
                yield found
            elif name.strip() in ("search", "definition"):
                yield from searched(found)


def scripts() -> Iterator[Text]:
    """Yield the texts in the scripts of the pages."""
    for path in sorted((ROOT / "appserver" / "static" / "js" / "build" / "custom").glob("*.js")):
        source = COMMENT.sub("", path.read_text(encoding="utf-8"))
        for literal in LITERAL.findall(source):
            yield Text(str(path.relative_to(ROOT)), literal[1:-1])


def messages(path: Path) -> Iterator[Text]:
    """Yield the texts of a module that have more than one word, without docstrings: sentences for log and pages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            if " " in node.value.strip():
                yield Text(f"{path.relative_to(ROOT)}:{node.lineno}", node.value)


def code() -> Iterator[Text]:
    """Yield the sentences of the code that runs in Splunk."""
    for path in sorted((ROOT / "bin").rglob("*.py")):
        yield from messages(path)


def every() -> Iterator[Text]:
    """Yield every text that a user may read."""
    for source in (pages, documents, dashboards, conf_files, scripts, code):
        yield from source()
