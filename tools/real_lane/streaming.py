"""Events from a stand-in for a Management Center into the index: none lost, none there twice, by what they say."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from environment import StepFailure

from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator, Record
from standins.fmc.server import FmcServer
from standins.fmc.variety import varied_event

from .inputs import Names
from .searches import Searches

AGE = 3600
"""Seconds before now at which the first event happened. Dashboards look at the last 24 hours."""

PER_SECOND = 11
PACKETS_EVERY = 20
"""One event of so many is a packet; packets are last."""

DUPLICATES_EVERY = 97
"""About each such event says the same as the one before it: as two events that really happened they are to arrive."""


def make_fmc(address: str, count: int) -> FmcServer[Archive]:
    """Return a stand-in for a Management Center that has so many events, and listens at an address of this machine."""
    seed = secrets.randbelow(1 << 30)
    generator = EventGenerator(
        seed,
        start=int(time.time()) - AGE,
        per_second=PER_SECOND,
        duplicates_every=DUPLICATES_EVERY,
    )
    packets = count // PACKETS_EVERY
    records = generator.events(0, count - packets)
    return FmcServer(Archive([*records, *_packets(seed, packets, records[-1].archival)]), address=address)


def _packets(seed: int, count: int, archival: int) -> list[Record]:
    return [varied_event(seed, index, archival, "IntrusionPacket") for index in range(count)]


def sent(fmc: FmcServer[Archive]) -> list[str]:
    """Return the texts of the events that the stand-in has."""
    return [record.payload.decode("utf-8") for record in fmc.archive.since(0)]


def wait_for(searches: Searches, names: Names, count: int, limit: float, pause: float) -> None:
    """Wait until so many events are found. Raises StepFailure after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        done = searches.run(f"{_events(names)} | stats count", latest=_end())
        if done.problem:
            raise StepFailure(f"The search for the events failed: {done.problem}")
        found = int(done.rows[0]["count"]) if done.rows else 0
        if found >= count:
            return
        if time.monotonic() > deadline:
            raise StepFailure(
                f"{found} of {count} events were found within {limit:.0f} seconds. The input's log is in "
                f'index=_internal source="*ta_secure_firewall_estreamer_estreamer_fqe_{names.name}*".'
            )
        time.sleep(pause)


def read(searches: Searches, names: Names, count: int) -> list[str]:
    """Return the texts of the events in the index, of which there should be `count`."""
    done = searches.run(f"{_events(names)} | table _raw", latest=_end(), most=2 * count)
    if done.problem:
        raise StepFailure(f"The search for the events failed: {done.problem}")
    return [str(row["_raw"]) for row in done.rows]


def compare(wanted: Sequence[str], found: Sequence[str]) -> tuple[int, int]:
    """Return how many events are lost, and how many are there that should not be: a second time, or with other text."""
    happened, came = Counter(wanted), Counter(found)
    return sum((happened - came).values()), sum((came - happened).values())


def check(fmc: FmcServer[Archive], found: Sequence[str]) -> str:
    """Compare what was found with what was sent; return the sentence about it. Raises StepFailure if they differ."""
    wanted = sent(fmc)
    lost, more = compare(wanted, found)
    told = f"{len(wanted)} events sent, {len(found)} found: {lost} lost, {more} doubled or changed"
    if lost or more:
        raise StepFailure(f"{told}.")
    if fmc.violations:
        raise StepFailure(f"{told}; but the add-on broke the protocol: {fmc.violations[0]}")
    return told


def example(fmc: FmcServer[Archive], field: str) -> Any:
    """Return the value of a field in one of the events."""
    return next(value for value in (json.loads(one).get(field) for one in sent(fmc)) if value)


def _events(names: Names) -> str:
    return f'search index="{names.index}" source="{names.source}"'


def _end() -> str:
    """Return the end of the time range: splunkd's clock may be ahead of this one."""
    return str(int(time.time()) + 86400)
