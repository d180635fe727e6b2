"""Each record and data block of the tables, made by an encoder of its own, comes back with every value."""

from __future__ import annotations

import struct
from random import Random

import pytest
from estreamer.protocol.classic import layouts as compiled
from estreamer.protocol.classic.reading import MOST_BLOCKS, Reader
from estreamer.protocol.classic.records import MOST_UNDECODED, Decoded, decode, decode_message
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.fmc.classic_records import Made, Variety, as_block, encoded, layouts, wrapped
from tests.protocol.classic.forms import BLOCKS, FORMS, PLAIN_BLOCKS, RECORDS, body_of, form_id, made_of

RANDOMS = st.randoms(use_true_random=False)


@pytest.mark.parametrize("form", FORMS, ids=form_id)
@settings(max_examples=6, deadline=None)
@given(random=RANDOMS)
def test_every_record_comes_back_with_every_value(form: tuple[int, str], random: Random):
    number, block = form
    body, made = body_of(Variety(random), number, block)
    decoded = decode(number, body, 5, 0x8007)
    assert made_of(decoded.content) == made
    assert (decoded.partial, decoded.notes, decoded.undecoded()) == (False, [], b"")
    assert (decoded.netmap, decoded.archival) == (7, 5)


@pytest.mark.parametrize("name", [name for name in BLOCKS if name not in PLAIN_BLOCKS])
@settings(max_examples=6, deadline=None)
@given(random=RANDOMS)
def test_every_block_comes_back_with_every_value(name: str, random: Random):
    made = Variety(random).container(name)
    wire = as_block(made)
    reader = Reader(wire)
    found = reader.block(compiled.layout(name.partition("@")[0]), 0, 0, len(wire), True)
    assert made_of(found) == made
    assert (reader.partial, reader.notes, reader.ranges) == (False, [], [])


@pytest.mark.parametrize("name", ["M5", "M5@6", "B1.0", "B1.10", "B1.11", "B1.31", "B2.0", "B2.2", "R62@block"])
def test_every_other_container_comes_back_with_every_value(name: str):
    made = Variety(Random(1)).container(name)
    wire = encoded(made)
    found = Reader(wire).run(compiled.layout(name), 0, len(wire))
    assert (found.fault, found.at) == ("", len(wire))
    assert [made_of(value) for value in found.values] == list(made.values.values())


@pytest.mark.parametrize("block", ["B1.149", "B1.140", "B1.135", "B1.111"])
def test_host_profiles_are_read_from_messages(block: str):
    made = Variety(Random(2)).container(block)
    decoded = decode_message(6, as_block(made))
    assert made_of(decoded.content) == Made("M6", {"full_host_profile": made})
    assert not decoded.partial


def test_forms_cover_every_record_and_every_block_that_a_record_reaches():
    assert len(RECORDS) == 151
    assert {name for name in BLOCKS if name.startswith("B1.") and "@" not in name} == {
        name for name in layouts() if name.startswith("B1.") and "@" not in name
    }


def whole(decoded: Decoded) -> None:
    """Hold a decoded record to its bounds."""
    assert len(decoded.undecoded()) <= MOST_UNDECODED
    assert len(decoded.notes) <= MOST_BLOCKS * 3
    for begin, end in decoded.ranges:
        assert 0 <= begin < end <= len(decoded.body)


@pytest.mark.parametrize("form", FORMS, ids=form_id)
def test_a_record_that_is_cut_anywhere_keeps_what_was_there(form: tuple[int, str]):
    number, block = form
    body, made = body_of(Variety(Random(number)), number, block)
    for cut in range(0, len(body), max(1, len(body) // 60)):
        decoded = decode(number, body[:cut])
        whole(decoded)
        assert decoded.partial or decoded.content is None or made_of(decoded.content) != made


@pytest.mark.parametrize("form", FORMS, ids=form_id)
@settings(max_examples=10, deadline=None)
@given(random=RANDOMS)
def test_a_record_with_a_wrong_byte_is_decoded_as_far_as_it_goes(form: tuple[int, str], random: Random):
    number, block = form
    body, _ = body_of(Variety(random), number, block)
    if body:
        at = random.randrange(len(body))
        whole(decode(number, body[:at] + bytes([random.getrandbits(8)]) + body[at + 1 :]))


@settings(max_examples=100, deadline=None)
@given(number=st.sampled_from(RECORDS), body=st.binary(max_size=400))
def test_any_bytes_are_decoded_as_far_as_they_go(number: int, body: bytes):
    whole(decode(number, body))


def test_a_record_number_without_a_layout_keeps_its_body():
    for number in (0, 1, 200, 350_000, 65535):
        decoded = decode(number, b"abc")
        assert (decoded.kind, decoded.content) == ("unknown", None)
        assert decoded.notes == [("unknown record", f"R{number}")]


def test_lists_in_lists_without_end_are_given_up():
    wire = b""
    for _ in range(2000):
        wire = wrapped(31, as_block_of_list(wire))
    decoded = decode(77, b"\0" * 40 + wrapped(60, struct.pack(">II", 1, 2) + wire))
    whole(decoded)
    assert decoded.partial


def as_block_of_list(content: bytes) -> bytes:
    return wrapped(60, struct.pack(">II", 0, 0) + (content or wrapped(31, b"")))


def test_more_blocks_than_a_record_may_have_are_left_as_bytes():
    many = b"".join(wrapped(123, struct.pack(">I", number)) for number in range(MOST_BLOCKS * 3))
    body = b"\0" * 40 + wrapped(122, struct.pack(">IIII", 1, 2, 3, 4) + wrapped(0, b"") + wrapped(31, many))
    decoded = decode(15, body)
    whole(decoded)
    assert decoded.partial
    assert ("too many blocks", "B1.123") in decoded.notes
    assert len(decoded.undecoded()) == MOST_UNDECODED
