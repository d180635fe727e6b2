"""An input as the listener of a conversation: delivers what is received, and reports what is odd about it."""

from __future__ import annotations

from typing import Callable

from ..bookmark.duplicates import DuplicateFilter
from ..bookmark.journal import Moment
from ..clock import Clock
from ..connection.waiting import Waiting
from ..protocol.session import Event, Received
from .delivery import Delivery
from .reports import Reports

HOUSE_INTERVAL = 0.1
"""Seconds between two looks at what is due, unless a wait lies in between: they cost as much as several events."""

NO_EVENT_HINT_AFTER = 600.0
"""Seconds of a connection without any event after which the log asks whether the type is ticked."""


class Reception:
    """Receives the events of one conversation.

    `duplicates` knows what of them was delivered before; `served` is called once, when the first of them are delivered.
    """

    def __init__(
        self,
        delivery: Delivery,
        duplicates: DuplicateFilter | None,
        served: Callable[[], None],
        reports: Reports,
        waiting: Waiting,
        clock: Clock,
    ) -> None:
        self._delivery = delivery
        self._duplicates = duplicates
        self._served = served
        self._reports = reports
        self._waiting = waiting
        self._clock = clock
        self._has_served = False
        self._house_at = clock.monotonic()
        """When `keep_house` is to look at what is due."""
        self._hint_at: float | None = clock.monotonic() + NO_EVENT_HINT_AFTER
        self._unknown_types: list[int] = []
        """Types of messages that were skipped so far; the session bounds how many it reports."""

    def keep_house(self) -> None:
        """Do what is due by the clock. Raises Stop and ReceiverGone."""
        self._waiting.check()
        now = self._clock.monotonic()
        if now < self._house_at:
            return
        self._house_at = now + HOUSE_INTERVAL
        self._delivery.keep_house(now)
        if self._hint_at is not None and now >= self._hint_at:
            self._hint_at = None
            self._reports.no_event_yet(NO_EVENT_HINT_AFTER)

    def wait(self, descriptor: int, to_send: bool, deadline: float) -> bool:
        """Wait for the peer, for space to send, for the output, or for the next thing that is due. Raises Stop."""
        output = self._delivery.interest()
        sending = (descriptor,) if to_send else ()
        timeout = max(0.0, min(deadline, self._delivery.next_due) - self._clock.monotonic())
        _, writable = self._waiting.until((descriptor, *output.readable), (*sending, *output.writable), timeout)
        self._house_at = self._clock.monotonic()
        return descriptor in writable

    def deliver(self, received: Received, size: int, earliest: Moment) -> bool:
        """Deliver the events; they are safe once the output was given them. Raises Stop and ReceiverGone."""
        self._delivery.figures.count_received(len(received.events), size)
        if received.events:
            events = self._delivery.stamp(received.events) if received.unstamped else received.events
            self._deliver(events, earliest)
        return True

    def _deliver(self, events: list[Event], earliest: Moment) -> None:
        self._hint_at = None
        known = self._duplicates
        self._delivery.deliver(events, known, earliest)
        # While stamps of what is known are ahead of this machine's clock, the server's may be set back: then what is
        # sent again may follow on what is not.
        if known is not None and events[0][0] > known.last_horizon and known.last_horizon < earliest.clock:
            self._duplicates = None

    def note(self, received: Received) -> None:
        """Count and report what is odd, and report once that events arrive. Raises Problem when that is refused."""
        self._delivery.figures.count_oddities(received.gaps, received.unknown)
        if received.gap is not None:
            self._reports.bundle_gap(received.gap, received.gaps)
        if received.unknown_types:
            self._unknown_types.extend(received.unknown_types)
            self._reports.unknown_messages(self._unknown_types, len(received.unknown_types))
        if received.events and not self._has_served and received.problem is None:
            self._has_served = True
            self._served()
