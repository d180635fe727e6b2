"""How the classic stream is asked for: flags, lists of versions, and the dialogue, whatever the server says in it."""

from __future__ import annotations

import struct
from itertools import combinations

import pytest
from estreamer.errors import Problem
from estreamer.protocol import wire
from estreamer.protocol.classic import versions
from estreamer.protocol.classic.requests import (
    MOST_ENTRIES,
    PATIENCE,
    Classic,
    flags_of,
    not_to_be_had,
    offers_service,
    wanted_versions,
)
from estreamer.protocol.family import Family
from estreamer.protocol.session import SILENCE_LIMIT, Session, Unanswered
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.fmc.raw_messages import bundle, event, message

ALL = tuple(versions.EVENT_TYPES)
SEEN = b"".join(struct.pack(">IIII", service, 8, 0, 0) for service in (5001, 5000, 6667))
"""The body of streaming information as a real server sent it."""
INFORMATION = message(2051, SEEN)
NULL = bytes.fromhex("0001000000000000")
ALWAYS = 1 << 20 | 1 << 23
EXTENDED = 1 << 30
OWN_BITS = {
    "IntrusionExtraData": {6, 27},
    "ImpactAlert": {5},
    "IntrusionEvent": {6},
    "IntrusionPacket": {0, 6},
}
PLAIN_BITS = {
    "DiscoveryEvent": {24},
    "IndicatorOfCompromiseEvent": {24},
    "UserEvent": {21},
    "VPNEvent": {21},
    "CorrelationEvent": {22, 29},
    "ConnectionEvent": {18},
    "ConnectionChunk": {18},
    "IntrusionExtraData": {2, 6, 27},
    "ImpactAlert": {5},
    "IntrusionEvent": {2, 6},
    "IntrusionPacket": {0, 2, 6},
}


def bits(flags: int) -> set[int]:
    return {bit for bit in range(32) if flags >> bit & 1}


def pairs(answer: bytes) -> list[tuple[int, int]]:
    """The pairs of event code and version in a streaming request, whose lengths are checked."""
    _, message_type, length = struct.unpack_from(">HHI", answer)
    assert message_type == 2049
    assert answer[8 + length :] == NULL
    service, entry, _, _ = struct.unpack_from(">IIII", answer, 8)
    assert (service, entry) == (6667, length)
    found = [struct.unpack_from(">HH", answer, at) for at in range(24, 8 + length, 4)]
    assert found[-1] == (0, 0)
    return [(code, version) for version, code in found[:-1]]


def test_a_request_for_everything_has_the_flags_that_a_real_server_was_seen_to_take():
    assert flags_of(ALL) == 0x48900061
    assert Classic(ALL, 1000).request() == bytes.fromhex("0001 0002 00000008 000003E8 48900061")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_flags_ask_for_what_is_chosen_and_nothing_else(size: int):
    for chosen in combinations(ALL, size):
        extended = set().union(*(OWN_BITS.get(one, set()) for one in chosen))
        plain = set().union(*(PLAIN_BITS.get(one, set()) for one in chosen))
        assert bits(flags_of(chosen)) == extended | bits(ALWAYS | EXTENDED)
        assert bits(flags_of(chosen, "safe")) == extended | bits(ALWAYS | EXTENDED)
        assert bits(flags_of(chosen, "plain")) == plain | bits(ALWAYS)


def test_the_safe_list_is_what_a_real_server_was_asked_for():
    safe = {12: 9, 21: 4, 31: 9, 61: 11, 71: 14, 91: 4, 101: 7, 111: 6, 131: 2}
    assert dict(wanted_versions(ALL, "safe")) == safe
    newest = dict(wanted_versions(ALL, "newest"))
    assert newest == {12: 11, 21: 4, 31: 9, 61: 11, 71: 17, 91: 7, 101: 8, 111: 7, 131: 2}
    assert all(newest[code] >= version for code, version in safe.items())


def test_a_streaming_request_for_all_kinds_has_the_length_that_a_real_server_took():
    answer = Classic(ALL, 1000, "safe").answer(2051, SEEN)
    assert answer[:24] == bytes.fromhex("0001 0801 00000038 00001A0B 00000038 48900061 000003E8")
    assert len(pairs(answer)) == 9


@pytest.mark.parametrize("chosen", [("DiscoveryEvent",), ("UserEvent", "VPNEvent"), ("IntrusionExtraData",)])
def test_the_list_has_the_kinds_that_are_chosen_and_metadata(chosen: tuple[str, ...]):
    codes = {code for one in chosen for code in versions.EVENT_TYPES[one].codes}
    assert {code for code, _ in pairs(Classic(chosen, 0).answer(2051, SEEN))} == codes | {21}


def test_every_kind_is_asked_for_by_an_event_type_and_every_type_by_known_kinds():
    codes = {code for one in versions.EVENT_TYPES.values() for code in one.codes}
    assert codes | {versions.METADATA} == {kind.code for kind in versions.KINDS}
    assert all(0 < kind.safe <= kind.newest for kind in versions.KINDS)


def test_a_list_of_a_user_replaces_single_versions_and_adds_codes_that_are_not_known():
    asked = dict(wanted_versions(("ConnectionEvent", "FileEvent"), "71:15, 777 : 3,12:1"))
    assert asked == {21: 4, 71: 15, 111: 7, 777: 3}


