"""The files of a bookmark: their layout, and the records in them.

A folder for each input, `<checkpoint_dir>/<stanza, percent-encoded>/`:

    lock                  locked by the process that uses the folder; holds its number, for people
    key                   32 random bytes, mode 0600: what digests and identities are made with (`digests`)
    0000000001.journal    generations, in order; only the last one is appended to
    0000000002.journal

A generation begins with the line `SFE-BOOKMARK 2`, 2 being the version of this format. Records follow. Integers in
headers are big endian:

    uint32 CRC-32 of kind and body | uint32 length of the body | uint8 kind | body

    kind 1, state     JSON: stanza; account (in use); start (its initial timestamp); reader (who reads the pipe);
                      written and settled (sequence numbers); styles (the request style that worked, by account); key
                      (which digests follow: a name of the key, and the kind of hash); high and settled_high (the
                      archival timestamps to resume from after these two events, 0: none); boot (which run of the
                      machine the monotonic clock of what follows belongs to, "": unknown); gone (who read the pipe
                      and died or closed it, where nobody has read since, else "")
    kind 4, settled   uint64 sequence number up to which all events are settled
    kind 5, read      uint64 sequence number up to which the reader had taken all events, uint64 when: milliseconds of
                      the monotonic clock, which all processes share until the machine restarts
    kind 6, written   uint64 sequence number of the first event, uint32 this machine's clock (Unix seconds), uint32 its
                      monotonic clock (seconds), then runs of events of one archival second:
                      uint32 archival timestamp, uint32 count, count × uint64 digest (little endian)
    kind 7, written   the same, and after the digests of a run count × uint64 identity (little endian, 0: none)
    kind 8, kept      uint64 sequence number up to which the reader keeps what it has read if it ends as it is meant to:
                      a reader that follows on it is not given these events again

An archival timestamp is kept as the server sent it, since events are recognized by it. Where to resume is decided with
this machine's clock as well (`history.believed`), so that a wrong clock elsewhere loses nothing.

Version 1 is read and no longer written. Its states have no key and no archival timestamps, and `source` in place of
`account`, as states of version 2 had before its first release. Its written events are of kind 2 (3 with identities),
which have neither clock, and whose digests are the length and CRC-32 of a payload (`digests.old_digest`).

Events are numbered from 1 in the order of their delivery. A state replaces the one before; its `written` says which
events count: those of higher numbers in earlier records are void, their numbers are given out again. A state with
another account than the one before begins a tenure: archival timestamps are comparable only within a tenure, since each
Management Center stamps by its own clock.

A generation begins with a state and is complete on disk (fsync, rename) before it has its name, and so is the one
before it. Every start of the process begins one, and so does growth beyond `limits.GENERATION_SIZE`. Old ones are
deleted when no resume can need them and they exceed `limits.HISTORY_SIZE` together.

Reading stops at the first record whose checksum fails: the end that a crash tore off. A generation without a readable
state is put aside (`.unreadable`) and the previous one is used: it resumes earlier, so nothing is lost. When none can
be read, or one is of a later version, the input stops and says what to do. Only a folder without any generation is
"no bookmark".
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .. import causes
from ..errors import Problem
from ..files import FILES, Files

_MAGIC = b"SFE-BOOKMARK "
FIRST_LINE = _MAGIC + b"2\n"
_FIRST_LINES = (FIRST_LINE, _MAGIC + b"1\n")
RECORD = struct.Struct(">IIB")
SEQUENCE = struct.Struct(">Q")
RUN = struct.Struct(">II")
READ_BODY = struct.Struct(">QQ")
WRITTEN_HEAD = struct.Struct(">QII")
STATE, OLD_WRITTEN, OLD_WRITTEN_WITH_IDENTITIES, SETTLED, READ, WRITTEN, WRITTEN_WITH_IDENTITIES, KEPT = range(1, 9)
OLD_KINDS = (OLD_WRITTEN, OLD_WRITTEN_WITH_IDENTITIES)
WRITTEN_KINDS = (WRITTEN, WRITTEN_WITH_IDENTITIES, *OLD_KINDS)
WITH_IDENTITIES = (WRITTEN_WITH_IDENTITIES, OLD_WRITTEN_WITH_IDENTITIES)
DIGEST_SIZE = 8
Record = tuple[int, bytes]
"""The kind of a record, and its body."""

LATEST = 0xFFFFFFFF
"""The last archival timestamp that there can be."""

_MOST_EVENTS = 1 << 62


@dataclass(frozen=True)
class State:
    """The scalar part of a bookmark; see the head of this module."""

    stanza: str
    account: str
    start: int
    reader: str
    written: int
    settled: int
    styles: Mapping[str, str]
    key: str = ""
    high: int = 0
    settled_high: int = 0
    boot: str = ""
    gone: str = ""


@dataclass(frozen=True)
class Moment:
    """A moment by this machine's clock (Unix seconds) and its monotonic clock (seconds), both from 0 to `LATEST`."""

    clock: int
    monotonic: int

    @classmethod
    def of(cls, wall: float, monotonic: float) -> Moment:
        """Return the moment of these times, or the nearest that a record can hold."""
        return cls(min(max(0, int(wall)), LATEST), min(max(0, int(monotonic)), LATEST))


