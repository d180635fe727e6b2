"""Lookups in CSV tables, after transforms.conf.spec, and LOOKUP- settings, after props.conf.spec.

A table's rows count in the order of the file. An empty cell gives no value, and matches no value.
"""

from __future__ import annotations

import csv
import functools
import io
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from standins.search.apps import Apps
from standins.search.conf import Line, Setting, boolean, integer
from standins.search.errors import KnowledgeError
from standins.search.extraction import unquoted
from standins.search.rows import Row
from standins.search.settings import TRANSFORM_EXTRACTION

Test = Callable[[str], bool]
"""Whether a table's cell matches a value that is looked up."""

_MATCH_TYPE = re.compile(r"(WILDCARD|CIDR|EXACT)\(\s*([^()]+?)\s*\)")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s",]+')


@dataclass(frozen=True)
class TableRow:
    """A row of a table: its cells by column, and where it stands."""

    cells: Mapping[str, str]
    line: Line


@dataclass(frozen=True)
class Lookup:
    """A stanza of transforms.conf for a CSV table. `match_types` has EXACT, WILDCARD or CIDR for each column."""

    name: str
    lines: tuple[Line, ...]
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    match_types: Mapping[str, str]
    case_sensitive: bool
    max_matches: int
    min_matches: int
    default_match: str

    def find(self, wanted: Mapping[str, str]) -> tuple[TableRow, ...]:
        """Return the rows, at most `max_matches`, whose cells match values given by column."""
        tests = [
            (column, _TESTS[self.match_types[column]](value, self.case_sensitive)) for column, value in wanted.items()
        ]
        matching = (row for row in self.rows if all(test(row.cells[column]) for column, test in tests))
        return tuple(row for row, _ in zip(matching, range(self.max_matches)))

    def outputs(self, columns: Sequence[str], wanted: Mapping[str, str]) -> tuple[list[TableRow], dict[str, list[str]]]:
        """Return the rows that match, and the values of the columns: `default_match` for each match that is missing."""
        rows = list(self.find(wanted))
        missing = max(0, self.min_matches - len(rows))
        found = {
            column: [row.cells[column] for row in rows if row.cells[column]]
            + [self.default_match for _ in range(missing) if self.default_match]
            for column in columns
        }
        return rows, found


@dataclass(frozen=True)
class Automatic:
    """A LOOKUP- setting: which columns are matched with which fields, and which are written to which."""

    line: Line
    lookup: Lookup
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    only_missing: bool

    def apply(self, row: Row) -> None:
        """Give an event the outputs, when it has all inputs.

        OUTPUT replaces fields, and clears them if nothing matches; OUTPUTNEW writes only fields that the event does not
        have. If an input has several values, each is looked up in turn.
        """
        combinations = list(self._inputs_of(row))
        if not combinations:
            return
        found: dict[str, list[str]] = {column: [] for column, _ in self.outputs}
        for wanted in combinations:
            rows, values = self.lookup.outputs([column for column, _ in self.outputs], wanted)
            row.used.update([self.line, *self.lookup.lines], (one.line for one in rows))
            for column, texts in values.items():
                found[column].extend(texts)
        present = set(row.fields)
        for column, field in self.outputs:
            if not (self.only_missing and field in present):
                row.put(field, found[column])

    def _inputs_of(self, row: Row) -> Iterator[Mapping[str, str]]:
        values = {column: row.values(field) for column, field in self.inputs}
        several = [column for column, texts in values.items() if len(texts) > 1]
        if not all(values.values()):
            return
        if len(several) > 1:
            raise KnowledgeError(f"{self.line}: Splunk does not say how it pairs several multivalue inputs: {several}")
        for turn in range(max(len(texts) for texts in values.values())):
            yield {column: texts[turn if column in several else 0] for column, texts in values.items()}


def is_lookup(settings: Mapping[str, Setting]) -> bool:
    """Return whether a stanza of transforms.conf is a lookup."""
    return "filename" in settings


def lookup(name: str, settings: Mapping[str, Setting], apps: Apps) -> Lookup:
    """Return a lookup with its table. Raises KnowledgeError."""
    setting = settings["filename"]
    wrong = settings.keys() & TRANSFORM_EXTRACTION
    if wrong:
        raise KnowledgeError(f"{setting.line}: {sorted(wrong)} is not for a lookup")
    place = apps.lookup_file(setting.value.replace("\\", "/").rpartition("/")[2])
    if place is None:
        raise KnowledgeError(
            f"{setting.line}: no app has a file {setting.value} in lookups/ that can be seen from here"
        )
    app, path = place
    columns, rows = _table(path.read_bytes(), app.name, f"lookups/{path.name}")
    numbers = {
        key: integer(settings[key], *limits) if key in settings else usual
        for key, usual, limits in (("max_matches", 100, (1, 1000)), ("min_matches", 0, (0, 1000)))
    }
    return Lookup(
        name,
        tuple(one.line for one in settings.values()),
        columns,
        rows,
        _match_types(settings, columns),
        "case_sensitive_match" not in settings or boolean(settings["case_sensitive_match"]),
        numbers["max_matches"],
        numbers["min_matches"],
        settings["default_match"].value if "default_match" in settings else "",
    )


