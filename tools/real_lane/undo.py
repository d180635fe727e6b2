"""What the lane has changed, and how that is undone: always, and last things first."""

from __future__ import annotations

from collections.abc import Callable

from environment import StepFailure

from .client import Refused


class Undo:
    """What is to be undone. It is noted before it is done, since an answer can be lost."""

    def __init__(self) -> None:
        self._noted: list[tuple[str, Callable[[], object]]] = []

    def note(self, what: str, undo: Callable[[], object]) -> None:
        """Note how something is undone; `what` is what a person has to do if that fails."""
        self._noted.append((what, undo))

    def run(self) -> list[str]:
        """Undo everything; return a sentence for each thing that could not be."""
        left = []
        while self._noted:
            what, undo = self._noted.pop()
            try:
                undo()
            except Refused as refused:
                # It is gone already, or was never made.
                if refused.status != 404:
                    left.append(f"{what} by hand: {refused}")
            except (StepFailure, OSError) as failure:
                left.append(f"{what} by hand: {failure}")
        return left
