"""How containers are written as JSON: a plan for each layout, compiled when it is used for the first time.

A plan has a writer for each field, in the order of the wire; what is computed of several fields stands behind the last
of them. What is written are pieces, so that containers can stand within each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import itemgetter
from typing import Any, Callable

from . import writers
from .forms import FORMS
from .layouts import Layout
from .names import Names
from .reading import Block
from .sources import Name
from .writers import ALWAYS, Writer, nothing

MOST_KEPT = 512
"""Values of a field whose pieces are kept."""

_HEADER = "discovery_header"


class Plan:
    """How the values of one layout are written.

    `owners` are the indexes of fields by their JSON keys, `shared` those keys that headers of events have as well,
    `plain` writes the first field as a value alone.
    """

    __slots__ = ("_contexts", "_fill", "_writers", "owners", "plain", "shared")

    def __init__(
        self, layout: Layout, its: Sequence[Writer], owners: dict[str, int], plain: Callable[[Any], str]
    ) -> None:
        self._writers = tuple(one.write for one in its)
        self._contexts = tuple((at, one.blank) for at, one in enumerate(its) if one.context)
        self._fill = list(layout.blanks)
        self.owners = owners
        self.shared = [key for key in _SHARED if key in owners]
        self.plain = plain

    def pieces(self, values: list[Any]) -> str:
        """Return the JSON of a container's values, of which those at the end may be missing."""
        arguments = values.copy()
        there = len(values)
        if there < len(self._fill):
            values = values + self._fill[there:]
        for at, blank in self._contexts:
            if at < there:
                arguments[at] = values if values[at] != blank else 0
        chosen = zip(compress(self._writers, arguments), filter(None, arguments))
        return "".join([write(value) for write, value in chosen])

    def gives(self, key: str, values: list[Any]) -> bool:
        """Return whether a field says something that has this key."""
        at = self.owners.get(key, -1)
        return 0 <= at < len(values) and values[at] != self._fill[at]


