"""What is known of event types, field sets and fields: `catalog.json`, the one source for pages, docs and tests.

A Management Center may know other names, so the catalog suggests and never refuses.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@functools.lru_cache(maxsize=1)
def load() -> Mapping[str, Any]:
    """Return the catalog; its keys are explained in docs/rest.md."""
    found: Mapping[str, Any] = json.loads(Path(__file__).with_name("catalog.json").read_text(encoding="utf-8"))
    return found
