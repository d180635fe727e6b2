"""Cause a fault every few seconds for a long time, and count each lost and each doubled event.

    tools/run.sh bench.soak [--minutes N] [--rate N] [--every SECONDS] [--seed N] [--settle SECONDS]
                                        [--style mixed|bundles|bare] [--pair] [--faults NAME ...] [--python PATH]
                                        [--write]

The built package runs in the stand-in for splunkd, which reads its pipe strictly and can die. A server in a process of
its own gets a number of new events a second, some of them twice. A link that can be cut is between the server and the
input. Events are counted by 64 bits of a digest of their text. An event that arrived more often than it happened counts
for the fault before it. docs/delivery.md gives the limits: no event for most faults; the events of one write if the
input is killed; if splunkd ends, the events that splunkd read in the last `settle` seconds and in the second or so
between two records of the bookmark, and one write before that. A restart of splunkd doubles nothing if splunkd was not
behind in the last `settle` seconds: the faults before a restart decide which of the two kinds it is.

Ends with status 1 if an event is lost, if more events arrived twice than promised, or if a rule of the protocol or of
splunkd is broken. `--write` puts the result into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from bench import report
from bench.link import Link
from bench.rig import MIB, Server, create_account, generated, machine, package, parser, resident, table
from bench.tally import tally
from standins.addon import create_input, switch
from standins.fmc.events import EventGenerator
from standins.places import ROOT
from standins.splunkd import Splunkd, number

TICK = 0.05
"""Seconds between two additions to the archive."""

DUPLICATES_EVERY = 500
"""About each such event really happens twice."""

WRITE_SIZE = 256 * 1024
"""Bytes of the stream that one write of the input holds at most, unless a bundle is larger."""

RECORD_SECONDS = 2.0
"""Seconds between two records of settled events in the bookmark: about one, and the time for writing."""

PAUSE = 5.0
"""Longest duration, in seconds, of a fault that ends by itself."""

RECOVERY_SECONDS = 20.0
"""Seconds within which an input delivers a new event after a kill, on a busy machine."""

BUNDLE_SIZE = 100
QUIET = 5.0
"""Seconds without an event after which no further event is expected."""

PATIENCE = 180.0
"""Seconds within which the last events have to arrive."""

HEADER_SIZE = 24
"""Bytes of the headers of an event."""

RELIABILITY = ROOT / "docs" / "reliability.md"
HEADS_OF_SPANS = ("minutes", "events received", "RSS, median (MiB)", "RSS, most (MiB)", "descriptors, most")

SPANS = 10
"""Parts of the run, each with a row for memory and descriptors."""


@dataclass
class Happening:
    """One fault: when it began and ended, and when it ended splunkd if it did (monotonic seconds); the `spans` in which
    splunkd read the events that may arrive again; the numbers of events that the fault may double (`promised`) and did
    double; and how many of these were too old (`beyond`), by at most `oldest` seconds."""

    name: str
    begun: float
    splunkd_ended: float = 0.0
    spans: Sequence[tuple[float, float]] = ()
    promised: int = 0
    doubled: int = 0
    beyond: int = 0
    oldest: float = 0.0
    ended: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether the fault doubled no more events than promised."""
        return self.doubled <= self.promised and not self.beyond


@dataclass(frozen=True)
class Sample:
    """The input's process at one moment: resident bytes and open descriptors."""

    moment: float
    resident: int
    descriptors: int


class Feeder:
    """Appends events to the archive of each server at a steady rate, in a thread, and knows the number of each."""

    def __init__(self, servers: Sequence[Server], generator: EventGenerator, rate: float) -> None:
        self._servers = servers
        self._generator = generator
        self._rate = rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.numbers: array[int] = array("Q")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        while not self._stopping.wait(TICK):
            owed = int((time.monotonic() - begun) * self._rate) - len(self.numbers)
            if owed <= 0:
                continue
            records = self._generator.events(len(self.numbers), owed)
            self.numbers.extend(number(record.payload.decode("utf-8")) for record in records)
            for server in self._servers:
                server.ask(f"append {owed}")


