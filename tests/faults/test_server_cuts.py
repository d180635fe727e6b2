"""The connection is cut at every place that a cut can have in the stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from tests.faults.servers import EXACT, STYLES, archive_of, deliver, event, payloads_of, serving, tally

ENDS = ("fin", "rst", "close")
BUNDLE_SIZE = 3
BUNDLE_HEADERS, EVENT_HEADERS, PAYLOAD = 16, 24, 100
MESSAGE = EVENT_HEADERS + PAYLOAD


def places(style: str) -> list[int]:
    """Offsets of all bytes of all headers of a bundle or of two bare events, and of both ends of each payload."""
    start = BUNDLE_HEADERS if style == "bundles" else 0
    messages = [start + number * MESSAGE for number in range(BUNDLE_SIZE)]
    end = start + BUNDLE_SIZE * MESSAGE
    within = {place + byte for place in messages for byte in (*range(EVENT_HEADERS + 2), MESSAGE // 2, MESSAGE - 1)}
    return sorted({*range(start), *within, end - 1, end, end + 1})


@pytest.mark.parametrize("style", STYLES)
def test_cuts_at_every_byte_of_every_header_lose_and_double_nothing(tmp_path: Path, style: str):
    cuts = places(style)
    # An event a second and no time to settle: each connection begins with one known event and two that are not.
    archive = Archive(event(number, 1000 + number, PAYLOAD) for number in range(3 * len(cuts)))
    faults = tuple(
        Fault(ENDS[number % 3], after_bytes=place, connections=(number,)) for number, place in enumerate(cuts, start=1)
    )
    behaviour = Behaviour(style=style, bundle_size=BUNDLE_SIZE, faults=faults)
    with serving(tmp_path, archive, behaviour, settle=0) as under_test:
        arrived = deliver(under_test, len(archive))
        assert tally(payloads_of(archive), arrived) == EXACT
        assert arrived == payloads_of(archive)
        ends = [connection.ended for connection in under_test.servers["fmc"].connections]
        assert ends[: len(cuts)] == [f"fault: {ENDS[number % 3]}" for number in range(1, len(cuts) + 1)]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("style", STYLES)
def test_cut_after_a_whole_bundle_whose_acknowledgement_never_arrives(tmp_path: Path, style: str, end: str):
    archive = archive_of(400, duplicates_every=10)
    faults = tuple(
        fault
        for number in range(1, 6)
        for fault in (
            Fault("deaf", "request", connections=(number,)),
            Fault(end, after_events=40, connections=(number,)),
        )
    )
    # Without settling every connection goes at least a second further.
    behaviour = Behaviour(style=style, bundle_size=40, faults=faults)
    with serving(tmp_path, archive, behaviour, settle=0) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 400)) == EXACT
        cut = under_test.servers["fmc"].connections[:5]
        assert [connection.acknowledgements for connection in cut] == [0] * 5
        assert {connection.expected for connection in cut} == {1 if style == "bundles" else 40}
