"""What every output promises: splunkd's pipe, a file, and any other.

An output is given events with rising numbers and takes as many as it can at the moment. It says up to which number they
have *settled*: they are safe even if the receiver fails at this moment. The bookmark knows numbers only, and the loop
waits for what an output names. No output reads a clock: times are monotonic seconds, handed in.

What settles events is the output's own: splunkd's pipe the time since splunkd has read them, a file that they were
forced to the disk, a receiver that acknowledges its acknowledgement, in the order in which the events were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar


class ReceiverGone(Exception):
    """Nothing can be given to the receiver any more; the text says why: it has closed or died, or another cause.

    Half an event may have been given, so that nothing may follow.
    """


class Interest(NamedTuple):
    """Descriptors that the loop is to wait for, in addition to the time: `serve` is to be called when one is ready."""

    readable: Sequence[int] = ()
    writable: Sequence[int] = ()


NOTHING = Interest()


class Encoded(Protocol):
    """Events in the form of an output, ready to be offered. `numbers` are theirs in the bookmark."""

    numbers: Sequence[int]


Form = TypeVar("Form", bound=Encoded)
"""What an output makes of events, which only it understands."""


class Output(Protocol[Form]):
    """Where the events of one input go."""

    @property
    def receiver(self) -> str:
        """Who receives, as the log names it: `splunkd`."""

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

    def offer(self, encoded: Form) -> bool:
        """Give events; return whether all of them have been taken by now, False when no more are taken at the moment.

        Offer the same again later. Another one may follow when all were taken, or when the output is about to be
        finished. Raises ReceiverGone.
        """

    def taken(self) -> int:
        """Return how many of the events that were offered last have been taken completely."""

    def recorded(self, number: int) -> None:
        """Note that the bookmark has the events up to that number: what was taken so far are these."""

    def blocked(self) -> str | None:
        """Return why no more is taken at the moment, None when the last offer was taken completely."""

    def waited(self, seconds: float, now: float) -> None:
        """Note that the present offer has waited for so many seconds in all."""

    def interest(self) -> Interest:
        """Return the descriptors to wait for; none where only waiting helps.

        While the output is blocked one of them is ready when more may be taken. While it is not, it must not name one
        that is always ready.
        """

    def next_due(self) -> float:
        """Return when `serve` is to be called at the latest; infinity when that does not matter.

        After `serve` it is later than the time that `serve` was given.
        """

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
        """Return why the receiver is gone, as far as that shows without giving it anything; None while it is not.

        Events that have not settled by then never do: they are delivered again.
        """

    def finish(self) -> None:
        """End the stream, as far as that can be done without waiting and without cutting an event.

        Nothing is offered after that; `serve` is called while something is `pending` and the stop has its grace.
        """

    def pending(self) -> bool:
        """Return whether events that were taken are still on their way to the receiver."""

    def not_taken(self) -> int | None:
        """Return the number of the last event that the receiver has completely, None when it has all of them.

        Asked for at the end. The events after it are delivered again, since their fate is unknown.
        """

    def keeps(self, now: float) -> bool:
        """Return whether the receiver, if it ends as it is meant to, keeps all that it has."""


@dataclass(frozen=True)
class Before:
    """What the bookmark knows of the process before this one.

    `seen`: its receiver, which is the same, had taken the events up to these numbers at these moments, in monotonic
    seconds. `may_be_behind`: that the receiver kept up cannot be known. `number`: the events up to this one count as
    delivered, those up to `settled` as settled; events after `number`, if there were any, are delivered again.
    """

    seen: Sequence[tuple[int, float]] = ()
    may_be_behind: bool = False
    number: int = 0
    settled: int = 0


class Destination(Protocol):
    """Where an output leads to, before it is opened."""

    def receiver(self) -> str:
        """Return the text that distinguishes this receiver from others: by the same text it still has all that it took.

        It does not change while the process lives, and nobody but the destination reads anything in it.
        """

    def open(self, before: Before, now: float) -> Output[Any]:
        """Return the output. Raises Problem when there is nothing that could be written to."""
