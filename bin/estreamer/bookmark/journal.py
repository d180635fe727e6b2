"""The files of a bookmark: their layout, records, and getting them to the disk.

A folder for each input, `<checkpoint_dir>/<stanza, percent-encoded>/`:

    lock                  locked by the process that uses the folder; holds its number, for people
    0000000001.journal    generations, in order; only the last one is appended to
    0000000002.journal

A generation begins with the line `SFE-BOOKMARK 1`, 1 being the version of this format. Records follow. Integers in
headers are big endian:

    uint32 CRC-32 of kind and body | uint32 length of the body | uint8 kind | body

    kind 1, state     JSON: stanza; source (the account in use); start (its initial timestamp); reader (who reads the
                      pipe); written and settled (sequence numbers); styles (the request style that worked, by source)
    kind 2, written   uint64 sequence number of the first event, then runs of events of one archival second:
                      uint32 archival timestamp, uint32 count, count × uint64 digest (little endian)
    kind 3, written   the same, and after the digests of a run count × uint64 identity (little endian, 0: none)
    kind 4, settled   uint64 sequence number up to which all events are settled
    kind 5, read      uint64 sequence number up to which the reader had taken all events, uint64 when: milliseconds of
                      the monotonic clock, which all processes share until the machine starts anew

Events are numbered from 1 in the order of their delivery. A state replaces the one before; its `written` says which
events count: those of higher numbers in earlier records are void, their numbers are given out again. A state with
another source than the one before begins a tenure: archival timestamps are comparable only within a tenure, since each
Management Center stamps by its own clock.

A generation begins with a state and is whole on disk (fsync, rename) before it has its name, and so is the one before
it. Every start of the process begins one, and so does growth beyond `limits.GENERATION_SIZE`. Old ones are deleted when
no resume can need them and they exceed `limits.HISTORY_SIZE` together.

Reading stops at the first record whose checksum fails: the end that a crash tore off. A generation without a readable
state is put aside (`.unreadable`) and the previous one is used: it resumes earlier, so nothing is lost. When none can
be read, or one is of a later version, the input stops and says what to do. Only a folder without any generation is
"no bookmark".
"""

from __future__ import annotations

import json
import os
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .. import causes
from ..errors import Problem

_MAGIC = b"SFE-BOOKMARK "
FIRST_LINE = _MAGIC + b"1\n"
RECORD = struct.Struct(">IIB")
SEQUENCE = struct.Struct(">Q")
RUN = struct.Struct(">II")
READ_BODY = struct.Struct(">QQ")
STATE, WRITTEN, WRITTEN_WITH_IDENTITIES, SETTLED, READ = 1, 2, 3, 4, 5
DIGEST_SIZE = 8
_LATEST = 0xFFFFFFFF
_MOST_EVENTS = 1 << 62


@dataclass(frozen=True)
class State:
    """The scalar part of a bookmark; see the head of this module."""

    stanza: str
    source: str
    start: int
    reader: str
    written: int
    settled: int
    styles: Mapping[str, str]


class Generation:
    """A journal file: its size, the number of its last event (0: it has none), its latest archival timestamp."""

    def __init__(self, path: str, size: int, last_sequence: int, latest_archival: int) -> None:
        self.path = path
        self.size = size
        self.last_sequence = last_sequence
        self.latest_archival = latest_archival


def written_body(
    first: int, archivals: Sequence[int], digests: Sequence[int], identities: Sequence[int] | None
) -> bytes:
    """Return the body of a record of delivered events, of which `first` is the number of the first.

    The hot path: the events of a batch are nearly always of one archival second.
    """
    body = bytearray(SEQUENCE.pack(first))
    for begin, end in _runs(archivals):
        body += RUN.pack(archivals[begin], end - begin)
        body += _little_endian(digests[begin:end])
        if identities is not None:
            body += _little_endian(identities[begin:end])
    return bytes(body)


