"""The generations of a bookmark on the disk: read in order, only the last one appended to, old ones deleted.

All that changes them is asked of the file system here, and nothing here knows what the records mean beyond the archival
timestamps and numbers of events that decide what is still needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from ..files import Files
from . import journal, limits
from .history import end_at


class Generation:
    """A journal file: its size, after which event it begins, the number of its last event (0: it has none), its latest
    archival timestamp, and how many runs of events of one archival second it has.
    """

    def __init__(
        self, path: str, size: int, begins: int, last_sequence: int = 0, latest_archival: int = 0, runs: int = 0
    ) -> None:
        self.path = path
        self.size = size
        self.begins = begins
        self.last_sequence = last_sequence
        self.latest_archival = latest_archival
        self.runs = runs

    @property
    def weight(self) -> int:
        """What it counts against `limits.LARGEST_WEIGHT`: its bytes, and what its runs take in memory beyond them."""
        return self.size + limits.RUN_WEIGHT * self.runs

    def has_size(self, size: int) -> None:
        """Note that so many bytes of it count now."""
        self.size = size

    def has_events(self, sequence: int, archival: int, runs: int) -> None:
        """Note what was appended: up to which event, the latest archival timestamp of these, and how many runs."""
        self.last_sequence = sequence
        self.latest_archival = max(self.latest_archival, archival)
        self.runs += runs


class Generations:
    """The files in the folder of one bookmark.

    Every method that writes raises Problem `bookmark_write_failed` when the disk does not take it; what was to be
    written is then not there, and the call can be repeated.
    """

    def __init__(self, folder: str, files: Files, found: Sequence[Generation] = (), last_number: int = 0) -> None:
        """`found` are those in the folder that can be read; `last_number` is that of the last file, read or not."""
        self._folder = folder
        self._files = files
        self._file: int | None = None
        self._next_number = last_number + 1
        self.kept = list(found)
        self.forgotten = 0
        """How many events were deleted although they may be asked for again."""

    @property
    def is_full(self) -> bool:
        """Whether the next generation is to be begun."""
        return self.kept[-1].size > limits.GENERATION_SIZE

    @property
    def takes_no_more(self) -> bool:
        """Whether nothing may be appended any more before the next generation has begun."""
        return self.kept[-1].size > limits.LARGEST_GENERATION

    def records_from(self, oldest: int) -> Iterator[journal.Record]:
        """Yield the records of those generations that may hold events of the archival second `oldest` or later."""
        for generation in self._needed_from(oldest):
            yield from journal.read_records(generation.path, self._files)[0]

    def begin(self, state: journal.State) -> None:
        """Write the next generation, complete on the disk before it has its name; what follows is appended to it."""
        path = os.path.join(self._folder, f"{self._next_number:010d}.journal")
        content = journal.FIRST_LINE + journal.record(journal.STATE, journal.state_body(state))
        try:
            # What settles from here on is forced to the disk in the next generation: it must not get there before what
            # it speaks of, which this process, or one that was killed, has left to the system.
            if self.kept:
                self._files.force_file(self.kept[-1].path)
            file = self._write_whole(path, content)
        except OSError as error:
            raise journal.write_failed(self._folder, error) from error
        if self._file is not None:
            self._files.close(self._file)
        self._file = file
        self._next_number += 1
        self.kept.append(Generation(path, len(content), state.written))

    def _write_whole(self, path: str, content: bytes) -> int:
        """Put a file in its place; return it at its end. Raises OSError."""
        self._files.put(path, content)
        if not self.kept:
            self._files.force_folder(os.path.dirname(self._folder))
        file = self._files.open(path, os.O_RDWR)
        self._files.seek(file, len(content))
        return file

    def append(self, kind: int, body: bytes, *, force: bool = False) -> None:
        """Append a complete record or nothing; with `force`, have it and all before it on the disk as well."""
        record = journal.record(kind, body)
        file, current = self._descriptor(), self.kept[-1]
        try:
            self._files.write_all(file, record)
            if force:
                self._files.force(file)
        except OSError as error:
            self._files.seek(file, current.size)
            # A disk that has become read-only refuses this as well; then the next record is written over the half one.
            with suppress(OSError):
                self._files.truncate(file, current.size)
            raise journal.write_failed(self._folder, error) from error
        current.has_size(current.size + len(record))

    def has_events(self, sequence: int, archival: int, runs: int) -> None:
        """Note what was appended: up to which event, the latest archival timestamp of these, and how many runs."""
        self.kept[-1].has_events(sequence, archival, runs)

    def _needed_from(self, oldest: int) -> Sequence[Generation]:
        # `HISTORY_SIZE` of them are read in any case: where events carry their own time for want of an archival
        # timestamp, theirs may be any.
        size = sum(generation.size for generation in self.kept)
        for place, generation in enumerate(self.kept):
            needed = not generation.last_sequence or generation.latest_archival >= oldest
            if needed or size <= limits.HISTORY_SIZE:
                return self.kept[place:]
            size -= generation.size
        return self.kept

    def delete_old(self, settled: int, oldest: int) -> None:
        """Delete the oldest generations; the last two always stay.

        Those go that no resume can need, which asks for nothing before the archival second `oldest` or the event
        `settled`, and that exceed what is kept beyond need; and those that are too much in any case.
        """
        while len(self.kept) > 2:
            first = self.kept[0]
            excess = (
                sum(generation.size for generation in self.kept) > limits.HISTORY_SIZE
                or len(self.kept) > limits.MOST_GENERATIONS
            )
            needed = first.last_sequence > settled or first.latest_archival >= oldest
            too_much = sum(generation.weight for generation in self.kept) > limits.LARGEST_WEIGHT
            if first.last_sequence and (needed or not excess) and not too_much:
                return
            try:
                self._files.remove(first.path)
            except FileNotFoundError:
                pass
            except OSError:
                return
            if needed:
                self.forgotten += max(0, first.last_sequence - first.begins)
            del self.kept[0]

    def cut_off(self, sequence: int, settled: int) -> tuple[int, int]:
        """Take the records of events after `sequence` off the files, and what was recorded after them.

        What has settled is written in their place, where there is space. Returns up to which event the files have
        records after that, and which has settled. Raises OSError.
        """
        while True:
            generation = self.kept[-1]
            records, _ = journal.read_records(generation.path, self._files)
            begins, kept, last = end_at(records, sequence)
            if begins <= sequence or len(self.kept) == 1:
                break
            self._files.remove(generation.path)
            del self.kept[-1]
        file = self._files.open(generation.path, os.O_RDWR)
        self._files.seek(file, kept)
        settled = min(settled, last)
        record = journal.record(journal.SETTLED, journal.SEQUENCE.pack(settled))
        with suppress(OSError):
            self._files.write_all(file, record)
            kept += len(record)
        self._files.truncate(file, kept)
        self._files.seek(file, kept)
        self._files.close(self._descriptor())
        self._file = file
        generation.has_size(kept)
        return last, settled

    def last_change(self) -> Iterator[float]:
        """Yield when the files that hold events were last changed, the latest first (Unix seconds)."""
        for generation in reversed(self.kept):
            if generation.runs:
                with suppress(OSError):
                    yield self._files.status(generation.path).st_mtime

    def close(self) -> None:
        """Force everything to the disk, as far as it takes it."""
        if self._file is not None:
            with suppress(OSError):
                self._files.force(self._file)
            self._files.close(self._file)
            self._file = None

    def _descriptor(self) -> int:
        if self._file is None:
            raise ValueError("the bookmark is not open")
        return self._file
