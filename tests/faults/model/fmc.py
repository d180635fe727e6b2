"""Management Centers in simulated time, and the connections to them.

One keeps all its events in the order of their arrival, each with its archival second, and on a request sends those of
the second asked for and later, and from then on whatever comes. It keeps nothing of what it has sent to whom.
"""

from __future__ import annotations

import random
import struct
import types
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from estreamer.errors import Problem

from standins.fmc import raw_messages

REQUEST, NULL, ERROR = 2, 0, 1
NOW = 0xFFFFFFFF


@dataclass(frozen=True)
class Framing:
    """How a Management Center sends: `bundled` and `bare` say of which kinds there are messages.

    `waits` is how many messages may be without acknowledgement, None for no such limit. What is sent again may come in
    another order within an archival second (`reorders`), or rendered with other names (`renames`).
    """

    bundled: bool
    bare: bool
    waits: int | None
    extended: bool
    reorders: bool = False
    renames: bool = False


class Fmc:
    """A Management Center. `archive` has (archival timestamp, payload) in the order of arrival.

    `clock` is that of the input's machine, in Unix seconds.
    """

    def __init__(self, name: str, skew: int, framing: Framing, rng: random.Random, clock: Callable[[], float]) -> None:
        self.name = name
        self.skew = skew
        self.framing = framing
        self.random = rng
        self.clock = clock
        self.archive: list[tuple[int, bytes]] = []
        self.clock_sets: list[int] = []
        """How many events there were when the clock was set: equal archival seconds before and after are not one."""
        self.corrections: list[int] = []
        """How many events there were when a clock that was ahead was set right."""
        self.left_behind: list[tuple[int, float]] = []
        """From which place on, and up to which archival timestamp, events may not be asked for: see
        `Connection.close`."""
        self.up = True
        self.connection: Connection | None = None
        self.rendered_again = 0
        """How many events were sent again in a form that may be another one than before."""

    def connect(self, note_batch: Callable[[int], None]) -> Connection:
        """Return a connection that tells how many events each receive brings. Raises Problem when nobody listens."""
        if not self.up:
            raise Problem("connection_refused", "The connection is refused.")
        self.connection = Connection(self, note_batch)
        return self.connection

    def not_asked_for(self) -> set[bytes]:
        """Return the payloads of events that may not be asked for: the input has read later timestamps before."""
        return {
            payload
            for place, latest in self.left_behind
            for archival, payload in self.archive[place:]
            if archival < latest
        }

    def disconnect(self, orderly: bool) -> None:
        """End the connection, after what is on its way or instead of it."""
        if self.connection is not None:
            self.connection.end(orderly)


