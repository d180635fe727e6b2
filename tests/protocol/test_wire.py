"""Messages byte by byte, against layouts written out by hand."""

from __future__ import annotations

import pytest
from estreamer.protocol import wire


def test_request_length_counts_timestamp_flags_and_document_without_nul():
    message = wire.encode_event_stream_request(0x5FC00000, wire.EXTENDED_HEADERS, b'{"a":1}')
    assert message == bytes.fromhex("0001 0002 0000000F 5FC00000 00800000") + b'{"a":1}'


def test_request_for_now_and_oldest_use_the_two_reserved_timestamps():
    assert wire.encode_event_stream_request(wire.NOW, 0)[8:12] == b"\xff\xff\xff\xff"
    assert wire.encode_event_stream_request(wire.OLDEST, 0)[8:12] == b"\0\0\0\0"


def test_only_bit_23_is_set_in_the_flags():
    assert wire.EXTENDED_HEADERS == 0x00800000


def test_null_message_is_a_header_alone():
    assert bytes.fromhex("0001 0000 00000000") == wire.NULL_MESSAGE


def test_client_error_has_code_minus_one_and_the_length_of_its_text():
    assert wire.encode_error("done") == bytes.fromhex("0001 0001 0000000A FFFFFFFF 0004") + b"done"


def test_client_error_text_is_cut_at_65535_bytes():
    message = wire.encode_error("x" * 70_000)
    assert len(message) == 8 + 6 + 0xFFFF
    assert wire.decode_error(message[8:]).text == "x" * 0xFFFF


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (bytes.fromhex("00000007 0003") + b"bad", wire.ErrorMessage(7, "bad")),
        (bytes.fromhex("FFFFFFFE 0000"), wire.ErrorMessage(-2, "")),
        (bytes.fromhex("00000007 00FF") + b"cut short", wire.ErrorMessage(7, "cut short")),
        (bytes.fromhex("00000007 0005") + b"bad\0\0", wire.ErrorMessage(7, "bad")),
        (b"\xffab", wire.ErrorMessage(0, "\ufffdab")),
        (b"", wire.ErrorMessage(0, "")),
    ],
)
def test_server_error_is_read_however_short_or_odd(body: bytes, expected: wire.ErrorMessage):
    assert wire.decode_error(body) == expected
