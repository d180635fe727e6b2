"""A log file that goes on in a next one when it is full, as the standard library's RotatingFileHandler writes it.

That one's module imports what sends log records to other machines: pickle, queues and more, for every input.
"""

from __future__ import annotations

import logging
import os


class RotatingFile(logging.FileHandler):
    """Appends lines to the file at `path`, in UTF-8. Raises OSError for a file that cannot be written.

    A line that would bring the file to `largest` bytes or more begins a next one; then the full file is `<path>.1`, an
    earlier one `<path>.2`, and so on to `<path>.<kept>`, after which a file is removed. `kept` is at least 1.
    """

    def __init__(self, path: str, largest: int, kept: int) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._largest = largest
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        try:
            if self._is_full(len(self.format(record)) + 1):
                self._rotate()
        except Exception:
            self.handleError(record)
        else:
            super().emit(record)

    def _is_full(self, length: int) -> bool:
        if self.stream is None:
            self.stream = self._open()
        written = self.stream.tell()
        # A special file, such as /dev/null, cannot be renamed.
        return written > 0 and written + length >= self._largest and os.path.isfile(self.baseFilename)

    def _rotate(self) -> None:
        self.stream.close()
        # The base class opens it with the next line, also where a name cannot be changed.
        self.stream = None  # type: ignore[assignment]
        names = [self.baseFilename, *(f"{self.baseFilename}.{number}" for number in range(1, self._kept + 1))]
        for name, next_name in reversed(list(zip(names, names[1:]))):
            if os.path.exists(name):
                os.replace(name, next_name)
