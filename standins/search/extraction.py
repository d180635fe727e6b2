"""EXTRACT- and REPORT- settings, after props.conf.spec and transforms.conf.spec.

A field that an earlier extraction has found keeps its value, unless a transform says MV_ADD; an empty value makes no
field, unless the transform says KEEP_EMPTY_VALS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from standins.search import pcre
from standins.search.conf import Line, Setting, boolean
from standins.search.errors import KnowledgeError
from standins.search.regexes import compile_pcre
from standins.search.rows import Row
from standins.search.settings import TRANSFORM_LOOKUP

Pairs = Iterable["tuple[str, str]"]

_IN_FIELD = re.compile(r"(?P<regex>.*\S)\s+(?i:in)\s+(?P<field>[A-Za-z0-9_]+)", re.DOTALL)
_FORMAT = re.compile(r'(?P<name>"[^"]*"|[^\s:"]+)::(?P<value>"[^"]*"|[^\s"]+)')
_GROUP = re.compile(r"\$(\d+)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_LISTED = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))\s*(?:,|\Z|(?=\s))')
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\", '"': '"'}


@dataclass(frozen=True)
class Extract:
    """An EXTRACT- setting: one match of a regular expression, whose named groups are fields.

    `source` is the field that it reads: an indexed one, or one that an EXTRACT- setting of an earlier class has found.
    """

    line: Line
    regex: pcre.Pattern
    source: str

    def apply(self, row: Row) -> None:
        """Add to an event the fields that are found in it."""
        for text in row.values(self.source):
            found = self.regex.search(text)
            if found:
                row.used.add(self.line)
                _add(row, ((name, value) for name, value in found.groupdict().items() if value is not None))


@dataclass(frozen=True)
class Transform:
    """A stanza of transforms.conf that extracts fields when a search runs."""

    lines: tuple[Line, ...]
    source: str
    extractor: Regex | Delimiters
    add: bool
    clean: bool
    keep_empty: bool

    def apply(self, row: Row) -> None:
        """Add to an event the fields that are found in it."""
        for text in row.values(self.source):
            pairs = list(self.extractor.pairs(text, self.add))
            if pairs:
                row.used.update(self.lines)
                named = ((cleaned(name) if self.clean else name, value) for name, value in pairs)
                _add(row, named, add=self.add, keep_empty=self.keep_empty)


@dataclass(frozen=True)
class Report:
    """A REPORT- setting: transforms, applied in the order of the list."""

    line: Line
    transforms: tuple[Transform, ...]

    def apply(self, row: Row) -> None:
        """Add to an event the fields that the transforms find in it."""
        row.used.add(self.line)
        for transform in self.transforms:
            transform.apply(row)


@dataclass(frozen=True)
class Regex:
    """REGEX, and FORMAT if it is set: pairs of the name and the value of a field, each a text or a group ($n)."""

    regex: pcre.Pattern
    formats: tuple[tuple[str, str], ...]

    def pairs(self, text: str, every: bool) -> Iterator[tuple[str, str]]:
        """Yield names and values: of all matches if a name varies or values are added, otherwise of the first match."""
        for found in self.regex.finditer(text):
            yield from self._of(found)
            if not every and not self._varies():
                return

    def _varies(self) -> bool:
        return any(name.strip('"').startswith("$") for name, _ in self.formats) or any(
            name.startswith("_KEY_") for name in self.regex.groupindex
        )

    def _of(self, found: pcre.Match) -> Iterator[tuple[str, str]]:
        if self.formats:
            for name, value in self.formats:
                yield _filled(name, found), _filled(value, found)
            return
        groups = {name: value for name, value in found.groupdict().items() if value is not None}
        for name, value in groups.items():
            if name.startswith("_KEY_"):
                yield value, groups.get("_VAL_" + name[len("_KEY_") :], "")
            elif not name.startswith("_VAL_"):
                yield name, value


@dataclass(frozen=True)
class Delimiters:
    """DELIMS: one set of characters that end a value; or two sets: the first ends a pair, the second its name."""

    between: str
    inside: str
    names: tuple[str, ...]

    def pairs(self, text: str, _every: bool) -> Iterator[tuple[str, str]]:
        """Yield names and values. Delimiters in a row count as one, unless names are listed."""
        tokens = _split(text, self.between, keep_empty=bool(self.names))
        if self.names:
            yield from zip(self.names, (unquoted(token) for token in tokens))
        elif self.inside:
            for token in tokens:
                name, *rest = _split(token, self.inside, keep_empty=False, most=2)
                if rest:
                    yield unquoted(name.strip()), unquoted(rest[0].strip())
        else:
            for name, value in zip(tokens[::2], tokens[1::2]):
                yield unquoted(name), unquoted(value)


def extract(setting: Setting) -> Extract:
    """Read an EXTRACT- setting. Raises KnowledgeError."""
    found = _IN_FIELD.fullmatch(setting.value)
    text, source = (found.group("regex"), found.group("field")) if found else (setting.value, "_raw")
    regex = compile_pcre(text, setting.line, prefix="(?ms)")
    if not regex.groupindex:
        raise KnowledgeError(f"{setting.line}: the regular expression has no named group")
    return Extract(setting.line, regex, source)


def report(setting: Setting, transforms: Mapping[str, Mapping[str, Setting]]) -> Report:
    """Read a REPORT- setting. Raises KnowledgeError."""
    names = [name.strip() for name in setting.value.split(",")]
    for name in names:
        if name not in transforms:
            raise KnowledgeError(f"{setting.line}: transforms.conf has no [{name}]")
    return Report(setting.line, tuple(transform(setting.line, name, transforms[name]) for name in names))


def transform(line: Line, name: str, settings: Mapping[str, Setting]) -> Transform:
    """Read a stanza of transforms.conf for search-time extraction. Raises KnowledgeError."""
    if settings.keys() & (TRANSFORM_LOOKUP - {"CAN_OPTIMIZE"}):
        raise KnowledgeError(f"{line}: [{name}] of transforms.conf is a lookup")
    if ("REGEX" in settings) == ("DELIMS" in settings):
        raise KnowledgeError(f"{line}: [{name}] of transforms.conf needs either REGEX or DELIMS")
    source = settings["SOURCE_KEY"].value if "SOURCE_KEY" in settings else "_raw"
    if source.startswith(("field:", "fields:")):
        raise KnowledgeError(f"{settings['SOURCE_KEY'].line}: {source} is for fields from the index, and not played")
    return Transform(
        tuple(setting.line for setting in settings.values()),
        source,
        _regex(settings) if "REGEX" in settings else _delimiters(settings),
        add="MV_ADD" in settings and boolean(settings["MV_ADD"]),
        clean="CLEAN_KEYS" not in settings or boolean(settings["CLEAN_KEYS"]),
        keep_empty="KEEP_EMPTY_VALS" in settings and boolean(settings["KEEP_EMPTY_VALS"]),
    )


def cleaned(name: str) -> str:
    """Return a field's name as CLEAN_KEYS makes it: of letters, digits and underscores, the first a letter."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).lstrip("_0123456789")


