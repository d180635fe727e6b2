"""Documents on stdin that somebody made to do harm, given to the script itself: to run, and to check arguments.

Each one is refused by a code and one sentence, without traceback and without the session key, in bounded time and
memory. `tests/splunkd/test_documents.py` has what a mistaken document is told, case by case.
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from defusedxml import ElementTree
from estreamer.errors import Problem
from estreamer.splunkd import documents, modular_input

from standins.places import ROOT
from standins.splunkd.documents import Surroundings, run_document, validation_document

SCRIPT = ROOT / "bin" / "estreamer_fqe.py"
SESSION_KEY = "not-a-real-session-key"
AROUND = Surroundings("host", "https://127.0.0.1:9", SESSION_KEY, "/checkpoints")
STANZA = "estreamer_fqe://main"
TIME = 60.0
"""Seconds: a busy machine needs some for the start of a process alone."""
MEMORY = 768 * 1024 * 1024
"""Bytes of address space that the script may have; it asks for some 200 MiB at its start."""

MODES = {"run": [], "validate": ["--validate-arguments"]}


def document(mode: str, name: str | None = None, **params: str) -> str:
    given = {"account": "fmc", **params}
    if mode == "run":
        return run_document(AROUND, STANZA if name is None else f"estreamer_fqe://{name}", "app", given)
    return validation_document(AROUND, "main" if name is None else name, given)


def begun(mode: str) -> str:
    """The beginning of a document, as far as the session key, and where its parameters stand."""
    return document(mode).partition('<param name="account">')[0]


def body(mode: str) -> str:
    """A document without its declaration."""
    return document(mode).partition("?>\n")[2]


def ended(mode: str) -> str:
    return document(mode).partition("</param>")[2]


def bomb(mode: str) -> str:
    """Ten entities, each of ten of the one before."""
    entities = ['<!ENTITY e0 "aaaaaaaaaa">']
    entities += [f'<!ENTITY e{place} "{f"&e{place - 1};" * 10}">' for place in range(1, 10)]
    return f"<!DOCTYPE x [{''.join(entities)}]>{body(mode).replace('fmc', '&e9;')}"


def hostile(mode: str) -> dict[str, str | bytes]:
    """Documents to be refused."""
    whole = body(mode)
    item = "stanza" if mode == "run" else "item"
    return {
        "nothing": b"",
        "white space": b" \n" * 1000,
        "entities that expand without end": bomb(mode),
        "a large entity used often": f'<!DOCTYPE x [<!ENTITY e "{"a" * 9999}">]>' + whole.replace("fmc", "&e;" * 9999),
        "a file as entity": f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{whole.replace("fmc", "&e;")}',
        "an address as entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9">]>' + whole.replace("fmc", "&e;"),
        "an outer document type": f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{whole}',
        "parameter entities": f'<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>{whole}',
        "a declaration in UTF-16": bomb(mode).encode("utf-16"),
        "a declaration in UTF-16 without mark": bomb(mode).encode("utf-16-be"),
        "a declaration in UTF-7": f'<?xml version="1.0" encoding="UTF-7"?>{bomb(mode)}'.replace("<!", "+ADwAIQ-"),
        "another encoding": f'<?xml version="1.0" encoding="ISO-8859-1"?>{whole.replace("fmc", "fmé")}'.encode(
            "latin-1"
        ),
        "an unknown encoding": f'<?xml version="1.0" encoding="none-such"?>{whole}',
        "an entity that nobody declared": whole.replace("fmc", "&fmc;"),
        "a character that XML forbids": whole.replace("fmc", "f&#0;mc"),
        "a zero byte": whole.replace("fmc", "f\0mc"),
        "half a character": whole.encode().replace(b"fmc", b"f\xc3"),
        "the first half": whole[: len(whole) // 2],
        "two documents": whole + whole,
        "text behind it": whole + "x",
        "nested as deeply as fits": begun(mode) + "<a>" * ((documents.LARGEST_DOCUMENT - 2000) // 3),
        "nested as deeply as fits, and closed": begun(mode) + "<a>" * 140_000 + "</a>" * 140_000 + ended(mode),
        "as large as is read, and not closed": begun(mode) + " " * (documents.LARGEST_DOCUMENT - 2000),
        "larger than is read": whole.replace("fmc", "f" * documents.LARGEST_DOCUMENT),
        "attributes without end": whole.replace(
            f"<{item} ", f"<{item} " + " ".join(f'a{n}=""' for n in range(90_000)) + " "
        )
        + "x",
        "no stanza": begun(mode).partition(f"<{item}")[0] + ended(mode).partition(f"</{item}>")[2],
        "an empty name": document(mode, ""),
    }


def of_runs_only() -> dict[str, str | bytes]:
    whole = body("run")
    stanza = whole[whole.index("<stanza") : whole.index("</configuration>")]
    return {
        "many stanzas": whole.replace(stanza, "".join(stanza.replace("main", f"m{n}") for n in range(5000))),
        "the same stanza twice": whole.replace(
            stanza, stanza.replace("fmc", "other") + stanza.replace(STANZA, "x://y")
        ),
        "a line end in the name": document("run", "a&#10;b").replace("&amp;", "&"),
        "a direction mark in the name": document("run", "a\u202eb"),
        "another scheme": whole.replace(STANZA, "script://x"),
        "no session key": whole.replace(SESSION_KEY, ""),
    }


CASES = [(mode, case) for mode in MODES for case in hostile(mode)] + [("run", case) for case in of_runs_only()]
COSTLY = (
    "entities that expand without end",
    "a file as entity",
    "nested as deeply as fits",
    "nested as deeply as fits, and closed",
    "larger than is read",
    "attributes without end",
)


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def give(mode: str, stdin: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Start the script with a document; it has nothing but a home of its own."""
    (folder / "var" / "log" / "splunk").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *MODES[mode]],
        input=stdin,
        capture_output=True,
        timeout=TIME,
        env={**os.environ, "SPLUNK_HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limited,
        check=False,
    )
    assert SESSION_KEY.encode() not in done.stdout + done.stderr
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"Unexpected" not in done.stderr
    return done


