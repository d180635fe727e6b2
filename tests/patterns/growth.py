"""How the cost of a function grows with the size of what it is given, whatever else the machine does."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

FACTOR = 8
NOT_LINEAR = 24.0
"""Growth by which a size that is eight times as large shows that the cost is not linear: quadratic is 64 times."""

TRIES = 3
ATTEMPTS = 4
ENOUGH = 0.001
"""CPU seconds that the smaller size is to take, so that the clock can measure it; else it is made larger."""

LARGEST = 1 << 20
ENDLESS = 1.0
"""CPU seconds for one run: beyond, no other run of that size is made."""


def is_linear(run: Callable[[int], object], size: int) -> bool:
    """Return whether the CPU time of a run grows about as its size does, from `size` to eight times of it or more.

    The size is made larger until the clock can measure the time that it takes.
    """
    while _quickest(run, size, 1) < ENOUGH and size * FACTOR < LARGEST:
        size *= FACTOR
    if _quickest(run, size * FACTOR, 1) < ENOUGH * FACTOR:
        # Too little to measure, and too little to keep anybody busy.
        return True
    return grows_linearly(run, size)


def grows_linearly(run: Callable[[int], object], size: int) -> bool:
    """Return whether the CPU time of a run grows about eight times when its size grows to eight times `size`.

    The quickest of some runs counts, of this thread's time only. What is linear looks otherwise now and then, where
    others use the machine's memory; what is not never looks linear.
    """
    for _ in range(ATTEMPTS):
        growth = _quickest(run, size * FACTOR, TRIES) / max(_quickest(run, size, TRIES), 1e-6)
        if growth < NOT_LINEAR or growth > 2 * NOT_LINEAR:
            return growth < NOT_LINEAR
    return False


def _quickest(run: Callable[[int], object], size: int, tries: int) -> float:
    found = float("inf")
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(tries):
            begin = time.thread_time()
            run(size)
            found = min(found, time.thread_time() - begin)
            if found > ENDLESS:
                break
    finally:
        if collecting:
            gc.enable()
    return found