class Observer:
    """Notes memory and descriptors of the input once a second, in a thread."""

    def __init__(self, splunkd: Splunkd) -> None:
        self._splunkd = splunkd
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: list[Sample] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(1.0):
            process = self._splunkd.input_pid()
            if process is None:
                continue
            try:
                descriptors = len(list(Path(f"/proc/{process}/fd").iterdir()))
                self.samples.append(Sample(time.monotonic(), resident(process), descriptors))
            except OSError:
                # The process ended at this moment.
                continue


class Stage:
    """Everything that faults act on. A fault that ends by itself lasts `pause` seconds."""

    def __init__(
        self, splunkd: Splunkd, servers: Sequence[Server], links: Sequence[Link], settle: int, pause: float
    ) -> None:
        self.splunkd = splunkd
        self.servers = deque(servers)
        self.links = deque(links)
        self.settle = settle
        self.pause = pause
        self.splunkd_ended = 0.0
        """When a splunkd last ended, in monotonic seconds."""

    def cut(self) -> None:
        """The connection ends: each end sees that the other is gone."""
        self.links[0].cut()

    def reset(self) -> None:
        """The connection ends by a reset."""
        self.links[0].reset()

    def restart_server(self) -> None:
        """The Management Center restarts."""
        self.servers[0].ask("restart")

    def fail_over(self) -> None:
        """The Management Center in use cannot be reached any more, and the other one of the pair can."""
        self.links[0].down = True
        self.links[1].down = False
        self.links[0].cut()
        self.links.rotate()
        self.servers.rotate()

    def stop_and_start(self) -> None:
        """An admin disables the input and enables it again."""
        ended = sum(run.ended for run in self.splunkd.runs())
        switch(self.splunkd, on=False)
        self.splunkd.wait_for_end(ended + 1)
        switch(self.splunkd, on=True)

    def kill_input(self) -> None:
        """The input is killed; splunkd starts it again."""
        self.splunkd.wait_for_input()
        killed = self.splunkd.signal_input()
        self.splunkd.wait_for_input(not_pid=killed)

    def stall(self) -> None:
        """The reader stops reading for a while."""
        self.splunkd.stall()
        time.sleep(self.pause)
        self.splunkd.resume()

    def kill_splunkd(self) -> None:
        """Splunkd is killed, loses everything that it had only in memory, and starts again."""
        self.splunkd.kill(lose_last_seconds=max(0.0, self.settle - 0.5))
        self.splunkd_ended = time.monotonic()
        self.splunkd.wait_for_orphans()
        self.splunkd.start()
        self.splunkd.wait_for_input()

    def restart_splunkd(self) -> None:
        """Splunkd is stopped properly and started again."""
        self.splunkd.stop()
        self.splunkd_ended = time.monotonic()
        self.splunkd.start()
        self.splunkd.wait_for_input()

    def fill_disk(self) -> None:
        """The input cannot write to the disk for a while."""
        process = self.splunkd.wait_for_input()
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        time.sleep(self.pause)
        resource.prlimit(process, resource.RLIMIT_FSIZE, unlimited)


FAULTS: dict[str, Callable[[Stage], None]] = {
    "connection cut": Stage.cut,
    "connection reset": Stage.reset,
    "server restarted": Stage.restart_server,
    "input stopped and started": Stage.stop_and_start,
    "input killed": Stage.kill_input,
    "reader stalled": Stage.stall,
    "splunkd killed": Stage.kill_splunkd,
    "splunkd restarted": Stage.restart_splunkd,
    "disk full": Stage.fill_disk,
}
OF_A_PAIR = {**FAULTS, "failover": Stage.fail_over}
"""Faults with a pair of Management Centers."""

KEPT_UP = "splunkd restarted"
BEHIND = "splunkd restarted after back-pressure"
"""A proper restart: the first without, the second with a fault within `settle` seconds before it because of which
splunkd fell behind, or after which the input cannot know whether splunkd fell behind."""

FALLING_BEHIND = ("reader stalled", "input killed")
"""Faults after which an input does not trust splunkd for `settle` seconds: splunkd fell behind, or the process that
would know ended without a record."""

STOPPED = "input stopped and started"
"""After this fault the input knows only whether splunkd kept up until the stop: if it did not, `settle` seconds start
again."""

