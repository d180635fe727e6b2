"""The built package and numbers from elsewhere: stamps in the future, at random, beyond all ranges; events made to
collide. None of them loses an event, ends the stream, or grows the bookmark without bound.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from estreamer.bookmark import limits
from estreamer.bookmark.bookmark import folder_of
from estreamer.bookmark.digests import old_digest

from standins.addon import STANZA, digests_of, install, log_text, switch, wait_for_all
from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import Record
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd, digest
from tests.amounts import tenth
from tests.bookmark.collisions import forged

pytestmark = pytest.mark.package

DAY = 86_400
FLOOD = tenth(1_000_000)
"""Events with stamps at random; a million is more than the bookmark keeps."""


def event(number: int, archival: int, text: str = "") -> Record:
    own_time = min(archival, int(time.time()))
    return Record.of(
        b'{"EventType":"FileEvent", "EventSecond":%d, "n":%d, "t":"%s"}' % (own_time, number, text.encode()), archival
    )


def test_events_of_a_server_whose_clock_was_ahead_and_was_corrected_all_arrive(tmp_path: Path, built_package: Path):
    now = int(time.time())
    archive = Archive([event(number, now - 60 + number) for number in range(50)], steady=False)
    archive.extend([event(50 + number, now + DAY + number) for number in range(10)])
    with (
        FmcServer(archive, behaviour=Behaviour(resends="filter")) as server,
        Splunkd(tmp_path, keep="digests") as splunkd,
    ):
        install(splunkd, built_package, server, settle="2")
        splunkd.start()
        splunkd.wait_for(60)
        server.stop()
        # The clock is corrected before anybody connects again.
        archive.extend([event(100 + number, int(time.time())) for number in range(20)])
        server.start()
        splunkd.wait_for(80, timeout=90)
        switch(splunkd, on=False)
        splunkd.wait_for_end()
        assert splunkd.digests() == digests_of(archive)
        told = log_text(splunkd)
        assert "action=clock_ahead" in told
        assert f"archival_time={now + DAY + 9} own_time=" in told


def test_a_flood_of_stamps_at_random_leaves_a_bookmark_that_is_bounded_and_resumes(tmp_path: Path, built_package: Path):
    chance = random.Random(11)
    archive = Archive([event(number, chance.getrandbits(32) or 1) for number in range(FLOOD)], steady=False)
    with (
        FmcServer(archive, behaviour=Behaviour(style="bundles", bundle_size=1000, resends="filter")) as server,
        Splunkd(tmp_path, keep="numbers") as splunkd,
    ):
        install(splunkd, built_package, server, settle="1")
        splunkd.start()
        splunkd.wait_for(FLOOD, timeout=180)
        folder = Path(folder_of(str(splunkd.home.database / "modinputs" / "estreamer_fqe"), STANZA))
        assert sum(path.stat().st_size for path in folder.iterdir()) < limits.LARGEST_WEIGHT + limits.GENERATION_SIZE
        server.stop()
        archive.extend([event(FLOOD + number, int(time.time())) for number in range(100)])
        before = splunkd.count()
        server.start()
        splunkd.wait_for(before + 100, timeout=180)
        assert "action=unexpected_error" not in log_text(splunkd)


@pytest.mark.parametrize("second", [b"9999999999", b"4294967296", b"18446744073709551616", b"-1", b"1e99", b'"x"'])
def test_an_events_own_time_out_of_range_neither_ends_the_stream_nor_comes_again_for_ever(
    tmp_path: Path, built_package: Path, second: bytes
):
    now = int(time.time())
    usual = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":%b, "n":%d}'
    archive = Archive([Record.of(usual % (b"%d" % now, number), now, 71) for number in range(5)])
    archive.append(Record.of(usual % (second, 5), now, 71))
    archive.extend([Record.of(usual % (b"%d" % now, number), now, 71) for number in range(6, 12)])
    behaviour = Behaviour(style="bare", extended="never")
    with (
        FmcServer(archive, behaviour=behaviour) as server,
        Splunkd(tmp_path, keep="digests", restart_after=0.0) as splunkd,
    ):
        install(splunkd, built_package, server, settle="1")
        splunkd.start()
        splunkd.wait_for(12)
        switch(splunkd, on=False)
        splunkd.wait_for_end()
        assert splunkd.digests() == digests_of(archive)
        assert "action=unexpected_error" not in log_text(splunkd)
        server.assert_clean()


@pytest.mark.parametrize("extended", ["always", "never"])
def test_an_event_made_to_collide_with_another_arrives_after_a_reconnection(
    tmp_path: Path, built_package: Path, extended: str
):
    """The benign event is delivered; after the reconnection the server renders it with another name."""
    now = int(time.time())
    before = b'{"EventType":"ConnectionEvent", "FirstPacketSecond":%d, "URL":"http://%s.example/'
    benign = before % (now, b"a") + b"-" * 64 + b'"}'
    malicious = forged(before % (now, b"b"), b'"}', old_digest(benign) & 0xFFFFFFFF)
    assert old_digest(benign) == old_digest(malicious)
    archive = Archive([Record.of(benign, now, 71)], steady=False)
    with (
        FmcServer(archive, behaviour=Behaviour(style="bare", extended=extended)) as server,
        Splunkd(tmp_path, keep="digests") as splunkd,
    ):
        install(splunkd, built_package, server, settle="1")
        splunkd.start()
        splunkd.wait_for(1)
        server.stop()
        rendered_again = Archive(
            [Record.of(benign.replace(b"---", b"new"), now, 71), Record.of(malicious, now, 71)], steady=False
        )
        with FmcServer(rendered_again, behaviour=Behaviour(style="bare", extended=extended), port=server.port):
            wait_for_all(splunkd, [digest(malicious.decode())])
