from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fmc.archive import Archive
from tests.fmc.server import FmcServer
from tests.splunkd import Splunkd


@pytest.fixture(scope="module")
def server() -> Iterator[FmcServer]:
    """A Management Center that tests of a module share; they change nothing about it."""
    with FmcServer(Archive()) as running:
        yield running


@pytest.fixture(scope="module")
def splunkd(tmp_path_factory: pytest.TempPathFactory, built_package: Path) -> Iterator[Splunkd]:
    """A splunkd with the add-on, which tests of a module share: each works with names of its own."""
    with Splunkd(tmp_path_factory.mktemp("splunkd") / "home") as running:
        running.install(built_package)
        yield running
