"""Sequences of faults, drawn from seeds; those that fail are made as short as they still fail."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.model.fmc import Framing
from tests.faults.model.world import Action, Setting, World

FAULTS: tuple[tuple[str, ...], ...] = (
    ("cut",),
    ("restart_server",),
    ("down", "up"),
    ("kill",),
    ("power",),
    ("splunkd_dies",),
    ("hang_up",),
    ("stall", "go"),
    ("stop",),
    ("disk_full", "disk_free"),
    ("unstamped",),
    ("clock",),
    ("tear", "stop"),
    ("damage", "stop"),
    ("correct_clocks",),
    ("planned_restart",),
)
"""Kinds of faults, with what lifts them. A sequence has only some of the kinds: what excuses doubled events in one must
not hide them in all."""

_DEATHS = {"power", "splunkd_dies", "hang_up"}

SHRINKING = 20.0
"""Seconds that are spent on making a failing sequence shorter."""


@dataclass(frozen=True)
class Trial:
    """A sequence that can be played again."""

    seed: int
    setting: Setting
    actions: tuple[Action, ...]


def draw(seed: int) -> Trial:
    """Return the sequence of a seed."""
    rng = random.Random(seed)
    setting = _setting(rng)
    kinds = rng.sample(FAULTS, rng.choice((0, 1, 1, 2, 2, 3, 4, len(FAULTS))))
    # What a planned restart rests on does not hold where splunkd also dies between a stop and a start.
    setting = replace(setting, trusts=not any(set(kind) & _DEATHS for kind in kinds))
    names = [name for kind in kinds for name in kind]
    names += ["happen"] * max(3, len(names)) + ["time"] * max(1, len(names) // 3)
    count = rng.choice((3, 8, 15, 30))
    actions = [("happen", rng.getrandbits(30)), *((rng.choice(names), rng.getrandbits(30)) for _ in range(count))]
    return Trial(seed, setting, tuple(actions))


def _setting(rng: random.Random) -> Setting:
    own_times = rng.random() < 0.15
    pair = not own_times and rng.random() < 0.35
    settle = rng.choice((0, 1, 5, 30, 300))
    late = 0 if own_times else rng.choice((0, min(settle, 3), settle))
    kind = rng.random()
    framing = Framing(
        bundled=kind < 0.6,
        bare=kind > 0.3,
        waits=rng.choice((None, 1, 20)),
        extended=not own_times,
        # Without archival timestamps, other orders would be other orders of time as well.
        reorders=not own_times and rng.random() < 0.3,
        renames=rng.random() < 0.2,
    )
    return Setting(
        settle=settle,
        framing=framing,
        pipe_size=rng.choice((4096, 8192, 65536)),
        generation_size=rng.choice((300, 1500, 20_000, 1 << 20)),
        # Events without archival timestamps come in no order that says which part of a short history is needed.
        keeps_history=rng.random() < 0.3 or own_times,
        pair=pair,
        skew=rng.choice((0, 0, 2, -2, 60, -60)),
        keyed=rng.random() < 0.7,
        rules=rng.random() < 0.3,
        own_times=own_times,
        late=late,
        pace=rng.choice(((0, 0, 0, 1, 2), (0,), (0, 1, 50))),
        forges=rng.random() < 0.4,
    )


def failure_of(sequence: Trial, uptime: float = 0.0) -> str | None:
    """Play a sequence on a machine that has been up so many seconds; return what went wrong, or None."""
    shared = Path("/dev/shm")  # noqa: S108 - the folder below it has a name of its own
    folder = tempfile.mkdtemp(prefix="estreamer-model-", dir=shared if shared.is_dir() else None)
    world = World(sequence.seed, sequence.setting, sequence.actions, Path(folder), uptime)
    try:
        world.run()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    finally:
        shutil.rmtree(folder)
    return None


def shrink(sequence: Trial) -> Trial:
    """Return a sequence with fewer actions that fails in the same way."""
    end = time.monotonic() + SHRINKING
    kind = _kind(failure_of(sequence))
    actions = list(sequence.actions)
    size = max(1, len(actions) // 2)
    while size:
        place = 0
        while place < len(actions) and time.monotonic() < end:
            fewer = actions[:place] + actions[place + size :]
            if _kind(failure_of(Trial(sequence.seed, sequence.setting, tuple(fewer)))) == kind:
                actions = fewer
            else:
                place += size
        size //= 2
    return Trial(sequence.seed, sequence.setting, tuple(actions))


def _kind(failure: str | None) -> list[str]:
    """What a failure begins with: the exception, and whether something was lost or doubled."""
    return (failure or "").split()[:2]


def check(seeds: Sequence[int]) -> None:
    """Play the sequences of these seeds. Raises AssertionError that says how to play the first failing one again."""
    for seed in seeds:
        sequence = draw(seed)
        failure = failure_of(sequence)
        if failure is None:
            continue
        shortest = shrink(sequence)
        raise AssertionError(
            f"{failure}\nPlay it again: ESTREAMER_MODEL_SEED={seed} ESTREAMER_MODEL_SEQUENCES=1\n"
            f"Shortest: {failure_of(shortest)}\n{shortest}"
        )
