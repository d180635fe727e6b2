"""The XML stream: well-formed whatever a payload holds, and exact about what the pipe has taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from estreamer.outputs.output import NOTHING, Before, Interest, ReceiverGone
from estreamer.outputs.splunkd_pipe import Splunkd, SplunkdPipe, reader_identity
from estreamer.outputs.xml_stream import XmlStream
from hypothesis import given
from hypothesis import strategies as st

from tests.outputs.pushing import pushed


class Pipe:
    """A pipe with both ends in hand."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.received = b""

    def drain(self, most: int = -1) -> bool:
        """Take what is in the pipe, at most `most` bytes; return True, as a wait for the pipe does."""
        while most:
            try:
                data = os.read(self.reader, 65536 if most < 0 else most)
            except BlockingIOError:
                break
            if not data:
                break
            self.received += data
            most = most if most < 0 else most - len(data)
        return True

    def events(self) -> list[dict[str, str | None]]:
        self.drain()
        root = fromstring(self.received)
        assert root.tag == "stream"
        return [{child.tag: child.text for child in event} for event in root]

    def close_reader(self) -> None:
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close_reader()
    os.close(made.writer)


def output(pipe: Pipe, **settings: str | None) -> XmlStream:
    defaults: dict[str, Any] = {"source": "s", "sourcetype": "t", "host": "h", "index": "i"}
    return XmlStream(pipe.writer, **{**defaults, **settings})


def write(under_test: XmlStream, pipe: Pipe, payloads: list[bytes]) -> int:
    times = [b"%d" % number for number in range(len(payloads))]
    return pushed(under_test, under_test.encode(times, payloads, range(len(payloads))), pipe.drain)


def test_each_event_carries_time_source_sourcetype_host_and_index(pipe: Pipe):
    under_test = output(pipe, source="estreamer_fqe://a", sourcetype="cisco:sfw:estreamer", host="fmc", index="netfw")
    pushed(under_test, under_test.encode([b"17.000042"], [b'{"a":1}'], [1]), pipe.drain)
    under_test.close()
    assert pipe.events() == [
        {
            "source": "estreamer_fqe://a",
            "sourcetype": "cisco:sfw:estreamer",
            "host": "fmc",
            "index": "netfw",
            "time": "17.000042",
            "data": '{"a":1}',
        }
    ]


def test_without_index_splunkd_takes_its_default(pipe: Pipe):
    under_test = output(pipe, index=None)
    write(under_test, pipe, [b"{}"])
    under_test.close()
    assert "index" not in pipe.events()[0]


def test_settings_that_hold_markup_or_control_characters_are_inert(pipe: Pipe):
    under_test = output(pipe, source="</source><x>", host="a\x00&b")
    write(under_test, pipe, [b"{}"])
    under_test.close()
    assert pipe.events()[0]["source"] == "</source><x>"
    assert pipe.events()[0]["host"] == "a\\x00&b"


def test_events_after_a_change_of_host_carry_the_other_host(pipe: Pipe):
    under_test = output(pipe)
    write(under_test, pipe, [b"{}"])
    under_test.use_host("second")
    write(under_test, pipe, [b"{}"])
    under_test.close()
    assert [event["host"] for event in pipe.events()] == ["h", "second"]


HOSTILE = {
    "markup": b'{"a":"]]></data></event></stream><!--&amp;"}',
    "text beyond ASCII": '{"a":"é\u20ac😀\u0085\u2028"}'.encode(),
    "an object over several lines": b'{\n"a":1,\r\n"b":2\n}',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_xml_can_hold_arrives_as_it_was(pipe: Pipe, what: str):
    under_test = output(pipe)
    write(under_test, pipe, [b"{}", HOSTILE[what], b'{"next":1}'])
    under_test.close()
    # XML readers see every line end as one newline; between JSON tokens that changes nothing.
    expected = HOSTILE[what].decode().replace("\r\n", "\n")
    assert [event["data"] for event in pipe.events()] == ["{}", expected, '{"next":1}']
    assert under_test.mended == 0


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_in_a_payload_leaves_the_stream_well_formed(pipe: Pipe, byte: int):
    under_test = output(pipe)
    write(under_test, pipe, [b"{}", b'{"a":"' + bytes([byte]) + b'"}', b'{"next":1}'])
    under_test.close()
    found = [event["data"] for event in pipe.events()]
    assert found[0] == "{}"
    assert found[2] == '{"next":1}'
    assert found[1]


@pytest.mark.parametrize("character", ["\ufffe", "\uffff"])
def test_noncharacters_that_xml_forbids_are_escaped_and_counted(pipe: Pipe, character: str):
    under_test = output(pipe)
    write(under_test, pipe, [f'{{"a":"{character}"}}'.encode()])
    under_test.close()
    assert json.loads(pipe.events()[0]["data"] or "")["a"] == character
    assert under_test.mended == 1


@given(
    st.lists(
        st.one_of(st.binary(max_size=50), st.text(max_size=50).map(lambda text: text.encode("utf-8", "surrogatepass"))),
        max_size=6,
    )
)
def test_no_payloads_whatever_break_the_stream(payloads: list[bytes]):
    pipe = Pipe()
    try:
        under_test = output(pipe)
        assert write(under_test, pipe, payloads) == len(payloads)
        under_test.close()
        if payloads:
            assert len(pipe.events()) == len(payloads)
    finally:
        pipe.close_reader()
        os.close(pipe.writer)


def test_a_full_pipe_is_waited_for_and_everything_arrives(pipe: Pipe):
    under_test = output(pipe)
    payloads = [b'{"n":%d, "x":"%s"}' % (number, b"y" * 1500) for number in range(300)]
    assert write(under_test, pipe, payloads) == 300
    under_test.close()
    assert [event["data"] for event in pipe.events()] == [payload.decode() for payload in payloads]


def test_when_waiting_ends_the_number_of_complete_events_is_exact(pipe: Pipe):
    under_test = output(pipe)
    payloads = [b'{"n":%d, "x":"%s"}' % (number, b"y" * 1500) for number in range(300)]
    written = pushed(under_test, under_test.encode([b"1"] * 300, payloads, range(300)), lambda: False)
    pipe.drain()
    assert 0 < written < 300
    assert pipe.received.count(b"</event>") == written
    assert under_test.written_bytes == len(pipe.received)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.data())
