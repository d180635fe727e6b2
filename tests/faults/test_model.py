"""Random sequences of all faults against what must have been delivered: nothing lost, no more doubled than promised.

`ESTREAMER_MODEL_SEQUENCES` says how many sequences are played, `ESTREAMER_MODEL_SEED` the seed of the first. A failure
names its seed, and the shortest sequence that was found to fail.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable

import pytest
from estreamer.bookmark import bookmark, digests, history

from tests.amounts import tenth
from tests.faults.model import sequences

SEED = int(os.environ.get("ESTREAMER_MODEL_SEED", "1"))
COUNT = int(os.environ.get("ESTREAMER_MODEL_SEQUENCES") or tenth(2000))
SHARES = min(COUNT, 20)
"""Parts that run beside each other."""


@pytest.mark.parametrize("uptime", [1.0, 1e9])
def test_for_how_long_the_machine_has_been_up_changes_nothing(monkeypatch: pytest.MonkeyPatch, uptime: float):
    monkeypatch.setattr(time, "monotonic", lambda: uptime)
    # Sequences that lose events in a world that asks the real clock, when that is behind the simulated one.
    played = {seed: sequences.failure_of(sequences.draw(seed)) for seed in (14, 141, 173, 255)}
    assert played == dict.fromkeys(played)


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_is_lost_and_no_more_doubled_than_promised(share: int):
    sequences.check(range(SEED + share, SEED + COUNT, SHARES))


def first_loss(wanted: Callable[[sequences.Trial], bool]) -> str | None:
    """Play the sequences that are wanted among the first; return the first failure that lost an event."""
    for trial in filter(wanted, map(sequences.draw, range(1, 200))):
        failure = sequences.failure_of(trial)
        if failure is not None and "lost" in failure:
            return failure
    return None


def test_the_sequences_would_notice_digests_that_somebody_can_aim_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        digests.Digests, "of", lambda _, payloads: array("Q", [digests.old_digest(payload) for payload in payloads])
    )

    def attacked(trial: sequences.Trial) -> bool:
        framing = trial.setting.framing
        return trial.setting.forges and (framing.renames or framing.reorders)

    assert first_loss(attacked) is not None


def test_the_sequences_would_notice_archival_timestamps_that_are_believed(monkeypatch: pytest.MonkeyPatch):
    for module in (history, bookmark):
        monkeypatch.setattr(module, "believed", lambda archival, _: archival)
    assert first_loss(lambda trial: "correct_clocks" in dict(trial.actions)) is not None
