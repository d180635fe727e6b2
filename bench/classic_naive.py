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
from typing import Any

from standins.fmc.classic_records import TABLES, layouts, records

CODES = {"u8": ">B", "u16": ">H", "u32": ">I", "u64": ">Q", "i32": ">i", "unix_time": ">I"}
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
        code = CODES[kind]
        return int(struct.unpack(code, self.take(struct.calcsize(code)))[0])


def read(cursor: Cursor, name: str, block: str = "") -> Container:
    """Return a container, field by field."""
    values: dict[str, Any] = {}
    for field, kind in layouts()[name]:
        if name == "discovery_header" and field == "ipv6_address" and not values["has_ipv6"]:
            continue
        values[field] = read_field(cursor, name, kind, values, block)
    return name, values


def read_field(cursor: Cursor, name: str, kind: str, values: dict[str, Any], block: str) -> Any:
    """Return the value of a field by its type."""
    sized = re.match(r"(string|bytes)\[(\w+)\]", kind)
    if kind in CODES:
        return cursor.integer(kind)
    if kind in SIZES:
        return cursor.take(SIZES[kind])
    if sized:
        content = cursor.take(int(sized[2]) if sized[2].isdigit() else values[sized[2]])
        return content.rstrip(b"\0") if sized[1] == "string" else content
    if kind == "discovery_header":
        return read(cursor, "discovery_header")
    return read_block(cursor, name, kind, block)


def read_block(cursor: Cursor, name: str, kind: str, block: str) -> Any:
    """Return a text, a BLOB, a list, or a data block."""
    number, length = cursor.integer("u32"), cursor.integer("u32")
    if kind == "string_block":
        return cursor.take(length - 8).rstrip(b"\0")
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
    per_field = {**rows()["*"], **rows().get(name, {}), **rows().get(f"{name}@{parent}", {})}
    computed: dict[str, list[Row]] = {}
    for field, row in per_field.items():
        parts = re.findall(r"\w+", field)
        there = [part for part in parts if part in values]
        if field.startswith("(") and there and (len(there) == len(parts) or "|" in field):
            computed.setdefault(max(there, key=list(values).index), []).append(row)
    found: dict[str, Any] = {}
    for field, value in values.items():
        row = per_field.get(field, {"form": "omitted"})
        if row["form"] == "object" and value:
            inner = members(value, known)
            found.update(header(inner, values, row, known) if field == "discovery_header" else inner)
        elif row["form"] not in ("omitted", "object"):
            found.update(of_field(container, per_field, row, value, known))
        for other in computed.get(field, []):
            found.update(of_computed(container, other, known, per_field))
    return found


def header(inner: dict[str, Any], values: dict[str, Any], row: Row, known: Known) -> dict[str, Any]:
    """Return what the header of an event gives; what the body has for the same key goes before."""
    if row["how"] == "only device_id":
        inner = {key: value for key, value in inner.items() if key in ("DeviceID", "Device")}
    for one in list(values.values())[1:]:
        if isinstance(one, tuple):
            body = members(one, known)
            if "DeviceID" in body:
                inner.pop("Device", None)
            inner = {key: value for key, value in inner.items() if key not in body}
    return inner


def form(row: Row, value: Any) -> Any:
    """Return a value as it stands in the JSON, None for one that says nothing."""
    if isinstance(value, int):
        return value or None
    if row["form"] == "text":
        content = value.decode("utf-8", "replace").rstrip("\0")
        return (content.lower() if "hash" in row["how"] else content) or None
    if not any(value):
        return None
    if row["form"] == "ip":
        address = ipaddress.ip_address(value)
        return str(getattr(address, "ipv4_mapped", None) or address)
    return {"uuid": lambda: str(uuid.UUID(bytes=value)), "mac": lambda: value.hex(":"), "hex": value.hex}[row["form"]]()


def tokens(row: Row) -> list[str]:
    return row["how"].split("; ") if row["how"] else []


def of_field(container: Container, per_field: Mapping[str, Row], row: Row, value: Any, known: Known) -> dict[str, Any]:
    """Return the keys of one field."""
    how = tokens(row)
    if row["form"] == "list":
        return of_list(row, value, known)
    if "extra data" in how:
        return extra_data(container[1])
    length = next((one[7:] for one in how if one.startswith("length ")), "")
    if length:
        value = value[: container[1][length]]
    key, shown = row["key"], form(row, value)
    icmp = next((one[5:] for one in how if one.startswith("icmp ")), "")
    if icmp and next((container[1][one] for one in PROTOCOLS if one in container[1]), 0) in (1, 58):
        key, shown = icmp, value
    if shown is None and value == 0 and kept(container, per_field, how):
        shown = 0
    repeated = "unless sha256" in how and str(shown).lower() == container[1].get("sha256", b"").hex()
    if shown is None or repeated:
        return {}
    return {key: shown, **texts(container, row, value, known)}


def kept(container: Container, per_field: Mapping[str, Row], how: list[str]) -> bool:
    """Return whether a 0 is kept."""
    keep = next((one for one in how if one.startswith("zero kept")), "")
    if keep.startswith("zero kept with "):
        with_it = [name for name, row in per_field.items() if row["key"] == keep[15:] and name in container[1]]
        return any(form(per_field[name], container[1][name]) for name in with_it)
    return bool(keep)


