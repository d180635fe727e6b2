"""How much of the long proofs runs: a tenth with every change, and all of it in `tools/nightly`.

`ESTREAMER_PROOF=whole` runs all of it. Tests that are marked `nightly` run then only.
"""

from __future__ import annotations

import os

WHOLE = os.environ.get("ESTREAMER_PROOF") == "whole"


def tenth(count: int) -> int:
    """Return a tenth of a number, at least 1; all of it in the whole proof."""
    return count if WHOLE else max(1, count // 10)
