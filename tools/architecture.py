"""Write the map of the modules into docs/development.md, from the code: tools/architecture.py.

The map has the first sentence of each module's docstring, and the packages that each package imports. `LAYERS` is the
direction of all imports; tests/docs/test_architecture.py checks the code against it and the page against the code.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from environment import ROOT

ESTREAMER = ROOT / "bin" / "estreamer"
PAGE = ROOT / "docs" / "development.md"

LAYERS = (
    ("printable", "errors", "causes", "windows", "clock", "files"),
    ("protocol", "connection", "bookmark", "packets"),
    ("events",),
    ("parameters",),
    ("settings", "outputs"),
    ("input",),
    ("splunkd", "cli"),
    ("rest",),
)
"""Packages, and modules outside of packages. Each imports only from the layers before its own. Members of a layer do
not import each other, except in the first layer, where the order counts."""

BEGIN, END = "<!-- modules: tools/architecture.py -->\n", "<!-- end of modules -->\n"


def modules() -> dict[str, Path]:
    """Return the file of each module of `estreamer` by its dotted name, without the packages themselves."""
    files = sorted(ESTREAMER.rglob("*.py"))
    return {
        ".".join(path.relative_to(ESTREAMER).with_suffix("").parts): path for path in files if path.stem != "__init__"
    }


def imports(name: str, known: dict[str, Path]) -> set[str]:
    """Return the modules of `estreamer` that a module imports at any place of its code."""
    found: set[str] = set()
    package = name.split(".")[:-1]
    for node in ast.walk(ast.parse(known[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module.split(".") if node.module else ())]
            ways = {".".join(base), *(".".join([*base, alias.name]) for alias in node.names)}
            found |= ways & set(known)
    return found - {name}


def package_of(name: str) -> str:
    """Return the package of a module, or the module itself if it is not in a package."""
    return name.split(".")[0]


def upward(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports from another package that `LAYERS` does not allow, as (importer, imported)."""
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    first = {name: number for number, name in enumerate(LAYERS[0])}
    wrong = []
    for name, others in graph.items():
        for other in others:
            own, its = package_of(name), package_of(other)
            allowed = own == its or layer[its] < layer[own] or (own in first and first.get(its, 99) < first[own])
            if not allowed:
                wrong.append((name, other))
    return sorted(wrong)


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that import themselves through others."""
    reached = {name: set(others) for name, others in graph.items()}
    for middle in graph:
        for others in reached.values():
            if middle in others:
                others.update(reached[middle])
    return sorted(name for name, others in reached.items() if name in others)


def sentence(path: Path) -> str:
    """Return the first line of a file's docstring without its full stop."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0].rstrip(".").replace("|", "\\|")


def page_part() -> str:
    """Return the map as Markdown: a table for each package, in the order of the layers."""
    known = modules()
    graph = {name: imports(name, known) for name in known}
    parts = []
    for name in (name for names in LAYERS for name in names):
        inside = {one: path for one, path in known.items() if package_of(one) == name}
        if not inside:
            continue
        used = sorted({package_of(other) for one in inside for other in graph[one]} - {name})
        rows = [f"| `{one.rpartition('.')[2]}` | {sentence(path)} |" for one, path in inside.items()]
        head = ESTREAMER / name / "__init__.py"
        says = f" {sentence(head)}." if head.is_file() else ""
        uses = f" Imports {', '.join(f'`{one}`' for one in used)}." if used else " Imports nothing of the add-on."
        parts.append(f"**`{name}`**.{says}{uses}\n\n| module | does |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def written(page: str) -> str:
    """Return a page with the map in its place. Raises ValueError if the page has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the map: {BEGIN.strip()} and {END.strip()} are missing.")
    return f"{before}{begin}\n{page_part()}\n{end}{after}"


def main() -> int:
    """Write the map into its page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
