"""What tests of all layers share."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from standins.fmc.pki import Pki, shared_pki
from standins.places import APP, ROOT
from standins.search import Knowledge
from tests.amounts import WHOLE
from tests.logs import close_logs

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# No test depends on how fast the machine is; each has the limit of all tests, `timeout` in pyproject.toml, or its own.
pytest_plugins = ["tests.watchdog"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs the package, and leave out what is for the nightly run unless the whole proof is asked for."""
    for item in items:
        if "built_package" in getattr(item, "fixturenames", ()):
            item.add_marker("package")
    left_out = [] if WHOLE else [item for item in items if item.get_closest_marker("nightly")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def built_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The add-on's package: the one that ESTREAMER_SPL names, else one built from the sources, once for all workers."""
    from standins.splunkd.unpacking import UNPACKED  # noqa: PLC0415 - many tests need no splunkd

    yield named_or_built(tmp_path_factory)
    # Not every process of tests ends so that it removes by itself what it has left.
    UNPACKED.forget()


def named_or_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package that ESTREAMER_SPL names, or build it, while the other workers wait for it."""
    given = os.environ.get("ESTREAMER_SPL")
    if given:
        package = Path(given).resolve()
        if not package.is_file():
            pytest.fail(f"ESTREAMER_SPL names {given}, which is not there.")
        return package
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    destination = folder / "built_package"
    with (folder / "built_package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = sorted(destination.glob("*.spl"))
        if not built:
            command = [str(ROOT / "package.sh"), "--destination", str(destination)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.fail(f"package.sh failed:\n{done.stderr}")
            built = [Path(done.stdout.splitlines()[-1])]
    return built[0]


@pytest.fixture(scope="session")
def addon(built_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the add-on as it comes out of the package."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built_package) as archive:
        for member in archive.getmembers():
            target = folder / member.name
            assert target.resolve().is_relative_to(folder.resolve())
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                content = archive.extractfile(member)
                assert content is not None
                target.write_bytes(content.read())
    return folder / APP


@pytest.fixture(scope="session")
def knowledge(addon: Path) -> Knowledge:
    """What a search head knows that has the built add-on and nothing else."""
    return Knowledge.read(addon)


@pytest.fixture(scope="session")
def pki() -> Pki:
    """The CA and certificates of a Management Center, which tests share."""
    return shared_pki()


@pytest.fixture
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the logs in a SPLUNK_HOME of the test's own; the files are closed afterwards."""
    folder = tmp_path / "home" / "var" / "log" / "splunk"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path / "home"))
    yield folder
    close_logs(folder)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives Chromium, for all tests of a process: a second one cannot be started beside it."""
    # It is installed for the newest Python only.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as started:
        yield started
