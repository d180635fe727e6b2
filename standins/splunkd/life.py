"""One life of the stand-in splunkd: its reader process, and what the test says to it and hears from it."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable

REPOSITORY = Path(__file__).resolve().parents[2]


class StandInError(Exception):
    """The stand-in was used wrongly, or it broke; never the fault of what is tested."""


class Life:
    """A running reader process.

    `on_message` is called, from the thread that listens, for each message that is not an answer.
    """

    def __init__(self, on_message: Callable[[dict[str, Any]], None]) -> None:
        self._on_message = on_message
        self._numbers = itertools.count(1)
        self._answers: dict[int, str | None] = {}
        self._condition = threading.Condition()
        self._over = False
        self._ending = False
        self._control, theirs = socket.socketpair()
        with theirs:
            environment = {"PATH": os.defpath, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "standins.splunkd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env=environment,
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, name="splunkd stand-in", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process id that the inputs see as their parent."""
        return self._process.pid

    def send(self, do: str, **values: Any) -> int:
        """Give an order and return its number, without waiting."""
        number = next(self._numbers)
        try:
            self._control.sendall(json.dumps({"id": number, "do": do, **values}).encode("ascii") + b"\n")
        except OSError as error:
            raise StandInError(f"the reader process is gone: {error}") from None
        return number

    def wait_for_answer(self, number: int, timeout: float = 15.0) -> None:
        """Wait until the order was carried out. Raises StandInError if it could not be."""
        with self._condition:
            if not self._condition.wait_for(lambda: number in self._answers or self._over, timeout):
                raise StandInError(f"the reader process did not carry out order {number} within {timeout} s")
            if number not in self._answers:
                raise StandInError("the reader process ended before it answered")
            error = self._answers.pop(number)
        if error is not None:
            raise StandInError(error)

    def order(self, do: str, timeout: float = 15.0, **values: Any) -> None:
        """Give an order and wait until it was carried out."""
        self.wait_for_answer(self.send(do, **values), timeout)

    def kill(self) -> None:
        """End the reader process with SIGKILL; its inputs get no notice."""
        self._ending = True
        self._process.kill()
        self._end()

    def quit(self) -> None:
        """End the reader process after its inputs have ended; inputs that are left are taken along."""
        self._ending = True
        self._control.shutdown(socket.SHUT_WR)
        self._end()

    def _end(self) -> None:
        self._process.wait(30)
        self._listener.join(30)
        self._control.close()

    def _listen(self) -> None:
        rest = b""
        while True:
            try:
                piece = self._control.recv(1 << 16)
            except OSError:
                piece = b""
            if not piece:
                break
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                self._hear(json.loads(line))
        if not self._ending:
            text = "the reader process ended by itself: the stand-in is broken"
            self._on_message({"say": "violation", "stanza": "", "pid": self.pid, "text": text})
        with self._condition:
            self._over = True
            self._condition.notify_all()

    def _hear(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            self._on_message(message)
            return
        with self._condition:
            self._answers[message["id"]] = message["error"]
            self._condition.notify_all()
