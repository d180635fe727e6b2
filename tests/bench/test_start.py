"""A start of an input costs no more than it did: its CPU time, what it imports, and the memory of many inputs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bench.rig import installed
from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from tests.bench.commands import bench, number, tables

MOST_NOT_COMPILED = 8.7
"""Instructions until the first event where nothing is compiled, of those of Python alone. Measured: 7.88."""

MOST_COMPILED = 3.9
"""The same where everything is compiled. Measured: 3.59."""

MOST_MEMORY = 440
"""MB of 16 inputs at work. Measured: 400 to 420, by what else shares pages with them."""

UNUSED = {
    "asyncio",
    "concurrent.futures",
    "logging.handlers",
    "multiprocessing",
    "pickle",
    "requests",
    "solnlib",
    "splunk",
    "splunklib.client",
    "splunklib.modularinput",
    "splunktaucclib",
    "urllib.request",
    "urllib3",
    "xml.dom",
    "xml.sax",
    "estreamer.cli",
    "estreamer.connection.openssl_limits",
    "estreamer.packets",
    "estreamer.rest",
}
"""What an input that streams has no use for: much of it is imported by libraries that the add-on uses elsewhere."""


@pytest.mark.package
@pytest.mark.timeout(280)
def test_a_start_takes_no_more_instructions_than_it_did(built_package: Path):
    (rows,) = tables(bench("start", "--instructions", package=built_package))
    assert [row[0] for row in rows] == ["Python alone", "add-on not compiled", "add-on compiled"]
    assert number(rows[1][2]) < MOST_NOT_COMPILED
    assert number(rows[2][2]) < MOST_COMPILED


@pytest.mark.package
def test_an_input_that_streams_imports_only_what_it_uses(
    built_package: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("ESTREAMER_SPL", str(built_package))
    with installed(sys.executable) as add_on, FmcServer(Archive.generated(3)) as server:
        add_on.account("fmc", server.port, server.pkcs12())
        capfd.readouterr()
        with add_on.under("env", "PYTHONPROFILEIMPORTTIME=1").input("fmc") as running:
            while running.count < 3:
                assert running.read(30)
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", capfd.readouterr().err, re.MULTILINE))
    assert {"estreamer.input.loop", "estreamer.outputs.splunkd_pipe", "cryptography.x509", "ssl"} <= imported
    assert sorted(imported & UNUSED) == []


@pytest.mark.nightly
@pytest.mark.package
def test_a_start_is_told_by_its_moments(built_package: Path):
    (rows,) = tables(bench("start", "--rounds", "2", "--python", sys.executable, package=built_package))
    moments = [
        "end of --scheme",
        "end of --validate-arguments",
        "first byte to the server",
        "request at the server",
        "first event out",
    ]
    assert [row[1:3] for row in rows] == [[state, one] for state in ("not compiled", "compiled") for one in moments]
    for kind in (rows[:5], rows[5:]):
        medians = [number(row[5]) for row in kind]
        assert 0 < medians[2] <= medians[3] <= medians[4]
    assert all(number(row[5]) <= number(row[6]) for row in rows)
    # A start that finds everything compiled is the cheaper one.
    assert number(rows[9][4]) < number(rows[4][4])


@pytest.mark.nightly
@pytest.mark.package
@pytest.mark.timeout(280)
def test_sixteen_inputs_share_the_memory_that_they_may_have(built_package: Path):
    ((row,),) = tables(bench("many", "--inputs", "16", "--events", "160000", package=built_package))
    print(f"16 inputs have {row[5]} MB, {row[4]} MiB each")
    assert number(row[5]) < MOST_MEMORY
