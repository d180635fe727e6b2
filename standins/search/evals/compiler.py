"""Reads an expression by its grammar and compiles it to closures."""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree, UnexpectedInput

from . import conditions, documents, multivalues, numbers, strings, times
from .nodes import ANY, BOOLEAN, NUMBER, STRING, Function, Node, Special, call, check_boolean, check_value, union
from .values import EvalError, Numeral, Row, compare, is_number, measured, number, special, text, typed

FUNCTIONS: Mapping[str, Function] = {
    **conditions.FUNCTIONS,
    **documents.FUNCTIONS,
    **multivalues.FUNCTIONS,
    **numbers.FUNCTIONS,
    **strings.FUNCTIONS,
    **times.FUNCTIONS,
}
SPECIALS: Mapping[str, Special] = {
    **conditions.SPECIALS,
    **multivalues.SPECIALS,
    **numbers.SPECIALS,
    **strings.SPECIALS,
    **times.SPECIALS,
}

_LEFT_OPEN = frozenset({"true", "false", "null"})
_ESCAPE = re.compile(r'\\(["\\ntr])')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PRECISE = frozenset("*/")
"""The operators whose result is rounded to the figures of the least precise number ("Rounding" in "eval")."""
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
}


@functools.lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True)


def compile_expression(source: str) -> Node:
    """Compile an expression. Raises EvalError with the position, counted from 0, of what is wrong."""
    if not source.strip():
        raise EvalError("the expression is empty")
    try:
        tree = _parser().parse(source)
    except UnexpectedInput as error:
        position = error.pos_in_stream or 0
        if getattr(getattr(error, "token", None), "type", "") == "$END":
            raise EvalError(f"the expression ends too early: {source!r}", len(source)) from None
        raise EvalError(f"{source[position : position + 20]!r} is not expected in {source!r}", position) from None
    return _compile(tree)


def unescape(quoted: str) -> str:
    """Return the text of a string in quotes; a backslash before any other character stays."""
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group(1)), quoted[1:-1])


def _compile(tree: Any) -> Node:
    compile_one = _RULES[tree.data]
    try:
        return compile_one(tree)
    except EvalError as error:
        if error.position is not None:
            raise
        raise EvalError(str(error), tree.meta.start_pos) from None


def _number(tree: Tree[Token]) -> Node:
    digits = str(tree.children[0])
    value = int(digits) if digits.isdigit() else Numeral(digits)
    return Node(NUMBER, frozenset(), lambda row, now: value, value)


def _string(tree: Tree[Token]) -> Node:
    value = unescape(str(tree.children[0]))
    return Node(STRING, frozenset(), lambda row, now: value, value)


def field_node(name: str) -> Node:
    """Compile the reading of a field."""
    return Node(ANY, frozenset({name}), lambda row, now: typed(row.get(name)))


def _bare_null(row: Row, now: float) -> Any:
    """Return null, as `eval c=null` on the page "outputlookup" does. Raises EvalError where `null` could be a field."""
    if row.get("null") is not None:
        raise EvalError("null without parentheses is left open where there is a field null")
    return None


def _field(tree: Tree[Token]) -> Node:
    name = str(tree.children[0])
    if name == "null":
        return Node(ANY, frozenset(), _bare_null)
    if name.lower() in _LEFT_OPEN:
        raise EvalError(f"{name} without parentheses is left open: write {name}(), or '{name}' for a field")
    return field_node(name)


def _quoted(tree: Tree[Token]) -> Node:
    return field_node(str(tree.children[0])[1:-1].replace("\\'", "'"))


def _logical(what: str, decide: Callable[[list[Any]], Any]) -> Callable[[Tree[Token]], Node]:
    def compile_logical(tree: Tree[Token]) -> Node:
        nodes = [_compile(child) for child in tree.children]
        for node in nodes:
            check_boolean(what, node)
        runs = [node.run for node in nodes]
        return Node(BOOLEAN, union(nodes), lambda row, now: decide([run(row, now) for run in runs]))

    return compile_logical


def _and(values: list[Any]) -> bool | None:
    return False if False in values else None if None in values else True


def _or(values: list[Any]) -> bool | None:
    return True if True in values else None if None in values else False


def _xor(values: list[Any]) -> bool | None:
    return None if None in values else bool(sum(values) % 2)


def _not(values: list[Any]) -> bool | None:
    return None if values[0] is None else not values[0]


def _comparison(tree: Tree[Token]) -> Node:
    left, operation, right = tree.children
    nodes = [_compile(left), _compile(right)]
    if (nodes[0].kind == BOOLEAN) != (nodes[1].kind == BOOLEAN):
        raise EvalError("a truth value can be compared with nothing but a truth value")
    test = _COMPARISONS[str(operation)]
    one, other = (node.run for node in nodes)
    return Node(BOOLEAN, union(nodes), lambda row, now: compare(test, one(row, now), other(row, now)))