class Connection:
    """The input's end of a connection, in the form of `estreamer.connection.tls.Connection`."""

    peer = types.SimpleNamespace(
        address="fmc",
        port=8302,
        local_address="client",
        tls_version="",
        cipher="",
        fingerprint="",
        end=types.SimpleNamespace(not_after=None),
    )

    def __init__(self, fmc: Fmc, note_batch: Callable[[int], None]) -> None:
        self._note_batch = note_batch
        self._fmc = fmc
        self._random = fmc.random
        self._inbox = b""
        self._outbox = bytearray()
        self._ends: deque[tuple[int, int]] = deque()
        """Where events end, in bytes since the connection was made, and their places."""
        self._produced = 0
        self._taken = 0
        self._timestamp: int | None = None
        self._place = 0
        self._replay: list[tuple[int, bytes]] = []
        self._live_from = 0
        """What comes from this place on is sent whatever its archival timestamp."""
        self._latest = 0
        """The latest archival timestamp that was received."""
        self._last = -1
        """The place of the last event that was received."""
        self._outstanding = 0
        self._sequence = 0
        self._failure: bytes | Problem | None = None
        self.cut_after: int | None = None

    age = 0.0

    def fileno(self) -> int:
        """Return a number that is no descriptor's."""
        return -2

    def unsent(self) -> int:
        """All is sent at once."""
        return 0

    def flush(self) -> None:
        """All is sent at once."""

    def close(self) -> None:
        """The input is done with it.

        Where a clock was corrected within the backlog that is being read, it may have read events that were stamped
        ahead, and not those that were stamped after that with earlier timestamps. What lies between these and the
        present is not asked for: `docs/reliability.md` names this among what stays open.
        """
        within = [place for place in self._fmc.corrections if self._last < place < self._live_from]
        if within and self._latest:
            self._fmc.left_behind.append((within[0], min(self._latest, self._fmc.clock())))
        self._failure = self._failure or b""
        self._outbox.clear()
        if self._fmc.connection is self:
            self._fmc.connection = None

    def send(self, data: bytes) -> None:
        """Take a request or acknowledgements."""
        if self._failure is not None:
            return
        self._inbox += data
        while len(self._inbox) >= 8:
            _, kind, length = struct.unpack_from(">HHI", self._inbox)
            if len(self._inbox) < 8 + length:
                return
            body, self._inbox = self._inbox[8 : 8 + length], self._inbox[8 + length :]
            self._take(kind, body)

    def _take(self, kind: int, body: bytes) -> None:
        if kind == NULL:
            self._outstanding -= 1
            assert self._outstanding >= 0, "more was acknowledged than was sent"
        elif kind == ERROR:
            self.end(orderly=False)
        elif kind == REQUEST and len(body) > 8:
            (self._timestamp,) = struct.unpack_from(">I", body)
            self._live_from = len(self._fmc.archive)
            self._place = self._live_from if self._timestamp == NOW else 0
            self._replay = self._sent_again()

    def _sent_again(self) -> list[tuple[int, bytes]]:
        """Return what there is at the request, in the order and form in which this connection has it."""
        archive, framing = list(self._fmc.archive), self._fmc.framing
        if framing.reorders:
            places: dict[tuple[int, int], list[int]] = {}
            for place, (archival, _) in enumerate(archive):
                places.setdefault((bisect_right(self._fmc.clock_sets, place), archival), []).append(place)
            for same in places.values():
                order = self._random.sample(same, len(same))
                for place, event in zip(same, [archive[one] for one in order]):
                    archive[place] = event
        if framing.renames:
            archive = [(archival, self._rendered(payload)) for archival, payload in archive]
        return archive

    def _rendered(self, payload: bytes) -> bytes:
        return payload.replace(b'"T":"', b'"N":"') if self._random.random() < 0.5 else payload

    def _at(self, place: int) -> tuple[int, bytes]:
        return self._replay[place] if place < self._live_from else self._fmc.archive[place]

    def end(self, orderly: bool) -> None:
        """End it: orderly, after the bytes that are on their way; else they are lost."""
        if not orderly:
            self._outbox.clear()
        self._failure = self._failure or (b"" if orderly else Problem("connection_lost", "The connection was reset."))

    def has_more(self) -> bool:
        """Return True: only None says that nothing waits."""
        return True

    def may_be_full(self, count: int) -> bool:
        """Return False: nothing is ever kept back for want of space."""
        del count
        return False

    def receive(self, limit: int) -> bytes | None:
        """Return some of the bytes that have come, None while there are none, b"" at the end."""
        self._produce()
        self._note_batch(0)
        if not self._outbox:
            return self._at_end()
        size = min(limit, self._random.choice((1, 7, 30, 200, 1000, 5000, 100_000)))
        if self.cut_after is not None:
            size = min(size, self.cut_after)
            if not size:
                self.cut_after = None
                self.end(orderly=self._random.random() < 0.5)
                self._outbox.clear()
                return self._at_end()
        data = bytes(self._outbox[:size])
        del self._outbox[:size]
        if self.cut_after is not None:
            self.cut_after -= len(data)
        self._taken += len(data)
        before = len(self._ends)
        while self._ends and self._ends[0][0] <= self._taken:
            _, self._last = self._ends.popleft()
            self._latest = max(self._latest, self._at(self._last)[0])
        self._note_batch(before - len(self._ends))
        return data

    def _at_end(self) -> bytes | None:
        if isinstance(self._failure, Problem):
            raise self._failure
        return self._failure

    @property
    def readable(self) -> bool:
        """Whether `receive` would return or raise something."""
        self._produce()
        return bool(self._outbox) or self._failure is not None

    @property
    def at_rest(self) -> bool:
        """Whether all that the Management Center has was received."""
        if self._failure is not None or self._timestamp is None:
            return False
        self._produce()
        return not self._outbox and self._place == len(self._fmc.archive)

    def _produce(self) -> None:
        """Put the next messages in order on their way."""
        archive, framing = self._fmc.archive, self._fmc.framing
        while self._failure is None and self._timestamp is not None and len(self._outbox) < 20_000:
            if framing.waits is not None and self._outstanding >= framing.waits:
                return
            size = self._random.choice((1, 2, 5, 40)) if framing.bundled else 1
            batch: list[int] = []
            while self._place < len(archive) and len(batch) < size:
                event = self._at(self._place)
                replayed = self._place < self._live_from
                if not replayed or event[0] >= self._timestamp or not event[0]:
                    batch.append(self._place)
                    self._fmc.rendered_again += replayed and framing.renames
                self._place += 1
            if not batch:
                return
            if framing.bundled and not (framing.bare and self._random.random() < 0.5):
                self._send_bundle(batch)
            else:
                for place in batch:
                    self._put(self._event(self._at(place), 1))
                    self._ends.append((self._produced, place))
                    self._outstanding += 1
            if self._random.random() < 0.05:
                self._put(raw_messages.message(self._random.choice((0, 0, 77)), b""))

    def _send_bundle(self, batch: list[int]) -> None:
        self._sequence += 1
        messages = [self._event(self._at(place), 0) for place in batch]
        end = self._produced + 16
        for place, message in zip(batch, messages):
            end += len(message)
            self._ends.append((end, place))
        self._put(raw_messages.bundle(self._sequence, *messages))
        self._outstanding += 1

    def _event(self, event: tuple[int, bytes], version: int) -> bytes:
        archival, payload = event
        return raw_messages.event(payload, archival if self._fmc.framing.extended else None, version=version)

    def _put(self, data: bytes) -> None:
        self._outbox += data
        self._produced += len(data)
