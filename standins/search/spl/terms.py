"""Terms of a search that stand alone, as in an event type or in searchmatch(): no pipe, no subsearch, no time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .errors import SplError
from .predicates import Predicate, Search
from .tokens import MARK, SUBSEARCH, Token, tokenize


def terms(source: str) -> tuple[Predicate, frozenset[str]]:
    """Return the test of a row that the terms make, and the fields that they name. Raises SplError for other text."""
    tokens = tokenize(source)
    if not tokens or any(token.kind == SUBSEARCH or token.is_mark("|") for token in tokens):
        raise SplError(f"terms are needed, and neither pipes nor subsearches: {source!r}")
    compiled = Search(tokens, _no_subsearch, 0)
    if compiled.earliest is not None or compiled.latest is not None:
        raise SplError(f"terms are needed, and no time: {source!r}")
    return compiled.holds, frozenset(_fields(tokens))


def _fields(tokens: Sequence[Token]) -> Iterator[str]:
    for token, following in zip(tokens, tokens[1:]):
        compared = following.kind == MARK and not following.is_mark("(", ")", ",")
        if compared or (following.is_word("in") and following.text == "IN"):
            yield token.unescaped


def _no_subsearch(source: str) -> str:
    raise SplError(f"no subsearch is run here: {source!r}")
