"""One sequence of faults: the real loop of an input in a world whose time, network, disk and splunkd are simulated.

`estreamer.input.loop.run` runs as it is, with `Session`, `Delivery`, `Bookmark` and `Output`; real are also the pipe
and the bookmark's files. The world moves on whenever the input receives or waits: splunkd reads, and the next action of
the sequence takes place. A life of the input ends by a stop, by a kill, or because its reader is gone; splunkd starts
it again. In the end all faults are lifted, and what splunkd has is compared with what happened.
"""

from __future__ import annotations

import random
import re
import select
import types
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

from estreamer.bookmark import journal, limits
from estreamer.clock import Clock
from estreamer.connection import tls
from estreamer.connection.pkcs12 import Credentials
from estreamer.connection.waiting import Waiting
from estreamer.errors import Stop
from estreamer.events.drop_rules import DropRules
from estreamer.input import loop, recording
from estreamer.input.surroundings import Surroundings
from estreamer.outputs.output import Before, Encoded, Output
from estreamer.outputs.splunkd_pipe import Splunkd as RealDestination
from estreamer.outputs.xml_stream import pipe_of
from estreamer.settings import Account, InputSettings

from tests.bookmark.collisions import forged
from tests.faults.model.fmc import Connection, Fmc, Framing
from tests.faults.model.splunkd import Life, Pipe, Splunkd
from tests.faults.model.system import Killed, System
from tests.input.harness import STANZA, input_settings

BEGIN = 1_700_000_000
MOST_TICKS = 60_000
_ID = re.compile(rb'"ConnectionID":(\d+)')
_DROPPED = 9

Action = tuple[str, int]
"""What happens, and a number that it makes of what it likes."""


@dataclass(frozen=True)
class Setting:
    """What stays the same during a sequence."""

    settle: int
    framing: Framing
    pipe_size: int
    generation_size: int
    pair: bool
    skew: int
    keyed: bool
    rules: bool
    own_times: bool
    late: int
    """Seconds by which events may be out of archival order, up to `settle`."""
    keeps_history: bool
    """Whether the bookmark keeps as much as it really does."""
    pace: tuple[int, ...]
    """Seconds that may lie between two events."""
    forges: bool = False
    """Whether somebody who chooses the texts gives all events one CRC-32, and many of them one length."""
    trusts: bool = False
    """Whether a planned restart of splunkd is trusted."""


