"""The tasks of this repository: `./tasks.sh` lists them, `./tasks.sh TASK [OPTIONS]` runs one.

A task is a script of the repository and a sentence about it. What a task does, and which options it takes, is said by
the script alone. `nox`, where it is installed, runs the same: `nox -s TASK -- OPTIONS`.
"""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "none"
nox.options.envdir = "build/nox"
nox.options.sessions = ["fast"]

TASKS = {
    "fast": ("./test.sh --fast", "style, types, and the tests that need no package, browser or server: a minute"),
    "style": ("./test.sh --style", "style and types alone: ruff, mypy, and eslint and TypeScript for the pages"),
    "test": ("./test.sh", "style, types, all tests and coverage; names of tests run only these"),
    "run": ("tools/run.sh", "a module in the environment of the tests: run pytest tests/protocol, run bench.report"),
    "package": ("./package.sh", "build dist/*.spl with its SBOM"),
    "demo": ("./demo.sh", "build the add-on and see it work, between stand-ins or with a real FMC"),
    "ci": (".ci/run", "everything that has to pass before a change lands"),
    "nightly": ("tools/nightly", "the long proofs; --list names them, --only STEP runs some"),
    "bare": ("tools/bare.sh", "a command, ./test.sh --fast without one, in a fresh clone on a bare machine"),
    "appinspect": ("tools/appinspect.sh", "Splunk's inspection of the package"),
    "official": ("tools/official_tests.sh", "Splunk's own tests of add-ons"),
    "real": ("tools/real_splunk", "the package in a real Splunk: installed, streaming, searched; skipped without one"),
    "fuzz": ("tools/fuzz.sh", "fuzz what reads the bytes of others"),
    "audit": ("tools/audit.sh", "compare what ships with an advisory database"),
    "libraries": ("tools/libraries.sh", "write the hashes of the libraries that ship"),
}
"""The script of each task, and what it is for."""


def add(name: str, script: str, sentence: str) -> None:
    """Make a task known to nox."""

    def task(session: nox.Session) -> None:
        session.run(*script.split(), *session.posargs, external=True)

    task.__doc__ = sentence
    nox.session(task, name=name)


for name, (script, sentence) in TASKS.items():
    add(name, script, sentence)
