"""Write docs/fields.md: the event types, field sets and fields of the catalog, as a page to read and to search.

    python tools/fields.py

A test asserts that the page is up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "bin" / "estreamer" / "events" / "catalog.json"
PAGE = ROOT / "docs" / "fields.md"
PRESETS = ("recommended", "everything", "minimal")


def page(catalog: Mapping[str, Any]) -> str:
    """Return the text of the page."""
    return "\n".join(_lines(catalog)) + "\n"


def _lines(catalog: Mapping[str, Any]) -> Iterator[str]:
    yield "# Event types and fields"
    yield ""
    yield (
        "What the add-on knows of the events that can be asked for, and what the trees in the input form offer. A "
        "Management Center may know other fields: any well-formed name can be asked for. This page is made of the "
        "catalog, `bin/estreamer/events/catalog.json`, by `tools/fields.py`."
    )
    yield ""
    yield (
        "Evidence: *seen* for a field that stood in a real event, *reported* for one that Splunk's published data "
        "sources or other clients name."
    )
    yield ""
    yield "## Field sets"
    yield ""
    yield "| field set | what it brings |"
    yield "|---|---|"
    for name, meaning in catalog["field_sets"].items():
        yield f"| `{name}` | {meaning} |"
    yield ""
    yield "## Presets"
    yield ""
    yield "| preset | what it is for |"
    yield "|---|---|"
    for name in PRESETS:
        yield f"| {name} | {catalog['presets'][name]} |"
    for name, event_type in catalog["event_types"].items():
        yield ""
        yield from _event_type(name, event_type)


def _event_type(name: str, event_type: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {event_type['label']}: `{name}`"
    yield ""
    asked = "Asked for by default." if event_type["default"] else "Not asked for unless chosen."
    yield f"{event_type['help']} {asked} Its fields are chosen by `{event_type['parameter']}`."
    yield ""
    yield f"Field sets: {_names(event_type['field_sets'])}."
    yield ""
    yield "| preset | field sets and fields |"
    yield "|---|---|"
    for preset in PRESETS:
        yield f"| {preset} | {_names(event_type['presets'][preset])} |"
    yield ""
    yield "| group | field | type | evidence |"
    yield "|---|---|---|---|"
    for group in event_type["groups"]:
        for field in group["fields"]:
            yield f"| {group['label']} | `{field['name']}` | {field['type']} | {field['evidence']} |"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(json.loads(CATALOG.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
