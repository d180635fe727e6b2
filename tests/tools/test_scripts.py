"""The scripts: each can be read by its shell, and the bare machine says what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from standins.places import ROOT

SCRIPTS = sorted(
    [
        *ROOT.glob("*.sh"),
        *(ROOT / "tools").glob("*.sh"),
        *(ROOT / "tools" / name for name in ("nightly", "real_splunk")),
        ROOT / ".ci" / "run",
    ],
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_runs_and_its_shell_can_read_it(script: Path) -> None:
    first = script.read_text(encoding="utf-8").splitlines()[0]
    assert first in ("#!/bin/sh", "#!/usr/bin/env bash")
    assert os.access(script, os.X_OK)
    done = subprocess.run([first.split("/")[-1].split()[-1], "-n", str(script)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("user", "told"), [("1000", "run this as root"), ("0", "install Debian's package debootstrap")]
)
def test_the_bare_machine_says_what_it_needs_before_it_makes_anything(tmp_path: Path, user: str, told: str) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "dirname"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (programs / "id").chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", str(ROOT / "tools" / "bare.sh")],
        env={"PATH": str(programs), "BARE_FOLDER": str(tmp_path / "machine")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert not (tmp_path / "machine").exists()
