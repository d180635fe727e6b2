"""The records of fully-qualified events: JSON objects that are delivered as they arrive, or repaired."""

from __future__ import annotations

from collections.abc import Sequence

from ..protocol.family import Description, Text
from . import facts, repair


class FullyQualifiedRecords:
    """Reads records of fully-qualified events for one input: see `protocol.family.Records`."""

    def __init__(self) -> None:
        self._describer = facts.Describer()

    def describe(self, payloads: Sequence[bytes], record_types: Sequence[int]) -> Sequence[Description]:
        """Return what events say of themselves. The hot path."""
        return self._describer.describe(payloads, record_types)

    def identity(self, payload: bytes, event_type: str) -> bytes | None:
        """Return what identifies an event whichever Management Center sent it, None without a connection key."""
        return facts.identity(payload, event_type)

    def second(self, payload: bytes, record_type: int) -> int:
        """Return the event's own time in Unix seconds, 0 where it has none."""
        return facts.second_of(payload, record_type)

    def text(self, payload: bytes, record_type: int, shape: int) -> Text:
        """Return what is delivered of a payload that is not sound by its ends, or does not say what it is."""
        problems: tuple[str, ...] = ()
        if shape == facts.UNSOUND:
            payload, problems = repair.mend(payload, record_type)
            shape = facts.describe(payload, record_type)[2]
        if shape != facts.UNNAMED:
            return Text(payload, problems)
        return Text(facts.with_event_type(payload, facts.EVENT_TYPE_OF_RECORD_TYPE[record_type]), problems, True)
