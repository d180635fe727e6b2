"""The protocol as a state machine, fed by hand."""

from __future__ import annotations

import struct

import pytest
from estreamer.protocol import wire
from estreamer.protocol.fully_qualified import FullyQualified
from estreamer.protocol.session import (
    MOST_UNKNOWN_TYPES,
    OTHER_TYPES,
    SILENCE_LIMIT,
    SILENCE_LIMIT_SHORTEST,
    UNSTAMPED,
    WHOLE_WITHIN,
    Misuse,
    Session,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standins.fmc.raw_messages import bundle, error, event, message

NULL = bytes.fromhex("0001000000000000")


def session(style: str = "single", now: float = 0.0) -> Session:
    return Session(FullyQualified(b'{"Events":{}}', 1000, style), now)


def feed(data: bytes):
    return session().receive(data, 1.0)


def test_single_request_is_one_message_with_the_document():
    assert session().request == bytes.fromhex("0001 0002 00000015 000003E8 00800000") + b'{"Events":{}}'


def test_two_step_request_asks_without_flags_first_and_with_the_document_next():
    first = bytes.fromhex("0001 0002 00000008 000003E8 00000000")
    assert session("two-step").request == first + session("single").request


def test_an_unknown_request_style_is_refused():
    with pytest.raises(ValueError, match="auto"):
        session("auto")


@pytest.mark.parametrize("message_type", [3, 4])
@pytest.mark.parametrize("version", [0, 1])
def test_event_data_of_both_types_and_both_header_versions_is_read(message_type: int, version: int):
    received = feed(event(b'{"a":1}', 77, message_type=message_type, version=version, record_type=502))
    assert received.events == [(77, 502, b'{"a":1}')]
    assert received.acknowledgements == 1


@pytest.mark.parametrize("payload", [b"", b"x", b"y" * 20, b"z" * 2000])
def test_a_record_header_without_archival_timestamp_is_told_by_arithmetic(payload: bytes):
    received = feed(event(payload, None) + event(payload, 5))
    assert received.events == [(UNSTAMPED, 71, payload), (5, 71, payload)]
    assert received.unstamped
    assert not feed(event(payload, 5)).unstamped


def test_bare_events_are_acknowledged_one_by_one():
    assert feed(event(b"a") + event(b"b") + event(b"c")).acknowledgements == 3


def test_a_bundle_is_acknowledged_once_whatever_it_holds():
    data = bundle(1, event(b"a", version=0), message(0, version=0), event(b"b", None), message(77, b"??"))
    received = feed(data)
    assert [payload for _, _, payload in received.events] == [b"a", b"b"]
    assert received.acknowledgements == 1


def test_an_empty_bundle_is_acknowledged():
    assert feed(bundle(1)).acknowledgements == 1


def test_events_of_a_bundle_come_out_before_its_end_but_its_acknowledgement_does_not():
    data = bundle(1, event(b"first"), event(b"second"))
    under_test = session()
    early = under_test.receive(data[:-3], 1.0)
    assert [payload for _, _, payload in early.events] == [b"first"]
    assert early.acknowledgements == 0
    late = under_test.receive(data[-3:], 1.0)
    assert [payload for _, _, payload in late.events] == [b"second"]
    assert late.acknowledgements == 1


def test_bundles_and_bare_events_mix_in_one_session():
    received = feed(event(b"a") + bundle(1, event(b"b"), event(b"c")) + event(b"d") + bundle(2, event(b"e")))
    assert [payload for _, _, payload in received.events] == [b"a", b"b", b"c", b"d", b"e"]
    assert received.acknowledgements == 4
    assert received.gap is None


def test_acknowledgements_are_nulls_and_never_more_than_are_due():
    under_test = session()
    under_test.receive(event(b"a") + event(b"b"), 1.0)
    assert under_test.acknowledge(2) == NULL * 2
    with pytest.raises(Misuse):
        under_test.acknowledge(1)


def test_a_gap_in_the_sequence_of_bundles_is_reported_and_counted():
    under_test = session()
    assert under_test.receive(bundle(1) + bundle(2), 1.0).gap is None
    assert under_test.receive(bundle(5), 1.0).gap == (3, 5)
    assert under_test.receive(bundle(6), 1.0).gap is None
    assert under_test.counts.bundle_gaps == 1


def test_the_sequence_of_bundles_may_begin_anywhere_and_wraps():
    under_test = session()
    received = under_test.receive(bundle(0xFFFFFFFF) + bundle(0) + bundle(1), 1.0)
    assert (received.gap, received.acknowledgements) == (None, 3)


def test_unknown_messages_are_skipped_by_their_length_and_named_once():
    under_test = session()
    received = under_test.receive(message(2051, b"x" * 9) + event(b"a") + message(2051) + message(9), 1.0)
    assert received.unknown_types == (2051, 9)
    assert [payload for _, _, payload in received.events] == [b"a"]
    assert under_test.receive(message(9), 1.0).unknown_types == ()
    assert under_test.counts.unknown_messages == {2051: 2, 9: 2}


def test_a_server_error_ends_the_session_with_its_text_and_code_after_the_events_before_it():
    under_test = session()
    received = under_test.receive(event(b"a") + error(12, b"no such field: Foo") + event(b"never"), 1.0)
    assert [payload for _, _, payload in received.events] == [b"a"]
    assert received.problem is not None
    assert received.problem.code == "server_error"
    assert "12" in received.problem.text
    assert "no such field: Foo" in received.problem.text
    with pytest.raises(Misuse):
        under_test.receive(b"", 2.0)


def test_a_server_error_of_any_length_is_a_sentence_of_bounded_length():
    received = feed(error(12, b"x" * 0xFFFF))
    assert len(received.problem.text) < 1200
    assert received.problem.text.endswith("x…")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(5, 0xFFFF).filter(lambda kind: kind != wire.BUNDLE), max_size=400), st.integers(1, 50))
