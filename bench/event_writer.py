"""The input with splunklib's EventWriter in place of its own output, to compare both.

    python bench/event_writer.py .../bin/estreamer_fqe.py

It reads its document from standard input and runs as the input does, except that a full pipe blocks it, and that it
writes characters that XML forbids.
"""

from __future__ import annotations

import io
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


def main(script: str) -> None:
    """Run the input whose entry script this is."""
    sys.path[0] = str(Path(script).parent)
    sys.argv = [script]
    import import_declare_test  # noqa: F401, PLC0415 - the path of the add-on's libraries first
    from estreamer.outputs import splunkd_pipe  # noqa: PLC0415

    setattr(splunkd_pipe, "XmlStream", event_writer_output())  # noqa: B010 - the name is the module's own import
    runpy.run_path(script, run_name="__main__")


def event_writer_output() -> Any:
    """Return an output that writes through EventWriter."""
    from estreamer.outputs.xml_stream import XmlStream  # noqa: PLC0415
    from splunklib.modularinput import Event, EventWriter  # noqa: PLC0415

    class EventWriterOutput(XmlStream):
        def __init__(self, descriptor: int, **settings: Any) -> None:
            super().__init__(descriptor, **settings)
            os.set_blocking(descriptor, True)
            file = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
            self._writer = EventWriter(_Counting(self, file))

        def use_host(self, host: str) -> None:
            self._host = host

        def encode(self, times: Sequence[bytes], payloads: Sequence[bytes], numbers: Sequence[int]) -> Any:
            events = [
                Event(
                    data=payload.decode("utf-8"),
                    time=time.decode(),
                    host=self._host,
                    index=self._index,
                    source=self._source,
                    sourcetype=self._sourcetype,
                )
                for time, payload in zip(times, payloads)
            ]
            return _Events(events, numbers)

        def push(self, chunk: Any) -> bool:
            for event in chunk.events:
                self._writer.write_event(event)
            return True

    return EventWriterOutput


class _Events(NamedTuple):
    events: list[Any]
    numbers: Sequence[int]


class _Counting(io.TextIOBase):
    """Counts the bytes that it writes, which the bookmark needs to settle events."""

    def __init__(self, output: Any, file: io.TextIOWrapper) -> None:
        self._output = output
        self._file = file

    def write(self, text: str) -> int:
        self._output.written_bytes += len(text)
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()


if __name__ == "__main__":
    main(sys.argv[1])
