"""The end of a test that not even its time limit can end.

pytest-timeout gives every test its limit (`timeout` in pyproject.toml, or the marker of the test): an exception in the
main thread, with the stacks of all threads. The test fails, and the next one runs in the same process. A test that
waits without listening to signals never sees the exception, nor does a teardown that hangs after it; one of them would
keep the run from ending. For these alone the process is ended, and a file says where it hung. xdist starts another
worker, and tools/test.py shows the file and runs the test once more.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Generator

import pytest

from standins.places import ROOT

FOLDER = ROOT / "build" / "stuck"
"""Where a test that hangs says where, in a file for each process."""

GRACE = 100.0
"""Seconds that a test has to end after its limit."""


def limit_of(item: pytest.Item) -> float:
    """Return the time limit of a test in seconds, 0 for none."""
    marker = item.get_closest_marker("timeout")
    stated = marker.args[0] if marker and marker.args else item.config.getoption("timeout")
    return float(item.config.getini("timeout") or 0 if stated is None else stated)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Have every test with a limit end, one way or the other."""
    limit = limit_of(item)
    if not limit:
        return (yield)
    FOLDER.mkdir(parents=True, exist_ok=True)
    said = FOLDER / f"{os.getpid()}.txt"
    with said.open("w", encoding="utf-8") as file:
        file.write(f"{item.nodeid}\n")
        file.flush()
        faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=file)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()
            # Another run in this clone may have cleared the folder.
            said.unlink(missing_ok=True)
