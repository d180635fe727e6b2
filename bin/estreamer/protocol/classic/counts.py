"""What was odd about records, counted by kind and by the number of the record or data block: bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

MOST_COUNTED = 256
"""Kinds and places that are counted apart: the numbers are whatever the server sends."""

ELSEWHERE = "other numbers"


class Counts:
    """Adds up the notes of decoded records."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, notes: Iterable[tuple[str, str]]) -> None:
        """Count the notes of a record."""
        for what, where in notes:
            key = (what, where)
            if key not in self._counts and len(self._counts) >= MOST_COUNTED:
                key = (what, ELSEWHERE)
            self._counts[key] += 1

    def as_mapping(self) -> Mapping[tuple[str, str], int]:
        """Return the number of notes by what they say and where, such as `("truncated", "B1.160")`."""
        return dict(self._counts)
