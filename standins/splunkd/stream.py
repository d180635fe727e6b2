"""What splunkd makes of a modular input's stdout, read strictly.

The reader is expat, fed piece by piece, with a white list on top of it. Everything that Splunk's documentation
does not promise to accept is an error here:

* bytes that are not UTF-8, characters that XML 1.0 forbids, a byte order mark, another declared encoding;
* a document type, a processing instruction, a comment, a CDATA section;
* a root other than one `<stream>`, a second `<stream>`, elements or attributes that are not on the list;
* text outside of the leaf elements other than white space;
* an event without `<data>` or `<time>`, one of them twice, a time that is not a plain number of seconds.

An event counts when its `</event>` was read. What follows the last complete event when the pipe ends is a cut
event: dropped and counted, never handed on.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Callable
from xml.parsers import expat

LEAVES = ("data", "time", "source", "sourcetype", "host", "index", "done")
PLAIN_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
WHITE_SPACE = " \t\r\n"
UNCLOSED_TOKEN = expat.errors.XML_ERROR_UNCLOSED_TOKEN
PARTIAL_CHARACTER = expat.errors.XML_ERROR_PARTIAL_CHAR
LINE_BREAKER = re.compile(r"[\r\n]+")


@dataclass(frozen=True)
class Event:
    """One event as it was written; `None` where the element was not there and splunkd takes the stanza's value.

    `received` is the moment it was read to its end, CLOCK_MONOTONIC in seconds; it does not count when events
    are compared.
    """

    data: str
    time: Decimal | None
    source: str | None
    sourcetype: str | None
    host: str | None
    index: str | None
    received: float = field(default=0.0, compare=False)


class StreamError(Exception):
    """stdout is not what splunkd is promised to read."""


def digest(data: str) -> str:
    """Return what the stand-in keeps of an event's data with the order to keep digests only."""
    return hashlib.blake2b(data.encode("utf-8"), digest_size=16).hexdigest()


def number(data: str) -> int:
    """Return what the stand-in keeps of an event's data with the order to keep numbers only: 64 bits of a digest."""
    return int.from_bytes(hashlib.blake2b(data.encode("utf-8"), digest_size=8).digest(), "little")


