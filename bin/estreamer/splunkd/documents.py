"""The XML documents that splunkd writes to the standard input of a modular input.

Reading is strict, since a document holds a session key and decides what runs. The elements are those that the classes
of splunk-sdk read, whose import includes a complete client of splunkd. The parser is imported where it is used: splunkd
asks every input for its scheme at each start, and that must be quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..errors import Problem
from .names import SCHEME

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LARGEST_DOCUMENT = 1024 * 1024
"""Bytes of stdin that are read: all drop rules together have at most 64 KiB."""


class Task(NamedTuple):
    """What splunkd asks a process to run. `server_uri` and `session_key` are for splunkd's management port."""

    stanza: str
    parameters: Mapping[str, str | None]
    server_uri: str
    session_key: str
    checkpoint_dir: str

    @property
    def name(self) -> str:
        """The name of the input, without its scheme."""
        return self.stanza.partition("://")[2]

    def __repr__(self) -> str:
        """Leave the session key out."""
        return f"Task({self.stanza!r})"


def read_task(stdin: BinaryIO) -> Task:
    """Read what splunkd writes to a process that is to run. Raises Problem `stdin_invalid`."""
    root = _parsed(read_document(stdin))
    metadata = {node.tag: node.text for node in root if node.tag != "configuration"}
    stanzas = [node for node in root.iterfind("configuration/*") if node.tag == "stanza"]
    if len(stanzas) != 1:
        raise bad_document(f"it has {len(stanzas)} stanzas instead of one")
    stanza = stanzas[0].get("name") or ""
    before, separator, name = stanza.partition("://")
    if before != SCHEME or not separator or not name or not name.isprintable():
        raise bad_document(f"its stanza is not {SCHEME}://<name>")
    given = {name: metadata.get(name) or "" for name in ("server_uri", "session_key", "checkpoint_dir")}
    for name, value in given.items():
        if not value:
            raise bad_document(f"it has no {name}")
    return Task(stanza, _parameters(stanzas[0]), **given)


def read_arguments(stdin: BinaryIO) -> tuple[str, dict[str, str | None]]:
    """Read what splunkd writes to have arguments checked: an input's name and its parameters.

    Raises Problem `stdin_invalid`.
    """
    items = [node for node in _parsed(read_document(stdin)) if node.tag == "item"]
    name = items[-1].get("name") if items else None
    if not name:
        raise bad_document("it has no item")
    return name, _parameters(items[-1])


def read_document(stdin: BinaryIO) -> bytes:
    """Read the XML document that splunkd writes; refuse what it never writes. Raises Problem `stdin_invalid`.

    Declarations are refused before any parser sees them: entities can be made to expand without end.
    """
    document = stdin.read(LARGEST_DOCUMENT + 1)
    if len(document) > LARGEST_DOCUMENT:
        raise bad_document(f"it has more than {LARGEST_DOCUMENT} bytes")
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError:
        raise bad_document("it is not UTF-8") from None
    if "<!" in text:
        raise bad_document("it has a declaration")
    return document


def _parsed(document: bytes) -> Element:
    from xml.etree.ElementTree import XML  # noqa: PLC0415 - see the head of the module

    try:
        return XML(document)
    except Exception:
        # Whatever the parser makes of it, the document holds a session key.
        raise bad_document("it is not the XML that splunkd writes") from None


def _parameters(element: Iterable[Element]) -> dict[str, str | None]:
    """Return parameters as text; splunkd may give one of several values as a list. Raises Problem `stdin_invalid`."""
    found: dict[str, str | None] = {}
    for child in element:
        name = child.get("name") or ""
        if child.tag == "param":
            found[name] = child.text
        elif child.tag == "param_list":
            found[name] = ",".join(value.text for value in child if value.text)
        else:
            raise bad_document("it is not the XML that splunkd writes")
    return found


def bad_document(why: str) -> Problem:
    """Return what it means that a document cannot be used. `why` quotes nothing of it."""
    return Problem(
        "stdin_invalid",
        f"The document on standard input cannot be used: {why}. This script is to be started by Splunk, not by hand.",
    )
