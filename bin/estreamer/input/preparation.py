"""What is to be delivered of the events that were received: functions of events and settings, without any state.

Duplicates are taken out, drop rules decide, times are checked, and what is not sound is repaired. What there is to be
counted is returned, so that nothing counts that is not delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from ..bookmark.duplicates import DuplicateFilter
from ..events import facts, repair
from ..events.drop_rules import DropRules
from ..protocol.family import AS_IT_IS, Records, Text
from ..protocol.session import UNSTAMPED, Event


@dataclass(frozen=True)
class Way:
    """How events are prepared. `records` reads what lies in a record; `identify` says that events may arrive from two
    Management Centers, so that the bookmark wants what identifies them.
    """

    records: Records
    rules: DropRules
    identify: bool
    types_with_rules: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Look up once which event types have a rule."""
        object.__setattr__(self, "types_with_rules", frozenset(self.rules.event_types()))


@dataclass(frozen=True)
class Batch:
    """Events on their way, in columns: one call handles a complete column where that can be.

    `archivals` and `payloads` have all that were received, and so has `identities`, unless it is None. `times` and
    `texts` have those that are to be written; `places` holds where each of them is among those received.
    `dropped` has the rule and the bytes of each event that a rule drops, `repaired` the texts of events that are not
    delivered as they are. `odd_times` counts times that were replaced.
    """

    archivals: Sequence[int]
    payloads: Sequence[bytes]
    identities: list[bytes | None] | None
    times: Sequence[bytes]
    texts: Sequence[bytes]
    places: Sequence[int]
    dropped: Sequence[tuple[int, int]] = ()
    repaired: Sequence[Text] = ()
    odd_times: int = 0


def stamped(received: list[Event], records: Records) -> list[Event]:
    """Return the events with a time in place of each archival timestamp that the server did not send.

    It is the event's own time, the only one that is the same whenever the event is sent again. No event is archived
    before it happens, so resuming there misses none.
    """
    second = records.second
    return [event if event[0] != UNSTAMPED else (second(event[2], event[1]), event[1], event[2]) for event in received]


def without_duplicates(received: list[Event], duplicates: DuplicateFilter, records: Records) -> list[Event]:
    """Return the events that were not delivered before; `duplicates` counts off those that were."""
    return [event for event in received if not _is_duplicate(event, duplicates, records)]


def _is_duplicate(event: Event, duplicates: DuplicateFilter, records: Records) -> bool:
    archival, record_type, payload = event
    if archival > duplicates.horizon:
        return False
    identity = None
    if duplicates.needs_identity:
        ((event_type, _, _),) = records.describe((payload,), (record_type,))
        identity = records.identity(payload, event_type)
    return duplicates.is_duplicate(archival, payload, identity)


def prepared(received: list[Event], way: Way, now: float) -> Batch:
    """Return events in columns, with the texts to write. `now` is in Unix seconds.

    The hot path: a pass for each thing.
    """
    archivals, record_types, payloads = zip(*received)
    described = way.records.describe(payloads, record_types)
    identities = None
    if way.identify:
        identity = way.records.identity
        identities = [identity(payload, event_type) for payload, (event_type, _, _) in zip(payloads, described)]
    places: Sequence[int] = range(len(received))
    texts: Sequence[bytes] = payloads
    dropped: Sequence[tuple[int, int]] = ()
    if way.types_with_rules:
        rules = [_rule(way, described[place][0], payloads[place]) for place in places]
        dropped = [(rule, len(payload)) for rule, payload in zip(rules, payloads) if rule is not None]
        places = [place for place in places if rules[place] is None]
        texts = [payloads[place] for place in places]
        described = [described[place] for place in places]
    own = [when for _, when, _ in described]
    stamps = archivals if len(own) == len(archivals) else [archivals[place] for place in places]
    times, odd = facts.times_within_reason(own, stamps, now)
    shapes = [shape for _, _, shape in described]
    repaired: Sequence[Text] = ()
    if any(shapes):
        texts, repaired = _repaired(texts, [record_types[place] for place in places], shapes, way.records)
    return Batch(archivals, payloads, identities, times, texts, places, dropped, repaired, odd)


def _repaired(
    payloads: Sequence[bytes], record_types: Sequence[int], shapes: Sequence[int], records: Records
) -> tuple[list[bytes], list[Text]]:
    """Return the texts to write for payloads, and the texts among them that differ from their payloads."""
    texts = list(payloads)
    repaired = []
    for place, shape in enumerate(shapes):
        if shape != AS_IT_IS:
            text = records.text(payloads[place], record_types[place], shape)
            texts[place] = text.text
            repaired.append(text)
    return texts, repaired


def _rule(way: Way, event_type: str, payload: bytes) -> int | None:
    """Return the rule that drops an event, None where none does."""
    return way.rules.drops(event_type, payload) if event_type in way.types_with_rules else None


def as_text(event: Event, way: Way, now: float) -> Batch:
    """Return one event that the add-on fails on: as text, marked, with the present time (Unix seconds)."""
    archival, _, payload = event
    text = repair.as_text(payload)
    identities: list[bytes | None] | None = [None] if way.identify else None
    told = (Text(text, (repair.NOT_UNDERSTOOD,)),)
    return Batch((archival,), (payload,), identities, [b"%d" % now], [text], (0,), repaired=told)


def numbers(batch: Batch, archivals: Sequence[int], first: int) -> Sequence[int]:
    """Return the numbers in the bookmark that the events to be written will have, if `first` is the next one.

    `archivals` are those of the bookmark's entry: an event whose archival timestamp is 0 has no number of its own.
    """
    if len(batch.places) == len(archivals) and 0 not in archivals:
        return range(first, first + len(batch.places))
    all_numbers = list(accumulate(map(bool, archivals), initial=first - 1))
    return [all_numbers[place + 1] for place in batch.places]
