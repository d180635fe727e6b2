"""Random sequences of all faults against what must have been delivered: nothing lost, no more doubled than promised.

`ESTREAMER_MODEL_SEQUENCES` says how many sequences are played, `ESTREAMER_MODEL_SEED` which ones. A failure shows the
shortest sequence that was found to fail, and how to play it again.
"""

from __future__ import annotations

import os
import random
from array import array
from collections.abc import Callable

import pytest
from estreamer.bookmark import bookmark, digests, history, positions
from hypothesis import HealthCheck, Phase, find, given, seed, settings

from tests.amounts import tenth
from tests.faults.model import sequences

SEED = int(os.environ.get("ESTREAMER_MODEL_SEED", "1"))
COUNT = int(os.environ.get("ESTREAMER_MODEL_SEQUENCES") or tenth(2000))
SHARES = min(COUNT, 20)
"""Parts that run beside each other."""

LIMIT = 200 + 2 * COUNT // SHARES
"""Seconds for a share: a failing one is to show its sequence, which takes Hypothesis minutes to make short."""

PATIENT = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_is_lost_and_no_more_doubled_than_promised(share: int):
    @seed(SEED * SHARES + share)
    @settings(PATIENT, max_examples=COUNT // SHARES)
    @given(sequences.trials())
    def play(trial: sequences.Trial) -> None:
        sequences.play(trial)

    play()


def first_loss(wanted: Callable[[sequences.Trial], bool]) -> sequences.Trial:
    """Return a sequence that is wanted and loses an event. Raises NoSuchExample if none of 300 does."""
    return find(
        sequences.trials().filter(wanted),
        lambda trial: "lost" in sequences.failure_of(trial),
        settings=settings(PATIENT, max_examples=300, phases=[Phase.generate]),
        random=random.Random(1),
    )


def test_the_sequences_would_notice_digests_that_somebody_can_aim_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        digests.Digests, "of", lambda _, payloads: array("Q", [digests.old_digest(payload) for payload in payloads])
    )

    def attacked(trial: sequences.Trial) -> bool:
        framing = trial.setting.framing
        return trial.setting.forges and (framing.renames or framing.reorders)

    assert attacked(first_loss(attacked))


def test_the_sequences_would_notice_archival_timestamps_that_are_believed(monkeypatch: pytest.MonkeyPatch):
    for module in (history, bookmark, positions):
        monkeypatch.setattr(module, "believed", lambda archival, _: archival)
    loss = first_loss(lambda trial: "correct_clocks" in dict(trial.actions))
    assert "lost" in sequences.failure_of(loss)


def test_a_failing_sequence_is_made_short():
    shortest = find(
        sequences.trials(),
        lambda trial: len(trial.actions) > 3 and "kill" in dict(trial.actions),
        settings=PATIENT,
        random=random.Random(1),
    )
    assert [name for name, _ in shortest.actions if name != "kill"] == ["happen"] * 3
