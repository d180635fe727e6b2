"""Every regular expression of the add-on that Splunk runs, and what in one can reach PCRE's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from standins.places import ROOT
from standins.search.conf import read
from standins.search.evals.compiler import unescape
from standins.search.spl.tokens import MARK, STRING, WORD, Token, tokenize
from tests.patterns.collect import constants, parser

DEFAULT = ROOT / "default"
PROPS = ("TIME_PREFIX", "LINE_BREAKER", "EVENT_BREAKER")
FUNCTIONS = {"match": 1, "replace": 1, "mvfind": 1}
"""Functions that take a regular expression, and which of their arguments, from 0, it is."""

COMMANDS = ("rex", "regex")
ANY_ARGUMENT = "problem"
"""Put for the argument of a macro that stands in a pattern."""

_IN_FIELD = re.compile(r"(.*\S)\s+in\s+[A-Za-z0-9_]+", re.DOTALL)
_QUERY = re.compile(r'"query": ("(?:[^"\\]|\\.)*")')
_ARGUMENT = re.compile(r"\$\w+\$")
PYTHON_NAME = re.compile(r"\(\?<(?=[A-Za-z_])")


@dataclass(frozen=True)
class Run:
    """A pattern that Splunk runs, and where it stands. `prefix` is what Splunk puts before it."""

    place: str
    source: str
    prefix: str = ""

    def __str__(self) -> str:
        return self.place


def all_patterns() -> list[Run]:
    """Return the patterns of all conf files and dashboards."""
    return [*_of_settings(), *_of_snippet(), *(run for place, text in searches() for run in _of_search(place, text))]


def searches() -> Iterator[tuple[str, str]]:
    """Yield what holds searches or expressions: the text, and where it stands."""
    for conf, keys in {"props": ("EVAL-",), "macros": ("definition",), "savedsearches": ("search",)}.items():
        for stanza, settings in read(DEFAULT / f"{conf}.conf", "", "").stanzas.items():
            for key, setting in settings.items():
                if key.startswith(keys):
                    yield f"{conf} [{stanza}] {key}", setting.value
    for path in sorted((DEFAULT / "data" / "ui" / "views").glob("*.xml")):
        for number, quoted in enumerate(_QUERY.findall(path.read_text(encoding="utf-8")), 1):
            yield f"{path.name}, query {number}", json.loads(quoted)


def _of_settings() -> Iterator[Run]:
    for stanza, settings in read(DEFAULT / "props.conf", "", "").stanzas.items():
        for key, setting in settings.items():
            if key in PROPS:
                yield Run(f"props [{stanza}] {key}", setting.value)
            elif key.startswith("EXTRACT-"):
                found = _IN_FIELD.fullmatch(setting.value)
                yield Run(f"props [{stanza}] {key}", found[1] if found else setting.value, "(?ms)")
    for stanza, settings in read(DEFAULT / "transforms.conf", "", "").stanzas.items():
        if "REGEX" in settings:
            yield Run(f"transforms [{stanza}]", settings["REGEX"].value)


def _of_snippet() -> Iterator[Run]:
    """What the page offers to who brings the same events by other means."""
    page = (ROOT / "docs" / "coexistence.md").read_text(encoding="utf-8")
    for key, value in re.findall(r"^([A-Z_]+) = (.*)$", page, re.MULTILINE):
        if key in PROPS:
            yield Run(f"docs/coexistence.md {key}", value)


def _of_search(place: str, text: str) -> Iterator[Run]:
    tokens = tokenize(_ARGUMENT.sub(ANY_ARGUMENT, text))
    for number, token in enumerate(tokens):
        if token.kind == "subsearch":
            yield from _of_search(place, token.text)
        elif token.kind == WORD and token.text in COMMANDS and _begins(tokens, number):
            yield Run(f"{place}: {token.text}", next(one.text for one in tokens[number:] if one.kind == STRING))
        elif token.kind == WORD and tokens[number + 1 : number + 2] and tokens[number + 1].is_mark("("):
            name = re.split(r"\W", token.text)[-1]
            if name in FUNCTIONS:
                argument = _argument(tokens, number + 2, FUNCTIONS[name])
                assert argument.kind == STRING, f"{place}: the pattern of {name}() is put together"
                yield Run(f"{place}: {name}()", unescape(f'"{argument.text}"'))


def _begins(tokens: list[Token], number: int) -> bool:
    return number == 0 or tokens[number - 1].is_mark("|")


def _argument(tokens: list[Token], number: int, wanted: int) -> Token:
    """Return the first token of an argument of the function whose arguments begin at a place."""
    depth = 0
    while wanted:
        token = tokens[number]
        if token.kind == MARK:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            wanted -= token.text == "," and depth == 0
        number += 1
    return tokens[number]


def tree_of(source: str) -> Any:
    """Return a pattern as Python reads it, which knows possessive repetitions from 3.11 on."""
    return parser.parse(PYTHON_NAME.sub("(?P<", source), re.ASCII)


def can_go_back(tree: Any) -> bool:
    """Return whether a repetition without an end holds an alternation or a repetition, and is not possessive.

    Each round of such a one is a place that PCRE may come back to, and counts against its limits. Of a character, or of
    one of a class, none does.
    """
    for operator, argument in tree:
        kind = str(operator).lower()
        if kind in ("max_repeat", "min_repeat") and argument[1] == constants.MAXREPEAT and _is_group(argument[2]):
            return True
        if any(can_go_back(inner) for inner in _inside(kind, argument)):
            return True
    return False


def _is_group(body: Any) -> bool:
    return len(body) > 1 or str(body[0][0]).lower() in ("branch", "subpattern", "max_repeat", "min_repeat")


def _inside(kind: str, argument: Any) -> list[Any]:
    if kind in ("max_repeat", "min_repeat", "possessive_repeat"):
        return [argument[2]]
    if kind == "branch":
        return list(argument[1])
    if kind == "atomic_group":
        return [argument]
    return [argument[-1]] if kind in ("subpattern", "assert", "assert_not") else []
