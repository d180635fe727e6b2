"""Indexing of data after props.conf.spec: characters, lines, length and time."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional

from standins.search import pcre
from standins.search.conf import Line, Setting, boolean, integer
from standins.search.errors import KnowledgeError
from standins.search.regexes import compile_pcre

DAY = 86400

_UNSET = Line("system", "default/props.conf", "default", "", 0)


def _hexadecimal(problem: UnicodeError) -> tuple[str, int]:
    """Show bytes that are not characters as Splunk does, as \\xF3."""
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    wrong = problem.object[problem.start : problem.end]
    return "".join(f"\\x{byte:02X}" for byte in wrong), problem.end


codecs.register_error("standins.search.hexadecimal", _hexadecimal)


@dataclass(frozen=True)
class Indexed:
    """An event in the index: its text, its _time and the time of indexing, both in seconds since 1970, and its
    source."""

    raw: str
    time: float
    indexed: float
    sourcetype: str
    source: str
    host: str
    index: str


class Indexing:
    """How data of one source, host and sourcetype is broken, cut and timed. Raises KnowledgeError."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        self.used: set[Line] = set()
        self._settings = settings
        self._charset = self._text("CHARSET", "UTF-8")
        self._breaker = self._regex("LINE_BREAKER", r"([\r\n]+)")
        self._truncate = self._number("TRUNCATE", 10000, 0, 2**31 - 1)
        self._lookahead = self._number("MAX_TIMESTAMP_LOOKAHEAD", 128, -1, 2**31 - 1)
        self._days_ago = self._number("MAX_DAYS_AGO", 2000, 0, 10951)
        self._days_hence = self._number("MAX_DAYS_HENCE", 2, 0, 10950)
        self._config = self._text("DATETIME_CONFIG", "/etc/datetime.xml")
        self._prefix = self._regex("TIME_PREFIX", "")
        self._format = _time_format(settings.get("TIME_FORMAT"))
        if "SHOULD_LINEMERGE" not in settings or boolean(settings["SHOULD_LINEMERGE"]):
            raise KnowledgeError("merging lines into events (SHOULD_LINEMERGE, true unless it is set) is not played")
        self._mark("SHOULD_LINEMERGE")

    def events(self, data: bytes, *, now: float, input_time: float) -> Iterator[tuple[str, float]]:
        """Yield the text and the time of each event in `data`.

        `now` is the clock's time and `input_time` the time that the input reports, such as the time of a file's last
        change.
        """
        last: float | None = None
        for line in self._lines(self._decoded(data)):
            raw = self._cut(line)
            found = self._time_in(raw, now)
            if found is not None:
                last = found
            yield raw, self._assigned(found, last, now, input_time)

    def _decoded(self, data: bytes) -> str:
        if self._charset.upper() == "AUTO":
            raise KnowledgeError("guessing the characters (CHARSET = AUTO) is not played")
        self._mark("CHARSET")
        try:
            return data.decode(self._charset, "standins.search.hexadecimal")
        except LookupError:
            raise KnowledgeError(f"CHARSET = {self._charset} is not known") from None

    def _lines(self, text: str) -> Iterator[str]:
        """Yield the texts between line breaks. The text of the first group that took part is dropped; without such a
        group nothing is."""
        self._mark("LINE_BREAKER")
        start = 0
        for found in self._breaker.finditer(text):
            group = next((number for number, part in enumerate(found.groups(), 1) if part is not None), None)
            end, following = found.span(group) if group else (found.start(), found.start())
            if text[start:end]:
                yield text[start:end]
            start = following
        if text[start:]:
            yield text[start:]

    def _cut(self, line: str) -> str:
        self._mark("TRUNCATE")
        encoded = line.encode("utf-8", "surrogatepass")
        if not self._truncate or len(encoded) <= self._truncate:
            return line
        return encoded[: self._truncate].decode("utf-8", "ignore")

    def _time_in(self, raw: str, now: float) -> float | None:
        """Return the time in an event's text, None without one that counts."""
        if self._config in ("NONE", "CURRENT"):
            return None
        place = self._prefix.search(raw)
        if place is None:
            return None
        self._mark("TIME_PREFIX", "TIME_FORMAT", "MAX_TIMESTAMP_LOOKAHEAD")
        if self._format is None:
            raise KnowledgeError("recognising a time without TIME_FORMAT is not played")
        seen = raw[place.end() :]
        time = self._format(seen[: self._lookahead] if self._lookahead > 0 else seen)
        if time is None:
            return None
        self._mark("MAX_DAYS_AGO", "MAX_DAYS_HENCE")
        return time if now - self._days_ago * DAY <= time <= now + self._days_hence * DAY else None

    def _assigned(self, found: float | None, last: float | None, now: float, input_time: float) -> float:
        """Return an event's time: its own, otherwise that of the event before it, otherwise that of the input."""
        if self._config == "NONE":
            self._mark("DATETIME_CONFIG")
            return input_time
        if self._config == "CURRENT":
            self._mark("DATETIME_CONFIG")
            return now
        if found is not None:
            return found
        return last if last is not None else input_time

    def _mark(self, *keys: str) -> None:
        self.used.update(self._settings[key].line for key in keys if key in self._settings)

    def _text(self, key: str, usual: str) -> str:
        return self._settings[key].value if key in self._settings else usual

    def _number(self, key: str, usual: int, lowest: int, highest: int) -> int:
        return integer(self._settings[key], lowest, highest) if key in self._settings else usual

    def _regex(self, key: str, usual: str) -> pcre.Pattern:
        setting = self._settings.get(key, Setting(usual, _UNSET))
        regex = compile_pcre(setting.value, setting.line)
        if key == "LINE_BREAKER" and not regex.groups:
            raise KnowledgeError(f"{setting.line}: the regular expression has no group")
        return regex


