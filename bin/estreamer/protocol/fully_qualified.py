"""Fully-qualified events: their types and field sets, and the request that asks a server for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Problem
from . import wire

EVENT_TYPES = ("ConnectionEvent", "IntrusionEvent", "IntrusionPacket", "FileEvent")
"""What can be had as fully-qualified events."""

DEFAULT_EVENT_TYPES = ("ConnectionEvent", "IntrusionEvent", "FileEvent")

DEFAULT_FIELDS: Mapping[str, Sequence[str]] = {
    "ConnectionEvent": ("HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"),
    "IntrusionEvent": ("HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet", "Impact"),
    "IntrusionPacket": ("HeaderFieldSet", "DetailFieldSet"),
    "FileEvent": ("HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"),
}
"""The field sets that the sample request of the guide to fully-qualified events asks for."""

STYLES = ("single", "two-step")
"""The styles of a request, of which the first is tried first."""

REQUEST_STYLES = ("auto", *STYLES)
"""What a user may choose."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}\Z")


def parse_names(parameter: str, text: str) -> tuple[str, ...]:
    """Return the comma-separated field sets and field names in `text`, each once, in order.

    Raises Problem `field_name_invalid`, naming the parameter, for anything that cannot be such a name. Which names
    exist differs between versions of the Management Center, so every well-formed name is let through.
    """
    names = [name.strip() for name in text.replace("\n", ",").split(",")]
    wrong = next((name for name in names if name and not _NAME.match(name)), None)
    if wrong is not None:
        raise Problem(
            "field_name_invalid",
            f"{parameter}: {wrong!r} is not a field or field set name. "
            "Use letters, digits and underscores, separated by commas.",
        )
    return tuple(dict.fromkeys(name for name in names if name))


def document(fields: Mapping[str, Sequence[str]]) -> bytes:
    """Return the request document for `fields`, which gives each wanted event type its field sets and field names.

    Raises Problem when no type is wanted, a type is unknown, or a type has no field.
    """
    if not fields:
        raise Problem("event_types_empty", "No event type is chosen: choose at least one.")
    for event_type, names in fields.items():
        if event_type not in EVENT_TYPES:
            raise Problem(
                "event_type_unknown",
                f"{event_type!r} cannot be had as fully-qualified event. Choose among {', '.join(EVENT_TYPES)}.",
            )
        if not names:
            raise Problem("fields_empty", f"{event_type}: no field is chosen. Choose at least one field set or field.")
    events = {
        event_type: {"FieldSetDef": {"OutputFieldSet": list(names)}, "Fields": ["OutputFieldSet"]}
        for event_type, names in fields.items()
    }
    text = {"Events": events, "OutputFormat": {"Transform": "Text", "TransformConfig": "JSON"}}
    return json.dumps(text).encode("ascii")


@dataclass(frozen=True)
class FullyQualified:
    """The family of fully-qualified events: one request with a document asks for them, and no answer is needed.

    `document` is the request document, `timestamp` the initial timestamp (Unix seconds, `wire.OLDEST` or `wire.NOW`),
    `style` is `single` or `two-step`. The guide to fully-qualified events speaks of a follow-on message after an
    initial event stream request; one message was enough for a real server [W]. In both readings the request that
    carries the document is the same.
    """

    document: bytes
    timestamp: int
    style: str = "single"
    steps: frozenset[int] = frozenset()
    patience: float | None = None

    def __post_init__(self) -> None:
        """Refuse another style. Raises ValueError."""
        if self.style not in STYLES:
            raise ValueError(f"unknown request style {self.style!r}")

    def request(self) -> bytes:
        """Return the request: one message, or two in the style `two-step`."""
        whole = wire.encode_event_stream_request(self.timestamp, wire.EXTENDED_HEADERS, self.document)
        first = wire.encode_event_stream_request(self.timestamp, 0) if self.style == "two-step" else b""
        return first + whole

    def answer(self, message_type: int, body: bytes) -> bytes:
        """Return nothing: the server is asked at once."""
        return b""
