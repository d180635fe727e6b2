"""What a server can repeat at will."""

from __future__ import annotations

import struct
from collections.abc import Iterable


def unknown_messages(types: Iterable[int]) -> str:
    """Return an empty message of each type, in the form of `Fault.data`."""
    return b"".join(struct.pack(">HHI", 1, message_type, 0) for message_type in types).decode("latin-1")
