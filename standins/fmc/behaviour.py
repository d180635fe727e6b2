"""How a stand-in Management Center behaves: every reading of the protocol, and every way to misbehave.

The default is what a real one was seen to do; see docs/protocol.md. Everything is data, so that another process can get
it as JSON (`Behaviour.from_json`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from standins.fmc.events import RECORD_TYPES

STYLES = ("bare", "bundles", "mixed")
EXTENSIONS = ("always", "never", "alternate")
REQUESTS = ("either", "single", "two-step")
REFUSALS = ("error", "close", "silence")
RESENDS = ("position", "filter")

BEFORE_EVENTS = ("accept", "handshake", "request")
"""Moments before the first event: the server accepted a connection, finished its handshake, understood its request."""

PLACES = ("between", "bundle header", "header", "record header", "payload")
"""Places in the stream: `between` is directly before an event's message (in a bundle: between two inner messages);
`header`, `record header` and `payload` are in its middle; `bundle header` is in the middle of the own headers of the
next bundle."""

ENDINGS = ("fin", "rst", "close")
"""The TCP connection ends without a TLS farewell, is reset, or is closed with a TLS farewell."""

ACTIONS = (
    *ENDINGS,
    "error",
    "garbage",
    "overlong",
    "tls-garbage",
    "alert",
    "silence",
    "half-open",
    "deaf",
    "hear",
    "dribble",
    "say",
    "gap",
    "repeat",
    "restart",
    "hello-requests",
)


@dataclass(frozen=True)
class Fault:
    """One misbehaviour, which happens once on each connection in `connections`.

    - `action`: `fin`, `rst`, `close` (see `ENDINGS`); `error`: error message with `code` and `text`, then `close`;
      `garbage`: bytes that are not a message, then nothing more; `overlong`: the header of a message of 1 GiB, then as
      many bytes as the client reads; `tls-garbage`: bytes that are not TLS; `alert`: a fatal TLS alert, in clear at
      `accept` and encrypted later, then `fin`; `silence`: nothing more is sent, not even keep-alives; `half-open`:
      nothing more is sent or read; `deaf`: the server stops reading but continues to send; `hear`: it reads again;
      `dribble`: from here on the server sends single bytes, each in a TLS record, `pause` seconds apart; `say`: the
      server sends the bytes `data` and continues (give the code points of the bytes, 0 to 255); `gap`: one sequence
      number of a bundle is left out, but no event; `repeat`: one bundle has the sequence number of the one before;
      `restart`: the server stops, which ends all connections, and starts again on its port; `hello-requests`: instead
      of its handshake the server requests one, in clear and without end, and reads nothing.
    - `where`: a moment before the first event (`BEFORE_EVENTS`) or a place in the stream (`PLACES`).
    - `after_events`: events that the server sent on this connection before; or `after_bytes`: bytes, which overrides
      `where`.
    - `connections`: numbers of the connections with this fault, from 1; None means all.

    If faults have the same place, they happen in the order of the list.
    """

    action: str
    where: str = "between"
    after_events: int = 0
    after_bytes: int | None = None
    connections: tuple[int, ...] | None = None
    code: int = 1
    text: str = "The server cannot go on"
    data: str = ""
    pause: float = 0.0

    def __post_init__(self) -> None:
        _one_of(self.action, ACTIONS)
        _one_of(self.where, BEFORE_EVENTS + PLACES)
        if self.action in {"gap", "repeat"} and (self.where != "between" or self.after_bytes is not None):
            raise ValueError(f"a {self.action} is made between events")
        if self.action == "say" and self.where not in {*BEFORE_EVENTS, "between"}:
            raise ValueError("what is said belongs before or between messages")
        if self.action == "hello-requests" and (self.where != "accept" or self.after_bytes is not None):
            raise ValueError("hello-requests take the place of the handshake")
        if self.where == "accept" and self.action in {"error", "garbage", "overlong", "deaf", "hear", "dribble", "say"}:
            raise ValueError(f"{self.action} needs TLS")

    def meant_for(self, connection: int) -> bool:
        """Return whether the connection of that number has this fault."""
        return self.connections is None or connection in self.connections


@dataclass(frozen=True)
class Behaviour:
    """Everything that can differ between servers.

    Delivery
    - `style`: `bare` (one message for each event), `bundles`, or `mixed` (a bundle, then three bare events, and so on).
    - `bundle_size`: most events in a bundle. `window`: bundles that may be unacknowledged (1 in the guide).
    - `bare_window`: bare events that may be unacknowledged; None: the server does not wait.
    - `event_data_types`: message types of event data, used in turn: 3 or 4.
    - `bare_version`, `bundled_version`: header version of messages outside and inside a bundle.
    - `extended`: whether record headers carry the 8 bytes with the archival timestamp: `always`, `never`, or
      `alternate`, every second record.
    - `netmap_ids`: used in turn; the top bit may be set.
    - `record_types`: the record type for an event type, if it differs from the archive (FileEvent 500).
    - `trailing`: bytes after the JSON text, used in turn (NUL, CR, LF, blanks).
    - `wrap_every`, `untyped_every`: each such event is wrapped (`{"ConnectionEvent": {…}}`), or lacks
      EventType; 0: none.
    - `unknown_every`: before each such event the server sends a message of an unknown type; 0: never.
    - `server_made_every`: after each such event the server sends a record with archival timestamp 0; 0: never.
    - `keepalive`: seconds of silence after which the server sends a null message; 0: never.
    - `write_size`: most bytes in a TLS record; None: as large as TLS allows.
    - `repeat_seconds`: a client that resumes gets the events of this many seconds before its timestamp as well.
    - `resends`: the records for a client that resumes, in an archive whose timestamps went back. `position`: all
      records from the first one on that is not older than the client's timestamp; `filter`: the same without older
      records.

    Requests
    - `requests`: the kind that the server understands: one message (`single`), JSON in a second message (`two-step`),
      or `either`.
    - `refusal`: the answer to the other kind: an `error` message and the end, the end without a message (`close`),
      `silence`.
    - `known_fields`: if set, the server refuses any other field or field set with an error message.

    Connection
    - `server_certificate`: one of `standins.fmc.pki.SERVER_VARIANTS`.
    - `tls`: versions, `1.2`, `1.3` or both.
    - `trust_foreign_clients`: the client certificate must be signed by the foreign CA; another one gets a TLS alert.
    - `check_client_address`: the CN of the client certificate must be its address, otherwise the connection ends
      without a message.
    - `faults`: see `Fault`.
    """

    style: str = "bare"
    bundle_size: int = 100
    window: int = 1
    bare_window: int | None = None
    event_data_types: tuple[int, ...] = (4,)
    bare_version: int = 1
    bundled_version: int = 0
    extended: str = "always"
    netmap_ids: tuple[int, ...] = (1, 0x8001)
    record_types: Mapping[str, int] = field(default_factory=dict)
    trailing: tuple[str, ...] = ("",)
    wrap_every: int = 0
    untyped_every: int = 0
    unknown_every: int = 0
    server_made_every: int = 0
    keepalive: float = 30.0
    write_size: int | None = None
    repeat_seconds: int = 0
    resends: str = "position"
    requests: str = "either"
    refusal: str = "error"
    known_fields: frozenset[str] | None = None
    server_certificate: str = "good"
    tls: tuple[str, ...] = ("1.2", "1.3")
    trust_foreign_clients: bool = False
    check_client_address: bool = True
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        _one_of(self.style, STYLES)
        _one_of(self.extended, EXTENSIONS)
        _one_of(self.requests, REQUESTS)
        _one_of(self.refusal, REFUSALS)
        _one_of(self.resends, RESENDS)
        for name in ("bundle_size", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("event_data_types", "netmap_ids", "trailing", "tls"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        for name in self.record_types:
            _one_of(name, tuple(RECORD_TYPES))

    @classmethod
    def from_json(cls, text: str) -> Behaviour:
        """Read a `Behaviour` from a JSON object with its fields. Raises ValueError or TypeError for anything else."""
        told: dict[str, Any] = json.loads(text)
        faults = tuple(Fault(**_tuples(fault)) for fault in told.pop("faults", ()))
        if told.get("known_fields") is not None:
            told["known_fields"] = frozenset(told["known_fields"])
        return cls(faults=faults, **_tuples(told))

    def to_json(self) -> str:
        """Return the text that `from_json` reads."""
        told = dataclasses.asdict(self)
        if self.known_fields is not None:
            told["known_fields"] = sorted(self.known_fields)
        return json.dumps(told)


def _tuples(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def _one_of(value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
