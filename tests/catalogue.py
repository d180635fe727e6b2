"""What tests ask of the catalogue of event types and fields."""

from __future__ import annotations

from estreamer.events import catalog


def field_names(event_type: str) -> tuple[str, ...]:
    """Return the known fields of an event type, in the order of their groups."""
    groups = catalog.load()["event_types"][event_type]["groups"]
    return tuple(field["name"] for group in groups for field in group["fields"])
