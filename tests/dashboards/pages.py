"""The part of a dashboard's page in docs/ that its definition tells: the panels and their searches.

`tools/run.sh tests.dashboards.pages NAME...` writes it into docs/NAME.md, from the heading Panels to the end.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from standins.dashboards import Part, View, read_views
from standins.places import ROOT

DOCS = ROOT / "docs"
HEADING = "## Panels\n"


def told(view: View) -> str:
    """Return the panels with what they are for, and the searches with the panels that show them, as Markdown."""
    rows = [f"| {_cell(one.content['title'])} | {_cell(one.content.get('description', ''))} |" for one in _shown(view)]
    searches = [_search(view, one) for one in view.data_sources]
    table = "\n".join(["| panel | what it shows |", "|---|---|", *rows])
    return f"{HEADING}\n{table}\n\n## Searches\n\n" + "\n\n".join(searches) + "\n"


def _shown(view: View) -> list[Part]:
    return [one for one in view.visualizations if one.sources]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _search(view: View, source: Part) -> str:
    titles = [one.content["title"] for one in _shown(view) if source.name in one.sources.values()]
    base = source.options.get("extend")
    named = {one.name: one.content["name"] for one in view.data_sources}
    users = ", ".join(titles) or "the panels below"
    after = f", after *{named[base]}*" if base else ""
    return f"*{source.content['name']}*{after}, for {users}:\n\n```\n{source.options['query']}\n```"


def main(names: Sequence[str]) -> int:
    """Write the pages of these dashboards anew; return 0."""
    views = read_views()
    for name in names:
        page = DOCS / f"{name}.md"
        written = page.read_text(encoding="utf-8").partition(HEADING)[0]
        page.write_text(written + told(views[name]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