def written_body(
    first: int,
    moment: Moment,
    archivals: Sequence[int],
    in_runs: Sequence[tuple[int, int]],
    digests: array[int],
    identities: array[int] | None,
) -> bytes:
    """Return the body of a record of delivered events, of which `first` is the number of the first.

    `in_runs` are their `runs`.

    The hot path: the events of a batch are nearly always of one archival second.
    """
    body = bytearray(WRITTEN_HEAD.pack(first, moment.clock, moment.monotonic))
    for begin, end in in_runs:
        body += RUN.pack(archivals[begin], end - begin)
        body += _little_endian(digests[begin:end])
        if identities is not None:
            body += _little_endian(identities[begin:end])
    return bytes(body)


def head_of(kind: int, body: bytes) -> tuple[int, Moment | None, int]:
    """Return the number of the first event of a record of delivered events, when it was recorded, and where its runs
    begin.
    """
    if kind in OLD_KINDS:
        return SEQUENCE.unpack_from(body)[0], None, SEQUENCE.size
    first, clock, monotonic = WRITTEN_HEAD.unpack_from(body)
    return first, Moment(clock, monotonic), WRITTEN_HEAD.size


def runs(archivals: Sequence[int]) -> Sequence[tuple[int, int]]:
    """Return (first, after the last) of each run of equal archival timestamps."""
    count = len(archivals)
    if archivals.count(archivals[0]) == count:
        return ((0, count),)
    begins = [place for place in range(count) if not place or archivals[place] != archivals[place - 1]]
    return list(zip(begins, [*begins[1:], count]))


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def read_numbers(raw: bytes) -> array[int]:
    """Return the numbers that digests or identities in a record stand for."""
    numbers = array("Q")
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def record(kind: int, body: bytes) -> bytes:
    """Return a complete record."""
    return RECORD.pack(zlib.crc32(body, zlib.crc32(bytes([kind]))), len(body), kind) + body


def read_records(path: str, files: Files = FILES) -> tuple[list[Record], bool]:
    """Return the records of a generation up to the first that fails its checksum, and whether that was its end.

    Raises Problem when the file cannot be opened, or is of a later version.
    """
    try:
        content = files.read(path)
    except OSError as error:
        raise not_accessible(path, error) from error
    first_line = content[: len(FIRST_LINE)]
    if first_line not in _FIRST_LINES:
        if first_line.startswith(_MAGIC) and first_line[len(_MAGIC) :].strip().isdigit():
            raise Problem(
                "bookmark_newer",
                f"The bookmark {path} was written by a later version of this add-on. Install that version again, or "
                "delete the bookmark's folder to start again from start_from.",
            )
        return [], False
    records: list[Record] = []
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
    if kind in (SETTLED, READ, KEPT):
        return len(body) == (READ_BODY.size if kind == READ else SEQUENCE.size)
    if kind not in WRITTEN_KINDS:
        return True
    position = SEQUENCE.size if kind in OLD_KINDS else WRITTEN_HEAD.size
    if len(body) <= position or not 0 < SEQUENCE.unpack_from(body)[0] < _MOST_EVENTS:
        return False
    size = DIGEST_SIZE * (2 if kind in WITH_IDENTITIES else 1)
    while position + RUN.size <= len(body):
        _, count = RUN.unpack_from(body, position)
        position += RUN.size + count * size
    return position == len(body)


def state_body(state: State) -> bytes:
    """Return the body of a record of a state."""
    return json.dumps(
        {
            "stanza": state.stanza,
            "account": state.account,
            "start": state.start,
            "reader": state.reader,
            "written": state.written,
            "settled": state.settled,
            "styles": dict(state.styles),
            "key": state.key,
            "high": state.high,
            "settled_high": state.settled_high,
            "boot": state.boot,
            "gone": state.gone,
        }
    ).encode("ascii")


def parse_state(body: bytes) -> State | None:
    """Return the state in the body of its record, None when it holds none that can be."""
    try:
        told = json.loads(body)
        if isinstance(told, dict) and "account" not in told and "source" in told:
            told["account"] = told.pop("source")
        state = State(**told)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (state.stanza, state.account, state.reader, state.key, state.boot, state.gone)
    stamps = (state.start, state.high, state.settled_high)
    sound = (
        all(isinstance(text, str) for text in texts)
        and all(type(number) is int for number in (*stamps, state.written, state.settled))
        and all(0 <= stamp <= LATEST for stamp in stamps)
        and isinstance(state.styles, dict)
    )
    return state if sound and 0 <= state.settled <= state.written < _MOST_EVENTS else None


def generation_names(folder: str, files: Files = FILES) -> list[str]:
    """Return the names of the generations in a folder, in order. Raises Problem `bookmark_not_accessible`."""
    try:
        names = files.names(folder)
    except OSError as error:
        raise not_accessible(folder, error) from error
    return sorted(name for name in names if name.endswith(".journal") and name[:-8].isdigit())


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
