"""A test that hangs fails with its stacks, and the run goes on; one that cannot be ended takes its process with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from standins.places import ROOT

CONFTEST = """
from pathlib import Path
from tests import watchdog
from tests.watchdog import pytest_runtest_protocol

watchdog.FOLDER, watchdog.GRACE = Path(__file__).parent / "stuck", 1.0
"""
HANGING = """
import threading

def test_before():
    pass

def wait_for_nobody():
    threading.Event().wait()

def test_that_hangs():
    threading.Thread(target=wait_for_nobody, name="helper", daemon=True).start()
    wait_for_nobody()

def test_after():
    pass
"""
DEAF = """
import signal, threading

def test_that_hears_no_signal():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    threading.Event().wait()
"""


def run(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tests with the settings of this repository and a limit of a second."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(tests)
    # With a folder of its own for temporary files: without one, pytest tidies up those of other runs at its end.
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "--basetemp", str(folder / "temporary")]
    command = [sys.executable, "-m", "pytest", *settings, "--timeout", "1", *options, str(folder / "test_some.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "in a worker"])
def test_a_test_that_hangs_fails_with_its_stack_and_the_others_run(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run(tmp_path, HANGING, *options)
    assert "1 failed, 2 passed" in done.stdout
    assert "Timeout (>1.0s) from pytest-timeout" in done.stdout
    assert ": in wait_for_nobody" in done.stdout
    assert list((tmp_path / "stuck").iterdir()) == []


def test_a_test_that_hangs_shows_the_stacks_of_other_threads(tmp_path: Path) -> None:
    assert "Stack of helper" in run(tmp_path, HANGING).stdout


def test_a_test_that_hears_no_signal_ends_with_its_process_and_says_where_it_was(tmp_path: Path) -> None:
    done = run(tmp_path, DEAF)
    assert done.returncode != 0
    (said,) = (tmp_path / "stuck").iterdir()
    told = said.read_text(encoding="utf-8")
    assert told.startswith("test_some.py::test_that_hears_no_signal\n")
    assert 'test_some.py", line 6 in test_that_hears_no_signal' in told


def test_a_longer_limit_of_a_test_is_kept(tmp_path: Path) -> None:
    longer = "import pytest, threading\n\n@pytest.mark.timeout(60)\ndef test_slow():\n    threading.Event().wait(2.5)\n"
    assert "1 passed" in run(tmp_path, longer).stdout
