"""Which account an input connects to next, and how long it waits before that."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Callable, NamedTuple

from ..errors import Problem

SERVED_AFTER = 60.0
"""Seconds after which a connection counts as one that worked, even without an event."""

STEADY_EVENTS = 100
"""So many events, or `SERVED_AFTER`, make a connection one after which the next attempt may be made at once: a server
that ends each connection after an event is not asked every second for ever."""

BACKOFF_FIRST, BACKOFF_LAST = 1.0, 60.0
"""Seconds before the first retry, and the most before any."""


class Outcome(NamedTuple):
    """What ended an attempt to be served by an account, and whether that had worked before, and well."""

    problem: Problem
    served: bool = False
    steady: bool = False

    @classmethod
    def of_connection(cls, problem: Problem, seconds: float, events: int) -> Outcome:
        """Return the outcome of an attempt that led to a connection: its seconds in all, and its events."""
        lasted = seconds >= SERVED_AFTER
        return cls(problem, served=lasted or events > 0, steady=lasted or events >= STEADY_EVENTS)


class Backoff:
    """How long to wait before the next attempt: doubling from 1 to 60 seconds, jittered down to half of that."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after one more failure."""
        longest: float = min(BACKOFF_LAST, BACKOFF_FIRST * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return longest * (0.5 + self._jitter() / 2)

    def reset(self) -> None:
        """Begin again at the shortest wait."""
        self._failures = 0


class Rotation:
    """Stays with an account as long as it works, and changes to the next one when it does not.

    `accounts` are the names, the preferred one first; `current` is the one to begin with, if it is among them.
    """

    def __init__(self, accounts: Sequence[str], current: str | None, backoff: Backoff) -> None:
        self._accounts = accounts
        self._place = accounts.index(current) if current in accounts else 0
        self._backoff = backoff
        self._failures = 0
        """Attempts in a row that did not work."""

    @property
    def account(self) -> str:
        """The account to connect to."""
        return self._accounts[self._place]

    def move_on(self, outcome: Outcome) -> float:
        """Choose the account for the next attempt, and return the seconds to wait before it."""
        if outcome.steady:
            self._backoff.reset()
        if outcome.served:
            self._failures = 0
        else:
            self._failures += 1
            self._place = (self._place + 1) % len(self._accounts)
        # After a failure the other account is tried at once; after both have failed it is time to wait.
        return 0.0 if self._failures % len(self._accounts) else self._backoff.next()