def said(mode: str, done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the one sentence with which a document was refused."""
    assert done.returncode == 1
    if mode == "validate":
        assert done.stderr == b""
        return str(ElementTree.fromstring(done.stdout).findtext("message"))
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("ERROR ")
    assert line.endswith("(code=stdin_invalid)")
    return line


def data_of(mode: str, case: str) -> bytes:
    given = {**hostile(mode), **(of_runs_only() if mode == "run" else {})}[case]
    return given if isinstance(given, bytes) else given.encode("utf-8")


@pytest.mark.parametrize(("mode", "case"), CASES)
def test_a_hostile_document_is_refused(mode: str, case: str):
    refused(mode, data_of(mode, case))


def refused(mode: str, data: bytes) -> None:
    begun_at = time.monotonic()
    with pytest.raises(Problem) as caught:
        (documents.read_task if mode == "run" else modular_input._validate)(io.BytesIO(data))
    assert time.monotonic() - begun_at < TIME / 4
    assert caught.value.code == "stdin_invalid"
    assert SESSION_KEY not in f"{caught.value.text} {caught.value.__cause__!r}"


@pytest.mark.parametrize("case", COSTLY)
@pytest.mark.parametrize("mode", MODES)
def test_the_script_says_so_in_one_sentence_and_takes_no_more_memory_than_others(mode: str, case: str, tmp_path: Path):
    done = give(mode, data_of(mode, case), tmp_path)
    assert "The document on standard input cannot be used: " in said(mode, done)
    assert list((tmp_path / "var" / "log" / "splunk").iterdir()) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_document_that_never_ends_is_refused_before_it_does(mode: str, tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *MODES[mode]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SPLUNK_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stdin is not None

    def pour() -> None:
        with suppress(OSError):
            while True:
                os.write(process.stdin.fileno(), b" " * 65536)  # type: ignore[union-attr]

    pouring = threading.Thread(target=pour, daemon=True)
    pouring.start()
    try:
        assert process.wait(TIME) == 1
        pouring.join(TIME)
        assert not pouring.is_alive()
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):
            process.stdin.close()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_document_cut_off_anywhere_is_refused(mode: str):
    whole = document(mode).encode()
    for end in range(0, len(whole), 3):
        refused(mode, whole[:end])


@pytest.mark.parametrize(
    "param",
    ["<param/>", '<param name=""/>', '<param name="x"><param name="y">z</param></param>', '<param_list name="l"/>'],
)
@pytest.mark.parametrize("mode", MODES)
def test_parameters_of_unknown_shape_are_refused_or_do_no_harm(mode: str, param: str):
    data = document(mode).replace('<param name="account">', param + '<param name="account">').encode()
    try:
        if mode == "run":
            assert documents.read_task(io.BytesIO(data)).parameters["account"] == "fmc"
        else:
            modular_input._validate(io.BytesIO(data))
    except Problem as problem:
        assert problem.code == "stdin_invalid"


def test_thousands_of_unknown_parameters_are_ignored(tmp_path: Path):
    many = document("validate", **{f"unknown_{n}": "x" * 20 for n in range(10_000)})
    done = give("validate", many.encode(), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


NAMES = [
    "../../../outside",
    "/etc/outside",
    "..",
    ".",
    "a/b\\c",
    "%2e%2e%2f",
    "C:\\x",
    "~root",
    "$HOME",
    "-rf",
    "a b;c|d",
    "x" * 4000,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_path_characters_leads_nowhere_else(name: str, tmp_path: Path):
    """splunkd does not answer here: the input ends, or goes on trying, with its files where they belong."""
    home, checkpoints = tmp_path / "a" / "home", tmp_path / "a" / "checkpoints"
    logs = home / "var" / "log" / "splunk"
    logs.mkdir(parents=True)
    checkpoints.mkdir()
    text = document("run", name, account="").replace("/checkpoints", str(checkpoints))
    done = give("run", text.encode(), home)
    assert done.returncode == 1
    assert b"code=account_not_set" in done.stderr
    found = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert all(path.parent in (logs, *checkpoints.iterdir()) for path in found), found
