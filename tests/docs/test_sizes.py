"""A function fits a screen and a class has one reason to change: as far as their lengths can show it."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from standins.places import ROOT

MOST_OF_A_FUNCTION = 40
MOST_OF_A_CLASS = 200
"""Lines, from `def` or `class` to the last one. Decorators do not count; docstrings and comments do."""

REASON = f"Longer than {MOST_OF_A_CLASS} lines:"
"""How the sentence begins, in the first paragraph of a class's docstring, that says why it is longer."""

IN_WORK: set[str] = set()
"""What is still too long, and is being taken apart: nothing comes in here."""

FILES = [
    *(path for folder in ("bin", "standins", "bench", "tools") for path in sorted((ROOT / folder).rglob("*.py"))),
    ROOT / "conftest.py",
]


class Long(NamedTuple):
    """A function or class that is too long: its name, with those that it stands in, and its lines."""

    name: str
    lines: int


def too_long(node: ast.AST, within: str = "") -> Iterator[Long]:
    """Yield each function and class below a node that is longer than it may be without a reason."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from too_long(child, within)
            continue
        lines = (child.end_lineno or child.lineno) - child.lineno + 1
        most = MOST_OF_A_CLASS if isinstance(child, ast.ClassDef) else MOST_OF_A_FUNCTION
        if lines > most and not (isinstance(child, ast.ClassDef) and has_reason(child)):
            yield Long(within + child.name, lines)
        yield from too_long(child, f"{within}{child.name}.")


def has_reason(node: ast.ClassDef) -> bool:
    """Tell whether the first paragraph of a class's docstring says why it is long."""
    first = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    before, found, reason = first.partition(REASON)
    return bool(found and reason.strip()) and (not before or before.endswith(". "))


def found_in(paths: list[Path]) -> dict[str, int]:
    """Return the lines of each function and class that is too long, by file and name."""
    return {
        f"{path.relative_to(ROOT).as_posix()}: {one.name}": one.lines
        for path in paths
        for one in too_long(ast.parse(path.read_text(encoding="utf-8")))
    }


def test_no_function_and_no_class_is_too_long():
    assert len(FILES) > 200
    assert {name: lines for name, lines in found_in(FILES).items() if name not in IN_WORK} == {}


def test_nothing_is_said_to_be_in_work_that_is_short_already():
    assert IN_WORK - set(found_in(FILES)) == set()


def planted(head: str, docstring: str, lines: int) -> list[Long]:
    """Return what is found in a class or function of so many lines, with this docstring if it is not empty."""
    body = ([f'"""{docstring}"""'] if docstring else []) + ["pass"]
    missing = lines - 1 - sum(part.count("\n") + 1 for part in body)
    body += ["pass"] * missing
    source = f"{head}\n" + textwrap.indent("\n".join(body), "    ") + "\n"
    return list(too_long(ast.parse(source)))


def test_function_of_one_line_too_many_is_found_wherever_it_stands():
    assert planted("def one():", "", 40) == []
    assert planted("def one():", "", 41) == [("one", 41)]
    assert planted("async def one():", "", 41) == [("one", 41)]
    # No reason lengthens a function.
    assert planted("def one():", f"Do it. {REASON} it is long.", 41) == [("one", 41)]
    long = "\n".join(["def inner():", *["    pass"] * 40])
    for frame, name in (
        ("class Outer:\n", "Outer.inner"),
        ("def outer():\n", "outer.inner"),
        ("if True:\n", "inner"),
        ("try:\n    pass\nfinally:\n", "inner"),
    ):
        found = list(too_long(ast.parse(frame + textwrap.indent(long, "    "))))
        assert (name, 41) in found, frame


def test_class_of_one_line_too_many_is_found_unless_its_head_says_why():
    assert planted("class One:", "", 200) == []
    assert planted("class One:", "", 201) == [("One", 201)]
    assert planted("class One:", "It is one.", 201) == [("One", 201)]
    assert planted("class One:", f"It is one. {REASON} it is the only place for it.", 201) == []
    assert planted("class One:", "It is one. Longer than 200\n    lines: it is the only place for it.", 201) == []
    # A reason at its head only, with something in it, as a sentence of its own.
    for docstring in (f"It is one.\n\n    {REASON} it is.", f"It is one. {REASON}", f"It is not {REASON} it is."):
        assert planted("class One:", docstring, 201) == [("One", 201)], docstring
