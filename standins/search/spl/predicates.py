"""The language of the search command: which rows a search keeps.

Sources: "search" of the Search Reference; "Use the search command", "Boolean expressions with logical operators",
"Use CASE and TERM to match phrases" and "Difference between NOT and !=" of the Search Manual. OR binds stronger than
AND, NOT applies to the term that follows, and values are compared without regard to case.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from standins.search.evals import EvalError
from standins.search.evals.conditions import cidr_match
from standins.search.evals.times import parse_time, relative
from standins.search.evals.values import number, text, texts

from .errors import SplError
from .tokens import STRING, SUBSEARCH, WORD, Token, tokenize

Predicate = Callable[[Mapping[str, Any]], bool]
Subsearch = Callable[[str], str]

_COMPARISONS = ("=", "==", "!=", "<", "<=", ">", ">=")
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS = ("AND", "OR", "NOT", "IN", "XOR")
_MAJOR_BREAKERS = r"\s\[\]<>(){}|!;,'\"*&?+"
_TIME_FORMAT = "%m/%d/%Y:%H:%M:%S"
_NOT_SUPPORTED = frozenset(
    {
        *("_index_earliest", "_index_latest", "starttime", "endtime", "starttimeu", "endtimeu", "timeformat"),
        *("startminutesago", "startmonthsago", "endminutesago", "endhoursago", "enddaysago", "endmonthsago"),
        *("savedsearch", "savedsplunk", "splunk_server", "hosttag", "eventtypetag"),
    }
)


class Terms(Protocol):
    """The target of compilation: an object for each term of a search, and methods that combine several into one."""

    def always(self) -> Any:
        """Return the condition that every event satisfies."""

    def every(self, parts: Sequence[Any]) -> Any:
        """Return the condition that all parts hold."""

    def either(self, parts: Sequence[Any]) -> Any:
        """Return the condition that at least one part holds."""

    def negation(self, part: Any) -> Any:
        """Return the condition that a part does not hold."""

    def keyword(self, phrase: str, whole_term: bool = False, case_sensitive: bool = False) -> Any:
        """Return the condition that the text contains a word or a phrase."""

    def compare(self, name: str, comparison: str, value: str) -> Any:
        """Return the condition on the value of a field."""


class Search:
    """A search compiled to a predicate, or to the objects of other `terms`, and the time range that it names."""

    def __init__(self, tokens: Sequence[Token], subsearch: Subsearch, now: float, terms: Terms | None = None) -> None:
        self.earliest: float | None = None
        self.latest: float | None = None
        self._tokens = list(tokens)
        self._subsearch = subsearch
        self._now = now
        self._terms = terms or RowTerms()
        self.holds: Any = self._all() if self._tokens else self._terms.always()
        if self._tokens:
            raise SplError(f"search: {self._tokens[0].text!r} is not understood")

    def _peek(self) -> Token | None:
        return self._tokens[0] if self._tokens else None

    def _is_word(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == WORD and token.text == word

    def _all(self) -> Any:
        parts = [self._any()]
        while self._tokens and not self._tokens[0].is_mark(")"):
            if self._is_word("AND"):
                self._tokens.pop(0)
            parts.append(self._any())
        if len(parts) == 1:
            return parts[0]
        return self._terms.every(parts)

    def _any(self) -> Any:
        parts = [self._negation()]
        while self._is_word("OR"):
            self._tokens.pop(0)
            parts.append(self._negation())
        if len(parts) == 1:
            return parts[0]
        return self._terms.either(parts)

    def _negation(self) -> Any:
        if self._is_word("NOT"):
            self._tokens.pop(0)
            return self._terms.negation(self._negation())
        return self._term()

    def _take(self) -> Token:
        if not self._tokens:
            raise SplError("search: the expression ends too early")
        return self._tokens.pop(0)

    def _term(self) -> Any:
        token = self._take()
        if token.is_mark("("):
            return self._parentheses()
        if token.kind == SUBSEARCH:
            inner = Search(tokenize(self._subsearch(token.text)), self._subsearch, self._now, self._terms)
            self.earliest = self.earliest if inner.earliest is None else inner.earliest
            self.latest = self.latest if inner.latest is None else inner.latest
            return inner.holds
        if token.kind not in (WORD, STRING) and not (self._tokens and self._tokens[0].is_mark(*_COMPARISONS)):
            raise SplError(f"search: {token.text!r} is not expected")
        if token.kind == WORD and token.text in ("AND", "OR", "XOR"):
            raise SplError(f"search: {token.text} has nothing before it" if token.text != "XOR" else "search: XOR")
        following = self._peek()
        if following is not None and following.is_mark(*_COMPARISONS):
            return self._comparison(token.unescaped)
        if following is not None and following.is_word("in") and following.text == "IN":
            return self._membership(token.unescaped)
        if following is not None and following.is_mark("(") and following.start == token.end:
            return self._directive(token.text)
        return self._terms.keyword(token.unescaped)

    def _parentheses(self) -> Any:
        token = self._peek()
        if token is not None and token.is_mark(")"):
            self._tokens.pop(0)
            return self._terms.always()
        inner = self._all()
        if not self._take().is_mark(")"):
            raise SplError("search: a parenthesis is not closed")
        return inner

    def _directive(self, name: str) -> Any:
        if name not in ("TERM", "CASE"):
            raise SplError(f"search: unknown directive {name}()")
        self._take()
        value = ""
        while not (token := self._take()).is_mark(")"):
            value += token.unescaped
        return self._terms.keyword(value, whole_term=name == "TERM", case_sensitive=name == "CASE")

    def _value(self) -> str:
        token = self._take()
        if token.kind not in (WORD, STRING) or (token.kind == WORD and token.text in _OPERATORS):
            raise SplError(f"search: {token.text!r} stands where a value should")
        return token.unescaped

    def _comparison(self, field: str) -> Any:
        comparison = self._take().text
        value = self._value()
        if value == "now" and self._peek() is not None and self._tokens[0].is_mark("("):
            self._take()
            if not self._take().is_mark(")"):
                raise SplError("search: now() takes no arguments")
        if field in _NOT_SUPPORTED:
            raise SplError(f"search: {field} is not supported")
        if field in ("earliest", "latest", "starthoursago", "startdaysago"):
            self._time(field, comparison, value)
            return self._terms.always()
        return self._terms.compare(field, comparison, value)

    def _time(self, field: str, comparison: str, value: str) -> None:
        if comparison != "=":
            raise SplError(f"search: {field} takes '=', not {comparison!r}")
        if field.startswith("start"):
            self.earliest = self._now - int(value) * (3600 if field == "starthoursago" else 86400)
        elif field == "earliest":
            self.earliest = when(value, self._now)
        else:
            self.latest = when(value, self._now)

    def _membership(self, field: str) -> Any:
        self._take()
        if not self._take().is_mark("("):
            raise SplError("search: IN is followed by a list in parentheses")
        values = [self._value()]
        while True:
            token = self._take()
            if token.is_mark(")"):
                break
            if not token.is_mark(","):
                raise SplError(f"search: {token.text!r} stands in a list of values")
            values.append(self._value())
        return self._terms.either([self._terms.compare(field, "=", value) for value in values])


class RowTerms:
    """Makes a test of rows out of the terms of a search."""

    def always(self) -> Predicate:
        """Return a test that every row passes."""
        return _always

    def every(self, parts: Sequence[Predicate]) -> Predicate:
        """Return a test that passes if all parts pass."""
        return lambda row: all(part(row) for part in parts)

    def either(self, parts: Sequence[Predicate]) -> Predicate:
        """Return a test that passes if one part passes."""
        return lambda row: any(part(row) for part in parts)

    def negation(self, part: Predicate) -> Predicate:
        """Return a test that passes if the part fails."""
        return lambda row: not part(row)

    def keyword(self, phrase: str, whole_term: bool = False, case_sensitive: bool = False) -> Predicate:
        """Return a test of the text of the event."""
        return keyword(phrase, whole_term, case_sensitive)

    def compare(self, name: str, comparison: str, value: str) -> Predicate:
        """Return a test of a field."""
        return compare(name, comparison, value)


def when(value: str, now: float) -> float:
    """Read the value of a time modifier: seconds since 1970, a relative time, or a date and time."""
    seconds = number(value)
    if seconds is not None and value[0] not in "+-":
        return float(seconds)
    try:
        if re.match(r"now|[-+@]", value):
            return relative(now, value)
        found = parse_time(value, _TIME_FORMAT)
    except EvalError as error:
        raise SplError(f"search: {error}") from error
    if found is None:
        raise SplError(f"search: {value!r} is not a time")
    return float(found)


def _always(_: Mapping[str, Any]) -> bool:
    return True


def compare(field: str, comparison: str, value: str) -> Predicate:
    """Return the test of a field: texts, wildcards and networks for equality, otherwise the size of numbers."""
    if comparison in _ORDERINGS:
        return _ordering(field, _ORDERINGS[comparison], value)
    matches = _matcher(value)
    if comparison == "!=":
        return lambda row: any(not matches(one) for one in texts(row.get(field)))
    return lambda row: any(matches(one) for one in texts(row.get(field)))


def _matcher(value: str) -> Callable[[str], bool]:
    if value == "*":
        return lambda one: True
    if "*" in value:
        pattern = re.compile(".*".join(map(re.escape, value.split("*"))), re.DOTALL | re.IGNORECASE)
        return lambda one: pattern.fullmatch(one) is not None
    wanted = value.lower()
    if "/" in value and (found := network(value)) is not None:
        return lambda one: one.lower() == wanted or cidr_match(found, one)
    return lambda one: one.lower() == wanted


def network(value: str) -> str | None:
    """Return the text if it is a network in CIDR notation or an address, otherwise None."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
    return value


