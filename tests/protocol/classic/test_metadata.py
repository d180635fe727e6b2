"""The names of one Management Center in memory: as a plain dictionary would have them, within bounds."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
from estreamer.protocol.classic import metadata, sources
from estreamer.protocol.classic.metadata import MOST_KINDS, OTHER_KINDS, NameCache
from estreamer.protocol.classic.names import Entry, Key, KnownNames, Names, entry
from estreamer.protocol.classic.records import decode
from estreamer.protocol.classic.text import Events
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.fmc.classic_records import Variety
from tests.protocol.classic.forms import EVENTS, FORMS, METADATA, body_of

UUID, OTHER = bytes(range(16)), bytes(range(16, 32))

KEYS = st.one_of(
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([UUID, OTHER]),
    st.tuples(st.sampled_from([UUID, OTHER]), st.integers(0, 3)),
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
)
TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12)
LEARNED = st.builds(
    lambda record, key, fields: Entry(record, (key,), tuple(fields)),
    st.sampled_from([119, 120, 66]),
    KEYS,
    st.lists(TEXTS, min_size=1, max_size=3),
)


def named(record: int, key: Key, *texts: str) -> Entry:
    return Entry(record, (key,), texts)


@settings(max_examples=300, deadline=None)
@given(entries=st.lists(LEARNED, max_size=30))
def test_the_cache_knows_what_a_plain_dictionary_knows_and_its_version_says_when_that_changes(entries: list[Entry]):
    cache, plain = NameCache(), KnownNames()
    names: Names = cache
    for one in entries:
        before = cache.version, plain.version
        cache.learn(one)
        plain.learn(one)
        assert (cache.version > before[0]) == (plain.version > before[1])
        assert names.of(one.record, one.keys[0]) == one.fields
    for one in entries:
        assert cache.of(one.record, one.keys[0]) == plain.of(one.record, one.keys[0])
    assert cache.size == sum(len(key) + len(name) for key, name in cache.entries())


@pytest.mark.parametrize("number", METADATA)
def test_events_are_the_same_with_the_cache_as_with_a_plain_dictionary(number: int):
    variety = Variety(Random(number))
    cache, plain = NameCache(), KnownNames()
    for form in (form for form in FORMS if form[0] == number):
        found = entry(decode(number, body_of(variety, *form)[0]))
        cache.learn(found)
        plain.learn(found)
        for key in found.keys if found else ():
            assert cache.of(number, key) == plain.of(number, key) is not None


@pytest.mark.parametrize("number", EVENTS)
def test_an_event_asks_the_cache_for_nothing_that_it_cannot_answer(number: int):
    variety = Variety(Random(number))
    for form in (form for form in FORMS if form[0] == number):
        decoded = decode(number, body_of(variety, *form)[0])
        assert Events(NameCache()).text(decoded) == Events(KnownNames()).text(decoded)


def test_a_key_with_a_revision_is_found_by_the_shorter_one_and_missed_once():
    cache = NameCache()
    cache.learn(Entry(66, ((1, 2, 3), (1, 2)), ("message", "7")))
    assert cache.of(66, (1, 2, 9)) is None
    assert cache.of(66, (1, 2)) == ("message", "7")
    assert cache.missing == {}
    assert cache.of(66, (1, 5, 9)) is None
    assert cache.of(66, (1, 5)) is None
    assert cache.missing == {66: 1}


def test_every_kind_that_is_missing_is_counted_in_a_bounded_number_of_places():
    cache = NameCache()
    for _ in range(3):
        assert cache.of(120, 4) is None
    assert cache.of(145, (UUID, 1)) is None
    assert cache.of(145, UUID) is None
    assert cache.of(124, 0b101) is None
    assert cache.of(124, 0b100) is None
    assert cache.missing == {120: 3, 145: 1, 124: 1}
    for record in range(1000, 3000):
        assert cache.of(record, 1) is None
    assert len(cache.missing) <= MOST_KINDS + 1
    assert sum(cache.missing.values()) == 2005
    assert cache.missing[OTHER_KINDS] > 0


def test_the_oldest_entries_give_way_and_those_that_are_sent_again_stay():
    cache = NameCache(most_entries=640)
    for number in range(640):
        cache.learn(named(120, number, f"rule {number}"))
    version = cache.version
    cache.learn(named(120, 0, "rule 0"))
    assert (cache.version, cache.forgotten, len(cache)) == (version, 0, 640)
    cache.learn(named(120, 640, "one more"))
    assert cache.of(120, 0) == ("rule 0",)
    assert cache.of(120, 1) is None
    assert cache.of(120, 640) == ("one more",)
    assert cache.forgotten == 641 - len(cache) == 10


def test_texts_are_cut_at_a_character_and_as_many_as_before():
    cache = NameCache()
    cache.learn(named(67, 1, "é" * 5000, "description"))
    fields = cache.of(67, 1)
    assert fields is not None
    assert len(fields) == 2
    assert set(fields[0]) == {"é"}
    assert len(fields[0]) == metadata.LONGEST_NAME // 2
    assert cache.cut == 1
    cache.learn(named(67, 2, "with\0in", ""))
    assert cache.of(67, 2) == ("with in", "")


@pytest.mark.parametrize("key", [b"", bytes(63), (bytes(60), 1), 1 << 32, (1, 1 << 32), -1])
def test_a_key_that_no_field_has_is_not_kept(key: Key):
    cache = NameCache()
    cache.learn(named(119, key, "name"))
    assert (len(cache), cache.size, cache.refused) == (0, 0, 1)
    assert cache.of(119, key) is None


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1 << 32), most=st.integers(1, 60), most_bytes=st.integers(20, 3000))
def test_bounds_hold_whatever_the_server_sends(seed: int, most: int, most_bytes: int):
    random, cache = Random(seed), NameCache(most, most_bytes)
    for _ in range(300):
        cache.learn(named(random.choice([119, 120]), random.randrange(99), "x" * random.choice([0, 3, 40, 3000])))
        assert len(cache) <= most
        assert cache.size <= most_bytes
        assert cache.size == sum(len(key) + len(name) for key, name in cache.entries())
        changes = cache.changes()
        assert changes is not None
        assert dict(changes).items() <= dict(cache.entries()).items()


def test_changes_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(metadata, "MOST_PENDING", 3)
    cache = NameCache()
    for number in range(3):
        cache.learn(named(120, number, "first"))
    cache.learn(named(120, 1, "second"))
    changes = cache.changes()
    assert changes is not None
    assert [name for _, name in changes] == [b"first", b"second", b"first"]
    cache.saved()
    assert cache.changes() == []
    cache.learn(named(120, 1, "second"))
    cache.put(b"\0\x78\0\0\0\x09", b"loaded")
    assert cache.changes() == []
    for number in range(10, 14):
        cache.learn(named(120, number, "first"))
    assert cache.changes() is None
    cache.saved()
    assert cache.changes() == []


def test_the_longest_key_of_the_tables_fits():
    widths = {"u8": 4, "u16": 4, "u32": 4, "uuid": 16, "bytes[32]": 32, "bytes[20]": 20}
    for number, given_by in sources.metadata().items():
        for container in (f"R{number}", f"R{number}@5", f"R{number}@block"):
            if sources.is_known(container):
                kinds = dict(sources.fields(container))
                if set(given_by.key) <= set(kinds):
                    assert 2 + sum(widths.get(kinds[key], 0) for key in given_by.key) <= metadata.LONGEST_KEY


@pytest.mark.parametrize("length", [24, 66], ids=["as in real networks", "as long as the bound on bytes allows"])
def test_as_many_names_as_are_kept_take_less_than_40_mib(length: int):
    tracemalloc.start()
    try:
        cache = NameCache()
        for number in range(metadata.MOST_ENTRIES):
            key = (b"%016d" % (number // 5000), number)
            cache.learn(named(119, key, f"{number:0{length}}"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(cache) >= metadata.MOST_ENTRIES * 0.9
    assert peak < 42 << 20
