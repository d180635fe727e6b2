"""Writers of fields as JSON: from a value, or from all values of a container, to pieces `, "Key":value`.

Each is made for a field of a layout from its row in the table of names. A field that says nothing gives no piece.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from .forms import FORMS, address, hexadecimal, lower, quoted, text
from .layouts import Layout
from .lookups import Find, Texts, depends_on, lookup
from .names import Names
from .sources import Name
from .sources import names as rows

Write = Callable[[Any], str]

ALWAYS = object()
"""Differs from every value: the writer itself decides whether the field says something."""

_ICMP = (1, 58)
"""ICMP and ICMPv6, of which the ports are type and code."""

_ADDRESS_TYPES = (1, 2, 11, 12)
"""Kinds of extra data that are addresses."""


class Writer(NamedTuple):
    """What writes a field. `write` gets its value, or, if `context`, all values.

    With all values it is called for a value that differs from `blank`; else for one that is true, which zeros in bytes
    are as well. `looked_up` are the indexes of all fields that decide what is written, if names are asked for.
    """

    write: Write
    blank: Any
    context: bool = False
    looked_up: tuple[int, ...] = ()


def nothing(value: Any) -> str:
    """Write nothing."""
    return ""


def rows_of(layout: Layout, parent: str = "") -> dict[str, Name]:
    """Return the rows of the table of names that hold for a layout: its own go before those of all containers.

    `parent` is the field that the container stands in, which a row may depend on.
    """
    base = layout.name.partition("@")[0]
    table = rows()
    return {**table["*"], **table.get(base, {}), **table.get(f"{base}@{parent}", {})}


def of_field(layout: Layout, at: int, name: Name, names: Names) -> Writer:
    """Return the writer of a field of fixed length or text. Raises KeyError for a form that is not known."""
    special = next((make for token, make in _SPECIAL.items() if any(how.startswith(token) for how in name.how)), None)
    if special is not None:
        return special(layout, at, name, names)
    blank = layout.blanks[at]
    find = lookup(layout, name, name.field, (), names)
    depends = depends_on(layout, name, name.field, ()) if find is not None else ()
    keep = next((how for how in name.how if how.startswith("zero kept")), "")
    keeper = _owner(layout, keep[15:]) if keep[15:] else None
    if not keep and len(depends) <= 1:
        return Writer(_alone(name, blank, find), blank, False, depends)
    write = _both(_key(name.key), _form(name), find, name)
    if keeper is not None:
        return Writer(_kept_with(layout, at, keeper, write), ALWAYS, True)
    return Writer(lambda values: write(values[at], values), ALWAYS if keep == "zero kept" else blank, True, depends)


def _kept_with(layout: Layout, at: int, keeper: int, write: Callable[[Any, Sequence[Any]], str]) -> Write:
    """Return the writer of a value that is written if it, or another one, is not blank."""
    blank, other = layout.blanks[at], layout.blanks[keeper]

    def kept(values: Sequence[Any]) -> str:
        value = values[at]
        return "" if value == blank and values[keeper] == other else write(value, values)

    return kept


def _key(key: str) -> str:
    return f', "{key}":'


def _form(name: Name) -> Callable[[Any], str]:
    return lower if "hash" in name.how else FORMS[name.form]


def _owner(layout: Layout, key: str) -> int | None:
    """Return the index of the field that has a key in this layout, None without one."""
    its = rows_of(layout)
    return next((at for at, field in enumerate(layout.fields) if field in its and its[field].key == key), None)


def _alone(name: Name, blank: Any, find: Find | None) -> Write:
    """Return a writer that needs the value only."""
    prefix, form = _key(name.key), _form(name)
    if find is None and name.form in ("integer", "unix_seconds"):
        return (prefix + "%d").__mod__
    if find is None:
        return lambda value: prefix + form(value) if value != blank else ""
    write = _both(prefix, form, find, name)
    return lambda value: write(value, ()) if value != blank else ""


def _both(
    prefix: str, form: Callable[[Any], str], find: Find | None, name: Name
) -> Callable[[Any, Sequence[Any]], str]:
    """Return what writes a value, and the texts that are found for it."""
    if find is None:
        return lambda value, values: prefix + form(value)
    its = find
    if len(name.text_keys) == 1:
        text_prefix = _key(name.text_keys[0])

        def with_text(value: Any, values: Sequence[Any]) -> str:
            found = its(value, values)
            if found is None or found[0] == "":
                return prefix + form(value)
            return f"{prefix}{form(value)}{text_prefix}{quoted(found[0])}"

        return with_text
    choose = _choice(name)

    def with_texts(value: Any, values: Sequence[Any]) -> str:
        found = its(value, values)
        if found is None:
            return prefix + form(value)
        return prefix + form(value) + choose(value, found)

    return with_texts


def _texts(keys: Sequence[str], texts: Texts) -> str:
    """Return pieces for texts that are not empty."""
    return "".join([_key(key) + quoted(one) for key, one in zip(keys, texts) if one != ""])


def _choice(name: Name) -> Callable[[Any, Texts], str]:
    """Return what writes those fields of a metadata record that an event gets."""
    keys = name.text_keys
    if "rendered" in name.how:
        number = _key(keys[1])

        def rendered(value: Any, found: Texts) -> str:
            differs = found[1].isdecimal() and int(found[1]) not in (0, value)
            return _texts(keys, found[:1]) + (f"{number}{int(found[1])}" if differs else "")

        return rendered
    if "first for second" in name.how:
        return lambda value, found: _texts(keys, (found[0], found[1] or found[0]))
    return lambda value, found: _texts(keys, found)


def _icmp(layout: Layout, at: int, name: Name, names: Names) -> Writer:
    """Return the writer of a port, which for ICMP is a type or code with a key of its own, and kept if it is 0."""
    protocol = next((layout.fields.index(one) for one in ("ip_protocol", "protocol") if one in layout.fields), None)
    port, other = _key(name.key), _key(next(how[5:] for how in name.how if re.match(r"icmp [A-Z]", how)))

    def write(values: Sequence[Any]) -> str:
        value = values[at]
        if protocol is not None and values[protocol] in _ICMP:
            return f"{other}{value}"
        return f"{port}{value}" if value else ""

    return Writer(write, ALWAYS, True)


def _cut(layout: Layout, at: int, name: Name, names: Names) -> Writer:
    """Return the writer of bytes of which another field says how many count."""
    length = layout.fields.index(next(how[7:] for how in name.how if how.startswith("length ")))
    prefix = _key(name.key)

    def write(values: Sequence[Any]) -> str:
        content = values[at][: values[length]]
        return prefix + hexadecimal(content) if any(content) else ""

    return Writer(write, layout.blanks[at], True)


def _unless_hash(layout: Layout, at: int, name: Name, names: Names) -> Writer:
    """Return the writer of a text that is left out where it repeats the file's SHA-256."""
    digest = layout.fields.index("sha256") if "sha256" in layout.fields else None
    prefix = _key(name.key)

    def write(values: Sequence[Any]) -> str:
        value = values[at]
        repeats = digest is not None and value.lower() == values[digest].hex().encode()
        return "" if repeats else prefix + text(value)

    return Writer(write, layout.blanks[at], True)