class World:
    """A sequence on its way. `seed` is for all that the actions leave open.

    `uptime` is for how many seconds the machine had been up when the sequence began.
    """

    def __init__(
        self, seed: int, setting: Setting, actions: Sequence[Action], folder: Path, uptime: float = 0.0
    ) -> None:
        self.random = random.Random(seed)
        self.setting = setting
        self.script = deque([*actions, *_ENDING])
        self.folder = folder
        self.now = 1000.0
        self.clock = Clock(
            wall=lambda: BEGIN + self.now,
            monotonic=lambda: uptime + self.now,
            sleep=lambda seconds: self.pass_time(seconds),
        )
        self.event_time = BEGIN
        self.clock_error = 0
        self.clock_was_set = False
        self.system = System(self.random)
        self.system.on_generation = self._note_generation
        self.generations: list[tuple[int, float]] = []
        """Of each generation of the bookmark, how many events had been read when it began, and when."""
        self.damage: str | None = None
        self.splunkd = Splunkd(setting.settle, self.random)
        self.fmcs = {"fmc": Fmc("fmc", 0, setting.framing, self.random, self.clock.wall)}
        if setting.pair:
            self.fmcs["other"] = Fmc("other", setting.skew, setting.framing, self.random, self.clock.wall)
        self.happened: Counter[bytes] = Counter()
        self.next_id = 0
        self.checksum = 0
        """The CRC-32 that all events have that somebody forges."""
        self.life = Life(self.now)
        self.pipe: Pipe | None = None
        self.parent = ""
        self.reason: str | None = None
        self.read_rest = True
        self.restarting = False
        """Whether splunkd is about to end as it is meant to."""
        self.finished = False
        self.ticks = 0
        self.quiet_until = 0.0
        self.refused_until = 0.0
        self.batch = 0
        """How many events the last receive has brought."""
        self.log: list[tuple[str, str, dict[str, object]]] = []

    def run(self) -> None:
        """Play the sequence. Raises AssertionError when an event was lost or doubled beyond what is promised."""
        try:
            with self._within_limits():
                while not self.finished:
                    self._live()
                    self._between_lives()
        finally:
            self.system.bury()
            for pipe in self.splunkd.pipes:
                pipe.hang_up()
                pipe.end_of_process()
        self._check()

    def _check(self) -> None:
        had: Counter[bytes] = Counter(_identity(indexed.payload) for indexed in self.splunkd.index)
        had.pop(b"0", None)
        lost = self.happened - had
        for payload in set().union(*(fmc.not_asked_for() for fmc in self.fmcs.values())):
            lost.pop(_identity(payload), None)
        doubled = had - self.happened
        assert not lost, f"lost {len(lost)}: {dict(list(lost.items())[:5])}"
        count = sum(doubled.values())
        allowed = self.splunkd.allowed + sum(fmc.rendered_again for fmc in self.fmcs.values())
        assert count <= allowed, f"doubled {count}, allowed {allowed}: {dict(list(doubled.items())[:5])}"

    @contextmanager
    def _within_limits(self) -> Iterator[None]:
        with mock.patch.multiple(
            limits,
            GENERATION_SIZE=self.setting.generation_size,
            HISTORY_SIZE=1 << 21 if self.setting.keeps_history else 6000,
            MOST_GENERATIONS=64 if self.setting.keeps_history else 4,
        ):
            yield

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            clock=self.clock,
            files=self.system,
            waiting=lambda _: cast(Waiting, SimulatedWaiting(self)),
            credentials=lambda *_: cast(Credentials, _CREDENTIALS),
            connect=self._connect,
            jitter=self.random.random,
        )

    def _connect(self, host: str, *_: object, **__: object) -> tls.Connection:
        self.tick()
        return cast(tls.Connection, self.fmcs[host].connect(self.note_batch))

    def _live(self) -> None:
        """Run the input once."""
        self.life = Life(self.now)
        self.life.slow = self.splunkd.pace is not None
        self.pipe = Pipe(self.setting.pipe_size, self.life)
        self.system.pipe = self.pipe.writer
        self.splunkd.pipes.append(self.pipe)
        self.parent = self.splunkd.identity
        self.reason = None
        self.read_rest = True
        try:
            code = loop.run(
                self._input_settings(),
                self._account,
                _Log(self.log),
                str(self.folder),
                STANZA,
                _Destination(self),
                self._surroundings(),
            )
        except Killed:
            # Whoever dies instead of stopping leaves the pipe as it is, for splunkd to read it to its end.
            self.read_rest = True
            self._allow_one_write()
            self.life.killed()
            code = 0
        finally:
            self.system.bury()
            self.pipe.end_of_process()
        self._allow_what_the_disk_refuses()
        if code:
            assert self.system.disk_full, f"the input ended by itself: {self.log[-3:]}"
        self._end_of_life()

    def _end_of_life(self) -> None:
        for fmc in self.fmcs.values():
            fmc.disconnect(orderly=False)
            fmc.connection = None
        if self.pipe is not None and self.reason is not None:
            self.life.stopped = True
            if not self.read_rest:
                self.pipe.hang_up()
                if self.pipe in self.splunkd.pipes:
                    self.splunkd.pipes.remove(self.pipe)
        self.pipe = None

    def _allow_one_write(self) -> None:
        """A batch may be in the pipe and not in the bookmark: what one receive has brought."""
        self.splunkd.allowed += self.batch
        self.batch = 0

    def _allow_what_the_disk_refuses(self) -> None:
        """A batch may be in the pipe that cannot be recorded: a stop does not wait until there is room."""
        if self.disk_refuses:
            self._allow_one_write()

    def _note_generation(self) -> None:
        self.generations.append((self.splunkd.total, self.now))

    def _between_lives(self) -> None:
        if self.damage is not None:
            self._damage_bookmark(self.damage)
            self.damage = None
        if self.restarting:
            self.restarting = False
            self.splunkd.restart(self.now)
        for _ in range(self.random.choice((1, 1, 2, 5))):
            self.now += self.random.choice((0.1, 1.0, 10.0))
            self.tick()

    def _input_settings(self) -> InputSettings:
        return input_settings(
            failover_account="other" if self.setting.pair else None,
            settle=self.setting.settle,
            trusts_planned_restart=self.setting.trusts,
            drop_rules=DropRules.parse(f"ConnectionEvent: InstanceID={_DROPPED}" if self.setting.rules else ""),
        )

    def _account(self, name: str) -> Account:
        return Account(name, name, 8302, b"", "", None, False)

    def tick(self) -> None:
        """Let the world move on by a little."""
        self.ticks += 1
        assert self.ticks < MOST_TICKS, f"no rest: {self.log[-5:]}"
        if self.pipe is not None and not self.disk_refuses:
            self.life.could_settle = self.now
        if self.reason is None:
            self.splunkd.read(self.now)
        if self.pipe is not None and not self.disk_refuses:
            self.life.note_whole(self.now)
        if not self.script or self.now < self.quiet_until or (self.script[0][0] == "rest" and not self.at_rest()):
            return
        if self.script[0][0] == "rest" or self.random.random() < 0.4:
            name, number = self.script.popleft()
            getattr(self, f"_do_{name}")(number)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and the world move on in it."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + self.random.choice((0.05, 0.3, 1.0)))
            self.tick()
            if self.reason is not None:
                self.splunkd.read(self.now)

    @property
    def disk_refuses(self) -> bool:
        """Whether there may be something that waits to be recorded."""
        return self.system.disk_full or self.now < self.refused_until

    def at_rest(self) -> bool:
        """Whether all that happened has come as far as splunkd."""
        if self.pipe is None or self.reason is not None or len(self.splunkd.pipes) != 1:
            return False
        connections = [fmc.connection for fmc in self.fmcs.values() if fmc.connection is not None]
        return len(connections) == 1 and connections[0].at_rest

    def note_batch(self, count: int) -> None:
        """Note how many events a receive has brought."""
        self.batch = count

    def _do_happen(self, number: int) -> None:
        """Events happen: several a second, some equal, some late."""
        rng = random.Random(number)
        self.event_time = max(self.event_time, BEGIN + int(self.now) + self.clock_error)
        for _ in range(rng.choice((1, 3, 10, 40))):
            self.event_time += rng.choice(self.setting.pace)
            self._event(rng)
            while rng.random() < 0.2:
                self._event(rng, again=True)

    def _event(self, rng: random.Random, again: bool = False) -> None:
        if not again or not self.next_id:
            self.next_id += 1
        instance = _DROPPED if self.next_id % 5 == 4 else 1
        if not (instance == _DROPPED and self.setting.rules):
            self.happened[b"%d" % self.next_id] += 1
        own_time = BEGIN - 10_000 + self.next_id * 3
        if self.setting.own_times:
            # Happened some time before it was archived, and equal events at one time.
            own_time = self.event_time - (self.next_id * 7919) % 4
        late = rng.randint(0, self.setting.late) if rng.random() < 0.3 else 0
        for place, fmc in enumerate(self.fmcs.values()):
            # Two Management Centers get an event at nearly the same time, early or late.
            apart = rng.randint(0, min(self.setting.late - late, 3)) if place else 0
            archival = self.event_time + fmc.skew - late - apart
            fmc.archive.append((archival, self._payload(own_time, instance, place)))

    def _payload(self, own_time: int, instance: int, place: int) -> bytes:
        key = b'"DeviceUUID":"u", ' if self.setting.keyed else b""
        # Where there is a connection key, two Management Centers may render an event in two ways.
        text = b"a <&> z" if place and self.setting.keyed else b"b"
        before = (
            b'{"EventType":"ConnectionEvent", "FirstPacketSecond":%d, "InstanceID":%d, %s"ConnectionID":%d, "T":"%s'
            % (own_time, instance, key, self.next_id, text)
        )
        if not self.setting.forges:
            return before + b'"}'
        self.checksum = self.checksum or zlib.crc32(before)
        return forged(before, b'"}', self.checksum)

    def _do_unstamped(self, number: int) -> None:
        """A record that the server makes itself: it has no archival time, and may be lost or come again."""
        for fmc in self.fmcs.values() if self.setting.framing.extended else ():
            fmc.archive.append(
                (0, b'{"EventType":"ConnectionEvent", "FirstPacketSecond":1700000000, "ConnectionID":0}')
            )

    def _do_time(self, number: int) -> None:
        """Nothing else happens for so many seconds."""
        self.quiet_until = self.now + (0.5, 3.0, 40.0)[number % 3]

    def _do_cut(self, number: int) -> None:
        """The connection breaks after so many bytes more."""
        for connection in self._connections():
            connection.cut_after = number % 3000

    def _do_restart_server(self, number: int) -> None:
        for fmc in self.fmcs.values():
            fmc.disconnect(orderly=number % 2 == 0)

    def _do_down(self, number: int) -> None:
        fmc = list(self.fmcs.values())[number % len(self.fmcs)]
        fmc.up = False
        fmc.disconnect(orderly=number % 3 == 0)

    def _do_up(self, number: int) -> None:
        for fmc in self.fmcs.values():
            fmc.up = True

    def _do_kill(self, number: int) -> None:
        """The input is killed at one of its next calls of the system."""
        # That the pipe was closed only the process could have noticed: killed before, nobody has.
        if self.pipe is not None and not self.pipe.hung_up:
            self.system.kill_in = 1 + number % 12

    def _do_power(self, number: int) -> None:
        """The machine loses power."""
        self.splunkd.die(self.now)
        if self.pipe is not None:
            self.system.dead = True
        self.system.lose_power()

    def _do_splunkd_dies(self, number: int) -> None:
        self.system.kill_in = None if self.system.dead else self.system.kill_in
        self.splunkd.die(self.now)

    def _do_hang_up(self, number: int) -> None:
        if self.pipe is not None and not self.system.dead:
            self.system.kill_in = None
            self.splunkd.hang_up(self.now)

    def _do_clock(self, number: int) -> None:
        """The server's clock is set, on a quiet day: what it archives from here on has other timestamps.

        What was archived after that and had not arrived before the connection broke nobody could ask for.
        """
        setting = self.setting
        fit = self.damage is None and setting.keeps_history and setting.framing.extended and not setting.pair
        fit = fit and all(connection.cut_after is None for connection in self._connections())
        if fit and self.at_rest() and self.system.kill_in is None and not self.disk_refuses and not self.life.slow:
            self.clock_was_set = True
            self._note_clocks()
            self.clock_error += number % 20_000 - 10_000
            self.event_time = BEGIN + int(self.now) + self.clock_error
            self._event(random.Random(number))
            self.script.extendleft([("settle", 0), ("rest", 0)])

    def _do_correct_clocks(self, number: int) -> None:
        """Clocks of the servers that are ahead of this machine's are set right while nobody is connected."""
        setting = self.setting
        ahead = self.event_time > BEGIN + int(self.now)
        if ahead and setting.framing.extended and self.damage is None:
            for fmc in self.fmcs.values():
                fmc.disconnect(orderly=False)
            self._note_clocks()
            for fmc in self.fmcs.values():
                fmc.corrections.append(len(fmc.archive))
            self.clock_was_set, self.clock_error = True, 0
            self.event_time = BEGIN + int(self.now)
            rng = random.Random(number)
            for _ in range(rng.choice((1, 5))):
                self._event(rng)

    def _note_clocks(self) -> None:
        for fmc in self.fmcs.values():
            fmc.clock_sets.append(len(fmc.archive))

    def _do_planned_restart(self, number: int) -> None:
        """splunkd stops the input, empties its queues, and starts again."""
        if self.pipe is not None and self.reason is None and not self.system.dead and self.system.kill_in is None:
            self._do_stop(0)
            self.restarting = True

    def _do_settle(self, number: int) -> None:
        """Nothing happens until what was read has settled."""
        self.quiet_until = self.now + self.setting.settle + 6

    def _do_tear(self, number: int) -> None:
        """When this life has ended, its bookmark loses its last record, or a part of it."""
        self._harm("tear")

    def _do_damage(self, number: int) -> None:
        """When this life has ended, the last file of its bookmark is found damaged."""
        self._harm(("empty", "zeros", "garbage")[number % 3])

    def _harm(self, how: str) -> None:
        # Where a clock was set back, an earlier bookmark asks for later events.
        if not self.clock_was_set:
            self.damage = how

    def _damage_bookmark(self, how: str) -> None:
        """Damage the last generation, unless it says what no other does: that events are to be delivered again."""
        journals = sorted(self.folder.glob("*/*.journal"))
        records = journal.read_records(str(journals[-1]))[0] if journals else []
        if [kind for kind, _ in records].count(1) != 1 or len(journals) < 2:
            return
        content = journals[-1].read_bytes()
        if how == "tear" and records[-1][0] != 1:
            size = 9 + len(records[-1][1])
            journals[-1].write_bytes(content[: len(content) - self.random.randint(1, size)])
            self.splunkd.bookmark_lost(*self.generations[-1])
        elif how != "tear":
            journals[-1].write_bytes({"empty": b"", "zeros": bytes(len(content)), "garbage": content[::-1]}[how])
            self.splunkd.bookmark_lost(*self.generations[-2])

    def _do_stall(self, number: int) -> None:
        self.life.slow = True
        self.splunkd.pace = (0, 0, 100, 700)[number % 4]

    def _do_go(self, number: int) -> None:
        self.splunkd.pace = None

    def _do_stop(self, number: int) -> None:
        if self.pipe is not None and self.reason is None:
            self._allow_what_the_disk_refuses()
            self.reason = "received SIGTERM"
            self.read_rest = number % 2 == 0

    def _do_disk_full(self, number: int) -> None:
        self.system.disk_full = True

    def _do_disk_free(self, number: int) -> None:
        if self.system.disk_full:
            # Some time goes by before the input tries again.
            self.refused_until = self.now + recording.BOOKMARK_RETRY + 0.5
        self.system.disk_full = False

    def _do_calm(self, number: int) -> None:
        """Lift all faults."""
        self._do_disk_free(number)
        self.system.kill_in = None
        self.splunkd.pace = None
        self._do_up(number)
        for connection in self._connections():
            connection.cut_after = None

    def _do_rest(self, number: int) -> None:
        """All has come to rest: nothing else happens here."""

    def _do_finish(self, number: int) -> None:
        self.finished = True
        self._do_stop(0)

    def _connections(self) -> Iterable[Connection]:
        return [fmc.connection for fmc in self.fmcs.values() if fmc.connection is not None]


