"""Drop rules: which events are counted and not written, to save license volume.

    # comment
    ConnectionEvent: AC_RuleAction=Allow|Trust, FirewallRule=Backup*, InitiatorIP=10.0.0.0/8
    FileEvent: FileType="PDF, old", FileSize<1000 ; IntrusionEvent: Impact>=4

* A rule names an event type and conditions; an event that meets all conditions of one rule is dropped. A rule without
  conditions drops all events of its type.
* Rules are separated by line ends or semicolons, conditions by commas, alternative values by `|`. In double quotes,
  with `\\"` and `\\\\` for quote and backslash, a value may hold any character.
* `=` and `!=` compare as text, ignoring case; `*` outside quotes stands for any characters. A value that is a network
  (`10.0.0.0/8`, `2001:db8::/32`) stands for all addresses in it. `!=` is met when no alternative fits.
* `<`, `<=`, `>`, `>=` compare whole numbers.
* A field that an event lacks meets no condition, not even `!=`: what a rule does not see it does not drop.
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, NoReturn, Union

from ..errors import Problem
from ..protocol.fully_qualified import EVENT_TYPES

MAX_LENGTH = 64 * 1024
"""Characters of all rules together: a conf file holds them in one value."""

MAX_RULES = 1000

Test = Callable[[Any], bool]
_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

_SPACE = re.compile(r"[ \t\r]*")
_COMMENT = re.compile(r"#[^\n]*")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\["\\])*)"')
_BARE = re.compile(r'[^\s,;|"#](?:[^\n,;|"]*[^\s,;|"])?')
_NUMBER = re.compile(r"-?\d{1,19}\Z")
_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Value:
    """A value of a condition; a quoted one has no wildcards and is not a network."""

    text: str
    quoted: bool = False

    def __str__(self) -> str:
        if not self.quoted:
            return self.text
        escaped = self.text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


@dataclass(frozen=True)
class Condition:
    """A field, an operator and the values of which one has to fit."""

    field: str
    operator: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{'|'.join(map(str, self.values))}"

    def test(self) -> Test:
        """Return a check of whether the value of a field meets this condition."""
        if self.operator in _COMPARISONS:
            return partial(_compares, _COMPARISONS[self.operator], int(self.values[0].text))
        any_fits = _any_of([_matcher(value) for value in self.values])
        return any_fits if self.operator == "=" else partial(_none_fits, any_fits)


@dataclass(frozen=True)
class Rule:
    """An event type and the conditions that an event has to meet, all of them, to be dropped."""

    event_type: str
    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return f"{self.event_type}: {', '.join(map(str, self.conditions))}".rstrip()


class DropRules:
    """Rules, ready to be applied. `str` gives a text that `parse` reads as the same rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._tests: dict[str, list[tuple[int, list[tuple[str, Test]]]]] = {}
        for place, rule in enumerate(self._rules):
            tests = [(condition.field, condition.test()) for condition in rule.conditions]
            self._tests.setdefault(rule.event_type, []).append((place, tests))

    @classmethod
    def parse(cls, text: str) -> DropRules:
        """Return the rules in a text. Raises Problem `drop_rules_invalid` with line, column and what was expected."""
        if len(text) > MAX_LENGTH:
            raise Problem("drop_rules_invalid", f"drop_rules: at most {MAX_LENGTH} characters are allowed.")
        rules = _Parser(text).rules()
        if len(rules) > MAX_RULES:
            raise Problem("drop_rules_invalid", f"drop_rules: at most {MAX_RULES} rules are allowed.")
        return cls(rules)

    def event_types(self) -> frozenset[str]:
        """Return the event types that have a rule."""
        return frozenset(self._tests)

    def drops(self, event_type: str, payload: bytes) -> int | None:
        """Return the place, from 0, of the first rule that drops an event, or None. Never raises.

        Events are parsed only here, that is, only if there is a rule with conditions for their type.
        """
        event: Mapping[str, Any] | None = None
        for place, tests in self._tests.get(event_type, ()):
            if tests and event is None:
                event = _parse_event(event_type, payload)
            for field, test in tests:
                value = event.get(field) if event else None
                if value is None or not test(value):
                    break
            else:
                return place
        return None

    def __len__(self) -> int:
        return len(self._rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DropRules) and self._rules == other._rules

    def __hash__(self) -> int:
        return hash(self._rules)

    def __str__(self) -> str:
        return "\n".join(map(str, self._rules))