def test_complete_events_are_counted_at_every_length(sizes: list[int], data: st.DataObject):
    pipe = Pipe()
    try:
        chunk = output(pipe).encode([b"1"] * len(sizes), [b"x" * size for size in sizes], range(len(sizes)))
        length = data.draw(st.integers(0, len(chunk.data)))
        assert chunk.complete_events(length) == chunk.data[:length].count(b"</event>")
    finally:
        pipe.close_reader()
        os.close(pipe.writer)


def test_the_stream_is_not_ended_inside_an_event(pipe: Pipe):
    under_test = output(pipe)
    pushed(under_test, under_test.encode([b"1"] * 300, [b"y" * 1500] * 300, range(300)), lambda: False)
    pipe.drain()
    under_test.close()
    pipe.drain()
    assert not pipe.received.endswith(b"</stream>\n")


def test_an_input_without_events_writes_nothing(pipe: Pipe):
    output(pipe).close()
    pipe.drain()
    assert pipe.received == b""


def test_a_closed_reader_is_noticed_at_the_next_write_and_without_one(pipe: Pipe):
    under_test = output(pipe)
    assert not under_test.reader_is_gone()
    pipe.close_reader()
    assert under_test.reader_is_gone()
    with pytest.raises(ReceiverGone):
        pushed(under_test, under_test.encode([b"1"], [b"{}"], [1]), lambda: True)


def test_closing_after_the_reader_has_gone_is_quiet(pipe: Pipe):
    under_test = output(pipe)
    write(under_test, pipe, [b"{}"])
    pipe.close_reader()
    under_test.close()
    assert under_test.reader_is_gone()


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="FIONREAD on pipes is for Linux and macOS")
def test_unread_tells_what_the_reader_has_not_taken(pipe: Pipe):
    under_test = output(pipe)
    pushed(under_test, under_test.encode([b"1"], [b"{}"], [1]), lambda: True)
    assert under_test.unread() == under_test.written_bytes > 0
    pipe.drain(10)
    assert under_test.unread() == under_test.written_bytes - 10


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="FIONREAD on pipes is for Linux and macOS")
def test_the_last_event_that_was_read_as_a_whole_is_known_by_its_number(pipe: Pipe):
    under_test = output(pipe)
    lengths = []
    for first in (10, 20, 30):
        chunk = under_test.encode([b"1"] * 3, [b"{}"] * 3, [first, first + 1, first + 5])
        pushed(under_test, chunk, lambda: True)
        lengths.append(len(chunk.data))
    assert under_test.read_up_to() == 9
    pipe.drain(len("<stream>\n") + lengths[0] // 3 - 2)
    assert under_test.read_up_to() == 9
    pipe.drain(1)
    assert under_test.read_up_to() == 10
    pipe.drain(lengths[0])
    assert under_test.read_up_to() == 20
    pipe.drain(lengths[1] + lengths[2])
    assert under_test.read_up_to() is None


def test_a_file_in_place_of_a_pipe_has_nothing_unread(tmp_path):
    descriptor = os.open(tmp_path / "events", os.O_WRONLY | os.O_CREAT)
    under_test = XmlStream(descriptor, source="s", sourcetype="t", host="h", index=None)
    pushed(under_test, under_test.encode([b"1"], [b"{}"], [1]), lambda: True)
    assert under_test.unread() == 0
    os.close(descriptor)


def test_the_reader_is_this_process_for_its_children_and_stays_the_same():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; from estreamer.outputs.splunkd_pipe import reader_identity as r;"
        "print(r())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, *sys.path], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    }
    assert found == {reader_identity(os.getpid())}


def test_readers_differ_by_process_and_by_boot():
    assert reader_identity(os.getpid()) != reader_identity(os.getppid())
    assert reader_identity(os.getpid(), lambda: "a") != reader_identity(os.getpid(), lambda: "b")


def test_a_process_whose_start_cannot_be_read_is_known_by_its_number():
    assert reader_identity(2**30, lambda: "boot") == f"boot/{2**30}/-"


def test_the_pipe_is_waited_for_while_it_is_full_and_only_then(pipe: Pipe):
    under_test = SplunkdPipe(Splunkd(pipe.writer, "estreamer_fqe://a", None, 30), Before(), 0.0)
    assert under_test.interest() == NOTHING
    chunk = under_test.encode([b"1"] * 100, [b"{}" + b" " * 5000] * 100, range(1, 101))
    assert not under_test.offer(chunk)
    assert under_test.interest() == Interest(writable=(pipe.writer,))
    while not under_test.offer(chunk):
        pipe.drain()
    assert under_test.interest() == NOTHING
    assert under_test.gone() is None
    pipe.close_reader()
    assert under_test.gone() == "splunkd has closed the pipe"
