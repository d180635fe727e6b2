"""The rules for what a client may send, in the strictest reading of the guide to fully-qualified events."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import Any, Union

HEADER = struct.Struct(">HHI")
ERROR_BODY = struct.Struct(">iH")
REQUEST_BODY = struct.Struct(">II")

NULL, ERROR, REQUEST = 0, 1, 2
EVENT_TYPES = ("ConnectionEvent", "IntrusionEvent", "IntrusionPacket", "FileEvent")
EXTENDED_HEADERS = 1 << 23
EXTENDED_REQUEST = 1 << 30
CLIENT_ERROR_CODE = -1
LARGEST_REQUEST = 1 << 20

_NAME = re.compile(r"[A-Za-z]\w{0,127}\Z", re.ASCII)


@dataclass(frozen=True)
class Request:
    """An event stream request: initial timestamp, flags, and its JSON document; a request without one is a first
    step."""

    timestamp: int
    flags: int
    document: bytes


@dataclass(frozen=True)
class Acknowledgement:
    """A null message of the client."""


@dataclass(frozen=True)
class Goodbye:
    """An error message of the client: the reason why it closes."""

    code: int
    text: str


@dataclass(frozen=True)
class Nonsense:
    """Bytes that are not a message: nothing after them can be understood."""


_ACKNOWLEDGEMENT = Acknowledgement()

Message = Union[Request, Acknowledgement, Goodbye, Nonsense]


class Inspector:
    """Reads what one client sends and writes a sentence into `violations` for every breach of the protocol."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._buffer = bytearray()
        self._documented = False
        self._steps = 0
        self._goodbye = False

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that these bytes complete."""
        self._buffer += data
        messages: list[Message] = []
        offset = 0
        buffer = bytes(self._buffer)
        while len(buffer) - offset >= HEADER.size:
            version, message_type, length = HEADER.unpack_from(buffer, offset)
            if message_type not in {NULL, ERROR, REQUEST} or version != 1 or length > LARGEST_REQUEST:
                self._say(f"sent bytes that are no message: {buffer[offset : offset + 16].hex(' ')}")
                messages.append(Nonsense())
                offset = len(buffer)
                break
            end = offset + HEADER.size + length
            if end > len(buffer):
                break
            message = self._message(message_type, buffer[offset + HEADER.size : end])
            messages.append(message)
            offset = end
        del self._buffer[:offset]
        return messages

    def end(self, *, orderly: bool) -> None:
        """Check the bytes that are left when the client is gone; a killed client may leave half a message behind."""
        if self._buffer and (orderly or not self._documented):
            self._say(f"closed in the middle of a message, after {len(self._buffer)} bytes of it")

    def _say(self, sentence: str) -> None:
        self.violations.append(sentence)

    def _message(self, message_type: int, body: bytes) -> Message:
        if self._goodbye:
            self._say("sent a message after its error message")
        if message_type == REQUEST:
            return self._request(body)
        if message_type == ERROR:
            return self._error(body)
        if body:
            self._say(f"sent a null message with {len(body)} bytes in it")
        if not self._documented:
            self._say("sent a null message before its request")
        return _ACKNOWLEDGEMENT

    def _error(self, body: bytes) -> Message:
        self._goodbye = True
        if len(body) < ERROR_BODY.size:
            self._say(f"sent an error message of {len(body)} bytes")
            return Goodbye(0, "")
        code, length = ERROR_BODY.unpack_from(body)
        text = body[ERROR_BODY.size :]
        if code != CLIENT_ERROR_CODE:
            self._say(f"sent an error message with code {code} instead of {CLIENT_ERROR_CODE}")
        if length != len(text):
            self._say(f"sent an error message that declares {length} bytes of text and has {len(text)}")
        if not text:
            self._say("sent an error message without a reason")
        try:
            return Goodbye(code, text.decode("utf-8"))
        except UnicodeDecodeError:
            self._say("sent an error message that is not UTF-8")
            return Goodbye(code, text.decode("utf-8", "replace"))

    def _request(self, body: bytes) -> Message:
        if self._documented:
            self._say("sent a second request on one connection")
        if len(body) < REQUEST_BODY.size:
            self._say(f"sent a request of {len(body)} bytes")
            return Nonsense()
        timestamp, flags = REQUEST_BODY.unpack_from(body)
        document = body[REQUEST_BODY.size :]
        self._flags(flags, first_step=not document)
        if document:
            self._documented = True
            for sentence in document_breaches(document):
                self._say(sentence)
        else:
            self._steps += 1
            if self._steps > 1:
                self._say("sent two requests without a document")
        return Request(timestamp, flags, document)

    def _flags(self, flags: int, *, first_step: bool) -> None:
        if flags & EXTENDED_REQUEST:
            self._say("set bit 30 of the request flags, which must be 0")
        allowed = {0, EXTENDED_HEADERS} if first_step else {EXTENDED_HEADERS}
        if flags & ~EXTENDED_REQUEST not in allowed:
            self._say(f"sent the request flags {flags:#010x}: only bit 23 may be set, and is needed")


def document_breaches(document: bytes) -> list[str]:
    """Return a sentence for each thing that is wrong with a request document."""
    if b"\0" in document:
        return ["sent a NUL in its request document"]
    try:
        told = json.loads(document.decode("utf-8"), object_pairs_hook=_unique)
    except ValueError as error:
        return [f"sent a request document that is not JSON: {error}"]
    if not isinstance(told, dict) or set(told) != {"Events", "OutputFormat"}:
        return ["sent a request document that does not consist of Events and OutputFormat"]
    return _events_breaches(told["Events"]) + _format_breaches(told["OutputFormat"])


def requested(document: bytes) -> dict[str, list[str]]:
    """Return the field sets and fields that a request document asks for, by event type, as far as it can be read."""
    try:
        events = json.loads(document)["Events"]
        return {event_type: list(block["FieldSetDef"]["OutputFieldSet"]) for event_type, block in events.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def asks_for_json(document: bytes) -> bool:
    """Return whether a request document asks for events as JSON; True for a document that cannot be read."""
    try:
        return bool(json.loads(document)["OutputFormat"]["TransformConfig"] == "JSON")
    except (ValueError, KeyError, TypeError):
        return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return dict(pairs)


def _events_breaches(events: Any) -> list[str]:
    if not isinstance(events, dict) or not events:
        return ["asked for no event type"]
    breaches = []
    for event_type, block in events.items():
        if event_type not in EVENT_TYPES:
            breaches.append(f"asked for {event_type!r}, which is no event type")
        breaches += [f"{event_type}: {breach}" for breach in _block_breaches(block)]
    return breaches


def _block_breaches(block: Any) -> list[str]:
    if not isinstance(block, dict) or not {"FieldSetDef", "Fields"} <= set(block) <= {
        "FieldSetDef",
        "Fields",
        "Exclude",
    }:
        return ["sent a block that does not consist of FieldSetDef, Fields and perhaps Exclude"]
    breaches = []
    names = block["FieldSetDef"].get("OutputFieldSet") if isinstance(block["FieldSetDef"], dict) else None
    if not isinstance(names, list) or set(block["FieldSetDef"]) != {"OutputFieldSet"}:
        breaches.append("sent a FieldSetDef that does not consist of a list OutputFieldSet")
    elif not names or not all(isinstance(name, str) and _NAME.match(name) for name in names):
        breaches.append("sent an OutputFieldSet that is not a list of names")
    elif len(set(names)) != len(names):
        breaches.append("asked for a field twice")
    if block["Fields"] != ["OutputFieldSet"]:
        breaches.append("sent Fields other than OutputFieldSet")
    if not isinstance(block.get("Exclude", ""), str):
        breaches.append("sent an Exclude that is no text")
    return breaches


def _format_breaches(output: Any) -> list[str]:
    if not isinstance(output, dict) or set(output) != {"Transform", "TransformConfig"}:
        return ["sent an OutputFormat that does not consist of Transform and TransformConfig"]
    breaches = []
    if output["Transform"] != "Text":
        breaches.append(f"asked for the transform {output['Transform']!r}")
    config = output["TransformConfig"]
    if config not in ("JSON", "CSV") and not isinstance(config, dict):
        breaches.append(f"sent the TransformConfig {config!r}")
    return breaches
