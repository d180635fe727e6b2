"""Every broken line of the mapping turns a row of its tests red; tried with a tenth of them, or all at night."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from standins.places import ROOT
from tests.amounts import WHOLE
from tests.search.mutants import mutants, report, survivors

PARTS = 6
SPARED = 1 if WHOLE else 10
"""Of so many mutants one is tried."""

PAGE = ROOT / "docs" / "search.md"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_mutant_is_noticed(addon: Path, part: int) -> None:
    some = list(mutants(addon))[part :: PARTS * SPARED]
    assert some
    assert [str(mutant) for mutant in survivors(addon, some)] == []


def test_every_alias_calculated_field_row_event_type_and_tag_is_broken(addon: Path) -> None:
    kinds = {mutant.kind for mutant in mutants(addon)}
    assert kinds >= {"alias", "calculated field", "row of a table", "event type", "tag", "lookup", "extraction"}


def test_the_page_shows_the_run(addon: Path) -> None:
    counts = Counter(mutant.kind for mutant in mutants(addon))
    assert report(counts, Counter()) in PAGE.read_text(encoding="utf-8")
