"""The process that plays splunkd towards its inputs: it starts them, owns the pipes, and can really die.

It runs as a process of its own (`python -m standins.splunkd <control descriptor>`), so that the parent that an
input sees has a process id and a start time, and so that SIGKILL ends it as it would end splunkd: what was
read but not kept is gone, what is in the pipe stays unread, and the input gets no notice.

It takes orders and gives answers as JSON lines over one socket. When that socket closes, it takes its inputs
with it. Each accepted event goes to the stanza's journal, a file of JSON lines `[received, ...]`, where
`received` is CLOCK_MONOTONIC in seconds, which all processes of a machine share:

    keep = "events":  [received, data, time, source, sourcetype, host, index]
    keep = "digests": [received, digest of data]

and with keep = "numbers" 16 bytes for each event, `standins.splunkd.index.ARRIVAL`.

An order is `{"id": n, "do": verb, ...}` and its answer `{"id": n, "error": null or text}`. Unasked it says
`{"say": "started" | "exited" | "ended" | "journal" | "stderr" | "violation", "stanza": ..., ...}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Callable

from .index import ARRIVAL
from .stream import Event, StreamError, StreamParser, digest, number

READ_SIZE = 1 << 16
STDERR_LINE_LIMIT = 1 << 16
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass(frozen=True)
class InputOrder:
    """How to run one input. `restart_after` is in seconds; None: it is not started again when it has ended."""

    stanza: str
    command: list[str]
    environment: dict[str, str]
    stdin: str
    journal: str
    keep: str = "events"
    restart_after: float | None = None
    stop_limit: float = 2.0


@dataclass
class Run:
    """One process of an input, from its start until it has ended and its pipes are empty."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    pidfd: int
    parser: StreamParser
    accepted: list[Event] = field(default_factory=list)
    events: int = 0
    stderr_rest: bytes = b""
    stdin_rest: bytes = b""
    open_pipes: int = 2
    broken: bool = False
    hung_up: bool = False
    exited_at: float | None = None
    code: int | None = None
    asked_to_stop_at: float | None = None

    @property
    def stop_took(self) -> float | None:
        if self.asked_to_stop_at is None or self.exited_at is None:
            return None
        return self.exited_at - self.asked_to_stop_at


class JournalWriter:
    """The journal of one stanza, as it is written; `keep` says what of each event."""

    def __init__(self, path: str, keep: str) -> None:
        self._keep = keep
        self._file = open(path, "ab")  # noqa: SIM115

    def write(self, received: float, events: Sequence[Event]) -> None:
        """Append events that were received at one moment, so that others can read them when this returns."""
        self._file.write(self._records(received, events))
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _records(self, received: float, events: Sequence[Event]) -> bytes:
        if self._keep == "numbers":
            return b"".join([ARRIVAL.pack(received, number(event.data)) for event in events])
        lines = [json.dumps(self._record(received, event), separators=(",", ":")) for event in events]
        return ("\n".join(lines) + "\n").encode("ascii")

    def _record(self, received: float, event: Event) -> list[Any]:
        if self._keep == "digests":
            return [received, digest(event.data)]
        time_text = None if event.time is None else str(event.time)
        return [received, event.data, time_text, event.source, event.sourcetype, event.host, event.index]