def unquoted(text: str) -> str:
    """Return the text between quotes, with its escapes resolved; a text without quotes as it is."""
    found = _QUOTED.fullmatch(text)
    return re.sub(r"\\(.)", lambda one: _ESCAPES.get(one.group(1), one.group()), found.group(1)) if found else text


def _regex(settings: Mapping[str, Setting]) -> Regex:
    line = settings["REGEX"].line
    regex = compile_pcre(settings["REGEX"].value, line)
    if not regex.groups:
        raise KnowledgeError(f"{line}: the regular expression has no group")
    if "FIELDS" in settings:
        raise KnowledgeError(f"{settings['FIELDS'].line}: FIELDS goes with DELIMS")
    text = settings["FORMAT"].value if "FORMAT" in settings else ""
    formats = tuple((found.group("name"), found.group("value")) for found in _FORMAT.finditer(text))
    if _FORMAT.sub("", text).strip():
        raise KnowledgeError(f"{settings['FORMAT'].line}: not name::value: {text}")
    for part in (part.strip('"') for pair in formats for part in pair):
        group = _GROUP.fullmatch(part)
        if "$" in part and (not group or not 1 <= int(group.group(1)) <= regex.groups):
            raise KnowledgeError(f"{settings['FORMAT'].line}: {part} is not a group of the regular expression")
    if not formats and not regex.groupindex:
        raise KnowledgeError(f"{line}: neither named groups nor FORMAT tell the fields")
    return Regex(regex, formats)


def _delimiters(settings: Mapping[str, Setting]) -> Delimiters:
    setting = settings["DELIMS"]
    sets = [unquoted(f'"{one}"') for one in _QUOTED.findall(setting.value)]
    if not 1 <= len(sets) <= 2 or _QUOTED.sub("", setting.value).strip(" ,") or not all(sets):
        raise KnowledgeError(f"{setting.line}: not one or two sets of characters in quotes: {setting.value}")
    listed = settings["FIELDS"].value if "FIELDS" in settings else ""
    names = tuple(quoted or bare for quoted, bare in _LISTED.findall(listed))
    if "FORMAT" in settings or (names and len(sets) == 2):
        raise KnowledgeError(f"{setting.line}: DELIMS goes neither with FORMAT nor, for pairs, with FIELDS")
    return Delimiters(sets[0], sets[1] if len(sets) == 2 else "", names)


def _split(text: str, delimiters: str, *, keep_empty: bool, most: int = 0) -> list[str]:
    """Return the texts between delimiters; a delimiter in quotes does not count."""
    ends = re.compile(
        rf'((?:"(?:[^"\\]|\\.)*"|[^{re.escape(delimiters)}])*)(?:[{re.escape(delimiters)}]|\Z)', re.DOTALL
    )
    parts: list[str] = []
    place = 0
    while place <= len(text):
        found = ends.match(text, place)
        if not found or (most and len(parts) == most - 1):
            parts.append(text[place:])
            break
        parts.append(found.group(1))
        if found.end() == len(text) and (not found.group() or found.group()[-1:] not in delimiters):
            break
        place = found.end()
    return [part for part in parts if part or keep_empty]


def _filled(part: str, found: pcre.Match) -> str:
    text = part.strip('"')
    group = _GROUP.fullmatch(text)
    return (found.group(int(group.group(1))) or "") if group else text


def _add(row: Row, pairs: Pairs, *, add: bool = False, keep_empty: bool = False) -> None:
    """Add fields to an event. A field that it has keeps its value; with `add` it gets a further one."""
    for name, value in pairs:
        if not name or not (value or keep_empty):
            continue
        if name not in row.fields:
            row.fields[name] = value
        elif add:
            row.put(name, (*row.values(name), value))