OF_ONE_WRITE = ("input killed",)
OF_SETTLE = ("splunkd killed", BEHIND)
"""Faults after which events may arrive twice: the events of one write, and those of the last `settle` seconds."""


@dataclass(frozen=True)
class Result:
    """The result of a run. Moments are monotonic seconds."""

    begun: float
    ended: float
    happened: int
    came: int
    lost: int
    unknown: int
    happenings: list[Happening]
    samples: list[Sample]
    moments: array[float]
    violations: list[str]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return all(one.kept for one in self.happenings) and not (self.lost or self.unknown or self.violations)


def main() -> int:
    """Run, print the tables, and return the exit status."""
    arguments = parser(__doc__)
    arguments.add_argument("--minutes", type=float, default=30.0)
    arguments.add_argument("--rate", type=float, default=5000.0, help="new events a second")
    arguments.add_argument("--every", type=float, default=20.0, help="seconds from one fault to the next")
    arguments.add_argument("--seed", type=int, default=1, help="of the events and of the order of faults")
    arguments.add_argument("--settle", type=int, default=30, help="the input's parameter of that name")
    arguments.add_argument("--style", default="mixed", choices=("mixed", "bundles", "bare"))
    arguments.add_argument("--pair", action="store_true", help="two Management Centers, and failover as a fault more")
    arguments.add_argument("--faults", nargs="+", choices=list(OF_A_PAIR), metavar="NAME", help="only these")
    arguments.add_argument("--python", default=sys.executable, help="the Python that runs the input")
    arguments.add_argument("--write", action="store_true", help="put the result into docs/reliability.md")
    options = arguments.parse_args()
    options.faults = options.faults or list(OF_A_PAIR if options.pair else FAULTS)
    result = soak(options)
    told = describe(result, options)
    print(told)
    if options.write:
        command = " ".join(["tools/run.sh bench.soak", *(one for one in sys.argv[1:] if one != "--write")])
        report.put(RELIABILITY, "soak", f"`{command}`, {machine([options.python])}\n\n{told}")
    return 0 if result.kept else 1


def soak(options: argparse.Namespace) -> Result:
    """Run the input under faults, and count."""
    start = int(time.time())
    generator = EventGenerator(
        options.seed, start=start, per_second=int(options.rate), duplicates_every=DUPLICATES_EVERY
    )
    with ExitStack() as stack:
        stage = set_up(stack, options, start)
        splunkd, servers = stage.splunkd, list(stage.servers)
        feeder, observer = Feeder(servers, generator, options.rate), Observer(splunkd)
        begun = time.monotonic()
        feeder.start()
        observer.start()
        happenings = disturb(stage, options)
        ended = time.monotonic()
        feeder.stop()
        wait_for_the_rest(splunkd, feeder.numbers)
        observer.stop()
        switch(splunkd, on=False)
        splunkd.stop()
        violations = [text for server in servers for text in server.ask("report")["violations"]]
        violations += [one.text for one in splunkd.take_violations()]
        moments, numbers = splunkd.arrivals()
    found = tally(feeder.numbers, moments, numbers)
    promise(happenings, moments, options.settle, most_in_a_write(generator, options.style))
    blame(happenings, found.extra)
    return Result(
        begun,
        ended,
        len(feeder.numbers),
        len(numbers),
        found.lost,
        found.unknown,
        happenings,
        observer.samples,
        moments,
        violations,
    )


def set_up(stack: ExitStack, options: argparse.Namespace, start: int) -> Stage:
    """Return servers without events yet, links to them, and a splunkd whose input runs; `stack` ends them all.

    `start` is the first archival second.
    """
    behaviour = {"style": options.style, "bundle_size": BUNDLE_SIZE}
    told = ["--seed", options.seed, "--start", start, "--per-second", int(options.rate)]
    told += ["--duplicates-every", DUPLICATES_EVERY]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    accounts = ("fmc", "other") if "failover" in options.faults else ("fmc",)
    servers = [stack.enter_context(generated(folder / name, 0, behaviour, *map(str, told))) for name in accounts]
    links = [stack.enter_context(Link(server.port)) for server in servers]
    splunkd = stack.enter_context(Splunkd(folder / "splunk", options.python, keep="numbers", restart_after=0.0))
    splunkd.install(package())
    for name, server, link in zip(accounts, servers, links):
        create_account(splunkd, name, link.port, server.pkcs12.read_bytes())
    create_input(splunkd, settle=str(options.settle), failover_account="".join(accounts[1:]))
    splunkd.start()
    splunkd.wait_for_input()
    return Stage(splunkd, servers, links, options.settle, min(PAUSE, options.every / 2))


