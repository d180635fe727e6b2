"""What a search consists of, told by the parser of the simulator: its commands, and the literals in them."""

from __future__ import annotations

from dataclasses import dataclass

from standins.search import spl
from standins.search.spl.macros import expand
from standins.search.spl.tokens import STRING, commands


@dataclass(frozen=True)
class Shape:
    """A search without its values: each command with its tokens, those in quotes as their kind alone, and macros.

    `literals` are what the quotes hold, as written between them.
    """

    commands: tuple[tuple[str, tuple[str, ...]], ...]
    macros: tuple[str, ...]
    literals: tuple[str, ...]


def shape(search: str) -> Shape:
    """Return the shape of a search. Raises SplError for one that Splunk's parser could not take apart."""
    called: list[str] = []

    def macro(name: str, arity: int) -> spl.Macro:
        called.append(f"{name}/{arity}")
        return spl.Macro("index=*")

    parsed = commands(expand(search, macro), implied_search=False)
    return Shape(
        tuple(
            (one.name, tuple(f"{t.kind}:{'' if t.kind == STRING else t.text}" for t in one.tokens)) for one in parsed
        ),
        tuple(called),
        tuple(token.text for one in parsed for token in one.tokens if token.kind == STRING),
    )
