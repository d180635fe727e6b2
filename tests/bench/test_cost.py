"""The benchmark runs, and the input stays within sight of the least that is correct."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.package

ROOT = Path(__file__).parents[2]

LOWEST_SHARE = 0.25
"""Of the rate of the least that is correct. Half of what a quiet machine shows: tests that run beside this one, and the
start of so short a run, weigh on the input more than on the others."""


def test_the_table_has_a_row_for_each_client_and_the_input_keeps_its_share(built_package: Path):
    environment = {
        **os.environ,
        "ESTREAMER_SPL": str(built_package),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "bin")]),
    }
    command = [sys.executable, "-m", "bench.cost", "--events", "40000", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()[2:]]
    names = [row[:2] for row in rows]
    assert names == [[style, client] for style in ("bundles", "bare") for client in ("discard", "least", "input")]
    shares = [float(row[4]) for row in rows if row[1] == "input"]
    assert min(shares) > LOWEST_SHARE
