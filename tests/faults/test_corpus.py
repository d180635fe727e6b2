"""What the fuzzer has found, replayed: every input that it keeps, and those that it begins with."""

from __future__ import annotations

import pytest

from bench.fuzz import corpus, seeds
from bench.fuzz.targets import TARGETS

LARGEST = 1024 * 1024
"""Bytes of all corpora together."""


@pytest.mark.parametrize("target", TARGETS)
def test_whatever_is_read_keeps_the_properties_of_its_target(target: str):
    for data in [*seeds.seeds(target), *corpus.read(target)]:
        try:
            TARGETS[target](data)
        except BaseException as failure:
            raise AssertionError(f"{target}: {data!r}") from failure


def test_every_target_has_a_corpus_and_all_of_them_are_small():
    files = set(corpus.FOLDER.iterdir())
    assert {corpus.file_of(target) for target in TARGETS} <= files
    assert files <= {name(target) for target in TARGETS for name in (corpus.file_of, corpus.broken_file_of)}
    assert sum(file.stat().st_size for file in files) < LARGEST