_ENDING: tuple[Action, ...] = (
    ("calm", 0),
    ("rest", 0),
    ("restart_server", 0),
    ("rest", 0),
    ("stop", 0),
    ("rest", 0),
    ("finish", 0),
)
_CREDENTIALS = types.SimpleNamespace(
    end=types.SimpleNamespace(not_after=None), facts=types.SimpleNamespace(common_name="client")
)


class SimulatedWaiting:
    """`estreamer.connection.waiting.Waiting` in simulated time: the world moves on in it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> SimulatedWaiting:
        return self

    def __exit__(self, *_: object) -> None:
        return

    @property
    def parent_is_gone(self) -> bool:
        return self._world.splunkd.identity != self._world.parent

    def check(self) -> None:
        self._world.system.call()
        if self.parent_is_gone:
            raise Stop("splunkd has ended")
        if self._world.reason is not None:
            raise Stop(self._world.reason)

    def until(
        self, readable: Iterable[int], writable: Iterable[int], timeout: float | None
    ) -> tuple[list[int], list[int]]:
        world = self._world
        deadline = world.now + (timeout or 0.0)
        asked, wanted = list(readable), list(writable)
        while True:
            self.check()
            ready = [number for number in asked if any(connection.readable for connection in world._connections())]
            free = [number for number in wanted if _takes(number)]
            if ready or free or world.now >= deadline:
                return ready, free
            world.pass_time(min(deadline - world.now, world.random.choice((0.01, 0.3, 1.0))))

    def pause(self, seconds: float) -> None:
        self.until((), (), seconds)

    def call(self, function: Callable[[], Any]) -> Any:
        return function()

    def wait(self, descriptor: int, for_write: bool, timeout: float | None) -> bool:
        raise AssertionError("the connection is simulated")

    def writable(
        self, descriptors: Sequence[int], timeout: float, ignore_stop: bool = False, readable: Sequence[int] = ()
    ) -> None:
        if not ignore_stop:
            self.until(readable, descriptors, timeout)
        elif not any(map(_takes, descriptors)):
            self._world.pass_time(min(timeout, 0.3))


def _takes(descriptor: int) -> bool:
    """Whether a pipe would take bytes, or tell that nobody reads it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


