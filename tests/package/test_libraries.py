"""The libraries that ship: pinned by version and hash, fetched by them, unpacked within their folder."""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from standins.places import ROOT

REQUIREMENTS = (ROOT / "lib" / "requirements.txt").read_text(encoding="utf-8")
GENERATOR = (ROOT / "tools" / "ucc.txt").read_text(encoding="utf-8")
RUNNER = (ROOT / "tools" / "nox.txt").read_text(encoding="utf-8")
HASH = f" --hash=sha256:{'0' * 64}"


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module tools/libraries.py."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import libraries  # noqa: PLC0415 - only reachable with the path above

    return libraries


@pytest.mark.parametrize("line", ["solnlib", "solnlib>=7", "solnlib==7.*", "-r other.txt"])
@pytest.mark.parametrize("after", ["", HASH])
def test_requirements_that_do_not_pin_one_version_are_refused(libraries: ModuleType, line: str, after: str) -> None:
    with pytest.raises(libraries.StepFailure, match="must pin one version"):
        libraries.read_requirements(f"# a comment\nurllib3==1.26.20{HASH}  # another\n{line}{after}\n")


@pytest.mark.parametrize(
    "line",
    ["solnlib==7.0.0", "solnlib==7.0.0 --hash=md5:00", f"solnlib==7.0.0{HASH[:-1]}", f"solnlib==7.0.0{HASH} more"],
)
def test_requirements_without_the_hashes_of_their_files_are_refused(libraries: ModuleType, line: str) -> None:
    with pytest.raises(libraries.StepFailure, match="must have the hashes"):
        libraries.read_requirements(f"{line}\n")


@pytest.mark.parametrize(
    "text", [REQUIREMENTS, GENERATOR, RUNNER], ids=["lib/requirements.txt", "tools/ucc.txt", "tools/nox.txt"]
)
def test_every_line_of_what_ships_builds_and_runs_tasks_has_a_hash(text: str) -> None:
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    assert len(lines) > 10
    assert [
        line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+( *;[^\\]*?)?( +--hash=sha256:[0-9a-f]{64})+", line)
    ] == []


@pytest.mark.parametrize(("wanted", "found"), [("ucc.in", GENERATOR), ("nox.in", RUNNER)], ids=["ucc", "nox"])
def test_what_is_pinned_is_what_was_asked_for(wanted: str, found: str) -> None:
    asked = (ROOT / "tools" / wanted).read_text(encoding="utf-8").split()
    assert [line for line in asked if f"\n{line} \\\n" not in found] == []


def wheel(folder: Path, content: str = "") -> Path:
    """Write the smallest wheel that pip takes."""
    file = folder / "example-1.0-py3-none-any.whl"
    about = "example-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("example.py", content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: example\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return file


def fetch(libraries: ModuleType, folder: Path, digest: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fetch the wheel of a folder by a hash, from nowhere else; return the names of what was fetched."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    fetched = Path(tempfile.mkdtemp(dir=folder))
    libraries.fetch_portable(sys.executable, {"example": f"example==1.0 --hash=sha256:{digest}"}, fetched)
    return [file.name for file in fetched.iterdir()]


def test_a_file_of_the_right_name_and_version_with_other_bytes_is_not_taken(
    libraries: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = hashlib.sha256(wheel(tmp_path).read_bytes()).hexdigest()
    assert fetch(libraries, tmp_path, right, monkeypatch) == ["example-1.0-py3-none-any.whl"]
    wheel(tmp_path, "print('not what was pinned')\n")
    with pytest.raises(libraries.StepFailure, match=r"(?i)do not match the hashes"):
        fetch(libraries, tmp_path, right, monkeypatch)


def test_a_wheel_cannot_write_outside_of_its_folder(libraries: ModuleType, tmp_path: Path) -> None:
    evil = tmp_path / "evil-1-py3-none-any.whl"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../outside.py", "")
    with pytest.raises(libraries.StepFailure, match="outside"):
        libraries.unpack(evil, tmp_path / "lib")
    assert not (tmp_path / "outside.py").exists()


@pytest.mark.package
def test_the_hashes_are_those_of_the_files_that_the_build_fetched(libraries: ModuleType, built_package: Path) -> None:
    pinned = set(re.findall(r"sha256:([0-9a-f]{64})", REQUIREMENTS))
    requirements = libraries.read_requirements(REQUIREMENTS)
    kept = libraries.fetch_wheels(ROOT, sys.executable, requirements)
    files = [file for file in kept.rglob("*.whl") if not file.name.startswith("splunk_sdk-")]
    digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    # One more is pinned: the source archive of splunk-sdk, which is built here.
    assert (digests - pinned, len(pinned - digests), len(digests)) == (set(), 1, 19)
