"""Fixtures of the stand-in's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable

import pytest

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.server import FmcServer

Serve = Callable[..., FmcServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a server with a number of events and a `Behaviour`; all servers stop after the
    test."""
    servers: list[FmcServer] = []

    def start(
        count: int = 100, *, address: str = "127.0.0.1", archive: Archive | None = None, **behaviour: Any
    ) -> FmcServer:
        served = Archive.generated(count) if archive is None else archive
        server = FmcServer(served, behaviour=Behaviour(**behaviour), address=address)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
