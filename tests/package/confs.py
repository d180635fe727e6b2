"""Conf files as they are written."""

from __future__ import annotations

import configparser
from pathlib import Path


def read_conf(path: Path) -> dict[str, dict[str, str]]:
    """Return a conf file's settings by stanza."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True, default_section="")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return {name: dict(parser[name]) for name in parser.sections()}
