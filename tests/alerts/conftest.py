from __future__ import annotations

from pathlib import Path

import pytest

from tests.alerts.internal import InputLog


@pytest.fixture
def log(log_folder: Path) -> InputLog:
    """The log of the input `main`."""
    return InputLog(log_folder)
