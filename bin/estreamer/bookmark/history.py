"""What the records of a bookmark say together: where to resume, and what was delivered before."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import limits
from .digests import Digests, OldDigests, OtherDigests
from .duplicates import DuplicateFilter, Runs, Seconds
from .journal import (
    DIGEST_SIZE,
    FIRST_LINE,
    KEPT,
    OLD_KINDS,
    READ,
    READ_BODY,
    RECORD,
    RUN,
    SEQUENCE,
    SETTLED,
    STATE,
    WITH_IDENTITIES,
    WRITTEN_KINDS,
    Moment,
    Record,
    State,
    head_of,
    parse_state,
    read_numbers,
)


@dataclass(frozen=True)
class Resume:
    """Where to resume: the initial timestamp to ask for, and the filter for what is sent again (None: nothing is).

    `ahead` is there when the server's clock was ahead of this machine's by more than `limits.CLOCK_TOLERANCE`: the
    archival timestamp of the last event, and this machine's time when that was recorded (Unix seconds).
    """

    timestamp: int
    duplicates: DuplicateFilter | None
    ahead: tuple[int, int] | None = None


class History:
    """The records of generations, read in order.

    `digests` are there when what is sent again is to be recognized: then digests and identities are kept, by far the
    most of what the records hold. Where to resume is known without them.
    """

    def __init__(self, settle: int, digests: Digests | None = None) -> None:
        self._settle = settle
        self._digests = digests
        self._others: dict[str, OldDigests | OtherDigests] = {}
        """What computes digests that are not of this version and Python, by their names."""
        self._runs = Runs()
        self._positions = array("I")
        """The position after each of the runs."""
        self._first_state: State | None = None
        self.tenure = 0
        """How often the account changed."""
        self._latest = 0
        self._runs_seen = 0
        self._starts: list[int] = []
        self.read: deque[tuple[int, float]] = deque()
        """Up to which event the reader had taken all, and when, in monotonic seconds; settled ones are left out."""
        self.last = 0
        self.moment: Moment | None = None
        """When the last events were recorded; None when version 1 did."""
        self.boot = ""
        """In which run of the machine they were; "" when that is unknown."""
        self.last_archival = 0
        self.kept = 0
        """Up to which event the reader keeps what it has read if it ends as it is meant to."""
        self._written = 0
        self._settled = 0
        self._state: State | None = None

    @property
    def state(self) -> State | None:
        """The last state, with what was written and settled since."""
        if self._state is not None and (self._state.written, self._state.settled) != (self._written, self._settled):
            self._state = replace(self._state, written=self._written, settled=self._settled)
        return self._state

    def add(self, kind: int, body: bytes) -> None:
        """Add a record, in the order in which they lie in the generations."""
        if kind == STATE:
            self._add_state(parse_state(body))
        elif self._state is None:
            return
        elif kind in WRITTEN_KINDS:
            self._add_written(kind, body)
        elif kind == SETTLED:
            self._settled = max(self._settled, min(SEQUENCE.unpack(body)[0], self._written))
            while self.read and self.read[0][0] <= self._settled:
                self.read.popleft()
        elif kind == KEPT:
            self.kept = SEQUENCE.unpack(body)[0]
        elif kind == READ:
            sequence, milliseconds = READ_BODY.unpack(body)
            self.read.append((sequence, milliseconds / 1000))

    def take_latest(self) -> tuple[int, int]:
        """Return the latest archival timestamp added since the last call, and how many runs of events were."""
        latest, self._latest = self._latest, 0
        runs, self._runs_seen = self._runs_seen, 0
        return latest, runs

    def void(self, sequence: int) -> None:
        """Forget the events after `sequence`."""
        self._runs.cut(sequence)
        del self._positions[len(self._runs) :]
        while self.read and self.read[-1][0] > sequence:
            self.read.pop()
        self.last = min(self.last, sequence)
        self.kept = min(self.kept, sequence)

    def high_at(self, sequence: int) -> int:
        """Return the archival timestamp to resume from after event `sequence`; 0 when the tenure had none by then."""
        return self._high_of(self.tenure, sequence)

    def _high_of(self, tenure: int, sequence: int) -> int:
        first = bisect_left(self._runs.tenures, tenure)
        last = min(bisect_right(self._runs.tenures, tenure), bisect_right(self._runs.firsts, sequence))
        return self._positions[last - 1] if last > first else self._high_before(tenure, sequence)

    def _high_before(self, tenure: int, sequence: int) -> int:
        """Return where to resume after an event whose record is in a generation that was deleted."""
        begun = self._first_state
        if tenure or begun is None:
            return 0
        return begun.high if sequence >= begun.written else begun.settled_high

    def start_at(self, sequence: int) -> int:
        """Return where to resume from after event `sequence` when the tenure had none by then.

        That is where the tenure began. But that may lie behind events of earlier tenures which count no more: then it
        is the margin of a failover before the last one that counts.
        """
        earlier = bisect_left(self._runs.tenures, self.tenure)
        counting = min(earlier, bisect_right(self._runs.firsts, sequence))
        if not counting:
            return max(0, min(self._starts) - (limits.FAILOVER_MARGIN if earlier else 0))
        last_tenure = self._runs.tenures[counting - 1]
        return max(
            0, min(self._starts[-1], self._high_of(last_tenure, sequence) - self._settle - limits.FAILOVER_MARGIN)
        )

    def resume(self, account: str, high: int, clock: int) -> Resume | None:
        """Return where to resume with an account.

        `high` is the archival timestamp to resume from in the current tenure, `clock` this machine's time when the last
        event was recorded, by its clock of today.
        """
        state = self.state
        if state is None:
            return None
        position = believed(high, clock)
        if account != state.account:
            # An account that delivered nothing leaves where it started, which has the margin already.
            timestamp = (
                max(0, position - self._settle - limits.FAILOVER_MARGIN)
                if high
                else _start_of(state, clock, self._settle)
            )
            return Resume(timestamp, self._filter(timestamp, self.tenure + 1))
        timestamp = max(0, position - self._settle) if high else _start_of(state, clock, self._settle)
        return Resume(timestamp, self._filter(timestamp, self.tenure))

    def _filter(self, timestamp: int, tenure: int) -> DuplicateFilter | None:
        # What is earlier than asked for counts as well: the server's clock may have been set back, or the events may
        # carry their own time for want of an archival timestamp.
        first_own = bisect_left(self._runs.tenures, tenure)
        own = Seconds(self._runs, first_own)
        horizon = own.last if own else 0
        foreign = array("Q")
        for place, archival in enumerate(self._runs.archivals[:first_own]):
            if archival >= timestamp - limits.FAILOVER_MARGIN:
                foreign.extend(self._runs.keys_of(place))
                horizon = max(horizon, archival + limits.FAILOVER_MARGIN)
        if self._digests is None or not (own or foreign):
            return None
        return DuplicateFilter(own, foreign, horizon, self._settle, self._digests, list(self._others.values()))

    def _add_state(self, state: State | None) -> None:
        if state is None:
            return
        if self._state is None:
            self._first_state = state
            self._starts.append(state.start)
        elif state.account != self._state.account:
            self.tenure += 1
            self._starts.append(state.start)
        self._starts[-1] = state.start
        self._state, self._written, self._settled = state, state.written, state.settled
        self.void(state.written)
        # Whoever goes on under the same reader may see it die.
        self.kept = 0

    def _add_written(self, kind: int, body: bytes) -> None:
        sequence, self.moment, position = head_of(kind, body)
        with_identities = kind in WITH_IDENTITIES
        while position < len(body):
            archival, count = RUN.unpack_from(body, position)
            position += RUN.size
            length = count * DIGEST_SIZE
            self._add_run(archival, sequence, count)
            if self._digests is not None:
                identities = body[position + length : position + 2 * length] if with_identities else b""
                self._add_keys(kind, self._digests, body[position : position + length], identities)
            position += length * (2 if with_identities else 1)
            sequence += count
            self._latest = max(self._latest, archival)
            self._runs_seen += 1
        self.boot = "" if self._state is None else self._state.boot
        self.last = self._written = sequence - 1
        self.last_archival = archival
        self._settled = min(self._settled, self.last)

    def _add_run(self, archival: int, sequence: int, count: int) -> None:
        """Add a run of events, and the position after it."""
        before = self._high_of(self.tenure, sequence)
        runs = len(self._runs)
        self._runs.add(self.tenure, archival, sequence, count)
        if len(self._runs) == runs:
            self._positions.pop()
        position = archival if self.moment is None else believed(archival, self.moment.clock)
        self._positions.append(higher(before, position, self._settle))

    def _add_keys(self, kind: int, digests: Digests, of_payloads: bytes, of_identities: bytes) -> None:
        name = "" if kind in OLD_KINDS or self._state is None else self._state.key
        if name != digests.name and name not in self._others:
            other = OldDigests() if kind in OLD_KINDS else digests.others(name)
            if other is None:
                # Digests of another key say nothing.
                of_payloads, of_identities = bytes(len(of_payloads)), bytes(len(of_identities))
            else:
                self._others[name] = other
        self._runs.add_keys(read_numbers(of_payloads), read_numbers(of_identities))


def _start_of(state: State, clock: int, settle: int) -> int:
    """Return where to resume while an account has delivered nothing.

    Once there were events, that was decided by a time stamp and by this machine's clock of then, and both may have been
    set back since. Before that it is what somebody asked for.
    """
    if not state.written or state.start <= clock:
        return state.start
    return max(0, clock - limits.CLOCK_MARGIN - settle - limits.FAILOVER_MARGIN)


def believed(archival: int, clock: int) -> int:
    """Return the archival timestamp to resume from after an event that was recorded at `clock` (Unix seconds).

    A server's clock that is ahead will be corrected, perhaps while nobody is connected: what it archives from then on
    has earlier timestamps. So nothing later than this machine's own time is ever asked for, less a margin where the two
    clocks are clearly apart.
    """
    if archival <= clock:
        return archival
    return max(0, clock if archival <= clock + limits.CLOCK_TOLERANCE else clock - limits.CLOCK_MARGIN)


def higher(high: int, archival: int, settle: int) -> int:
    """Return the archival timestamp to resume from after one more event.

    It rises with the events. An event that is earlier by more than `settle` means that the server's clock was set back:
    what it sends from here on has lower timestamps, so the position follows it down.
    """
    return archival if archival > high or archival < high - settle else high


def end_at(records: Sequence[Record], sequence: int) -> tuple[int, int, int]:
    """Return after which event a generation begins that has these records, how many of its bytes hold no event after
    `sequence`, and the number of their last event."""
    state = parse_state(records[0][1])
    history = History(0)
    kept = len(FIRST_LINE)
    begins = last = 0 if state is None else state.written
    for kind, body in records:
        history.add(kind, body)
        if kind in WRITTEN_KINDS:
            if history.last > sequence:
                break
            last = history.last
        kept += RECORD.size + len(body)
    return begins, kept, last