def test_what_is_kept_of_unknown_messages_is_bounded_and_every_one_is_counted(kinds: list[int], size: int):
    under_test = session()
    unknown, first_seen = 0, 0
    data = b"".join(map(message, kinds))
    for start in range(0, len(data), size):
        received = under_test.receive(data[start : start + size], 1.0)
        unknown += received.unknown
        first_seen += len(received.unknown_types)
    counted = under_test.counts.unknown_messages
    assert unknown == sum(counted.values()) == len(kinds)
    assert first_seen == len(counted) == min(len(set(kinds)), MOST_UNKNOWN_TYPES + 1)


def test_every_type_there_is_takes_no_more_memory_than_a_few():
    under_test = session()
    under_test.receive(b"".join(message(kind) for kind in range(5, 4000)), 1.0)
    assert len(under_test.counts.unknown_messages) == MOST_UNKNOWN_TYPES + 1
    assert under_test.counts.unknown_messages[OTHER_TYPES] == 4000 - 5 - MOST_UNKNOWN_TYPES


def test_all_gaps_of_one_portion_are_counted_and_the_last_is_named():
    under_test = session()
    received = under_test.receive(bundle(1) + bundle(5) + bundle(9) + bundle(10), 1.0)
    assert (received.gaps, received.gap) == (2, (6, 9))
    assert under_test.counts.bundle_gaps == 2


