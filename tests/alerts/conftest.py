from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.internal import InputLog, close_logs
from tests.package.conftest import addon  # noqa: F401 - a fixture
from tests.searchtime.mapping.conftest import knowledge  # noqa: F401 - a fixture


@pytest.fixture
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the logs in a SPLUNK_HOME of the test's own; the files are closed afterwards."""
    folder = tmp_path / "home" / "var" / "log" / "splunk"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path / "home"))
    yield folder
    close_logs(folder)


@pytest.fixture
def log(log_folder: Path) -> InputLog:
    """The log of the input `main`."""
    return InputLog(log_folder)
