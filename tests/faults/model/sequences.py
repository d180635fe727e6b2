"""Sequences of faults, drawn by Hypothesis, which also makes those that fail as short as they still fail.

They are no state machine of Hypothesis: such a machine calls what it tests, and here the input calls the world, which
goes on to the next action whenever the input waits or receives. So a sequence is drawn as a whole, as data.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import strategies as st

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

_NUMBERS = st.integers(0, 2**30 - 1)


@dataclass(frozen=True)
class Trial:
    """A sequence that can be played again.

    `seed` is for all that the actions leave open; for `uptime` seconds the machine had been up when it began.
    """

    seed: int
    uptime: float
    setting: Setting
    actions: tuple[Action, ...]


def _one_in(count: int) -> st.SearchStrategy[bool]:
    """Return what is true once in so many times, and false where Hypothesis simplifies."""
    return st.integers(0, count - 1).map(lambda drawn: drawn == count - 1)


@st.composite
def settings(draw: st.DrawFn) -> Setting:
    """Return a setting whose parts fit each other."""
    own_times = draw(_one_in(7))
    settle = draw(st.sampled_from((0, 1, 5, 30, 300)))
    bundled, bare = draw(st.sampled_from(((True, False), (False, True), (True, True))))
    framing = Framing(
        bundled=bundled,
        bare=bare,
        waits=draw(st.sampled_from((None, 1, 20))),
        extended=not own_times,
        # Without archival timestamps, other orders would be other orders of time as well.
        reorders=not own_times and draw(_one_in(3)),
        renames=draw(_one_in(5)),
    )
    return Setting(
        settle=settle,
        framing=framing,
        pipe_size=draw(st.sampled_from((65536, 8192, 4096))),
        generation_size=draw(st.sampled_from((1 << 20, 20_000, 1500, 300))),
        # Events without archival timestamps come in no order that says which part of a short history is needed.
        keeps_history=own_times or draw(_one_in(3)),
        pair=not own_times and draw(_one_in(3)),
        skew=draw(st.sampled_from((0, 0, 2, -2, 60, -60))),
        keyed=not draw(_one_in(3)),
        rules=draw(_one_in(3)),
        own_times=own_times,
        late=0 if own_times else draw(st.sampled_from((0, min(settle, 3), settle))),
        pace=draw(st.sampled_from(((0, 0, 0, 1, 2), (0,), (0, 1, 50)))),
        forges=draw(st.booleans()),
    )


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    """Return a sequence of up to 31 actions."""
    count = draw(st.sampled_from((0, 1, 1, 2, 2, 3, 4, len(FAULTS))))
    kinds = draw(st.permutations(FAULTS))[:count]
    # What a planned restart rests on does not hold where splunkd also dies between a stop and a start.
    setting = replace(draw(settings()), trusts=not any(set(kind) & _DEATHS for kind in kinds))
    names = [name for kind in kinds for name in kind]
    names = ["happen"] * max(3, len(names)) + ["time"] * max(1, len(names) // 3) + names
    length = draw(st.sampled_from((3, 8, 15, 30)))
    # The lower limit keeps sequences from being short on average, and falls with the length that Hypothesis simplifies.
    actions = draw(st.lists(st.tuples(st.sampled_from(names), _NUMBERS), min_size=length * 2 // 3, max_size=length))
    uptime = draw(st.sampled_from((0.0, 1.0, 1e9)))
    return Trial(draw(_NUMBERS), uptime, setting, (("happen", draw(_NUMBERS)), *actions))


def play(trial: Trial) -> World:
    """Play a sequence; return the world at its end.

    Raises AssertionError when an event was lost, or doubled beyond what is promised, and whatever the input raises.
    """
    shared = Path("/dev/shm")  # noqa: S108 - the folder below it has a name of its own
    folder = tempfile.mkdtemp(prefix="estreamer-model-", dir=shared if shared.is_dir() else None)
    try:
        world = World(trial.seed, trial.setting, trial.actions, Path(folder), trial.uptime)
        world.run()
    finally:
        shutil.rmtree(folder)
    return world


def failure_of(trial: Trial) -> str:
    """Play a sequence; return what went wrong, "" if nothing did."""
    try:
        play(trial)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
