"""Generated events are the same for the same seed, look like the samples, and differ from each other."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter

import pytest

from standins.fmc.archive import Archive, FailoverPair, GeneratedArchive
from standins.fmc.events import BLOCK, RECORD_TYPES, EventGenerator, QueryGenerator, Record, sample

COUNT = 2000
KEY = ("EventType", "DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID")


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return EventGenerator(7).events(0, COUNT)


def _digest(records: list[Record]) -> str:
    return hashlib.sha256(repr([tuple(record) for record in records]).encode()).hexdigest()


def test_the_same_seed_gives_the_same_events_and_another_seed_others(records: list[Record]) -> None:
    assert EventGenerator(7).events(0, COUNT) == records
    assert _digest(EventGenerator(8).events(0, COUNT)) != _digest(records)


def test_a_seed_gives_the_same_bytes_on_every_python() -> None:
    made = b"".join(record.payload for record in EventGenerator(7).events(0, 200))
    assert hashlib.sha256(made).hexdigest() == "6ddf539aebdd33169d76e480f845ccbad79e76110e2269a4f9aa3b572b8ebb85"


def test_events_can_be_made_from_any_index_on(records: list[Record]) -> None:
    generator = EventGenerator(7)
    assert generator.events(13, 1) == records[13:14]
    assert generator.events(19, 43) == records[19:62]
    assert generator.event(1999) == records[1999]


def test_every_event_is_unique(records: list[Record]) -> None:
    assert len({record.payload for record in records}) == COUNT


def test_the_mix_is_nine_tenths_connections(records: list[Record]) -> None:
    types = Counter(str(record.event_type) for record in records)
    assert types == {"ConnectionEvent": 1800, "IntrusionEvent": 100, "FileEvent": 100}
    assert {(record.event_type, record.record_type) for record in records} == {
        (event_type, RECORD_TYPES[event_type]) for event_type in types
    }


def test_shapes_of_the_samples_are_kept(records: list[Record]) -> None:
    samples = {f"{name.capitalize()}Event": sample(f"{name}_event") for name in ("connection", "intrusion", "file")}
    for record in records:
        event = json.loads(record.payload)
        expected = samples[event["EventType"]]
        names = [name for name in event if name not in {"LastPacketSecond", "ConnectionDuration"}]
        assert names == list(expected)
        assert all(type(event[name]) is type(expected[name]) for name in names)
        assert json.dumps(event, separators=(", ", ":"), ensure_ascii=False).encode() == record.payload


def test_connection_events_have_the_size_of_real_ones(records: list[Record]) -> None:
    sizes = [len(record.payload) for record in records if record.event_type == "ConnectionEvent"]
    assert min(sizes) >= 1400
    assert max(sizes) <= 1900
    assert 1500 <= sum(sizes) / len(sizes) <= 1800


def test_starts_and_ends_of_a_connection_share_their_key(records: list[Record]) -> None:
    events = [json.loads(record.payload) for record in records if record.event_type == "ConnectionEvent"]
    starts = {tuple(event[name] for name in KEY): event for event in events if "LastPacketSecond" not in event}
    ends = [event for event in events if "LastPacketSecond" in event]
    assert len(starts) == COUNT // BLOCK * 10
    assert len(ends) == COUNT // BLOCK * 8
    for end in ends:
        start = starts[tuple(end[name] for name in KEY)]
        assert end["ResponderIP"] == start["ResponderIP"]
        assert end["ConnectionDuration"] == end["LastPacketSecond"] - end["FirstPacketSecond"]


def test_values_vary_and_include_ipv6_and_characters_beyond_ascii(records: list[Record]) -> None:
    text = b"\n".join(record.payload for record in records)
    assert len(set(re.findall(rb'"InitiatorIP":"([^"]*)"', text))) > 30
    assert b'"InitiatorIP":"2001:db8:' in text
    assert "bücher".encode() in text
    assert b"100%.pdf" in text


def test_archival_timestamps_never_go_back_and_are_shared(records: list[Record]) -> None:
    stamps = [record.archival for record in records]
    assert stamps == sorted(stamps)
    shared = Counter(stamps).values()
    assert max(shared) == 21
    assert min(list(shared)[:-1]) == 1


def test_some_events_arrive_long_after_they_happened(records: list[Record]) -> None:
    lags = [record.archival - json.loads(record.payload)["FirstPacketSecond"] for record in records]
    assert all(lag >= 0 for lag in lags)
    assert any(600 <= lag <= 3660 for lag in lags)
    assert sorted(lags)[COUNT // 2] <= 2


def test_asked_for_duplicates_repeat_the_payload_in_the_same_second() -> None:
    records = EventGenerator(7, duplicates_every=5).events(0, COUNT)
    counts = Counter((record.archival, record.payload) for record in records)
    doubles = [key for key, count in counts.items() if count == 2]
    assert COUNT // 10 < len(doubles) <= COUNT // 5
    assert len({payload for _, payload in counts}) == len(counts)


@pytest.mark.parametrize("per_second", [1, 2, 11, 500])
def test_the_place_of_a_second_is_found_without_making_events(per_second: int) -> None:
    generator = EventGenerator(7, start=1000, per_second=per_second)
    stamps = [generator.archival(index) for index in range(600)]
    for second in range(990, stamps[-1] + 1):
        expected = next(index for index, stamp in enumerate(stamps) if stamp >= second)
        assert generator.position_since(second) == expected


def test_a_generated_archive_serves_what_one_in_memory_does() -> None:
    lazy, stored = GeneratedArchive(500), Archive.generated(500)
    middle = stored.read(250, 1)[0].archival
    for timestamp in (0, middle, middle + 1, 0xFFFFFFFF):
        assert lazy.since(timestamp) == stored.since(timestamp)
    assert lazy.since(0xFFFFFFFF) == []


def test_members_of_a_pair_tell_the_same_events_with_other_bytes_and_other_clocks() -> None:
    pair = FailoverPair(EventGenerator(7).events(0, 100), offset=-9)
    first, second = pair.first.since(0), pair.second.since(0)
    assert [record.archival - 9 for record in first] == [record.archival for record in second]
    differing = 0
    for one, other in zip(first, second):
        told, retold = json.loads(one.payload), json.loads(other.payload)
        differing += told != retold
        assert {name for name in told if told[name] != retold[name]} <= {"FirewallRule"}
        assert retold.get("FirewallRule") in {told.get("FirewallRule"), "Invalid ID"}
    assert differing > 20


def test_events_with_queries_say_the_same_as_others_but_for_their_urls_and_spaces(records: list[Record]) -> None:
    asking = QueryGenerator(7).events(0, 200)
    for plain, other in zip(records, asking):
        before, after = json.loads(plain.payload), json.loads(other.payload)
        changed = {name for name, value in after.items() if before[name] != value}
        assert list(before) == list(after)
        assert len(changed) == 1
        assert changed <= {"URL", "HTTP_URI", "URI"}
        assert set("&=<") <= set(after[changed.pop()])
        assert other.payload.startswith(b'{"EventType": "')
        assert b'":"' not in other.payload
