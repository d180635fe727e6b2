"""What the tests of the loop have in common: a server with its input, and waits as short as a test needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from estreamer.input import rotation

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.server import FmcServer
from tests.input.harness import Input, Make


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the shape of the back-off and shorten it."""
    monkeypatch.setattr(rotation, "BACKOFF_FIRST", 0.05)
    monkeypatch.setattr(rotation, "BACKOFF_LAST", 0.2)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return what makes an input and its server of an archive and a behaviour; the client must have behaved."""
    servers: list[FmcServer] = []

    def start(archive: Archive, behaviour: Behaviour | None = None, **settings: Any) -> Input:
        server = FmcServer(archive, behaviour=behaviour or Behaviour())
        server.start()
        servers.append(server)
        return Input(tmp_path, {"fmc": server}, **settings)

    yield start
    for server in servers:
        server.stop()
        server.assert_clean()