def _parse_event(event_type: str, payload: bytes) -> Mapping[str, Any]:
    """Return the fields of an event, also of a wrapped one; none when it is not a JSON object."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict):
        return {}
    inner = event.get(event_type)
    return inner if isinstance(inner, dict) else event


def _compares(comparison: Callable[[int, int], bool], number: int, value: Any) -> bool:
    if isinstance(value, str) and _NUMBER.match(value):
        value = int(value)
    return isinstance(value, int) and comparison(value, number)


def _none_fits(any_fits: Test, value: Any) -> bool:
    return not any_fits(value)


def _any_of(matchers: Sequence[Callable[[str], bool]]) -> Test:
    if len(matchers) == 1:
        only = matchers[0]
        return lambda value: only(_text(value))
    return lambda value: any(matches(text) for text in (_text(value),) for matches in matchers)


def _text(value: Any) -> str:
    return value.casefold() if isinstance(value, str) else json.dumps(value).casefold()


def _matcher(value: Value) -> Callable[[str], bool]:
    """Return a check of whether a text, with its case folded, fits a value."""
    folded = value.text.casefold()
    if value.quoted:
        return folded.__eq__
    network = _network(value.text)
    if network is not None:
        return partial(_is_in, network)
    if "*" not in folded:
        return folded.__eq__
    return _Wildcard(folded)


class _Wildcard:
    """A pattern with `*`, matched part by part: a regular expression with many of them can run without end."""

    def __init__(self, pattern: str) -> None:
        first, *self._middle, self._last = pattern.split("*")
        self._first = first

    def __call__(self, text: str) -> bool:
        if len(text) < len(self._first) + len(self._last):
            return False
        if not (text.startswith(self._first) and text.endswith(self._last)):
            return False
        position, end = len(self._first), len(text) - len(self._last)
        for part in self._middle:
            found = text.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return True


def _network(text: str) -> _Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_in(network: _Network, text: str) -> bool:
    try:
        return ipaddress.ip_address(text) in network
    except ValueError:
        return False


class _Parser:
    """Reads the rules from left to right."""

    def __init__(self, text: str) -> None:
        self._source = text
        self._position = 0

    def rules(self) -> list[Rule]:
        rules = []
        while self._skip_to_rule():
            rules.append(self._rule())
        return rules

    def _skip_to_rule(self) -> bool:
        """Skip blanks, comments and separators; return whether there is a rule."""
        while True:
            self._take(_SPACE)
            if self._take(_COMMENT) is None and not self._take_character("\n;"):
                return self._position < len(self._source)

    def _rule(self) -> Rule:
        start = self._position
        event_type = self._take(_WORD)
        if event_type not in EVENT_TYPES:
            self._fail(f"an event type ({', '.join(EVENT_TYPES)})", start)
        self._take(_SPACE)
        if not self._take_character(":"):
            self._fail("a colon after the event type")
        conditions: list[Condition] = []
        while not self._at_end_of_rule():
            if conditions and not self._take_character(","):
                self._fail("a comma before the next condition, or the end of the rule")
            self._take(_SPACE)
            conditions.append(self._condition())
        return Rule(str(event_type), tuple(conditions))

    def _at_end_of_rule(self) -> bool:
        self._take(_SPACE)
        self._take(_COMMENT)
        return self._position == len(self._source) or self._source[self._position] in "\n;"

    def _condition(self) -> Condition:
        field = self._take(_WORD)
        if field is None:
            self._fail("the name of a field")
        self._take(_SPACE)
        symbol = self._take(_OPERATOR)
        if symbol is None:
            self._fail("one of = != < <= > >= after the field")
        start = self._position
        values = [self._value()]
        while self._take_character("|"):
            values.append(self._value())
        if symbol in _COMPARISONS and not (len(values) == 1 and _NUMBER.match(values[0].text)):
            self._fail(f"one whole number after {symbol}", start)
        return Condition(field, symbol, tuple(values))

    def _value(self) -> Value:
        self._take(_SPACE)
        quoted = _QUOTED.match(self._source, self._position)
        if quoted is not None:
            self._position = quoted.end()
            self._take(_SPACE)
            return Value(re.sub(r"\\(.)", r"\1", quoted[1]), quoted=True)
        bare = self._take(_BARE)
        if bare is None:
            self._fail("a value, in double quotes if it is empty or holds , ; | or #")
        self._take(_SPACE)
        return Value(bare)

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._source, self._position)
        if match is None:
            return None
        self._position = match.end()
        return match[0]

    def _take_character(self, characters: str) -> bool:
        found = self._position < len(self._source) and self._source[self._position] in characters
        self._position += found
        return found

    def _fail(self, expected: str, position: int | None = None) -> NoReturn:
        place = self._position if position is None else position
        before = self._source[:place]
        line, column = before.count("\n") + 1, place - before.rfind("\n")
        rest = self._source[place:].split("\n")[0][:40]
        found = repr(rest) if rest else "the end of the line"
        raise Problem(
            "drop_rules_invalid", f"drop_rules, line {line}, column {column}: expected {expected}, found {found}."
        )
