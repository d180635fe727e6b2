"""The demo: what a stranger sees first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from standins.places import ROOT

pytestmark = pytest.mark.package

VARIABLE = "PKCS12_PASSWORD_OF_THE_TEST"
PASSWORD = "correct-horse-battery"


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "tools" / "demo_run.py"), *arguments]


def environment(package: Path) -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "bin"), str(ROOT / "tools")])
    return {**os.environ, "PYTHONPATH": paths, "ESTREAMER_SPL": str(package), VARIABLE: PASSWORD}


def real(server: FmcServer, file: Path, *more: str) -> list[str]:
    return command(
        "--fmc", server.address, "--port", str(server.port), "--pkcs12", str(file), "--password-env", VARIABLE, *more
    )


def test_with_stand_ins_it_ends_well_and_has_lost_and_doubled_nothing(built_package: Path):
    done = subprocess.run(command(), env=environment(built_package), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "happened 4000, lost 0, doubled 0" in done.stdout
    for kind in ("ConnectionEvent", "FileEvent", "IntrusionEvent"):
        assert done.stdout.count(f'"EventType":"{kind}"') == 1


def test_against_a_management_center_it_shows_events_until_interrupted(built_package: Path, tmp_path: Path):
    file = tmp_path / "client.pkcs12"
    with FmcServer(Archive.generated(30)) as server:
        file.write_bytes(server.pkcs12(password=PASSWORD))
        arguments = real(server, file, "--start-from", "oldest")
        with subprocess.Popen(arguments, env=environment(built_package), stdout=subprocess.PIPE, text=True) as running:
            shown = []
            for line in running.stdout or ():
                shown.append(line)
                if sum('"EventType"' in one for one in shown) == 30:
                    running.send_signal(signal.SIGINT)
        text = "".join(shown)
    assert running.returncode == 0, text
    assert "Stopped after 30 events" in text
    assert "action=connected" in text
    assert PASSWORD not in text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [("password", "password"), ("file", "PKCS#12"), ("missing", "cannot be read"), ("port", "refuse")],
)
def test_what_is_wrong_is_told_in_a_sentence(built_package: Path, tmp_path: Path, wrong: str, told: str):
    file = tmp_path / "client.pkcs12"
    with FmcServer(Archive()) as server:
        file.write_bytes(b"no such thing" if wrong == "file" else server.pkcs12(password=PASSWORD))
        if wrong == "missing":
            file.unlink()
        arguments = real(server, file)
        if wrong == "port":
            server.stop()
        variables = environment(built_package)
        if wrong == "password":
            variables[VARIABLE] = "another"
        done = subprocess.run(arguments, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert told in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_terminal_it_says_how_to_give_the_password(built_package: Path, tmp_path: Path):
    file = tmp_path / "client.pkcs12"
    with FmcServer(Archive()) as server:
        file.write_bytes(server.pkcs12(password=PASSWORD))
        arguments = real(server, file)
        place = arguments.index("--password-env")
        done = subprocess.run(
            arguments[:place] + arguments[place + 2 :],
            env=environment(built_package),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "--password-env" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_with_a_real_splunk_it_says_how_to_install_there(built_package: Path, tmp_path: Path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "splunk").touch()
    variables = {**environment(built_package), "SPLUNK_HOME": str(tmp_path)}
    script = [sys.executable, str(ROOT / "tools" / "demo.py")]
    done = subprocess.run(script, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert f"{tmp_path}/bin/splunk install app {built_package}" in done.stdout


def test_the_file_and_the_host_belong_together(built_package: Path):
    done = subprocess.run(
        command("--fmc", "192.0.2.1"), env=environment(built_package), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "belong together" in done.stderr
