"""A released version runs, is upgraded in place, and nothing is lost or doubled; going back is refused clearly."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from standins.addon import digests_of, install, log_text, switch
from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from standins.places import ROOT
from standins.splunkd import Splunkd

pytestmark = [pytest.mark.package, pytest.mark.nightly]

COUNT = 2000


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of version 0.1.0, built from history."""
    command = [str(ROOT / "package.sh"), "--revision", "0.1.0"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(ROOT, done.stdout.splitlines()[-1])


def test_an_upgrade_from_0_1_0_loses_and_doubles_nothing_and_going_back_is_refused(
    tmp_path: Path, released: Path, built_package: Path
):
    generator = EventGenerator(per_second=40, duplicates_every=100)
    archive = Archive(generator.events(0, COUNT))
    with FmcServer(archive) as server, Splunkd(tmp_path, keep="digests") as splunkd:
        install(splunkd, released, server)
        splunkd.start()
        splunkd.wait_for(COUNT)
        switch(splunkd, on=False)
        splunkd.wait_for_end()
        splunkd.install(built_package)
        archive.extend(generator.events(COUNT, COUNT))
        switch(splunkd, on=True)
        splunkd.wait_for(2 * COUNT)
        switch(splunkd, on=False)
        splunkd.wait_for_end(2)
        assert splunkd.digests() == digests_of(archive)
        splunkd.install(released)
        switch(splunkd, on=True)
        splunkd.wait_for_end(3, strict=False)
        switch(splunkd, on=False)
        assert "code=bookmark_newer" in log_text(splunkd)
        assert splunkd.digests() == digests_of(archive)
