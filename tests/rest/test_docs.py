"""The examples of docs/rest.md, run as they stand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from estreamer.input import status

from standins.fmc.archive import GeneratedArchive
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from tests.rest.forms import ACCOUNT, APP, INPUT, PASSWORD
from tests.rest.secrecy import Secrecy

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"


def examples() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def answers(output: str) -> list[dict[str, dict[str, str]]]:
    """Return the entries of each answer: one line of JSON each."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [{entry["name"]: entry["content"] for entry in line["entry"]} for line in lines]


def run(folder: Path, environment: dict[str, str], script: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("bash") or "bash", "-eu", "-o", "pipefail", "-c", script]
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        command, cwd=folder, env={**path, **environment}, capture_output=True, text=True, timeout=110, check=False
    )


@pytest.mark.package
def test_examples_of_the_page_work_one_after_the_other(built_package: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with FmcServer(GeneratedArchive(100)) as server, Splunkd(tmp_path / "home", keep="digests") as splunkd:
        splunkd.install(built_package)
        splunkd.start()
        for name in ("client", "renewed"):
            (work / f"{name}.pkcs12").write_bytes(server.pkcs12(password=PASSWORD))
        (work / "password.txt").write_text(PASSWORD)
        environment = {
            "SPLUNK": f"{splunkd.server_uri}/servicesNS/nobody/{APP}",
            "TOKEN": splunkd.token(splunkd.log_in("deployer", "admin")),
            "FMC": server.address,
            "FMC_PORT": str(server.port),
        }
        done = run(work, environment, "\n".join(examples()))
        assert (done.returncode, done.stderr) == (0, ""), done.stdout[-2000:]
        found = answers(done.stdout)
        assert found[0]["fmc"]["certificate_subject"] == "127.0.0.1"
        assert "standby" in found[1]
        assert found[3]["fmc"]["ok"] == "1"
        assert json.loads(found[6]["main"]["request"])["Events"].keys() == {"ConnectionEvent", "IntrusionEvent"}
        assert found[7]["main"]["account"] == "fmc"
        assert "state" in found[11]["main"]
        assert splunkd.request("GET", ACCOUNT).entries == {}
        assert splunkd.request("GET", INPUT).entries == {}
        assert splunkd.places_of(PASSWORD) == []
        assert PASSWORD not in done.stdout
        assert Secrecy(splunkd).findings() == []


@pytest.mark.package
def test_example_of_a_refusal_is_what_splunkd_answers(built_package: Path, tmp_path: Path) -> None:
    with Splunkd(tmp_path / "home") as splunkd:
        splunkd.install(built_package)
        environment = {
            "SPLUNK": f"{splunkd.server_uri}/servicesNS/nobody/{APP}",
            "TOKEN": splunkd.token(splunkd.log_in("deployer", "admin")),
        }
        call = f'ask "$SPLUNK/{ACCOUNT}?output_mode=json" -d name=fmc -d host=fmc.example.com -d port=0'
        done = run(tmp_path, environment, examples()[0] + call)
        assert done.returncode != 0
        assert done.stdout.strip() in PAGE.read_text(encoding="utf-8")


def test_every_endpoint_has_an_example() -> None:
    text = "".join(examples())
    for name in ("account", "check", "estreamer_fqe", "preview", "catalog", "state", "settings"):
        assert f"{APP}_{name}" in text


def test_page_names_every_value_that_endpoints_return() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in status.describe(None, False, 0.0) if f"`{name}`" not in page] == []
