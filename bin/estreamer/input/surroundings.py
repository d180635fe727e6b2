"""What an input asks for outside itself: handed in, so that a simulated world can pass its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ..clock import Clock
from ..connection import pkcs12, tls
from ..connection.waiting import Waiting
from ..files import FILES, Files
from ..outputs.splunkd_pipe import machine_run


def _clock() -> Clock:
    return Clock(boot=machine_run())


@dataclass(frozen=True)
class Surroundings:
    """The real ones, where nothing else is given.

    `credentials` reads a PKCS#12 file and `connect` makes a verified connection, as `pkcs12.read` and `tls.connect` do;
    `jitter` is at random from 0 to 1.
    """

    clock: Clock = field(default_factory=_clock)
    files: Files = FILES
    waiting: Callable[[Clock], Waiting] = Waiting
    credentials: Callable[..., pkcs12.Credentials] = pkcs12.read
    connect: Callable[..., tls.Connection] = tls.connect
    jitter: Callable[[], float] = random.random
