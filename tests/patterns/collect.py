"""Finds every regular expression in the code that ships, and how it is used."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standins.places import ROOT

BIN = ROOT / "bin"
SCRIPTS = ROOT / "appserver" / "static" / "js" / "build" / "custom"
METHODS = ("match", "fullmatch", "search", "findall", "finditer", "split", "sub", "subn")

PASSED_ON: Mapping[str, str] = {
    "events.drop_rules._BARE": "match",
    "events.drop_rules._COMMENT": "match",
    "events.drop_rules._OPERATOR": "match",
    "events.drop_rules._SPACE": "match",
    "events.drop_rules._WORD": "match",
    "packets.download._FIELD": "match",
    "packets.download._FLOW": "match",
    "packets.download._TIME": "match",
}
"""Patterns that a function is given, which does this with them."""

IN_INSTANCES: Mapping[str, str] = {"events.facts._Member": "match"}
"""Classes whose instances hold patterns, all of them made where the module begins, and what is done with these."""

_SCRIPT_PATTERN = re.compile(r"[=(,:]\s*/((?:[^/\\\n*]|\\.)(?:[^/\\\n]|\\.)*)/([a-z]*)")
_SCRIPT_MADE = re.compile(r"new RegExp\(`([^`]*)`")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True)
class Used:
    """A pattern as it is used: where, the pattern, and the method that is called with a text."""

    place: str
    pattern: re.Pattern[Any]
    method: str

    def __str__(self) -> str:
        return f"{self.place}.{self.method}"


def in_python() -> Iterator[Used]:
    """Yield every use of a pattern in bin/. Raises AssertionError for one whose pattern or method is not found."""
    for path in sorted(BIN.rglob("*.py")):
        yield from _Module(path).uses()


class _Module:
    def __init__(self, path: Path) -> None:
        self._path = path
        parts = path.relative_to(BIN).with_suffix("").parts
        self._name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self._room = self._name.partition("estreamer.")[2] or self._name
        self._tree = ast.parse(path.read_text(encoding="utf-8"))

    def uses(self) -> Iterator[Used]:
        methods = self._methods()
        for node in ast.walk(self._tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.")):
                continue
            called = ast.unparse(node.func)[3:]
            place = f"{self._room}:{node.lineno}"
            if called in METHODS:
                yield Used(place, re.compile(self._literal(node.args[0], place)), called)
            elif called != "escape":
                assert called == "compile", f"{place}: re.{called} is not known here"
        yield from self._in_instances()
        for name, value in self._compiled():
            found = methods.get(name) or {PASSED_ON.get(f"{self._room}.{name}", "")}
            assert found != {""}, f"{self._room}.{name}: say in PASSED_ON what is done with it"
            for pattern in _patterns(value):
                yield from (Used(f"{self._room}.{name}", pattern, method) for method in sorted(found))

    def _methods_of_instances(self) -> list[ast.AST]:
        """The methods of the classes in `IN_INSTANCES`."""
        classes = [
            one
            for one in self._tree.body
            if isinstance(one, ast.ClassDef) and f"{self._room}.{one.name}" in IN_INSTANCES
        ]
        return [method for one in classes for method in one.body]

    def _in_instances(self) -> Iterator[Used]:
        names = {
            name.rpartition(".")[2]: method
            for name, method in IN_INSTANCES.items()
            if self._room == name.rpartition(".")[0]
        }
        for name, value in vars(importlib.import_module(self._name)).items() if names else ():
            method = names.get(type(value).__name__)
            for attribute, pattern in vars(value).items() if method else ():
                if isinstance(pattern, re.Pattern):
                    yield Used(f"{self._room}.{name}.{attribute}", pattern, str(method))

    def _methods(self) -> dict[str, set[str]]:
        """What is called on a name, or on what is taken from it by its key."""
        found: dict[str, set[str]] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                if isinstance(owner, ast.Name):
                    found.setdefault(owner.id, set()).add(node.attr)
        return found

    def _compiled(self) -> Iterator[tuple[str, Any]]:
        """Names of the module that hold compiled patterns, by the sources, with what they hold."""
        for node in self._tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and value is not None and "re.compile(" in ast.unparse(value):
                calls = [
                    one
                    for one in ast.walk(value)
                    if isinstance(one, ast.Call) and ast.unparse(one.func) == "re.compile"
                ]
                texts = [self._constant(one.args[0]) for one in calls]
                if None not in texts:
                    flags = [re.RegexFlag(0)] * len(calls)
                    for n, one in enumerate(calls):
                        for flag in one.args[1:]:
                            flags[n] |= eval(ast.unparse(flag), {"re": re})  # noqa: S307 - our own sources
                    yield target.id, [re.compile(text, flag) for text, flag in zip(texts, flags)]
                else:
                    yield target.id, getattr(importlib.import_module(self._name), target.id)
        inside = {
            one.lineno
            for function in ast.walk(self._tree)
            if isinstance(function, (ast.FunctionDef, ast.ClassDef))
            and f"{self._room}.{function.name}" not in IN_INSTANCES
            and function not in self._methods_of_instances()
            for one in ast.walk(function)
            if isinstance(one, ast.Call) and ast.unparse(one.func) == "re.compile"
        }
        assert not inside, f"{self._room}: compile patterns where the module begins, not at {sorted(inside)}"

    @staticmethod
    def _constant(node: ast.expr) -> str | bytes | None:
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) else None

    def _literal(self, node: ast.expr, place: str) -> str | bytes:
        found = self._constant(node)
        assert found is not None, f"{place}: a pattern that is put together is not tested; compile it with a name"
        return found


def _patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _patterns(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _patterns(one)


def in_scripts() -> Iterator[Used]:
    """Yield the patterns of the pages' scripts, each as if a text was searched for all that it matches."""
    for path in sorted(SCRIPTS.glob("*.js")):
        source = path.read_text(encoding="utf-8")
        found = [(one[1], one[2]) for one in _SCRIPT_PATTERN.finditer(source)]
        found += [(_PLACEHOLDER.sub("8000", one[1]), "") for one in _SCRIPT_MADE.finditer(source)]
        for text, letters in found:
            flags = (re.IGNORECASE if "i" in letters else 0) | (re.DOTALL if "s" in letters else 0)
            yield Used(f"{path.name} /{text}/", re.compile(text, flags | re.ASCII), "findall")


if sys.version_info >= (3, 11):
    from re import _constants as constants
    from re import _parser as parser
else:
    import sre_constants as constants
    import sre_parse as parser

__all__ = ["BIN", "PASSED_ON", "SCRIPTS", "Used", "constants", "in_python", "in_scripts", "parser"]