class Input:
    """One enabled stanza: its order, its faults and its present run."""

    def __init__(self, order: InputOrder, reader: Reader) -> None:
        self.order = order
        self.stalled = False
        self.dribbles = False
        self.wanted = True
        self.run: Run | None = None
        self.start_at: float | None = time.monotonic()
        self.on_stopped: list[Callable[[], None]] = []
        self._reader = reader
        self._journal = JournalWriter(order.journal, order.keep)

    def close(self) -> None:
        self._journal.close()

    def start(self) -> None:
        order = self.order
        self.start_at = None
        process = subprocess.Popen(
            order.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=order.environment,
            start_new_session=True,
            bufsize=0,
        )
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise OSError("no pipes")
        accepted: list[Event] = []
        run = Run(
            process=process,
            stdin=process.stdin,
            stdout=process.stdout,
            stderr=process.stderr,
            pidfd=os.pidfd_open(process.pid),
            parser=StreamParser(accepted.append, order.stanza),
            accepted=accepted,
        )
        self.run = run
        run.stdin_rest = order.stdin.encode("utf-8")
        for pipe in (run.stdin, run.stdout, run.stderr):
            os.set_blocking(pipe.fileno(), False)
        watch = self._reader.watch
        watch(run.stdin.fileno(), lambda: self._write_stdin(run), selectors.EVENT_WRITE)
        watch(run.stderr.fileno(), lambda: self._read_stderr(run))
        watch(run.pidfd, lambda: self._exited(run))
        if not self.stalled:
            watch(run.stdout.fileno(), lambda: self._read_stdout(run))
        self._say("started", pid=process.pid, at=time.monotonic())

    def ask_to_stop(self) -> None:
        """Send SIGTERM as splunkd does when the stanza is disabled or splunkd stops; it will not start again."""
        self.wanted = False
        self.start_at = None
        run = self.run
        if run is not None and run.code is None and run.asked_to_stop_at is None:
            run.asked_to_stop_at = time.monotonic()
            run.process.terminate()
            self._reader.at(run.asked_to_stop_at + self.order.stop_limit + 3, lambda: self._kill_late(run))

    def stall(self) -> None:
        self.stalled = True
        if self.run is not None and not self.run.stdout.closed:
            self._reader.unwatch(self.run.stdout.fileno())

    def resume(self) -> None:
        self.stalled = False
        run = self.run
        if run is not None and not run.stdout.closed:
            self._reader.watch(run.stdout.fileno(), lambda: self._read_stdout(run))

    def hang_up(self) -> None:
        """Close the read end of stdout, as a splunkd does that gave up on the input."""
        if self.run is not None and not self.run.stdout.closed:
            self.run.hung_up = True
            self._end_of_pipe(self.run, self.run.stdout)

    def abandon_if_stalled(self) -> None:
        """Give up what is left in the pipe of an input that got a request to stop and has ended.

        A splunkd that stops does not wait for its queues to empty: what it had not read is gone.
        """
        run = self.run
        if self.stalled and not self.wanted and run is not None and run.code is not None:
            run.hung_up = run.hung_up or not run.stdout.closed
            for pipe in (run.stdout, run.stderr):
                if not pipe.closed:
                    self._end_of_pipe(run, pipe)

    def _say(self, what: str, **values: Any) -> None:
        self._reader.say({"say": what, "stanza": self.order.stanza, **values})

    def _write_stdin(self, run: Run) -> None:
        try:
            run.stdin_rest = run.stdin_rest[os.write(run.stdin.fileno(), run.stdin_rest) :]
        except BrokenPipeError:
            run.stdin_rest = b""
        if not run.stdin_rest:
            self._reader.unwatch(run.stdin.fileno())
            run.stdin.close()

    def _read_stdout(self, run: Run) -> None:
        piece = os.read(run.stdout.fileno(), 1 if self.dribbles else READ_SIZE)
        if not run.broken:
            broken: StreamError | None = None
            try:
                if piece:
                    run.parser.feed(piece)
                else:
                    run.parser.end()
            except StreamError as error:
                broken = error
            # Whoever hears of the violation finds what was before it, also if both were in one read.
            self._keep(run)
            if broken is not None:
                run.broken = True
                self._say("violation", text=f"stdout: {broken}", pid=run.process.pid)
        if not piece:
            self._end_of_pipe(run, run.stdout)

    def _keep(self, run: Run) -> None:
        if not run.accepted:
            return
        now = time.monotonic()
        self._journal.write(now, run.accepted)
        count = len(run.accepted)
        run.events += count
        run.accepted.clear()
        self._say("journal", count=count)

    def _read_stderr(self, run: Run) -> None:
        piece = os.read(run.stderr.fileno(), READ_SIZE)
        lines = (run.stderr_rest + piece).split(b"\n")
        run.stderr_rest = lines.pop()
        if not piece or len(run.stderr_rest) > STDERR_LINE_LIMIT:
            lines.append(run.stderr_rest)
            run.stderr_rest = b""
        for line in lines:
            if line.strip():
                self._say_stderr(run, line.decode("utf-8", "backslashreplace").rstrip("\r"))
        if not piece:
            self._end_of_pipe(run, run.stderr)

    def _say_stderr(self, run: Run, line: str) -> None:
        level, _, text = line.partition(" ")
        if level not in LEVELS:
            level, text = "ERROR", line
        self._say("stderr", pid=run.process.pid, level=level, text=text, at=time.monotonic())

    def _exited(self, run: Run) -> None:
        run.exited_at = time.monotonic()
        run.code = run.process.wait()
        self._reader.unwatch(run.pidfd)
        os.close(run.pidfd)
        if not run.stdin.closed:
            self._reader.unwatch(run.stdin.fileno())
            run.stdin.close()
        took = run.stop_took
        if took is not None and took > self.order.stop_limit:
            self._say("violation", text=f"took {took:.2f} s to leave after SIGTERM", pid=run.process.pid)
        self._say("exited", pid=run.process.pid, code=run.code, at=run.exited_at)
        self.abandon_if_stalled()
        self._finish_if_over(run)

    def _kill_late(self, run: Run) -> None:
        if run.code is None:
            run.process.kill()

    def _end_of_pipe(self, run: Run, pipe: Any) -> None:
        self._reader.unwatch(pipe.fileno())
        pipe.close()
        run.open_pipes -= 1
        self._finish_if_over(run)

    def _finish_if_over(self, run: Run) -> None:
        if run.exited_at is None or run.open_pipes or self.run is not run:
            return
        self.run = None
        self._say(
            "ended",
            pid=run.process.pid,
            code=run.code,
            at=run.exited_at,
            events=run.events,
            whole=run.parser.whole,
            cut=run.parser.cut or run.hung_up,
            stop_took=run.stop_took,
        )
        if self.wanted and self.order.restart_after is not None:
            self.start_at = run.exited_at + self.order.restart_after
        for call in self.on_stopped:
            call()
        self.on_stopped.clear()


