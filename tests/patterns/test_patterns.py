"""No regular expression of the code that ships can be kept busy: its cost grows as the text does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from .adversary import Recipe, recipes
from .collect import PASSED_ON, SCRIPTS, Used, constants, in_python, in_scripts, parser
from .growth import FACTOR, grows_linearly

USED = [*in_python(), *in_scripts()]

SIZES = (*range(12, 128, 4), 128, 256, 512, 1024, 2048, 4096, 8192, 16_384)
"""What takes time without end shows itself while it is short."""

QUICK = 0.03
"""CPU seconds: below, no pattern that is not linear takes 16,384 characters; above, growth is measured."""

SMALL = 2048


def busy(pattern: re.Pattern[Any], method: str) -> Recipe | None:
    """Return a text that a pattern takes more than linear time for, None if there is none."""
    return next((recipe for recipe in recipes(pattern) if not _is_quick(pattern, method, recipe)), None)


def _is_quick(pattern: re.Pattern[Any], method: str, recipe: Recipe) -> bool:
    def run(length: int) -> None:
        text: str | bytes = recipe.text(length)
        if isinstance(pattern.pattern, bytes):
            text = str(text).encode("latin-1", "replace")
        called: Callable[..., Any] = getattr(pattern, method)
        if method in ("sub", "subn"):
            called(text[:0], text)
        elif method == "finditer":
            list(called(text))
        else:
            called(text)

    for size in SIZES:
        begin = time.thread_time()
        run(size)
        if time.thread_time() - begin > QUICK:
            return size > SMALL and grows_linearly(run, size // FACTOR)
    return True


@pytest.mark.parametrize("used", USED, ids=str)
def test_no_text_keeps_a_pattern_busy(used: Used) -> None:
    assert busy(used.pattern, used.method) is None


DELIMITED = ("events.repair._FLAT",)
"""Patterns that repeat a repetition whose rounds cannot be divided otherwise: each begins with a comma, and a text in
it ends at the first quote. The test above holds for them as well."""


@pytest.mark.parametrize("used", [one for one in USED if one.place not in DELIMITED], ids=str)
def test_no_pattern_repeats_a_repetition(used: Used) -> None:
    source = used.pattern.pattern
    tree = parser.parse(
        source.decode("latin-1") if isinstance(source, bytes) else source, used.pattern.flags & ~re.UNICODE
    )
    assert not nested(tree)


def nested(tree: Any, inside: bool = False) -> bool:
    """Return whether a repetition without a bound holds another one of more than one character."""
    for operator, argument in tree:
        kind = str(operator).lower()
        if kind in ("max_repeat", "min_repeat", "possessive_repeat"):
            least, most, body = argument
            endless = most == constants.MAXREPEAT
            if inside and least != most and (endless or most > 1):
                return True
            if nested(body, inside or endless):
                return True
        elif kind == "branch":
            if any(nested(one, inside) for one in argument[1]):
                return True
        elif kind in ("subpattern", "atomic_group", "assert", "assert_not"):
            if nested(argument if kind == "atomic_group" else argument[-1], inside):
                return True
    return False


def test_all_patterns_are_there() -> None:
    rooms = {re.sub(r":\d+$|\.\w+$", "", used.place) for used in USED}
    assert rooms >= {
        "connection.pkcs12",
        "events.drop_rules",
        "events.facts",
        "packets.find",
        "protocol.fully_qualified",
        "rest.handlers",
        "settings",
        "splunkd.log_file",
    }
    assert len(list(in_scripts())) == sum(
        path.read_text(encoding="utf-8").count(mark)
        for path in SCRIPTS.glob("*.js")
        for mark in (" = /", "(/", "new RegExp(")
    ) - sum(path.read_text(encoding="utf-8").count(" = /**") for path in SCRIPTS.glob("*.js"))
    assert set(PASSED_ON) <= {used.place for used in USED}


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(a+)+\Z", "match"),
        (r"(?:ab|a|b)*!", "match"),
        (r"(?:a|aa)*\Z", "match"),
        (r"\s+\Z", "search"),
        (r"[A-Za-z0-9+/\s]{16,}[=\s]*", "fullmatch"),
        (r'File "[^"]*?([^"/\\]+)", line (\d+)', "findall"),
        (r'"((?:[^"\\]|\\.)*)"\s*:\s*(?:"((?:[^"\\]|\\.)*)("?)|(-?\d+)\b)', "findall"),
        (r".*,.*,.*;", "search"),
    ],
)
def test_a_pattern_that_can_be_kept_busy_is_found(pattern: str, method: str) -> None:
    assert busy(re.compile(pattern), method) is not None
