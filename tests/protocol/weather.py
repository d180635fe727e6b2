"""A second family of events for tests: asked for in two steps, with binary records of its own."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from estreamer.errors import Problem
from estreamer.protocol.family import Description, Text

from standins.fmc.raw_messages import message

WANTED, OFFER, CHOICE = 900, 901, 902


@dataclass
class Weather:
    """Asks which stations there are, then for one of them."""

    station: int
    steps: frozenset[int] = frozenset((OFFER,))
    patience: float | None = None
    asked: list[int] = field(default_factory=list)

    def request(self) -> bytes:
        return message(WANTED)

    def answer(self, message_type: int, body: bytes) -> bytes:
        offered = struct.unpack(f">{len(body) // 2}H", body)
        if self.station not in offered:
            raise Problem("station_missing", f"The server has no station {self.station}.")
        self.asked.append(message_type)
        return message(CHOICE, struct.pack(">H", self.station))


class Readings:
    """Records of a time and a temperature, delivered as text."""

    def describe(self, payloads: Sequence[bytes], record_types: Sequence[int]) -> list[Description]:
        return [("Temperature", b"%d" % struct.unpack_from(">I", payload)[0], 1) for payload in payloads]

    def identity(self, payload: bytes, event_type: str) -> bytes | None:
        return payload[:4]

    def second(self, payload: bytes, record_type: int) -> int:
        return int(struct.unpack_from(">I", payload)[0])

    def text(self, payload: bytes, record_type: int, shape: int) -> Text:
        when, degrees = struct.unpack(">Ih", payload)
        return Text(b'{"EventType":"Temperature", "Second":%d, "Degrees":%d}' % (when, degrees))


def reading(when: int, degrees: int) -> bytes:
    return struct.pack(">Ih", when, degrees)
