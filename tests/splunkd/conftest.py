"""What an input meets when splunkd starts it: a management port, a SPLUNK_HOME, a document on stdin."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator

import pytest

from tests.splunkd.management import Management


@pytest.fixture
def management() -> Iterator[Management]:
    """Return a management port."""
    with Management() as running:
        yield running


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