class _Pipe:
    """The real pipe, in which a write may be the last thing that a process does."""

    def __init__(self, descriptor: int, system: System) -> None:
        self._descriptor = descriptor
        self._system = system
        self._real = pipe_of(descriptor)

    def write(self, data: memoryview) -> int:
        return self._system.write(self._descriptor, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Destination:
    """The pipe of the splunkd that lives when the input is started."""

    def __init__(self, world: World) -> None:
        self._world = world

    def receiver(self) -> str:
        return self._world.parent

    def open(self, before: Before, now: float) -> Output[Any]:
        assert self._world.pipe is not None
        settings = self._world._input_settings()
        pipe = _Pipe(self._world.pipe.writer, self._world.system)
        splunkd = RealDestination(
            self._world.pipe.writer, STANZA, settings.index, settings.settle, pipe, self._world.clock
        )
        return cast(Output[Any], _Output(splunkd.open(before, now), self._world.life))


class _Output:
    """The real output, of which it is noted what it has taken with each write."""

    def __init__(self, output: Output[Any], life: Life) -> None:
        self._output = output
        self._life = life

    def offer(self, encoded: Encoded) -> bool:
        complete = self._output.offer(encoded)
        if complete:
            self._life.wrote(len(encoded.numbers))
        return complete

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


class _Log:
    """Keeps the lines, for the report of a failure."""

    def __init__(self, lines: list[tuple[str, str, dict[str, object]]]) -> None:
        self._lines = lines

    def passed_on(self) -> _Log:
        return self

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **fields: self._lines.append((level, event, fields))

    def events_ingested(self, count: int, size: int) -> None:
        return


def _identity(payload: bytes) -> bytes:
    match = _ID.search(payload)
    assert match is not None, payload
    return match[1]