BROKEN = {
    "a header of another version": message(4, b"", version=2),
    "a length beyond all bounds": struct.pack(">HHI", 1, 4, wire.MAX_MESSAGE_LENGTH + 1),
    "bytes of another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a record longer than its message": message(4, struct.pack(">HHIII", 0, 71, 99, 1, 0) + b"x" * 30),
    "event data too short for a record header": message(4, b"1234567"),
    "a bundle too short for its header": message(4002, b"1234567"),
    "a bundle inside a bundle": bundle(1, bundle(2)),
    "a message that reaches out of its bundle": message(4002, struct.pack(">II", 1, 1) + event(b"abc")[:-1]) + b"....",
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_frames_end_the_session_after_the_events_before_them(what: str):
    received = feed(event(b"before") + BROKEN[what] + event(b"after"))
    assert [payload for _, _, payload in received.events] == [b"before"]
    assert received.problem.code == "peer_broke_protocol"


def test_goodbye_is_a_client_error_with_the_reason_and_ends_the_session():
    under_test = session()
    assert under_test.goodbye("stopped") == bytes.fromhex("0001 0001 0000000D FFFFFFFF 0007") + b"stopped"
    with pytest.raises(Misuse):
        under_test.receive(b"x", 1.0)


def test_a_silent_peer_is_dead_only_after_the_limit_while_keep_alives_are_unknown():
    under_test = session(now=10.0)
    assert under_test.deadline == 10.0 + SILENCE_LIMIT
    assert under_test.check_alive(under_test.deadline - 1) is None
    ended = under_test.check_alive(under_test.deadline)
    assert ended is not None
    assert ended.code == "peer_dead"


def test_the_limit_follows_the_longest_interval_of_keep_alives_seen():
    under_test = session()
    for now in (0.0, 60.0, 150.0, 200.0):
        under_test.receive(message(0), now)
    assert under_test.deadline == 200.0 + 4 * 90.0


def test_frequent_keep_alives_do_not_make_the_limit_hasty():
    under_test = session()
    for now in (0.0, 1.0, 2.0):
        under_test.receive(message(0), now)
    assert under_test.deadline == 2.0 + SILENCE_LIMIT_SHORTEST


def test_time_spent_without_reading_does_not_count_as_silence():
    under_test = session()
    under_test.resume_listening(5000.0)
    assert under_test.check_alive(5000.0 + SILENCE_LIMIT - 1) is None


def test_a_message_that_is_never_whole_is_given_up_however_often_a_byte_of_it_comes():
    under_test, bytes_of_it = session(), event(b"x" * 2000)
    under_test.receive(bytes_of_it[:9], 100.0)
    for second in range(101, 900):
        under_test.receive(bytes_of_it[9:10], float(second))
    assert under_test.deadline == 100.0 + WHOLE_WITHIN
    assert under_test.check_alive(99.0 + WHOLE_WITHIN) is None
    problem = under_test.check_alive(100.0 + WHOLE_WITHIN)
    assert problem is not None
    assert problem.code == "peer_dead"
    assert "not complete" in problem.text


def test_a_message_that_becomes_whole_and_time_spent_without_reading_put_the_deadline_off():
    under_test, bytes_of_it = session(), event(b"x")
    under_test.receive(bytes_of_it + bytes_of_it[:5], 100.0)
    under_test.receive(bytes_of_it[5:] + bytes_of_it[:5], 800.0)
    assert under_test.deadline == 800.0 + WHOLE_WITHIN
    under_test.resume_listening(900.0)
    assert under_test.deadline == 900.0 + WHOLE_WITHIN
    under_test.receive(bytes_of_it[5:], 950.0)
    assert under_test.deadline == 950.0 + SILENCE_LIMIT


def test_a_keep_alive_answers_but_brings_no_data():
    under_test = session()
    assert not under_test.answered
    under_test.receive(message(0), 1.0)
    assert under_test.answered
    assert not under_test.data_received
    under_test.receive(event(b"a"), 1.0)
    assert under_test.data_received


def test_an_event_of_the_largest_size_comes_in_small_pieces_without_quadratic_cost():
    data = event(b"x" * (4 * 1024 * 1024))
    under_test = session()
    events = []
    for start in range(0, len(data), 64):
        events += under_test.receive(data[start : start + 64], 1.0).events
    assert [len(payload) for _, _, payload in events] == [4 * 1024 * 1024]


archivals = st.one_of(st.none(), st.integers(0, 0xFFFFFFFF))
events_strategy = st.builds(
    event,
    st.binary(max_size=40),
    archivals,
    message_type=st.sampled_from([3, 4]),
    record_type=st.integers(0, 0xFFFF),
    version=st.sampled_from([0, 1]),
)
others_strategy = st.builds(message, st.sampled_from([0, 9, 2049, 2051]), st.binary(max_size=20))
small = st.one_of(events_strategy, others_strategy)
bundles_strategy = st.builds(
    lambda number, inner: bundle(number, *inner), st.integers(0, 9), st.lists(small, max_size=5)
)
streams = st.lists(st.one_of(small, bundles_strategy), max_size=12).map(b"".join)
endings = st.sampled_from([b"", *BROKEN.values(), error(3, b"bye")])


def outcome(pieces: list[bytes]):
    under_test = session()
    acknowledgements, problem = 0, None
    events: list[object] = []
    unknown: list[int] = []
    for piece in pieces:
        if problem is not None:
            break
        received = under_test.receive(piece, 1.0)
        events += received.events
        acknowledgements += received.acknowledgements
        unknown += received.unknown_types
        problem = received.problem
    counts = (under_test.counts.events, under_test.counts.bundle_gaps)
    return events, acknowledgements, unknown, problem and problem.text, counts


# No test depends on how fast the machine is.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(streams, endings, st.lists(st.integers(0, 400), max_size=20))
def test_any_split_of_the_bytes_gives_the_same_events(stream: bytes, ending: bytes, cuts: list[int]):
    data = stream + ending
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[first:last] for first, last in zip(places, places[1:])]
    single_bytes = [data[place : place + 1] for place in range(len(data))]
    assert outcome(pieces) == outcome([data]) == outcome(single_bytes)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_whatever_raise_or_deliver_more_than_came(data: bytes, size: int):
    under_test = session()
    delivered = 0
    for start in range(0, len(data), size):
        received = under_test.receive(data[start : start + size], 1.0)
        delivered += sum(len(payload) for _, _, payload in received.events)
        if received.problem is not None:
            break
    assert delivered <= len(data)
