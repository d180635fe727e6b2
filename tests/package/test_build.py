"""The build: the same bytes each time, and a sentence with a status other than 0 when a step fails."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import APP, ROOT


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/package.py."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import package  # noqa: PLC0415 - only reachable with the path above

    return package


@pytest.fixture
def additional_packaging(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module additional_packaging.py, which the generator imports."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import additional_packaging  # noqa: PLC0415 - it changes the path

    return additional_packaging


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources, with the generator and the wheels that the last build has left behind, if any."""
    copy = tmp_path / "sources"
    at_the_top = {"build", "dist", "node_modules", "output", "tests"}

    def unwanted(folder: str, names: list[str]) -> set[str]:
        hidden = {name for name in names if name.startswith(".") or name == "__pycache__"}
        return hidden | (at_the_top.intersection(names) if folder == str(ROOT) else set())

    shutil.copytree(ROOT, copy, ignore=unwanted, symlinks=True)
    for shared in (".venv/ucc", "build/wheels"):
        if (ROOT / shared).is_dir():
            (copy / shared).parent.mkdir(exist_ok=True)
            (copy / shared).symlink_to(ROOT / shared)
    return copy


def version() -> str:
    return str(json.loads((ROOT / "app.manifest").read_text(encoding="utf-8"))["info"]["id"]["version"])


def run_build(sources: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(sources), "PIP_CONFIG_FILE": os.devnull}
    environment = {**os.environ, **offline, **settings}
    return subprocess.run([str(sources / "package.sh")], capture_output=True, text=True, check=False, env=environment)


def generate(sources: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ucc-gen build` in the sources, as whoever knows the generator does."""
    command = [str(sources / ".venv/ucc/bin/python"), "-m", "splunk_add_on_ucc_framework", "build", *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=sources, env=environment)


def files_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by its path there."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def needs_generator(sources: Path) -> None:
    if not (sources / ".venv/ucc").exists():
        pytest.skip("no build has been run here: ./package.sh sets up the generator")


@pytest.mark.package
def test_two_builds_at_once_give_the_same_bytes(tmp_path: Path, built_package: Path) -> None:
    command = [str(ROOT / "package.sh"), "--destination"]
    folders = [tmp_path / "one", tmp_path / "two"]
    builds = [subprocess.Popen([*command, str(folder)], stdout=subprocess.PIPE, text=True) for folder in folders]
    printed = [build.communicate()[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0]
    packages = [Path(text.splitlines()[-1]) for text in printed]
    assert [package.parent for package in packages] == folders
    assert len({hashlib.sha256(package.read_bytes()).hexdigest() for package in packages}) == 1
    assert packages[0].name == built_package.name


@pytest.mark.package
def test_the_generator_alone_builds_what_is_in_the_package(addon: Path, sources: Path) -> None:
    needs_generator(sources)
    (sources / "bin/estreamer/__pycache__").mkdir()
    (sources / "bin/estreamer/__pycache__/errors.cpython-39.pyc").touch()
    (sources / "default/.DS_Store").touch()
    config = (sources / "globalConfig.json").read_bytes()
    done = generate(sources, "--ta-version", version())
    assert done.returncode == 0, done.stderr
    alone, packed = files_of(sources / "output" / APP), files_of(addon)
    assert {name for name in alone | packed if alone.get(name) != packed.get(name)} == set()
    assert (sources / "globalConfig.json").read_bytes() == config


def test_the_generator_alone_with_another_version_ends_and_says_which_is_right(sources: Path) -> None:
    needs_generator(sources)
    done = generate(sources, "--ta-version", "9.9.9")
    assert done.returncode == 1
    assert (
        f"additional_packaging.py: ucc-gen took 9.9.9 as the version, and app.manifest has {version()}" in done.stderr
    )


def test_every_link_of_the_generators_folder_leads_to_a_source() -> None:
    links = list((ROOT / "package").iterdir())
    assert {link.name: os.readlink(link) for link in links} == {link.name: f"../{link.name}" for link in links}
    assert {link.name for link in links if not link.exists()} == set()


def test_a_generator_that_cannot_be_installed_ends_the_build(sources: Path) -> None:
    if (sources / ".venv/ucc").is_symlink():
        (sources / ".venv/ucc").unlink()
    done = run_build(sources)
    assert done.returncode == 1
    assert "package.sh: Installing what ucc.txt lists" in done.stderr
    assert done.stdout == ""


def test_a_library_that_cannot_be_had_ends_the_build(sources: Path) -> None:
    needs_generator(sources)
    requirements = sources / "lib/requirements.txt"
    requirements.write_text(requirements.read_text(encoding="utf-8").replace("defusedxml==", "defusedxml==9."))
    done = run_build(sources)
    assert done.returncode == 1
    assert re.search(r"package\.sh: (Building splunk-sdk|Fetching the libraries) failed", done.stderr)
    assert done.stdout == ""
    assert not (sources / "dist").exists()


def test_a_generator_that_exits_well_in_spite_of_an_error_ends_the_build(sources: Path) -> None:
    needs_generator(sources)
    config = json.loads((sources / "globalConfig.json").read_text(encoding="utf-8"))
    config["meta"]["restRoot"] = ["not a text"]
    (sources / "globalConfig.json").write_text(json.dumps(config))
    done = run_build(sources)
    assert done.returncode == 1
    assert "package.sh: ucc-gen" in done.stderr
    assert done.stdout == ""
    assert not (sources / "dist").exists()


def test_a_missing_source_ends_the_build(sources: Path) -> None:
    needs_generator(sources)
    (sources / "NOTICE").unlink()
    done = run_build(sources)
    assert (done.returncode, done.stdout) == (1, "")
    assert "package.sh: NOTICE is missing from the sources." in done.stderr


def test_a_machine_without_python_is_told_what_to_install(sources: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = run_build(sources, PATH=str(tools), HOME=str(tmp_path), PYTHON="")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Found no Python 3.9 to 3.13" in done.stderr


@pytest.mark.parametrize("log", ["INFO: fine\n", "ERROR: broken\nINFO: File creation summary: created: 1\n", ""])
def test_the_generators_log_is_read_for_its_end_and_for_errors(package: ModuleType, log: str) -> None:
    with pytest.raises(package.StepFailure, match="ucc-gen"):
        package.check_generator_log(log)


def test_a_clean_generators_log_is_accepted(package: ModuleType) -> None:
    log = "INFO: \x1b[33mapp.manifest ERROR.js modified\x1b[0m\nINFO: File creation summary: created: 1\n"
    assert package.check_generator_log(log) is None


def test_a_generator_that_did_not_finish_the_addon_is_noticed(package: ModuleType) -> None:
    log = (
        "INFO: additional_packaging.py is present but does not have `cleanup_output_files`. Skipping clean-up.\n"
        "INFO: File creation summary: created: 1\n"
    )
    with pytest.raises(package.StepFailure, match="could not import additional_packaging"):
        package.check_generator_log(log)


def test_the_build_number_rises_with_the_version(additional_packaging: ModuleType) -> None:
    numbers = [
        additional_packaging.build_number(version)
        for version in ("0.1.0", "0.1.1", "0.2.0", "1.0.0", "1.0.10", "10.0.0")
    ]
    assert numbers == sorted(set(numbers))


def test_a_link_is_not_packed(package: ModuleType, tmp_path: Path) -> None:
    addon = tmp_path / "addon"
    addon.mkdir()
    (addon / "link").symlink_to(sys.executable)
    with pytest.raises(package.StepFailure, match="neither a file nor a folder"):
        package.write_archive(addon, tmp_path / "out.spl")