def disturb(stage: Stage, options: argparse.Namespace) -> list[Happening]:
    """Cause a fault every `every` seconds until the time is over; each kind happens once before one is repeated."""
    chance = random.Random(options.seed)  # noqa: S311 - nothing secret
    begun = time.monotonic()
    happenings: list[Happening] = []
    waiting: list[str] = []
    for count in range(1, int(options.minutes * 60 / options.every) + 1):
        time.sleep(max(0.0, begun + count * options.every - time.monotonic()))
        waiting = waiting or chance.sample(options.faults, len(options.faults))
        happening = Happening(waiting.pop(), time.monotonic())
        OF_A_PAIR[happening.name](stage)
        if happening.name == KEPT_UP and was_behind(happenings, happening.begun, options.settle):
            happening.name = BEHIND
        happening.ended = time.monotonic()
        happening.splunkd_ended = stage.splunkd_ended
        happenings.append(happening)
    time.sleep(options.every)
    return happenings


def was_behind(happenings: Sequence[Happening], moment: float, settle: int) -> bool:
    """Return whether the splunkd that runs at this moment fell behind within `settle` seconds, or may have done so."""
    for place in reversed(range(len(happenings))):
        one = happenings[place]
        if one.name in (KEPT_UP, *OF_SETTLE) or one.ended < moment - settle - RECORD_SECONDS:
            return False
        if one.name in FALLING_BEHIND or (one.name == STOPPED and was_behind(happenings[:place], one.begun, settle)):
            return True
    return False


def wait_for_the_rest(splunkd: Splunkd, happened: Sequence[int]) -> None:
    """Wait until the last event has arrived and no event follows, or until `PATIENCE` is over."""
    deadline = time.monotonic() + PATIENCE
    before, quiet_since = -1, time.monotonic()
    while time.monotonic() < deadline:
        count = splunkd.count()
        if count != before:
            before, quiet_since = count, time.monotonic()
        elif time.monotonic() - quiet_since >= QUIET and happened[-1] in splunkd.arrivals()[1]:
            return
        time.sleep(0.5)


def most_in_a_write(generator: EventGenerator, style: str) -> int:
    """Return the largest number of events of the mix in one write."""
    sizes = [len(record.payload) + HEADER_SIZE for record in generator.events(0, 1000)]
    most, first, size = 0, 0, 0
    for place, added in enumerate(sizes):
        size += added
        while size > WRITE_SIZE:
            size -= sizes[first]
            first += 1
        most = max(most, place + 1 - first)
    # The first event may have begun in the read before it.
    return max(most + 1, 0 if style == "bare" else BUNDLE_SIZE)


def promise(happenings: list[Happening], moments: Sequence[float], settle: int, most_in_a_write: int) -> None:
    """Set the number of events that each fault may double, from the `moments` at which events were read."""
    for one in happenings:
        if one.name in OF_ONE_WRITE:
            one.promised = most_in_a_write
        elif one.name in OF_SETTLE:
            killed = [other for other in happenings if other.name in OF_ONE_WRITE]
            one.spans = [
                (earlier_by(most_in_a_write, begin, moments), end) for begin, end in just_read(one, killed, settle)
            ]
            one.promised = sum(bisect_right(moments, end) - bisect_left(moments, begin) for begin, end in one.spans)


def earlier_by(events: int, moment: float, moments: Sequence[float]) -> float:
    """Return when the first of a number of events before `moment` was read: a write settles only when its end was
    read."""
    place = bisect_left(moments, moment)
    return moments[max(0, place - events)] if events and place else moment