def _extra_data(layout: Layout, at: int, name: Name, names: Names) -> Writer:
    """Return the writer of extra data: an address, a text, or bytes in a key of their own."""
    kind = layout.fields.index("extra_data_type")
    prefix, for_bytes = _key(name.key), _key(name.key + "Hex")

    def write(values: Sequence[Any]) -> str:
        value = values[at]
        if values[kind] in _ADDRESS_TYPES and len(value) in (4, 16):
            return prefix + address(value) if any(value) else ""
        try:
            content = value.decode("utf-8").rstrip("\0")
        except UnicodeDecodeError:
            return for_bytes + hexadecimal(value)
        return prefix + quoted(content) if content else ""

    return Writer(write, ALWAYS, True)


_SPECIAL: dict[str, Callable[[Layout, int, Name, Names], Writer]] = {
    "icmp ": _icmp,
    "length ": _cut,
    "unless sha256": _unless_hash,
    "extra data": _extra_data,
}


def of_computed(layout: Layout, name: Name, names: Names) -> tuple[int, Writer] | None:
    """Return the writer of a row that is computed of fields, and the index of the last of them; None if one is missing.

    `(a|b)` is the first that is not blank, `(a+b)` a text that several fields are the key of, `(a-b)` a difference.
    """
    parts = tuple(re.findall(r"[a-z0-9_]+", name.field))
    if "|" in name.field:
        parts = tuple(part for part in parts if part in layout.fields)
    if not parts or not set(parts) <= set(layout.fields) or "extra data" in name.how:
        return None
    at = tuple(map(layout.fields.index, parts))
    looked_up: tuple[int, ...] = ()
    if "|" in name.field:
        make = _first_that_is(layout, at, name)
    elif "-" in name.field:
        make = _difference(at, name)
    elif "impact level" in name.how:
        make = _impact_level(at[0], name)
    else:
        found = _text_alone(layout, at, parts, name, names)
        if found is None:
            return None
        make, looked_up = found, depends_on(layout, name, parts[0], parts)
        if any(how.startswith("unless R") for how in name.how):
            looked_up = tuple({*looked_up, *depends_on(layout, _others(name), parts[0], ())})
    return max(at), Writer(make, ALWAYS, True, looked_up)