Read = Callable[[str], Optional[float]]
"""Reads the time at the beginning of a text, in seconds since 1970; None without one."""

_PARTS = {"Y": r"(?P<Y>\d{4})", **{name: rf"(?P<{name}>\d\d?)" for name in "mdHMS"}}
_PART = re.compile(r"%(?P<digits>\d?)(?P<name>.)|(?P<literal>[^%]+)", re.DOTALL)


def _time_format(setting: Setting | None) -> Read | None:
    """Return a reader of TIME_FORMAT: seconds (%s), or date and time (%Y %m %d %H %M %S), with or without a fraction.

    A date without a zone is in the zone of the machine, which is UTC here. Raises KnowledgeError for other formats.
    """
    if setting is None:
        return None
    pattern, names = "", []
    for part in _PART.finditer(setting.value):
        name = part.group("name")
        if part.group("literal"):
            pattern += re.escape(part.group("literal"))
            continue
        names.append("N" if name == "Q" else name)
        if name in ("N", "Q"):
            pattern += rf"(?P<N>\d{{1,{part.group('digits') or 9}}})"
        elif name == "s" and not part.group("digits"):
            pattern += r"(?P<s>\d+)"
        elif name in _PARTS and not part.group("digits"):
            pattern += _PARTS[name]
        else:
            raise KnowledgeError(f"{setting.line}: {setting.value} is not played")
    known = (["s"], ["s", "N"], [*"YmdHMS"], [*"YmdHMSN"])
    if names not in known or "%" in _PART.sub("", setting.value):
        raise KnowledgeError(f"{setting.line}: {setting.value} is not played, only %s and dates, with a fraction")
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: _seconds(compiled.match(text))


def _seconds(found: re.Match[str] | None) -> float | None:
    if found is None:
        return None
    parts = found.groupdict()
    fraction = float(f"0.{parts.get('N') or 0}")
    if "s" in parts:
        return float(f"{parts['s']}.{parts.get('N') or 0}")
    try:
        day = datetime(*(int(parts[name]) for name in "YmdHMS"), tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    return day.timestamp() + fraction
