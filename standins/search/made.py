"""Apps for tests: conf files and tables made from texts."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from standins.search import Event, Knowledge, Limits

SHARED = "[]\nexport = system\n"

SOURCETYPE = "made:up"


def app(folder: Path, files: Mapping[str, str], name: str = "TA_made", *, meta: str = SHARED) -> Path:
    """Return the folder of an app with these files, by their paths inside it; a common indentation is removed."""
    for path, text in {"metadata/default.meta": meta, "default/app.conf": "", **files}.items():
        place = folder / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder / name


def knowledge(
    folder: Path, settings: str, more: Mapping[str, str] | None = None, limits: Limits | None = None
) -> Knowledge:
    """Return the knowledge of an app whose sourcetype has these settings, with further files of the app."""
    stanza = f"[{SOURCETYPE}]\nKV_MODE = json\n" + textwrap.dedent(settings)
    return Knowledge.read(app(folder, {"default/props.conf": stanza, **(more or {})}), limits=limits)


def event(known: Knowledge, raw: str, *, source: str = "made.log", host: str = "there") -> Event:
    """Return an event of the sourcetype as a search finds it."""
    return known.event(raw, sourcetype=SOURCETYPE, source=source, host=host, time=1743500734.5)


def fields(known: Knowledge, raw: str) -> dict[str, object]:
    """Return the fields that a search adds to an event of the sourcetype."""
    own = {"_raw", "_time", "host", "source", "sourcetype", "index", "linecount"}
    return {name: value for name, value in event(known, raw).fields.items() if name not in own}