@pytest.mark.parametrize(
    "text",
    [
        *("", "71", "71:", ":14", "71:14;12:9", "71:0", "0:4", "65536:1", "71:65536", "71:14,71:15", "-1:2", "auto"),
        "71:1\u096a",
        ",".join(f"{code}:1" for code in range(1, 66)),
    ],
)
def test_a_list_that_is_not_one_is_refused(text: str):
    with pytest.raises(Problem) as caught:
        Classic(ALL, 0, text)
    assert caught.value.code == "request_versions_invalid"


@pytest.mark.parametrize(("types", "code"), [((), "event_types_empty"), (("Weather",), "event_type_unknown")])
@pytest.mark.parametrize("style", versions.STYLES)
def test_event_types_that_cannot_be_had_are_refused(types: tuple[str, ...], code: str, style: str):
    with pytest.raises(Problem) as caught:
        Classic(types, 0, style)
    assert caught.value.code == code


def test_a_plain_request_has_no_dialogue_and_names_what_it_cannot_ask_for():
    family: Family = Classic(ALL, 5, "plain")
    assert not bits(struct.unpack(">I", family.request()[-4:])[0]) & {30}
    session = Session(family, 0.0)
    received = session.receive(INFORMATION + event(b"e"), 1.0)
    assert (received.answers, received.unknown_types, len(received.events)) == (b"", (2051,), 1)
    assert family.answer(2051, SEEN) == b""
    assert not_to_be_had(ALL, "plain") == ("MalwareEvent", "FileEvent")
    assert not_to_be_had(ALL, "newest") == ()


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(0, 400)), nulls=st.integers(0, 2), style=st.sampled_from(["newest", "safe"]))
def test_any_split_of_the_dialogue_gives_the_same_answers(cuts: list[int], nulls: int, style: str):
    stream = NULL * nulls + INFORMATION + NULL + bundle(1, event(b"a", None), event(b"bc", 7)) + bundle(2, event(b"d"))
    family = Classic(ALL, wire.NOW, style)
    session = Session(family, 0.0)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    received = [session.receive(stream[begin:end], 1.0) for begin, end in zip(places, places[1:])]
    assert b"".join(one.answers for one in received) == Classic(ALL, wire.NOW, style).answer(2051, SEEN)
    assert [payload for one in received for _, _, payload in one.events] == [b"a", b"bc", b"d"]
    assert sum(one.acknowledgements for one in received) == 2
    assert [one.problem for one in received if one.problem] == []
    assert family.offered is True


@pytest.mark.parametrize(
    ("body", "offered"),
    [
        (b"", False),
        (SEEN[:32], False),
        (SEEN[:36], True),
        (SEEN[:35], False),
        (SEEN[4:], False),
        (bytes(16) + struct.pack(">I", 6667), True),
        (struct.pack(">IIII", 1, 6667, 6667, 6667), False),
        (struct.pack(">IIII", 5000, 0xFFFFFFFF, 0xFFFFFFFF, 0) + struct.pack(">II", 6667, 0), True),
        (bytes(16 * MOST_ENTRIES) + struct.pack(">I", 6667), False),
        (bytes(16 * (MOST_ENTRIES - 1)) + struct.pack(">IIII", 6667, 0, 0, 0), True),
    ],
)
def test_the_service_is_looked_for_and_events_are_asked_for_in_any_case(body: bytes, offered: bool):
    family = Classic(ALL, 7)
    received = Session(family, 0.0).receive(message(2051, body), 1.0)
    assert received.problem is None
    assert pairs(received.answers) == list(wanted_versions(ALL))
    assert family.offered is offers_service(body) is offered


@given(body=st.binary(max_size=200))
def test_whatever_streaming_information_holds_the_same_is_asked_for(body: bytes):
    family = Classic(ALL, 7)
    assert Session(family, 0.0).receive(message(2051, body), 1.0).answers == Classic(ALL, 7).answer(2051, SEEN)


def test_only_the_first_streaming_information_is_answered():
    session = Session(Classic(ALL, 7), 0.0)
    received = session.receive(INFORMATION * 1000, 1.0)
    assert received.answers == Classic(ALL, 7).answer(2051, SEEN)
    assert session.receive(INFORMATION, 2.0).answers == b""


def test_a_server_that_never_sends_streaming_information_is_not_a_quiet_one():
    session = Session(Classic(ALL, 7), 100.0)
    for after in range(10, 60, 10):
        session.receive(NULL, 100.0 + after)
        assert session.deadline == 100.0 + PATIENCE
        assert session.check_alive(100.0 + after) is None
    problem = session.check_alive(100.0 + PATIENCE)
    assert isinstance(problem, Unanswered)
    assert problem.code == "request_unanswered"


@pytest.mark.parametrize("said", [INFORMATION, event(b"e", 7), bundle(1)], ids=["2051", "an event", "a bundle"])
def test_the_wait_for_streaming_information_ends_with_it_or_with_events(said: bytes):
    session = Session(Classic(ALL, 7), 0.0)
    session.receive(said, 59.0)
    assert session.check_alive(1000.0 - 100.0) is None
    assert session.deadline == 59.0 + SILENCE_LIMIT


def test_a_plain_request_is_not_waited_for():
    session = Session(Classic(ALL, 7, "plain"), 0.0)
    assert session.deadline == SILENCE_LIMIT