class _Kept(dict[Any, str]):
    """The pieces for values that were looked up, as long as no name changes: a hit needs no step of the interpreter."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[Any], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, value: Any) -> str:
        if len(self) >= MOST_KEPT:
            self.clear()
        piece = self[value] = self._make(value)
        return piece


class Plans:
    """The plans for one source of names."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._plans: dict[tuple[str, str, frozenset[str]], Plan] = {}
        self._kept: list[_Kept] = []
        self._version = names.version

    def check_names(self) -> None:
        """Forget what was looked up, if names have changed."""
        if self.names.version != self._version:
            self._version = self.names.version
            for kept in self._kept:
                kept.clear()

    def of(self, layout: Layout, parent: str = "", without: frozenset[str] = frozenset()) -> Plan:
        """Return the plan for a layout that stands in the field `parent`, without some of its keys."""
        found = self._plans.get((layout.name, parent, without))
        if found is None:
            found = self._plans[layout.name, parent, without] = self._compiled(layout, parent, without)
        return found

    def _compiled(self, layout: Layout, parent: str, without: frozenset[str]) -> Plan:
        rows = writers.rows_of(layout, parent)
        parts: list[list[Writer]] = []
        owners = {}
        for at, field in enumerate(layout.fields):
            row = rows.get(field)
            if row is None or row.form == "omitted" or row.key in without:
                parts.append([])
                continue
            if row.key:
                owners[row.key] = at
            parts.append([self._writer(layout, at, row)])
        for field, row in rows.items():
            if field.startswith("(") and row.key not in without:
                computed = writers.of_computed(layout, row, self.names)
                if computed is not None:
                    parts[computed[0]].append(computed[1])
        joined = [self._keeping(_joined(its, at, layout.blanks[at]), layout) for at, its in enumerate(parts)]
        return Plan(layout, joined, owners, _plain(layout, rows))

    def _keeping(self, writer: Writer, layout: Layout) -> Writer:
        """Return a writer that keeps what was looked up, if it is one that does."""
        if not writer.looked_up or any(layout.blanks[at] == b"" for at in writer.looked_up):
            # A text may be of any length, too long to be kept hundreds of times.
            return writer
        if not writer.context:
            self._kept.append(_Kept(writer.write))
            return writer._replace(write=self._kept[-1].__getitem__)
        fields, write = writer.looked_up, writer.write
        key = itemgetter(*fields)

        def make(its: Any) -> str:
            values: list[Any] = list(layout.blanks)
            for at, value in zip(fields, its if len(fields) > 1 else (its,)):
                values[at] = value
            return write(values)

        kept = _Kept(make)
        self._kept.append(kept)
        return writer._replace(write=lambda values: kept[key(values)])

    def _writer(self, layout: Layout, at: int, row: Name) -> Writer:
        blank = layout.blanks[at]
        if row.form == "list":
            return Writer(self._plain_list(row) if "plain" in row.how else self._list(row), blank)
        if row.form != "object":
            return writers.of_field(layout, at, row, self.names)
        if row.field == _HEADER:
            return Writer(self._header(at, "only device_id" in row.how), ALWAYS, True)
        return Writer(self._embedded, blank)

    def _embedded(self, block: Block) -> str:
        return self.of(block.layout).pieces(block.values)

    def _list(self, row: Name) -> Callable[[tuple[Block, ...]], str]:
        prefix, parent = f', "{row.key}":[', row.field

        def write(members: tuple[Block, ...]) -> str:
            objects = [self.of(member.layout, parent).pieces(member.values) for member in members]
            inside = ", ".join(["{" + one[2:] + "}" for one in objects if one])
            return f"{prefix}{inside}]" if inside else ""

        return write

    def _plain_list(self, row: Name) -> Callable[[tuple[Block, ...]], str]:
        prefix = f', "{row.key}":['

        def write(members: tuple[Block, ...]) -> str:
            values = [self.of(member.layout).plain(member.values) for member in members]
            inside = ", ".join([one for one in values if one])
            return f"{prefix}{inside}]" if inside else ""

        return write

    def _header(self, at: int, only_device: bool) -> Callable[[list[Any]], str]:
        """Return the writer of a discovery event header, of which the body's own values for the same keys go before."""

        def write(values: list[Any]) -> str:
            header = values[at]
            skipped = {
                key
                for one in values[at + 1 :]
                if isinstance(one, Block)
                for key in self.of(one.layout).shared
                if self.of(one.layout).gives(key, one.values)
            }
            if only_device:
                if "DeviceID" in skipped:
                    return ""
                skipped |= _NOT_DEVICE
            return self.of(header.layout, "", frozenset(skipped)).pieces(header.values)

        return write


_SHARED = ("DeviceID", "HostIP", "HostMAC", "EventSecond", "EventMicrosecond")
"""Keys of a discovery event header that bodies have as well, or might."""

_NOT_DEVICE = {"HostIP", "HostMAC", "EventSecond", "EventMicrosecond", "EventTypeID", "EventSubtypeID"}


def _joined(its: list[Writer], at: int, blank: Any) -> Writer:
    """Return one writer for all that is written behind a field."""
    if not its:
        return Writer(nothing, blank)
    if len(its) == 1:
        return its[0]

    def of(one: Writer) -> Callable[[list[Any]], str]:
        write, its, context, _ = one
        return lambda values: write(values if context else values[at]) if values[at] != its else ""

    each = [of(one) for one in its]
    looked_up = {*(field for one in its for field in one.looked_up), at} if all(one.looked_up for one in its) else ()
    return Writer(lambda values: "".join([write(values) for write in each]), ALWAYS, True, tuple(looked_up))


def _plain(layout: Layout, rows: dict[str, Name]) -> Callable[[list[Any]], str]:
    """Return what writes the first field of a container as a value alone, or nothing if it says nothing."""
    row = rows.get(layout.fields[0]) if layout.fields else None
    form = FORMS.get(row.form) if row is not None else None
    blank = layout.blanks[0] if layout.fields else None
    if form is None:
        return lambda values: ""
    its = form
    return lambda values: its(values[0]) if values and values[0] != blank else ""
