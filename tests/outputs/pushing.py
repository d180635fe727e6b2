"""A chunk on its way into a pipe, as a test waits for the pipe."""

from __future__ import annotations

from typing import Callable

from estreamer.outputs.xml_stream import Chunk, XmlStream


def pushed(stream: XmlStream, chunk: Chunk, wait: Callable[[], bool]) -> int:
    """Push a chunk until the pipe has all of it or `wait` returns False; return how many events it has completely."""
    while not stream.push(chunk) and wait():
        pass
    return stream.taken()