def just_read(end: Happening, killed: Sequence[Happening], settle: int) -> list[tuple[float, float]]:
    """Return the spans of time in which splunkd read the events that may arrive again after its end.

    These are the last `settle` seconds, and the last second of an input that was killed before: no record says that its
    events were read, and so they settle only together with the events of the next process.
    """
    begin = end.begun - settle - RECORD_SECONDS
    tails = [
        (one.begun - RECORD_SECONDS, min(begin, one.begun + RECORD_SECONDS))
        for one in killed
        if begin - settle - RECOVERY_SECONDS <= one.begun < begin + RECORD_SECONDS
    ]
    return [*tails, (begin, end.splunkd_ended)]


def blame(happenings: list[Happening], extra: Sequence[tuple[float, float]]) -> None:
    """Count each event that arrived again for the fault that caused it.

    The cause is the first that applies: the end of a splunkd that had just read the event, even if the event arrives
    again only after other faults; the last end of a splunkd since the event arrived first, which then doubles more than
    promised; the kill of an input, as long as the events of one write are not used up, since that may show only after
    other faults; the last fault before the event arrived again.
    """
    for before, moment in extra:
        since = [one for one in happenings if before <= one.begun <= moment]
        ends = [one for one in since if one.name in (*OF_SETTLE, KEPT_UP)]
        allowed = [one for one in ends if any(begin <= before <= end for begin, end in one.spans)]
        kills = [one for one in since if one.name in OF_ONE_WRITE and one.doubled < one.promised]
        guilty = (
            allowed or ends or kills or since or [one for one in happenings if one.begun <= moment] or happenings
        )[-1]
        guilty.doubled += 1
        if ends and not allowed:
            guilty.beyond += 1
            guilty.oldest = max(guilty.oldest, (guilty.spans[-1][0] if guilty.spans else guilty.begun) - before)


def describe(result: Result, options: argparse.Namespace) -> str:
    """Return the result in sentences and tables."""
    doubled = sum(one.doubled for one in result.happenings)
    words = [
        f"{result.happened:,} events in {(result.ended - result.begun) / 60:.1f} minutes ({options.style}), "
        f"{len(result.happenings)} faults, `settle` {options.settle}, seed {options.seed}: "
        f"**{result.lost} lost**, {doubled:,} arrived twice, {result.unknown} arrived that never happened. "
        f"{'Every promise was kept.' if result.kept else 'A promise was broken.'}",
        *(f"Rule broken: {text}" for text in result.violations),
        table(("fault", "times", "arrived twice", "promised at most", "kept"), rows_of_faults(result.happenings)),
        table(HEADS_OF_SPANS, rows_of_spans(result)),
    ]
    return "\n\n".join(words)


def rows_of_faults(happenings: list[Happening]) -> list[list[object]]:
    """Return a row for each kind of fault."""
    rows: list[list[object]] = []
    for name in (*OF_A_PAIR, BEHIND):
        some = [one for one in happenings if one.name == name]
        if some:
            promised, doubled = sum(one.promised for one in some), sum(one.doubled for one in some)
            rows.append([name, len(some), f"{doubled:,}", f"{promised:,}", verdict(some)])
    return rows


def verdict(some: Sequence[Happening]) -> str:
    """Return whether faults of a kind kept the promise; otherwise the number of events that were too old, and their
    age."""
    if all(one.kept for one in some):
        return "yes"
    beyond = sum(one.beyond for one in some)
    return f"no: {beyond:,} up to {max(one.oldest for one in some):.1f} s too old" if beyond else "no"


def rows_of_spans(result: Result) -> list[list[object]]:
    """Return a row for each part of the run."""
    length = (result.ended - result.begun) / SPANS
    rows: list[list[object]] = []
    for place in range(SPANS):
        begin, end = result.begun + place * length, result.begun + (place + 1) * length
        some = [sample for sample in result.samples if begin <= sample.moment < end]
        came = bisect_right(result.moments, end) - bisect_left(result.moments, begin)
        sizes = [sample.resident / MIB for sample in some] or [0.0]
        rows.append(
            [
                f"{place * length / 60:.1f}–{(place + 1) * length / 60:.1f}",
                f"{came:,}",
                f"{statistics.median(sizes):.1f}",
                f"{max(sizes):.1f}",
                max((sample.descriptors for sample in some), default=0),
            ]
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
