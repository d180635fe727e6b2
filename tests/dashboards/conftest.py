from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from standins.places import ROOT
from standins.search import Knowledge
from standins.search.searched import saved_searches
from tests.alerts.internal import Index

from . import examples, population
from .answers import SearchHead, Server
from .browser import Browser

PICTURES = ROOT / "build" / "screenshots" / "dashboards"


@pytest.fixture(scope="session")
def page() -> Path:
    """The folder of the page that renders dashboards, made if need be."""
    command = [sys.executable, str(ROOT / "tools" / "dashboards.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    if done.returncode != 0:
        pytest.fail(done.stderr)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def head(addon: Path) -> SearchHead:
    """A search head that has the built add-on and the events of two days."""
    data = Index(Knowledge.read(addon), population.events(), saved_searches(addon))
    for events in examples.EVENTS:
        data.add(events())
    return SearchHead(data, population.NOW, saved_searches(addon))


@pytest.fixture(scope="session")
def browser(playwright: Playwright, head: SearchHead, page: Path) -> Iterator[Browser]:
    """One Chromium for all dashboards of this process."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    server = Server(head, page)
    try:
        opened = Browser(playwright, server, PICTURES)
        yield opened
        opened.close()
    finally:
        server.close()