def _like(tree: Tree[Token]) -> Node:
    return call("like", FUNCTIONS["like"], [_compile(child) for child in tree.children])


def _member(tree: Tree[Token]) -> Node:
    subject, candidates = tree.children
    return call("in", FUNCTIONS["in"], [_compile(subject), *map(_compile, candidates.children)])  # type: ignore[union-attr]


def _add(left: Any, right: Any) -> Any:
    """Add two numbers or join two texts; if a text is not a number, the other operand becomes a text."""
    if left is None or right is None or isinstance(left, tuple) or isinstance(right, tuple):
        return None
    if is_number(left) and is_number(right):
        return left + right
    if is_number(left) != is_number(right) and number(left) is not None and number(right) is not None:
        raise EvalError(f"'+' of a number and the text of a number is left open: {left!r} + {right!r}")
    return text(left) + text(right)


def _exact(value: Any) -> Any:
    return value.exact if isinstance(value, Numeral) else value


def _calculation(operation: str) -> Callable[[Any, Any], Any]:
    calculate = _ARITHMETIC[operation]

    def apply(left: Any, right: Any) -> Any:
        one, other = number(left), number(right)
        if one is None or other is None:
            return None
        try:
            result = special(calculate(_exact(one), _exact(other)))
        except ZeroDivisionError:
            return None
        except (ValueError, OverflowError):
            return "nan"
        figures = [found for value in (one, other) if (found := getattr(value, "figures", None))]
        if figures and operation in _PRECISE and not isinstance(result, str):
            return measured(float(result), min(figures))
        return result

    return apply


def _arithmetic(tree: Tree[Token]) -> Node:
    left, token, right = tree.children
    operation = str(token)
    nodes = [_compile(left), _compile(right)]
    kinds = {node.kind for node in nodes}
    for node in nodes:
        check_value(f"'{operation}'", node)
    if STRING in kinds and (operation != "+" or (NUMBER in kinds and all(node.literal is not None for node in nodes))):
        raise EvalError(f"the operator '{operation}' is given a text where it takes a number")
    one, other = (node.run for node in nodes)
    apply = _add if operation == "+" else _calculation(operation)
    kind = NUMBER if operation != "+" or kinds == {NUMBER} else ANY
    return Node(kind, union(nodes), lambda row, now: apply(one(row, now), other(row, now)))


def _negated(value: Any) -> Any:
    if isinstance(value, Numeral):
        return Numeral(value.text[1:] if value.text.startswith("-") else "-" + value.text.lstrip("+"))
    return None if value is None else -value


def _negative(tree: Tree[Token]) -> Node:
    node = _compile(tree.children[1])
    check_value("'-'", node)
    if node.kind == STRING:
        raise EvalError("the operator '-' is given a text where it takes a number")
    run = node.run

    def negate(row: Row, now: float) -> Any:
        return _negated(number(run(row, now)))

    return Node(NUMBER, node.fields, negate, _negated(node.literal))


def _positive(tree: Tree[Token]) -> Node:
    node = _compile(tree.children[1])
    check_value("'+'", node)
    if node.kind == STRING:
        raise EvalError("the operator '+' is given a text where it takes a number")
    run = node.run
    return Node(NUMBER, node.fields, lambda row, now: number(run(row, now)), node.literal)


def _concatenation(tree: Tree[Token]) -> Node:
    nodes = [_compile(child) for child in tree.children]
    for node in nodes:
        check_value("'.'", node)
    one, other = (node.run for node in nodes)

    def join(row: Row, now: float) -> Any:
        left, right = one(row, now), other(row, now)
        if left is None or right is None or isinstance(left, tuple) or isinstance(right, tuple):
            return None
        return text(left) + text(right)

    return Node(STRING, union(nodes), join)


def _call(tree: Tree[Token]) -> Node:
    token, given = tree.children
    name = str(token).lower()
    arguments = [_compile(child) for child in given.children] if given is not None else []  # type: ignore[union-attr]
    if name in SPECIALS:
        return SPECIALS[name](name, arguments)
    if name in FUNCTIONS:
        return call(name, FUNCTIONS[name], arguments)
    raise EvalError(f"unknown function {token}()")


_RULES: dict[str, Callable[[Any], Node]] = {
    "exclusive": _logical("XOR", _xor),
    "either": _logical("OR", _or),
    "both": _logical("AND", _and),
    "invert": _logical("NOT", _not),
    "comparison": _comparison,
    "like": _like,
    "member": _member,
    "arithmetic": _arithmetic,
    "concatenation": _concatenation,
    "negative": _negative,
    "positive": _positive,
    "number": _number,
    "string": _string,
    "quoted": _quoted,
    "field": _field,
    "call": _call,
}
