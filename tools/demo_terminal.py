"""What the demo says: numbered steps of one line each, tables, and lines that fit the terminal."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

INDENT = "    "


@dataclass
class Step:
    """A step that is under way; `result` ends its line."""

    result: str = "done"


class Terminal:
    """Plain text on standard output, line by line."""

    def __init__(self) -> None:
        # A name in an event may hold what this terminal's encoding lacks.
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        self._number = 0
        self._in_line = False

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Print a numbered line: what is being done, and at the end of the block its result and how long it took."""
        self._number += 1
        self._write(f"{self._number:2}. {text} ... ")
        self._in_line = True
        begun = time.monotonic()
        step = Step()
        yield step
        self._in_line = False
        self._write(f"{step.result} ({time.monotonic() - begun:.1f} s)\n")

    def line(self, text: str = "") -> None:
        """Print a line as it is."""
        if self._in_line:
            self._in_line = False
            self._write("\n")
        self._write(f"{text}\n")

    def detail(self, text: str) -> None:
        """Print an indented line, cut to the width of the terminal; what is not printable does not get there."""
        self.line(clipped(INDENT + printable(text), width()))

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
        """Print a table with names on the left and numbers on the right."""
        texts = [list(heads), *([one if isinstance(one, str) else f"{one:,}" for one in row] for row in rows)]
        widths = [max(len(row[column]) for row in texts) for column in range(len(heads))]
        for row in texts:
            cells = [row[0].ljust(widths[0]), *(text.rjust(wide) for text, wide in zip(row[1:], widths[1:]))]
            self.line(INDENT + "   ".join(cells))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def width() -> int:
    """Return how many characters fit a line; 120 where there is no terminal."""
    return shutil.get_terminal_size((120, 25)).columns


def clipped(text: str, most: int) -> str:
    """Return a text of at most so many characters, with an ellipsis for what was cut."""
    return text if len(text) <= most else text[: max(0, most - 3)] + "..."


def printable(text: str) -> str:
    """Return a text without control characters: events hold what an attacker chose, and must not steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
