from __future__ import annotations

from pathlib import Path

import pytest

from tests.package.conftest import addon  # noqa: F401 - a fixture
from tests.searchtime import Knowledge


@pytest.fixture(scope="session")
def knowledge(addon: Path) -> Knowledge:  # noqa: F811
    """What a search head knows that has the built add-on and nothing else."""
    return Knowledge.read(addon)
