"""The texts that users read, each with its place: pages, labels and help, dashboards, conf files, messages of the code.

`docstrings_and_comments` yields the texts that developers read in the code. Every function takes the root of the
sources, so that a test can plant texts in a tree of its own.
"""

from __future__ import annotations

import ast
import inspect
import io
import json
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

FOR_DEVELOPERS = {"development.md"}
"""The page for those who change the add-on. The decisions, in a folder of their own, are for them too."""

CODE = re.compile(r"```.*?```|^ {4}[^\n]*$|``[^\n]+?``|`[^`\n]*`", re.DOTALL | re.MULTILINE)
DEFINITION = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
SHOWN = re.compile(r"(?:description|shortdesc|label|comment\d*)\s*$")
"""Settings of conf files whose values Splunk shows."""
LITERAL = re.compile(r"'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\\n]|\\.)*\"")
COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", re.DOTALL)


class Text(NamedTuple):
    """A text, and where it stands: a path below the root, with the line or the path inside of the document."""

    place: str
    text: str


def pages(root: Path) -> Iterator[Text]:
    """Yield the lines of the pages that ship, without code in them."""
    files = [root / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")]
    for path in [*files, *sorted((root / "docs").glob("*.md"))]:
        if path.name not in FOR_DEVELOPERS:
            yield from _lines(path, root, _without_code(path.read_text(encoding="utf-8")))


def drawings(root: Path) -> Iterator[Text]:
    """Yield the captions of drawings, and what a screen reader says of them."""
    for path in sorted((root / "docs").glob("*.svg")):
        for label, caption in re.findall(r'aria-label="([^"]*)"|<text[^>]*>(.*?)</text>', path.read_text("utf-8")):
            yield Text(str(path.relative_to(root)), label or caption)


def documents(root: Path) -> Iterator[Text]:
    """Yield labels, help and messages of the forms, and what is known of event types and fields."""
    catalog = root / "bin" / "estreamer" / "events" / "catalog.json"
    for path in (root / "globalConfig.json", root / "app.manifest", catalog):
        yield from _strings(json.loads(path.read_text(encoding="utf-8")), str(path.relative_to(root)))


def dashboards(root: Path) -> Iterator[Text]:
    """Yield titles, descriptions, names of searches, and the literals in searches and links: columns and values."""
    for path in sorted((root / "default" / "data" / "ui").rglob("*.xml")):
        place, source = str(path.relative_to(root)), path.read_text(encoding="utf-8")
        for shown in re.findall(r"<(?:label|description)>(.*?)</", source):
            yield Text(place, shown)
        for definition in DEFINITION.findall(source):
            for found in _strings(json.loads(definition), place):
                if found.place.endswith((".query", ".url")):
                    # A link holds a search encoded, with the values that a page shows.
                    yield from _literals(Text(found.place, unquote(found.text)))
                else:
                    yield found


def conf_files(root: Path) -> Iterator[Text]:
    """Yield the spec files, and of conf files the comments, labels and descriptions, and the literals of searches."""
    for path in sorted((root / "README").glob("*.spec")):
        yield from _lines(path, root, path.read_text(encoding="utf-8"))
    for path in sorted([*(root / "default").glob("*.conf"), *(root / "additions").rglob("*.conf")]):
        for found in _lines(path, root, path.read_text(encoding="utf-8")):
            name, _, value = found.text.partition("=")
            if name.startswith(("#", " ")) or SHOWN.match(name):
                yield Text(found.place, value if SHOWN.match(name) else found.text)
            elif name.strip() in ("search", "definition"):
                yield from _literals(Text(found.place, value))


def scripts(root: Path) -> Iterator[Text]:
    """Yield the string literals in the scripts of the pages."""
    for path in sorted((root / "appserver" / "static" / "js" / "build" / "custom").glob("*.js")):
        for literal in LITERAL.findall(COMMENT.sub("", path.read_text(encoding="utf-8"))):
            yield Text(str(path.relative_to(root)), literal[1:-1])


def code(root: Path) -> Iterator[Text]:
    """Yield the string constants of several words in the code that runs in Splunk, without docstrings."""
    for path in sorted((root / "bin").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node) for node in _docstrings(tree)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
                continue
            if " " in node.value.strip():
                yield Text(f"{path.relative_to(root)}:{node.lineno}", node.value)


def docstrings_and_comments(root: Path, place: str) -> Iterator[Text]:
    """Yield the docstrings and comments of a module, or of all modules in a folder, without code in them.

    A docstring is one line of text, so that a phrase is found across the ends of its lines.
    """
    start = root / place
    for path in sorted(start.rglob("*.py")) if start.is_dir() else [start]:
        source, name = path.read_text(encoding="utf-8"), path.relative_to(root)
        for node in _docstrings(ast.parse(source)):
            prose = _without_code(inspect.cleandoc(str(node.value)))
            yield Text(f"{name}:{node.lineno}", " ".join(prose.split()))
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield Text(f"{name}:{token.start[0]}", _without_code(token.string))


SOURCES: tuple[Callable[[Path], Iterator[Text]], ...] = (
    pages,
    drawings,
    documents,
    dashboards,
    conf_files,
    scripts,
    code,
)


def _docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the strings that stand alone: docstrings, also those of constants and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value


def _without_code(text: str) -> str:
    """Return a text in Markdown with each line of code, and all code in backquotes, replaced by one word."""
    return CODE.sub(lambda found: re.sub(r"[^\n]+", "`code`", found[0]), text)


def _lines(path: Path, root: Path, text: str) -> Iterator[Text]:
    for number, line in enumerate(text.splitlines(), 1):
        yield Text(f"{path.relative_to(root)}:{number}", line)


def _strings(value: Any, place: str) -> Iterator[Text]:
    """Yield the strings of a JSON document, with the path to each."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _strings(inner, f"{place}[{position}]")
    elif isinstance(value, str):
        yield Text(place, value)


def _literals(search: Text) -> Iterator[Text]:
    for literal in QUOTED.findall(search.text):
        yield Text(search.place, literal)
