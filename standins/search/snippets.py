"""Conf files that users copy from pages of the documentation, as apps."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from standins.places import ROOT

OTHERS_EVENTS = ("coexistence.md", "Events that others bring")
"""Page and heading of the snippet for events that our input does not deliver."""


def snippet(page: str, heading: str) -> str:
    """Return the one conf file that stands under a heading of a page in docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    (found,) = re.findall(r"^ *```ini\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(str(found))


def app_with_snippet(folder: Path, name: str = "my_events") -> Path:
    """Write an app of a user that has the snippet for events of other inputs in its local/props.conf, and return its
    folder."""
    app = folder / name
    (app / "default").mkdir(parents=True)
    (app / "local").mkdir()
    (app / "local" / "props.conf").write_text(snippet(*OTHERS_EVENTS), encoding="utf-8")
    return app