def _ordering(field: str, test: Callable[[Any, Any], bool], value: str) -> Predicate:
    size = number(value)

    def holds(row: Mapping[str, Any]) -> bool:
        for one in texts(row.get(field)):
            found = number(one)
            if found is not None and size is not None:
                if test(found, size):
                    return True
            elif test(one, value):
                return True
        return False

    return holds


def keyword(phrase: str, whole_term: bool = False, case_sensitive: bool = False) -> Predicate:
    """Return the search for a word or a phrase in the raw event: complete segments, `*` for the rest of a segment."""
    if phrase == "*":
        return _always
    inner = f"[^{_MAJOR_BREAKERS}]*".join(map(re.escape, phrase.split("*")))
    edge = f"[^{_MAJOR_BREAKERS}]" if whole_term else r"[^\W_]"
    before = f"(?<!{edge})" if re.match(r"[^\W_]", phrase) or whole_term else ""
    after = f"(?!{edge})" if re.search(r"[^\W_]$", phrase) or whole_term else ""
    pattern = re.compile(before + inner + after, 0 if case_sensitive else re.IGNORECASE)

    def holds(row: Mapping[str, Any]) -> bool:
        raw = row.get("_raw")
        if raw is None:
            raise SplError(f"search: the results have no _raw in which {phrase!r} could be looked for")
        return pattern.search(text(raw)) is not None

    return holds
