"""splunkd's side of the chunked protocol of search commands, version 2, for the command of the installed package."""

from __future__ import annotations

import csv
import io
import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from standins.splunkd import home
from standins.splunkd.install import App
from standins.splunkd.install import install as install_package
from tests.package.confs import read_conf

TIMEOUT = 60
HEADER = re.compile(rb"chunked 1\.0,(\d+),(\d+)\n")

# The protocol's CSV has the values of a multivalue in a column of their own: $ is doubled in them.
MULTIVALUE = re.compile(r"\$((?:[^$]|\$\$)*)\$(?:;|\Z)")

Row = dict[str, Any]


@dataclass(frozen=True)
class Chunk:
    metadata: dict[str, Any]
    rows: list[Row]


@dataclass(frozen=True)
class Answer:
    """What the command has said: how it is to be run, its chunks, and how it ended."""

    configuration: dict[str, Any]
    chunks: list[Chunk]
    status: int
    stderr: str

    @property
    def rows(self) -> list[Row]:
        return [row for chunk in self.chunks for row in chunk.rows]

    @property
    def messages(self) -> list[list[str]]:
        metadata = [self.configuration, *(chunk.metadata for chunk in self.chunks)]
        return [message for one in metadata for message in (one.get("inspector") or {}).get("messages", [])]


@dataclass(frozen=True)
class Command:
    """The command as commands.conf names it."""

    place: home.SplunkHome
    app: App

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        stanza = read_conf(self.app.path / "default/commands.conf")["sfwpackets"]
        assert stanza["chunked"] == "true"
        assert self.place.python_version in stanza["python.required"].split(", ")
        return subprocess.Popen(
            [str(self.place.python), *options, str(self.app.path / "bin" / stanza["filename"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.place.path,
            env=self.place.environment(),
        )

    def run(self, arguments: Sequence[str], *chunks: Sequence[Row]) -> Answer:
        """Run a search over chunks of events."""
        sent = b"".join([self.getinfo(arguments), *pieces(chunks)])
        process = self.start()
        try:
            output, errors = process.communicate(sent, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=TIMEOUT)
            raise
        answers = list(read_all(io.BytesIO(output)))
        return Answer(answers[0].metadata, answers[1:], process.returncode, errors.decode())

    def getinfo(self, arguments: Sequence[str]) -> bytes:
        """splunkd's question how the command is to be run."""
        info = {
            "args": list(arguments),
            "raw_args": list(arguments),
            "dispatch_dir": str(self.place.path / "var"),
            "sid": "1744752707.1",
            "app": "search",
            "owner": "analyst",
            "username": "analyst",
            "session_key": "0" * 32,
            "splunkd_uri": "https://127.0.0.1:1",
            "splunk_version": "10.0.0",
            "search": "search%20index%3D%2A",
            "command": "sfwpackets",
            "maxresultrows": 50000,
            "earliest_time": "0",
            "latest_time": "0",
        }
        return chunk(
            {"action": "getinfo", "preview": False, "streaming_command_will_restart": False, "searchinfo": info}
        )


def install(package: Path, place: Path) -> Command:
    """Install the package into a SPLUNK_HOME of the Python that the tests run with."""
    splunk = home.create(place, sys.executable)
    return Command(splunk, install_package(package, splunk))


def chunk(metadata: dict[str, Any], body: str = "") -> bytes:
    head, content = json.dumps(metadata).encode(), body.encode()
    return b"chunked 1.0,%d,%d\n%s%s" % (len(head), len(content), head, content)


def pieces(chunks: Sequence[Sequence[Row]]) -> Iterator[bytes]:
    for number, rows in enumerate(chunks or [[]], 1):
        yield chunk({"action": "execute", "finished": number >= len(chunks)}, to_csv(rows))


def to_csv(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    text = io.StringIO(newline="")
    names = list(rows[0])
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([[row[name] for name in names] for row in rows])
    return text.getvalue()


def read_chunk(stream: IO[bytes]) -> Chunk | None:
    line = stream.readline()
    if not line:
        return None
    header = HEADER.fullmatch(line)
    assert header, line
    metadata = json.loads(stream.read(int(header[1])) or b"{}")
    body = stream.read(int(header[2])).decode()
    return Chunk(metadata, [from_csv(row) for row in csv.DictReader(io.StringIO(body, newline=""))])


def read_all(stream: IO) -> Iterator[Chunk]:
    while (one := read_chunk(stream)) is not None:
        yield one


def from_csv(row: dict[str, str]) -> Row:
    """The fields of a row, those without a value left out."""
    found: Row = {}
    for name, value in row.items():
        if name.startswith("__mv_"):
            continue
        several = row.get(f"__mv_{name}")
        if several:
            found[name] = [one.replace("$$", "$") for one in MULTIVALUE.findall(several)]
        elif value:
            found[name] = value
    return found


def children_memory() -> int:
    """The most memory that a child that has ended ever had (bytes)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
