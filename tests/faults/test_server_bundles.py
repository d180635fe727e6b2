"""Bundles of any size, and sequence numbers that leave some out or come again."""

from __future__ import annotations

from pathlib import Path

import pytest

from standins.addon import digests_of, doubled, install, lost, switch
from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from tests.faults.servers import EXACT, STYLES, archive_of, deliver, event, payloads_of, serving, tally
from tests.input.harness import Input

MANY = 100_000
MIB = 1024 * 1024
MEMORY_BOUND = 64 * MIB


def peak_memory(pid: int) -> int:
    """Return the largest resident size that a process has had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no memory")


def archive_of_one_second() -> Archive:
    """Return many events, of which some occur twice."""
    return Archive(event(number % (MANY - 500), 1_743_500_000) for number in range(MANY))


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut in its middle"])
@pytest.mark.parametrize("style", STYLES)
def test_a_hundred_thousand_events_of_one_second_in_one_bundle(tmp_path: Path, style: str, cut: bool):
    """In one bundle of nearly 10 MB, as no larger message than 16 MiB is accepted; it is acknowledged once."""
    archive = archive_of_one_second()
    faults = (Fault("rst", "payload", after_events=MANY // 2, connections=(1,)),) if cut else ()
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=MANY, faults=faults)) as under_test:
        server, due, attempts = under_test.servers["fmc"], 1 if style == "bundles" else MANY, 2 if cut else 1

        def acknowledged(running: Input) -> None:
            server.wait_for(lambda served: [c.acknowledgements for c in served.connections[attempts - 1 :]] == [due])
            running.reader.wait_for_silence(0.3)

        assert under_test.run(acknowledged) == 0
        assert tally(payloads_of(archive), under_test.reader.payloads()) == EXACT
        connections = server.connections
        assert len(connections) == attempts
        if cut and style == "bundles":
            assert connections[0].acknowledgements == 0


@pytest.mark.package
def test_a_bundle_of_a_hundred_thousand_events_that_is_cut_and_sent_again_needs_little_memory(
    tmp_path: Path, built_package: Path
):
    archive = archive_of_one_second()
    cut = Fault("rst", "payload", after_events=MANY // 2, connections=(1,))
    behaviour = Behaviour(style="bundles", bundle_size=MANY, faults=(cut,))
    with FmcServer(archive, behaviour=behaviour) as server, Splunkd(tmp_path, keep="digests") as splunkd:
        install(splunkd, built_package, server, settle="2")
        splunkd.start()
        splunkd.wait_for(MANY, timeout=90)
        server.wait_for(lambda served: served.connections[-1].acknowledgements == 1)
        peak = peak_memory(splunkd.wait_for_input())
        switch(splunkd, on=False)
        splunkd.wait_for_end()
        wanted, arrived = digests_of(archive), splunkd.digests()
        assert (lost(wanted, arrived), doubled(wanted, arrived)) == (0, 0)
        assert len(server.connections) == 2
        server.assert_clean()
        assert peak < MEMORY_BOUND


@pytest.mark.parametrize("style", ["bundles", "mixed"])
def test_a_sequence_number_left_out_is_counted_and_no_event_is_missed(tmp_path: Path, style: str):
    archive = archive_of(600, duplicates_every=20)
    gaps = tuple(Fault("gap", after_events=after, connections=(1,)) for after in (40, 200))
    cut = Fault("rst", "payload", after_events=400, connections=(1, 2))
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=20, faults=(*gaps, cut))) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 600)) == EXACT
        told = under_test.log.fields_of("bundle_gap")
        assert under_test.log.total("bundle_gaps") == sum(int(str(line["times"])) for line in told) == 2
        assert all(int(str(line["received"])) == int(str(line["expected"])) + 1 for line in told)


@pytest.mark.parametrize("style", ["bundles", "mixed"])
def test_a_sequence_number_that_comes_again_is_counted_and_no_event_is_missed(tmp_path: Path, style: str):
    archive = archive_of(600, duplicates_every=20)
    repeat = Fault("repeat", after_events=100, connections=(1,))
    with serving(tmp_path, archive, Behaviour(style=style, bundle_size=20, faults=(repeat,))) as under_test:
        assert tally(payloads_of(archive), deliver(under_test, 600)) == EXACT
        told = under_test.log.fields_of("bundle_gap")
        assert len(told) == under_test.log.total("bundle_gaps") == 1
        assert int(str(told[0]["received"])) == int(str(told[0]["expected"])) - 1