class Reader:
    """The event loop of the process: one control socket and any number of inputs."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._control_rest = b""
        self._selector = selectors.DefaultSelector()
        self._inputs: dict[str, Input] = {}
        self._alarms: list[Any] = []
        self._running = True
        self.watch(control.fileno(), self._read_control)

    def run(self) -> None:
        """Work until the order to quit, or until the process that gave the orders is gone."""
        while self._running:
            for key, _ in self._selector.select(self._next_deadline()):
                # An earlier call of this round may have closed the descriptor.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            self._do_what_is_due()

    def watch(self, descriptor: int, call: Callable[[], None], events: int = selectors.EVENT_READ) -> None:
        if descriptor not in self._selector.get_map():
            self._selector.register(descriptor, events, call)

    def unwatch(self, descriptor: int) -> None:
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def at(self, moment: float, call: Callable[[], None]) -> None:
        self._alarms.append((moment, call))

    def say(self, message: dict[str, Any]) -> None:
        # Whoever listens reads all the time; when it is gone, the control socket says so as well.
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps(message).encode("ascii") + b"\n")

    def _next_deadline(self) -> float | None:
        moments = [i.start_at for i in self._inputs.values() if i.start_at is not None]
        moments += [moment for moment, _ in self._alarms]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        for one in list(self._inputs.values()):
            if one.start_at is not None and one.start_at <= now and one.run is None:
                self._start(one)
        due = [alarm for alarm in self._alarms if alarm[0] <= now]
        self._alarms = [alarm for alarm in self._alarms if alarm[0] > now]
        for _, call in due:
            call()

    def _start(self, one: Input) -> None:
        try:
            one.start()
        except OSError as error:
            one.start_at = None
            self.say({"say": "violation", "stanza": one.order.stanza, "pid": 0, "text": f"cannot start: {error}"})

    def _read_control(self) -> None:
        piece = self._control.recv(READ_SIZE)
        if not piece:
            self._take_everything_along()
            return
        lines = (self._control_rest + piece).split(b"\n")
        self._control_rest = lines.pop()
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        verb = order["do"]
        if verb == "quit":
            self._running = False
        elif verb == "start":
            self._add(InputOrder(**order["input"]))
        elif verb == "stop":
            self._stop(order)
            return
        else:
            self._apply_fault(verb, order)
            return
        self._answer(order)

    def _answer(self, order: dict[str, Any], error: str | None = None) -> None:
        self.say({"id": order["id"], "error": error})

    def _add(self, order: InputOrder) -> None:
        self._inputs[order.stanza] = Input(order, self)

    def _stop(self, order: dict[str, Any]) -> None:
        one = self._inputs.get(order["stanza"])
        if one is None:
            self._answer(order, "no such input")
            return

        def stopped() -> None:
            one.close()
            del self._inputs[order["stanza"]]
            self._answer(order)

        one.ask_to_stop()
        if one.run is None:
            stopped()
            return
        one.on_stopped.append(stopped)
        one.abandon_if_stalled()

    def _apply_fault(self, verb: str, order: dict[str, Any]) -> None:
        one = self._inputs.get(order["stanza"])
        if one is None:
            self._answer(order, "no such input")
            return
        if verb == "stall":
            one.stall()
        elif verb == "resume":
            one.resume()
        elif verb == "dribble":
            one.dribbles = bool(order["on"])
        elif verb == "hang_up":
            one.hang_up()
        else:
            self._answer(order, f"unknown order {verb!r}")
            return
        self._answer(order)

    def _take_everything_along(self) -> None:
        self._running = False
        processes = [i.run.process for i in self._inputs.values() if i.run is not None and i.run.code is None]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + 3
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.wait()


def main(descriptor: int) -> int:
    """Serve the control socket whose descriptor was inherited."""
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    Reader(control).run()
    return 0