def of_list(row: Row, value: list[Container], known: Known) -> dict[str, Any]:
    objects: list[Any]
    if "plain" in row["how"]:
        objects = []
        for name, its in value:
            ((field, one),) = its.items()
            objects.append(form(rows().get(name, {}).get(field) or rows()["*"][field], one))
    else:
        objects = [members(one, known, row["field"]) for one in value]
    objects = [one for one in objects if one]
    return {row["key"]: objects} if objects else {}


def extra_data(values: dict[str, Any]) -> dict[str, Any]:
    value = values["extra_data"]
    if values["extra_data_type"] in (1, 2, 11, 12) and len(value) in (4, 16):
        shown = form({"form": "ip", "how": ""}, value)
        return {"ExtraData": shown} if shown else {}
    try:
        content = value.decode().rstrip("\0")
    except UnicodeDecodeError:
        return {"ExtraDataHex": value.hex()}
    return {"ExtraData": content} if content else {}


def texts(container: Container, row: Row, value: Any, known: Known, parts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the resolved texts of a field."""
    keys = row["text_keys"].split()
    if not keys:
        return {}
    found = resolved(container, row, value, known, parts)
    if found is None and "bit set" in row["how"]:
        bits = [resolved(container, row, 1 << bit, known, parts) for bit in range(64) if value >> bit & 1]
        found = (", ".join(one[0] for one in bits if one is not None),)
    if found is None:
        return {}
    if "rendered" in row["how"] and found[1] in (value, 0):
        found = found[:1]
    if "first for second" in row["how"]:
        found = (found[0], found[1] or found[0])
    if "case title" in row["how"]:
        found = tuple(" ".join(word[:1].upper() + word[1:] for word in one.split(" ")) for one in found)
    return {key: one for key, one in zip(keys, found) if one != ""}


def resolved(
    container: Container, row: Row, value: Any, known: Known, parts: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """Return what metadata, or else an enumeration, says of a value."""
    for record, key in candidates(container, row, value, known, parts):
        found = known.get((record, key))
        if found is not None and (found[0] != "" or len(row["text_keys"].split()) > 1):
            return found
    its = next((one[5:] for one in tokens(row) if one.startswith("enum ")), "")
    if not its:
        return None
    table = enumerations()[its]
    text = table.get(str(value), table.get("other"))
    replaced = next((one[6:] for one in tokens(row) if one.startswith("texts ")), "")
    for one in re.split(r", (?=\w+=)", replaced):
        number, _, other = one.partition("=")
        if number and (number == str(value) or (number == "other" and str(value) not in table)):
            text = other
            return (text,)
    if text is None:
        return None
    text = text[:1].upper() + text[1:]
    return (text.lower() if "case lower" in row["how"] else text,)


def candidates(
    container: Container, row: Row, value: Any, known: Known, parts: tuple[str, ...]
) -> Iterator[tuple[int, Any]]:
    """Yield the metadata records that may name a value, each with the key to look it up by."""
    values = container[1]
    if "hash" in row["how"]:
        if not re.fullmatch(rb"[0-9a-fA-F]{64}", value):
            return
        value = bytes.fromhex(value.decode())
    if "by source type" in row["how"]:
        kind = str(known.get((90, values[row["field"].replace("source_id", "source_type")]), ("",))[0]).lower()
        if kind:
            record = 62 if "user" in kind else 96
            yield (91 if "application" in kind or "scanner" in kind else record), value
        return
    for record in map(int, re.findall(r"\bR(\d+)", row["how"].partition("; unless R")[0])):
        key = metadata()[record]["key"].split()
        if len(key) == 1:
            yield record, value
            continue
        ways = [tuple(one.split("+")) for one in metadata()[record]["used_by"].split()]
        for way in [parts] if parts else [way for way in ways if row["field"] in way]:
            if all(one in values for one in way):
                composite = tuple(values[one] for one in way)
                yield record, composite
                short = len(metadata()[record]["short_key"].split())
                if short and short < len(composite):
                    yield record, composite[0] if short == 1 else composite[:short]
                break


def of_computed(container: Container, row: Row, known: Known, per_field: Mapping[str, Row]) -> dict[str, Any]:
    """Return the key of a row that is computed of several fields."""
    values = container[1]
    parts = tuple(re.findall(r"\w+", row["field"]))
    if "|" in row["field"]:
        there = [form(row, values[one]) for one in parts if one in values]
        shown = next((one for one in there if one), None)
        return {row["key"]: shown} if shown else {}
    if "-" in row["field"]:
        later, earlier = (values[one] for one in parts)
        return {row["key"]: later - earlier} if later and earlier and later >= earlier else {}
    if "impact level" in row["how"]:
        return {row["key"]: level(values[parts[0]])}
    return {} if "extra data" in row["how"] else text_alone(container, row, known, per_field, parts)


def text_alone(
    container: Container, row: Row, known: Known, per_field: Mapping[str, Row], parts: tuple[str, ...]
) -> dict[str, Any]:
    """Return a text whose raw value stands in the event already."""
    value = container[1][parts[0]]
    if "icmp only" in row["how"] and value not in (1, 58):
        return {}
    if value == 0 if isinstance(value, int) else not any(value):
        return {}
    if "unless R145 R117" in row["how"] and "FirewallPolicy" in texts(container, per_field[parts[0]], value, known):
        return {}
    return texts(container, row, value, known, parts)


def level(flags: int) -> int:
    if flags & (0x08 | 0x10 | 0x40 | 0x80):
        return 1
    if flags & 0x02:
        return 2 if flags & 0x04 else 3
    return 4 if flags == 0x01 else 0
