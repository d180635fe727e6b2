"""Fuzz one target of bench/fuzz, or all of them, for a number of seconds in total, beginning with the kept corpus.

Ends with status 0 if no input breaks a property. An input that breaks one goes into the corpus, so that
tests/faults/test_corpus.py fails until the fault is repaired. With `--keep`, inputs that reach new code go into the
corpus as well, and inputs that reach no code of their own are removed from it.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from environment import ROOT, StepFailure, last_lines, lock, prepare, say

sys.path.insert(0, str(ROOT))

from bench.fuzz import corpus, seeds

ATHERIS = "atheris==3.0.0"
LIMITS = ("-timeout=30", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1", "-verbosity=0")
"""Limits for one input: seconds, memory, and its size in bytes."""


def main(arguments: Sequence[str]) -> int:
    """Fuzz the targets that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="fuzz.sh", description="Fuzz what reads others' bytes.")
    parser.add_argument("--keep", action="store_true", help="put what reaches something new into the corpus")
    parser.add_argument("target", nargs="?", default="all", choices=["all", *seeds.TARGETS])
    parser.add_argument("seconds", nargs="?", type=int, default=60, help="seconds, for all targets together")
    asked = parser.parse_args(arguments)
    targets = seeds.TARGETS if asked.target == "all" else (asked.target,)
    try:
        with lock(ROOT / ".venv" / "fuzz.lock"):
            python = prepare(ROOT, "fuzz", requirements())
        broken = [
            target for target in targets if not fuzz(python, target, max(1, asked.seconds // len(targets)), asked.keep)
        ]
    except StepFailure as failure:
        say(str(failure))
        return 1
    say("found what breaks: " + ", ".join(broken) if broken else "found nothing that breaks a property")
    return int(bool(broken))


def requirements() -> list[str]:
    """Return the packages that the fuzzer and its targets need; packages of the tests have the same version as
    there."""
    pinned = (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8").split()
    return [ATHERIS, *(package for package in pinned if package.startswith("cryptography=="))]


def fuzz(python: str, target: str, seconds: int, keep: bool) -> bool:
    """Fuzz a target; return whether no input broke a property."""
    say(f"{target}: fuzzing for {seconds} s")
    with tempfile.TemporaryDirectory(prefix="estreamer-fuzz-") as scratch:
        begin = fill(Path(scratch, "begin"), [*seeds.seeds(target), *corpus.read(target)])
        found, broken, least = (fill(Path(scratch, name)) for name in ("found", "broken", "least"))
        fuzzer = program(Path(scratch), python, target)
        artifacts = f"-artifact_prefix={broken}{os.sep}"
        time = f"-max_total_time={seconds}"
        status, text = atheris(fuzzer, [time, *LIMITS, artifacts, str(found), str(begin)])
        if status:
            say(f"{target}: {last_lines(text)}")
            corpus.add_broken(target, contents(broken))
            return False
        units = figure(text, "number_of_executed_units")
        say(f"{target}: {units} inputs, {len(contents(found))} that reach something new")
        if keep:
            status, text = atheris(fuzzer, ["-merge=1", *LIMITS, str(least), str(begin), str(found)])
            if status:
                raise StepFailure(f"Merging the corpus of {target} failed:\n{last_lines(text)}")
            corpus.write(target, contents(least))
    return True


def program(folder: Path, python: str, target: str) -> Path:
    """Write a program for the fuzzer of a target, since the fuzzer starts itself again when it merges."""
    file = folder / "fuzzer"
    file.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -m bench.fuzz {target} "$@"\n', encoding="utf-8")
    file.chmod(0o700)
    return file


def atheris(fuzzer: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """Run the fuzzer; return its status and its output."""
    done = subprocess.run(  # noqa: S603 - the command is this tool's own
        [str(fuzzer), *arguments],
        cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "ESTREAMER_FUZZER": str(fuzzer)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return done.returncode, done.stdout


def fill(folder: Path, inputs: Iterable[bytes] = ()) -> Path:
    """Make a folder with a file for each input."""
    folder.mkdir()
    for number, data in enumerate(inputs):
        (folder / str(number)).write_bytes(data)
    return folder


def contents(folder: Path) -> list[bytes]:
    """Return the contents of the files in a folder."""
    return [file.read_bytes() for file in sorted(folder.iterdir())]


def figure(text: str, name: str) -> str:
    """Return one of the figures that the fuzzer prints at its end."""
    match = re.search(rf"{name}: *(\d+)", text)
    return match[1] if match else "?"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
