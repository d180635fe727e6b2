"""What every output promises: splunkd's pipe, a file, and what is to come.

An output is given events with rising numbers and takes as many as it can at the moment. It says up to which number they
have *settled*: they are safe even if the receiver fails at this moment. The bookmark knows numbers only, and the loop
waits for what an output names. No output reads a clock: times are monotonic seconds, handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar


class ReceiverGone(Exception):
    """Nothing can be given to the receiver any more; the text says why: it has closed or died, or another cause.

    Half an event may have been given, so that nothing may follow.
    """


class Encoded(Protocol):
    """Events in the form of an output, ready to be offered. `numbers` are theirs in the bookmark."""

    numbers: Sequence[int]


Form = TypeVar("Form", bound=Encoded)
"""What an output makes of events, which only it understands."""


class Output(Protocol[Form]):
    """Where the events of one input go."""

    @property
    def written_bytes(self) -> int:
        """How many bytes were taken so far."""

    def use_host(self, host: str) -> None:
        """Set the host of the events that follow, which are those of another connection."""

    def encode(self, times: Sequence[bytes], texts: Sequence[bytes], numbers: Sequence[int]) -> Form:
        """Return events in the output's form, given their times (epoch seconds as text), texts and rising numbers.

        Whatever fails for what events say fails here, before any was taken. The hot path.
        """

    def take_problems(self) -> tuple[int, Counter[str]]:
        """Return how many texts were marked since the last time, and how many of them had which problem."""

    def offer(self, encoded: Form) -> int:
        """Give events; return how many of them have been taken so far, fewer than all when no more are taken now.

        Offer the same again later. Another one may follow when all were taken, or when the output is about to be
        finished. Raises ReceiverGone.
        """

    def recorded(self, number: int) -> None:
        """Note that the bookmark has the events up to that number: what was taken so far are these."""

    def blocked(self) -> str | None:
        """Return why no more is taken at the moment, None when the last offer was taken completely."""

    def waited(self, seconds: float, now: float) -> None:
        """Note that the present offer has waited for so many seconds in all."""

    def descriptors(self) -> Sequence[int]:
        """Return what becomes writable when more may be taken; nothing where only time tells."""

    def next_due(self) -> float:
        """Return when `serve` is to be called at the latest; infinity when that does not matter."""

    def serve(self, now: float) -> None:
        """Do what is due, and note how far the receiver is."""

    def settled(self, now: float) -> int | None:
        """Return up to which number events have settled, None when no more have since the last call."""

    def put_off(self, number: int, now: float) -> None:
        """Have `settled` return this number again: it could not be recorded."""

    def seen(self) -> int | None:
        """Return up to which number the receiver has taken events since the last call, None when it has not.

        It is recorded, so that they settle in their time for the next process, if that has the same receiver.
        """

    def gone(self) -> str | None:
        """Return why nothing can be given to the receiver any more, as far as that shows without trying; else None."""

    def finish(self) -> None:
        """End the stream, as far as that can be done without waiting and without cutting an event."""

    def pending(self) -> bool:
        """Return whether events that were taken are still on their way to the receiver."""

    def not_taken(self) -> int | None:
        """Return the number of the last event that the receiver has completely, None when it has all of them."""

    def keeps(self, now: float) -> bool:
        """Return whether the receiver, if it ends as it is meant to, keeps all that it has."""


@dataclass(frozen=True)
class Before:
    """What the bookmark knows of the process before this one.

    `seen`: its receiver, which is the same, had taken the events up to these numbers at these moments, in monotonic
    seconds. `may_be_behind`: that the receiver kept up cannot be known.
    """

    seen: Sequence[tuple[int, float]] = ()
    may_be_behind: bool = False


class Destination(Protocol):
    """Where an output leads to, before it is opened."""

    def receiver(self) -> str:
        """Return what tells this receiver from another one: the same text means that it still has what it was given."""

    def open(self, before: Before, now: float) -> Output[Any]:
        """Return the output."""
