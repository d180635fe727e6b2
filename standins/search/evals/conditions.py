"""Comparison and conditional functions. Source: "Comparison and Conditional functions" of the Search Reference."""

from __future__ import annotations

import functools
import ipaddress
import operator
from typing import Any

from .nodes import ANY, BOOLEAN, Function, Node, Special, check_boolean, check_count, union
from .patterns import like_pattern, pattern
from .values import EvalError, Row, compare, is_number, text, texts


def _branch_kind(nodes: list[Node]) -> str:
    kinds = {node.kind for node in nodes}
    return kinds.pop() if len(kinds) == 1 else ANY


def _if(name: str, arguments: list[Node]) -> Node:
    check_count(name, len(arguments), 3, 3)
    check_boolean("if()", arguments[0])
    condition, then, otherwise = (argument.run for argument in arguments)

    def run(row: Row, now: float) -> Any:
        return then(row, now) if condition(row, now) is True else otherwise(row, now)

    return Node(_branch_kind(arguments[1:]), union(arguments), run)


def _pairs(name: str, arguments: list[Node], wanted: bool) -> Node:
    if not arguments or len(arguments) % 2:
        raise EvalError(f"{name}() takes pairs of a condition and a value, not {len(arguments)} arguments")
    for condition in arguments[::2]:
        check_boolean(f"{name}()", condition)
    pairs = [(one.run, other.run) for one, other in zip(arguments[::2], arguments[1::2])]

    def run(row: Row, now: float) -> Any:
        for condition, value in pairs:
            if condition(row, now) is wanted:
                return value(row, now)
        return None

    return Node(_branch_kind(arguments[1::2]), union(arguments), run)


def _case(name: str, arguments: list[Node]) -> Node:
    return _pairs(name, arguments, True)


def _validate(name: str, arguments: list[Node]) -> Node:
    return _pairs(name, arguments, False)


def _coalesce(name: str, arguments: list[Node]) -> Node:
    check_count(name, len(arguments), 1, None)
    runs = [argument.run for argument in arguments]

    def run(row: Row, now: float) -> Any:
        for one in runs:
            value = one(row, now)
            if value is not None:
                return value
        return None

    return Node(_branch_kind(arguments), union(arguments), run)


def _searchmatch(name: str, arguments: list[Node]) -> Node:
    # The search language imports this package.
    from standins.search.spl.errors import SplError  # noqa: PLC0415
    from standins.search.spl.terms import terms  # noqa: PLC0415

    check_count(name, len(arguments), 1, 1)
    source = arguments[0].literal
    if not isinstance(source, str):
        raise EvalError(f"{name}() takes a search in quotes")
    try:
        test, fields = terms(source)
    except SplError as error:
        raise EvalError(f"{name}(): {error}") from error
    return Node(BOOLEAN, fields, lambda row, now: test(row))


def _nullif(one: Any, other: Any) -> Any:
    return None if compare(operator.eq, one, other) else one


def _in(value: Any, *candidates: Any) -> bool | None:
    if value is None:
        return None
    return any(compare(operator.eq, value, candidate) for candidate in candidates)


@functools.lru_cache(maxsize=4096)
def _network(source: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(source, strict=False)
    except ValueError as error:
        raise EvalError(f"{source!r} is not a network: {error}") from error


def cidr_match(network: Any, address: Any) -> bool:
    """Return whether an address is in a network; False for a text that is not an address."""
    wanted = _network(text(network))
    for one in texts(address):
        try:
            found = ipaddress.ip_address(one)
        except ValueError:
            continue
        if found.version == wanted.version and found in wanted:
            return True
    return False


def _match(subject: Any, regular_expression: Any) -> bool:
    wanted = pattern(text(regular_expression))
    return any(wanted.search(one) for one in texts(subject))


def like(subject: Any, wanted: Any) -> bool | None:
    """Match a text against a pattern with `%` and `_`, case by case."""
    if subject is None or wanted is None:
        return None
    compiled = like_pattern(text(wanted))
    return any(compiled.fullmatch(one) for one in texts(subject))


def _is_int(value: Any) -> bool:
    return is_number(value) and float(value).is_integer()


def _type_of(value: Any) -> str:
    if value is None:
        return "Invalid"
    if isinstance(value, tuple):
        return "Multivalue"
    if isinstance(value, bool):
        return "Boolean"
    return "Number" if is_number(value) else "String"


def _about(test: Any) -> Function:
    return Function(1, 1, BOOLEAN, test, nulls=True, booleans=True)


SPECIALS: dict[str, Special] = {
    "if": _if,
    "case": _case,
    "validate": _validate,
    "coalesce": _coalesce,
    "searchmatch": _searchmatch,
}

FUNCTIONS = {
    "nullif": Function(2, 2, ANY, _nullif, nulls=True),
    "null": Function(0, 0, ANY, lambda: None, nulls=True),
    "true": Function(0, 0, BOOLEAN, lambda: True),
    "false": Function(0, 0, BOOLEAN, lambda: False),
    "in": Function(2, None, BOOLEAN, _in, nulls=True),
    "match": Function(2, 2, BOOLEAN, _match),
    "like": Function(2, 2, BOOLEAN, like),
    "cidrmatch": Function(2, 2, BOOLEAN, cidr_match),
    "isnull": _about(lambda value: value is None),
    "isnotnull": _about(lambda value: value is not None),
    "isbool": _about(lambda value: isinstance(value, bool)),
    "isint": _about(_is_int),
    "isnum": _about(is_number),
    "isstr": _about(lambda value: isinstance(value, str)),
    "ismv": _about(lambda value: isinstance(value, tuple)),
    "typeof": Function(1, 1, "string", _type_of, nulls=True, booleans=True),
}