def _first_that_is(layout: Layout, at: tuple[int, ...], name: Name) -> Write:
    prefix, form = _key(name.key), _form(name)

    def write(values: Sequence[Any]) -> str:
        for one in at:
            if values[one] != layout.blanks[one]:
                return prefix + form(values[one])
        return ""

    return write


def _difference(at: tuple[int, ...], name: Name) -> Write:
    later, earlier = at
    prefix = _key(name.key)

    def write(values: Sequence[Any]) -> str:
        begun, ended = values[earlier], values[later]
        return f"{prefix}{ended - begun}" if 0 < begun <= ended else ""

    return write


def _impact_level(at: int, name: Name) -> Write:
    prefix = _key(name.key)
    return lambda values: f"{prefix}{impact_level(values[at])}"


def impact_level(flags: int) -> int:
    """Return the impact level that impact flags mean: 1 is the highest, 0 unknown."""
    if flags & 0xD8:
        return 1
    if flags & 6 == 6:
        return 2
    if flags & 2:
        return 3
    return 4 if flags == 1 else 0


def _text_alone(layout: Layout, at: tuple[int, ...], parts: tuple[str, ...], name: Name, names: Names) -> Write | None:
    """Return the writer of a text that stands without a raw value: that is in the event already."""
    find = lookup(layout, name, parts[0], parts, names)
    if find is None:
        return None
    blank, prefix = layout.blanks[at[0]], _key(name.text_keys[0])
    first = _named_by_others(layout, parts[0], name, names)
    is_icmp = "icmp only" in name.how

    def write(values: Sequence[Any]) -> str:
        value = values[at[0]]
        if value == blank or (is_icmp and value not in _ICMP):
            return ""
        if first is not None and first(value, values) is not None:
            return ""
        found = find(value, values)
        return prefix + quoted(found[0]) if found is not None and found[0] != "" else ""

    return write


def _named_by_others(layout: Layout, field: str, name: Name, names: Names) -> Find | None:
    """Return what finds a text in the metadata records that go before, for a text that is given only without those."""
    others = _others(name)
    return lookup(layout, others, field, (), names) if others.how else None


def _others(name: Name) -> Name:
    """Return the row of a text that is given only without those of other metadata records, for these records."""
    return name._replace(how=tuple(how[7:] for how in name.how if how.startswith("unless R")))
