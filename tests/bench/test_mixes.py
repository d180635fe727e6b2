"""The mixes are what their descriptions say."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from bench.mixes import MIXES


@pytest.mark.parametrize(("mix", "most"), [("real", 100), ("kind", 4000)])
def test_so_many_events_share_an_archival_second(mix: str, most: int):
    shared = Counter(record.archival for record in MIXES[mix].events(8000))
    assert 8000 / len(shared) <= most / 2 * 1.01
    assert max(shared.values()) < most


def test_each_url_of_the_real_mix_asks_for_something_and_a_space_follows_each_colon():
    for record in MIXES["real"].events(200):
        (url,) = re.findall(rb'"(?:URL|HTTP_URI|URI)": "([^"]*)"', record.payload)
        assert all(character in url for character in b"&=<")
        assert b'":"' not in record.payload


def test_the_kind_mix_has_no_space_after_a_colon():
    assert not any(b'": ' in record.payload for record in MIXES["kind"].events(200))


@pytest.mark.parametrize("mix", list(MIXES))
def test_a_server_is_told_the_mix_by_arguments(mix: str):
    assert ("--queries" in MIXES[mix].arguments) is MIXES[mix].queries
    assert str(MIXES[mix].per_second) in MIXES[mix].arguments
