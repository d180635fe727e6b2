"""What an input meets when splunkd starts it: a management port, a SPLUNK_HOME, a document on stdin."""

from __future__ import annotations

import logging
import os
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.splunk.management import Management


@pytest.fixture
def management(monkeypatch: pytest.MonkeyPatch) -> Iterator[Management]:
    """Return a management port; solnlib's retries do not wait."""
    monkeypatch.setattr("solnlib.utils.time", types.SimpleNamespace(sleep=lambda seconds: None, time=time.time))
    # What reaches splunkd directly is written into the environment.
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with Management() as running:
        yield running


@pytest.fixture
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of the logs in a SPLUNK_HOME of the test's own; the files are closed afterwards."""
    folder = tmp_path / "home" / "var" / "log" / "splunk"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path / "home"))
    yield folder
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.startswith(str(folder)) and isinstance(logger, logging.Logger):
            for handler in logger.handlers[:]:
                logger.removeHandler(handler)
                handler.close()


@pytest.fixture
def process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give back what a run takes for its process: stdout, and how libraries log and warn."""
    saved = os.dup(1)
    handlers = logging.getLogger().handlers[:]
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    yield
    logging.captureWarnings(False)
    logging.getLogger().handlers[:] = handlers
    os.dup2(saved, 1)
    os.close(saved)
