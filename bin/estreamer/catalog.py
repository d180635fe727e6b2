"""What is known of event types, field sets and fields: `catalog.json`, the one source for pages, docs and tests.

A Management Center may know other names, so the catalogue suggests and never refuses.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PRESETS = ("recommended", "everything", "minimal")


@functools.lru_cache(maxsize=1)
def load() -> Mapping[str, Any]:
    """Return the catalogue; its keys are explained in docs/rest.md."""
    found: Mapping[str, Any] = json.loads(Path(__file__).with_name("catalog.json").read_text(encoding="utf-8"))
    return found


def field_names(event_type: str) -> tuple[str, ...]:
    """Return the known fields of an event type, in the order of their groups."""
    groups = load()["event_types"][event_type]["groups"]
    return tuple(field["name"] for group in groups for field in group["fields"])
