from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from tests.rest.secrecy import Secrecy


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


@pytest.fixture(scope="module")
def secrecy(splunkd: Splunkd) -> Secrecy:
    return Secrecy(splunkd)


@pytest.fixture(autouse=True)
def nothing_secret_came_out(request: pytest.FixtureRequest) -> Iterator[None]:
    """Search all that has come out of the shared splunkd during a test for all passwords and keys that went in."""
    search = request.getfixturevalue("secrecy") if "splunkd" in request.fixturenames else None
    yield
    if search is not None:
        assert search.findings() == []
