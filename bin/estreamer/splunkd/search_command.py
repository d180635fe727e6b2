"""The search command `sfwpackets`, as splunkd runs it: the chunked protocol around `packets.rows`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from splunklib.searchcommands import Configuration, Option, StreamingCommand

from ..packets import rows as packet_rows

EVENTS_AT_ONCE = 50
"""How many events splunkd hands over in one piece: the piece and the answer to it are held in memory, and an event may
have half a MiB."""


class Input:
    """splunkd's pipe, with a blank for each NUL: Python 3.9 reads no CSV with one, and an event may hold it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, fewer at the end."""
        return self._stream.read(size).replace(b"\0", b" ")

    def readline(self) -> bytes:
        """Return a line."""
        return self._stream.readline().replace(b"\0", b" ")


@Configuration(distributed=False, maxinputs=EVENTS_AT_ONCE)
class PacketCommand(StreamingCommand):  # type: ignore[misc]
    """Decodes the packets of events. It runs on the search head, where the add-on's libraries are."""

    rows = Option(doc="packets (a row each), dump or layers")
    packet = Option(doc="the ids of the packets that are wanted")
    field = Option(doc="the field that holds the packet")
    encoding = Option(doc="hex, base64 or auto")
    link = Option(doc="the link type as in PCAP files, or auto")

    def prepare(self) -> None:
        """Check the arguments; refuse wrong ones with a sentence, which the search shows."""
        names = ("rows", "packet", "field", "encoding", "link")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        try:
            if self.fieldnames:
                raise ValueError(f"{self.fieldnames[0]} is not understood: arguments are written as name=value.")
            self._arguments = packet_rows.parse(given)
        except ValueError as error:
            # The library formats what it writes: braces in an argument would be read as places for values.
            self.write_error("sfwpackets: {}", error)
            raise SystemExit(1) from None

    def stream(self, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows of each event of a piece."""
        for row in packet_rows.rows_of(records, self._arguments):
            yield {name: "" if cell is None else cell for name, cell in row.items()}
