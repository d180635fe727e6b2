"""Searches over what a stand-in splunkd has indexed, run by `standins.search`: a `Search` for its jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from standins.search import Indexed, Knowledge, KnowledgeError, spl
from standins.search.evals.times import relative
from standins.search.evals.values import text
from standins.search.searched import Searched, saved_searches

from .search_jobs import Asked, Found
from .splunkd import Splunkd
from .stream import Event

Change = Callable[[list[Indexed]], list[Indexed]]


class Searching:
    """Answers searches over the events of all inputs of `splunkd`, with what its app `app` says of them.

    `change` makes of the events in the index those that a search finds: by it a test has one lost, or there twice.
    `found` makes of what a search finds what it shall find. What the simulator refuses fails with a message FATAL.
    """

    def __init__(
        self, splunkd: Splunkd, app: str, change: Change = list, found: Callable[[Asked, Found], Found] | None = None
    ) -> None:
        self._splunkd = splunkd
        self._app = splunkd.home.apps / app
        self._change = change
        self._found = found or (lambda _, result: result)
        self._lock = threading.Lock()
        self._count = -1
        self._data: Searched | None = None

    def __call__(self, asked: Asked) -> Found:
        now = time.time()
        with self._lock:
            try:
                result = spl.run(
                    asked.text,
                    self._searched(),
                    earliest=_seconds(asked.earliest, now),
                    latest=_seconds(asked.latest, now),
                    now=now,
                )
            except (spl.SplError, KnowledgeError) as error:
                return Found(messages=[("FATAL", str(error))], failed=True)
        rows = [{name: _shown(value) for name, value in row.items()} for row in result.rows]
        return self._found(asked, Found(result.fields, rows))

    def _searched(self) -> Searched:
        """Return all events with their fields at search time, made once until a further event arrives."""
        events = self._events()
        if self._data is None or self._count != len(events):
            self._data = Searched(Knowledge.read(self._app), self._change(events), saved_searches(self._app))
            self._count = len(events)
        return self._data

    def _events(self) -> list[Indexed]:
        stanzas = self._splunkd.stanzas("inputs", self._app.name)
        return [
            _indexed(one, stanza, stanzas[stanza].get("index", "main"))
            for stanza in stanzas
            if "://" in stanza
            for one in self._splunkd.events(stanza)
        ]


def _indexed(event: Event, stanza: str, index: str) -> Indexed:
    """Return an event as it lies in the index; what it does not say itself is said by its input."""
    received = time.time() - (time.monotonic() - event.received)
    return Indexed(
        event.data,
        received if event.time is None else float(event.time),
        received,
        event.sourcetype or stanza.partition("://")[0],
        event.source or stanza,
        event.host or "stand-in",
        event.index or index,
    )


def _seconds(modifier: str, now: float) -> float | None:
    """Return the time that a time modifier stands for; None for all time."""
    if modifier in ("", "0"):
        return None
    if modifier == "now":
        return now
    if modifier.replace(".", "", 1).isdecimal():
        return float(modifier)
    return float(relative(now, modifier))


def _shown(value: Any) -> str | Sequence[str]:
    """Return a value as results in JSON have it: text, or a list of texts."""
    return [text(one) for one in value] if isinstance(value, tuple) else text(value)
