"""Takes comments out of a search and expands its macros. Source: macros.conf.spec, "Use search macros in searches"
and "Add comments to searches" of the Search Manual."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from standins.search.evals import EvalError, parse

from .errors import SplError

_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|```.*?```|`[^`]*`', re.DOTALL)
_CALL = re.compile(r"\s*([^()\s]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_ARGUMENT = re.compile(
    r'\s*("(?:\\.|[^"\\])*"|(?:[^,()"]|\((?:[^()]|\([^()]*\))*\)|"(?:\\.|[^"\\])*")*)\s*(,|$)', re.DOTALL
)
_DEEPEST = 100


@dataclass(frozen=True)
class Macro:
    """A search macro: a stanza of macros.conf."""

    definition: str
    arguments: tuple[str, ...] = ()
    validation: str | None = None
    error_message: str = ""
    is_eval: bool = False


FindMacro = Callable[[str, int], "Macro | None"]


def expand(source: str, find: FindMacro, depth: int = 0) -> str:
    """Return the search without comments and with every macro replaced, also macros inside of macros."""
    if depth > _DEEPEST:
        raise SplError("the macros call each other without end")

    def replace(found: re.Match[str]) -> str:
        piece = found.group()
        if piece.startswith('"'):
            return piece
        if piece.startswith("```"):
            return " "
        return expand(_expansion(piece[1:-1], find), find, depth + 1)

    return _PIECE.sub(replace, source)


def _expansion(call: str, find: FindMacro) -> str:
    found = _CALL.fullmatch(call)
    if not found:
        raise SplError(f"{call!r} is not a macro")
    name, given = found.groups()
    values = _values(given or "")
    macro = find(name, len(values))
    if macro is None:
        raise SplError(f"unknown macro {name}" + (f"({len(values)})" if values else ""))
    if len(macro.arguments) != len(values):
        raise SplError(f"the macro {name} has {len(macro.arguments)} arguments, not {len(values)}")
    arguments = dict(zip(macro.arguments, values))
    _validate(name, macro, arguments)
    definition = _substitute(macro.definition, arguments)
    return _evaluated(name, definition) if macro.is_eval else definition


def _values(given: str) -> list[str]:
    if not given.strip():
        return []
    values, position = [], 0
    while True:
        found = _ARGUMENT.match(given, position)
        if not found:
            raise SplError(f"the arguments of a macro are not understood: {given!r}")
        value = found.group(1).strip()
        if value.startswith('"') and value.endswith('"') and len(value) > 1:
            value = value[1:-1].replace('\\"', '"')
        values.append(value)
        position = found.end()
        if not found.group(2):
            return values


def _substitute(text: str, arguments: dict[str, str]) -> str:
    for name, value in arguments.items():
        text = text.replace(f"${name}$", value)
    return text


def _validate(name: str, macro: Macro, arguments: dict[str, str]) -> None:
    if not macro.validation:
        return
    try:
        expression = parse(_substitute(macro.validation, arguments))
        result = expression.evaluate(arguments)
    except EvalError as error:
        raise SplError(f"the validation of the macro {name}: {error}") from error
    if expression.is_condition and result is not True:
        raise SplError(f"the macro {name}: {macro.error_message}")
    if not expression.is_condition and result is not None:
        raise SplError(f"the macro {name}: {result}")


def _evaluated(name: str, definition: str) -> str:
    try:
        result = parse(definition).evaluate({})
    except EvalError as error:
        raise SplError(f"the definition of the macro {name}: {error}") from error
    if not isinstance(result, str):
        raise SplError(f"the definition of the macro {name} does not evaluate to a text")
    return result
