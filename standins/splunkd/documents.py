"""The documents that splunkd writes to a modular input's stdin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True)
class Surroundings:
    """What every document says about splunkd itself."""

    server_host: str
    server_uri: str
    session_key: str
    checkpoint_dir: str


def run_document(around: Surroundings, stanza: str, app: str, params: Mapping[str, str]) -> str:
    """Return the `<input>` document of a run."""
    root = _root("input", around)
    configuration = ElementTree.SubElement(root, "configuration")
    _params(ElementTree.SubElement(configuration, "stanza", {"name": stanza, "app": app}), params.items())
    return DECLARATION + ElementTree.tostring(root, encoding="unicode")


def validation_document(around: Surroundings, name: str, params: Mapping[str, str]) -> str:
    """Return the `<items>` document of `--validate-arguments`."""
    root = _root("items", around)
    _params(ElementTree.SubElement(root, "item", {"name": name}), params.items())
    return DECLARATION + ElementTree.tostring(root, encoding="unicode")


def _root(tag: str, around: Surroundings) -> ElementTree.Element:
    root = ElementTree.Element(tag)
    for name in ("server_host", "server_uri", "session_key", "checkpoint_dir"):
        ElementTree.SubElement(root, name).text = str(getattr(around, name))
    return root


def _params(parent: ElementTree.Element, params: Iterable[tuple[str, str]]) -> None:
    for name, value in params:
        ElementTree.SubElement(parent, "param", {"name": name}).text = value
