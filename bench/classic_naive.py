"""Classic records decoded field by field and written as JSON, straight from the tables: the measure of the decoder.

It is the plain reading of the tables, without any thought of speed, and shares no code with the decoder: tests compare
what both make of the same bytes. It knows only records that are as the tables say.
"""

from __future__ import annotations

import csv
import ipaddress
import json
import re
import struct
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from standins.fmc.classic_records import TABLES, layouts, records

CODES = {"u8": (">B", 1), "u16": (">H", 2), "u32": (">I", 4), "u64": (">Q", 8), "unix_time": (">I", 4)}
SIZES = {"uuid": 16, "ip16": 16, "ipv4": 4, "mac": 6}
PROTOCOLS = ("ip_protocol", "protocol")

Row = Mapping[str, str]
Container = tuple[str, dict[str, Any]]
Known = Mapping[tuple[int, Any], tuple[Any, ...]]


@cache
def rows() -> Mapping[str, Mapping[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    with (TABLES / "names.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["container"], {})[row["field"]] = row
    return found


@cache
def enumerations() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    with (TABLES / "enums.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["name"], {})[row["value"]] = row["text"]
    return found


@cache
def metadata() -> Mapping[int, Row]:
    with (TABLES / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["record"]): row for row in csv.DictReader(file)}


class Column(NamedTuple):
    """What the tables say of a field or a computed key, parsed once."""

    field: str
    parts: tuple[str, ...]
    key: str
    text_keys: tuple[str, ...]
    form: str
    how: frozenset[str]
    keep: str
    icmp: str
    length: str
    enumeration: str
    texts: Mapping[str, str]
    records: tuple[int, ...]


@cache
def columns(name: str, parent: str) -> Mapping[str, Column]:
    """Return what holds for a container: its own rows go before those of all."""
    found = {**rows()["*"], **rows().get(name, {}), **rows().get(f"{name}@{parent}", {})}
    return {field: column(row) for field, row in found.items()}


def column(row: Row) -> Column:
    how = row["how"].split("; ") if row["how"] else []

    def after(begin: str) -> str:
        return next((one[len(begin) :] for one in how if one.startswith(begin)), "")

    replaced = dict(one.split("=", 1) for one in re.split(r", (?=\w+=)", after("texts ")) if one)
    return Column(
        field=row["field"],
        parts=tuple(re.findall(r"\w+", row["field"])),
        key=row["key"],
        text_keys=tuple(row["text_keys"].split()),
        form=row["form"],
        how=frozenset(how),
        keep=next((one for one in how if one.startswith("zero kept")), ""),
        icmp=after("icmp ") if after("icmp ") != "only" else "",
        length=after("length "),
        enumeration=after("enum "),
        texts=replaced,
        records=tuple(map(int, re.findall(r"\bR(\d+)", row["how"].partition("; unless R")[0]))),
    )


@cache
def computed(name: str, parent: str, there: tuple[str, ...]) -> Mapping[str, list[Column]]:
    """Return the computed keys that stand behind each of the fields of a container."""
    found: dict[str, list[Column]] = {}
    for field, its in columns(name, parent).items():
        parts = [part for part in its.parts if part in there]
        if field.startswith("(") and parts and (len(parts) == len(its.parts) or "|" in field):
            found.setdefault(max(parts, key=there.index), []).append(its)
    return found


@cache
def ways_of(record: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(one.split("+")) for one in metadata()[record]["used_by"].split())


@cache
def key_lengths(record: int) -> tuple[int, int]:
    return len(metadata()[record]["key"].split()), len(metadata()[record]["short_key"].split())


@cache
def sized(kind: str) -> re.Match[str] | None:
    return re.match(r"(string|bytes)\[(\w+)\]", kind)


class Cursor:
    """The bytes of a body, and how far they were read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        assert len(found) == count
        self.at += count
        return found

    def integer(self, kind: str) -> int:
        code, size = CODES[kind]
        return int(struct.unpack(code, self.take(size))[0])


def read(cursor: Cursor, name: str) -> Container:
    """Return a container, field by field."""
    values: dict[str, Any] = {}
    for field, kind in layouts()[name]:
        if field == "ipv6_address" and name == "discovery_header" and not values["has_ipv6"]:
            continue
        if kind in CODES:
            values[field] = cursor.integer(kind)
        elif kind in SIZES:
            values[field] = cursor.take(SIZES[kind])
        else:
            values[field] = read_other(cursor, name, kind, values)
    return name, values


def read_other(cursor: Cursor, name: str, kind: str, values: dict[str, Any]) -> Any:
    """Return the value of a field whose length varies."""
    if kind == "string_block":
        _, length = cursor.integer("u32"), cursor.integer("u32")
        return cursor.take(length - 8).rstrip(b"\0")
    found = sized(kind)
    if found is not None:
        content = cursor.take(int(found[2]) if found[2].isdigit() else values[found[2]])
        return content.rstrip(b"\0") if found[1] == "string" else content
    if kind == "discovery_header":
        return read(cursor, "discovery_header")
    number, length = cursor.integer("u32"), cursor.integer("u32")
    if kind == "blob_block":
        return cursor.take(length - 8)
    series = name[1] if name.startswith("B") else re.sub(r".*<B(\d).*", r"\1", kind)
    if kind.startswith("block"):
        return read(cursor, f"B{series}.{number}")
    end = cursor.at + length - 8
    members = []
    while cursor.at < end:
        number, _ = cursor.integer("u32"), cursor.integer("u32")
        members.append(read(cursor, f"B{series}.{number}"))
    return members


def event(record: int, body: bytes, known: Known) -> bytes:
    """Return a record as an event in JSON."""
    its = records()[record]
    found: dict[str, Any] = {"EventType": its["event_type"]}
    if its["subtype"]:
        found[its["event_type"] + "Type"] = its["subtype"]
    container = read(Cursor(body), f"R{record}")
    found.update(members(container, known))
    return json.dumps(found, ensure_ascii=False, separators=(", ", ":")).encode()


def members(container: Container, known: Known, parent: str = "") -> dict[str, Any]:
    """Return what a container gives to a JSON object, in the order of its fields."""
    name, values = container
    per_field = columns(name, parent)
    behind = computed(name, parent, tuple(values))
    found: dict[str, Any] = {}
    for field, value in values.items():
        its = per_field.get(field)
        if its is not None and its.form == "object" and value:
            inner = members(value, known)
            found.update(header(inner, values, its, known) if field == "discovery_header" else inner)
        elif its is not None and its.form not in ("omitted", "object"):
            found.update(of_field(container, per_field, its, value, known))
        for other in behind.get(field, ()):
            found.update(of_computed(container, other, known, per_field))
    return found


def header(inner: dict[str, Any], values: dict[str, Any], row: Column, known: Known) -> dict[str, Any]:
    """Return what the header of an event gives; what the body has for the same key goes before."""
    if "only device_id" in row.how:
        inner = {key: value for key, value in inner.items() if key in ("DeviceID", "Device")}
        if list(values.values())[1][1].get("device_id"):
            return {}
        return inner
    for one in list(values.values())[1:]:
        if isinstance(one, tuple):
            body = members(one, known)
            if "DeviceID" in body:
                inner.pop("Device", None)
            inner = {key: value for key, value in inner.items() if key not in body}
    return inner


def form(row: Column, value: Any) -> Any:
    """Return a value as it stands in the JSON, None for one that says nothing."""
    if isinstance(value, int):
        return value or None
    if row.form == "text":
        content = value.decode("utf-8", "replace").rstrip("\0")
        return (content.lower() if "hash" in row.how else content) or None
    if not any(value):
        return None
    if row.form == "ip":
        address = ipaddress.ip_address(value)
        return str(getattr(address, "ipv4_mapped", None) or address)
    return {"uuid": lambda: str(uuid.UUID(bytes=value)), "mac": lambda: value.hex(":"), "hex": value.hex}[row.form]()


def of_field(
    container: Container, per_field: Mapping[str, Column], row: Column, value: Any, known: Known
) -> dict[str, Any]:
    """Return the keys of one field."""
    if row.form == "list":
        return of_list(row, value, known)
    if "extra data" in row.how:
        return extra_data(container[1])
    if row.length:
        value = value[: container[1][row.length]]
    key, shown = row.key, form(row, value)
    if row.icmp and next((container[1][one] for one in PROTOCOLS if one in container[1]), 0) in (1, 58):
        key, shown = row.icmp, value
    if shown is None and value == 0 and kept(container, per_field, row.keep):
        shown = 0
    repeated = "unless sha256" in row.how and str(shown).lower() == container[1].get("sha256", b"").hex()
    if shown is None or repeated:
        return {}
    return {key: shown, **texts(container, row, value, known)}


def kept(container: Container, per_field: Mapping[str, Column], keep: str) -> bool:
    """Return whether a 0 is kept."""
    if keep.startswith("zero kept with "):
        with_it = [name for name, row in per_field.items() if row.key == keep[15:] and name in container[1]]
        return any(form(per_field[name], container[1][name]) for name in with_it)
    return bool(keep)


def of_list(row: Column, value: list[Container], known: Known) -> dict[str, Any]:
    objects: list[Any]
    if "plain" in row.how:
        objects = []
        for name, its in value:
            ((field, one),) = its.items()
            objects.append(form(columns(name, "")[field], one))
    else:
        objects = [members(one, known, row.field) for one in value]
    objects = [one for one in objects if one]
    return {row.key: objects} if objects else {}


def extra_data(values: dict[str, Any]) -> dict[str, Any]:
    value = values["extra_data"]
    if values["extra_data_type"] in (1, 2, 11, 12) and len(value) in (4, 16):
        shown = form(ADDRESS, value)
        return {"ExtraData": shown} if shown else {}
    try:
        content = value.decode().rstrip("\0")
    except UnicodeDecodeError:
        return {"ExtraDataHex": value.hex()}
    return {"ExtraData": content} if content else {}


def texts(container: Container, row: Column, value: Any, known: Known, parts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the resolved texts of a field."""
    keys = row.text_keys
    if not keys:
        return {}
    found = resolved(container, row, value, known, parts)
    if found is None and "bit set" in row.how:
        bits = [resolved(container, row, 1 << bit, known, parts) for bit in range(64) if value >> bit & 1]
        found = (", ".join(one[0] for one in bits if one is not None),)
    if found is None:
        return {}
    if "rendered" in row.how:
        found = found[:1] if int(found[1]) in (value, 0) else (found[0], int(found[1]))
    if "first for second" in row.how:
        found = (found[0], found[1] or found[0])
    if "case title" in row.how:
        found = tuple(" ".join(word[:1].upper() + word[1:] for word in one.split(" ")) for one in found)
    return {key: one for key, one in zip(keys, found) if one != ""}


def resolved(
    container: Container, row: Column, value: Any, known: Known, parts: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """Return what metadata, or else an enumeration, says of a value."""
    for record, key in candidates(container, row, value, known, parts):
        found = known.get((record, key))
        if found is not None and (found[0] != "" or len(row.text_keys) > 1):
            return found
    if not row.enumeration:
        return None
    table = enumerations()[row.enumeration]
    number = str(value) if str(value) in table else "other"
    if number in row.texts:
        return (row.texts[number],)
    text = table.get(number)
    if text is None:
        return None
    text = text[:1].upper() + text[1:]
    return (text.lower() if "case lower" in row.how else text,)


def candidates(
    container: Container, row: Column, value: Any, known: Known, parts: tuple[str, ...]
) -> Iterator[tuple[int, Any]]:
    """Yield the metadata records that may name a value, each with the key to look it up by."""
    values = container[1]
    if "hash" in row.how:
        if not re.fullmatch(rb"[0-9a-fA-F]{64}", value):
            return
        value = bytes.fromhex(value.decode())
    if "by source type" in row.how:
        kind = str(known.get((90, values[row.field.replace("source_id", "source_type")]), ("",))[0]).lower()
        if kind:
            record = 62 if "user" in kind else 96
            yield (91 if "application" in kind or "scanner" in kind else record), value
        return
    for record in row.records:
        wanted, short = key_lengths(record)
        if wanted == 1:
            yield record, value
            continue
        for way in [parts] if parts else [way for way in ways_of(record) if row.field in way]:
            if all(one in values for one in way):
                composite = tuple(values[one] for one in way)
                yield record, composite
                if short and short < len(composite):
                    yield record, composite[0] if short == 1 else composite[:short]
                break


def of_computed(container: Container, row: Column, known: Known, per_field: Mapping[str, Column]) -> dict[str, Any]:
    """Return the key of a row that is computed of several fields."""
    values = container[1]
    parts = row.parts
    if "|" in row.field:
        there = [form(row, values[one]) for one in parts if one in values]
        shown = next((one for one in there if one), None)
        return {row.key: shown} if shown else {}
    if "-" in row.field:
        later, earlier = (values[one] for one in parts)
        return {row.key: later - earlier} if later and earlier and later >= earlier else {}
    if "impact level" in row.how:
        return {row.key: level(values[parts[0]])}
    return {} if "extra data" in row.how else text_alone(container, row, known, per_field, parts)


def text_alone(
    container: Container, row: Column, known: Known, per_field: Mapping[str, Column], parts: tuple[str, ...]
) -> dict[str, Any]:
    """Return a text whose raw value stands in the event already."""
    value = container[1][parts[0]]
    if "icmp only" in row.how and value not in (1, 58):
        return {}
    if value == 0 if isinstance(value, int) else not any(value):
        return {}
    if "unless R145 R117" in row.how and "FirewallPolicy" in texts(container, per_field[parts[0]], value, known):
        return {}
    return texts(container, row, value, known, parts)


ADDRESS = Column("", (), "", (), "ip", frozenset(), "", "", "", "", {}, ())
"""The form of extra data that are an address."""


def level(flags: int) -> int:
    if flags & (0x08 | 0x10 | 0x40 | 0x80):
        return 1
    if flags & 0x02:
        return 2 if flags & 0x04 else 3
    return 4 if flags == 0x01 else 0


def learned(record: int, body: bytes) -> dict[tuple[int, Any], tuple[Any, ...]]:
    """Return what a metadata record adds to the names."""
    row = metadata()[record]
    name, values = read(Cursor(body), f"R{record}")
    if "block" in layouts()[name][0].kind:
        _, values = next(iter(values.values()))
    key = tuple(values[field] for field in row["key"].split())
    texts_of = [values[field] for field in row["values"].split()]
    fields = tuple(str(one) if isinstance(one, int) else one.decode("utf-8", "replace") for one in texts_of)
    found: dict[tuple[int, Any], tuple[Any, ...]] = {(record, key if len(key) > 1 else key[0]): fields}
    short = key[: len(row["short_key"].split())]
    if short:
        found[record, short if len(short) > 1 else short[0]] = fields
    return found
