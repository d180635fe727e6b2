"""Conf files as text: stanzas, settings, continued lines, and the place of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from standins.search.errors import KnowledgeError

DEFAULT = "default"
"""The stanza of settings that stand before the first header, and of those under [default]."""


class Line(NamedTuple):
    """The place of something that can take effect: a setting in a conf file, or a row of a lookup table.

    `file` is the path inside the app. A row has no stanza; its key is its values. `number` counts lines from 1.
    """

    app: str
    file: str
    stanza: str
    key: str
    number: int

    @property
    def conf(self) -> str:
        """Return the kind of conf file, as "props", or "lookups" for a row of a table."""
        path = Path(self.file)
        return path.stem if path.suffix == ".conf" else path.parts[0]

    def __str__(self) -> str:
        return f"{self.app}/{self.file}:{self.number}: [{self.stanza}] {self.key}"


@dataclass(frozen=True)
class Setting:
    """The value of a setting, and its place."""

    value: str
    line: Line


@dataclass(frozen=True)
class Conf:
    """A conf file: its settings by stanza and name. `lines` also has the settings that a later line replaces."""

    stanzas: Mapping[str, Mapping[str, Setting]]
    lines: tuple[Line, ...]


EMPTY = Conf({}, ())


def read(path: Path, app: str, file: str) -> Conf:
    """Read a conf file; a file that does not exist has no settings. Raises KnowledgeError."""
    if not path.is_file():
        return EMPTY
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as problem:
        raise KnowledgeError(f"{app}/{file}: not UTF-8: {problem}") from None
    return parse(text, app, file)


def parse(text: str, app: str, file: str) -> Conf:
    """Read the text of a conf file. Raises KnowledgeError for a line that a conf file cannot have.

    Stanzas of the same name are merged. If a stanza has a setting twice, the last one counts. A backslash at the end of
    a line continues the value on the next line; the line break is kept.
    """
    stanzas: dict[str, dict[str, Setting]] = {}
    lines: list[Line] = []
    stanza = DEFAULT
    for number, content in _logical_lines(text):
        if content.startswith("["):
            if not content.endswith("]"):
                raise KnowledgeError(f"{app}/{file}:{number}: a header without its end: {content}")
            stanza = content[1:-1]
            stanzas.setdefault(stanza, {})
            continue
        key, separator, value = content.partition("=")
        line = Line(app, file, stanza, key.strip(), number)
        if not separator or not line.key:
            raise KnowledgeError(f"{app}/{file}:{number}: neither a header nor a setting: {content}")
        stanzas.setdefault(stanza, {})[line.key] = Setting(value.strip(), line)
        lines.append(line)
    return Conf(stanzas, tuple(lines))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines without empty lines and comments, each with its number; continued lines are one, with the first
    number."""
    continued = ""
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        content = line.rstrip("\r")
        if not continued and (not content.strip() or content.lstrip().startswith("#")):
            continue
        first = first if continued else number
        if content.endswith("\\"):
            continued += content[:-1] + "\n"
            continue
        yield first, (continued + content).strip()
        continued = ""
    if continued:
        raise KnowledgeError(f"line {first} is continued beyond the end of the file")


BOOLEANS = {"true": True, "t": True, "1": True, "yes": True, "y": True, "on": True, "enabled": True}
BOOLEANS.update({"false": False, "f": False, "0": False, "no": False, "n": False, "off": False, "disabled": False})


def boolean(setting: Setting) -> bool:
    """Return the truth value of a setting. Raises KnowledgeError if it is neither true nor false."""
    try:
        return BOOLEANS[setting.value.lower()]
    except KeyError:
        raise KnowledgeError(f"{setting.line}: neither true nor false: {setting.value}") from None


def integer(setting: Setting, lowest: int, highest: int) -> int:
    """Return a setting's number. Raises KnowledgeError if it is not a number, or outside its range."""
    try:
        number = int(setting.value)
    except ValueError:
        raise KnowledgeError(f"{setting.line}: not a number: {setting.value}") from None
    if not lowest <= number <= highest:
        raise KnowledgeError(f"{setting.line}: {number} is not in {lowest} to {highest}")
    return number