def _runs(archivals: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, after the last) of each run of equal archival timestamps."""
    first, count = 0, len(archivals)
    if archivals.count(archivals[0]) == count:
        yield 0, count
        return
    for place in range(1, count + 1):
        if place == count or archivals[place] != archivals[first]:
            yield first, place
            first = place


def _little_endian(numbers: Sequence[int]) -> bytes:
    packed = array("Q", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def read_numbers(raw: bytes) -> array[int]:
    """Return the numbers that digests or identities in a record stand for."""
    numbers = array("Q")
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def record(kind: int, body: bytes) -> bytes:
    """Return a whole record."""
    return RECORD.pack(zlib.crc32(body, zlib.crc32(bytes([kind]))), len(body), kind) + body


def read_records(path: str) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the records of a generation up to the first that fails its checksum, and whether that was its end.

    Raises Problem when the file cannot be opened, or is of a later version.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise not_accessible(path, error) from error
    first_line = content[: len(FIRST_LINE)]
    if first_line != FIRST_LINE:
        if first_line.startswith(_MAGIC) and first_line[len(_MAGIC) :].strip().isdigit():
            raise Problem(
                "bookmark_newer",
                f"The bookmark {path} was written by a later version of this add-on. Install that version again, or "
                "delete the bookmark's folder to start anew from start_from.",
            )
        return [], False
    records: list[tuple[int, bytes]] = []
    position = len(FIRST_LINE)
    while position + RECORD.size <= len(content):
        checksum, length, kind = RECORD.unpack_from(content, position)
        body = content[position + RECORD.size : position + RECORD.size + length]
        sound = len(body) == length and zlib.crc32(body, zlib.crc32(bytes([kind]))) == checksum
        if not (sound and _is_well_formed(kind, body)):
            return records, False
        records.append((kind, body))
        position += RECORD.size + length
    return records, position == len(content)


def _is_well_formed(kind: int, body: bytes) -> bool:
    """Return whether a record holds what one of its kind holds; a kind that is not known may hold anything."""
    if kind == STATE:
        return parse_state(body) is not None
    if kind in (SETTLED, READ):
        return len(body) == (SEQUENCE.size if kind == SETTLED else READ_BODY.size)
    if kind not in (WRITTEN, WRITTEN_WITH_IDENTITIES):
        return True
    position = SEQUENCE.size
    if len(body) <= position or not 0 < SEQUENCE.unpack_from(body)[0] < _MOST_EVENTS:
        return False
    while position + RUN.size <= len(body):
        _, count = RUN.unpack_from(body, position)
        position += RUN.size + count * DIGEST_SIZE * (1 if kind == WRITTEN else 2)
    return position == len(body)


def state_body(state: State) -> bytes:
    """Return the body of a record of a state."""
    return json.dumps(
        {
            "stanza": state.stanza,
            "source": state.source,
            "start": state.start,
            "reader": state.reader,
            "written": state.written,
            "settled": state.settled,
            "styles": dict(state.styles),
        }
    ).encode("ascii")


def parse_state(body: bytes) -> State | None:
    """Return the state in the body of its record, None when it holds none that can be."""
    try:
        state = State(**json.loads(body))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (state.stanza, state.source, state.reader)
    numbers = (state.start, state.written, state.settled)
    sound = (
        all(isinstance(text, str) for text in texts)
        and all(type(number) is int for number in numbers)
        and 0 <= state.start <= _LATEST
        and isinstance(state.styles, dict)
    )
    return state if sound and 0 <= state.settled <= state.written < _MOST_EVENTS else None


def generation_names(folder: str) -> list[str]:
    """Return the names of the generations in a folder, in order. Raises Problem `bookmark_not_accessible`."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise not_accessible(folder, error) from error
    return sorted(name for name in names if name.endswith(".journal") and name[:-8].isdigit())


BINARY = getattr(os, "O_BINARY", 0)


def write_all(file: int, content: bytes) -> None:
    """Write to a file, however many writes it takes. Raises OSError, when a part of it may be written."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def sync(file: int) -> None:
    """Force the contents of an open file to the disk. Raises OSError."""
    # macOS and Windows have no fdatasync.
    getattr(os, "fdatasync", os.fsync)(file)


def sync_file(path: str) -> None:
    """Force a file that may not be open to the disk; Windows wants to be able to write to it for that."""
    file = os.open(path, (os.O_RDWR if sys.platform == "win32" else os.O_RDONLY) | BINARY)
    try:
        sync(file)
    finally:
        os.close(file)


def sync_folder(folder: str) -> None:
    """Force a rename to the disk, where folders can be opened for that."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_failed(folder: str, error: OSError) -> Problem:
    """The disk does not take what is written to a folder."""
    return Problem(
        "bookmark_write_failed",
        causes.sentence(
            f"The bookmark in {folder} cannot be written", error, "Nothing is acknowledged until it can be written."
        ),
    )


def not_accessible(path: str, error: OSError) -> Problem:
    """A file or folder cannot be read, or made."""
    return Problem("bookmark_not_accessible", causes.sentence(f"The bookmark {path} cannot be opened", error))
