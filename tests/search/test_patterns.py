"""No regular expression that Splunk runs for the add-on reaches PCRE's limits, whatever the text is."""

from __future__ import annotations

import re

import pytest

from standins.search import pcre
from tests.patterns.adversary import recipes
from tests.search.patterns import (
    DEFAULT,
    FUNCTIONS,
    PYTHON_NAME,
    Run,
    all_patterns,
    can_go_back,
    searches,
    tree_of,
)

PATTERNS = all_patterns()
SHAPES = list({re.sub(r"(?<=sfw_long_)\w+(?=>)|^\"\w+", "", run.source): run for run in PATTERNS}.values())
"""Of patterns that differ in a field's name only, one."""

CHARACTERS = 8000
ESCAPES = 3000

EVENT = '{"EventType":"ConnectionEvent", "URL":"%s", "FirstPacketSecond":1, "Impact":1}'
LINE = '2026-11-20 10:00:00,000 log_level=ERROR | action=x problem="%s" code=y'
FRAMES = ("%s", f"{EVENT}", f"{LINE}", '"%s', "http://%s", "MITRE>ATT&CK Framework>%s", "a|%s")
"""What stands around a text."""

FILLERS = (
    *("x" * CHARACTERS, "ä" * CHARACTERS, "𝄞" * CHARACTERS, "1" * CHARACTERS, " " * CHARACTERS, "," * CHARACTERS),
    *('\\"' * ESCAPES, "\\\\" * ESCAPES, ('\\"' + "x" * 5) * (CHARACTERS // 7), "\\" * CHARACTERS),
    *('"' * CHARACTERS, "} " * (CHARACTERS // 2), "a=b " * (CHARACTERS // 4), ' a="b"' * (CHARACTERS // 6)),
    *("a." * (CHARACTERS // 2), "@:/?#[]" * (CHARACTERS // 7), "M" * CHARACTERS, "MITRE" * (CHARACTERS // 5)),
    *('"EventType":"' * (CHARACTERS // 13), '"LastPacketSecond":0' * (CHARACTERS // 20), "\n" * CHARACTERS),
)


def reaches(run: Run, text: str) -> str | None:
    """Return which limit a pattern reaches on a text, looking for all matches, by characters and by bytes."""
    for utf in (True, False):
        try:
            for _ in pcre.compile(run.prefix + run.source, utf=utf).finditer(text):
                pass
        except pcre.LimitReached as problem:
            return str(problem)[-400:]
    return None


@pytest.mark.parametrize("run", SHAPES, ids=str)
def test_no_text_makes_a_pattern_reach_a_limit(run: Run) -> None:
    field = re.findall(r'^"(\w+)"', run.source)
    frames = (*FRAMES, *(f'{{"{name}":"%s"}}' for name in field))
    texts = [frame.replace("%s", filler) for frame in frames for filler in FILLERS]
    assert [found for found in (reaches(run, text) for text in texts) if found] == []


@pytest.mark.parametrize("run", SHAPES, ids=str)
def test_nor_does_a_text_that_almost_matches(run: Run) -> None:
    pattern = re.compile(PYTHON_NAME.sub("(?P<", run.prefix + run.source), re.ASCII)
    texts = [recipe.text(CHARACTERS) for recipe in recipes(pattern)]
    assert texts
    assert [found for found in (reaches(run, text) for text in texts) if found] == []


@pytest.mark.parametrize("run", PATTERNS, ids=str)
def test_no_pattern_repeats_what_it_may_come_back_to(run: Run) -> None:
    assert not can_go_back(tree_of(run.source))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (r'"(?:[^"\\]|\\.)*"', True),
        (r'"[^"\\]*(?:\\.[^"\\]*)*"', True),
        (r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', False),
        (r"(?: \w+=\S+)*? x", True),
        (r"(?<path>(?:(?!MITRE>).)+)", True),
        (r"^[\w-]+(:\d+){3}$", False),
        (r"(?>(?:ab|c)*)", True),
        (r"(?=(?:ab)+)", True),
        (r"(?:[^,]*+,){100}", False),
        (r"[^/?#@]*@.*$", False),
    ],
)
def test_a_pattern_that_may_come_back_is_told_from_others(source: str, found: bool) -> None:
    assert can_go_back(tree_of(source)) is found


def test_all_patterns_are_there() -> None:
    """Each place where a pattern can stand, counted by its word, has been found."""
    places = [run.place for run in PATTERNS]
    for word in FUNCTIONS:
        written = sum(len(re.findall(rf"\b{word}\(", text)) for _, text in searches())
        assert sum(place.endswith(f": {word}()") for place in places) == written > 0, word
    for word in ("rex", "regex"):
        written = sum(len(re.findall(rf"(?:^|\|\s*){word} ", text)) for _, text in searches())
        assert sum(place.endswith(f": {word}") for place in places) == written, word
    props = (DEFAULT / "props.conf").read_text(encoding="utf-8")
    assert sum(place.startswith("props") and "EXTRACT-" in place for place in places) == props.count("\nEXTRACT-")
    assert sum("TIME_PREFIX" in place for place in places) == 2
    for conf in sorted(DEFAULT.glob("*.conf")):
        if conf.stem not in ("props", "macros", "savedsearches"):
            assert not re.search(r"\b(?:rex|regex|match\(|replace\(|mvfind\()", conf.read_text(encoding="utf-8")), conf
    transforms = (DEFAULT / "transforms.conf").read_text(encoding="utf-8")
    assert sum(place.startswith("transforms") for place in places) == transforms.count("\nREGEX") > 0
