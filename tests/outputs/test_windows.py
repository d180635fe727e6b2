"""What is called of Windows, with something that answers as Windows was seen to: no such machine was there.

Seen in Wine: WriteFile to a full pipe succeeds with 0 bytes; to one whose reader is gone it fails with error 232.
"""

from __future__ import annotations

from typing import Any

import pytest
from defusedxml.ElementTree import ParseError, fromstring
from estreamer.connection import waiting
from estreamer.errors import Stop
from estreamer.outputs.output import ReceiverGone
from estreamer.outputs.xml_stream import XmlStream
from estreamer.windows import Process, System, WindowsPipe

from tests.outputs.pushing import pushed

DESCRIPTOR, HANDLE = 1, 4711
NO_DATA, BROKEN_PIPE, DISK_FULL, INVALID_PARAMETER, ACCESS_DENIED = 232, 109, 112, 87, 5
TIMEOUT, SIGNALED = 258, 0


class FakeKernel32:
    """A pipe of one page and some processes."""

    def __init__(self) -> None:
        self.room = 4096
        self.taken = bytearray()
        self.error = 0
        self.fails_with = 0
        self.running = {77}
        self.mode: int | None = None

    def SetNamedPipeHandleState(self, handle: Any, mode: Any, *_: None) -> int:  # noqa: N802
        assert handle.value == HANDLE
        self.mode = mode._obj.value
        return 1

    def WriteFile(self, handle: Any, data: bytes, size: Any, taken: Any, overlapped: None) -> int:  # noqa: N802
        assert handle.value == HANDLE
        assert overlapped is None
        if self.fails_with:
            self.error = self.fails_with
            return 0
        assert size.value == len(data)
        # All of a write, or nothing of it.
        taken._obj.value = size.value if size.value <= self.room else 0
        self.room -= taken._obj.value
        self.taken += data[: taken._obj.value]
        return 1

    def OpenProcess(self, access: int, inherit: bool, number: int) -> int | None:  # noqa: N802
        assert not inherit
        if number not in self.running:
            self.error = INVALID_PARAMETER
            return None
        assert access & 0x00100000
        return 1000 + number

    def WaitForSingleObject(self, handle: Any, milliseconds: int) -> int:  # noqa: N802
        assert milliseconds == 0
        return TIMEOUT if handle.value - 1000 in self.running else SIGNALED

    def system(self) -> System:
        return System(self, lambda: self.error, lambda number: f"text of {number}", {DESCRIPTOR: HANDLE}.__getitem__)


@pytest.fixture
def kernel() -> FakeKernel32:
    return FakeKernel32()


def output_to(kernel: FakeKernel32) -> XmlStream:
    pipe = WindowsPipe(DESCRIPTOR, kernel.system())
    return XmlStream(DESCRIPTOR, source="s", sourcetype="t", host="h", index=None, pipe=pipe)


def write(under_test: XmlStream, count: int, wait: Any) -> int:
    return pushed(under_test, under_test.encode([b"1"] * count, [b"x" * 1000] * count, range(count)), wait)


def test_the_pipe_is_made_non_blocking(kernel: FakeKernel32) -> None:
    WindowsPipe(DESCRIPTOR, kernel.system())
    assert kernel.mode == 1


def test_a_full_pipe_is_full_and_not_without_a_reader(kernel: FakeKernel32) -> None:
    under_test = output_to(kernel)
    waits = []

    def wait() -> bool:
        waits.append(kernel.room)
        kernel.room = 4096
        return True

    assert write(under_test, 50, wait) == 50
    under_test.close()
    assert len(waits) > 5
    assert len(fromstring(bytes(kernel.taken))) == 50


@pytest.mark.parametrize("number", [NO_DATA, BROKEN_PIPE])
def test_a_reader_that_is_gone_is_gone(kernel: FakeKernel32, number: int) -> None:
    under_test = output_to(kernel)
    kernel.fails_with = number
    with pytest.raises(ReceiverGone, match="has closed the pipe"):
        write(under_test, 1, lambda: True)


def test_another_failure_says_what_windows_says(kernel: FakeKernel32) -> None:
    under_test = output_to(kernel)
    kernel.fails_with = DISK_FULL
    with pytest.raises(ReceiverGone, match="text of 112") as caught:
        write(under_test, 1, lambda: True)
    assert "has closed" not in str(caught.value)


@pytest.mark.parametrize("ending", ["the reader is gone", "told to stop", "something unexpected"])
def test_no_end_tag_follows_half_an_event_however_the_writing_ends(kernel: FakeKernel32, ending: str) -> None:
    under_test = output_to(kernel)

    def wait() -> bool:
        if ending == "told to stop":
            raise Stop("enough")
        if ending == "something unexpected":
            raise ValueError(ending)
        kernel.fails_with = NO_DATA
        return True

    with pytest.raises((ReceiverGone, Stop, ValueError)):
        write(under_test, 50, wait)
    # It reads again, so that a tag would arrive.
    kernel.fails_with, kernel.room = 0, 4096
    before = bytes(kernel.taken)
    under_test.close()
    assert bytes(kernel.taken) == before
    with pytest.raises(ParseError):
        fromstring(before + b"</stream>")


def test_the_end_of_the_parent_is_noticed_while_nothing_is_written(
    kernel: FakeKernel32, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_parent", lambda: Process(77, kernel.system()))
    with waiting.Waiting() as under_test:
        under_test.check()
        assert not under_test.parent_is_gone
        kernel.running.clear()
        with pytest.raises(Stop, match="splunkd has ended"):
            under_test.until((), (), 30)
        # Another process gets its number.
        kernel.running.add(77)
        assert under_test.parent_is_gone


def test_a_parent_that_has_ended_before_it_could_be_asked_has_ended(kernel: FakeKernel32) -> None:
    assert Process(78, kernel.system()).has_ended()


def test_a_parent_that_may_not_be_asked_counts_as_running(
    kernel: FakeKernel32, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        kernel.error = ACCESS_DENIED

    monkeypatch.setattr(kernel, "OpenProcess", refuse)
    assert not Process(77, kernel.system()).has_ended()
