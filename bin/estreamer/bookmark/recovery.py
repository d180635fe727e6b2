"""What is found when a bookmark is opened: what its files say, for the splunkd that reads now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..clock import Clock
from ..errors import Problem
from ..files import Files
from . import digests as keyed
from . import journal
from .digests import Digests
from .generations import Generation, Generations
from .history import History
from .journal import State
from .positions import Positions
from .recorded import LastRecord


@dataclass(frozen=True)
class Recovery:
    """What opening a bookmark found that the log has to say.

    `put_aside` are generations that could not be read, `cut` those that were read up to a failing checksum, and
    `unsettled` counts the delivered events that another splunkd will be given again. `may_be_behind` says that the
    splunkd that reads may have read for the process before, which did not leave word that it kept up. `key_lost` is
    there when the key of the entries is not.
    """

    put_aside: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    unsettled: int = 0
    may_be_behind: bool = False
    key_lost: Problem | None = None


@dataclass(frozen=True)
class Recovered:
    """What a bookmark goes on from; without `state` nothing was found.

    `tenures` is how often the account changed, as far as the generations that are kept show. `seen` are the events that
    the reader had taken by then, and when, in monotonic seconds: they settle in their time.
    """

    generations: Generations
    digests: Digests
    positions: Positions
    last_record: LastRecord
    state: State | None = None
    tenures: int = 0
    seen: tuple[tuple[int, float], ...] = ()
    recovery: Recovery = Recovery()


@dataclass
class _Reading:
    """What the generations say together, which of them cannot be read, and which only up to a failing checksum."""

    history: History
    generations: list[Generation] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


def recover(folder: str, reader: str, settle: int, clock: Clock, files: Files) -> Recovered:
    """Read the files in a bookmark's folder, put aside what cannot be read, and make a key if it is missing.

    Raises Problem: `bookmark_unreadable`, `bookmark_newer`, `bookmark_not_accessible`, `bookmark_write_failed`.
    """
    names = journal.generation_names(folder, files)
    if not names:
        no_key = Digests(bytes(keyed.KEY_SIZE))
        return Recovered(Generations(folder, files), no_key, Positions(settle), LastRecord(clock))
    reading = _read_all(folder, names, settle, files)
    history = reading.history
    if history.state is None:
        raise Problem(
            "bookmark_unreadable",
            f"None of the bookmark's files in {folder} can be read, so the input stops rather than lose or "
            "double events. Restore the folder from a backup, or delete it to start again from start_from.",
        )
    digests, key_lost = _key_of(folder, history.state, files)
    state = _for_reader(history.state, history, reader)
    high = history.high_at(state.written)
    if not high:
        state = replace(state, start=history.start_at(state.written))
    return Recovered(
        Generations(folder, files, reading.generations, int(names[-1].partition(".")[0])),
        digests,
        Positions(settle, state.written, high, history.high_at(state.settled)),
        LastRecord(clock, history.moment, history.last_archival, history.boot),
        replace(state, key=digests.name, boot=clock.boot),
        history.tenure,
        tuple(history.read) if history.state.reader == reader else (),
        _worth_telling(reading, history.state, state, reader, key_lost),
    )


def _read_all(folder: str, names: Sequence[str], settle: int, files: Files) -> _Reading:
    """Read the generations, and put aside those that cannot be read: unless that is so of all, so that a person looks.

    Raises Problem `bookmark_not_accessible` and `bookmark_newer`.
    """
    reading = _Reading(History(settle))
    for name in names:
        whole = _read_one(os.path.join(folder, name), reading, files)
        if whole is None:
            reading.unreadable.append(name)
        elif not whole:
            reading.cut.append(name)
    if reading.history.state is not None:
        for name in reading.unreadable:
            path = os.path.join(folder, name)
            with suppress(OSError):
                files.rename(path, path.replace(".journal", ".unreadable"))
    return reading


def _read_one(path: str, reading: _Reading, files: Files) -> bool | None:
    """Read one generation; return whether it was complete, None when it cannot be read."""
    records, whole = journal.read_records(path, files)
    begins = journal.parse_state(records[0][1]) if records and records[0][0] == journal.STATE else None
    if begins is None:
        return None
    history = reading.history
    for kind, body in records:
        history.add(kind, body)
    latest, runs = history.take_latest()
    size = files.status(path).st_size
    reading.generations.append(Generation(path, size, begins.written, history.last, latest, runs))
    return whole


def _key_of(folder: str, state: State, files: Files) -> tuple[Digests, Problem | None]:
    """Read the key, or make one; return a Problem when it is not the one that the last entries were made with."""
    key = keyed.read_key(folder, files)
    digests = Digests(keyed.make_key(folder, files) if key is None else key)
    known = state.key in ("", digests.name) or digests.others(state.key) is not None
    return digests, None if known else keyed.lost_key(folder)


def _for_reader(state: State, history: History, reader: str) -> State:
    """Return the state for who reads now: another splunkd is given again what the one before may not have kept."""
    if state.reader == reader:
        return state
    settled = max(state.settled, history.kept)
    return replace(state, reader=reader, gone="", written=settled, settled=settled)


def _worth_telling(reading: _Reading, before: State, state: State, reader: str, key_lost: Problem | None) -> Recovery:
    may_be_same = (before.reader or before.gone) in (reader, "")
    kept_up = 0 < before.written <= reading.history.kept
    unsettled = before.written - state.written
    return Recovery(tuple(reading.unreadable), tuple(reading.cut), unsettled, may_be_same and not kept_up, key_lost)
