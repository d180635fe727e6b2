"""The tables of classic records: every container, field, type word and key is sound, and said once."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from estreamer.protocol.classic import sources
from estreamer.protocol.classic.layouts import BLOCK, STRING, layout

MARKS = {"D", "C", "W", "I", "?", "C?"}
KINDS = re.compile(
    r"(u8|u16|u32|u64|i32|unix_time|uuid|ipv4|ip16|mac|string_block|blob_block|discovery_header|bytes\[(\d+|\*)\]"
    r"|(string|bytes)\[[a-z_]+\]|(block|list|generic_list)<B[12](\.\d+)?>)\Z"
)
FORMS = {"integer", "unix_seconds", "text", "ip", "uuid", "mac", "hex", "list", "object", "omitted"}
TOKENS = re.compile(
    r"(R\d+(\([a-z_,]+\))?( R\d+)*|enum [a-z_]+|texts .+|case (lower|title)|bit set|icmp [A-Z]\w+|plain"
    r"|zero kept( with [A-Z]\w+)?|hash|unless (sha256|R145 R117)|rendered|first for second|icmp only|by source type"
    r"|length [a-z_]+|extra data|impact level|only device_id)\Z"
)


def is_mark(text: str) -> bool:
    return set(text.split("+")) <= MARKS


@pytest.mark.parametrize("container", sources.containers())
def test_a_container_has_sound_fields_each_once(container: str):
    fields = sources.fields(container)
    assert fields or container in ("R19", "R20")
    assert is_mark(sources.mark(container))
    assert [name for name, count in Counter(name for name, _ in fields).items() if count > 1] == []
    for at, (name, kind) in enumerate(fields):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert KINDS.match(kind), kind
        sized = re.match(r"(string|bytes)\[([a-z_]+)\]", kind)
        assert not sized or sized[2] in [before for before, _ in fields[:at]]
        named = re.search(r"<(B[12]\.\d+)>", kind)
        assert not named or sources.is_known(named[1]), kind


def test_containers_are_said_once_and_compile():
    names = sources.containers()
    assert len(set(names)) == len(names) > 300
    for name in names:
        compiled = layout(name)
        assert len(compiled.blanks) == len(compiled.parsers) == len(compiled.fields)
        begun = [step.first for step in compiled.steps]
        assert begun == sorted(set(begun))
        checkpoints = [step.first for step in compiled.steps if STRING <= step.kind <= BLOCK]
        assert compiled.last_checkpoint == max(checkpoints, default=-1)


def test_records_name_blocks_keys_and_fields_that_exist():
    keys = {name.key for rows in sources.names().values() for name in rows.values()}
    assert len(sources.records()) == 179
    for number, record in sources.records().items():
        assert record.number == number
        assert is_mark(record.mark)
        assert record.kind in ("event", "metadata", "unknown")
        assert bool(record.event_type) == (record.kind == "event")
        assert bool(record.time_keys) == (record.kind == "event")
        assert set(record.time_keys) | set(record.identity_keys) <= keys
        assert bool(record.blocks) == bool(record.series)
        known = [block for block in record.blocks if sources.is_known(f"B{record.series}.{block}")]
        assert set(record.blocks) - set(known) <= {155}
        assert len(set(record.blocks)) == len(record.blocks)
        if record.stable_head:
            heads = [sources.fields(f"B{record.series}.{block}") for block in known]
            assert any(record.stable_head in dict(fields) for fields in heads)


def test_names_are_of_fields_that_exist_and_their_tokens_are_known():
    every = {field for container in sources.containers() for field, _ in sources.fields(container)}
    every |= {"netmap_id", "record_type", "record_length", "archive_timestamp", "reserved"}
    for container, rows in sources.names().items():
        base = container.partition("@")[0]
        fields = every if base in ("*", "record_header") else {name for name, _ in sources.fields(base)}
        for name in rows.values():
            assert name.form in FORMS
            parts = re.findall(r"[a-z0-9_]+", name.field)
            assert container == "*" or set(parts) <= fields, name
            assert [token for token in name.how if not TOKENS.match(token)] == [], name
            for record in (int(found) for token in name.how for found in re.findall(r"\bR(\d+)", token)):
                assert record in sources.metadata()
            for enumeration in (token[5:] for token in name.how if token.startswith("enum ")):
                assert enumeration in sources.enumerations()


def test_keys_in_the_json_are_words_and_every_field_of_an_event_has_a_row():
    rows = sources.names()
    for per_field in rows.values():
        for name in per_field.values():
            assert re.fullmatch(r"([A-Z][A-Za-z0-9_]*)?", name.key)
            assert all(re.fullmatch(r"[A-Z][A-Za-z0-9_]*", key) for key in name.text_keys)
    events = [f"R{number}" for number, record in sources.records().items() if record.kind == "event"]
    reached = {container for container in events if sources.is_known(container)}
    waiting = set(reached)
    for record in sources.records().values():
        if record.kind == "event":
            waiting |= {f"B{record.series}.{block}" for block in record.blocks if block != 155}
    while waiting:
        container = waiting.pop()
        reached.add(container)
        named = {found for _, kind in sources.fields(container) for found in re.findall(r"<(B[12]\.\d+)>", kind)}
        waiting |= named - reached
    missing = [
        (container, field)
        for container in sorted(reached)
        for field, _ in sources.fields(container)
        if field not in rows.get(container, {})
        and field not in rows["*"]
        and not any(field in per for name, per in rows.items() if name.startswith(container + "@"))
    ]
    assert missing == []


def test_metadata_records_have_their_fields():
    for number, given in sources.metadata().items():
        record = sources.records()[number]
        assert is_mark(given.mark)
        names = [f"B{record.series}.{block}" for block in record.blocks] or [f"R{number}"]
        for container in names:
            fields = dict(sources.fields(container))
            assert set(given.key) | set(given.short_key) | set(given.values) <= set(fields), container


def test_enumerations_have_each_value_once():
    for name, texts in sources.enumerations().items():
        assert texts, name
        assert all(value == "other" or value.isdigit() for value in texts)
