"""The XML documents that splunkd writes to the standard input of a modular input.

Reading is strict, since a document holds a session key and decides what runs. The libraries are imported where they are
used: splunkd asks every input for its scheme at each start, and that must be quick.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

from ..errors import Problem
from .names import SCHEME

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
    from splunklib.modularinput import InputDefinition  # noqa: PLC0415 - see the head of the module

    definition = parse(InputDefinition, read_document(stdin))
    if len(definition.inputs) != 1:
        raise bad_document(f"it has {len(definition.inputs)} stanzas instead of one")
    ((stanza, parameters),) = definition.inputs.items()
    before, separator, name = (stanza or "").partition("://")
    if before != SCHEME or not separator or not name or not name.isprintable():
        raise bad_document(f"its stanza is not {SCHEME}://<name>")
    given = {name: definition.metadata.get(name) for name in ("server_uri", "session_key", "checkpoint_dir")}
    for name, value in given.items():
        if not value:
            raise bad_document(f"it has no {name}")
    return Task(stanza, parameters_of(parameters), **given)


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


def parse(definition: Any, document: bytes) -> Any:
    """Return what a class of splunk-sdk makes of a document. Raises Problem `stdin_invalid`."""
    try:
        return definition.parse(io.BytesIO(document))
    except Exception:
        # Whatever the parser makes of it, the document holds a session key.
        raise bad_document("it is not the XML that splunkd writes") from None


def parameters_of(parsed: Mapping[str, str | list[str] | None]) -> dict[str, str | None]:
    """Return parameters as text; splunkd may give one of several values as a list."""
    return {name: ",".join(filter(None, value)) if isinstance(value, list) else value for name, value in parsed.items()}


def bad_document(why: str) -> Problem:
    """Return what it means that a document cannot be used. `why` quotes nothing of it."""
    return Problem(
        "stdin_invalid",
        f"The document on standard input cannot be used: {why}. This script is to be started by Splunk, not by hand.",
    )
