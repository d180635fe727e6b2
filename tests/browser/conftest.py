"""One Chromium for each worker, and one Splunk with the add-on for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from standins.fmc.archive import GeneratedArchive
from standins.fmc.server import FmcServer
from standins.splunk_web import SplunkWeb
from standins.splunkd import Splunkd
from tests import chromium
from tests.rest.secrecy import Secrecy

from .pages import Pages, window

EVENTS = 40


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = chromium.launch(playwright)
    yield running
    running.close()


@pytest.fixture(scope="module")
def server() -> Iterator[FmcServer]:
    """A Management Center that tests of a module share."""
    with FmcServer(GeneratedArchive(EVENTS)) as running:
        yield running


@pytest.fixture(scope="module")
def splunkd(tmp_path_factory: pytest.TempPathFactory, built_package: Path) -> Iterator[Splunkd]:
    """A splunkd that runs the add-on, which tests of a module share: each works with names of its own."""
    with Splunkd(tmp_path_factory.mktemp("splunkd") / "home") as running:
        running.install(built_package)
        running.start()
        yield running


@pytest.fixture(scope="module")
def web(splunkd: Splunkd) -> Iterator[SplunkWeb]:
    with SplunkWeb(splunkd) as running:
        yield running


@pytest.fixture
def pages(browser: Browser, web: SplunkWeb) -> Iterator[Pages]:
    """A window in which the administrator is logged in."""
    with window(browser, web) as opened:
        yield opened


@pytest.fixture(scope="module")
def secrecy(splunkd: Splunkd, web: SplunkWeb) -> Secrecy:
    return Secrecy(splunkd, web)


@pytest.fixture(autouse=True)
def nothing_secret_came_out(secrecy: Secrecy) -> Iterator[None]:
    """Search all that the pages were answered and all that was logged for all passwords and keys that went in."""
    yield
    assert secrecy.findings() == []
