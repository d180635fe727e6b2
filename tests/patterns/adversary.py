"""Makes texts that keep a regular expression busy: what each repetition of it takes, again and again, and then not."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .collect import constants, parser

SEEDS = 5
TAILS = ("", "\0", '"', "!", "x", "\n")
_SAMPLES = {
    "category_digit": "7",
    "category_not_digit": "a:",
    "category_space": " \t",
    "category_not_space": "a\\",
    "category_word": "a7_",
    "category_not_word": " :",
}
_USUAL = 'a7 Z:\\",.-'
_MOST_ATOMS = 8


@dataclass(frozen=True)
class Recipe:
    """A text of any length: a begin, a piece that is repeated, and an end."""

    begin: str
    piece: str
    end: str

    def text(self, length: int) -> str:
        return self.begin + self.piece * max(1, length // len(self.piece)) + self.end


def recipes(pattern: re.Pattern[Any]) -> list[Recipe]:
    """Return recipes of texts for a pattern, each once."""
    source = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    tree = parser.parse(source, pattern.flags & ~re.UNICODE & ~re.DEBUG)
    found: dict[Recipe, None] = {}
    atoms: dict[str, None] = {}
    for seed in range(SEEDS):
        walk = _Walk(random.Random(seed))
        walk.all(tree)
        for begin, piece in [*walk.repeated, ("", walk.text), ("", walk.text[:-1]), ("", walk.text[:-1] + "\0")]:
            if piece:
                found.update(dict.fromkeys(Recipe(begin, piece, end) for end in TAILS))
                found[Recipe("", begin + piece * 3, "\0")] = None
        atoms.update(dict.fromkeys(walk.text))
    chosen = list(atoms)[:_MOST_ATOMS]
    found.update(
        dict.fromkeys(Recipe("", one + other, end) for one in chosen for other in chosen for end in ("", "\0"))
    )
    return list(found)


class _Walk:
    """One text that the pattern matches, by chance; `repeated` has what stood before each repetition, and its piece."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.text = ""
        self.repeated: list[tuple[str, str]] = []

    def all(self, tree: Any) -> None:
        for operator, argument in tree:
            self._one(str(operator).lower(), argument)

    def _one(self, operator: str, argument: Any) -> None:
        if operator == "literal":
            self.text += chr(argument)
        elif operator == "not_literal":
            self.text += next(one for one in _USUAL if ord(one) != argument)
        elif operator == "any":
            self.text += self._chance.choice(_USUAL)
        elif operator == "in":
            self.text += self._member(argument)
        elif operator == "branch":
            self.all(self._chance.choice(argument[1]))
        elif operator == "subpattern":
            self.all(argument[-1])
        elif operator in ("max_repeat", "min_repeat", "possessive_repeat"):
            self._repeat(*argument)
        elif operator == "atomic_group":
            self.all(argument)
        # Places and looks ahead or behind take no characters.

    def _repeat(self, least: int, most: Any, body: Any) -> None:
        before = self.text
        self.all(body)
        piece = self.text[len(before) :]
        self.repeated.append((before, piece))
        times = max(least, 1) if most == constants.MAXREPEAT else self._chance.randint(least, min(most, least + 2))
        self.text = before + piece * times

    def _member(self, members: Any) -> str:
        options: list[str] = []
        negated = False
        for operator, argument in members:
            kind = str(operator).lower()
            if kind == "negate":
                negated = True
            elif kind == "literal":
                options.append(chr(argument))
            elif kind == "range":
                options += [chr(argument[0]), chr(argument[1])]
            elif kind == "category":
                options += _SAMPLES[str(argument).lower()]
        if negated:
            taken = set(_inside(members))
            options = [one for one in _USUAL if one not in taken]
        return self._chance.choice(options or ["a"])


def _inside(members: Any) -> Iterator[str]:
    for operator, argument in members:
        kind = str(operator).lower()
        if kind == "literal":
            yield chr(argument)
        elif kind == "range":
            yield from map(chr, range(argument[0], min(argument[1], argument[0] + 300) + 1))
        elif kind == "category":
            yield from _SAMPLES[str(argument).lower()]
