"""Random sequences of all faults against what must have been delivered: nothing lost, no more doubled than promised.

`ESTREAMER_MODEL_SEQUENCES` says how many sequences are played, `ESTREAMER_MODEL_SEED` the seed of the first. A failure
names its seed, and the shortest sequence that was found to fail.
"""

from __future__ import annotations

import os

import pytest

from tests.amounts import tenth
from tests.faults.model import sequences

SEED = int(os.environ.get("ESTREAMER_MODEL_SEED", "1"))
COUNT = int(os.environ.get("ESTREAMER_MODEL_SEQUENCES") or tenth(2000))
SHARES = min(COUNT, 20)
"""Parts that run beside each other."""


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_is_lost_and_no_more_doubled_than_promised(share: int):
    sequences.check(range(SEED + share, SEED + COUNT, SHARES))
