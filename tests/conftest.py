"""What tests of all layers share."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def built_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The add-on's package: the one that ESTREAMER_SPL names, else one built from the sources, once for all workers."""
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
