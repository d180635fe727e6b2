"""Breaks each line of the search-time confs and each row of the tables, one at a time, and asks the rows of the tests.

    tools/run.sh tests.search.mutants PACKAGE

What is broken: an extraction, alias, calculated field, lookup, event type or tag is taken away; in a calculated field
each field, text and number is replaced by another; in a table each row is taken away and each cell of it replaced; of a
lookup's definition each setting is taken away. A mutant that no row of the tests notices ends the run with status 1.
The report of a run is kept in docs/search.md, and a test holds the page to it.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import shutil
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from standins.places import APP
from standins.search import Knowledge, KnowledgeError, Line
from standins.search.evals import EvalError
from tests.search.case import Case, differences, found
from tests.search.rows import CASES

FOLDERS = ("default", "lookups", "metadata")

SETTINGS = {
    "EXTRACT-": "extraction",
    "FIELDALIAS-": "alias",
    "EVAL-": "calculated field",
    "LOOKUP-": "lookup",
    "KV_MODE": "automatic extraction",
}
"""Settings of props.conf that count when searching, by how they begin."""

CONFS = {"eventtypes": "event type", "tags": "tag", "transforms": "lookup's definition", "lookups": "row of a table"}

NOT_OURS = {
    ("sfw_direction", "match_type"): "no row of ours has a wildcard; those of a user may",
    ("sfw_direction", "max_matches"): "no two rows of ours are for the same zones; those of a user may be",
    ("source::estreamer_fqe://...", "KV_MODE"): "the sourcetype's says the same; that of another app may not",
    ("eventtype=sfw_dns", "network"): "its events have it by sfw_connection as well, unless a user switches that off",
}
"""Settings that count only beside what others bring, by stanza and name, and why. Other tests try them with that."""

OF_THE_LOG = ("cisco:sfw:estreamer:log", "sfw_log_fields")
"""Stanzas for the input's own log, which no event comes to; its tests are in test_log."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*(?!\w|\s*\()|(?<![\w.])\d+')
_WORDS = {"AND", "OR", "NOT", "AS", "null"}
_OTHER = "mutant"


@dataclass(frozen=True)
class Mutant:
    """One broken line: its kind, what is done to it, and the file's text with it."""

    kind: str
    line: Line
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.line.file}:{self.line.number}: {self.what}"


def unpack(package: Path, folder: Path) -> Path:
    """Unpack what a search reads of a package, and return the app's folder."""
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            parts = Path(member.name).parts
            if member.isfile() and len(parts) > 2 and parts[1] in FOLDERS and ".." not in parts:
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                target.write_bytes(content.read() if content else b"")
    return folder / APP


def mutants(app: Path) -> Iterator[Mutant]:
    """Yield all mutants of an app, in the order of its files."""
    for line in sorted(Knowledge.read(app).lines):
        kind = kind_of(line)
        if kind is not None and (line.stanza, line.key) not in NOT_OURS:
            text = (app / line.file).read_text(encoding="utf-8")
            for what, changed in _changes(line, text.splitlines()[line.number - 1]):
                yield Mutant(kind, line, what, _with_line(text, line.number, changed))


def kind_of(line: Line) -> str | None:
    """Return what kind of thing a line says of events, None for one that counts at index time or nowhere."""
    if line.stanza in OF_THE_LOG:
        return None
    if line.conf == "props":
        return next((kind for prefix, kind in SETTINGS.items() if line.key.startswith(prefix)), None)
    return CONFS.get(line.conf)


def _with_line(text: str, number: int, changed: str) -> str:
    lines = text.splitlines()
    lines[number - 1 : number] = [changed] if changed else []
    return "\n".join([*lines, ""])


def _changes(line: Line, content: str) -> Iterator[tuple[str, str]]:
    if line.conf == "tags" and content.endswith("disabled"):
        yield "switched on", content.replace("disabled", "enabled")
        return
    yield "taken away", ""
    if line.conf == "lookups":
        yield from _cells(content)
    elif line.key.startswith("EVAL-"):
        yield from _tokens(content)


def _cells(content: str) -> Iterator[tuple[str, str]]:
    cells = next(csv.reader([content]))
    for place, cell in enumerate(cells):
        written = io.StringIO()
        csv.writer(written, lineterminator="").writerow([*cells[:place], _OTHER, *cells[place + 1 :]])
        yield f"{cell} replaced", written.getvalue()


def _tokens(content: str) -> Iterator[tuple[str, str]]:
    start = content.index("=") + 1
    for token in _TOKEN.finditer(content, start):
        if token.group() not in _WORDS:
            other = f'"{_OTHER}"' if token.group().startswith('"') else _OTHER
            other = "987654" if token.group().isdigit() else other
            changed = content[: token.start()] + other + content[token.end() :]
            yield f"{token.group()} in place {token.start() - start} replaced", changed


class Hunt:
    """Tries mutants on a copy of an app, each with the rows of the tests that its line has a part in."""

    def __init__(self, app: Path, scratch: Path, cases: Sequence[Case] = CASES) -> None:
        self._copy = scratch / app.name
        for folder in FOLDERS:
            shutil.copytree(app / folder, self._copy / folder)
        self._cases = cases
        self._readers: dict[Line, list[Case]] = {}
        knowledge = Knowledge.read(app)
        for one in cases:
            knowledge.used.clear()
            found(knowledge, one.raw, one.source)
            for line in knowledge.used:
                self._readers.setdefault(line._replace(app=""), []).append(one)

    def notices(self, mutant: Mutant) -> str | None:
        """Return what notices a mutant: the name of a row, or that the app can not be read; None where nothing does."""
        file = self._copy / mutant.line.file
        kept = file.read_bytes()
        file.write_text(mutant.text, encoding="utf-8")
        try:
            knowledge = Knowledge.read(self._copy)
        except KnowledgeError as problem:
            return str(problem)
        finally:
            file.write_bytes(kept)
        likely = self._readers.get(mutant.line._replace(app=""), [])
        return next((one.name for one in (*likely, *self._cases) if _fails(knowledge, one)), None)


def _fails(knowledge: Knowledge, one: Case) -> bool:
    try:
        return bool(differences(knowledge, one))
    except (KnowledgeError, EvalError, re.error):
        return True


def survivors(app: Path, some: Iterable[Mutant]) -> list[Mutant]:
    """Return the mutants that nothing notices."""
    with tempfile.TemporaryDirectory() as scratch:
        hunt = Hunt(app, Path(scratch))
        return [mutant for mutant in some if hunt.notices(mutant) is None]


def report(counts: Counter[str], lost: Counter[str]) -> str:
    """Return the table of a run."""
    rows = [f"| {kind} | {count} | {count - lost[kind]} |" for kind, count in sorted(counts.items())]
    total = f"| all | {sum(counts.values())} | {sum(counts.values()) - sum(lost.values())} |"
    return "\n".join(["| broken | mutants | noticed |", "|---|---|---|", *rows, total, ""])


def main(arguments: Sequence[str]) -> int:
    """Try all mutants of a package, print the table, and return 1 when one was not noticed."""
    parser = argparse.ArgumentParser(prog="mutants", description="Break each line of the mapping once.")
    parser.add_argument("package", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        app = unpack(options.package, Path(folder))
        all_of_them = list(mutants(app))
        lost = survivors(app, all_of_them)
    for mutant in lost:
        print(f"not noticed: {mutant}")
    print(report(Counter(one.kind for one in all_of_them), Counter(one.kind for one in lost)))
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
