"""Clock and files are handed in: modules of the add-on ask nobody else, and no test puts something in their place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from standins.places import ROOT

ESTREAMER = ROOT / "bin" / "estreamer"
TESTS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path.parent.name != "tools"]
"""The tests of the add-on; the tools are handed no clock and no files."""

PATCHED = {
    "tests/connection/test_endless.py: _Channel.unsent of tls": "OpenSSL never leaves bytes behind there by itself",
    "tests/connection/test_failures.py: _Channel.fill of tls": "an error of OpenSSL that no peer can bring about",
    "tests/faults/test_server_slow.py: Connection.send of tls": "a measurement of what the real one sends",
}
"""What tests still put in the place of `os`, `time` or `tls`, and why."""

FILES_OF = ("bookmark", "input/status.py", "outputs/files.py")
"""What writes files that must survive a crash, or be whole to whoever reads them."""

WITHOUT_FILES = {
    "path",
    "urandom",
    "getpid",
    "O_RDWR",
    "O_RDONLY",
    "O_WRONLY",
    "O_CREAT",
    "O_EXCL",
    "O_TRUNC",
    "O_APPEND",
}
"""What these may use of `os`: nothing of it asks the file system, as far as `os.path` joins and splits."""


def name_of(node: ast.expr) -> str:
    """A name with dots; what is no name has a text that is none."""
    return ast.unparse(node)


def patches(path: Path) -> Iterator[str]:
    """What a file puts in the place of `os`, `time` and `tls`, or of parts of them but limits."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[1], ast.Dict):
            # A module and names in it, for `mock.patch.multiple`.
            where = name_of(node.elts[0])
            names = [str(key.value) for key in node.elts[1].keys if isinstance(key, ast.Constant)]
            yield from (f"{name} in {where}" for name in names if name in ("os", "time", "tls"))
        elif isinstance(node, ast.Call) and re.search(r"\b(patch|setattr|patch\.object)$", name_of(node.func)):
            yield from patch_of(node)


def patch_of(call: ast.Call) -> Iterator[str]:
    constants = [one.value if isinstance(one, ast.Constant) else "" for one in call.args[:2]]
    if constants and isinstance(constants[0], str) and constants[0]:
        where, _, name = constants[0].rpartition(".")
    elif len(constants) == 2:
        where, name = name_of(call.args[0]), str(constants[1])
    else:
        return
    if name in ("os", "time", "tls"):
        yield f"{name} in {where}"
    elif re.match(r"(.*\.)?(os|time|tls)\b", where) and name != name.upper():
        module, _, part = re.sub(r".*\b(?=(os|time|tls)\b)", "", where).partition(".")
        yield f"{part}{'.' if part else ''}{name} of {module}"


def test_no_test_puts_anything_in_the_place_of_clock_files_or_connections():
    found = {f"{path.relative_to(ROOT)}: {patch}" for path in TESTS for patch in patches(path)}
    assert found == set(PATCHED)


@pytest.mark.parametrize(
    ("text", "patch"),
    [
        ('monkeypatch.setattr(os, "write", refuse)', "write of os"),
        ('monkeypatch.setattr(time, "monotonic", lambda: 0)', "monotonic of time"),
        ('monkeypatch.setattr(delivery, "time", clock)', "time in delivery"),
        ('monkeypatch.setattr("estreamer.bookmark.lock.os", disk)', "os in estreamer.bookmark.lock"),
        ('monkeypatch.setattr("os.write", refuse)', "write of os"),
        ('mock.patch("estreamer.input.loop.tls.connect", connect)', "connect of tls"),
        ('patch.object(tls.Connection, "send", measured)', "Connection.send of tls"),
        ('[(loop, {"tls": made})]', "tls in loop"),
    ],
)
def test_a_patch_is_found(tmp_path: Path, text: str, patch: str):
    (tmp_path / "test.py").write_text(text)
    assert list(patches(tmp_path / "test.py")) == [patch]


@pytest.mark.parametrize("text", ['monkeypatch.setattr(tls, "MOST_UNSENT", 5)', 'monkeypatch.setattr(loop, "A", 1)'])
def test_a_limit_made_smaller_is_no_patch_of_that_kind(tmp_path: Path, text: str):
    (tmp_path / "test.py").write_text(text)
    assert list(patches(tmp_path / "test.py")) == []


def asks_the_time(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return bool(re.search(r"^(import time|from time import)\b|datetime\.(now|utcnow|today)\(", text, re.MULTILINE))


def test_only_the_clock_asks_the_time():
    asking = {str(path.relative_to(ESTREAMER)) for path in ESTREAMER.rglob("*.py") if asks_the_time(path)}
    assert asking == {"clock.py"}


def test_what_must_survive_a_crash_asks_the_file_system_by_what_it_is_handed():
    files = [
        path
        for where in FILES_OF
        for path in ([ESTREAMER / where] if "." in where else (ESTREAMER / where).glob("*.py"))
    ]
    assert len(files) > 12
    used = {}
    for path in files:
        text = path.read_text(encoding="utf-8")
        asked = set(re.findall(r"\bos\.(\w+)", text)) - WITHOUT_FILES | set(
            re.findall(r"\bos\.path\.(?!join|dirname)\w+", text)
        )
        asked |= set(re.findall(r"\bshutil\b|(?<![.\w])(?<!def )open\(", text))
        if asked:
            used[str(path.relative_to(ESTREAMER))] = asked
    assert used == {}