class StreamParser:
    """Reads one run's stdout.

    `feed` takes bytes in pieces of any size and calls `take` for each complete event; `end` says how the stream
    ended. `stanza` is the only value that an event's `stanza` attribute may have. Raises StreamError, after
    which the parser is of no more use.
    """

    def __init__(self, take: Callable[[Event], None], stanza: str | None = None) -> None:
        self._take = take
        self._stanza = stanza
        self._path: list[str] = []
        self._attributes: dict[str, str] = {}
        self._found: dict[str, str] = {}
        self._text: list[str] = []
        self._unbroken: dict[tuple[str | None, ...], str] = {}
        self._start = b""
        self.whole = False
        self.cut = False
        self._expat = expat.ParserCreate("UTF-8")
        self._expat.buffer_text = True
        self._expat.buffer_size = 1 << 16
        # Since 2.6 expat waits for more bytes before it looks at a token again; an event would be late by one read.
        if hasattr(self._expat, "SetReparseDeferralEnabled"):
            self._expat.SetReparseDeferralEnabled(False)
        self._expat.StartElementHandler = self._start_element
        self._expat.EndElementHandler = self._end_element
        self._expat.CharacterDataHandler = self._characters
        self._expat.XmlDeclHandler = self._declaration
        self._expat.StartDoctypeDeclHandler = self._refuse("a document type declaration")
        self._expat.ProcessingInstructionHandler = self._refuse("a processing instruction")
        self._expat.CommentHandler = self._refuse("a comment")
        self._expat.StartCdataSectionHandler = self._refuse("a CDATA section")

    def feed(self, piece: bytes) -> None:
        """Read the next bytes of stdout."""
        if len(self._start) < 3:
            self._start = (self._start + piece)[:3]
            if self._start == b"\xef\xbb\xbf":
                raise StreamError("stdout begins with a byte order mark")
        try:
            self._expat.Parse(piece, False)
        except expat.ExpatError as error:
            raise StreamError(f"not well-formed XML: {error} (byte {self._expat.ErrorByteIndex})") from None

    def end(self) -> None:
        """The pipe has ended: settle whether the stream was complete and whether an event was cut."""
        unfinished = ""
        try:
            self._expat.Parse(b"", True)
        except expat.ExpatError as error:
            unfinished = expat.ErrorString(error.code)
        if self.whole:
            if unfinished:
                raise StreamError(f"not well-formed XML after the stream: {unfinished}")
            return
        self.cut = len(self._path) > 1 or unfinished in (UNCLOSED_TOKEN, PARTIAL_CHARACTER)
        for key in list(self._unbroken):
            self._flush_unbroken(key)

    def _refuse(self, what: str) -> Callable[..., None]:
        def handler(*_: object) -> None:
            raise StreamError(f"{what} in the stream")

        return handler

    def _declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        if version != "1.0" or (encoding or "UTF-8").upper() != "UTF-8":
            raise StreamError(f"the stream is declared as XML {version} in {encoding}")

    def _start_element(self, name: str, attributes: dict[str, str]) -> None:
        depth = len(self._path)
        if depth == 0 and name == "stream" and not attributes:
            pass
        elif depth == 1 and name == "event":
            self._start_event(attributes)
        elif depth == 2 and name in LEAVES and not attributes:
            if name in self._found:
                raise StreamError(f"an event with two <{name}>")
            self._text = []
        else:
            inside = "/".join(self._path) or "the document"
            raise StreamError(f"<{name}> with attributes {sorted(attributes)} is not expected in {inside}")
        self._path.append(name)

    def _start_event(self, attributes: dict[str, str]) -> None:
        unknown = set(attributes) - {"stanza", "unbroken"}
        if unknown:
            raise StreamError(f"an event with unknown attributes {sorted(unknown)}")
        if attributes.get("unbroken", "0") not in ("0", "1"):
            raise StreamError(f"unbroken={attributes['unbroken']!r} is neither 0 nor 1")
        if self._stanza is not None and attributes.get("stanza", self._stanza) != self._stanza:
            raise StreamError(f"an event for stanza {attributes['stanza']!r} from the input {self._stanza!r}")
        self._attributes = attributes
        self._found = {}

    def _characters(self, text: str) -> None:
        if len(self._path) == 3:
            self._text.append(text)
        elif text.strip(WHITE_SPACE):
            raise StreamError(f"text outside of an element that takes text: {text[:40]!r}")

    def _end_element(self, name: str) -> None:
        self._path.pop()
        if len(self._path) == 2:
            self._found[name] = "".join(self._text)
        elif len(self._path) == 1:
            self._end_event()
        else:
            self.whole = True
            for key in list(self._unbroken):
                self._flush_unbroken(key)

    def _end_event(self) -> None:
        found = self._found
        if found.get("done"):
            raise StreamError("<done> with content")
        unbroken = self._attributes.get("unbroken") == "1"
        if "done" in found and not unbroken:
            raise StreamError("<done/> in an event that is not unbroken")
        if "data" not in found and "done" not in found:
            raise StreamError("an event without <data>")
        if "time" not in found and not unbroken:
            raise StreamError("an event without <time>")
        if "time" in found and not PLAIN_SECONDS.fullmatch(found["time"]):
            raise StreamError(f"the time {found['time'][:40]!r} is not a plain number of seconds")
        for name in ("source", "sourcetype", "host", "index"):
            if name in found and not found[name].strip():
                raise StreamError(f"an event with an empty <{name}>")
        if unbroken:
            self._take_unbroken(found)
        else:
            self._take(make_event(found["data"], found))

    def _take_unbroken(self, found: dict[str, str]) -> None:
        key = tuple(found.get(name) for name in ("time", "source", "sourcetype", "host", "index"))
        pieces = LINE_BREAKER.split(self._unbroken.pop(key, "") + found.get("data", ""))
        self._unbroken[key] = pieces.pop()
        for line in pieces:
            if line:
                self._take(make_event(line, found))
        if "done" in found:
            self._flush_unbroken(key)

    def _flush_unbroken(self, key: tuple[str | None, ...]) -> None:
        rest = self._unbroken.pop(key)
        if rest:
            names = ("time", "source", "sourcetype", "host", "index")
            self._take(make_event(rest, {n: v for n, v in zip(names, key) if v is not None}))


def make_event(data: str, found: dict[str, str]) -> Event:
    """Build an event from the texts of its elements."""
    time = found.get("time")
    return Event(
        data=data,
        time=None if time is None else Decimal(time),
        source=found.get("source"),
        sourcetype=found.get("sourcetype"),
        host=found.get("host"),
        index=found.get("index"),
    )