def automatic(setting: Setting, lookups: Mapping[str, Lookup]) -> Automatic:
    """Read a LOOKUP- setting. Raises KnowledgeError, also for a column that the table does not have."""
    words = [unquoted(word) for word in _WORD.findall(setting.value)]
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name not in lookups:
        raise KnowledgeError(f"{setting.line}: transforms.conf has no lookup {name}")
    table = lookups[name]
    keywords = [place for place, word in enumerate(rest) if word.upper() in ("OUTPUT", "OUTPUTNEW")]
    end = keywords[0] if keywords else len(rest)
    inputs = _columns(setting, rest[:end])
    outputs = _columns(setting, rest[end + 1 :])
    if not inputs or len(keywords) > 1 or (keywords and not outputs):
        raise KnowledgeError(f"{setting.line}: not <lookup> <column>… OUTPUT|OUTPUTNEW <column>…: {setting.value}")
    matched = [column for column, _ in inputs]
    if not keywords:
        outputs = tuple((column, column) for column in table.columns if column not in matched)
    for column in (*matched, *(column for column, _ in outputs)):
        if column not in table.columns:
            raise KnowledgeError(f"{setting.line}: the table of {name} has no column {column}")
    return Automatic(setting.line, table, inputs, outputs, bool(keywords) and rest[end].upper() == "OUTPUTNEW")


def _columns(setting: Setting, words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return columns of a table and fields of an event, out of "column AS field" or "column" for both."""
    pairs: list[tuple[str, str]] = []
    place = 0
    while place < len(words):
        renamed = place + 1 < len(words) and words[place + 1].upper() == "AS"
        if renamed and place + 2 >= len(words):
            raise KnowledgeError(f"{setting.line}: AS without a field")
        pairs.append((words[place], words[place + 2] if renamed else words[place]))
        place += 3 if renamed else 1
    return tuple(pairs)


def _table(content: bytes, app: str, file: str) -> tuple[tuple[str, ...], tuple[TableRow, ...]]:
    """Return a table's columns and rows. Raises KnowledgeError for one that Splunk might read otherwise."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise KnowledgeError(f"{app}/{file}: not UTF-8: {problem}") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = tuple(next(reader, []))
        if not all(columns) or len(set(columns)) < len(columns) or any(one != one.strip("\ufeff ") for one in columns):
            raise KnowledgeError(f"{app}/{file}:1: a column without a name, of the same name, or with spaces around it")
        rows = []
        for cells in reader:
            if len(cells) != len(columns):
                raise KnowledgeError(f"{app}/{file}:{reader.line_num}: {len(cells)} cells, not {len(columns)}")
            line = Line(app, file, "", ",".join(cells), reader.line_num)
            rows.append(TableRow(dict(zip(columns, cells)), line))
    except csv.Error as problem:
        raise KnowledgeError(f"{app}/{file}:{reader.line_num}: {problem}") from None
    return columns, tuple(rows)


def _match_types(settings: Mapping[str, Setting], columns: Sequence[str]) -> Mapping[str, str]:
    """Return how each column is matched."""
    kinds = dict.fromkeys(columns, "EXACT")
    if "match_type" in settings:
        setting = settings["match_type"]
        for kind, column in _MATCH_TYPE.findall(setting.value):
            if column not in kinds:
                raise KnowledgeError(f"{setting.line}: the table has no column {column}")
            kinds[column] = kind
        if _MATCH_TYPE.sub("", setting.value).strip(" ,"):
            raise KnowledgeError(f"{setting.line}: not WILDCARD(…), CIDR(…) or EXACT(…): {setting.value}")
    return kinds


def _exact(value: str, sensitive: bool) -> Test:
    if sensitive:
        return lambda cell: cell == value
    return lambda cell: cell.lower() == value.lower()


def _wildcard(value: str, sensitive: bool) -> Test:
    return lambda cell: bool(cell) and _pattern(cell, sensitive).fullmatch(value) is not None


@functools.lru_cache(maxsize=4096)
def _pattern(cell: str, sensitive: bool) -> re.Pattern[str]:
    flags = re.DOTALL | (0 if sensitive else re.IGNORECASE)
    return re.compile(".*".join(map(re.escape, cell.split("*"))), flags)


def _cidr(value: str, _sensitive: bool) -> Test:
    def test(cell: str) -> bool:
        try:
            return ipaddress.ip_address(value) in ipaddress.ip_network(cell, strict=False)
        except ValueError:
            return False

    return test


_TESTS: Mapping[str, Callable[[str, bool], Test]] = {"EXACT": _exact, "WILDCARD": _wildcard, "CIDR": _cidr}
