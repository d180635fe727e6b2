"""What the tests of faults share."""

from __future__ import annotations

import os
import random
import secrets

import pytest


@pytest.fixture
def chance() -> random.Random:
    """Chance, from a seed that a failing test shows; ESTREAMER_FAULT_SEED has a test draw the same again."""
    seed = int(os.environ.get("ESTREAMER_FAULT_SEED") or secrets.randbelow(2**32))
    print(f"ESTREAMER_FAULT_SEED={seed}")
    return random.Random(seed)
