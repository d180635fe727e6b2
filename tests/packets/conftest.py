from __future__ import annotations

from pathlib import Path

import pytest

from tests.packets.command import Command, install


@pytest.fixture(scope="session")
def command(built_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The search command of the built package, installed beside a Python that has nothing but what Splunk's has."""
    return install(built_package, tmp_path_factory.mktemp("splunk"))
